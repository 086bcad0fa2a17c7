#include "worker/access.h"

#include <stdlib.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/now.h"
#include "common/put.h"
#include "common/xmalloc.h"
#include "worker/basic_auth.h"
#include "worker/forwarded.h"
#include "worker/generation.h"
#include "worker/handler.h"

struct access {
    const struct access_list *rules;
    const struct method_list *methods; /* NULL: all */
    unsigned method_bits;              /* 1 << enum method, of those that have one */
    struct buf allow;                  /* "GET, HEAD" */
    const struct htpasswd *users;      /* NULL: nobody needs a password */
    struct buf challenge;              /* value of WWW-Authenticate */
    const struct limit_req *limit_req; /* rate 0: none */
    uint64_t interval_us;              /* in which one more request may come */
    uint64_t purpose[2];               /* tells this rate's buckets from others' */
    unsigned limit_conn;               /* 0: none */
};

static void compile_methods(struct access *access, const struct method_list *methods)
{
    access->methods = methods;
    for (size_t i = 0; i < methods->count; i++) {
        struct str name = str_of(methods->list[i]);
        enum method method = request_method(name);

        if (method != METHOD_OTHER)
            access->method_bits |= 1u << method;
        buf_add(&access->allow, str_of(i > 0 ? ", " : ""));
        buf_add(&access->allow, name);
    }
}

/* A rate that was changed begins with full buckets; one that only moved a line does too. */
static void compile_limits(struct access *access, const struct scope *scope)
{
    const struct limit_req *limit = &scope->limit_req;

    access->limit_conn = (unsigned)scope->limit_conn;
    access->limit_req = limit;
    if (limit->rate == 0)
        return;
    access->interval_us = (limit->is_per_minute ? 60 : 1) * UINT64_C(1000000) / limit->rate;
    access->purpose[0] = (uint64_t)limit->line << 32 | limit->column;
    access->purpose[1] = access->interval_us << 24 | limit->burst;
}

static bool needs_user(const struct scope *scope)
{
    return scope->auth_basic != NULL && scope->auth_basic[0] != '\0';
}

/* RFC 7617, 2: the realm is a quoted-string, and the client shall send UTF-8. */
static void make_challenge(struct buf *out, struct str realm)
{
    buf_add(out, STR("Basic realm=\""));
    for (size_t i = 0; i < realm.n; i++) {
        if (realm.p[i] == '"' || realm.p[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, realm.p[i]);
    }
    buf_add(out, STR("\", charset=\"UTF-8\""));
}

bool access_new(const struct scope *scope, struct htpasswd **passwords, struct access **out,
                char **why)
{
    const struct htpasswd *users = NULL;
    struct access *access;

    *out = NULL;
    if (needs_user(scope)) {
        users = htpasswd_load(passwords, scope->auth_basic_user_file, why);
        if (users == NULL)
            return false;
    }
    if (users == NULL && scope->access.count == 0 && scope->allowed_methods.count == 0 &&
        scope->limit_req.rate == 0 && scope->limit_conn == 0)
        return true;
    *out = access = xcalloc(1, sizeof(*access));
    access->rules = &scope->access;
    if (scope->allowed_methods.count > 0)
        compile_methods(access, &scope->allowed_methods);
    compile_limits(access, scope);
    access->users = users;
    if (users != NULL)
        make_challenge(&access->challenge, str_of(scope->auth_basic));
    return true;
}

void access_free(struct access **access)
{
    if (*access == NULL)
        return;
    buf_fini(&(*access)->allow);
    buf_fini(&(*access)->challenge);
    free(*access);
    *access = NULL;
}

void access_find_client(struct exchange *x)
{
    const struct config *config = x->gen->config;
    struct address client;

    if (!forwarded_client(&x->req, config->real_ip_header, &config->trusted_proxies, x->remote,
                          &client))
        return;
    x->remote = memcpy(pool_alloc(&x->pool, client.len), &client.sa, client.len);
}

static bool is_address_allowed(const struct access_list *rules, const struct cidr *address)
{
    for (size_t i = 0; i < rules->count; i++)
        if (cidr_has(&rules->list[i].from, address))
            return rules->list[i].is_allowed;
    return true;
}

static bool is_method_allowed(const struct access *access, const struct request *req)
{
    if (access->methods == NULL || (access->method_bits >> req->method & 1) != 0)
        return true;
    for (size_t i = 0; req->method == METHOD_OTHER && i < access->methods->count; i++)
        if (str_eq(str_of(access->methods->list[i]), req->method_text))
            return true;
    return false;
}

/* 501 for what is no method to us (RFC 9110, 9.1), else 405 with what is allowed (15.5.6). */
static void refuse_method(struct exchange *x, const struct access *access)
{
    if (x->req.method == METHOD_OTHER) {
        exchange_error(x, 501);
        return;
    }
    response_add_field(&x->res, STR("Allow"), buf_str(&access->allow));
    exchange_error(x, 405);
}

static void act_on(struct exchange *x, enum auth_verdict verdict)
{
    switch (verdict) {
    case AUTH_GOOD:
        x->next(x);
        return;
    case AUTH_NONE:
    case AUTH_BAD:
        response_add_field(&x->res, STR("WWW-Authenticate"), buf_str(&x->route->access->challenge));
        exchange_error(x, 401);
        return;
    case AUTH_BUSY:
        response_add_field(&x->res, STR("Retry-After"), STR("1"));
        exchange_error(x, 503);
        return;
    case AUTH_LATER:
        return;
    }
}

static void on_verdict(struct exchange *x)
{
    act_on(x, x->auth_verdict);
}

static void check_user(struct exchange *x)
{
    struct credentials given;

    if (!credentials_read(&x->req, &x->pool, &given)) {
        act_on(x, AUTH_NONE);
        return;
    }
    x->user = given.user;
    act_on(x, basic_auth_check(x->auth, x, x->route->access->users, &given, on_verdict));
}

static void refuse_for(struct exchange *x, unsigned status, uint64_t seconds)
{
    char *text = pool_alloc(&x->pool, PUT_U64_MOST);

    response_add_field(&x->res, STR("Retry-After"), str_range(text, put_u64(text, seconds)));
    exchange_error(x, status);
}

/* False: answered. */
static bool take_token(struct exchange *x, const struct access *access, const struct cidr *address)
{
    struct siphash client;
    uint64_t wait_us;

    if (access->limit_req->rate == 0 ||
        !limits_client(x->limits, address, access->purpose, &client) ||
        limits_take(x->limits, &client, access->interval_us, access->limit_req->burst,
                    monotonic_us(), &wait_us))
        return true;
    refuse_for(x, access->limit_req->status, wait_us / 1000000 + 1);
    return false;
}

/* False: answered. What it holds it gives back when it ends. */
static bool hold_place(struct exchange *x, const struct access *access, const struct cidr *address)
{
    static const uint64_t purpose[2] = { 0, 0 }; /* one count for all routes */
    struct siphash client;

    if (access->limit_conn == 0 || !limits_client(x->limits, address, purpose, &client))
        return true;
    x->held = limits_hold(x->limits, x->ledger, &client, access->limit_conn);
    if (x->held != LIMITS_REFUSED)
        return true;
    refuse_for(x, 503, 1);
    return false;
}

bool access_admits(struct exchange *x)
{
    const struct access *access = x->route->access;
    struct cidr address = cidr_of(x->remote);

    if (!is_address_allowed(access->rules, &address)) {
        exchange_error(x, 403);
        return false;
    }
    return take_token(x, access, &address) && hold_place(x, access, &address);
}

void access_check(struct exchange *x, void (*next)(struct exchange *x))
{
    const struct access *access = x->route->access;

    x->next = next;
    if (!is_method_allowed(access, &x->req))
        refuse_method(x, access);
    else if (access->users != NULL)
        check_user(x);
    else
        next(x);
}
