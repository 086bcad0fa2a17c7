#include "master/edition.h"

#include <string.h>

#include "common/xmalloc.h"

void edition_fini(struct edition *g)
{
    source_fini(&g->source);
    config_free(&g->config);
    logs_fini(&g->logs);
    *g = (struct edition){ .number = 0 };
}

void edition_bundle(const struct edition *g, const struct listen_table *l, unsigned slot,
                    struct bundle *b)
{
    memset(b, 0, sizeof(*b));
    b->generation = g->number;
    b->config_path = g->source.path != NULL ? xstrdup(g->source.path) : NULL;
    buf_add(&b->config_text, buf_str(&g->source.text));
    listen_table_bundle(l, slot, b);
    b->log_count = g->logs.count;
    b->log_fds = xmalloc(g->logs.count * sizeof(*b->log_fds));
    memcpy(b->log_fds, g->logs.fds, g->logs.count * sizeof(*b->log_fds));
}
