#include "common/xmalloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static void *must(void *p, size_t size)
{
    if (p == NULL) {
        log_crit("out of memory: %zu bytes", size);
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return must(malloc(size > 0 ? size : 1), size);
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count > 0 ? count : 1, size > 0 ? size : 1), size);
}

void *xrealloc(void *p, size_t size)
{
    return must(realloc(p, size > 0 ? size : 1), size);
}

char *xstrdup(const char *s)
{
    return must(strdup(s), strlen(s));
}

char *xasprintf(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return must(text, 0);
}
