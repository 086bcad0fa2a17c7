#include "config/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "common/xmalloc.h"
#include "config/dump.h"
#include "config/fields.h"
#include "config/kinds.h"
#include "config/match.h"

enum {
    VALUE_MAX = 72, /* characters of a value */
    LEAD_MAX = 24,  /* of them, before the first that differs */
    SECTION_MAX = 25,
    CHANGES_MAX = 1024, /* told apart; what comes beyond is only counted */
    BUCKETS = 1024,
};

/* The same change of the same setting, wherever it is. */
struct change {
    struct change *next;       /* of its bucket */
    const struct setting *row; /* whose values these are */
    bool is_of_site;           /* its sites', not their routes' */
    char *old, *new;           /* as the dump writes them; owned */
    size_t route_count, site_count;
    const struct site *first_site, *last_site;
    const struct route *first_route; /* NULL: is_of_site */
};

/* Lines of one kind; those that are too many are counted. */
struct section {
    struct buf text;
    size_t count;
    const char *what; /* there is more of */
};

struct differ {
    const struct config *old, *new;
    struct section server, sites, routes, values;
    struct change *changes; /* in the order found */
    size_t change_count, uncounted;
    struct change *buckets[BUCKETS];
    size_t site_count, route_count; /* in both configs */
    bool has_sites;                 /* else there are none to name */
    struct buf left, right;         /* scratch: a value of each */
};

/* ---- texts ---- */

/* False: it is one too many, and only counted. */
static bool section_begin(struct section *s)
{
    return ++s->count <= SECTION_MAX;
}

static void section_write(struct section *s, struct buf *out)
{
    buf_add(out, buf_str(&s->text));
    if (s->count > SECTION_MAX)
        buf_printf(out, "and %zu more %s\n", s->count - SECTION_MAX, s->what);
    buf_fini(&s->text);
}

/* "headers.set": members are told by the name of their group. */
static void add_name(const struct setting *row, struct buf *out)
{
    for (size_t i = 0; i < setting_count; i++)
        if (settings[i].type == SET_GROUP && (unsigned)settings[i].group == row->scopes)
            buf_printf(out, "%s.", settings[i].name);
    buf_printf(out, "%s", row->name);
}

/* A value that takes lines of its own, as what it would be in one. */
static char *in_one_line(struct str text)
{
    struct buf out = { 0 };
    bool is_list = false;

    if (text.n == 0)
        return xstrdup("not set");
    if (text.p[0] == ' ')
        return str_dup(str_range(text.p + 1, text.p + text.n));
    str_cut(&text, '\n');
    while (text.p != NULL) {
        struct str line = str_trim(str_cut(&text, '\n'));
        bool is_item = str_starts(line, STR("- "));

        buf_add(&out, out.n > 0 ? STR(", ") : is_item ? STR("[") : STR("{"));
        buf_add(&out, is_item ? str_range(line.p + 2, line.p + line.n) : line);
        is_list = is_item;
    }
    buf_add_char(&out, is_list ? ']' : '}');
    return buf_take(&out);
}

static size_t character_count(struct str text)
{
    size_t count = 0;

    for (; text.n > 0; count++)
        utf8_next(&text);
    return count;
}

/* From the character number `from` on. */
static void add_cut(struct str text, size_t from, struct buf *out)
{
    struct str rest;

    for (size_t i = 0; i < from; i++)
        utf8_next(&text);
    rest = text;
    for (size_t i = 0; i < VALUE_MAX && rest.n > 0; i++)
        utf8_next(&rest);
    buf_printf(out, "%s%.*s%s", from > 0 ? "..." : "", (int)(text.n - rest.n), text.p,
               rest.n > 0 ? "..." : "");
}

/* Of long values the part that differs, with a little before it. */
static void add_values(const char *old, const char *new, struct buf *out)
{
    struct str left = str_of(old), right = str_of(new);
    size_t same = 0, from = 0;

    if (character_count(left) > VALUE_MAX || character_count(right) > VALUE_MAX) {
        struct str a = left, b = right;

        while (a.n > 0 && b.n > 0 && utf8_next(&a) == utf8_next(&b))
            same++;
        from = same > LEAD_MAX ? same - LEAD_MAX : 0;
    }
    add_cut(left, from, out);
    buf_add(out, STR(" -> "));
    add_cut(right, from, out);
}

/* ---- where ---- */

static void add_site(const struct differ *d, const struct config *config, const struct site *site,
                     struct buf *out)
{
    if (!d->has_sites)
        return;
    buf_printf(out, "site %s", utf8_short(str_of(site->hosts[0])).text);
    if (site->listen_mask != UINT64_MAX) {
        buf_add(out, STR(" at"));
        dump_site_listen(config, site, out);
    }
}

static void add_route(const struct differ *d, const struct config *config, const struct site *site,
                      const struct route *route, struct buf *out)
{
    static const char *const kinds[] = {
        [MATCH_EXACT] = "exact ",
        [MATCH_REGEX] = "regex ",
        [MATCH_PREFIX] = "",
    };

    add_site(d, config, site, out);
    buf_printf(out, "%s%sroute ", d->has_sites ? ", " : "", kinds[route->match]);
    field_write_text(str_of(utf8_short(str_of(route->path)).text), out);
    if (route->scope.methods.count > 0)
        buf_printf(out, " (%s%s)", route->scope.methods.list[0],
                   route->scope.methods.count > 1 ? ", ..." : "");
    else if (route->scope.request_headers.count > 0)
        buf_printf(out, " (%s)", route->scope.request_headers.list[0].name);
}

static void add_sites_of(const struct differ *d, const struct change *c, struct buf *out)
{
    if (c->site_count > 1 && c->site_count == d->site_count) {
        buf_add(out, STR("all sites: "));
    } else if (c->site_count > 1) {
        buf_printf(out, "%zu sites (", c->site_count);
        add_site(d, d->new, c->first_site, out);
        buf_add(out, STR(", and others): "));
    } else if (d->has_sites) {
        add_site(d, d->new, c->first_site, out);
        buf_add(out, STR(": "));
    }
}

static void add_routes_of_site(const struct differ *d, const struct change *c, struct buf *out)
{
    size_t others = c->route_count - 1;

    if (c->route_count == c->first_site->route_count)
        add_site(d, d->new, c->first_site, out);
    else
        add_route(d, d->new, c->first_site, c->first_route, out);
    if (others > 0 && c->route_count != c->first_site->route_count)
        buf_printf(out, " and %zu other%s", others, others == 1 ? "" : "s");
    buf_add(out, STR(": "));
}

static void add_where(const struct differ *d, const struct change *c, struct buf *out)
{
    if (c->is_of_site) {
        add_sites_of(d, c, out);
    } else if (c->route_count > 1 && c->route_count == d->route_count) {
        buf_add(out, STR("all routes: "));
    } else if (c->site_count > 1) {
        buf_printf(out, "%zu routes of %zu sites (", c->route_count, c->site_count);
        add_route(d, d->new, c->first_site, c->first_route, out);
        buf_add(out, STR(", and others): "));
    } else if (d->has_sites || c->first_site->route_count > 1) {
        add_routes_of_site(d, c, out);
    }
}

static void write_changes(struct differ *d)
{
    for (size_t i = 0; i < d->change_count; i++) {
        const struct change *c = &d->changes[i];
        char *old, *new;

        if (!section_begin(&d->values))
            continue;
        add_where(d, c, &d->values.text);
        add_name(c->row, &d->values.text);
        buf_add(&d->values.text, STR(": "));
        old = in_one_line(str_of(c->old));
        new = in_one_line(str_of(c->new));
        add_values(old, new, &d->values.text);
        buf_add_char(&d->values.text, '\n');
        free(old);
        free(new);
    }
    d->values.count += d->uncounted;
}

/* ---- what differs ---- */

/* FNV-1a */
static size_t bucket_of(const struct setting *row, const struct buf *old, const struct buf *new)
{
    uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)(row - settings);

    for (size_t i = 0; i < old->n; i++)
        hash = (hash ^ (unsigned char)old->p[i]) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
    for (size_t i = 0; i < new->n; i++)
        hash = (hash ^ (unsigned char)new->p[i]) * 0x100000001b3;
    return (hash ^ hash >> 32) % BUCKETS;
}

/* That which has the values in d->left and d->right; NULL: there are too many already. */
static struct change *find_change(struct differ *d, const struct setting *row, bool is_of_site)
{
    struct change **bucket = &d->buckets[bucket_of(row, &d->left, &d->right)], *c;

    for (c = *bucket; c != NULL; c = c->next)
        if (c->row == row && c->is_of_site == is_of_site &&
            str_eq(str_of(c->old), buf_str(&d->left)) && str_eq(str_of(c->new), buf_str(&d->right)))
            return c;
    if (d->change_count == CHANGES_MAX)
        return NULL;
    c = &d->changes[d->change_count++];
    *c = (struct change){ .next = *bucket,
                          .row = row,
                          .is_of_site = is_of_site,
                          .old = str_dup(buf_str(&d->left)),
                          .new = str_dup(buf_str(&d->right)) };
    *bucket = c;
    return c;
}

/* d->left and d->right differ at this place. */
static void note_change(struct differ *d, const struct setting *row, const struct site *site,
                        const struct route *route)
{
    struct change *c = find_change(d, row, route == NULL);

    if (c == NULL) {
        d->uncounted++;
        return;
    }
    if (c->first_site == NULL) {
        c->first_site = site;
        c->first_route = route;
    }
    c->site_count += c->last_site != site;
    c->route_count += route != NULL;
    c->last_site = site;
}

static void write_value(const struct setting *row, const struct config *config, const void *base,
                        struct buf *out)
{
    out->n = 0;
    if (field_is_set(row, base))
        field_write(row, config, base, 0, out);
}

/* The values are in d->left and d->right then. */
static bool is_different(struct differ *d, const struct setting *row, const void *old,
                         const void *new)
{
    if (field_is_surely_same(row, old, new))
        return false;
    write_value(row, d->old, old, &d->left);
    write_value(row, d->new, new, &d->right);
    return !str_eq(buf_str(&d->left), buf_str(&d->right));
}

static void compare_server(struct differ *d)
{
    struct buf *out = &d->server.text;

    for (size_t i = 0; i < setting_count; i++) {
        char *old, *new;

        if (setting_is_scoped(&settings[i]) || !is_different(d, &settings[i], d->old, d->new))
            continue;
        old = in_one_line(buf_str(&d->left));
        new = in_one_line(buf_str(&d->right));
        add_name(&settings[i], out);
        buf_add(out, STR(": "));
        add_values(old, new, out);
        buf_add_char(out, '\n');
        free(old);
        free(new);
    }
}

static void compare_route(struct differ *d, const struct site *site, const struct route *old,
                          const struct route *new)
{
    d->route_count++;
    for (size_t i = 0; i < setting_count; i++)
        if (setting_is_scoped(&settings[i]) &&
            is_different(d, &settings[i], &old->scope, &new->scope))
            note_change(d, &settings[i], site, new);
}

static void note_route(struct differ *d, char sign, const struct config *config,
                       const struct site *site, const struct route *route)
{
    if (!section_begin(&d->routes))
        return;
    buf_printf(&d->routes.text, "%c ", sign);
    add_route(d, config, site, route, &d->routes.text);
    buf_add_char(&d->routes.text, '\n');
}

static void note_site(struct differ *d, char sign, const struct config *config,
                      const struct site *site)
{
    if (!section_begin(&d->sites))
        return;
    buf_printf(&d->sites.text, "%c ", sign);
    add_site(d, config, site, &d->sites.text);
    buf_add_char(&d->sites.text, '\n');
}

/* Those who stay come in the order that they had. */
static bool is_in_order(const long *partners, size_t count)
{
    long last = MATCH_NOTHING;

    for (size_t i = 0; i < count; i++) {
        if (partners[i] == MATCH_NOTHING)
            continue;
        if (partners[i] < last)
            return false;
        last = partners[i];
    }
    return true;
}

/* Of each old one, whether it has a partner. */
static bool *find_kept(const long *partners, size_t count, size_t old_count)
{
    bool *is_kept = xcalloc(old_count + 1, sizeof(*is_kept));

    for (size_t i = 0; i < count; i++)
        if (partners[i] != MATCH_NOTHING)
            is_kept[partners[i]] = true;
    return is_kept;
}

static void compare_routes(struct differ *d, const struct site *old, const struct site *new)
{
    long *partners = match_routes(old, new);
    bool *is_kept = find_kept(partners, new->route_count, old->route_count);

    for (size_t i = 0; i < old->route_count; i++)
        if (!is_kept[i])
            note_route(d, '-', d->old, old, &old->routes[i]);
    for (size_t i = 0; i < new->route_count; i++)
        if (partners[i] == MATCH_NOTHING)
            note_route(d, '+', d->new, new, &new->routes[i]);
        else
            compare_route(d, new, &old->routes[partners[i]], &new->routes[i]);
    if (!is_in_order(partners, new->route_count) && section_begin(&d->routes)) {
        add_site(d, d->new, new, &d->routes.text);
        buf_printf(&d->routes.text, "%sroutes in another order\n", d->has_sites ? ": " : "");
    }
    free(is_kept);
    free(partners);
}

static void compare_site(struct differ *d, const struct site *old, const struct site *new)
{
    d->site_count++;
    d->left.n = d->right.n = 0;
    dump_hosts(old, &d->left);
    dump_hosts(new, &d->right);
    if (!str_eq(buf_str(&d->left), buf_str(&d->right)))
        note_change(d, setting_find(STR("hosts"), SCOPE_SITE), new, NULL);
    d->left.n = d->right.n = 0;
    dump_site_listen(d->old, old, &d->left);
    dump_site_listen(d->new, new, &d->right);
    if (!str_eq(buf_str(&d->left), buf_str(&d->right)))
        note_change(d, setting_find(STR("listen"), SCOPE_SITE), new, NULL);
    d->left.n = d->right.n = 0;
    rewrites_write(&old->rewrites, 0, &d->left);
    rewrites_write(&new->rewrites, 0, &d->right);
    if (!str_eq(buf_str(&d->left), buf_str(&d->right)))
        note_change(d, setting_find(STR("rewrite"), SCOPE_SITE), new, NULL);
    compare_routes(d, old, new);
}

static void compare_sites(struct differ *d)
{
    const struct config *old = d->old, *new = d->new;
    long *partners = match_sites(old, new);
    bool *is_kept = find_kept(partners, new->site_count, old->site_count);

    for (size_t i = 0; i < old->site_count; i++)
        if (!is_kept[i])
            note_site(d, '-', old, &old->sites[i]);
    for (size_t i = 0; i < new->site_count; i++)
        if (partners[i] == MATCH_NOTHING)
            note_site(d, '+', new, &new->sites[i]);
        else
            compare_site(d, &old->sites[partners[i]], &new->sites[i]);
    if (!is_in_order(partners, new->site_count) && section_begin(&d->sites))
        buf_printf(&d->sites.text, "sites in another order\n");
    free(is_kept);
    free(partners);
}

/* Without `sites` there is one, implied. */
static bool has_sites(const struct config *config)
{
    return config->site_count != 1 || config->sites[0].line != 0;
}

void config_diff(const struct config *old, const struct config *new, struct buf *out)
{
    struct differ d = { .old = old,
                        .new = new,
                        .has_sites = has_sites(old) || has_sites(new),
                        .sites.what = "sites, new or gone",
                        .routes.what = "routes, new or gone",
                        .values.what = "changes of sites and routes" };

    d.changes = xcalloc(CHANGES_MAX, sizeof(*d.changes));
    compare_server(&d);
    compare_sites(&d);
    write_changes(&d);
    buf_add(out, buf_str(&d.server.text));
    buf_fini(&d.server.text);
    section_write(&d.sites, out);
    section_write(&d.routes, out);
    section_write(&d.values, out);
    for (size_t i = 0; i < d.change_count; i++) {
        free(d.changes[i].old);
        free(d.changes[i].new);
    }
    free(d.changes);
    buf_fini(&d.left);
    buf_fini(&d.right);
}
