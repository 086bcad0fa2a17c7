#include "worker/variants.h"

#include <unistd.h>

#include "worker/compress.h"
#include "worker/encoding.h"
#include "worker/file_work.h"

static bool fits(struct str type, struct str pattern)
{
    const char *star = memchr(pattern.p, '*', pattern.n);
    struct str before, behind;

    if (star == NULL)
        return str_eq_case(type, pattern);
    before = str_range(pattern.p, star);
    behind = str_range(star + 1, pattern.p + pattern.n);
    return type.n >= before.n + behind.n && str_eq_case((struct str){ type.p, before.n }, before) &&
           str_eq_case((struct str){ type.p + type.n - behind.n, behind.n }, behind);
}

bool variants_type_fits(struct str type, const struct words *patterns)
{
    type = str_trim(str_cut(&type, ';'));
    for (size_t i = 0; i < patterns->count; i++)
        if (fits(type, str_of(patterns->list[i])))
            return true;
    return false;
}

/* It holds an encoding itself: nobody keeps a.js.gz.br. */
static bool is_encoded_name(struct str name)
{
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++)
        if (str_ends(name, encoding_suffix((enum encoding)i)))
            return true;
    return false;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* What holds nothing is of no file that does: a build was interrupted, no encoder writes that. */
static bool is_of_version(const struct stat *st, const struct file *f)
{
    return !is_older(&st->st_mtim, &f->mtime) && (st->st_size > 0 || f->size == 0);
}

void variants_drop(struct file *f, enum encoding encoding)
{
    struct file_choices *c = &f->choices;

    c->beside &= ~ENCODING_BIT(encoding);
    c->made &= ~ENCODING_BIT(encoding);
    if (c->encoded[encoding] == NULL)
        return;
    file_work_cancel(c->encoded[encoding]);
    c->encoded[encoding]->entry = NULL;
    file_put(&c->encoded[encoding]);
}

/* Takes a->fd. */
static void take_beside(struct file *f, enum encoding encoding, const struct docroot_answer *a,
                        const struct file_options *options)
{
    struct file_options encoded = *options;
    struct file *v = f->choices.encoded[encoding];

    if (v != NULL && file_is_version(v, &a->st)) {
        close(a->fd);
        return;
    }
    encoded.encoding = encoding;
    variants_drop(f, encoding);
    v = file_new(a->fd, &a->st, a->seen_at, a->name, &encoded);
    if (v == NULL)
        return;
    f->choices.encoded[encoding] = v;
    f->choices.beside |= ENCODING_BIT(encoding);
}

static bool may_be_made(const struct file *f, const struct docroot_options *options)
{
    return options->compress != 0 && (uint64_t)f->size >= options->compress_min_bytes &&
           (uint64_t)f->size <= options->compress_max_bytes && f->size > 0 &&
           variants_type_fits(f->content_type, options->compress_types);
}

void variants_load(struct file *f, bool is_kept, const struct docroot *root, struct str path,
                   const struct docroot_answer *found, const struct file_options *options,
                   struct ways *ways, struct trail *trail, bool *is_watched)
{
    unsigned wanted = is_encoded_name(found->name) ? 0 : root->options.precompressed;
    struct docroot_answer a;

    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        enum encoding encoding = (enum encoding)i;
        bool is_beside = (f->choices.beside & ENCODING_BIT(i)) != 0;

        a.status = 404;
        if ((wanted & ENCODING_BIT(i)) != 0)
            a = docroot_find_beside(root, path, found, encoding, ways, trail, is_watched);
        if (a.status == DOCROOT_FILE && !is_of_version(&a.st, f)) {
            close(a.fd);
            a.status = 404;
        }
        if (a.status == DOCROOT_FILE)
            take_beside(f, encoding, &a, options);
        else if (is_beside)
            variants_drop(f, encoding);
    }
    if (!is_kept && may_be_made(f, &root->options))
        f->choices.makeable = root->options.compress & compress_encodings();
    f->choices.makeable &= ~f->choices.beside;
    file_update_choices(f);
}
