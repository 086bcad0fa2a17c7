#include "master/top_canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"

/* ---- figures ---- */

const char *top_text_rate(double per_s, char text[TOP_TEXT_MAX])
{
    if (per_s < 0.05)
        snprintf(text, TOP_TEXT_MAX, "0");
    else if (per_s < 9.95)
        snprintf(text, TOP_TEXT_MAX, "%.1f", per_s);
    else if (per_s < 99999.5)
        snprintf(text, TOP_TEXT_MAX, "%.0f", per_s);
    else if (per_s < 999499.5)
        snprintf(text, TOP_TEXT_MAX, "%.0fK", per_s / 1e3);
    else
        snprintf(text, TOP_TEXT_MAX, per_s < 99.95e6 ? "%.1fM" : "%.0fM", per_s / 1e6);
    return text;
}

const char *top_text_share(double share, char text[TOP_TEXT_MAX])
{
    double percent = share * 100;

    if (percent <= 0)
        snprintf(text, TOP_TEXT_MAX, "0%%");
    else if (percent < 0.1)
        snprintf(text, TOP_TEXT_MAX, "<0.1%%");
    else
        snprintf(text, TOP_TEXT_MAX, percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
    return text;
}

const char *top_text_time(uint64_t ns, char text[TOP_TEXT_MAX])
{
    static const char *const units[] = { "ns", "us", "ms", "s" };
    double value = (double)ns;
    int unit = 0;

    if (ns == 0)
        return "-";
    while (unit < 3 && value >= 999.5) {
        value /= 1000;
        unit++;
    }
    snprintf(text, TOP_TEXT_MAX, unit > 0 && value < 9.95 ? "%.1f%s" : "%.0f%s", value,
             units[unit]);
    return text;
}

/* ---- lines ---- */

bool canvas_has_room(const struct canvas *c)
{
    return c->v->height == 0 || c->row < c->v->height;
}

unsigned canvas_cells_left(const struct canvas *c)
{
    return c->v->width == 0 ? UINT32_MAX : c->v->width - c->cell;
}

static void set_style(struct canvas *c, enum style style)
{
    static const char *const escapes[] = {
        [PLAIN] = "", [BOLD] = "1", [BAR] = "7", [WARNING] = "33", [ALARM] = "1;31"
    };

    if (c->v->is_terminal && style != PLAIN)
        buf_printf(c->out, "\033[%sm", style < WARNING || c->v->has_colours ? escapes[style] : "1");
}

/* At most `max` cells of it; what it really took. Whatever could steer a terminal becomes '?'. */
static unsigned add_text(struct canvas *c, const char *text, unsigned max)
{
    struct str rest = str_of(text);
    unsigned taken = 0;

    while (rest.n > 0) {
        const char *from = rest.p;
        uint32_t character = utf8_next(&rest);
        bool is_good = utf8_is_text(character) && (character < 0x80 || c->v->has_utf8);
        unsigned cells = is_good ? utf8_cells(character) : 1;

        if (taken + cells > max)
            break;
        if (is_good)
            buf_add(c->out, str_range(from, rest.p));
        else
            buf_add_char(c->out, '?');
        taken += cells;
    }
    return taken;
}

void canvas_put(struct canvas *c, enum style style, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    if (!canvas_has_room(c))
        return;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    set_style(c, style);
    c->cell += add_text(c, buf_cstr(&text), canvas_cells_left(c));
    if (c->v->is_terminal && style != PLAIN)
        buf_printf(c->out, "\033[m");
    buf_fini(&text);
}

/* As a whole or not at all: half a figure would be another one. */
void canvas_put_item(struct canvas *c, enum style style, const char *label, const char *value)
{
    if (strlen(label) + strlen(value) > canvas_cells_left(c))
        return;
    canvas_put(c, PLAIN, "%s", label);
    canvas_put(c, style, "%s", value);
}

void canvas_put_spaces(struct canvas *c, unsigned count)
{
    canvas_put(c, PLAIN, "%*s", (int)count, "");
}

/* What an earlier frame left behind it goes; after a full line there is nothing to go. */
void canvas_end_line(struct canvas *c)
{
    if (!canvas_has_room(c))
        return;
    if (c->v->is_terminal && canvas_cells_left(c) > 0)
        buf_printf(c->out, "\033[K");
    c->row++;
    c->cell = 0;
    if (canvas_has_room(c)) /* a line end in the last line would scroll */
        buf_add_char(c->out, '\n');
}

unsigned canvas_cells_of(const char *text)
{
    struct str rest = str_of(text);
    unsigned cells = 0;

    while (rest.n > 0) {
        uint32_t character = utf8_next(&rest);

        cells += utf8_is_text(character) ? utf8_cells(character) : 1;
    }
    return cells;
}

/* ---- tables ---- */

/* Columns go until the name has its room. */
struct table table_fit(const struct top_view *v, const struct column *columns, unsigned count,
                       const char *name, unsigned name_wants)
{
    struct table t = { .columns = columns, .count = count, .name = name };
    unsigned least = name != NULL ? NAME_CELLS_LEAST : 0, used = 0;

    for (unsigned i = 0; i < count; i++) {
        t.is_shown[i] = true;
        used += columns[i].cells + 1;
    }
    while (v->width > 0 && used + least > v->width) {
        unsigned weakest = count;

        for (unsigned i = 0; i < count; i++)
            if (t.is_shown[i] && (weakest == count || columns[i].keep < columns[weakest].keep))
                weakest = i;
        if (weakest == count)
            break;
        t.is_shown[weakest] = false;
        used -= columns[weakest].cells + 1;
    }
    if (name != NULL)
        t.name_cells = v->width == 0 ? name_wants : v->width > used ? v->width - used : 0;
    return t;
}

void table_put_title(struct canvas *c, const struct table *t)
{
    struct buf line = { 0 };

    if (t->name != NULL)
        buf_printf(&line, "%-*.*s", (int)t->name_cells, (int)t->name_cells, t->name);
    for (unsigned i = 0; i < t->count; i++) {
        bool is_sort = t->columns[i].sort == (int)c->v->sort;

        if (t->is_shown[i])
            buf_printf(&line, " %*s%s", (int)t->columns[i].cells - (is_sort ? 1 : 0),
                       t->columns[i].title, is_sort ? "*" : "");
    }
    while (c->v->is_terminal && line.n < c->v->width) /* the bar goes through */
        buf_add_char(&line, ' ');
    canvas_put(c, BAR, "%s", buf_cstr(&line));
    buf_fini(&line);
    canvas_end_line(c);
}

void table_put_row(struct canvas *c, const struct table *t, const char *name,
                   const struct cell *cells)
{
    if (t->name != NULL && canvas_has_room(c)) {
        unsigned taken = add_text(c, name, t->name_cells);

        c->cell += taken;
        canvas_put_spaces(c, t->name_cells - taken);
    }
    for (unsigned i = 0; i < t->count; i++)
        if (t->is_shown[i]) {
            canvas_put(c, PLAIN, "%*s", (int)(t->columns[i].cells + 1 - strlen(cells[i].text)), "");
            canvas_put(c, cells[i].style, "%s", cells[i].text);
        }
    canvas_end_line(c);
}

void cell_set(struct cell *cell, enum style style, const char *text)
{
    cell->style = style;
    snprintf(cell->text, sizeof(cell->text), "%s", text);
}
