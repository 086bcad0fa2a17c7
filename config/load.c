#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/xmalloc.h"
#include "config/access_logs.h"
#include "config/fields.h"
#include "config/sites.h"

enum { HEAD_MAX = 256 << 10 }; /* request line and header together: a worker's input buffer */

/* The table's defaults as a config text, read like an operator's. */
static void add_defaults(struct buf *text)
{
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *row = &settings[i];

        if (row->type == SET_GROUP && setting_group_has_default(row))
            buf_printf(text, "%s:\n", row->name);
        else if (row->default_text != NULL)
            buf_printf(text, "%s%s: %s\n", setting_indent(row) > 0 ? "  " : "", row->name,
                       row->default_text);
    }
}

static void read_defaults(struct config *config, struct scope *server)
{
    struct config_errors errors = { 0 };
    struct value_reader r = { config, &errors, "/", true };
    struct buf text = { 0 };
    struct yaml_tree *tree;

    add_defaults(&text);
    tree = yaml_tree_parse(buf_str(&text), &errors);
    assert(tree != NULL);
    scope_read(&r, tree->root, SCOPE_SERVER, server);
    assert(errors.count == 0);
    yaml_tree_free(&tree);
    buf_fini(&text);
    config_errors_fini(&errors);
}

/* `path` with `ending` for what stands in `old` (ending with NULL), or just appended. */
static char *with_ending(const char *path, const char *const *old, const char *ending)
{
    struct str stem = str_of(path);

    for (; *old != NULL; old++) {
        if (!str_ends(stem, str_of(*old)))
            continue;
        stem.n -= strlen(*old);
        break;
    }
    return xasprintf("%.*s%s", STR_ARG(stem), ending);
}

/* The pid file stands beside the config, the control socket beside the pid file. */
static void derive_run_files(struct config *config, const struct yaml_node *map)
{
    static const char *const yaml[] = { ".yaml", ".yml", NULL };
    static const char *const pid[] = { ".pid", NULL };

    config->is_pid_file_default = yaml_map_find(map, "pid_file") == NULL;
    if (config->is_pid_file_default && config->path != NULL)
        config->pid_file = with_ending(config->path, yaml, ".pid");

    config->is_control_socket_default = yaml_map_find(map, "control_socket") == NULL;
    if (!config->is_control_socket_default || config->pid_file == NULL)
        return;
    config->control_socket = with_ending(config->pid_file, pid, ".sock");
    if (strlen(config->control_socket) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        free(config->control_socket);
        config->control_socket = NULL;
    }
}

static void check_head_size(const struct config *config, const struct yaml_node *map,
                            struct config_errors *errors)
{
    const struct yaml_item *item = yaml_map_find(map, "request_header_max");
    uint64_t sum = config->request_line_max_bytes + config->request_header_max_bytes;

    if (sum <= HEAD_MAX)
        return;
    if (item == NULL)
        item = yaml_map_find(map, "request_line_max");
    assert(item != NULL); /* the defaults fit */
    config_error_add(errors, item->value->mark.line, item->value->mark.column,
                     item->value->mark.width,
                     "\"request_line_max\" and \"request_header_max\" together are %" PRIu64
                     " bytes; at most 256KiB are possible",
                     sum);
}

/* Nobody could be believed: every connection would be closed. */
static void check_proxy_protocol(const struct config *config, const struct yaml_node *map,
                                 struct config_errors *errors)
{
    const struct yaml_item *item = yaml_map_find(map, "listen");

    for (size_t i = 0; i < config->listen_count; i++) {
        if (!config->listens[i].has_proxy_protocol || config->trusted_proxies.count > 0)
            continue;
        assert(item != NULL); /* the default has none */
        config_error_add(errors, item->value->mark.line, item->value->mark.column,
                         item->value->mark.width,
                         "\"proxy_protocol\" is taken from \"trusted_proxies\" only, and there "
                         "are none; add them, as in trusted_proxies: 10.0.0.0/8");
        return;
    }
}

static void read_settings(struct value_reader *r, const struct yaml_node *map)
{
    struct scope server = { 0 };

    read_defaults(r->config, &server);
    if (r->config->path == NULL)
        server.root = xstrdup(r->folder);
    scope_read(r, map, SCOPE_SERVER, &server);
    r->config->places = server.places;
    sites_read(r, map, &server);
    derive_run_files(r->config, map);
    check_head_size(r->config, map, r->errors);
    check_proxy_protocol(r->config, map, r->errors);
    scope_fini(&server);
}

static char *folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash == file ? xstrdup("/") : str_dup(str_range(file, slash));
}

struct config *config_parse(struct str text, const char *path, struct config_errors *errors)
{
    struct config *config = NULL;
    struct yaml_tree *tree = NULL;
    char *current = getcwd(NULL, 0), *folder = NULL;
    size_t known = errors->count;

    if (current == NULL && (path == NULL || path[0] != '/')) {
        config_error_add(errors, 0, 0, 0, "the current folder cannot be told: %s", strerror(errno));
        return NULL;
    }
    if (errors->path == NULL && path != NULL)
        errors->path = xstrdup(path);
    if (str_starts(text, STR("\xef\xbb\xbf"))) /* a byte order mark, which takes no column */
        text = str_range(text.p + 3, text.p + text.n);
    errors->source.n = 0;
    buf_add(&errors->source, text);
    tree = yaml_tree_parse(text, errors);
    if (tree != NULL) {
        config = xcalloc(1, sizeof(*config));
        config->path = path != NULL ? value_absolute_path(current, str_of(path)) : NULL;
        folder = path != NULL ? folder_of(config->path) : xstrdup(current);
        struct value_reader r = { config, errors, folder, false };
        read_settings(&r, tree->root);
    }
    if (errors->count > known)
        config_free(&config);
    yaml_tree_free(&tree);
    free(folder);
    free(current);
    return config;
}

/* The whole file, but not more than is worth an error. -1: errno. */
static int read_file(const char *path, struct buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    if (fd < 0)
        return -1;
    while (text->n <= YAML_TEXT_MAX) {
        n = read(fd, buf_reserve(text, 65536), 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        text->n += (size_t)n;
    }
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return n < 0 ? -1 : 0;
}

struct config *config_load(const char *path, struct config_errors *errors)
{
    struct config *config = NULL;
    struct buf text = { 0 };

    if (errors->path == NULL)
        errors->path = xstrdup(path);
    if (read_file(path, &text) < 0)
        config_error_add(errors, 0, 0, 0, "cannot be read: %s", strerror(errno));
    else
        config = config_parse(buf_str(&text), path, errors);
    buf_fini(&text);
    return config;
}

void config_free(struct config **config)
{
    struct config *c = *config;

    if (c == NULL)
        return;
    for (size_t i = 0; i < setting_count; i++)
        if (!setting_is_scoped(&settings[i]))
            field_fini(&settings[i], c);
    for (size_t i = 0; i < c->access_log_count; i++)
        access_log_fini(&c->access_logs[i]);
    free(c->access_logs);
    sites_free(c);
    places_free(&c->all_places);
    free(c->path);
    free(c);
    *config = NULL;
}
