#include "config/dump.h"

#include "config/fields.h"
#include "config/kinds.h"

enum { COMMENT_COLUMNS = 92 };

const char *const dump_route_words[] = {
    [MATCH_EXACT] = "exact",
    [MATCH_REGEX] = "regex",
    [MATCH_PREFIX] = "path",
};

static bool is_group_set(const struct setting *group, const void *base)
{
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].scopes == (unsigned)group->group && field_is_set(&settings[i], base))
            return true;
    return false;
}

static void dump_row(const struct setting *row, const struct config *config, const void *base,
                     unsigned indent, struct buf *out)
{
    if (!field_is_set(row, base) || (row->type == SET_GROUP && !is_group_set(row, base)))
        return;
    buf_printf(out, "%*s%s:", (int)indent, "", row->name);
    field_write(row, config, base, indent, out);
    buf_add_char(out, '\n');
}

static void dump_route(const struct config *config, const struct route *route, struct buf *out)
{
    buf_printf(out, "      - %s: ", dump_route_words[route->match]);
    field_write_text(str_of(route->path), out);
    buf_add_char(out, '\n');
    for (size_t i = 0; i < setting_count; i++)
        if (setting_is_scoped(&settings[i]))
            dump_row(&settings[i], config, &route->scope, 8 + setting_indent(&settings[i]), out);
}

void dump_site_listen(const struct config *config, const struct site *site, struct buf *out)
{
    char text[ADDRESS_TEXT_MAX];
    bool is_first = true;

    if (site->listen_mask == UINT64_MAX)
        return;
    buf_add(out, STR(" ["));
    for (size_t i = 0; i < config->listen_count; i++) {
        if ((site->listen_mask >> i & 1) == 0)
            continue;
        buf_add(out, str_of(is_first ? "" : ", "));
        address_format(&config->listens[i].address, text);
        field_write_text(str_of(text), out);
        is_first = false;
    }
    buf_add_char(out, ']');
}

void dump_hosts(const struct site *site, struct buf *out)
{
    buf_add(out, STR(" ["));
    for (size_t i = 0; i < site->host_count; i++) {
        buf_add(out, str_of(i > 0 ? ", " : ""));
        field_write_text(str_of(site->hosts[i]), out);
    }
    buf_add_char(out, ']');
}

static void dump_site(const struct config *config, const struct site *site, struct buf *out)
{
    buf_add(out, STR("  - hosts:"));
    dump_hosts(site, out);
    buf_add_char(out, '\n');
    if (site->listen_mask != UINT64_MAX) {
        buf_add(out, STR("    listen:"));
        dump_site_listen(config, site, out);
        buf_add_char(out, '\n');
    }
    if (site->rewrites.count > 0) {
        buf_add(out, STR("    rewrite:"));
        rewrites_write(&site->rewrites, 4, out);
        buf_add_char(out, '\n');
    }
    buf_add(out, STR("    routes:\n"));
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
            dump_row(&settings[i], config, config, setting_indent(&settings[i]), &text);
    buf_add(&text,
            STR("\n# Sites are chosen by the request's host, their routes by its path, in the "
                "order they are asked.\nsites:\n"));
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
    unsigned indent = setting_indent(row);
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
    else if (row->type == SET_GROUP && setting_group_has_default(row))
        buf_printf(out, "%s:\n", row->name);
    else if (row->default_text != NULL)
        buf_printf(out, "%*s%s: %s\n", (int)indent, "", row->name, row->default_text);
    else
        buf_printf(out, "# %*s%s: %s\n", (int)indent, "", row->name, row->example);
}

static const char full_head[] =
    "# Every setting of Remuda with its default, written by `remuda --full`.\n"
    "#\n"
    "# Sizes are bytes or 64k, 8KiB, 1MiB, 2g. Times are 500ms, 30s, 2m, 1h, 1d; a bare number is\n"
    "# seconds. Relative paths start at this file's folder. Check with: remuda -t -c FILE\n";

static const char full_sites[] =
    "\n# ---- sites and routes ----\n"
    "#\n"
    "# A site is chosen by the request's host, a route inside of it by the path: first those with\n"
    "# exact, then those with regex in the order written, then those with path, by whole "
    "segments,\n"
    "# the longest first. So a regex that matches overrides every path: what protects /private is\n"
    "# not asked for /private/a.png when there is a route for '\\.png$', which needs its own "
    "access\n"
    "# or auth_basic. A route with methods or request_headers that do not fit is passed over.\n"
    "#\n"
    "# A route inherits from its site, a site from what stands above. A host that no site names\n"
    "# goes to the site '*', or to the settings above if they have a root, or to the first site.\n"
    "# Without sites, routes may stand here for all hosts.\n"
    "#\n"
    "# sites:\n"
    "#   - hosts: [example.org, www.example.org]\n"
    "#     root: /srv/example.org\n"
    "#     listen: 8080                  # one or some of the server's addresses; else all\n"
    "#     access_log: /var/log/remuda/example.org.log\n"
    "#     error_pages:\n"
    "#       404: /404.html\n"
    "#     routes:\n"
    "#       - path: /images              # /images/a.png is /srv/images/a.png\n"
    "#         alias: /srv/images\n"
    "#         etag: off\n"
    "#       - path: /upload\n"
    "#         methods: [POST, PUT]        # others look further\n"
    "#         client_max_body_size: 64MiB\n"
    "#       - path: /\n"
    "#         request_headers: {X-Beta: '1'} # only with this field; '*': with any value\n"
    "#         root: /srv/beta\n"
    "#       - exact: /old.html            # this very path, before all others\n"
    "#         redirect: {to: /new.html, status: 301}\n"
    "#       - regex: '^/user/([0-9]+)$'   # before every path, in the order written\n"
    "#         redirect: /people?id=$1\n"
    "#       - exact: /health\n"
    "#         respond: {status: 200, body: ok} # a fixed response\n"
    "#       - exact: /status\n"
    "#         status_page: on             # live charts; also for Prometheus\n"
    "#         access: [{allow: 127.0.0.0/8}, {deny: all}]\n"
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
