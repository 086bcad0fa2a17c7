#include "master/explain_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xmalloc.h"
#include "master/source.h"
#include "worker/explain.h"

/* The error log to stderr, access logs nowhere. */
static bool open_logs(struct bundle *b, size_t access_logs)
{
    b->log_count = access_logs + 1;
    b->log_fds = xmalloc(b->log_count * sizeof(int));
    b->owns_fds = 1;
    for (size_t i = 0; i < b->log_count; i++)
        b->log_fds[i] = -1;
    b->log_fds[0] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    for (size_t i = 1; i < b->log_count; i++) {
        b->log_fds[i] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (b->log_fds[i] < 0)
            return false;
    }
    return b->log_fds[0] >= 0;
}

static bool explain_source(const struct args *args, const struct source *source,
                           const struct config *config)
{
    struct explain_request ask = {
        .url = args->url,
        .method = args->method,
        .fields = args->fields,
        .field_count = args->field_count,
        .is_head_only = args->is_head_only,
    };
    struct bundle b = { .generation = 1 };
    char *why = NULL;
    bool is_done;

    if (source->path != NULL)
        b.config_path = xstrdup(source->path);
    buf_add(&b.config_text, buf_str(&source->text));
    if (!open_logs(&b, config->access_log_count))
        why = xasprintf("/dev/null: %s", strerror(errno));
    is_done = why == NULL && explain(&b, &ask, stdout, &why);
    if (!is_done)
        fprintf(stderr, "remuda: %s\n", why);
    free(why);
    bundle_fini(&b);
    return is_done;
}

enum exit_code explain_command(const struct args *args)
{
    struct source source;
    struct buf errors = { 0 };
    struct config *config = NULL;
    bool is_done = false;

    log_init(LOG_WARN, 0);
    if (source_init(&source, args, &errors))
        config = source_load(&source, NULL, &errors);
    if (config == NULL)
        fputs(buf_cstr(&errors), stderr);
    else
        is_done = explain_source(args, &source, config);
    config_free(&config);
    source_fini(&source);
    buf_fini(&errors);
    return is_done ? EXIT_OK : EXIT_FAILED;
}
