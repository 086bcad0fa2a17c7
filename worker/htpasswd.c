#include "worker/htpasswd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/xmalloc.h"

enum { FILE_MAX = 16 << 20 /* bytes */ };

#define HOW_TO "make one with: mkpasswd -m yescrypt, or htpasswd -nB USER"

/* By how they begin; the digest behind the last '$' has so many characters. */
static const struct {
    struct str start;
    size_t digest_n;
} kinds[] = {
    { STR_INIT("$2y$"), 53 }, { STR_INIT("$2b$"), 53 }, { STR_INIT("$2a$"), 53 },
    { STR_INIT("$y$"), 43 },  { STR_INIT("$6$"), 86 },  { STR_INIT("$5$"), 43 },
};

/* NULL: good; else what is wrong with it. */
static const char *check_hash(struct str hash)
{
    size_t digest_n = 0;

    while (digest_n < hash.n && hash.p[hash.n - 1 - digest_n] != '$')
        digest_n++;
    for (size_t i = 0; i < hash.n; i++)
        if (hash.p[i] <= ' ' || hash.p[i] > '~')
            return "the hash has a blank or a character that no hash has";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (str_starts(hash, kinds[i].start))
            return digest_n == kinds[i].digest_n ? NULL : "the hash is cut or too long; " HOW_TO;
    if (str_starts(hash, STR("$apr1$")) || str_starts(hash, STR("$1$")))
        return "MD5 hashes are guessed in no time; " HOW_TO;
    if (str_starts(hash, STR("{SHA}")) || str_starts(hash, STR("{SSHA}")))
        return "SHA-1 hashes are guessed in no time; " HOW_TO;
    return "no hash that is taken (bcrypt $2y$, yescrypt $y$, sha512 $6$, sha256 $5$); plain "
           "passwords and DES are not; " HOW_TO;
}

/* A line without its end: "user:hash", and what else stands behind another ':'. */
static const char *read_line(struct htpasswd *h, struct str line)
{
    struct str hash = line, name = str_cut(&hash, ':');
    const char *why;

    if (hash.p == NULL || name.n == 0)
        return "a line is USER:HASH";
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
            return "the user's name has a control character";
    hash = str_cut(&hash, ':');
    why = check_hash(hash);
    if (why != NULL)
        return why;
    h->users = xrealloc(h->users, (h->count + 1) * sizeof(*h->users));
    h->users[h->count++] = (struct htpasswd_user){ name, hash.p };
    /* The ':' or the line's end: the text is ours. */
    *(char *)(h->text + (hash.p - h->text) + hash.n) = '\0';
    return NULL;
}

static int by_name(const void *left, const void *right)
{
    const struct htpasswd_user *a = left, *b = right;

    if (a->name.n != b->name.n)
        return a->name.n < b->name.n ? -1 : 1;
    return memcmp(a->name.p, b->name.p, a->name.n);
}

static char *check_all(struct htpasswd *h, const char *path)
{
    if (h->count == 0)
        return xasprintf("%s: has no users; a line is USER:HASH; " HOW_TO, path);
    qsort(h->users, h->count, sizeof(*h->users), by_name);
    for (size_t i = 1; i < h->count; i++)
        if (by_name(&h->users[i - 1], &h->users[i]) == 0)
            return xasprintf("%s: the user \"%.*s\" stands twice", path, STR_ARG(h->users[i].name));
    return NULL;
}

struct htpasswd *htpasswd_parse(struct str text, const char *path, char **why)
{
    struct htpasswd *h = xcalloc(1, sizeof(*h));
    struct str rest;
    unsigned number = 0;

    h->text = str_dup(text); /* with a NUL behind, for the last line's hash */
    *why = NULL;
    for (rest = (struct str){ h->text, text.n }; rest.p != NULL && *why == NULL;) {
        struct str line = str_cut(&rest, '\n');
        const char *wrong = NULL;

        number++;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (str_trim(line).n > 0 && line.p[0] != '#')
            wrong = read_line(h, line);
        if (wrong != NULL)
            *why = xasprintf("%s:%u: %s", path, number, wrong);
    }
    if (*why == NULL)
        *why = check_all(h, path);
    if (*why != NULL)
        htpasswd_free(&h);
    return h;
}

/* -1: errno. */
static int read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved_errno;
    ssize_t n = -1;

    if (fd < 0)
        return -1;
    do {
        n = read(fd, buf_reserve(text, 65536), 65536);
        if (n > 0)
            text->n += (size_t)n;
    } while ((n > 0 && text->n <= FILE_MAX) || (n < 0 && errno == EINTR));
    saved_errno = n > 0 ? EFBIG : errno;
    close(fd);
    errno = saved_errno;
    return n == 0 ? 0 : -1;
}

const struct htpasswd *htpasswd_load(struct htpasswd **all, const char *path, char **why)
{
    struct buf text = { 0 };
    struct htpasswd *h;

    for (h = *all; h != NULL; h = h->next)
        if (strcmp(h->path, path) == 0)
            return h;
    if (read_file(path, &text) < 0)
        *why = xasprintf("auth_basic_user_file %s: %s", path, strerror(errno));
    else
        h = htpasswd_parse(buf_str(&text), path, why);
    buf_fini(&text);
    if (h == NULL)
        return NULL;
    h->path = xstrdup(path);
    h->next = *all;
    *all = h;
    return h;
}

void htpasswd_free(struct htpasswd **all)
{
    while (*all != NULL) {
        struct htpasswd *h = *all;

        *all = h->next;
        free(h->path);
        free(h->text);
        free(h->users);
        free(h);
    }
}

const struct htpasswd_user *htpasswd_find(const struct htpasswd *h, struct str name)
{
    struct htpasswd_user key = { name, NULL };

    return bsearch(&key, h->users, h->count, sizeof(*h->users), by_name);
}
