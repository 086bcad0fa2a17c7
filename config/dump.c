#include <assert.h>
#include <stdlib.h>

#include "config/config.h"
#include "config/values.h"

enum { COMMENT_COLUMNS = 92 };

void value_write_text(struct str text, struct buf *out)
{
    bool is_plain = text.n > 0;

    /* Words, numbers and paths stand as they are; all else is quoted, which is never wrong. */
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);

        is_plain = is_plain && ((c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '/' ||
                                (i > 0 && (c == '.' || c == '-' || c == '_')));
    }
    if (is_plain && !str_eq_case(text, STR("null"))) {
        buf_add(out, text);
        return;
    }
    buf_add_char(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            buf_add_char(out, '\'');
        buf_add_char(out, text.p[i]);
    }
    buf_add_char(out, '\'');
}

/* "8080" became two addresses that follow each other; it is written as one. */
static bool is_pair(const struct config *config, size_t i)
{
    return i + 1 < config->listen_count && config->listens[i + 1].is_wildcard_ipv6;
}

static void write_listens(const struct config *config, unsigned indent, struct buf *out)
{
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < config->listen_count; i++) {
        if (is_pair(config, i)) {
            snprintf(text, sizeof(text), "*:%u", address_port(&config->listens[i].address));
            i++;
        } else {
            address_format(&config->listens[i].address, text);
        }
        buf_printf(out, "\n%*s  - ", (int)indent, "");
        value_write_text(str_of(text), out);
    }
}

static void write_index(const struct setting *row, const struct scope *scope, struct buf *out)
{
    if (scope->index_count == 0) {
        buf_printf(out, " %s", row->none);
        return;
    }
    buf_add(out, STR(" ["));
    for (size_t i = 0; i < scope->index_count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        value_write_text(str_of(scope->index[i]), out);
    }
    buf_add_char(out, ']');
}

static void write_error_pages(const struct scope *scope, unsigned indent, struct buf *out)
{
    for (size_t i = 0; i < scope->error_page_count; i++) {
        buf_printf(out, "\n%*s  %u: ", (int)indent, "", scope->error_pages[i].status);
        value_write_text(str_of(scope->error_pages[i].path), out);
    }
}

/* The word for nothing, quoted text otherwise; a text that looks like the word is a path ./word. */
static void write_text_or_none(const struct setting *row, const char *text, struct buf *out)
{
    buf_add_char(out, ' ');
    if (text == NULL || text[0] == '\0')
        buf_add(out, str_of(row->none));
    else
        value_write_text(str_of(text), out);
}

static void write_number(const struct setting *row, uint64_t value, struct buf *out)
{
    buf_add_char(out, ' ');
    if (value == 0 && row->none != NULL)
        buf_add(out, str_of(row->none));
    else
        setting_format_number(row->type, value, out);
}

#define FIELD(base, row, type) (*(const type *)(const void *)((const char *)(base) + (row)->offset))

bool value_is_set(const struct setting *row, const void *base)
{
    const struct scope *scope = base;

    switch (row->type) {
    case SET_ACCOUNT:
        return FIELD(base, row, char *) != NULL;
    case SET_PATH:
    case SET_SOCKET_PATH:
        return row->none != NULL || FIELD(base, row, char *) != NULL;
    case SET_ERROR_PAGES:
        return scope->error_page_count > 0;
    case SET_STRUCTURE:
        return false;
    default:
        return true;
    }
}

void value_write(const struct setting *row, const struct config *config, const void *base,
                 unsigned indent, struct buf *out)
{
    switch (row->type) {
    case SET_BOOL:
        buf_add(out, FIELD(base, row, bool) ? STR(" on") : STR(" off"));
        break;
    case SET_SWITCH:
        buf_printf(out, " %s", row->words[FIELD(base, row, bool)]);
        break;
    case SET_LOG_LEVEL:
        buf_printf(out, " %s", log_level_names[FIELD(base, row, enum log_level)]);
        break;
    case SET_WORKERS:
    case SET_UNSIGNED:
        write_number(row, FIELD(base, row, unsigned), out);
        break;
    case SET_COUNT:
    case SET_SIZE:
    case SET_DURATION:
        write_number(row, FIELD(base, row, uint64_t), out);
        break;
    case SET_ACCOUNT:
    case SET_MEDIA_TYPE:
    case SET_CHARSET:
    case SET_PATH:
    case SET_SOCKET_PATH:
        write_text_or_none(row, FIELD(base, row, char *), out);
        break;
    case SET_ACCESS_LOG:
        write_text_or_none(row,
                           FIELD(base, row, int) == ACCESS_LOG_OFF
                               ? NULL
                               : config->access_logs[FIELD(base, row, int)],
                           out);
        break;
    case SET_INDEX:
        write_index(row, base, out);
        break;
    case SET_ERROR_PAGES:
        write_error_pages(base, indent, out);
        break;
    case SET_LISTEN:
        write_listens(config, indent, out);
        break;
    case SET_GROUP:
    case SET_STRUCTURE:
        break;
    }
}

static void dump_row(const struct setting *row, const struct config *config, const void *base,
                     unsigned indent, struct buf *out)
{
    if (!value_is_set(row, base))
        return;
    buf_printf(out, "%*s%s:", (int)indent, "", row->name);
    value_write(row, config, base, indent, out);
    buf_add_char(out, '\n');
}

static void dump_route(const struct config *config, const struct route *route, struct buf *out)
{
    buf_add(out, STR("      - path: "));
    value_write_text(str_of(route->path), out);
    buf_add_char(out, '\n');
    for (size_t i = 0; i < setting_count; i++)
        if (setting_is_scoped(&settings[i]))
            dump_row(&settings[i], config, &route->scope, 8, out);
}

static void dump_site(const struct config *config, const struct site *site, struct buf *out)
{
    buf_add(out, STR("  - hosts: ["));
    for (size_t i = 0; i < site->host_count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        value_write_text(str_of(site->hosts[i]), out);
    }
    buf_add(out, STR("]\n    routes:\n"));
    for (size_t i = 0; i < site->route_count; i++)
        dump_route(config, &site->routes[i], out);
}

void config_dump(const struct config *config, FILE *out)
{
    struct buf text = { 0 };

    buf_add(&text,
            STR("# What is in effect: every setting, and for each route all that it inherits.\n"));
    for (size_t i = 0; i < setting_count; i++)
        if (!setting_is_scoped(&settings[i]))
            dump_row(&settings[i], config, config, settings[i].scopes == SCOPE_FILE_CACHE ? 2 : 0,
                     &text);
    buf_add(&text, STR("\n# Sites are chosen by the request's host, their routes by its path: the "
                       "longest that fits.\nsites:\n"));
    for (size_t i = 0; i < config->site_count; i++)
        dump_site(config, &config->sites[i], &text);
    fputs(buf_cstr(&text), out);
    buf_fini(&text);
}

/* A comment of whole words in lines that fit. */
static void write_comment(struct str text, unsigned indent, struct buf *out)
{
    size_t used = COMMENT_COLUMNS;

    while (text.p != NULL) {
        struct str word = str_cut(&text, ' ');

        if (used + 1 + word.n > COMMENT_COLUMNS) {
            buf_printf(out, "%s%*s#", out->n > 0 && out->p[out->n - 1] != '\n' ? "\n" : "",
                       (int)indent, "");
            used = indent + 1;
        }
        buf_add_char(out, ' ');
        buf_add(out, word);
        used += 1 + word.n;
    }
    buf_add_char(out, '\n');
}

/* Help, what it takes, and the row with its default; as a comment where there is none. */
static void write_full_row(const struct setting *row, struct buf *out)
{
    unsigned indent = row->scopes == SCOPE_FILE_CACHE ? 2 : 0;
    struct buf about = { 0 };

    if (row->heading != NULL)
        buf_printf(out, "\n# ---- %s ----\n", row->heading);
    buf_add_char(out, '\n');
    write_comment(str_of(row->help), indent, out);
    buf_add(&about, STR("Takes "));
    setting_describe(row, &about);
    buf_add_char(&about, '.');
    write_comment(buf_str(&about), indent, out);
    buf_fini(&about);
    if (strcmp(row->name, "root") == 0)
        buf_add(out, STR("root: www\n"));
    else if (row->type == SET_GROUP)
        buf_printf(out, "%s:\n", row->name);
    else if (row->default_text != NULL)
        buf_printf(out, "%*s%s: %s\n", (int)indent, "", row->name, row->default_text);
    else
        buf_printf(out, "# %s: %s\n", row->name, row->example);
}

static const char full_head[] =
    "# Every setting of Remuda with its default, written by `remuda --full`.\n"
    "#\n"
    "# Sizes are bytes or 64k, 8KiB, 1MiB, 2g. Times are 500ms, 30s, 2m, 1h, 1d; a bare number is\n"
    "# seconds. Relative paths start at this file's folder. Check with: remuda -t -c FILE\n";

static const char full_sites[] =
    "\n# ---- sites and routes ----\n"
    "#\n"
    "# A site is chosen by the request's host, a route inside of it by the start of the path, by\n"
    "# whole segments, the longest first. A route inherits from its site, a site from what stands\n"
    "# above. A host that no site names goes to the site '*', or to the settings above if they "
    "have\n"
    "# a root, or to the first site. Without sites, routes may stand here for all hosts.\n"
    "#\n"
    "# sites:\n"
    "#   - hosts: [example.org, www.example.org]\n"
    "#     root: /srv/example.org\n"
    "#     access_log: /var/log/remuda/example.org.log\n"
    "#     error_pages:\n"
    "#       404: /404.html\n"
    "#     routes:\n"
    "#       - path: /images              # /images/a.png is /srv/images/a.png\n"
    "#         alias: /srv/images\n"
    "#         etag: off\n"
    "#       - path: /upload\n"
    "#         client_max_body_size: 64MiB\n"
    "#   - hosts: '*.example.org'\n"
    "#     root: /srv/others\n";

void config_write_full(FILE *out)
{
    struct buf text = { 0 };

    buf_add(&text, str_of(full_head));
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].type != SET_STRUCTURE && settings[i].scopes != SCOPE_ROUTE)
            write_full_row(&settings[i], &text);
    buf_add(&text, str_of(full_sites));
    fputs(buf_cstr(&text), out);
    buf_fini(&text);
}
