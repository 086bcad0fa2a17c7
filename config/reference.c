/*
 * The manual page remuda.yaml(5), written from the settings table so that it cannot lag behind.
 */
#include "config/config.h"

#include <string.h>

#include "config/settings.h"

static const char head[] =
    ".\\\" Generated: remuda --man > scripts/remuda.yaml.5\n"
    ".TH REMUDA.YAML 5 \"\" \"Remuda " REMUDA_VERSION "\" \"File formats\"\n"
    ".SH NAME\n"
    "remuda.yaml \\- the config of the HTTP server remuda\n"
    ".SH DESCRIPTION\n"
    "A YAML map of settings. Three scopes nest: the server, its\n"
    ".I sites\n"
    "(chosen by the request's Host) and a site's\n"
    ".I routes\n"
    "(chosen by its path). What a child does not set it inherits; maps are merged by key.\n"
    "Relative paths start at the file's folder. Sizes take units (64k, 8KiB, 2g), durations too\n"
    "(500ms, 30s, 2m, 1h, 1d).\n"
    ".B remuda -t -c\n"
    ".I FILE\n"
    "checks a config,\n"
    ".B remuda --dump -c\n"
    ".I FILE\n"
    "prints what is in effect, and\n"
    ".B remuda -c\n"
    ".I FILE\n"
    ".B explain\n"
    ".I URL\n"
    "says which lines decide a request.\n"
    ".SH SETTINGS\n";

static const char tail[] = ".SH SEE ALSO\n"
                           ".B remuda \\-\\-help\n";

/* Text that roff takes as it is. */
static void put_text(struct str text, FILE *out)
{
    for (size_t i = 0; i < text.n; i++) {
        bool is_line_start = i == 0 || text.p[i - 1] == '\n';

        if (text.p[i] == '\\')
            fputs("\\e", out);
        else if (text.p[i] == '-')
            fputs("\\-", out);
        else if (is_line_start && (text.p[i] == '.' || text.p[i] == '\''))
            fprintf(out, "\\&%c", text.p[i]);
        else
            fputc(text.p[i], out);
    }
}

static void put_scopes(unsigned scopes, FILE *out)
{
    static const struct {
        unsigned scope;
        const char *word;
    } words[] = {
        { SCOPE_SERVER, "server" },
        { SCOPE_SITE, "site" },
        { SCOPE_ROUTE, "route" },
        { SCOPE_FILE_CACHE, "open_file_cache" },
    };
    const char *comma = "";

    fputs("Scope: ", out);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((scopes & words[i].scope) != 0) {
            fprintf(out, "%s%s", comma, words[i].word);
            comma = ", ";
        }
    fputs(".\n", out);
}

static void put_row(const struct setting *row, FILE *out)
{
    struct buf about = { 0 };

    fputs(".TP\n.B ", out);
    put_text(str_of(row->name), out);
    fputc('\n', out);
    put_text(str_of(row->help), out);
    fputs(".\n", out);
    if (row->type != SET_STRUCTURE && row->type != SET_GROUP) {
        buf_add(&about, STR("Takes "));
        setting_describe(row, &about);
        buf_add(&about, STR(".\n"));
        put_text(buf_str(&about), out);
    }
    put_scopes(row->scopes, out);
    if (row->default_text != NULL) {
        fputs("Default:\n.BR \"", out);
        put_text(str_of(row->default_text), out);
        fputs("\" .\n", out);
    }
    if (row->example != NULL) {
        fputs(".br\nExample:\n.RS\n.nf\n", out);
        put_text(str_of(row->name), out);
        fputs(": ", out);
        put_text(str_of(row->example), out);
        fputs("\n.fi\n.RE\n", out);
    }
    buf_fini(&about);
}

void config_write_manual(FILE *out)
{
    fputs(head, out);
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].heading != NULL) {
            fputs(".SS ", out);
            put_text(str_of(settings[i].heading), out);
            fputc('\n', out);
        }
        put_row(&settings[i], out);
    }
    fputs(tail, out);
}
