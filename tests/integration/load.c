#include "tests/integration/load.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void fail(struct load *load, const char *words, int status)
{
    if (atomic_fetch_add(&load->failed, 1) > 0)
        return;
    pthread_mutex_lock(&load->lock);
    snprintf(load->failure, sizeof(load->failure), "%s (status %d)", words, status);
    pthread_mutex_unlock(&load->lock);
}

/* One request; false: the connection is used up. */
static bool ask(struct load *load, struct client *c)
{
    bool is_close = load->kind == LOAD_CONNECT_EACH;
    struct response r;
    bool stays;

    if (client_ask(c, &r, "GET", load->target, is_close ? "Connection: close\r\n" : NULL) &&
        r.status == 200)
        atomic_fetch_add(&load->done, 1);
    else
        fail(load, r.failure ? r.failure : "not 200", r.status);
    stays = r.failure == NULL && !is_close && !response_field_is(&r, "Connection", "close");
    response_fini(&r);
    return stays;
}

static void *client_run(void *context)
{
    struct load *load = context;

    while (!atomic_load(&load->is_stopped)) {
        struct client c;

        if (!client_open_to(&c, (const struct sockaddr *)&load->to, load->to_n, 0)) {
            fail(load, strerror(errno), 0);
            pause_ms(1);
            continue;
        }
        while (ask(load, &c) && !atomic_load(&load->is_stopped))
            ;
        client_close(&c);
    }
    return NULL;
}

void load_start(struct load *load, const struct server *s, enum load_kind kind, const char *target,
                size_t client_count)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)s->port) };

    load_start_to(load, (const struct sockaddr *)&sa, sizeof(sa), kind, target, client_count);
}

void load_start_to(struct load *load, const struct sockaddr *to, socklen_t n, enum load_kind kind,
                   const char *target, size_t client_count)
{
    *load = (struct load){
        .kind = kind, .to_n = n, .client_count = client_count, .lock = PTHREAD_MUTEX_INITIALIZER
    };
    memcpy(&load->to, to, n);
    snprintf(load->target, sizeof(load->target), "%s", target);
    for (size_t i = 0; i < client_count; i++)
        cr_assert(pthread_create(&load->threads[i], NULL, client_run, load) == 0);
    cr_assert(load_go_on(load, (unsigned)client_count), "the load does not start: %s",
              load->failure);
}

bool load_go_on(struct load *load, unsigned count)
{
    unsigned from = atomic_load(&load->done);
    uint64_t end = now_ms() + DEADLINE_MS;

    while (atomic_load(&load->done) - from < count && now_ms() < end)
        pause_ms(1);
    return atomic_load(&load->done) - from >= count;
}

void load_stop(struct load *load)
{
    atomic_store(&load->is_stopped, true);
    for (size_t i = 0; i < load->client_count; i++)
        pthread_join(load->threads[i], NULL);
}
