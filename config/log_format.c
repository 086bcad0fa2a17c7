#include "config/log_format.h"

#include <stdlib.h>

#include "common/xmalloc.h"

#define COMMON "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent"

static const struct {
    struct str name, text;
} formats[] = {
    { STR_INIT("combined"), STR_INIT(COMMON " \"$http_referer\" \"$http_user_agent\"") },
    { STR_INIT("common"), STR_INIT(COMMON) },
    { STR_INIT("json"),
      STR_INIT("{\"time\":\"$time_iso8601\",\"msec\":$msec,\"remote_addr\":\"$remote_addr\","
               "\"remote_port\":$remote_port,\"remote_user\":\"$remote_user\","
               "\"request\":\"$request\",\"method\":\"$request_method\",\"uri\":\"$request_uri\","
               "\"protocol\":\"$server_protocol\",\"scheme\":\"$scheme\",\"host\":\"$host\","
               "\"status\":$status,\"body_bytes_sent\":$body_bytes_sent,"
               "\"request_length\":$request_length,\"request_time\":$request_time,"
               "\"connection_requests\":$connection_requests,\"referer\":\"$http_referer\","
               "\"user_agent\":\"$http_user_agent\",\"site\":\"$site\",\"route\":\"$route\","
               "\"request_id\":\"$request_id\","
               "\"worker\":$worker}") },
};

static const struct {
    struct str name;
    enum log_life life;
} variables[LOG_VARIABLE_COUNT] = { [LOG_TEXT] = { STR_INIT(""), LOG_FIXED },
                                    [LOG_HTTP] = { STR_INIT("http_"), LOG_REPEATS },
#define ROW(name, word, life) [LOG_##name] = { STR_INIT(word), life },
                                    LOG_VARIABLES(ROW)
#undef ROW
};

struct str log_format_text(struct str format)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (str_eq(format, formats[i].name))
            return formats[i].text;
    return format;
}

enum log_life log_variable_life(enum log_variable variable)
{
    return variables[variable].life;
}

static bool is_number(enum log_variable variable)
{
    switch (variable) {
    case LOG_REMOTE_PORT:
    case LOG_SERVER_PORT:
    case LOG_MSEC:
    case LOG_REQUEST_TIME:
    case LOG_CONNECTION_REQUESTS:
    case LOG_STATUS:
    case LOG_BODY_BYTES_SENT:
    case LOG_REQUEST_LENGTH:
    case LOG_PID:
    case LOG_WORKER:
        return true;
    default:
        return false;
    }
}

/* Behind the text: whether it ends in quotes, and behind a backslash there. */
static void follow_quotes(struct str text, bool *is_inside, bool *is_escaped)
{
    for (size_t i = 0; i < text.n; i++) {
        if (*is_escaped)
            *is_escaped = false;
        else if (*is_inside && text.p[i] == '\\')
            *is_escaped = true;
        else if (text.p[i] == '"')
            *is_inside = !*is_inside;
    }
}

bool log_format_is_quoted(const struct log_format *format, struct str *name)
{
    bool is_inside = false, is_escaped = false;

    for (size_t i = 0; i < format->count; i++) {
        const struct log_part *part = &format->parts[i];

        *name = variables[part->variable].name;
        if (part->variable == LOG_TEXT)
            follow_quotes(part->text, &is_inside, &is_escaped);
        else if (is_escaped || (!is_inside && !is_number(part->variable)))
            return false;
    }
    *name = STR_NONE;
    return !is_inside;
}

static bool is_name_char(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
}

/* LOG_TEXT: there is none of this name. */
static struct log_part part_of(struct str name)
{
    struct str prefix = variables[LOG_HTTP].name;

    for (unsigned i = LOG_HTTP + 1; i < LOG_VARIABLE_COUNT; i++)
        if (str_eq_case(name, variables[i].name))
            return (struct log_part){ .variable = i };
    if (name.n > prefix.n && str_eq_case((struct str){ name.p, prefix.n }, prefix))
        return (struct log_part){ LOG_HTTP, str_range(name.p + prefix.n, name.p + name.n) };
    return (struct log_part){ LOG_TEXT, STR_NONE };
}

static const char *guess(struct str name)
{
    unsigned best = 2 + (unsigned)name.n / 4;
    const char *found = NULL;

    for (unsigned i = LOG_HTTP + 1; i < LOG_VARIABLE_COUNT; i++) {
        unsigned distance = str_distance(name, variables[i].name);

        if (distance >= best)
            continue;
        best = distance;
        found = variables[i].name.p;
    }
    return found;
}

/* What stands at a '$'; the byte behind it. NULL: *error. */
static const char *read_variable(const char *dollar, const char *end, struct log_part *part,
                                 struct log_format_error *error)
{
    const char *from = dollar + 1, *to;
    bool has_brace = from < end && *from == '{';

    if (from < end && *from == '$') {
        *part = (struct log_part){ LOG_TEXT, str_range(from, from + 1) };
        return from + 1;
    }
    from += has_brace;
    for (to = from; to < end && is_name_char(*to);)
        to++;
    *error = (struct log_format_error){ .at = str_range(dollar, to) };
    if (to == from || (has_brace && (to == end || *to != '}')))
        return NULL;
    *part = part_of(str_range(from, to));
    if (part->variable != LOG_TEXT)
        return to + has_brace;
    error->is_name = true;
    error->guess = guess(str_range(from, to));
    return NULL;
}

struct log_format *log_format_new(struct str text, struct log_format_error *error)
{
    struct log_format *format = xmalloc(sizeof(*format) + (text.n + 1) * sizeof(struct log_part));
    const char *p = text.p, *end = text.p + text.n;
    bool is_good = true;

    format->count = 0;
    while (is_good && p < end) {
        struct log_part *part = &format->parts[format->count++];
        const char *dollar;

        if (*p == '$') {
            p = read_variable(p, end, part, error);
            is_good = p != NULL;
            continue;
        }
        dollar = memchr(p, '$', (size_t)(end - p));
        *part = (struct log_part){ LOG_TEXT, str_range(p, dollar != NULL ? dollar : end) };
        p += part->text.n;
    }
    if (!is_good)
        log_format_free(&format);
    return format;
}

void log_format_free(struct log_format **format)
{
    free(*format);
    *format = NULL;
}
