#include "config/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/xmalloc.h"
#include "common/utf8.h"

enum {
    ERRORS_MAX = 500,   /* beyond it a file is not a config with mistakes, but not a config */
    EXCERPT_CELLS = 96, /* of a long line */
    CONTEXT_CELLS = 40, /* shown before the caret when the line's start is cut */
    TAB_CELLS = 4,
};

static bool comes_after(const struct config_error *a, const struct config_error *b)
{
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

/* An alias makes the same lines be read twice; one mistake is told once. */
static bool is_known(const struct config_errors *errors, const struct config_error *e)
{
    for (size_t i = 0; i < errors->count; i++) {
        const struct config_error *other = &errors->list[i];

        if (other->line == e->line && other->column == e->column &&
            strcmp(other->text, e->text) == 0)
            return true;
    }
    return false;
}

void config_error_add(struct config_errors *errors, unsigned line, unsigned column, unsigned width,
                      const char *format, ...)
{
    struct config_error e = { line, column, width, NULL };
    struct buf text = { 0 };
    va_list args;
    size_t at;

    if (errors->count > ERRORS_MAX)
        return;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    if (errors->count == ERRORS_MAX) {
        e.line = 0;
        text.n = 0;
        buf_printf(&text, "more than %d mistakes; the others are not shown", ERRORS_MAX);
    }
    e.text = buf_take(&text);
    if (is_known(errors, &e)) {
        free(e.text);
        return;
    }
    errors->list = xrealloc(errors->list, (errors->count + 1) * sizeof(*errors->list));
    for (at = errors->count; at > 0 && comes_after(&errors->list[at - 1], &e); at--)
        errors->list[at] = errors->list[at - 1];
    errors->list[at] = e;
    errors->count++;
}

/* STR_NONE: the text has no such line. */
static struct str find_line(struct str text, unsigned line)
{
    while (line > 1 && text.p != NULL) {
        utf8_take_line(&text);
        line--;
    }
    return text.p != NULL ? utf8_take_line(&text) : STR_NONE;
}

static bool is_word_char(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '_';
}

unsigned config_errors_column(const struct config_errors *errors, unsigned line, unsigned column,
                              struct str word)
{
    struct str rest = find_line(buf_str(&errors->source), line);

    for (unsigned at = 1; rest.n > 0; at++) {
        if (at >= column && str_starts(rest, word) &&
            (rest.n == word.n || !is_word_char(rest.p[word.n])))
            return at;
        utf8_next(&rest);
    }
    return column;
}

static unsigned cells_of(uint32_t c)
{
    if (c == '\t')
        return TAB_CELLS;
    return utf8_is_text(c) ? utf8_cells(c) : 1;
}

static void add_cells(struct buf *out, char c, unsigned count)
{
    while (count-- > 0)
        buf_add_char(out, c);
}

/* What a terminal can take: no tab (its width is the terminal's secret), no control character. */
static void add_shown(struct buf *out, uint32_t c, struct str bytes)
{
    if (c == '\t')
        add_cells(out, ' ', TAB_CELLS);
    else if (utf8_is_text(c))
        buf_add(out, bytes);
    else
        buf_add_char(out, '?');
}

/* The first character of the line that is shown, counted from 1. */
static unsigned window_start(struct str line, unsigned column)
{
    struct str at = line;
    unsigned total = 0, before = 0, first = 1;

    for (unsigned i = 1; at.n > 0; i++) {
        unsigned cells = cells_of(utf8_next(&at));

        total += cells;
        before += i < column ? cells : 0;
    }
    if (total <= EXCERPT_CELLS || before <= EXCERPT_CELLS - CONTEXT_CELLS)
        return 1;
    for (at = line; before > CONTEXT_CELLS && at.n > 0; first++)
        before -= cells_of(utf8_next(&at));
    return first;
}

static void add_excerpt(struct buf *out, struct str line, const struct config_error *e)
{
    unsigned first = window_start(line, e->column), column = 1, used = 0;
    unsigned last = e->column + (e->width > 0 ? e->width : 1) - 1;
    struct buf marks = { 0 };

    if (first > 1)
        buf_add(out, STR("..."));
    if (first > 1)
        buf_add(&marks, STR("   "));
    for (; line.n > 0; column++) {
        struct str bytes = line;
        uint32_t c = utf8_next(&line);
        unsigned cells = cells_of(c);

        if (column < first)
            continue;
        if (used + cells > EXCERPT_CELLS) {
            buf_add(out, STR("..."));
            break;
        }
        used += cells;
        bytes.n -= line.n;
        add_shown(out, c, bytes);
        if (column == e->column)
            buf_add_char(&marks, '^');
        if (column < e->column)
            add_cells(&marks, ' ', cells);
        else if (column <= last && cells > 0)
            add_cells(&marks, '~', column == e->column ? cells - 1 : cells);
    }
    if (column <= e->column) /* points behind the line's end */
        buf_add_char(&marks, '^');
    buf_printf(out, "\n      | %s\n", buf_cstr(&marks));
    buf_fini(&marks);
}

static void add_error(struct buf *out, const struct config_errors *errors,
                      const struct config_error *e)
{
    struct str line = find_line(buf_str(&errors->source), e->line);

    if (errors->path == NULL) { /* nobody wrote the text that a line number would speak of */
        buf_printf(out, "command line: error: %s\n", e->text);
        return;
    }
    buf_printf(out, "%s:", errors->path);
    if (e->line > 0)
        buf_printf(out, "%u:%u:", e->line, e->column);
    buf_printf(out, " error: %s\n", e->text);
    if (e->line == 0 || line.p == NULL)
        return;
    buf_printf(out, "%5u | ", e->line);
    add_excerpt(out, line, e);
}

const char *config_errors_text(struct config_errors *errors)
{
    errors->shown.n = 0;
    for (size_t i = 0; i < errors->count; i++)
        add_error(&errors->shown, errors, &errors->list[i]);
    return buf_cstr(&errors->shown);
}

void config_errors_fini(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++)
        free(errors->list[i].text);
    free(errors->list);
    free(errors->path);
    buf_fini(&errors->source);
    buf_fini(&errors->shown);
    *errors = (struct config_errors){ 0 };
}
