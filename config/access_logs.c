#include "config/access_logs.h"

#include <stdlib.h>

#include "common/xmalloc.h"
#include "config/fields.h"
#include "config/log_format.h"
#include "common/utf8.h"

#define FAIL(r, node, ...)                                                                    \
    config_error_add((r)->errors, (node)->mark.line, (node)->mark.column, (node)->mark.width, \
                     __VA_ARGS__)

enum {
    STATUS_FIRST = 100,
    STATUS_LAST = 599,
    FORMAT_MAX = 4096, /* bytes */
    TAG_MAX = 48,      /* RFC 5424, 6 */
    SHARE_DIGITS = 4,  /* of a percentage, behind the dot */
    LOCAL7 = 23,
    INFO = 6,
};

/* In the order of their codes (RFC 5424, 6.2.1), named as syslog(3) does. */
static const char *const facilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7",
};

static const char *const severities[] = {
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
};

static bool is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_null && node->text.n > 0;
}

void access_log_fini(struct access_log_config *log)
{
    free(log->text);
    free(log->path);
    free(log->tag);
    free(log->format);
}

/* ---- where to ---- */

static bool read_syslog(struct value_reader *r, const struct yaml_item *item, struct str text,
                        struct access_log_config *log)
{
    static const char form[] = "syslog:/dev/log, syslog:127.0.0.1:514 or syslog:[::1]:514";
    struct address addresses[2];
    struct buf whole = { 0 };
    const char *why = NULL;
    int count;

    buf_add(&whole, str_starts(text, STR("/")) ? STR("unix:") : STR(""));
    buf_add(&whole, text);
    count = address_parse(str_of(buf_cstr(&whole)), addresses, &why);
    buf_fini(&whole);
    if (count == 2)
        why = "it is one IP address";
    else if (count == 1 && addresses[0].sa.ss_family != AF_UNIX && address_port(&addresses[0]) == 0)
        why = "the port is from 1 to 65535";
    if (why != NULL) {
        FAIL(r, item->value, "\"access_log\" cannot go to \"%s\": %s; it is written as in %s",
             utf8_short(item->value->text).text, why, form);
        return false;
    }
    log->target = LOG_TO_SYSLOG;
    log->syslog = addresses[0];
    return true;
}

static bool read_target(struct value_reader *r, const struct setting *row,
                        const struct yaml_item *item, struct access_log_config *log)
{
    struct str text = item->value->text, syslog = STR("syslog:");

    if (str_eq(text, STR("stderr"))) {
        log->target = LOG_TO_STDERR;
        return true;
    }
    if (str_eq(text, STR("stdout"))) {
        log->target = LOG_TO_STDOUT;
        return true;
    }
    if (str_starts(text, syslog))
        return read_syslog(r, item, str_range(text.p + syslog.n, text.p + text.n), log);
    log->target = LOG_TO_FILE;
    log->path = value_read_path(r, row, item);
    return log->path != NULL;
}

/* ---- what of ---- */

static void add_status(struct access_log_config *log, unsigned status)
{
    log->if_status[status / 8] |= (uint8_t)(1u << status % 8);
}

static bool has_status(const struct access_log_config *log, unsigned status)
{
    return (log->if_status[status / 8] >> status % 8 & 1) != 0;
}

static void read_statuses(struct value_reader *r, const struct yaml_item *item,
                          struct access_log_config *log)
{
    struct yaml_item one = { .value = item->value };
    const struct yaml_item *at = item->value->kind == YAML_LIST ? item->value->items : &one;

    log->has_if_status = true;
    if (at == NULL)
        FAIL(r, item->value, "\"if_status\" is an empty list; it takes statuses, as in [4xx, 503]");
    for (; at != NULL; at = at->next) {
        struct str text = is_text(at->value) ? at->value->text : STR("");
        uint64_t status = 0;

        if (text.n == 3 && text.p[0] >= '1' && text.p[0] <= '5' &&
            str_eq_case(str_range(text.p + 1, text.p + 3), STR("xx"))) {
            for (unsigned i = 0; i < 100; i++)
                add_status(log, (unsigned)(text.p[0] - '0') * 100 + i);
        } else if (str_to_u64(text, &status) && status >= STATUS_FIRST && status <= STATUS_LAST) {
            add_status(log, (unsigned)status);
        } else if (at->value->kind != YAML_BROKEN) {
            FAIL(r, at->value, "\"if_status\" takes statuses from 100 to 599, as in [4xx, 503]");
        }
    }
}

static void read_slower(struct value_reader *r, const struct yaml_item *item,
                        struct access_log_config *log)
{
    if (!is_text(item->value) || !value_parse_duration(item->value->text, &log->if_slower_ms) ||
        log->if_slower_ms == 0)
        FAIL(r, item->value, "\"if_slower\" takes a time, as in 500ms or 2s");
}

/* "12.5%" as 125000. */
static bool parse_share(struct str text, unsigned *share)
{
    struct str whole, part;
    uint64_t value, fraction = 0, unit = LOG_SHARE_ALL / 100;

    if (!str_ends(text, STR("%")))
        return false;
    part = str_range(text.p, text.p + text.n - 1);
    whole = str_cut(&part, '.');
    if (!str_to_u64(whole, &value) || value > 100)
        return false;
    if (part.p != NULL && (part.n > SHARE_DIGITS || !str_to_u64(part, &fraction)))
        return false;
    value *= unit;
    for (size_t i = 0; i < part.n; i++)
        unit /= 10;
    value += fraction * unit;
    *share = (unsigned)value;
    return value <= LOG_SHARE_ALL;
}

static void read_share(struct value_reader *r, const struct yaml_item *item,
                       struct access_log_config *log)
{
    if (!is_text(item->value) || !parse_share(item->value->text, &log->share))
        FAIL(r, item->value, "\"sample\" takes a share from 0%% to 100%%, as in 1%% or 0.05%%");
}

/* ---- what it says ---- */

static void refuse_format(struct value_reader *r, const struct yaml_node *node,
                          const struct log_format_error *error)
{
    unsigned line = node->mark.line;
    unsigned column = config_errors_column(r->errors, line, node->mark.column, error->at);
    unsigned width = column == node->mark.column ? node->mark.width : (unsigned)error->at.n;
    const char *name = utf8_short(error->at).text;

    if (!error->is_name)
        config_error_add(r->errors, line, column, width,
                         "behind \"$\" stands the name of a variable, as in $status or ${status}; "
                         "\"$$\" is a \"$\"");
    else if (error->guess != NULL)
        config_error_add(r->errors, line, column, width,
                         "there is no variable \"%s\"; did you mean \"$%s\"?", name, error->guess);
    else
        config_error_add(r->errors, line, column, width,
                         "there is no variable \"%s\"; remuda.yaml(5) lists those that there are",
                         name);
}

static void refuse_quotes(struct value_reader *r, const struct yaml_node *node, struct str name)
{
    if (name.p == NULL)
        FAIL(r, node, "a text that begins with \"{\" is JSON, and this one ends within quotes");
    else
        FAIL(
            r, node,
            "a text that begins with \"{\" is JSON: $%.*s%s must stand in quotes there, and behind "
            "no backslash, as in {\"value\":\"$%.*s%s\"}",
            STR_ARG(name), name.p[name.n - 1] == '_' ? "NAME" : "", STR_ARG(name),
            name.p[name.n - 1] == '_' ? "NAME" : "");
}

static void read_format(struct value_reader *r, const struct yaml_item *item,
                        struct access_log_config *log)
{
    struct str text = item->value->text;
    struct log_format_error error;
    struct log_format *format;
    struct str name;

    if (!is_text(item->value) || text.n > FORMAT_MAX) {
        FAIL(r, item->value,
             "\"format\" takes combined, common, json or a text with variables of at most %d "
             "bytes, as in '$remote_addr $status'",
             FORMAT_MAX);
        return;
    }
    if (str_eq(log_format_text(text), text) && memchr(text.p, '$', text.n) == NULL) {
        FAIL(r, item->value,
             "there is no format \"%s\"; it is combined, common, json or a text with variables, "
             "as in '$remote_addr $status'",
             utf8_short(text).text);
        return;
    }
    format = log_format_new(log_format_text(text), &error);
    if (format == NULL)
        refuse_format(r, item->value, &error);
    else if (text.p[0] == '{' && !log_format_is_quoted(format, &name))
        refuse_quotes(r, item->value, name);
    else
        field_set_text(&log->format, str_dup(text));
    log_format_free(&format);
}

/* ---- what syslog is told ---- */

static void read_code(struct value_reader *r, const struct yaml_item *item,
                      const char *const *names, unsigned count, unsigned *code)
{
    struct buf takes = { 0 };

    for (unsigned i = 0; i < count; i++) {
        if (is_text(item->value) && str_eq_case(item->value->text, str_of(names[i]))) {
            *code = i;
            buf_fini(&takes);
            return;
        }
        buf_printf(&takes, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", names[i]);
    }
    FAIL(r, item->value, "\"%s\" takes %s", utf8_short(item->key->text).text, buf_cstr(&takes));
    buf_fini(&takes);
}

static void read_tag(struct value_reader *r, const struct yaml_item *item,
                     struct access_log_config *log)
{
    struct str text = item->value->text;
    bool is_good = is_text(item->value) && text.n <= TAG_MAX;

    for (size_t i = 0; is_good && i < text.n; i++)
        is_good = text.p[i] > ' ' && text.p[i] <= '~';
    if (is_good)
        field_set_text(&log->tag, str_dup(text));
    else
        FAIL(r, item->value, "\"tag\" takes 1 to %d printable ASCII characters without blanks",
             TAG_MAX);
}

/* ---- the map ---- */

static void read_key(struct value_reader *r, const struct yaml_item *at,
                     struct access_log_config *log)
{
    struct str name = at->key->text;
    bool is_syslogs = true;

    if (at->value->kind == YAML_BROKEN)
        return;
    if (str_eq(name, STR("facility")))
        read_code(r, at, facilities, sizeof(facilities) / sizeof(*facilities), &log->facility);
    else if (str_eq(name, STR("severity")))
        read_code(r, at, severities, sizeof(severities) / sizeof(*severities), &log->severity);
    else if (str_eq(name, STR("tag")))
        read_tag(r, at, log);
    else
        is_syslogs = false;
    if (is_syslogs && log->target != LOG_TO_SYSLOG)
        FAIL(r, at->key, "\"%s\" is for a log that goes to syslog, as in to: syslog:/dev/log",
             utf8_short(name).text);
    if (is_syslogs)
        return;
    if (str_eq(name, STR("format")))
        read_format(r, at, log);
    else if (str_eq(name, STR("if_status")))
        read_statuses(r, at, log);
    else if (str_eq(name, STR("if_slower")))
        read_slower(r, at, log);
    else if (str_eq(name, STR("sample")))
        read_share(r, at, log);
    else if (!str_eq(name, STR("to")))
        FAIL(r, at->key,
             "\"access_log\" has no setting \"%s\"; it has to, format, if_status, if_slower, "
             "sample, and for syslog facility, severity and tag",
             utf8_short(name).text);
}

static void read_map(struct value_reader *r, const struct setting *row, const struct yaml_node *map,
                     struct access_log_config *log)
{
    const struct yaml_item *to = yaml_map_find(map, "to");

    if (to == NULL) {
        FAIL(r, map, "\"access_log\" needs \"to\", as in %s", row->example);
        return;
    }
    if (to->value->kind == YAML_BROKEN)
        return;
    if (!is_text(to->value) || value_is_none(row, to->value->text)) {
        FAIL(r, to->value, "\"to\" takes a path, stderr, stdout or syslog:ADDRESS");
        return;
    }
    if (!read_target(r, row, to, log))
        return;
    if (yaml_map_find(map, "if_status") != NULL || yaml_map_find(map, "if_slower") != NULL)
        log->share = 0;
    for (const struct yaml_item *at = map->items; at != NULL; at = at->next)
        read_key(r, at, log);
    if (log->share == 0 && !log->has_if_status && yaml_map_find(map, "if_slower") == NULL)
        FAIL(r, map, "nothing would be logged: access_log: off says that");
}

/* ---- as YAML ---- */

static void write_target(const struct access_log_config *log, struct buf *out)
{
    char address[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX + 8];
    size_t skip;

    switch (log->target) {
    case LOG_TO_FILE:
        field_write_text(str_of(log->path), out);
        break;
    case LOG_TO_STDERR:
        buf_add(out, STR("stderr"));
        break;
    case LOG_TO_STDOUT:
        buf_add(out, STR("stdout"));
        break;
    case LOG_TO_SYSLOG:
        address_format(&log->syslog, address);
        skip = log->syslog.sa.ss_family == AF_UNIX ? strlen("unix:") : 0;
        snprintf(text, sizeof(text), "syslog:%s", address + skip);
        field_write_text(str_of(text), out);
        break;
    }
}

static void write_statuses(const struct access_log_config *log, struct buf *out)
{
    const char *comma = "";

    buf_add(out, STR(", if_status: ["));
    for (unsigned class = STATUS_FIRST; class <= STATUS_LAST; class += 100) {
        unsigned count = 0;

        for (unsigned i = 0; i < 100; i++)
            count += has_status(log, class + i);
        for (unsigned i = 0; count < 100 && i < 100; i++) {
            if (!has_status(log, class + i))
                continue;
            buf_printf(out, "%s%u", comma, class + i);
            comma = ", ";
        }
        if (count < 100)
            continue;
        buf_printf(out, "%s%uxx", comma, class / 100);
        comma = ", ";
    }
    buf_add_char(out, ']');
}

static void write_share(unsigned share, struct buf *out)
{
    unsigned unit = LOG_SHARE_ALL / 100;

    buf_printf(out, ", sample: %u", share / unit);
    if (share % unit != 0)
        buf_printf(out, ".%0*u", SHARE_DIGITS, share % unit);
    buf_add_char(out, '%');
}

/* All but the target is left away where it is as it would be anyway. */
static char *write_log(const struct access_log_config *log)
{
    bool has_condition = log->has_if_status || log->if_slower_ms > 0;
    struct buf target = { 0 }, rest = { 0 }, whole = { 0 };

    write_target(log, &target);
    if (strcmp(log->format, "combined") != 0) {
        buf_add(&rest, STR(", format: "));
        field_write_text(str_of(log->format), &rest);
    }
    if (log->has_if_status)
        write_statuses(log, &rest);
    if (log->if_slower_ms > 0) {
        buf_add(&rest, STR(", if_slower: "));
        setting_format_number(SET_DURATION, log->if_slower_ms, &rest);
    }
    if (log->share != (has_condition ? 0 : LOG_SHARE_ALL))
        write_share(log->share, &rest);
    if (log->facility != LOCAL7)
        buf_printf(&rest, ", facility: %s", facilities[log->facility]);
    if (log->severity != INFO)
        buf_printf(&rest, ", severity: %s", severities[log->severity]);
    if (strcmp(log->tag, "remuda") != 0) {
        buf_add(&rest, STR(", tag: "));
        field_write_text(str_of(log->tag), &rest);
    }
    if (rest.n == 0)
        return buf_take(&target);
    buf_printf(&whole, "{to: %s%s}", buf_cstr(&target), buf_cstr(&rest));
    buf_fini(&target);
    buf_fini(&rest);
    return buf_take(&whole);
}

/* The same one if there is; takes the log. */
static int add_log(struct config *config, struct access_log_config *log)
{
    log->text = write_log(log);
    for (size_t i = 0; i < config->access_log_count; i++) {
        if (strcmp(config->access_logs[i].text, log->text) == 0) {
            access_log_fini(log);
            return (int)i;
        }
    }
    config->access_logs = xrealloc(config->access_logs,
                                   (config->access_log_count + 1) * sizeof(*config->access_logs));
    config->access_logs[config->access_log_count] = *log;
    return (int)config->access_log_count++;
}

void access_log_read(struct value_reader *r, const struct setting *row,
                     const struct yaml_item *item, int *field)
{
    struct access_log_config log = { .facility = LOCAL7, .severity = INFO, .share = LOG_SHARE_ALL };
    size_t known = r->errors->count;

    if (is_text(item->value) && value_is_none(row, item->value->text)) {
        *field = ACCESS_LOG_OFF;
        return;
    }
    log.format = xstrdup("combined");
    log.tag = xstrdup("remuda");
    if (item->value->kind == YAML_MAP)
        read_map(r, row, item->value, &log);
    else if (is_text(item->value))
        read_target(r, row, item, &log);
    else
        value_refuse(r, row, item);
    if (r->errors->count > known || item->value->kind == YAML_BROKEN)
        access_log_fini(&log);
    else
        *field = add_log(r->config, &log);
}
