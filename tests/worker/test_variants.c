/* variants, file_work: the encodings of a cached file, and the tag of its content. */
#include "worker/variants.h"

#include "common/offload.h"
#include "tests/worker/file_cache_bench.h"
#include "worker/compress.h"
#include "worker/encoding.h"
#include "worker/file_work.h"

#define JS "/app.js"

static char *text_types[] = { "text/*" };
static const struct words compressed_types = { text_types, 1 };

struct stage {
    struct bench b;
    struct docroot_options options;
    struct offload *offload;
};

static void stage_init(struct stage *s, enum etag_kind etag, uint64_t made_bytes)
{
    struct file_cache_limits limits = roomy;

    limits.compress_bytes = made_bytes;
    bench_init(&s->b, &limits);
    s->options = (struct docroot_options){ .path = s->b.paths[0],
                                           .index = index_names,
                                           .index_count = 2,
                                           .default_type = "application/octet-stream",
                                           .charset = "utf-8",
                                           .etag = etag,
                                           .precompressed = ENCODINGS_ALL,
                                           .compress = ENCODINGS_ALL,
                                           .compress_types = &compressed_types,
                                           .compress_min_bytes = 100,
                                           .compress_max_bytes = 100000 };
    s->b.root = file_cache_add_root(s->b.cache, &s->options);
    s->offload = offload_new(8);
    cr_assert(s->b.root != NULL && s->offload != NULL);
}

static void stage_fini(struct stage *s)
{
    offload_free(&s->offload);
    bench_fini(&s->b);
}

/* The helper thread's outcome, taken in. */
static void finish(struct stage *s)
{
    cr_assert(temp_wait_readable(offload_fd(s->offload), 20000), "the thread is not done");
    offload_finish(s->offload);
}

static struct file *file_of(struct stage *s, const char *path)
{
    struct lookup l = find(&s->b, path);

    cr_assert_eq(l.kind, LOOKUP_FILE, "%s", path);
    return l.file;
}

static struct file *make(struct stage *s, const char *path, enum encoding encoding)
{
    struct file *f = file_of(s, path);

    file_work_start(s->b.cache, f, encoding, s->offload);
    cr_assert_not_null(f->job);
    finish(s);
    return file_of(s, path);
}

/* The same, but nobody asks for it once it is there. */
static void make_unused(struct stage *s, const char *path)
{
    file_work_start(s->b.cache, file_of(s, path), ENCODING_GZIP, s->offload);
    finish(s);
}

/* `n` bytes that compress well; different for each seed. */
static void write_text(struct stage *s, const char *name, size_t n, int seed)
{
    char *text = malloc(n + 1);

    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + (i / 7 + (size_t)seed) % 20);
    text[n] = '\0';
    temp_write_old(&s->b.t, name, text);
    free(text);
}

static bool body_is(const struct file *f, const char *text)
{
    return f != NULL && str_eq((struct str){ f->body, (size_t)f->size }, str_of(text));
}

static const struct {
    const char *type;
    bool fits;
} type_rows[] = {
    { "text/html", true },
    { "text/html; charset=utf-8", true },
    { "TEXT/HTML", true },
    { "text/", true },
    { "application/json", true },
    { "Application/JSON;x=y", true },
    { "application/jsonx", false },
    { "application/ld+json", true },
    { "image/png", false },
    { "json", false },
    { "", false },
};

Test(variants, fits_types_to_patterns)
{
    char *patterns[] = { "text/*", "application/json", "*+json" };
    const struct words words = { patterns, 3 };

    for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
        cr_expect_eq(variants_type_fits(str_of(type_rows[i].type), &words), type_rows[i].fits, "%s",
                     type_rows[i].type);
}

Test(variants, finds_what_lies_beside_a_file)
{
    struct stage s;
    struct file *f, *br, *gz;

    stage_init(&s, ETAG_ON, 0);
    temp_write_old(&s.b.t, "www/app.js", "plain");
    temp_write_old(&s.b.t, "www/app.js.br", "b");
    temp_write_old(&s.b.t, "www/app.js.gz", "gg");
    f = file_of(&s, JS);
    br = f->choices.encoded[ENCODING_BR];
    gz = f->choices.encoded[ENCODING_GZIP];
    cr_expect(body_is(f, "plain") && body_is(br, "b") && body_is(gz, "gg"));
    cr_expect_null(f->choices.encoded[ENCODING_ZSTD]);
    cr_expect_eq(f->choices.beside, ENCODING_BIT(ENCODING_BR) | ENCODING_BIT(ENCODING_GZIP));
    cr_expect(f->varies && f->is_special && br->varies && gz->varies);
    cr_expect(str_eq(br->content_type, f->content_type), "the type of what is in it");
    cr_expect(br->encoding == ENCODING_BR && f->encoding == ENCODING_IDENTITY);
    cr_expect_eq(br->etag[0], '"');
    cr_expect_str_neq(br->etag, gz->etag, "RFC 9110, 8.8.3.3");
    cr_expect_str_neq(br->etag, f->etag);
    cr_expect_str_eq(br->etag + br->etag_n - 4, "-br\"");
    cr_expect_eq(file_cache_stats(s.b.cache).memory_bytes, 5 + 1 + 2);
    f = file_of(&s, "/app.js.gz");
    cr_expect(body_is(f, "gg") && !f->varies && f->encoding == ENCODING_IDENTITY,
              "by its own name it is a file like others");
    stage_fini(&s);
}

Test(variants, leaves_alone_what_is_older_hidden_or_no_file)
{
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    temp_write_old(&s.b.t, "www/app.js", "plain");
    temp_write_old(&s.b.t, "www/app.js.br", "old");
    temp_age(&s.b.t, "www/app.js.br", 101);
    temp_mkdir(&s.b.t, "www/app.js.gz");
    temp_write_old(&s.b.t, "secret", "s");
    temp_symlink(&s.b.t, "../secret", "www/app.js.zst");
    cr_expect_eq(file_of(&s, JS)->choices.beside, 0);
    cr_expect_not(file_of(&s, JS)->varies);
    temp_age(&s.b.t, "www/app.js.br", 50);
    hear(&s.b);
    cr_expect_eq(file_of(&s, JS)->choices.beside, ENCODING_BIT(ENCODING_BR), "it is newer now");
    temp_age(&s.b.t, "www/app.js", 20);
    hear(&s.b);
    cr_expect_eq(file_of(&s, JS)->choices.beside, 0, "and older again");
    stage_fini(&s);
}

/* A build that was interrupted left them, and clients got an empty page. */
Test(variants, leaves_alone_empty_ones_of_files_that_are_not)
{
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    temp_write_old(&s.b.t, "www/app.js", "plain");
    temp_write_old(&s.b.t, "www/app.js.gz", "");
    temp_write_old(&s.b.t, "www/app.js.br", "b");
    cr_expect_eq(file_of(&s, JS)->choices.beside, ENCODING_BIT(ENCODING_BR));
    temp_write_old(&s.b.t, "www/app.js.gz", "gg");
    hear(&s.b);
    cr_expect(body_is(file_of(&s, JS)->choices.encoded[ENCODING_GZIP], "gg"), "it got done");
    temp_write_old(&s.b.t, "www/app.js.gz", "");
    hear(&s.b);
    cr_expect_null(file_of(&s, JS)->choices.encoded[ENCODING_GZIP]);
    temp_write_old(&s.b.t, "www/none.js", "");
    temp_write_old(&s.b.t, "www/none.js.gz", "");
    cr_expect_eq(file_of(&s, "/none.js")->choices.beside, ENCODING_BIT(ENCODING_GZIP));
    stage_fini(&s);
}

Test(variants, sees_what_comes_changes_and_goes)
{
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    temp_write_old(&s.b.t, "www/app.js", "plain");
    cr_expect_eq(file_of(&s, JS)->choices.beside, 0);
    temp_write_old(&s.b.t, "fresh", "one");
    temp_rename(&s.b.t, "fresh", "www/app.js.zst");
    hear(&s.b);
    cr_expect(body_is(file_of(&s, JS)->choices.encoded[ENCODING_ZSTD], "one"));
    temp_write_old(&s.b.t, "www/app.js.zst", "two");
    hear(&s.b);
    cr_expect(body_is(file_of(&s, JS)->choices.encoded[ENCODING_ZSTD], "two"));
    MUST(unlink(temp_at(&s.b.t, "www/app.js.zst")) == 0);
    hear(&s.b);
    cr_expect_null(file_of(&s, JS)->choices.encoded[ENCODING_ZSTD]);
    temp_write_old(&s.b.t, "www/x/real.br", "linked");
    temp_symlink(&s.b.t, "x/real.br", "www/app.js.br");
    hear(&s.b);
    cr_expect(body_is(file_of(&s, JS)->choices.encoded[ENCODING_BR], "linked"));
    temp_write_old(&s.b.t, "www/x/real.br", "behind the link");
    hear(&s.b);
    cr_expect(body_is(file_of(&s, JS)->choices.encoded[ENCODING_BR], "behind the link"));
    stage_fini(&s);
    cr_expect_null(s.b.cache);
}

Test(variants, sees_them_by_age_where_nothing_is_watched)
{
    struct file_cache_limits limits = roomy;
    struct stage s;
    struct file *f;

    stage_init(&s, ETAG_ON, 0);
    file_cache_free(&s.b.cache);
    limits.is_watching = false;
    s.b.cache = file_cache_new(&limits);
    s.b.root = file_cache_add_root(s.b.cache, &s.options);
    temp_write_old(&s.b.t, "www/app.js", "plain");
    f = file_get(file_of(&s, JS));
    temp_write_old(&s.b.t, "www/app.js.gz", "gg");
    cr_expect_eq(file_of(&s, JS)->choices.beside, 0);
    s.b.now_ms += 1000;
    cr_expect_eq(file_of(&s, JS), f, "the file itself is the same");
    cr_expect(f->varies && body_is(f->choices.encoded[ENCODING_GZIP], "gg"));
    MUST(unlink(temp_at(&s.b.t, "www/app.js.gz")) == 0);
    s.b.now_ms += 1000;
    cr_expect(file_of(&s, JS) == f && !f->varies && f->choices.encoded[ENCODING_GZIP] == NULL);
    file_put(&f);
    stage_fini(&s);
}

Test(variants, looks_beside_an_index_and_not_where_it_is_told_off)
{
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    temp_write_old(&s.b.t, "www/sub/index.html.gz", "gg");
    cr_expect(body_is(file_of(&s, "/sub/")->choices.encoded[ENCODING_GZIP], "gg"));
    s.options.precompressed = ENCODING_BIT(ENCODING_BR);
    s.b.root = file_cache_add_root(s.b.cache, &s.options);
    cr_expect_eq(file_of(&s, "/sub/")->choices.beside, 0);
    stage_fini(&s);
}

Test(variants, counts_descriptors_of_all_encodings)
{
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    write_text(&s, "www/app.js", 3000, 1);
    write_text(&s, "www/app.js.br", 2000, 2);
    temp_write_old(&s.b.t, "www/app.js.gz", "small");
    file_of(&s, JS);
    cr_expect_eq(file_cache_stats(s.b.cache).fds, 2);
    cr_expect_eq(file_cache_stats(s.b.cache).memory_bytes, 5);
    cr_expect_eq(file_cache_shed(s.b.cache), 2 + 1, "and that of the folder");
    cr_expect_eq(file_cache_stats(s.b.cache).fds, 0);
    cr_expect_eq(file_cache_stats(s.b.cache).memory_bytes, 0);
    stage_fini(&s);
}

/* ---- made once ---- */

Test(variants, says_what_may_be_made)
{
    static const struct {
        const char *why, *name;
        size_t n;
        bool is_makeable;
    } rows[] = {
        { "text of the right size", "www/a.css", 1000, true },
        { "too small", "www/small.css", 99, false },
        { "just large enough", "www/fits.css", 100, true },
        { "just small enough", "www/large.css", 100000, true },
        { "too large", "www/huge.css", 100001, false },
        { "another type", "www/a.png", 1000, false },
    };
    struct stage s;

    stage_init(&s, ETAG_ON, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned expect = rows[i].is_makeable ? compress_encodings() : 0;
        struct file *f;

        write_text(&s, rows[i].name, rows[i].n, 1);
        f = file_of(&s, rows[i].name + 3);
        cr_expect_eq(f->choices.makeable, expect, "%s", rows[i].why);
        cr_expect_eq(f->varies, expect != 0, "%s: it could come", rows[i].why);
    }
    stage_fini(&s);
}

/* Every encoding that is built in, from memory and from a descriptor. */
Test(variants, makes_an_encoding_and_keeps_it)
{
    static const size_t sizes[] = { 1000, 50000 };
    struct stage s;

    stage_init(&s, ETAG_ON, 1 << 20);
    for (int e = 1; e < ENCODING_COUNT; e++) {
        for (int i = 0; i < 2; i++) {
            uint64_t before = file_cache_stats(s.b.cache).made_bytes;
            struct file *f, *made;

            if ((compress_encodings() & ENCODING_BIT(e)) == 0)
                continue;
            write_text(&s, "www/a.css", sizes[i], e);
            file_cache_on_change(s.b.cache);
            f = make(&s, "/a.css", (enum encoding)e);
            made = f->choices.encoded[e];
            cr_assert_not_null(made);
            cr_expect(made->body != NULL && made->size < f->size && (int)made->encoding == e);
            cr_expect_str_eq(made->last_modified, f->last_modified);
            cr_expect(str_eq(made->content_type, f->content_type));
            cr_expect(made->etag[0] == '"' && strstr(made->etag, encoding_name(made->encoding).p));
            cr_expect_eq(f->choices.made, ENCODING_BIT(e));
            cr_expect_eq(f->choices.makeable & ENCODING_BIT(e), 0);
            cr_expect_eq(file_cache_stats(s.b.cache).made_bytes, (uint64_t)made->size, "%lu",
                         (unsigned long)before);
        }
    }
    temp_write_old(&s.b.t, "www/a.css", "short");
    if (compress_encodings() != 0)
        hear(&s.b);
    cr_expect_eq(file_cache_stats(s.b.cache).made_bytes, 0, "it goes with the file");
    stage_fini(&s);
}

Test(variants, carries_over_what_was_made_when_the_file_is_still_the_same)
{
    struct stage s;
    struct file *f;

    stage_init(&s, ETAG_ON, 1 << 20);
    if ((compress_encodings() & ENCODING_BIT(ENCODING_GZIP)) != 0) {
        write_text(&s, "www/a.css", 1000, 1);
        f = make(&s, "/a.css", ENCODING_GZIP);
        s.b.now_ms += 100000;
        cr_expect_eq(file_of(&s, "/a.css"), f);
        cr_expect_not_null(f->choices.encoded[ENCODING_GZIP]);
        cr_expect_eq(file_cache_stats(s.b.cache).made_bytes,
                     (uint64_t)f->choices.encoded[ENCODING_GZIP]->size);
        temp_write_old(&s.b.t, "www/a.css.gz", "by hand");
        file_cache_on_change(s.b.cache);
        f = file_of(&s, "/a.css");
        cr_expect(body_is(f->choices.encoded[ENCODING_GZIP], "by hand"));
        cr_expect_eq(file_cache_stats(s.b.cache).made_bytes, 0);
    }
    stage_fini(&s);
}

Test(variants, drops_the_outcome_when_the_file_has_changed_meanwhile)
{
    struct stage s;
    struct file *f;

    stage_init(&s, ETAG_ON, 1 << 20);
    write_text(&s, "www/a.css", 90000, 1);
    f = file_of(&s, "/a.css");
    file_work_start(s.b.cache, f, ENCODING_GZIP, s.offload);
    write_text(&s, "www/a.css", 1000, 2);
    hear(&s.b);
    f = file_of(&s, "/a.css");
    finish(&s);
    cr_expect_eq(f->choices.made, 0);
    cr_expect_eq(file_cache_stats(s.b.cache).made_bytes, 0);
    file_work_start(s.b.cache, f, ENCODING_GZIP, s.offload);
    file_cache_free(&s.b.cache); /* the job outlives the cache */
    finish(&s);
    stage_fini(&s);
}

Test(variants, gives_up_on_what_gains_too_little)
{
    char noise[5000];
    struct stage s;
    struct file *f;
    int fd;

    stage_init(&s, ETAG_ON, 1 << 20);
    srandom(1);
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)random();
    temp_write(&s.b.t, "www/noise.css", "");
    fd = open(temp_at(&s.b.t, "www/noise.css"), O_WRONLY);
    MUST(write(fd, noise, sizeof(noise)) == sizeof(noise));
    close(fd);
    temp_age(&s.b.t, "www/noise.css", 100);
    f = make(&s, "/noise.css", ENCODING_GZIP);
    cr_expect(f->choices.made == 0 && f->choices.makeable == 0, "and does not try again");
    cr_expect_eq(f->varies, compress_encodings() != 0, "its head says what it said");
    s.b.now_ms += 100000;
    cr_expect_eq(file_of(&s, "/noise.css")->choices.makeable, 0, "not at the next check either");
    stage_fini(&s);
}

Test(variants, keeps_within_the_memory_that_is_for_it)
{
    struct stage s;
    struct file *f;
    uint64_t one;

    stage_init(&s, ETAG_ON, 1 << 20);
    if ((compress_encodings() & ENCODING_BIT(ENCODING_GZIP)) == 0) {
        stage_fini(&s);
        return;
    }
    write_text(&s, "www/a.css", 1000, 1);
    one = (uint64_t)make(&s, "/a.css", ENCODING_GZIP)->choices.encoded[ENCODING_GZIP]->size;
    stage_fini(&s);

    stage_init(&s, ETAG_ON, 2 * one + one / 2);
    for (int i = 0; i < 4; i++) {
        char name[] = "www/a0.css";

        name[5] = (char)('0' + i);
        write_text(&s, name, 1000, 1);
        f = make(&s, name + 3, ENCODING_GZIP);
        cr_expect_leq(file_cache_stats(s.b.cache).made_bytes, 2 * one + one / 2);
        /* make() asks for each file again once it is made. So when the third one comes the first
           two are in use, and by the fourth they are not any more. */
        cr_expect_eq(f->choices.encoded[ENCODING_GZIP] != NULL, i != 2, "%d", i);
    }
    cr_expect_eq(file_cache_stats(s.b.cache).made_bytes, 2 * one);
    stage_fini(&s);

    stage_init(&s, ETAG_ON, one - 1);
    write_text(&s, "www/a.css", 1000, 1);
    cr_expect_eq(make(&s, "/a.css", ENCODING_GZIP)->choices.made, 0, "never fits");
    stage_fini(&s);
}

/* Files in use in turns, with room for one: each pushed out the other, and was made again. */
Test(variants, does_not_soon_make_again_what_had_to_go)
{
    static const char *const files[] = { "/a.css", "/b.css" };
    enum { GZIP = ENCODING_BIT(ENCODING_GZIP) };
    struct stage s;
    struct file *f;
    uint64_t one;

    stage_init(&s, ETAG_ON, 1 << 20);
    if ((compress_encodings() & GZIP) == 0) {
        stage_fini(&s);
        return;
    }
    write_text(&s, "www/a.css", 1000, 1);
    write_text(&s, "www/b.css", 1000, 1);
    one = (uint64_t)make(&s, files[0], ENCODING_GZIP)->choices.encoded[ENCODING_GZIP]->size;
    stage_fini(&s);

    stage_init(&s, ETAG_ON, one + one / 2);
    write_text(&s, "www/a.css", 1000, 1);
    write_text(&s, "www/b.css", 1000, 1);
    make_unused(&s, files[0]);
    make_unused(&s, files[1]);
    f = file_of(&s, files[0]);
    cr_expect_eq(f->choices.made, 0, "it had to go");
    cr_expect_eq(f->choices.makeable & GZIP, 0);
    cr_expect(f->varies && f->is_special, "its head says what it said");
    s.b.now_ms += 5000;
    cr_expect_eq(file_of(&s, files[0])->choices.makeable & GZIP, 0, "not at the next request");
    s.b.now_ms += 60000;
    cr_expect_eq(file_of(&s, files[0]), f);
    cr_expect_neq(f->choices.makeable & GZIP, 0, "but once the minute is over");
    cr_expect_eq(f->choices.given_up, 0);
    stage_fini(&s);
}

Test(variants, starts_nothing_for_young_files_and_one_thing_at_a_time)
{
    struct stage s;
    struct file *f;

    stage_init(&s, ETAG_ON, 1 << 20);
    write_text(&s, "www/a.css", 1000, 1);
    f = file_of(&s, "/a.css");
    f->is_young = true;
    file_work_start(s.b.cache, f, ENCODING_GZIP, s.offload);
    cr_expect_null(f->job);
    f->is_young = false;
    file_work_start(s.b.cache, f, ENCODING_GZIP, s.offload);
    cr_assert_not_null(f->job);
    file_work_start(s.b.cache, f, ENCODING_BR, s.offload);
    finish(&s);
    cr_expect_eq(f->choices.made & ~ENCODING_BIT(ENCODING_GZIP), 0);
    cr_expect_null(f->job);
    stage_fini(&s);
}

/* ---- the tag of the content ---- */

Test(variants, tags_equal_contents_equally)
{
    struct stage s;
    char first[FILE_ETAG_MAX];

    stage_init(&s, ETAG_CONTENT, 0);
    temp_write_old(&s.b.t, "www/one.bin", "the same");
    temp_write_old(&s.b.t, "www/two.bin", "the same");
    temp_write_old(&s.b.t, "www/three.bin", "THE SAME");
    temp_age(&s.b.t, "www/two.bin", 5000);
    strcpy(first, file_of(&s, "/one.bin")->etag);
    cr_expect_eq(first[0], '"', "strong at once: the bytes were at hand");
    cr_expect_eq(strlen(first), 34);
    cr_expect_str_eq(file_of(&s, "/two.bin")->etag, first);
    cr_expect_str_neq(file_of(&s, "/three.bin")->etag, first);
    temp_write_old(&s.b.t, "www/one.bin.gz", "the same");
    file_cache_on_change(s.b.cache);
    cr_expect_str_neq(file_of(&s, "/one.bin")->choices.encoded[ENCODING_GZIP]->etag, first,
                      "another coding, another tag: RFC 9110, 8.8.3.3");
    stage_fini(&s);
}

Test(variants, tags_a_large_file_weakly_until_its_bytes_are_read)
{
    struct stage s;
    struct file *f;
    char tag[FILE_ETAG_MAX];

    stage_init(&s, ETAG_CONTENT, 0);
    write_text(&s, "www/large.bin", 700000, 1);
    write_text(&s, "www/twin.bin", 700000, 1);
    f = file_of(&s, "/large.bin");
    cr_expect(f->wants_tag && f->is_special && f->fd >= 0);
    cr_expect_eq(strncmp(f->etag, "W/\"", 3), 0);
    f->head = strdup("made with the weak one");
    make(&s, "/large.bin", ENCODING_IDENTITY);
    cr_expect(!f->wants_tag && !f->is_special);
    cr_expect_null(f->head);
    cr_expect_eq(strlen(f->etag), 34);
    strcpy(tag, f->etag);
    cr_expect_str_eq(make(&s, "/twin.bin", ENCODING_IDENTITY)->etag, tag);
    stage_fini(&s);
}

Test(variants, says_no_date_for_files_with_the_epochs_time)
{
    static const struct {
        time_t at;
        bool has_date;
    } rows[] = { { 0, false }, { 1, false }, { 2, true }, { -1, true } };
    struct stage s;

    stage_init(&s, ETAG_ON, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct timespec times[2] = { { rows[i].at, 0 }, { rows[i].at, 0 } };
        char tag[FILE_ETAG_MAX];
        struct file *f;

        MUST(utimensat(AT_FDCWD, temp_at(&s.b.t, "www/a.txt"), times, 0) == 0);
        file_cache_on_change(s.b.cache);
        f = file_of(&s, "/a.txt");
        cr_expect_eq(f->last_modified[0] != '\0', rows[i].has_date, "%ld", (long)rows[i].at);
        if (rows[i].has_date)
            continue;
        strcpy(tag, f->etag);
        temp_write(&s.b.t, "www/a.txt", "two");
        MUST(utimensat(AT_FDCWD, temp_at(&s.b.t, "www/a.txt"), times, 0) == 0);
        file_cache_on_change(s.b.cache);
        cr_expect_str_neq(file_of(&s, "/a.txt")->etag, tag, "equal size and time, other bytes");
    }
    stage_fini(&s);
}
