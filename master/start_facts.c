#include "master/start_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/str.h"
#include "master/steering.h"
#include "worker/docroot.h"

enum { OPEN_FILES_ENOUGH = 1 << 20 };

void start_facts_raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max ||
        limit.rlim_cur >= OPEN_FILES_ENOUGH)
        return;
    limit.rlim_cur = limit.rlim_max < OPEN_FILES_ENOUGH ? limit.rlim_max : OPEN_FILES_ENOUGH;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The first number in the file; 0: it cannot be read, as in a container without /proc. */
static uint64_t read_number(const char *path)
{
    char text[32] = "";
    uint64_t number;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    return n > 0 && str_to_u64((struct str){ text, strcspn(text, "\n") }, &number) ? number : 0;
}

/* What a worker will have: `wanted` if setrlimit(2) will let it; 0: the limit as it is. */
static uint64_t find_open_files(uint64_t wanted)
{
    struct rlimit limit;
    uint64_t most = read_number("/proc/sys/fs/nr_open");

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return wanted;
    if (wanted > 0 &&
        (wanted <= limit.rlim_max || (geteuid() == 0 && (most == 0 || wanted <= most))))
        return wanted;
    return limit.rlim_cur;
}

static unsigned count_cpus(void)
{
    cpu_set_t usable;

    return sched_getaffinity(0, sizeof(usable), &usable) < 0 ? 0 : (unsigned)CPU_COUNT(&usable);
}

static void find_user(struct start_facts *f, const struct worker_setup *setup)
{
    const struct passwd *entry;

    if (setup->privileges.is_change && setup->user != NULL) {
        snprintf(f->user, sizeof(f->user), "%s", setup->user);
        return;
    }
    entry = getpwuid(geteuid());
    if (entry != NULL)
        snprintf(f->user, sizeof(f->user), "%s", entry->pw_name);
    else
        snprintf(f->user, sizeof(f->user), "user %u", (unsigned)geteuid());
}

/* A socket of its own, bound to nothing: what it is told stays in it. */
static void probe_socket(struct start_facts *f)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    f->lacks_steering = steering_attach(fd, 1) < 0;
    f->lacks_defer_accept = setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on)) < 0;
    close(fd);
}

/* As workers do it with each docroot. */
static void probe_folder(struct start_facts *f)
{
    const struct docroot_options options = { .path = "/" };
    struct docroot root;

    if (docroot_open(&root, &options) < 0)
        return;
    f->lacks_openat2 = !root.has_openat2;
    f->lacks_mount_ids = root.mount == 0;
    docroot_close(&root);
}

void start_facts_find(struct start_facts *f, const struct worker_setup *setup, unsigned workers)
{
    struct utsname name;

    *f = (struct start_facts){
        .workers = workers,
        .cpus = count_cpus(),
        .files_max = find_open_files(setup->rlimit_nofile),
        .backlog_max = read_number("/proc/sys/net/core/somaxconn"),
        .watches_max = read_number("/proc/sys/fs/inotify/max_user_watches"),
        .watchers_max = read_number("/proc/sys/fs/inotify/max_user_instances"),
    };
    if (uname(&name) == 0)
        snprintf(f->kernel, sizeof(f->kernel), "%.60s", name.release);
    find_user(f, setup);
    probe_socket(f);
    probe_folder(f);
}
