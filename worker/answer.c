/*
 * answer - whom a request is for, whether it may, and what it gets: the stages between a protocol
 * and a handler, in their order.
 */
#include "worker/handler.h"

#include "worker/access.h"
#include "worker/generation.h"
#include "worker/path.h"

static void handle(struct exchange *x)
{
    x->route->handler->handle(x);
}

void exchange_answer(struct exchange *x)
{
    struct request *req = &x->req;
    const struct live_site *site = generation_site(x->gen, req->host);
    enum path_result result = PATH_CLEAN;

    if (x->gen->config->trusted_proxies.count > 0)
        access_find_client(x);
    req->path = STR_NONE;
    if (req->raw_path.p != NULL)
        result = path_clean(req->raw_path, pool_alloc(&x->pool, req->raw_path.n), &req->path);
    x->route = site_route(site, result == PATH_CLEAN ? req->path : STR_NONE);
    if (result == PATH_BAD)
        exchange_error(x, 400);
    else if (result == PATH_NOT_FOUND)
        exchange_error(x, 404);
    else if (x->route->access != NULL)
        access_check(x, handle);
    else
        handle(x);
}
