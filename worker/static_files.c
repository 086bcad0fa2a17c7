/*
 * static_files - the handler for files below a docroot.
 */
#include "worker/handler.h"

#include <assert.h>
#include <string.h>

#include "common/shared.h"
#include "worker/clock.h"
#include "worker/conditional.h"
#include "worker/file_work.h"
#include "worker/generation.h"
#include "worker/listing.h"
#include "worker/multipart.h"
#include "worker/path.h"
#include "worker/rewrite.h"

static const struct str allowed = STR_INIT("GET, HEAD, OPTIONS");

static struct lookup find(struct exchange *x, struct str path)
{
    bool is_hit = false;
    struct lookup found = exchange_find(x, path, &is_hit);

    counter_add(x->counters, is_hit ? COUNTER_FILE_CACHE_HITS : COUNTER_FILE_CACHE_MISSES, 1);
    return found;
}

/* ---- answers ---- */

/* The same path with a '/' behind it, the query kept. A path, so that no proxy's name is lost. */
static void redirect_to_folder(struct exchange *x)
{
    struct buf location = { NULL, 0, 0 };

    path_encode(&location, x->req.path);
    buf_add_char(&location, '/');
    if (x->req.query.p != NULL) {
        buf_add_char(&location, '?');
        buf_add(&location, x->req.query);
    }
    response_add_field(&x->res, STR("Location"), pool_str(&x->pool, buf_str(&location)));
    buf_fini(&location);
    exchange_error(x, 301);
}

static void add_content_range(struct exchange *x, const struct byte_range *range, off_t size)
{
    char *text = pool_alloc(&x->pool, CONTENT_RANGE_MOST);

    response_add_field(&x->res, STR("Content-Range"), content_range_write(text, range, size));
}

static void answer_ranges(struct exchange *x, struct file *f, const struct byte_ranges *ranges)
{
    char boundary[MULTIPART_BOUNDARY_N];

    response_file(&x->res, 206, f);
    x->res.is_representation = true;
    if (ranges->count > 1) {
        multipart_boundary(boundary);
        multipart_answer(&x->res, &x->pool, ranges, boundary);
        return;
    }
    x->res.first = ranges->at[0].first;
    x->res.length = ranges->at[0].count;
    add_content_range(x, &ranges->at[0], f->size);
}

/* Whether a precondition or a range could change the plain answer. */
static bool has_conditions(const struct request *req)
{
    return req->known[FIELD_IF_NONE_MATCH].p != NULL ||
           req->known[FIELD_IF_MODIFIED_SINCE].p != NULL || req->known[FIELD_RANGE].p != NULL ||
           req->known[FIELD_IF_MATCH].p != NULL || req->known[FIELD_IF_UNMODIFIED_SINCE].p != NULL;
}

/* What the time decides: a two-digit year's century, and whether a date is a strong validator. */
static bool is_timeless(const struct request *req)
{
    static const enum field_id dates[] = { FIELD_IF_MODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE };

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
        if (req->known[dates[i]].p != NULL && req->known[dates[i]].n != HTTP_DATE_N)
            return false;
    return req->known[FIELD_IF_RANGE].p == NULL;
}

static void answer_file(struct exchange *x, struct file *f)
{
    struct representation rep = {
        .etag = { f->etag, f->etag_n },
        .last_modified = f->modified_at,
        .has_last_modified = f->last_modified[0] != '\0',
        .size = f->size,
    };
    struct byte_ranges ranges;
    enum verdict verdict = VERDICT_WHOLE;

    if (has_conditions(&x->req)) {
        x->is_repeatable = x->is_repeatable && is_timeless(&x->req);
        verdict = conditional_judge(&x->req, &rep, x->clock->now, x->route->max_ranges, &ranges);
    }
    x->res.has_no_ranges = x->route->max_ranges == 0;
    switch (verdict) {
    case VERDICT_WHOLE:
        response_file(&x->res, 200, f);
        x->res.is_representation = x->res.is_whole = true;
        return;
    case VERDICT_RANGE:
        answer_ranges(x, f, &ranges);
        return;
    case VERDICT_NOT_MODIFIED:
        response_file(&x->res, 304, f);
        x->res.is_representation = true;
        return;
    case VERDICT_PRECONDITION_FAILED:
        exchange_error(x, 412);
        return;
    case VERDICT_UNSATISFIABLE:
        add_content_range(x, NULL, f->size);
        exchange_error(x, 416);
        return;
    }
}

/* Looked up as a folder, which leads to its index or its listing. */
static struct lookup find_folder(struct exchange *x, struct str *path)
{
    char *whole = pool_alloc(&x->pool, path->n + 1);

    memcpy(whole, path->p, path->n);
    whole[path->n] = '/';
    *path = (struct str){ whole, path->n + 1 };
    return find(x, *path);
}

static bool is_folder(struct str path)
{
    return path.n > 0 && path.p[path.n - 1] == '/';
}

/*
 * The first of the route's list that is a file or has a listing; *path becomes it. *is_folder_of:
 * it is the folder that was asked for without its '/'.
 */
static struct lookup find_first(struct exchange *x, struct str *path, bool *is_folder_of)
{
    const struct try_list *tries = x->route->tries;
    struct lookup found = { .kind = LOOKUP_ERROR, .status = 404 };

    for (size_t i = 0; i < tries->count; i++) {
        struct str item = rewrite_fill(tries->items[i], &x->req, *path,
                                       x->has_groups ? x->groups : NULL, &x->pool);

        if (item.p == NULL)
            continue;
        found = find(x, item);
        if (found.kind == LOOKUP_FILE || found.kind == LOOKUP_LISTING) {
            *is_folder_of =
                item.n == path->n + 1 && is_folder(item) && memcmp(item.p, path->p, path->n) == 0;
            *path = item;
            return found;
        }
        if (found.kind == LOOKUP_ERROR && found.status >= 500)
            return found;
    }
    if (tries->status > 0 || found.kind != LOOKUP_ERROR)
        found = (struct lookup){ .kind = LOOKUP_ERROR,
                                 .status = tries->status > 0 ? tries->status : 404 };
    return found;
}

/* What the path leads to below the route's folder; it becomes the one that was looked up. */
static struct lookup find_file(struct exchange *x, struct str *path)
{
    /* What ends in '/' already (a rewrite took it away) would be redirected to itself. */
    bool can_redirect = x->route->config->scope.redirects_folders && !is_folder(x->req.path);
    struct lookup found;
    bool is_folder_of = false;

    if (x->route->rewrites != NULL &&
        rewrites_apply(x->route->rewrites, &x->req, &x->pool, path) == REGEX_TOO_MUCH)
        return (struct lookup){ .kind = LOOKUP_ERROR,
                                .status = path->n > REGEX_SUBJECT_MAX ? 414 : 500 };
    found = x->route->tries != NULL ? find_first(x, path, &is_folder_of) : find(x, *path);
    if (found.kind == LOOKUP_DIRECTORY && !can_redirect)
        return find_folder(x, path);
    if (is_folder_of && can_redirect)
        found.kind = LOOKUP_DIRECTORY;
    return found;
}

static void handle(struct exchange *x)
{
    struct str path = x->req.path;
    struct lookup found;

    if (x->req.method != METHOD_GET && x->req.method != METHOD_HEAD) {
        exchange_refuse_method(x, allowed);
        return;
    }
    assert(path.p != NULL); /* only OPTIONS and CONNECT come without a path */
    path.p += x->route->strip_n;
    path.n -= x->route->strip_n;
    if (path.n == 0) { /* the route of an alias itself, without its '/' */
        if (x->route->config->scope.redirects_folders) {
            redirect_to_folder(x);
            return;
        }
        path = STR("/");
    }
    x->is_repeatable = true;
    found = find_file(x, &path);
    switch (found.kind) {
    case LOOKUP_FILE:
        if (found.file->is_special &&
            (found.file->wants_tag || x->req.known[FIELD_ACCEPT_ENCODING].p != NULL))
            found.file = file_choose(x, found.file);
        answer_file(x, found.file);
        return;
    case LOOKUP_LISTING:
        x->is_repeatable = false;
        listing_answer(x, path);
        return;
    case LOOKUP_DIRECTORY:
        redirect_to_folder(x);
        return;
    case LOOKUP_ERROR:
        exchange_error(x, found.status);
        return;
    }
}

const struct handler static_files = { "static_files", handle };
