#include "master/start_report.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/config/parse.h"

static const struct start_facts plenty = {
    .workers = 4,
    .cpus = 8,
    .user = "www-data",
    .files_max = 1 << 20,
    .backlog_max = 65535,
    .watches_max = 1 << 20,
    .watchers_max = 1000,
    .kernel = "6.1.0",
};

static char *notices(const struct start_facts *f, const char *config_text, size_t address_count)
{
    struct config *config = parse_good(config_text);
    struct listen_table table = { NULL, 0, 0, 0 };
    struct buf out = { 0 };

    for (size_t i = 0; i < address_count; i++) {
        struct address a[2];
        const char *why;
        char text[32];

        snprintf(text, sizeof(text), "127.0.0.1:%zu", i + 1);
        cr_assert_eq(address_parse(str_of(text), a, &why), 1);
        listen_table_row(&table, &a[0]);
    }
    start_report_write(f, config, &table, &out);
    listen_table_fini(&table);
    config_free(&config);
    return buf_take(&out);
}

Test(start_report, tells_where_what_and_by_whom)
{
    static const struct {
        const char *config;
        size_t address_count;
        const char *first, *second;
    } rows[] = {
        { "root: /srv/www\n", 1, "serves 127.0.0.1:1: /srv/www\n",
          "4 workers on 8 CPUs as www-data; error log on stderr, no access log\n" },
        { "root: /r\nerror_log: /e\naccess_log: /a\n", 5,
          "serves 127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3, 127.0.0.1:4 and 1 more: /r\n",
          "error log /e, access log /a\n" },
        { "sites: [{hosts: a, root: /a}, {hosts: b, routes: [{path: /, redirect: /x}]},"
          " {hosts: c, routes: [{path: /, respond: 204}]}, {hosts: d, routes: [{path: /, alias: "
          "/d}]},"
          " {hosts: e, root: /e}, {hosts: f, root: /f}]\n",
          1,
          "serves 127.0.0.1:1: 6 sites: a (/a), b (a redirect to /x), c (a fixed response, 204), "
          "d (/d), and 2 more\n",
          "as www-data" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *text = notices(&plenty, rows[i].config, rows[i].address_count);

        cr_expect_eq(strncmp(text, rows[i].first, strlen(rows[i].first)), 0, "%s", text);
        cr_expect_not_null(strstr(text, rows[i].second), "%s", text);
        cr_expect_not_null(
            strstr(text,
                   "16384 connections, 1048576 open files (10000 for cached ones), 4096 queued "
                   "connections for each address, 262144 watched folders\n"),
            "%s", text);
        free(text);
    }
}

/* Which of them a row lacks, and part of the line. */
Test(start_report, tells_each_shortfall_and_its_cost)
{
    static const struct {
        const char *why, *config;
        struct start_facts facts;
        int expect; /* -1: nothing is missing */
        const char *words;
    } rows[] = {
        { "nothing", "", { .workers = 4, .files_max = 1 << 20 }, -1, "" },
        { "files of connections and cache",
          "",
          { .workers = 4, .files_max = 20000 },
          SHORT_OPEN_FILES,
          "a worker may open only 20000 files: enough for 14934 connections" },
        { "few files",
          "",
          { .workers = 4, .files_max = 50 },
          SHORT_OPEN_FILES,
          "enough for 0 connections" },
        { "enough files for few",
          "worker_connections: 100\n",
          { .workers = 4, .files_max = 256 },
          -1,
          "" },
        { "no cache, more connections",
          "worker_connections: 180\nopen_file_cache: off\n",
          { .workers = 4, .files_max = 256 },
          -1,
          "" },
        { "the queue",
          "",
          { .workers = 4, .files_max = 1 << 20, .backlog_max = 128 },
          SHORT_BACKLOG,
          "listen_backlog is 4096, but the kernel queues only 128" },
        { "a queue that is long enough",
          "listen_backlog: 128\n",
          { .workers = 4, .files_max = 1 << 20, .backlog_max = 128 },
          -1,
          "" },
        { "watches",
          "",
          { .workers = 16, .files_max = 1 << 20, .watches_max = 8192 },
          SHORT_WATCHES,
          "8192 folders can be watched (fs.inotify.max_user_watches), 512 by each "
          "worker: files in others are looked at again when they are 1s old" },
        { "watches that nobody wants",
          "open_file_cache: {watch: off}\n",
          { .workers = 16, .files_max = 1 << 20, .watches_max = 8192, .watchers_max = 1 },
          -1,
          "" },
        { "watchers",
          "",
          { .workers = 100, .files_max = 1 << 20, .watchers_max = 128 },
          SHORT_WATCHERS,
          "100 workers need up to 200 inotify instances, and a user has only 128" },
        { "openat2",
          "",
          { .workers = 1, .files_max = 1 << 20, .kernel = "5.4.0", .lacks_openat2 = true },
          SHORT_OPENAT2,
          "openat2(2) (Linux 5.6) is not to be had here (kernel 5.4.0, or a sandbox): "
          "links inside a docroot are not followed" },
        { "mount ids",
          "",
          { .workers = 1, .files_max = 1 << 20, .lacks_mount_ids = true },
          SHORT_MOUNT_IDS,
          "umount" },
        { "steering",
          "",
          { .workers = 1, .files_max = 1 << 20, .lacks_steering = true },
          SHORT_STEERING,
          "with fewer workers" },
        { "steering of one process", "", { .files_max = 1 << 20, .lacks_steering = true }, -1, "" },
        { "defer_accept",
          "",
          { .workers = 1, .files_max = 1 << 20, .lacks_defer_accept = true },
          SHORT_DEFER_ACCEPT,
          "defer_accept does nothing" },
        { "defer_accept that nobody wants",
          "defer_accept: off\n",
          { .workers = 1, .files_max = 1 << 20, .lacks_defer_accept = true },
          -1,
          "" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf text = { 0 }, line = { 0 };
        struct start_report report;
        struct config *config;

        buf_printf(&text, "root: /r\n%s", rows[i].config);
        config = parse_good(buf_cstr(&text));
        report = start_report_judge(&rows[i].facts, config);
        for (int k = 0; k < SHORTFALL_COUNT; k++)
            cr_expect_eq(report.missing[k] > 0, k == rows[i].expect, "%s: shortfall %d",
                         rows[i].why, k);
        if (rows[i].expect >= 0)
            start_report_write_shortfall((enum shortfall)rows[i].expect, &rows[i].facts, config,
                                         &line);
        cr_expect_not_null(strstr(buf_cstr(&line), rows[i].words), "%s: %s", rows[i].why, line.p);
        config_free(&config);
        buf_fini(&text);
        buf_fini(&line);
    }
}

static size_t said_count(const struct start_facts *f, const char *config_text,
                         struct start_report *last)
{
    struct config *config = parse_good(config_text);
    struct listen_table none = { NULL, 0, 0, 0 };
    FILE *file = tmpfile();
    size_t count = 0;
    int c;

    log_init(LOG_NOTICE, 0);
    log_set_fd(fileno(file));
    start_report_log(f, config, &none, false, last);
    log_set_fd(STDERR_FILENO);
    rewind(file);
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    config_free(&config);
    return count;
}

Test(start_report, says_again_only_what_is_new_or_worse)
{
    struct start_facts f = plenty;
    struct start_report last = { { 0 } };

    f.backlog_max = 1000;
    cr_expect_eq(said_count(&f, "root: /r\n", &last), 1);
    cr_expect_eq(said_count(&f, "root: /r\n", &last), 0, "the same");
    cr_expect_eq(said_count(&f, "root: /r\nlisten_backlog: 2000\n", &last), 0, "better");
    cr_expect_eq(said_count(&f, "root: /r\nlisten_backlog: 3000\n", &last), 1, "worse");
    f.workers = 600;
    cr_expect_eq(said_count(&f, "root: /r\nlisten_backlog: 3000\n", &last), 1, "another");
}

Test(start_facts, are_found_without_touching_anything)
{
    struct config *config = parse_good("root: /r\nworker_rlimit_nofile: 77\n");
    struct buf errors = { 0 };
    struct worker_setup setup;
    struct start_facts f;

    cr_assert(worker_setup_init(&setup, config, &errors));
    start_facts_find(&f, &setup, 3);
    cr_expect_eq(f.workers, 3);
    cr_expect_geq(f.cpus, 1);
    cr_expect_eq(f.files_max, 77);
    cr_expect_neq(f.user[0], '\0');
    cr_expect_neq(f.kernel[0], '\0');
    worker_setup_fini(&setup);
    config_free(&config);
}
