#include "master/args.h"

#include <string.h>

#include "config/config.h"
#include "config/values.h"
#include "master/verbs.h"

const char args_help[] =
    "remuda - an HTTP server: a docroot, a master and its workers\n"
    "\n"
    "  remuda [DIR] [-p PORT] [--workers N]   serve DIR (default: the current folder)\n"
    "  remuda -c FILE [--daemon]              serve what the config FILE says\n"
    "  remuda -c FILE -t                      check FILE, without touching a socket\n"
    "  remuda -c FILE -s VERB...              speak to the master that runs with FILE\n"
    "  remuda -c FILE explain URL             what URL would get, and which lines decide it\n"
    "\n"
    "Options\n"
    "  -c, --config FILE   the config, a YAML file; --full shows every setting\n"
    "  -p, --port PORT     port for DIR [8080]; 0 lets the kernel choose\n"
    "      --workers N     worker processes for DIR [one for each CPU]\n"
    "  -t, --test          check the config and print \"ok\" or all that is wrong\n"
    "      --dump          print the effective config, defaults included\n"
    "      --full          print every setting with its default, bounds and meaning\n"
    "      --man           the same as the manual page remuda.yaml(5)\n"
    "  -s, --signal VERB   one of those below, with its words; waits until it has happened\n"
    "  -j, --json          for -s: the answer as one JSON document\n"
    "  -n, --count N       for -s top: N frames as plain text, then end\n"
    "  -i, --interval TIME for -s top: between two frames [1s]\n"
    "  -H, --header LINE   for explain: a field of the request, as in 'Accept-Encoding: br'\n"
    "  -X, --method NAME   for explain: the request's method [GET]\n"
    "  -I, --head          for explain: the response's head alone\n"
    "      --single        serve from this one process, for profilers and debuggers\n"
    "      --daemon        go to the background once every worker serves\n"
    "      --foreground    stay, whatever the config says\n"
    "  -V, --version       print the version\n"
    "  -h, --help          print this text\n"
    "\n"
    "Verbs and signals of the master\n"
    "  stop    TERM, INT   end at once\n"
    "  quit    QUIT        finish what is under way, then end\n"
    "  diff                what a reload would change, or what is wrong; nothing changes\n"
    "  reload  HUP         take the config anew, in place; on any error nothing changes\n"
    "  reopen  USR1        open the log files anew, after they were moved away\n"
    "  upgrade USR2        let the binary of now take over, without losing a connection\n"
    "  set workers N       that many, until the next reload; no connection is lost\n"
    "  log level LEVEL     crit, error, warn, notice, info or debug, until the next reload; shows\n"
    "                      what it is without LEVEL\n"
    "  purge PATH...       forget what is cached of these files and folders and below them, where\n"
    "                      changes cannot be seen, as on network file systems\n"
    "  status              what runs: workers, addresses, counters, the last reload\n"
    "  workers             state, connections, requests, CPU time and memory of each worker\n"
    "  metrics             all counters and latencies in Prometheus' text format\n"
    "  connections         who is connected, and what is done for them; all of these may follow:\n"
    "                      how many to show [1000], a state (reading, waiting, sending,\n"
    "                      lingering, idle), a network of peers such as 10.0.0.0/8\n"
    "  top                 a live view of workers, sites and routes; -n and -i\n"
    "  trace               requests as they are answered, until Ctrl-C; all of these may follow:\n"
    "                      host=NAME path=BEGINNING method=GET status=404,5xx slower=200ms\n"
    "                      client=NETWORK limit=LINES; names and paths may have * and ?\n"
    "          WINCH       end the workers gracefully and keep the sockets; HUP brings them back\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 bad usage, 3 not running (for -s).\n";

struct parser {
    struct args *args;
    struct buf *error;
    bool has_port, has_action, has_top_option;
};

static bool set_action(struct parser *p, enum action action)
{
    if (p->has_action && p->args->action != action) {
        buf_printf(p->error, "only one of -t, --dump, --full, -s and explain at a time");
        return false;
    }
    p->has_action = true;
    p->args->action = action;
    return true;
}

static bool set_test(struct parser *p, const char *value)
{
    return set_action(p, ACTION_TEST);
}

static bool set_dump(struct parser *p, const char *value)
{
    return set_action(p, ACTION_DUMP);
}

static bool set_full(struct parser *p, const char *value)
{
    return set_action(p, ACTION_FULL);
}

/* These two win over everything else on the line, as people expect. */
static bool set_version(struct parser *p, const char *value)
{
    p->args->action = ACTION_VERSION;
    return true;
}

static bool set_help(struct parser *p, const char *value)
{
    p->args->action = ACTION_HELP;
    return true;
}

static bool set_config(struct parser *p, const char *value)
{
    p->args->config = value;
    return true;
}

static bool set_number(struct parser *p, const char *name, const char *value, uint64_t least,
                       uint64_t most, unsigned *out)
{
    uint64_t n;

    if (!str_to_u64(str_of(value), &n) || n < least || n > most) {
        buf_printf(p->error, "%s takes a number from %u to %u, not \"%s\"", name, (unsigned)least,
                   (unsigned)most, value);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static bool set_port(struct parser *p, const char *value)
{
    p->has_port = true;
    return set_number(p, "-p", value, 0, 65535, &p->args->port);
}

static bool set_workers(struct parser *p, const char *value)
{
    return set_number(p, "--workers", value, 1, CONFIG_WORKERS_MAX, &p->args->workers);
}

static bool set_man(struct parser *p, const char *value)
{
    return set_action(p, ACTION_MAN);
}

/* Judged with the words that follow it, in check(). */
static bool set_verb(struct parser *p, const char *value)
{
    p->args->verb = value;
    return set_action(p, strcmp(value, "top") == 0 ? ACTION_TOP : ACTION_VERB);
}

static bool set_count(struct parser *p, const char *value)
{
    p->has_top_option = true;
    return set_number(p, "-n", value, 1, 1000000000, &p->args->count);
}

static bool set_interval(struct parser *p, const char *value)
{
    uint64_t ms;

    p->has_top_option = true;
    if (!value_parse_duration(str_of(value), &ms) || ms < ARGS_INTERVAL_MIN_MS ||
        ms > ARGS_INTERVAL_MAX_MS) {
        buf_printf(p->error, "-i takes a duration from 100ms to 1h, as in 2s, not \"%s\"", value);
        return false;
    }
    p->args->interval_ms = ms;
    return true;
}

static bool set_json(struct parser *p, const char *value)
{
    p->args->wants_json = true;
    return true;
}

static bool add_field(struct parser *p, const char *value)
{
    if (strchr(value, ':') == NULL) {
        buf_printf(p->error, "-H takes a field, as in 'Accept-Encoding: br', not \"%s\"", value);
        return false;
    }
    if (p->args->field_count == ARGS_FIELDS_MAX) {
        buf_printf(p->error, "at most %d times -H", ARGS_FIELDS_MAX);
        return false;
    }
    p->args->fields[p->args->field_count++] = value;
    return true;
}

static bool set_method(struct parser *p, const char *value)
{
    p->args->method = value;
    return true;
}

static bool set_head_only(struct parser *p, const char *value)
{
    p->args->is_head_only = true;
    return true;
}

static bool set_single(struct parser *p, const char *value)
{
    p->args->is_single = true;
    return true;
}

static bool set_daemon(struct parser *p, bool is_daemon)
{
    if (p->args->is_daemon_set && p->args->is_daemon != is_daemon) {
        buf_printf(p->error, "--daemon and --foreground exclude each other");
        return false;
    }
    p->args->is_daemon_set = true;
    p->args->is_daemon = is_daemon;
    return true;
}

static bool set_background(struct parser *p, const char *value)
{
    return set_daemon(p, true);
}

static bool set_foreground(struct parser *p, const char *value)
{
    return set_daemon(p, false);
}

static const struct option {
    char letter; /* 0: none */
    const char *name;
    bool has_value;
    bool (*set)(struct parser *p, const char *value);
} options[] = {
    { 'j', "json", false, set_json },
    { 'n', "count", true, set_count },
    { 'i', "interval", true, set_interval },
    { 'c', "config", true, set_config },
    { 'p', "port", true, set_port },
    { 0, "workers", true, set_workers },
    { 't', "test", false, set_test },
    { 0, "dump", false, set_dump },
    { 0, "full", false, set_full },
    { 0, "man", false, set_man },
    { 's', "signal", true, set_verb },
    { 0, "single", false, set_single },
    { 'H', "header", true, add_field },
    { 'X', "method", true, set_method },
    { 'I', "head", false, set_head_only },
    { 0, "daemon", false, set_background },
    { 0, "foreground", false, set_foreground },
    { 'V', "version", false, set_version },
    { 'h', "help", false, set_help },
};

enum { OPTION_COUNT = sizeof(options) / sizeof(*options) };

/* `name` as typed, without "=value". */
static void unknown_option(struct parser *p, struct str name)
{
    const char *near = NULL;
    unsigned least = 3;

    for (size_t i = 0; i < OPTION_COUNT && name.n > 4; i++) {
        unsigned distance =
            str_distance(str_range(name.p + 2, name.p + name.n), str_of(options[i].name));

        if (distance < least) {
            least = distance;
            near = options[i].name;
        }
    }
    buf_printf(p->error, "unknown option %.*s; ", STR_ARG(name));
    if (near != NULL)
        buf_printf(p->error, "did you mean --%s? ", near);
    buf_printf(p->error, "remuda --help lists them");
}

/* How many of the words it took: 1 or 2; 0: wrong. */
static int take_option(struct parser *p, const char *word, const char *next)
{
    struct str value = str_of(word), name;
    const struct option *option = NULL;
    const char *text;

    if (word[1] == '-') {
        name = str_cut(&value, '=');
        for (size_t i = 0; i < OPTION_COUNT; i++)
            if (str_eq(str_range(name.p + 2, name.p + name.n), str_of(options[i].name)))
                option = &options[i];
    } else {
        name = str_range(word, word + 2);
        value = word[2] != '\0' ? str_of(word + 2) : STR_NONE; /* -p8080 */
        for (size_t i = 0; i < OPTION_COUNT; i++)
            if (options[i].letter == word[1])
                option = &options[i];
    }
    if (option == NULL) {
        unknown_option(p, name);
        return 0;
    }
    if (!option->has_value && value.p != NULL) {
        buf_printf(p->error, "%.*s takes no value", STR_ARG(name));
        return 0;
    }
    text = value.p != NULL ? value.p : option->has_value ? next : NULL;
    if (option->has_value && (text == NULL || text[0] == '\0')) {
        buf_printf(p->error, "%.*s needs a value", STR_ARG(name));
        return 0;
    }
    if (!option->set(p, text))
        return 0;
    return option->has_value && value.p == NULL ? 2 : 1;
}

void args_join_verb(const struct args *args, struct buf *out)
{
    buf_printf(out, "%s", args->verb);
    for (size_t i = 0; i < args->word_count; i++)
        buf_printf(out, " %s", args->words[i]);
}

static bool check_verb(struct parser *p)
{
    struct buf line = { 0 };
    struct str argument;
    bool is_good = false;

    args_join_verb(p->args, &line);
    if (strpbrk(buf_cstr(&line), "\n\t") != NULL)
        buf_printf(p->error, "-s takes words without line ends and tabs");
    else
        is_good = verb_parse(buf_str(&line), &argument, p->error) != NULL;
    buf_fini(&line);
    return is_good;
}

/* What each option allows beside it. */
static bool check(struct parser *p)
{
    const struct args *a = p->args;

    if (a->action == ACTION_VERSION || a->action == ACTION_HELP)
        return true;
    if (a->config != NULL && a->dir != NULL)
        buf_printf(p->error, "-c and a folder exclude each other: set `root` in %s", a->config);
    else if (a->config != NULL && p->has_port)
        buf_printf(p->error, "-p is for serving a folder: set `listen` in %s", a->config);
    else if (a->config != NULL && a->workers > 0)
        buf_printf(p->error, "--workers is for serving a folder: set `workers` in %s", a->config);
    else if ((a->action == ACTION_VERB || a->action == ACTION_TOP) && a->config == NULL)
        buf_printf(p->error, "-s needs -c FILE, the config that the server was started with");
    else if (a->wants_json && a->action != ACTION_VERB)
        buf_printf(p->error, "--json is for -s%s",
                   a->action == ACTION_TOP ? ", but not for top: status and workers have it" : "");
    else if (p->has_top_option && a->action != ACTION_TOP)
        buf_printf(p->error, "-n and -i are for -s top");
    else if (a->action == ACTION_TOP && a->word_count > 0)
        buf_printf(p->error, "top takes -n COUNT and -i INTERVAL, not \"%s\"", a->words[0]);
    else if (a->action == ACTION_VERB)
        return check_verb(p);
    else if (a->action == ACTION_EXPLAIN && a->url == NULL)
        buf_printf(p->error, "explain needs a URL, as in remuda -c FILE explain http://a/b?c");
    else if (a->action != ACTION_EXPLAIN &&
             (a->field_count > 0 || a->method != NULL || a->is_head_only))
        buf_printf(p->error, "-H, -X and -I are for explain");
    else if (a->is_single && a->workers > 1)
        buf_printf(p->error, "--single is one process: no --workers %u", a->workers);
    else
        return true;
    return false;
}

bool args_parse(int argc, char **argv, struct args *args, struct buf *error)
{
    struct parser p = { args, error, false, false, false };
    bool is_options_end = false;

    *args =
        (struct args){ .action = ACTION_SERVE, .argv = argv, .port = 8080, .interval_ms = 1000 };
    for (int i = 1, taken; i < argc; i += taken) {
        taken = 1;
        if (!is_options_end && strcmp(argv[i], "--") == 0) {
            is_options_end = true;
        } else if (!is_options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            taken = take_option(&p, argv[i], argv[i + 1]);
            if (taken == 0)
                return false;
        } else if (args->action == ACTION_EXPLAIN && args->url == NULL) {
            args->url = argv[i];
        } else if (args->dir == NULL && strcmp(argv[i], "explain") == 0) {
            if (!set_action(&p, ACTION_EXPLAIN))
                return false;
        } else if (args->action == ACTION_EXPLAIN) {
            buf_printf(error, "explain takes one URL: \"%s\" is too much", argv[i]);
            return false;
        } else if (args->action == ACTION_VERB || args->action == ACTION_TOP) {
            if (args->word_count == ARGS_WORDS_MAX) {
                buf_printf(error, "at most %d words behind -s", ARGS_WORDS_MAX);
                return false;
            }
            args->words[args->word_count++] = argv[i];
        } else if (args->dir != NULL) {
            buf_printf(error, "one folder only: \"%s\" and \"%s\"", args->dir, argv[i]);
            return false;
        } else {
            args->dir = argv[i];
        }
    }
    return check(&p);
}
