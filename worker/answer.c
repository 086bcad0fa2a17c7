/*
 * answer - whom a request is for, whether it may, and what it gets: the stages between a protocol
 * and a handler, in their order.
 */
#include "worker/handler.h"

#include "worker/access.h"
#include "worker/generation.h"
#include "worker/headers.h"
#include "worker/path.h"
#include "worker/request_id.h"
#include "worker/rewrite.h"

/* Sets x->route. 0: go on; else the status that the request is answered with. */
static unsigned find_route(struct exchange *x)
{
    struct request *req = &x->req;
    unsigned listen = x->gen->config->has_site_listens ? exchange_listen(x) : 0;
    const struct live_site *site = generation_site(x->gen, listen, req->host);
    enum path_result result = PATH_CLEAN;
    enum regex_result rewritten = REGEX_NO;
    int route;

    req->path = STR_NONE;
    if (req->raw_path.p != NULL)
        result = path_clean(req->raw_path, pool_alloc(&x->pool, req->raw_path.n), &req->path);
    if (site->rewrites != NULL && result == PATH_CLEAN && req->path.p != NULL)
        rewritten = rewrites_apply(site->rewrites, req, &x->pool, &req->path);
    route =
        route_table_find(site->table, req, result == PATH_CLEAN ? req->path : STR_NONE, x->groups);
    x->route = &site->routes[route == ROUTE_TOO_MUCH ? (int)site->config->route_count - 1 : route];
    x->has_groups = x->route->config->match == MATCH_REGEX;
    if (result == PATH_BAD)
        return 400;
    if (result == PATH_NOT_FOUND)
        return 404;
    if (route == ROUTE_TOO_MUCH || rewritten == REGEX_TOO_MUCH)
        return req->path.n > REGEX_SUBJECT_MAX ? 414 : 500;
    return 0;
}

void exchange_refuse_method(struct exchange *x, struct str allowed)
{
    if (x->req.method == METHOD_OTHER) {
        exchange_error(x, 501);
        return;
    }
    response_add_field(&x->res, STR("Allow"), allowed);
    if (x->req.method == METHOD_OPTIONS)
        response_bytes(&x->res, 204, STR_NONE, STR(""));
    else
        exchange_error(x, 405);
}

static void handle(struct exchange *x)
{
    x->route->handler->handle(x);
}

void exchange_answer(struct exchange *x)
{
    unsigned status = find_route(x);

    if (x->gen->config->trusted_proxies.count > 0)
        access_find_client(x);
    request_id_give(x, true);
    if (status != 0)
        exchange_error(x, status);
    else if (x->route->access != NULL && !access_admits(x))
        return;
    else if (x->route->headers->has_cors &&
             headers_answer_cors(x->route->headers, &x->req, &x->res, &x->pool))
        return;
    else if (x->route->access != NULL)
        access_check(x, handle);
    else
        handle(x);
}
