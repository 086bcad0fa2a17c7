#include "master/worker_setup.h"

#include <stdlib.h>
#include <string.h>

#include "common/xmalloc.h"

static char *copy(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

bool worker_setup_init(struct worker_setup *s, const struct config *config, struct buf *errors)
{
    *s = (struct worker_setup){
        .user = copy(config->user),
        .group = copy(config->group),
        .no_new_privs = config->no_new_privs,
        .cpu_affinity = config->cpu_affinity,
        .rlimit_nofile = config->rlimit_nofile,
    };
    if (privileges_resolve(&s->privileges, config, errors))
        return true;
    worker_setup_fini(s);
    return false;
}

void worker_setup_fini(struct worker_setup *s)
{
    free(s->user);
    free(s->group);
    privileges_fini(&s->privileges);
    *s = (struct worker_setup){ .user = NULL };
}

static bool is_text_same(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

void worker_setup_compare(const struct worker_setup *s, const struct config *config,
                          struct buf *names)
{
    const struct {
        const char *name;
        bool is_same;
    } rows[] = {
        { "user", is_text_same(s->user, config->user) },
        { "group", is_text_same(s->group, config->group) },
        { "no_new_privs", s->no_new_privs == config->no_new_privs },
        { "worker_rlimit_nofile", s->rlimit_nofile == config->rlimit_nofile },
        { "worker_cpu_affinity", s->cpu_affinity == config->cpu_affinity },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (!rows[i].is_same)
            buf_printf(names, "%s%s", names->n > 0 ? ", " : "", rows[i].name);
}
