#include "common/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int reader;

static void set_up(void)
{
    int ends[2];

    cr_assert_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    reader = ends[0];
    log_init(LOG_NOTICE, 0);
    log_set_fd(ends[1]);
}

static void tear_down(void)
{
    close(log_fd());
    close(reader);
    log_set_fd(STDERR_FILENO);
}

TestSuite(log, .init = set_up, .fini = tear_down);

/* What was logged since the last call; "" for nothing. */
static const char *logged(void)
{
    static char text[8192];
    ssize_t n = read(reader, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* The text behind the prefix. */
static const char *logged_text(void)
{
    const char *line = logged(), *text = strstr(line, "#0: ");

    cr_assert_not_null(text, "no line, or no prefix: \"%s\"", line);
    return text + 4;
}

Test(log, writes_the_layout_of_nginx)
{
    char pattern[128];
    regex_t layout;
    const char *line;

    log_init(LOG_NOTICE, 3);
    log_notice("listening on %s:%d", "127.0.0.1", 8080);
    line = logged();
    snprintf(pattern, sizeof(pattern),
             "^[0-9]{4}(/[0-9]{2}){2} [0-9]{2}(:[0-9]{2}){2} \\[notice\\] %d#3: "
             "listening on 127\\.0\\.0\\.1:8080\n$",
             (int)getpid());
    cr_assert_eq(regcomp(&layout, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_expect_eq(regexec(&layout, line, 0, NULL, 0), 0, "got \"%s\"", line);
    regfree(&layout);
}

Test(log, names_every_level)
{
    static const char *const names[] = { "crit", "error", "warn", "notice", "info", "debug" };

    log_set_level(LOG_DEBUG);
    for (int level = LOG_CRIT; level <= LOG_DEBUG; level++) {
        char tag[16];

        cr_expect_str_eq(log_level_names[level], names[level]);
        log_line((enum log_level)level, "x");
        snprintf(tag, sizeof(tag), "[%s] ", names[level]);
        cr_expect_not_null(strstr(logged(), tag), "%s", tag);
    }
    cr_expect_null(log_level_names[LOG_DEBUG + 1], "the table ends with NULL");
}

Test(log, drops_what_is_above_the_level)
{
    for (int level = LOG_CRIT; level <= LOG_DEBUG; level++) {
        log_set_level((enum log_level)level);
        for (int line = LOG_CRIT; line <= LOG_DEBUG; line++) {
            log_line((enum log_level)line, "x");
            cr_expect_eq(*logged() != '\0', line <= level, "%s at level %s", log_level_names[line],
                         log_level_names[level]);
            cr_expect_eq(log_is_on((enum log_level)line), line <= level);
        }
    }
}

Test(log, does_not_format_what_it_drops)
{
    int calls = 0;

    log_info("%d", ++calls);
    log_debug("%d", ++calls);
    cr_expect_eq(calls, 0);
    log_set_level(LOG_DEBUG);
    log_info("%d", ++calls);
    log_debug("%d", ++calls);
    cr_expect_eq(calls, 2);
}

Test(log, defuses_control_bytes)
{
    static const struct {
        const char *why, *in, *out;
    } rows[] = {
        { "a line feed forges a line", "a\n2026/01/01 [crit]", "a?2026/01/01 [crit]\n" },
        { "a carriage return hides one", "a\rb", "a?b\n" },
        { "escape drives the terminal", "\x1b[2J", "?[2J\n" },
        { "delete", "a\x7f", "a?\n" },
        { "tab and bell", "\t\a", "??\n" },
        { "the lowest and the highest control", "\x01\x1f", "??\n" },
        { "space and tilde are text", " ~", " ~\n" },
        { "UTF-8 is text", "\xc3\xa4", "\xc3\xa4\n" },
        { "nothing", "", "\n" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        log_notice("%s", rows[i].in);
        cr_expect_str_eq(logged_text(), rows[i].out, "%s", rows[i].why);
    }
}

Test(log, cuts_a_long_text_but_ends_the_line)
{
    static char text[5000];

    /* Lengths on both sides of the line's 2048 bytes, and far beyond. */
    for (size_t n = 1900; n < sizeof(text); n = n < 2100 ? n + 1 : n + 1000) {
        const char *line;

        memset(text, 'x', n);
        text[n] = '\0';
        log_notice("%s", text);
        line = logged();
        cr_assert_leq(strlen(line), 2048, "%zu bytes", n);
        cr_assert_eq(line[strlen(line) - 1], '\n', "%zu bytes", n);
        cr_assert_eq(line[strlen(line) - 2], 'x', "%zu bytes: no NUL at the end", n);
        cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1, "one line");
    }
}

Test(log, keeps_errno_for_the_text_and_for_the_caller)
{
    errno = ENOENT;
    log_notice("open: %m");
    cr_expect_eq(errno, ENOENT);
    cr_expect_str_eq(logged_text(), "open: No such file or directory\n");
}

Test(log, loses_the_line_when_the_file_cannot_be_written)
{
    int was = log_fd();

    log_set_fd(-1);
    errno = ENOENT;
    log_notice("lost");
    cr_expect_eq(errno, ENOENT);
    cr_expect_eq(log_fd(), -1);
    log_set_fd(was);
}

static bool tell_about(struct log_about *about)
{
    *about =
        (struct log_about){ STR("192.0.2.1"), STR("GET /\"\\\x01 HTTP/1.1"), STR_NONE, STR_NONE };
    return true;
}

static bool tell_id(struct log_about *about)
{
    *about = (struct log_about){ .request_id = STR("00ff") };
    return true;
}

static bool tell_nothing(struct log_about *about)
{
    return false;
}

static void expect_layout(const char *line, const char *pattern)
{
    regex_t layout;

    cr_assert_eq(regcomp(&layout, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_expect_eq(regexec(&layout, line, 0, NULL, 0), 0, "got \"%s\"", line);
    regfree(&layout);
}

#define TIME \
    "^\\{\"time\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}[+-][0-9]{2}:[0-9]{2}\","

Test(log, writes_an_object_a_line)
{
    const char *line;

    log_init(LOG_NOTICE, 2);
    log_set_layout(LOG_AS_JSON);
    errno = ENOENT;
    log_warn("a \"b\"\n%s: %m", "\xff");
    expect_layout(logged(), TIME "\"level\":\"warn\",\"pid\":[0-9]+,\"worker\":2,"
                                 "\"message\":\"a \\\\\"b\\\\\"\\\\n\xef\xbf\xbd: No such file or "
                                 "directory\"\\}\n$");
    log_set_about(tell_about);
    log_notice("x");
    expect_layout(logged(), "\"message\":\"x\",\"client\":\"192\\.0\\.2\\.1\",\"request\":\"GET "
                            "/\\\\\"\\\\\\\\\\\\u0001 HTTP/1\\.1\"\\}\n$");
    log_set_layout(LOG_AS_TEXT);
    log_notice("x");
    line = logged();
    cr_expect_not_null(strstr(line, "#2: x\n"), "no id, no word of it: %s", line);
    log_set_about(tell_id);
    log_notice("x");
    line = logged();
    cr_expect_not_null(strstr(line, ": x, id: 00ff\n"), "%s", line);
    log_set_layout(LOG_AS_JSON);
    log_notice("x");
    expect_layout(logged(), "\"message\":\"x\",\"request_id\":\"00ff\"\\}\n$");
    log_set_about(tell_nothing);
    log_notice("x");
    expect_layout(logged(), "\"message\":\"x\"\\}\n$");
    log_set_about(NULL);
    log_set_layout(LOG_AS_TEXT);
}

static bool tell_much(struct log_about *about)
{
    static char text[4096];

    memset(text, 1, sizeof(text));
    *about = (struct log_about){ { text, sizeof(text) },
                                 { text, sizeof(text) },
                                 { text, sizeof(text) },
                                 { text, sizeof(text) } };
    return true;
}

Test(log, cuts_an_object_s_texts_and_not_the_object)
{
    static char text[5000];
    const char *line;

    memset(text, 1, sizeof(text) - 1);
    fcntl(log_fd(), F_SETFL, 0);
    log_set_layout(LOG_AS_JSON);
    log_set_about(tell_much);
    log_notice("%s", text);
    line = logged(); /* its first 8 KiB */
    cr_expect_not_null(strstr(line, "\\u0001\\u0001"));
    do
        cr_assert_gt(strlen(line), 0);
    while (strstr(line, "\\u0001\"}\n") == NULL && (line = logged()) != NULL);
    log_set_about(NULL);
    log_set_layout(LOG_AS_TEXT);
}
