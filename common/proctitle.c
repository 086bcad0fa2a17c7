#include "common/proctitle.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/xmalloc.h"

/* The memory that the kernel shows; NULL until proctitle_init(). */
static char *area, *area_end;
/* The environment, moved out of it; held here, so that unsetenv(3) loses nothing. */
static char *moved_strings;

void proctitle_init(int argc, char **argv)
{
    char *end = argv[0];
    size_t size = 0;
    int count = 0;

    for (int i = 0; i < argc; i++)
        if (argv[i] == end)
            end += strlen(argv[i]) + 1;
    while (environ[count] != NULL) {
        if (environ[count] == end)
            end += strlen(environ[count]) + 1;
        size += strlen(environ[count]) + 1;
        count++;
    }
    char **moved = xcalloc((size_t)count + 1, sizeof(*moved));
    char *p = moved_strings = xmalloc(size + 1);
    for (int i = 0; i < count; i++) {
        size_t n = strlen(environ[i]) + 1;

        moved[i] = memcpy(p, environ[i], n);
        p += n;
    }
    environ = moved;
    area = argv[0];
    area_end = end;
}

void proctitle_set(const char *format, ...)
{
    va_list args;
    size_t room = (size_t)(area_end - area);
    int n;

    if (area == NULL || room == 0)
        return;
    va_start(args, format);
    n = vsnprintf(area, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < room)
        memset(area + n, 0, room - (size_t)n);
}
