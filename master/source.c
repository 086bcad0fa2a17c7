#include "master/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "config/check.h"

enum { SOURCE_MAX = 16 * 1024 * 1024 };

static bool failed(struct buf *errors, const char *path, const char *why)
{
    buf_printf(errors, "%s: %s\n", path, why);
    return false;
}

static bool read_file(const char *path, struct buf *text, struct buf *errors)
{
    struct stat st;
    ssize_t n;
    /* O_NONBLOCK: a FIFO must not hang the master at a reload. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return failed(errors, path, strerror(errno));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return failed(errors, path, "a config must be a regular file");
    }
    while ((n = read(fd, buf_reserve(text, 4096), 4096)) > 0 && text->n < SOURCE_MAX)
        text->n += (size_t)n;
    if (n < 0)
        failed(errors, path, strerror(errno));
    else if (n > 0)
        failed(errors, path, "larger than 16 MiB");
    close(fd);
    return n == 0;
}

/* Symlinks stay: a deployment may swap them between two reloads. */
static char *absolute(const char *path)
{
    char *cwd, *whole;

    if (path[0] == '/')
        return xstrdup(path);
    cwd = getcwd(NULL, 0);
    if (cwd == NULL)
        return xstrdup(path);
    whole = xasprintf("%s/%s", cwd, path);
    free(cwd);
    return whole;
}

/* A YAML double-quoted scalar. */
static void add_quoted(struct buf *text, const char *s)
{
    buf_add_char(text, '"');
    for (; *s != '\0'; s++)
        if (*s == '"' || *s == '\\')
            buf_printf(text, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_printf(text, "\\x%02x", (unsigned)(unsigned char)*s);
        else
            buf_add_char(text, *s);
    buf_add_char(text, '"');
}

static bool from_folder(struct source *s, const struct args *args, struct buf *errors)
{
    const char *dir = args->dir != NULL ? args->dir : ".";
    char root[PATH_MAX];
    struct stat st;

    if (realpath(dir, root) == NULL || stat(root, &st) < 0)
        return failed(errors, dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return failed(errors, dir, "not a folder; remuda serves folders (-c names a config)");
    buf_printf(&s->text, "root: ");
    add_quoted(&s->text, root);
    buf_printf(&s->text, "\nlisten: %u\n", args->port);
    if (args->workers > 0)
        buf_printf(&s->text, "workers: %u\n", args->workers);
    return true;
}

bool source_init(struct source *s, const struct args *args, struct buf *errors)
{
    *s = (struct source){ .path = NULL };
    if (args->config == NULL)
        return from_folder(s, args, errors);
    s->path = absolute(args->config);
    return read_file(s->path, &s->text, errors);
}

bool source_again(struct source *s, const struct source *before, struct buf *errors)
{
    *s = (struct source){ .path = NULL };
    if (before->path == NULL) {
        buf_add(&s->text, buf_str(&before->text));
        return true;
    }
    s->path = xstrdup(before->path);
    return read_file(s->path, &s->text, errors);
}

void source_copy(struct source *s, const struct source *of)
{
    *s = (struct source){ .path = of->path != NULL ? xstrdup(of->path) : NULL };
    buf_add(&s->text, buf_str(&of->text));
}

void source_fini(struct source *s)
{
    free(s->path);
    s->path = NULL;
    buf_fini(&s->text);
}

static struct config *parse(const struct source *s, bool is_checked, const struct config *running,
                            struct buf *errors)
{
    struct config_errors found = { 0 };
    struct config *config = config_parse(buf_str(&s->text), s->path, &found);

    if (config != NULL && is_checked)
        config_check(config, running, &found);
    if (found.count > 0) {
        buf_printf(errors, "%s", config_errors_text(&found));
        config_free(&config);
    }
    config_errors_fini(&found);
    return config;
}

struct config *source_parse(const struct source *s, struct buf *errors)
{
    return parse(s, false, NULL, errors);
}

struct config *source_load(const struct source *s, const struct config *running, struct buf *errors)
{
    return parse(s, true, running, errors);
}

const char *source_name(const struct source *s)
{
    return s->path != NULL ? s->path : "command line";
}
