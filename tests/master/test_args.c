#include "master/args.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WORDS_MAX = 10 };

static bool parse(const char *const *words, struct args *args, struct buf *error)
{
    char *argv[WORDS_MAX + 2] = { "remuda" };
    int argc = 1;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)words[argc - 1];
    return args_parse(argc, argv, args, error);
}

static const struct {
    const char *why;
    const char *words[WORDS_MAX];
    struct args expect;
} good[] = {
    { "nothing: this folder on 8080", { NULL }, { .port = 8080 } },
    { "a folder", { "www" }, { .dir = "www", .port = 8080 } },
    { "folder and port", { "www", "-p", "80" }, { .dir = "www", .port = 80 } },
    { "port in the same word", { "-p81" }, { .port = 81 } },
    { "port 0 is the kernel's choice", { "--port=0" }, { .port = 0 } },
    { "a long option's value in the next word", { "--port", "1" }, { .port = 1 } },
    { "a config", { "-c", "a.yaml" }, { .config = "a.yaml", .port = 8080 } },
    { "a check of a config",
      { "-t", "-c", "a" },
      { .action = ACTION_TEST, .config = "a", .port = 8080 } },
    { "a verb",
      { "-c", "a", "-s", "reload" },
      { .action = ACTION_VERB, .config = "a", .verb = "reload", .port = 8080 } },
    { "a verb of several words, as one or more",
      { "-c", "a", "-s", "set workers 4" },
      { .action = ACTION_VERB, .config = "a", .verb = "set workers 4", .port = 8080 } },
    { "its words may follow, and options behind them",
      { "-s", "log", "level", "debug", "-c", "a", "--json" },
      { .action = ACTION_VERB,
        .config = "a",
        .verb = "log",
        .word_count = 2,
        .wants_json = true,
        .port = 8080 } },
    { "paths",
      { "-c", "a", "-j", "-s", "purge", "b", "c d" },
      { .action = ACTION_VERB,
        .config = "a",
        .verb = "purge",
        .word_count = 2,
        .wants_json = true,
        .port = 8080 } },
    { "top, with its own options",
      { "-c", "a", "-s", "top", "-n", "3", "-i", "500ms" },
      { .action = ACTION_TOP, .config = "a", .verb = "top", .count = 3, .port = 8080 } },
    { "background",
      { "-c", "a", "--daemon" },
      { .config = "a", .port = 8080, .is_daemon_set = true, .is_daemon = true } },
    { "foreground, said twice",
      { "--foreground", "--foreground" },
      { .port = 8080, .is_daemon_set = true } },
    { "one process", { "--single" }, { .port = 8080, .is_single = true } },
    { "workers of a folder", { "--workers", "3" }, { .port = 8080, .workers = 3 } },
    { "help wins over what is wrong elsewhere",
      { "-c", "a", "-p", "1", "-h" },
      { .action = ACTION_HELP, .config = "a", .port = 1 } },
    { "a folder whose name looks like an option", { "--", "-p" }, { .dir = "-p", .port = 8080 } },
    { "- is a name", { "-" }, { .dir = "-", .port = 8080 } },
};

static void expect_text(const char *got, const char *expect, const char *why)
{
    if (expect == NULL)
        cr_expect_null(got, "%s", why);
    else
        cr_expect_str_eq(got, expect, "%s", why);
}

Test(args, reads_each_row)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct args args;
        struct buf error = { 0 };

        cr_assert(parse(good[i].words, &args, &error), "%s: %s", good[i].why, buf_cstr(&error));
        cr_expect_eq(args.action, good[i].expect.action, "%s", good[i].why);
        expect_text(args.config, good[i].expect.config, good[i].why);
        expect_text(args.dir, good[i].expect.dir, good[i].why);
        expect_text(args.verb, good[i].expect.verb, good[i].why);
        cr_expect_eq(args.port, good[i].expect.port, "%s", good[i].why);
        cr_expect_eq(args.count, good[i].expect.count, "%s", good[i].why);
        cr_expect_eq(args.word_count, good[i].expect.word_count, "%s", good[i].why);
        cr_expect_eq(args.wants_json, good[i].expect.wants_json, "%s", good[i].why);
        cr_expect_eq(args.workers, good[i].expect.workers, "%s", good[i].why);
        cr_expect_eq(args.is_single, good[i].expect.is_single, "%s", good[i].why);
        cr_expect_eq(args.is_daemon, good[i].expect.is_daemon, "%s", good[i].why);
        cr_expect_eq(args.is_daemon_set, good[i].expect.is_daemon_set, "%s", good[i].why);
        buf_fini(&error);
    }
}

static const struct {
    const char *words[WORDS_MAX];
    const char *expect; /* part of the error */
} bad[] = {
    { { "--foo" }, "unknown option --foo; remuda --help lists them" },
    { { "--foo=1" }, "unknown option --foo;" },
    { { "-x" }, "unknown option -x;" },
    { { "--demon" }, "did you mean --daemon?" },
    { { "-p" }, "-p needs a value" },
    { { "-p", "" }, "-p needs a value" },
    { { "--port=" }, "--port needs a value" },
    { { "-p", "65536" }, "from 0 to 65535, not \"65536\"" },
    { { "-p", "80x" }, "not \"80x\"" },
    { { "-p", "-1" }, "not \"-1\"" },
    { { "--workers", "0" }, "from 1 to 1024" },
    { { "--workers", "1025" }, "from 1 to 1024" },
    { { "--daemon=yes" }, "--daemon takes no value" },
    { { "-tx" }, "-t takes no value" },
    { { "--daemon", "--foreground" }, "exclude each other" },
    { { "-s", "restart", "-c", "a" }, "unknown verb \"restart\"; there are stop, quit" },
    { { "-s", "restart", "-c", "a" }, "purge PATH... and trace [FILTER...]" },
    { { "-s", "stop", "now", "-c", "a" }, "stop takes no argument" },
    { { "-s", "set", "workers", "-c", "a" }, "set workers needs an argument: set workers N" },
    { { "-s", "purge", "-c", "a" }, "purge needs an argument" },
    { { "-s", "purge", "a\nb", "-c", "a" }, "without line ends" },
    { { "-j", "-c", "a" }, "--json is for -s" },
    { { "-s", "top", "-n", "0", "-c", "a" }, "-n takes a number from 1" },
    { { "-s", "top", "-i", "10ms", "-c", "a" }, "-i takes a duration from 100ms to 1h" },
    { { "-s", "top", "fast", "-c", "a" }, "top takes -n COUNT and -i INTERVAL, not \"fast\"" },
    { { "-s", "top", "-j", "-c", "a" }, "not for top" },
    { { "-s", "top" }, "-s needs -c FILE" },
    { { "-s", "status", "-n", "1", "-c", "a" }, "-n and -i are for -s top" },
    { { "-s", "reload" }, "-s needs -c FILE" },
    { { "-t", "--dump" }, "only one of" },
    { { "-c", "a", "www" }, "-c and a folder exclude each other" },
    { { "-c", "a", "-p", "1" }, "set `listen` in a" },
    { { "-c", "a", "--workers", "1" }, "set `workers` in a" },
    { { "a", "b" }, "one folder only" },
    { { "--single", "--workers", "2" }, "one process" },
};

Test(args, says_what_would_be_right)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct args args;
        struct buf error = { 0 };

        cr_expect_not(parse(bad[i].words, &args, &error), "%s", bad[i].expect);
        cr_expect_not_null(strstr(buf_cstr(&error), bad[i].expect), "\"%s\" is not in \"%s\"",
                           bad[i].expect, buf_cstr(&error));
        cr_expect_null(strchr(buf_cstr(&error), '\n'));
        buf_fini(&error);
    }
}
