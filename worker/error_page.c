/*
 * error_page - the body of an answer that is an error: the operator's page, else the built-in one.
 */
#include "worker/handler.h"

#include "worker/clock.h"
#include "worker/generation.h"
#include "worker/request_id.h"

static const struct error_page *page_for(const struct scope *scope, unsigned status)
{
    for (size_t i = 0; i < scope->error_page_count; i++)
        if (scope->error_pages[i].status == status)
            return &scope->error_pages[i];
    return NULL;
}

void exchange_error(struct exchange *x, unsigned status)
{
    const struct error_page *page;

    if (x->route == NULL) {
        x->route = generation_default_route(x->gen);
        request_id_give(x, false);
    }
    page = page_for(&x->route->config->scope, status);
    if (page != NULL && x->route->docroot != NULL) {
        struct lookup found = exchange_find(x, str_of(page->path), NULL);

        if (found.kind == LOOKUP_FILE) {
            response_file(&x->res, status, found.file);
            return;
        }
    }
    response_bytes(&x->res, status, STR("text/html; charset=utf-8"), status_page(status));
}
