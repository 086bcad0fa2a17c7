/*
 * remuda - the command: reads its arguments and does the one thing that they ask for.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/proctitle.h"
#include "config/config.h"
#include "master/args.h"
#include "master/client.h"
#include "master/explain_command.h"
#include "master/master.h"
#include "master/source.h"
#include "master/top.h"
#include "worker/compress.h"

static void print_ok(const struct source *source, const struct config *config)
{
    printf("%s: ok (%zu address%s, %zu site%s, %u worker%s)\n", source_name(source),
           config->listen_count, config->listen_count == 1 ? "" : "es", config->site_count,
           config->site_count == 1 ? "" : "s", config->workers, config->workers == 1 ? "" : "s");
}

/* -t and --dump: nothing but reading. */
static int check_config(const struct args *args)
{
    struct source source;
    struct buf errors = { 0 };
    struct config *config = NULL;

    if (source_init(&source, args, &errors))
        config = args->action == ACTION_DUMP ? source_parse(&source, &errors)
                                             : source_load(&source, NULL, &errors);
    if (config == NULL)
        fputs(buf_cstr(&errors), stderr);
    else if (args->action == ACTION_DUMP)
        config_dump(config, stdout);
    else
        print_ok(&source, config);
    source_fini(&source);
    buf_fini(&errors);
    if (config == NULL)
        return EXIT_FAILED;
    config_free(&config);
    return EXIT_OK;
}

static int run(const struct args *args)
{
    switch (args->action) {
    case ACTION_HELP:
        fputs(args_help, stdout);
        return EXIT_OK;
    case ACTION_VERSION:
        printf("remuda " REMUDA_VERSION "\nencodings: %s\n", encoding_builtins());
        return EXIT_OK;
    case ACTION_FULL:
        config_write_full(stdout);
        return EXIT_OK;
    case ACTION_MAN:
        config_write_manual(stdout);
        return EXIT_OK;
    case ACTION_TEST:
    case ACTION_DUMP:
        return check_config(args);
    case ACTION_EXPLAIN:
        return explain_command(args);
    case ACTION_VERB:
        return client_run(args);
    case ACTION_TOP:
        return top_run(args);
    case ACTION_SERVE:
        break;
    }
    return master_run(args);
}

/*
 * Large tables are mapped each on its own, and given back whole. By default the C library gives that up
 * once the first of them was freed, at the first reload: the next ones are then cut from the heap and
 * cleared, so that all their pages become real.
 */
static void tune_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

int main(int argc, char **argv)
{
    struct args args = { .action = ACTION_SERVE };
    struct buf error = { 0 };
    int result;

    tune_memory();
    if (!args_parse(argc, argv, &args, &error)) {
        fprintf(stderr, "remuda: %s\n", buf_cstr(&error));
        buf_fini(&error);
        return EXIT_USAGE;
    }
    buf_fini(&error);
    if (args.action == ACTION_SERVE)
        proctitle_init(argc, argv);
    result = run(&args);
    if (fflush(stdout) == EOF) {
        perror("remuda: stdout");
        return EXIT_FAILED;
    }
    if (ferror(stdout)) { /* what came before, at a flush of the library's own */
        fputs("remuda: stdout: not all of it could be written\n", stderr);
        return EXIT_FAILED;
    }
    return result;
}
