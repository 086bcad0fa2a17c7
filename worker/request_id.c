#include "worker/request_id.h"

#include <sys/random.h>

#include "common/cidr.h"
#include "common/siphash.h"
#include "worker/conn.h"
#include "worker/exchange.h"
#include "worker/generation.h"

int request_ids_init(struct request_ids *ids)
{
    ids->count = 0;
    return getrandom(ids->key, sizeof(ids->key), 0) == (ssize_t)sizeof(ids->key) ? 0 : -1;
}

void request_ids_make(struct request_ids *ids, char text[REQUEST_ID_MADE])
{
    struct siphash hash;

    ids->count++;
    hash = siphash(ids->key, (struct str){ (const char *)&ids->count, sizeof(ids->count) });
    for (unsigned i = 0; i < REQUEST_ID_MADE; i++)
        text[i] = "0123456789abcdef"[hash.half[i / 16] >> (60 - i % 16 * 4) & 15];
}

static bool is_good_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._~+/=-", c) != NULL);
}

bool request_id_is_good(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_good_byte((unsigned char)text.p[i]))
            return false;
    return text.n > 0 && text.n <= REQUEST_ID_MOST;
}

/* p NULL: none that could be taken. Of two nobody could say which is meant. */
static struct str sent_id(const struct request *req)
{
    struct str found = STR_NONE;

    for (size_t i = 0; i < req->field_count; i++) {
        if (!str_eq_case(req->fields[i].name, STR("x-request-id")))
            continue;
        if (found.p != NULL)
            return STR_NONE;
        found = req->fields[i].value;
    }
    return found.p != NULL && request_id_is_good(found) ? found : STR_NONE;
}

static bool is_taken(const struct exchange *x, enum request_id_source source)
{
    const struct network_list *trusted = &x->gen->config->trusted_proxies;
    struct cidr peer;

    if (source != REQUEST_ID_TRUSTED)
        return source == REQUEST_ID_ANY;
    peer = cidr_of(&x->conn->peer.sa);
    return cidr_any_has(trusted->list, trusted->count, &peer);
}

void request_id_give(struct exchange *x, bool is_parsed)
{
    enum request_id_source source = (enum request_id_source)x->route->config->scope.request_id;
    struct str sent = STR_NONE;
    char *made;

    if (source == REQUEST_ID_OFF || x->request_id.p != NULL)
        return;
    if (is_parsed && is_taken(x, source))
        sent = sent_id(&x->req);
    if (sent.p != NULL) {
        x->request_id = pool_str(&x->pool, sent);
        return;
    }
    made = pool_alloc(&x->pool, REQUEST_ID_MADE);
    request_ids_make(x->ids, made);
    x->request_id = (struct str){ made, REQUEST_ID_MADE };
}
