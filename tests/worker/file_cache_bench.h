/* A cache over a small site of its own, for the tests of file_cache. */
#ifndef TESTS_WORKER_FILE_CACHE_BENCH_H
#define TESTS_WORKER_FILE_CACHE_BENCH_H

#include "tests/worker/temp_folder.h"
#include "worker/file_cache.h"

enum { WAIT_MS = 2000 };

static char *const index_names[] = { "index.html", "index.htm" };

struct bench {
    struct temp_folder t;
    struct file_cache *cache;
    struct docroot *root;
    char *paths[2]; /* of the roots: they borrow them */
    size_t root_count;
    uint64_t now_ms;
};

static const struct file_cache_limits roomy = { .entries_max = 100,
                                                .fds_max = 100,
                                                .memory_bytes = 1 << 20,
                                                .small_bytes = 1024,
                                                .valid_ms = 1000,
                                                .is_watching = true };

static inline struct docroot *add_root(struct bench *b, const char *name)
{
    struct docroot_options options = { .path = strdup(temp_at(&b->t, name)),
                                       .index = index_names,
                                       .index_count = 2,
                                       .default_type = "application/octet-stream",
                                       .charset = "utf-8",
                                       .etag = ETAG_ON };
    struct docroot *root;

    root = file_cache_add_root(b->cache, &options);
    MUST(root != NULL);
    b->paths[b->root_count++] = (char *)options.path;
    return root;
}

static inline void bench_init(struct bench *b, const struct file_cache_limits *limits)
{
    temp_folder_init(&b->t);
    temp_write_old(&b->t, "www/a.txt", "one");
    temp_write_old(&b->t, "www/sub/b.html", "bee");
    temp_write_old(&b->t, "www/sub/index.html", "index");
    b->cache = file_cache_new(limits);
    b->root_count = 0;
    b->root = add_root(b, "www");
    b->now_ms = 5000;
}

static inline void bench_fini(struct bench *b)
{
    file_cache_free(&b->cache);
    while (b->root_count > 0)
        free(b->paths[--b->root_count]);
    temp_folder_fini(&b->t);
}

static inline struct lookup find(struct bench *b, const char *path)
{
    return file_cache_find(b->cache, b->root, str_of(path), b->now_ms, NULL);
}

static inline bool is_hit(struct bench *b, const char *path)
{
    bool hit;

    file_cache_find(b->cache, b->root, str_of(path), b->now_ms, &hit);
    return hit;
}

/* The status, or the body of a file; valid until the next call. */
static inline const char *body(struct bench *b, const char *path)
{
    static char text[256];
    struct lookup l = find(b, path);
    ssize_t n;

    switch (l.kind) {
    case LOOKUP_FILE:
        if (l.file->body != NULL)
            n = snprintf(text, sizeof(text), "%.*s", (int)l.file->size, l.file->body);
        else
            n = pread(l.file->fd, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        break;
    case LOOKUP_DIRECTORY:
        snprintf(text, sizeof(text), "directory");
        break;
    case LOOKUP_LISTING:
        snprintf(text, sizeof(text), "listing");
        break;
    case LOOKUP_ERROR:
        snprintf(text, sizeof(text), "%u", l.status);
        break;
    }
    return text;
}

/* Waits until the cache has heard of a change. */
static inline void hear(struct bench *b)
{
    cr_expect(temp_wait_readable(file_cache_watch_fd(b->cache), WAIT_MS), "no event came");
    file_cache_on_change(b->cache);
}

#endif
