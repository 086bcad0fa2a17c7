#include "tests/integration/server.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void pause_ms(unsigned ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

const char *server_path(const struct server *s, const char *name)
{
    static char paths[16][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 16];

    snprintf(path, PATH_MAX, "%s/%s", s->dir, name);
    return path;
}

/* Beside the running test binary; the repository is where the tests are started from. */
static char binary_path[PATH_MAX];

const char *server_binary(void)
{
    char *path = binary_path;
    const char *named = getenv("REMUDA");
    char self[PATH_MAX - 16] = "", *slash;

    if (path[0] != '\0')
        return path;
    if (named != NULL && realpath(named, path) != NULL)
        return path;
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
        slash = strrchr(self, '/');
        snprintf(path, sizeof(binary_path), "%.*s/remuda", (int)(slash - self), self);
    }
    return path;
}

void server_copy_binary(const struct server *s)
{
    struct buf b = file_read(server_binary());

    cr_assert(b.n > 0, "%s cannot be read", server_binary());
    server_bytes(s, "remuda", b.p, b.n);
    buf_fini(&b);
    snprintf(binary_path, sizeof(binary_path), "%s/remuda", s->dir);
    cr_assert(chmod(binary_path, 0755) == 0);
}

const char *server_ctl(void)
{
    static char path[PATH_MAX];

    if (path[0] == '\0' && realpath("scripts/remudactl", path) == NULL)
        snprintf(path, sizeof(path), "scripts/remudactl");
    return path;
}

unsigned server_free_port(void)
{
    static unsigned tried;
    unsigned port;
    int fd;

    for (;;) {
        struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int is_free;

        port = 20000 + ((unsigned)getpid() * 7 + tried++ * 101) % 12000;
        sa.sin_port = htons((uint16_t)port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        is_free = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
        close(fd);
        if (is_free)
            return port;
    }
}

/* --- files --- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

static void folders_make(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
}

/* By rename, so that nobody sees half a file. */
void server_bytes(const struct server *s, const char *name, const void *bytes, size_t n)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    folders_make(path);
    snprintf(temporary, sizeof(temporary), "%s/.new-%d", s->dir, (int)getpid());
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert(fd >= 0, "%s: %s", temporary, strerror(errno));
    for (size_t at = 0; at < n;) {
        ssize_t wrote = write(fd, (const char *)bytes + at, n - at);

        cr_assert(wrote > 0, "%s: %s", path, strerror(errno));
        at += (size_t)wrote;
    }
    close(fd);
    cr_assert(rename(temporary, path) == 0, "%s: %s", path, strerror(errno));
}

void server_file(const struct server *s, const char *name, const char *text)
{
    server_bytes(s, name, text, strlen(text));
}

void pattern_fill(char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)(i + 1) * 2654435761u ^ seed * 40503u;

        p[i] = (char)(x >> 24 ^ x >> 11);
    }
}

void server_blob(const struct server *s, const char *name, size_t n, unsigned seed)
{
    char *p = malloc(n + 1);

    pattern_fill(p, n, seed);
    server_bytes(s, name, p, n);
    free(p);
}

void server_set_mtime(const struct server *s, const char *name, time_t when)
{
    struct timespec times[2] = { { when, 0 }, { when, 0 } };

    cr_assert(utimensat(AT_FDCWD, server_path(s, name), times, 0) == 0, "utimensat %s", name);
}

struct buf file_read(const char *path)
{
    struct buf b = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return b;
    while ((n = read(fd, buf_reserve(&b, 65536), 65536)) > 0)
        b.n += (size_t)n;
    close(fd);
    return b;
}

/* Wakes the caller when something in the file's folder changes. -1: no inotify; poll instead. */
static int folder_watch(const char *path)
{
    char folder[PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    inotify_add_watch(fd, folder, IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVE);
    return fd;
}

static void folder_wait(int fd, unsigned ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char events[4096];

    if (poll(&p, 1, (int)ms) > 0 && read(fd, events, sizeof(events)) < 0)
        pause_ms(1);
}

static bool file_has(const char *path, size_t from, const char *text)
{
    struct buf b = file_read(path);
    bool found = b.n > from && strstr(buf_cstr(&b) + from, text) != NULL;

    buf_fini(&b);
    return found;
}

bool file_wait(const char *path, size_t from, const char *text, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    int watch = folder_watch(path);
    bool found;

    while (!(found = file_has(path, from, text)) && now_ms() < end)
        folder_wait(watch, 100);
    close(watch);
    return found;
}

bool file_wait_exists(const char *path, bool is_there, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    int watch = folder_watch(path);

    while ((access(path, F_OK) == 0) != is_there && now_ms() < end)
        folder_wait(watch, 100);
    close(watch);
    return (access(path, F_OK) == 0) == is_there;
}

size_t server_log_size(const struct server *s)
{
    struct stat st;

    return stat(s->log, &st) == 0 ? (size_t)st.st_size : 0;
}

bool server_wait_log(const struct server *s, size_t from, const char *text, unsigned ms)
{
    return file_wait(s->log, from, text, ms);
}

/* --- processes --- */

char process_state(pid_t pid)
{
    char path[64], *after;
    struct buf b;
    char state = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    b = file_read(path);
    if (b.n > 0 && (after = strrchr(buf_cstr(&b), ')')) != NULL && after[1] == ' ')
        state = after[2];
    buf_fini(&b);
    return state == 'Z' || state == 'X' ? 0 : state;
}

size_t process_rss_bytes(pid_t pid)
{
    char path[64];
    struct buf b;
    unsigned long total, resident = 0;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    b = file_read(path);
    if (b.n == 0 || sscanf(buf_cstr(&b), "%lu %lu", &total, &resident) != 2)
        resident = 0;
    buf_fini(&b);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

void process_freeze(pid_t pid)
{
    uint64_t end = now_ms() + DEADLINE_MS;

    cr_assert_eq(kill(pid, SIGSTOP), 0);
    while (process_state(pid) != 'T' && now_ms() < end)
        pause_ms(1);
}

bool process_wait_gone(pid_t pid, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

    while (p.fd >= 0 && process_state(pid) != 0 && now_ms() < end)
        poll(&p, 1, 50);
    if (p.fd >= 0)
        close(p.fd);
    return process_state(pid) == 0;
}

static pid_t children_next(DIR *proc, pid_t parent)
{
    struct dirent *entry;

    while ((entry = readdir(proc)) != NULL) {
        char path[300], *after, state;
        struct buf b;
        int ppid = 0;

        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        b = file_read(path);
        after = b.n > 0 ? strrchr(buf_cstr(&b), ')') : NULL;
        if (after == NULL || sscanf(after, ") %c %d", &state, &ppid) != 2 || state == 'Z')
            ppid = 0;
        buf_fini(&b);
        if (ppid == parent)
            return (pid_t)atoi(entry->d_name);
    }
    return 0;
}

size_t server_workers(const struct server *s, pid_t pids[SERVER_WORKERS_MAX])
{
    DIR *proc = opendir("/proc");
    size_t count = 0;
    pid_t pid;

    cr_assert(proc != NULL, "/proc: %s", strerror(errno));
    while (count < SERVER_WORKERS_MAX && (pid = children_next(proc, s->pid)) != 0)
        pids[count++] = pid;
    closedir(proc);
    return count;
}

bool server_wait_workers(const struct server *s, size_t count, pid_t except, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    pid_t pids[SERVER_WORKERS_MAX];

    do {
        size_t n = server_workers(s, pids);
        bool has_except = false;

        for (size_t i = 0; i < n; i++)
            has_except = has_except || pids[i] == except;
        if (n == count && !has_except)
            return true;
        pause_ms(5); /* a fork elsewhere makes no event */
    } while (now_ms() < end);
    return false;
}

/* False: nothing came within `ms`, or the end. */
static bool read_some(int fd, int ms, struct buf *output)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    ssize_t n;

    if (poll(&p, 1, ms) <= 0)
        return false;
    n = read(fd, buf_reserve(output, 4096), 4096);
    output->n += n > 0 ? (size_t)n : 0;
    return n > 0;
}

void command_run(struct command *c, const struct server *s, const char *const argv[])
{
    int ends[2], status = 0;
    uint64_t end = now_ms() + 3 * DEADLINE_MS;
    pid_t pid;

    *c = (struct command){ .exit_code = -1 };
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    pid = fork();
    cr_assert(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(s->dir) != 0)
            _exit(126);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close_range(3, ~0u, 0);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    /* Not until end-of-file: a daemon that it left behind may hold the pipe. */
    for (;;) {
        bool has_ended = waitpid(pid, &status, WNOHANG) == pid;

        while (read_some(ends[0], has_ended ? 0 : 10, &c->output))
            ;
        if (has_ended) {
            c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
            break;
        }
        if (now_ms() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            break;
        }
    }
    close(ends[0]);
    buf_cstr(&c->output);
}

void command_fini(struct command *c)
{
    buf_fini(&c->output);
}

int server_verb(const struct server *s, const char *verb, struct buf *output)
{
    const char *const argv[] = { server_binary(), "-s", verb, "-c", s->config, NULL };
    struct command c;

    command_run(&c, s, argv);
    if (output != NULL)
        *output = c.output;
    else
        command_fini(&c);
    return c.exit_code;
}

/* --- life of one server --- */

/* Ends what a crashed test left behind: a daemon too, which no death signal of ours reaches. */
static void guardian_clean(const struct server *s)
{
    char path[PATH_MAX];
    struct buf b = file_read(server_path(s, "config.pid"));
    pid_t pid = b.n > 0 ? (pid_t)atoi(buf_cstr(&b)) : 0;

    buf_fini(&b);
    if (pid > 0) {
        snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        b = file_read(path);
        if (memmem(b.p, b.n, s->dir, strlen(s->dir)) != NULL)
            kill(pid, SIGKILL);
        buf_fini(&b);
    }
    /* Workers that are just ending may still write. */
    for (unsigned i = 0; i < 100 && access(s->dir, F_OK) == 0; i++) {
        nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        pause_ms(i);
    }
}

static void guardian_start(struct server *s)
{
    int ends[2];
    char byte;

    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    s->guardian = fork();
    cr_assert(s->guardian >= 0);
    if (s->guardian == 0) {
        setsid();
        dup2(ends[0], 0);
        close_range(1, ~0u, 0);
        while (read(0, &byte, 1) < 0 && errno == EINTR)
            ;
        guardian_clean(s);
        _exit(0);
    }
    close(ends[0]);
    s->guardian_fd = ends[1];
}

void server_open(struct server *s)
{
    *s = (struct server){ .dir = "/tmp/remuda-integ-XXXXXX" };
    cr_assert(mkdtemp(s->dir) != NULL, "mkdtemp: %s", strerror(errno));
    chmod(s->dir, 0755);
    snprintf(s->config, sizeof(s->config), "%s/config.yaml", s->dir);
    snprintf(s->log, sizeof(s->log), "%s/error.log", s->dir);
    guardian_start(s);
    server_file(s, "root/index.html", "hello\n");
}

/* A worker that breaks is replaced so fast that no client may notice; the log tells. */
static void log_judge(const struct server *s)
{
    static const char *const words[] = { "Sanitizer",       "runtime error:",   "Assertion",
                                         "ended: signal 6", "ended: signal 11", "[crit]" };
    struct buf b = file_read(s->log);

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        cr_expect(b.n == 0 || strstr(buf_cstr(&b), words[i]) == NULL, "in the error log:\n%.4000s",
                  b.p);
    buf_fini(&b);
}

void server_close(struct server *s)
{
    server_stop(s);
    log_judge(s);
    guardian_clean(s);
    close(s->guardian_fd);
    waitpid(s->guardian, NULL, 0);
}

static bool config_sets(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ':')
            return true;
    }
    return false;
}

void server_config(const struct server *s, const char *text)
{
    static const char *const defaults[][2] = {
        { "listen", "127.0.0.1:0" },
        { "workers", "2" },
        { "root", "root" },
        { "error_log", "error.log" },
    };
    struct buf b = { 0 };

    for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
        if (!config_sets(text, defaults[i][0]))
            buf_printf(&b, "%s: %s\n", defaults[i][0], defaults[i][1]);
    buf_printf(&b, "%s", text);
    server_bytes(s, "config.yaml", b.p, b.n);
    buf_fini(&b);
}

void server_spawn(struct server *s, const char *const argv[])
{
    const char *full[32] = { server_binary() };
    size_t count = 1;
    int log, out, null;

    while (argv[count - 1] != NULL && count < 31) {
        full[count] = argv[count - 1];
        count++;
    }
    s->log_start = server_log_size(s);
    s->pid = fork();
    cr_assert(s->pid >= 0, "fork: %s", strerror(errno));
    if (s->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    null = open("/dev/null", O_RDONLY);
    log = open(s->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    out = open(server_path(s, "stdout.log"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (chdir(s->dir) != 0 || null < 0 || log < 0 || out < 0)
        _exit(126);
    dup2(null, 0);
    dup2(out, 1);
    dup2(log, 2);
    close_range(3, ~0u, 0);
    execv(full[0], (char *const *)full);
    dprintf(2, "%s: %s\n", full[0], strerror(errno));
    _exit(127);
}

bool server_wait_ready(struct server *s, unsigned ms)
{
    static const char listening[] = "listening on 127.0.0.1:";
    uint64_t end = now_ms() + ms;
    int watch = folder_watch(s->log);
    bool is_ready = false, is_alive = true;
    struct buf b;
    char *at;

    while (!is_ready && is_alive && now_ms() < end) {
        is_alive = waitpid(s->pid, NULL, WNOHANG) == 0;
        is_ready = file_has(s->log, s->log_start, "ready: ");
        if (is_alive && !is_ready)
            folder_wait(watch, 20);
    }
    close(watch);
    if (!is_alive)
        s->pid = 0;
    b = file_read(s->log);
    if (b.n > s->log_start && (at = strstr(buf_cstr(&b) + s->log_start, listening)) != NULL)
        s->port = (unsigned)strtoul(at + strlen(listening), NULL, 10);
    buf_fini(&b);
    return is_ready && is_alive;
}

void server_start(struct server *s, const char *config)
{
    const char *const argv[] = { "-c", s->config, NULL };
    struct buf b;

    server_config(s, config);
    server_spawn(s, argv);
    if (server_wait_ready(s, DEADLINE_MS))
        return;
    b = file_read(s->log);
    cr_assert_fail("%s did not start:\n%s", server_binary(), buf_cstr(&b));
}

int server_wait_exit(struct server *s, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, s->pid, 0), .events = POLLIN };
    int status = -1;

    while (waitpid(s->pid, &status, WNOHANG) == 0 && now_ms() < end) {
        status = -1;
        poll(&p, 1, 50);
    }
    if (p.fd >= 0)
        close(p.fd);
    if (status != -1)
        s->pid = 0;
    return status;
}

void server_stop(struct server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGTERM);
    if (server_wait_exit(s, DEADLINE_MS) == -1) {
        cr_expect_fail("the master ignored TERM");
        kill(s->pid, SIGKILL);
        server_wait_exit(s, DEADLINE_MS);
    }
    s->pid = 0;
}

void server_signal(const struct server *s, int signal)
{
    cr_assert(s->pid > 0 && kill(s->pid, signal) == 0, "the master is gone");
}

void server_reload(const struct server *s, const char *config)
{
    struct buf output;
    int exit_code;

    server_config(s, config);
    exit_code = server_verb(s, "reload", &output);
    cr_assert(exit_code == 0, "reload: exit code %d: %s", exit_code, buf_cstr(&output));
    buf_fini(&output);
}
