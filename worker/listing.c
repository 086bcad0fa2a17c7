#include "worker/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/list.h"
#include "common/offload.h"
#include "common/xmalloc.h"
#include "worker/docroot.h"
#include "worker/generation.h"
#include "worker/handler.h"
#include "worker/listing_page.h"

enum { SLICE_ENTRIES = 2048 /* read before other work of the helper thread has its turn */ };

/* First a job of the helper thread's, then the body of a response. */
struct listing {
    struct offload_job job;
    struct body_source source;
    struct exchange *x;     /* that waits for it; NULL: nobody (any more) */
    struct generation *gen; /* one reference: it counts there */
    struct offload *offload;
    struct listing_reader reader;
    struct listing_table table;
    struct listing_page page;
    enum listing_result result; /* of the last slice */
    int error;
    bool is_head;    /* nobody wants to see names: it is enough that it can be read */
    unsigned status; /* once it is done */
    size_t bytes;    /* counted in gen->listings */
    char paths[];    /* below the docroot, NUL; as the client knows it */
};

static void count_bytes(struct listing *l, size_t bytes)
{
    l->gen->listings.bytes += bytes - l->bytes;
    l->bytes = bytes;
}

static void listing_free(struct listing **lp)
{
    struct listing *l = *lp;

    *lp = NULL;
    count_bytes(l, 0);
    listing_reader_fini(&l->reader);
    listing_table_fini(&l->table);
    listing_page_fini(&l->page);
    generation_put(&l->gen);
    free(l);
}

/* ---- the body ---- */

static ssize_t source_read(struct body_source *source, char *into, size_t n)
{
    return (ssize_t)listing_page_read(&CONTAINER_OF(source, struct listing, source)->page, into, n);
}

static void source_free(struct body_source *source)
{
    struct listing *l = CONTAINER_OF(source, struct listing, source);

    listing_free(&l);
}

static void refuse(struct exchange *x, unsigned status)
{
    if (status == 503)
        response_add_field(&x->res, STR("Retry-After"), STR("2"));
    exchange_error(x, status);
}

/* The listing came with x->res.source, or went with the response if the exchange ended first. */
static void resume(struct exchange *x)
{
    struct listing *l = CONTAINER_OF(x->res.source, struct listing, source);
    unsigned status = l->status;

    if (status != 200) {
        x->res.source = NULL;
        listing_free(&l);
        refuse(x, status);
        return;
    }
    response_stream(&x->res, 200, listing_page_type(&l->page.view), &l->source);
    response_add_field(&x->res, STR("Vary"), STR("Accept"));
    response_add_field(&x->res, STR("Cache-Control"), STR("no-cache"));
}

/* ---- the job ---- */

static void run(struct offload_job *job)
{
    struct listing *l = CONTAINER_OF(job, struct listing, job);

    l->result = listing_read(&l->reader, &l->table, SLICE_ENTRIES);
    l->error = errno;
    if (l->result == LISTING_MORE && l->is_head)
        l->result = LISTING_DONE;
    if (l->result == LISTING_MORE)
        return;
    if (l->result == LISTING_DONE)
        listing_table_sort(&l->table, l->page.view.sort, l->page.view.is_descending);
    listing_reader_fini(&l->reader);
}

/* The status so far; 0: there is more to read. */
static unsigned judge(const struct listing *l, bool was_run)
{
    const struct generation *gen = l->gen;

    if (!was_run)
        return 503;
    if (l->result == LISTING_FAILED)
        return docroot_status(l->error);
    if (gen->listings.bytes > gen->config->listing_memory_bytes)
        return 503;
    return l->result == LISTING_DONE ? 200 : 0;
}

static void done(struct offload_job *job, bool was_run)
{
    struct listing *l = CONTAINER_OF(job, struct listing, job);

    count_bytes(l, listing_table_bytes(&l->table));
    l->status = l->x != NULL ? judge(l, was_run) : 499; /* nobody waits: no need to go on */
    if (l->status == 0 && offload_submit(l->offload, &l->job))
        return;
    if (l->status == 0)
        l->status = 503;
    l->gen->listings.reading--;
    if (l->x == NULL) {
        listing_free(&l);
        return;
    }
    l->x->res.source = &l->source;
    exchange_wake(l->x);
}

/* ---- the answer ---- */

static struct listing *listing_new(struct exchange *x, struct str below)
{
    const struct scope *scope = &x->route->config->scope;
    const struct docroot *root = x->route->docroot;
    struct listing *l = xcalloc(1, sizeof(*l) + below.n + x->req.path.n);
    char *path = l->paths, *shown = l->paths + below.n;

    memcpy(path, below.p + 1, below.n - 1); /* and the NUL behind it is there */
    memcpy(shown, x->req.path.p, x->req.path.n);
    l->job.run = run;
    l->job.done = done;
    l->source.read = source_read;
    l->source.free = source_free;
    l->gen = generation_get(x->gen);
    l->offload = x->offload;
    l->is_head = x->req.method == METHOD_HEAD;
    l->table.entries_max = scope->listing_max;
    /* Half, for what has been allocated ahead counts too. */
    l->table.bytes_max = x->gen->config->listing_memory_bytes / 2;
    l->page.table = &l->table;
    l->page.view = listing_view_of(&x->req);
    l->page.path = (struct str){ shown, x->req.path.n };
    l->reader = (struct listing_reader){
        /* The docroot may be opened anew while the thread reads. */
        .root_fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 0),
        .has_openat2 = root->has_openat2,
        .is_dotfiles_shown = root->options.is_dotfiles_shown,
        .path = path,
    };
    return l;
}

void listing_answer(struct exchange *x, struct str below)
{
    struct listings *all = &x->gen->listings;
    struct listing *l;

    if (all->reading >= LISTINGS_READ_MAX || all->bytes > x->gen->config->listing_memory_bytes) {
        refuse(x, 503);
        return;
    }
    l = listing_new(x, below);
    if (l->reader.root_fd < 0 || !offload_submit(l->offload, &l->job)) {
        listing_free(&l);
        refuse(x, 503);
        return;
    }
    all->reading++;
    exchange_suspend(x, "waiting for a listing", resume, &l->x);
}
