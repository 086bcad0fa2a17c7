/*
 * respond - the handler whose answer stands in the config.
 */
#include "worker/handler.h"

#include "worker/generation.h"

static const struct str allowed = STR_INIT("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");

static void handle(struct exchange *x)
{
    const struct respond *from = &x->route->config->scope.respond;

    switch (x->req.method) {
    case METHOD_OTHER:
    case METHOD_CONNECT:
    case METHOD_TRACE:
    case METHOD_OPTIONS:
        exchange_refuse_method(x, allowed);
        return;
    default:
        break;
    }
    if (from->body != NULL)
        response_bytes(&x->res, from->status, str_of(from->type), str_of(from->body));
    else if (from->status >= 400)
        exchange_error(x, from->status);
    else
        response_bytes(&x->res, from->status, STR_NONE, STR(""));
}

const struct handler respond = { "respond", handle };
