#include "worker/listing_page.h"

#include <inttypes.h>
#include <time.h>

#include "common/put.h"
#include "common/utf8.h"
#include "worker/html.h"
#include "worker/path.h"

enum {
    CRUMBS_MAX = 12, /* folders above that are linked; each link is as long as the way up */
    REPLACEMENT = 0xfffd,
};

struct str listing_page_type(const struct listing_view *view)
{
    return view->is_json ? STR("application/json") : STR("text/html; charset=utf-8");
}

/* ---- text ---- */

/* RFC 8259, 7. */
static void add_json(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    while (text.n > 0) {
        uint32_t c = utf8_next(&text);

        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\u%04x", (unsigned)c);
        } else {
            html_add_character(out, c == UTF8_BAD ? REPLACEMENT : c);
        }
    }
    buf_add_char(out, '"');
}

/* A reference to a name in this folder: percent-encoded, so that it is safe in JSON as it is. */
static void add_reference(struct buf *out, struct str name, bool is_folder)
{
    if (memchr(name.p, ':', name.n) != NULL) /* or it would be a scheme: RFC 3986, 4.2 */
        buf_add(out, STR("./"));
    path_encode(out, name);
    if (is_folder)
        buf_add_char(out, '/');
}

/* The same in an attribute: '&' and '\'' stand in paths. */
static void add_html_reference(struct buf *out, struct str name, bool is_folder)
{
    size_t from = out->n;
    struct buf copy = { 0 };

    add_reference(out, name, is_folder);
    if (memchr(out->p + from, '&', out->n - from) == NULL &&
        memchr(out->p + from, '\'', out->n - from) == NULL)
        return;
    buf_add(&copy, (struct str){ out->p + from, out->n - from });
    out->n = from;
    html_add(out, buf_str(&copy));
    buf_fini(&copy);
}

static void add_number(struct buf *out, uint64_t value)
{
    char digits[PUT_U64_MOST];

    buf_add(out, str_range(digits, put_u64(digits, value)));
}

/* 100000 as "100,000". */
static void add_grouped(struct buf *out, uint64_t value)
{
    if (value >= 1000) {
        add_grouped(out, value / 1000);
        buf_printf(out, ",%03u", (unsigned)(value % 1000));
    } else {
        add_number(out, value);
    }
}

static void add_counted(struct buf *out, uint64_t count, const char *one, const char *many)
{
    add_grouped(out, count);
    buf_printf(out, " %s", count == 1 ? one : many);
}

void listing_put_size(struct buf *out, uint64_t bytes)
{
    static const char units[] = "kMGTPE";
    uint64_t tenths;
    int unit = -1;

    if (bytes < 1000) {
        add_number(out, bytes);
        buf_add(out, STR(" B"));
        return;
    }
    while (bytes >= 999500) { /* what would be rounded to 1000.0 belongs to the next unit */
        bytes /= 1000;
        unit++;
    }
    unit++;
    tenths = (bytes + 50) / 100;
    if (tenths >= 100) { /* from 10 on, whole numbers */
        add_number(out, (bytes + 500) / 1000);
    } else {
        add_number(out, tenths / 10);
        buf_add_char(out, '.');
        buf_add_char(out, (char)('0' + tenths % 10));
    }
    buf_add_char(out, ' ');
    buf_add_char(out, units[unit]);
    buf_add_char(out, 'B');
}

/* "2026-11-21T22:25:00Z"; years that have more than four digits are not there. */
static bool put_time(char out[20], int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return false;
    return strftime(out, 20, "%Y-%m-%dT%H:%M:%S", &tm) == 19;
}

/* ---- HTML ---- */

static const struct str html_top =
    STR_INIT("<!DOCTYPE html>\n"
             "<html lang=\"en\">\n"
             "<meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n");

#define ICON(shape)                                                                             \
    "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" \
    "%3Cpath d='" shape "'/%3E%3C/svg%3E\")"

static const struct str html_style = STR_INIT(
    "<style>\n"
    ":root{--ink:#1d2126;--soft:#68707a;--line:#e6e8eb;--hover:#f4f6f8;--link:#0b57b7;"
    "--folder:#d19a2b;--page:#fff}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--soft:#98a1ac;--line:#2a2f36;"
    "--hover:#20252b;--link:#86b7ff;--folder:#e0b354;--page:#16191d}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}\n"
    "main{max-width:62rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}\n"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}\n"
    "h1{margin:0;font-size:1.5rem;font-weight:600;line-height:1.3;overflow-wrap:anywhere}\n"
    "h1 i{margin:0 .3em;color:var(--soft);font-style:normal;font-weight:400}\n"
    "p{margin:.35rem 0 0;color:var(--soft);font-size:.9rem}\n"
    ".note{margin-top:1rem;padding:.6rem .9rem;border-left:3px solid var(--folder);"
    "background:var(--hover);color:var(--ink)}\n"
    "table{width:100%;margin-top:1.5rem;border-collapse:collapse}\n"
    "th{padding:.4rem .75rem;border-bottom:2px solid var(--line);font-size:.8rem;"
    "font-weight:600;text-align:left;white-space:nowrap}\n"
    "th a{color:var(--soft)}th[aria-sort] a{color:var(--ink)}\n"
    "td{padding:0;border-bottom:1px solid var(--line);color:var(--soft);font-size:.9rem;"
    "white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "td+td{padding:.5rem .75rem}\n"
    "th:nth-child(2),td:nth-child(2){width:7rem;text-align:right}\n"
    "th:nth-child(3),td:nth-child(3){width:11rem;text-align:right}\n"
    "tbody tr:hover{background:var(--hover)}\n"
    "td a{display:block;position:relative;padding:.5rem .75rem .5rem 2.4rem;font-size:1rem;"
    "white-space:normal;overflow-wrap:anywhere}\n"
    "td a::before{content:\"\";position:absolute;left:.75rem;top:.75rem;width:1rem;height:1rem;"
    "background:var(--soft);-webkit-mask:var(--icon) center/contain no-repeat;"
    "mask:var(--icon) center/contain no-repeat;"
    "--icon:" ICON(
        "M3 1h6.5L13 4.5V15H3zm1.2 1.2v11.6h7.6V5.2H8.8V2.2z") "}\n"
                                                               ".d a{font-weight:500}.d "
                                                               "a::before{background:var(--folder);"
                                                               "--icon:" ICON(
                                                                   "M1 3h5l1.5 2H15v9H1z") "}\n"
                                                                                           ".up "
                                                                                           "a::"
                                                                                           "before{"
                                                                                           "--"
                                                                                           "icon"
                                                                                           ":" ICON(
                                                                                               "M8 "
                                                                                               "2l5"
                                                                                               " 5-"
                                                                                               "1 "
                                                                                               "1-"
                                                                                               "3."
                                                                                               "3-"
                                                                                               "3."
                                                                                               "3V1"
                                                                                               "4H7"
                                                                                               ".3V"
                                                                                               "4."
                                                                                               "7L4"
                                                                                               " 8 "
                                                                                               "3 "
                                                                                               "7z") "}\n"
                                                                                                     ".none td{padding:2rem .75rem;text-align:center}\n"
                                                                                                     "@media(max-width:40rem){\n"
                                                                                                     "main{padding:1.25rem 0 2.5rem}h1,p{padding:0 1rem}.note{margin:1rem 1rem 0;padding:.6rem .9rem}"
                                                                                                     "h1{font-size:1.25rem}table{margin-top:1rem}\n"
                                                                                                     "table,thead,tbody{display:block}thead tr{display:flex;padding:0 .25rem;"
                                                                                                     "border-bottom:2px solid var(--line)}th,th:nth-child(n){width:auto;border:0}\n"
                                                                                                     "tbody tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line)}\n"
                                                                                                     "td,td+td,td:nth-child(n){width:auto;padding:0;border:0;text-align:left;font-size:.8rem}\n"
                                                                                                     "td:first-child{grid-column:1/3}td a{padding:.6rem 1rem .1rem 2.65rem}"
                                                                                                     "td a::before{left:1rem;top:.85rem}\n"
                                                                                                     "td:nth-child(3){grid-area:2/1;padding:0 0 .6rem 2.65rem}"
                                                                                                     "td:nth-child(2){grid-area:2/2;padding:0 1rem .6rem 0;text-align:right}\n"
                                                                                                     ".up a{padding-bottom:0}.none td,.none td:first-child{padding:2rem 1rem;text-align:center}\n"
                                                                                                     "}\n"
                                                                                                     "</style>\n");

/* "home / docs / images", each but the last a link upwards; of a deep path its end. */
static void add_crumbs(struct buf *out, struct str path)
{
    struct str rest = str_range(path.p + 1, path.p + path.n);
    size_t depth = 0;

    for (size_t i = 1; i < path.n; i++)
        depth += path.p[i] == '/';
    buf_add(out, STR("<h1>"));
    if (depth == 0) {
        buf_add(out, STR("Files</h1>\n"));
        return;
    }
    buf_add(out, STR("<a href=\"/\">Files</a>"));
    if (depth > CRUMBS_MAX)
        buf_add(out, STR("<i>/</i>\xe2\x80\xa6"));
    for (; depth > 0; depth--) {
        struct str name = str_cut(&rest, '/');

        if (depth > CRUMBS_MAX)
            continue;
        buf_add(out, STR("<i>/</i>"));
        if (depth > 1) {
            buf_add(out, STR("<a href=\""));
            for (size_t i = 1; i < depth; i++)
                buf_add(out, STR("../"));
            buf_add(out, STR("\">"));
        }
        buf_add(out, STR("<bdi>"));
        html_add(out, name);
        buf_add(out, depth > 1 ? STR("</bdi></a>") : STR("</bdi>"));
    }
    buf_add(out, STR("</h1>\n"));
}

static void add_summary(struct buf *out, const struct listing_table *table)
{
    size_t files = table->count - table->folder_count;

    if (table->count == 0)
        return;
    buf_add(out, STR("<p>"));
    if (table->folder_count > 0)
        add_counted(out, table->folder_count, "folder", "folders");
    if (table->folder_count > 0 && files > 0)
        buf_add(out, STR(", "));
    if (files > 0) {
        add_counted(out, files, "file", "files");
        buf_add(out, STR(", "));
        listing_put_size(out, table->file_bytes);
    }
    buf_add(out, STR("</p>\n"));
    if (!table->is_cut)
        return;
    buf_add(out, STR("<p class=\"note\">There is more in this folder than a listing holds. These "
                     "are the first "));
    add_counted(out, table->count, "entry", "entries");
    buf_add(out, STR(" that the disk gave.</p>\n"));
}

static void add_column(struct buf *out, const struct listing_view *view, enum listing_sort sort,
                       struct str title)
{
    bool is_sorted = view->sort == sort;
    bool is_next_descending = is_sorted ? !view->is_descending : listing_starts_descending(sort);

    buf_add(out, STR("<th scope=\"col\""));
    if (is_sorted)
        buf_printf(out, " aria-sort=\"%s\"", view->is_descending ? "descending" : "ascending");
    buf_printf(out, "><a href=\"?sort=%s&amp;order=%s\">", listing_sort_word(sort).p,
               is_next_descending ? "desc" : "asc");
    buf_add(out, title);
    if (is_sorted)
        buf_add(out, view->is_descending ? STR(" \xe2\x86\x93") : STR(" \xe2\x86\x91"));
    buf_add(out, STR("</a></th>"));
}

static void begin_html(struct listing_page *page)
{
    struct buf *out = &page->text;

    buf_add(out, html_top);
    buf_add(out, STR("<title>"));
    html_add(out, page->path);
    buf_add(out, STR("</title>\n"));
    buf_add(out, html_style);
    buf_add(out, STR("<main>\n"));
    add_crumbs(out, page->path);
    add_summary(out, page->table);
    buf_add(out, STR("<table>\n<thead><tr>"));
    add_column(out, &page->view, LISTING_BY_NAME, STR("Name"));
    add_column(out, &page->view, LISTING_BY_SIZE, STR("Size"));
    add_column(out, &page->view, LISTING_BY_DATE, STR("Modified, UTC"));
    buf_add(out, STR("</tr></thead>\n<tbody>\n"));
    if (page->path.n > 1)
        buf_add(out, STR("<tr class=\"up\"><td><a href=\"../\">Parent folder</a></td><td></td>"
                         "<td></td></tr>\n"));
    if (page->table->count == 0)
        buf_add(out, STR("<tr class=\"none\"><td colspan=\"3\">This folder is empty.</td></tr>\n"));
}

static void add_html_row(struct buf *out, const struct listing_table *table,
                         const struct listing_entry *e)
{
    struct str name = listing_name(table, e);
    char when[20];

    buf_add(out, e->is_folder ? STR("<tr class=\"d\"><td><a href=\"") : STR("<tr><td><a href=\""));
    add_html_reference(out, name, e->is_folder);
    buf_add(out, STR("\"><bdi>"));
    html_add(out, name);
    buf_add(out, STR("</bdi></a></td><td"));
    if (e->is_folder) {
        buf_add_char(out, '>');
    } else {
        buf_add(out, STR(" title=\""));
        add_counted(out, (uint64_t)e->size, "byte", "bytes");
        buf_add(out, STR("\">"));
        listing_put_size(out, (uint64_t)e->size);
    }
    buf_add(out, STR("</td><td>"));
    if (put_time(when, e->mtime)) {
        buf_add(out, (struct str){ when, 10 });
        buf_add_char(out, ' ');
        buf_add(out, (struct str){ when + 11, 5 });
    }
    buf_add(out, STR("</td></tr>\n"));
}

/* ---- JSON ---- */

static void begin_json(struct listing_page *page)
{
    struct buf *out = &page->text;

    buf_add(out, STR("{\"path\":"));
    add_json(out, page->path);
    buf_add(out, STR(",\"truncated\":"));
    buf_add(out, page->table->is_cut ? STR("true") : STR("false"));
    buf_add(out, STR(",\"entries\":["));
}

static void add_json_row(struct buf *out, const struct listing_table *table,
                         const struct listing_entry *e)
{
    struct str name = listing_name(table, e);
    char when[20];

    buf_add(out, e == table->entries ? STR("\n{\"name\":") : STR(",\n{\"name\":"));
    add_json(out, name);
    buf_add(out, STR(",\"href\":\""));
    add_reference(out, name, e->is_folder);
    buf_add(out, STR("\",\"type\":"));
    if (e->is_folder) {
        buf_add(out, STR("\"directory\""));
    } else {
        buf_add(out, STR("\"file\",\"size\":"));
        add_number(out, (uint64_t)e->size);
    }
    if (put_time(when, e->mtime)) {
        buf_add(out, STR(",\"mtime\":\""));
        buf_add(out, (struct str){ when, 19 });
        buf_add(out, STR("Z\""));
    }
    buf_add_char(out, '}');
}

/* ---- both ---- */

void listing_page_fini(struct listing_page *page)
{
    buf_fini(&page->text);
}

/* What comes next: the beginning, an entry, the end. */
static void write_next(struct listing_page *page)
{
    const struct listing_table *table = page->table;
    bool is_json = page->view.is_json;

    if (!page->has_begun) {
        page->has_begun = true;
        (is_json ? begin_json : begin_html)(page);
    } else if (page->at < table->count) {
        (is_json ? add_json_row : add_html_row)(&page->text, table, &table->entries[page->at++]);
    } else {
        page->has_ended = true;
        buf_add(&page->text,
                is_json ? STR("\n]}\n") : STR("</tbody>\n</table>\n</main>\n</html>\n"));
    }
}

size_t listing_page_read(struct listing_page *page, char *into, size_t n)
{
    size_t left = page->text.n - page->taken;

    if (left < n) {
        if (page->taken > 0)
            memmove(page->text.p, page->text.p + page->taken, left);
        page->text.n = left;
        page->taken = 0;
        while (page->text.n < n && !page->has_ended)
            write_next(page);
        left = page->text.n;
    }
    if (left > n)
        left = n;
    memcpy(into, page->text.p + page->taken, left);
    page->taken += left;
    return left;
}
