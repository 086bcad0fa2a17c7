/*
 * redirect - the handler that sends clients elsewhere.
 */
#include "worker/handler.h"

#include "worker/generation.h"
#include "worker/location.h"

static const struct str allowed = STR_INIT("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");

enum { LOCATION_MAX = 65536 }; /* a template may repeat a long path */

static void handle(struct exchange *x)
{
    const struct request *req = &x->req;
    struct buf target = { 0 };

    if (req->method == METHOD_OTHER || req->method == METHOD_CONNECT ||
        req->method == METHOD_TRACE || req->path.p == NULL) { /* OPTIONS * */
        exchange_refuse_method(x, allowed);
        return;
    }
    if (location_write(&target, x->route->to, req, x->has_groups ? x->groups : NULL)) {
        if (target.n > LOCATION_MAX) {
            exchange_error(x, 414);
            buf_fini(&target);
            return;
        }
        response_add_field(&x->res, STR("Location"), pool_str(&x->pool, buf_str(&target)));
        exchange_error(x, x->route->config->scope.redirect.status);
    } else {
        exchange_error(x, 400);
    }
    buf_fini(&target);
}

const struct handler redirect = { "redirect", handle };
