#include "config/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/str.h"

#define FAIL(c, places, setting, ...)                                      \
    do {                                                                   \
        struct config_place at = places_find(places, setting);             \
        config_error_add((c)->errors, at.line, at.column, 0, __VA_ARGS__); \
    } while (0)

struct check {
    const struct config *config, *running;
    struct config_errors *errors;
};

static void check_folder(struct check *c, const struct scope *scope)
{
    const char *what = scope->alias != NULL ? "alias" : "root";
    const char *folder = scope->alias != NULL ? scope->alias : scope->root;
    struct stat st;

    if (folder == NULL)
        return;
    if (stat(folder, &st) < 0)
        FAIL(c, scope->places, what, "%s %s: %s", what, folder, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        FAIL(c, scope->places, what, "%s %s: not a folder", what, folder);
}

/* The file itself is made when it is missing; its folder is not. */
static void check_parent(struct check *c, const struct config_places *places, const char *setting,
                         const char *path)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    struct stat st;
    char *folder;

    if (slash == NULL || slash == path)
        return;
    folder = str_dup(str_range(path, slash));
    if (stat(folder, &st) < 0)
        FAIL(c, places, setting, "%s %s: the folder %s: %s; make it first", setting, path, folder,
             strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        FAIL(c, places, setting, "%s %s: %s is not a folder", setting, path, folder);
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        FAIL(c, places, setting, "%s %s: a folder, not a file", setting, path);
    free(folder);
}

static bool is_open(const struct config *running, const char *path)
{
    if (running == NULL || path == NULL)
        return false;
    if (running->error_log != NULL && strcmp(running->error_log, path) == 0)
        return true;
    for (size_t i = 0; i < running->access_log_count; i++)
        if (running->access_logs[i].path != NULL && strcmp(running->access_logs[i].path, path) == 0)
            return true;
    return false;
}

static void check_log(struct check *c, const struct config_places *places, const char *setting,
                      const char *path)
{
    if (!is_open(c->running, path))
        check_parent(c, places, setting, path);
}

static bool is_number(const char *text)
{
    uint64_t number;

    return str_to_u64(str_of(text), &number);
}

static void check_accounts(struct check *c)
{
    const struct config *config = c->config;

    if (config->user != NULL && !is_number(config->user) && getpwnam(config->user) == NULL)
        FAIL(c, config->places, "user", "this machine has no user \"%s\"", config->user);
    if (config->group != NULL && !is_number(config->group) && getgrnam(config->group) == NULL)
        FAIL(c, config->places, "group", "this machine has no group \"%s\"", config->group);
    if (config->control_socket_group != NULL && !is_number(config->control_socket_group) &&
        getgrnam(config->control_socket_group) == NULL)
        FAIL(c, config->places, "control_socket_group", "this machine has no group \"%s\"",
             config->control_socket_group);
}

/* What is in it the workers judge, who read it with their own rights. */
static void check_users(struct check *c, const struct scope *scope)
{
    static const char setting[] = "auth_basic_user_file";
    const char *path = scope->auth_basic_user_file;
    struct stat st;

    if (scope->auth_basic == NULL || scope->auth_basic[0] == '\0')
        return;
    if (stat(path, &st) < 0)
        FAIL(c, scope->places, setting, "%s %s: %s", setting, path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        FAIL(c, scope->places, setting, "%s %s: a folder, not a file", setting, path);
}

static void check_scope(struct check *c, const struct scope *scope)
{
    check_folder(c, scope);
    check_users(c, scope);
    if (scope->access_log != ACCESS_LOG_OFF)
        check_log(c, scope->places, "access_log", c->config->access_logs[scope->access_log].path);
}

void config_check(const struct config *config, const struct config *running,
                  struct config_errors *errors)
{
    struct check c = { config, running, errors };

    check_accounts(&c);
    check_log(&c, config->places, "error_log", config->error_log);
    if (!config->is_control_socket_default)
        check_parent(&c, config->places, "control_socket", config->control_socket);
    for (size_t i = 0; i < config->site_count; i++)
        for (size_t j = 0; j < config->sites[i].route_count; j++)
            check_scope(&c, &config->sites[i].routes[j].scope);
}
