#include "common/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/list.h"
#include "common/xmalloc.h"

enum {
    ROOM = 8 * 1024 * 1024,
    /* Lines are gathered up to what even a pipe takes in one piece. */
    SMALL_MAX = PIPE_BUF,
};

/* Lines for a descriptor, or its end. */
struct entry {
    struct entry *next;
    int fd;
    bool is_close;
    uint64_t tells; /* so many lost lines; 0: it is no such line */
    struct buf bytes;
};

#define LANE_INIT(kind)                                                         \
    {                                                                           \
        .lock = PTHREAD_MUTEX_INITIALIZER, .is_work = PTHREAD_COND_INITIALIZER, \
        .last = &lanes[kind].first                                              \
    }

/* Each kind has its own: that of the error log tells of the trouble of the others. */
static struct lane {
    pthread_mutex_t lock; /* guards what follows, and is never held over a system call that waits */
    pthread_cond_t is_work;
    struct entry *first, **last; /* waiting */
    struct entry *busy;          /* with the thread; NULL: none */
    size_t used_bytes;           /* memory of both */
    struct buf spare;            /* empty */
    bool is_ending;

    /* the loop's own */
    pthread_t thread;
    bool has_thread;

    struct buf cut; /* the thread's own: descriptors (int) whose last line is not whole */

    _Atomic uint64_t put, done; /* entries */
    _Atomic uint64_t lost_lines, lost_bytes;
    _Atomic int lost_error;
} lanes[LOG_KINDS] = {
    [LOG_ERRORS] = LANE_INIT(LOG_ERRORS),
    [LOG_REQUESTS] = LANE_INIT(LOG_REQUESTS),
};

static size_t room_bytes = ROOM;
static bool is_used; /* by this process, and not ended since */

static _Atomic uint64_t untold; /* lost lines of the error log */
static atomic_bool is_telling;  /* a line that says so waits */

static size_t cost_of(const struct entry *e)
{
    return sizeof(*e) + e->bytes.cap;
}

static void lose(struct lane *l, struct str bytes, int error)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < bytes.n; i++)
        lines += bytes.p[i] == '\n';
    atomic_fetch_add(&l->lost_bytes, bytes.n);
    atomic_fetch_add(&l->lost_lines, lines);
    atomic_store(&l->lost_error, error);
    if (l == &lanes[LOG_ERRORS])
        atomic_fetch_add(&untold, lines);
}

/* ---- writing ---- */

static int *find_cut(struct lane *l, int fd)
{
    int *fds = (int *)(void *)l->cut.p;

    for (size_t i = 0; i < l->cut.n / sizeof(fd); i++)
        if (fds[i] == fd)
            return &fds[i];
    return NULL;
}

static void set_cut(struct lane *l, int fd)
{
    if (find_cut(l, fd) == NULL)
        buf_add(&l->cut, (struct str){ (const char *)&fd, sizeof(fd) });
}

static void forget_cut(struct lane *l, int fd)
{
    int *found = find_cut(l, fd);

    if (found == NULL)
        return;
    l->cut.n -= sizeof(fd);
    memcpy(found, l->cut.p + l->cut.n, sizeof(fd));
}

/* How much of it was written: all, or errno. A pipe whose reader is slow is waited for. */
static size_t write_all(int fd, const char *p, size_t n)
{
    struct pollfd writable = { .fd = fd, .events = POLLOUT };
    size_t done = 0;

    while (done < n) {
        ssize_t wrote = write(fd, p + done, n - done);

        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote < 0 && errno == EAGAIN)
            poll(&writable, 1, -1);
        else if (wrote == 0 || errno != EINTR)
            break;
    }
    return done;
}

/*
 * The beginning of a line that a full disk has not taken whole. Other processes write there too, and
 * would begin their next line behind it; while the disk is full they add nothing. False: it stays.
 */
static bool take_back(int fd, size_t n)
{
    struct stat st;

    /* One that does not append would go on where it was, behind a hole. */
    return (fcntl(fd, F_GETFL) & O_APPEND) != 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_size >= (off_t)n && ftruncate(fd, st.st_size - (off_t)n) == 0;
}

static void write_lines(struct lane *l, const struct entry *e)
{
    size_t n = e->bytes.n, done = 0;

    /* A full disk took half a line: the next one is not to be glued to it. */
    if (find_cut(l, e->fd) == NULL || write_all(e->fd, "\n", 1) == 1) {
        forget_cut(l, e->fd);
        done = write_all(e->fd, e->bytes.p, n);
    }
    if (done < n) {
        int error = errno;
        size_t begun = 0;

        while (begun < done && e->bytes.p[done - 1 - begun] != '\n')
            begun++;
        if (begun > 0 && take_back(e->fd, begun))
            done -= begun;
        else if (begun > 0)
            set_cut(l, e->fd);
        if (e->tells == 0)
            lose(l, (struct str){ e->bytes.p + done, n - done }, error);
    } else if (e->tells > 0) {
        atomic_fetch_sub(&untold, e->tells);
    }
    if (e->tells > 0)
        atomic_store(&is_telling, false);
}

static void perform(struct lane *l, const struct entry *e)
{
    if (!e->is_close) {
        write_lines(l, e);
        return;
    }
    forget_cut(l, e->fd);
    close(e->fd);
}

/* ---- the queue; locked ---- */

static void queue_put(struct lane *l, struct entry *e)
{
    e->next = NULL;
    *l->last = e;
    l->last = &e->next;
    l->used_bytes += cost_of(e);
    atomic_fetch_add(&l->put, 1);
}

static struct entry *queue_take(struct lane *l)
{
    struct entry *e = l->first;

    if (e == NULL)
        return NULL;
    l->first = e->next;
    if (l->first == NULL)
        l->last = &l->first;
    return e;
}

static struct entry *queue_end(const struct lane *l)
{
    return l->first != NULL ? CONTAINER_OF(l->last, struct entry, next) : NULL;
}

/* The memory of one is kept for whoever fills the next. */
static void entry_free(struct lane *l, struct entry *e)
{
    l->used_bytes -= cost_of(e);
    if (e->bytes.cap > SMALL_MAX && l->spare.p == NULL) {
        l->spare = e->bytes;
        l->spare.n = 0;
    } else {
        buf_fini(&e->bytes);
    }
    free(e);
}

/* ---- the thread ---- */

static void *work(void *arg)
{
    struct lane *l = arg;

    pthread_mutex_lock(&l->lock);
    while (!l->is_ending || l->first != NULL) {
        l->busy = queue_take(l);
        if (l->busy == NULL) {
            pthread_cond_wait(&l->is_work, &l->lock);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        perform(l, l->busy);
        pthread_mutex_lock(&l->lock);
        entry_free(l, l->busy);
        l->busy = NULL;
        atomic_fetch_add(&l->done, 1);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void before_fork(void)
{
    for (int kind = 0; kind < LOG_KINDS; kind++)
        pthread_mutex_lock(&lanes[kind].lock);
}

static void after_fork(void)
{
    for (int kind = 0; kind < LOG_KINDS; kind++)
        pthread_mutex_unlock(&lanes[kind].lock);
}

static void child_drop(struct lane *l, struct entry *e)
{
    if (e == NULL)
        return;
    if (e->is_close)
        close(e->fd); /* our copy */
    entry_free(l, e);
}

static void child_clear(struct lane *l)
{
    struct entry *e;

    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->is_work, NULL);
    /* What the thread is closing may be closed, and its number another file's by now. */
    if (l->busy != NULL)
        l->busy->is_close = false;
    child_drop(l, l->busy);
    l->busy = NULL;
    while ((e = queue_take(l)) != NULL)
        child_drop(l, e);
    l->cut = (struct buf){ NULL, 0, 0 }; /* the thread may have been at it: lost, not freed */
    l->has_thread = l->is_ending = false;
    atomic_store(&l->done, atomic_load(&l->put));
}

static void in_child(void)
{
    for (int kind = 0; kind < LOG_KINDS; kind++) {
        child_clear(&lanes[kind]);
        log_writer_take_losses((enum log_kind)kind);
    }
    is_used = false;
    atomic_store(&untold, 0);
    atomic_store(&is_telling, false);
}

/* The thread takes no signals: they are the loop's. */
static bool start_thread(struct lane *l)
{
    static bool is_fork_watched;
    sigset_t all, before;

    is_used = true;
    if (l->has_thread)
        return true;
    if (!is_fork_watched)
        is_fork_watched = pthread_atfork(before_fork, after_fork, in_child) == 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    l->has_thread = is_fork_watched && pthread_create(&l->thread, NULL, work, l) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return l->has_thread;
}

/* ---- handing over ---- */

void log_writer_set_room(size_t bytes)
{
    room_bytes = bytes;
}

static struct entry *entry_new(int fd)
{
    struct entry *e = xcalloc(1, sizeof(*e));

    e->fd = fd;
    return e;
}

/* Takes `e`. Without a thread this is where it waits. */
static void hand_over(struct lane *l, struct entry *e)
{
    bool has_thread = start_thread(l);

    pthread_mutex_lock(&l->lock);
    queue_put(l, e);
    pthread_cond_signal(&l->is_work);
    while (!has_thread && (e = queue_take(l)) != NULL) {
        perform(l, e);
        entry_free(l, e);
        atomic_fetch_add(&l->done, 1);
    }
    pthread_mutex_unlock(&l->lock);
}

static bool has_room(const struct lane *l, size_t more)
{
    return l->used_bytes == 0 || l->used_bytes + sizeof(struct entry) + more <= room_bytes;
}

/* Behind lines that wait for the same descriptor. False: there are none, or they are enough. */
static bool append(struct lane *l, int fd, struct str lines)
{
    struct entry *e = queue_end(l);

    if (e == NULL || e->is_close || e->tells > 0 || e->fd != fd || e->bytes.n + lines.n > SMALL_MAX)
        return false;
    buf_add(&e->bytes, lines);
    return true;
}

/* Is it settled: appended, or lost for want of room? */
static bool append_or_lose(struct lane *l, int fd, struct str lines, size_t cost)
{
    bool is_appended, is_room;

    pthread_mutex_lock(&l->lock);
    is_appended = append(l, fd, lines);
    is_room = has_room(l, cost);
    pthread_mutex_unlock(&l->lock);
    if (!is_appended && !is_room)
        lose(l, lines, 0);
    return is_appended || !is_room;
}

static struct entry *entry_copy(int fd, struct str lines)
{
    struct entry *e = entry_new(fd);

    buf_reserve(&e->bytes, lines.n < SMALL_MAX ? SMALL_MAX : lines.n);
    buf_add(&e->bytes, lines);
    return e;
}

void log_writer_add(enum log_kind kind, int fd, struct str lines)
{
    struct lane *l = &lanes[kind];

    if (lines.n > 0 && !append_or_lose(l, fd, lines, lines.n < SMALL_MAX ? SMALL_MAX : lines.n))
        hand_over(l, entry_copy(fd, lines));
}

static struct buf take_spare(struct lane *l)
{
    struct buf spare;

    pthread_mutex_lock(&l->lock);
    spare = l->spare;
    l->spare = (struct buf){ NULL, 0, 0 };
    pthread_mutex_unlock(&l->lock);
    return spare;
}

void log_writer_put(enum log_kind kind, int fd, struct buf *lines)
{
    struct lane *l = &lanes[kind];
    struct entry *e;

    if (lines->n <= SMALL_MAX) {
        log_writer_add(kind, fd, buf_str(lines));
    } else if (!append_or_lose(l, fd, buf_str(lines), lines->cap)) {
        e = entry_new(fd);
        e->bytes = *lines;
        *lines = take_spare(l);
        hand_over(l, e);
    }
    lines->n = 0;
}

void log_writer_close(enum log_kind kind, int fd)
{
    struct entry *e;

    if (fd >= 0 && !is_used) {
        close(fd);
    } else if (fd >= 0) {
        e = entry_new(fd);
        e->is_close = true;
        hand_over(&lanes[kind], e);
    }
}

/* ---- waiting ---- */

struct log_mark log_writer_mark(void)
{
    struct log_mark mark;

    for (int kind = 0; kind < LOG_KINDS; kind++)
        mark.entries[kind] = atomic_load(&lanes[kind].put);
    return mark;
}

static bool is_lane_past(const struct lane *l, uint64_t entries)
{
    return atomic_load(&l->done) >= entries;
}

bool log_writer_is_past(const struct log_mark *mark)
{
    for (int kind = 0; kind < LOG_KINDS; kind++)
        if (!is_lane_past(&lanes[kind], mark->entries[kind]))
            return false;
    return true;
}

/* *ms becomes what is left of it. */
static bool settle(const struct lane *l, unsigned *ms)
{
    static const struct timespec moment = { 0, 1000000 };
    uint64_t entries = atomic_load(&l->put);

    for (; !is_lane_past(l, entries); --*ms) {
        if (*ms == 0)
            return false;
        nanosleep(&moment, NULL);
    }
    return true;
}

bool log_writer_settle(enum log_kind kind, unsigned ms)
{
    return settle(&lanes[kind], &ms);
}

static void end_thread(struct lane *l)
{
    if (l->has_thread) {
        pthread_mutex_lock(&l->lock);
        l->is_ending = true;
        pthread_cond_signal(&l->is_work);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
        l->has_thread = l->is_ending = false;
    }
    buf_fini(&l->spare);
    buf_fini(&l->cut);
}

bool log_writer_pause(unsigned ms)
{
    bool is_settled = true;

    for (int kind = 0; kind < LOG_KINDS; kind++) {
        if (settle(&lanes[kind], &ms))
            end_thread(&lanes[kind]);
        else
            is_settled = false;
    }
    return is_settled;
}

bool log_writer_end(unsigned ms)
{
    bool is_settled = log_writer_pause(ms);

    is_used = is_used && !is_settled;
    return is_settled;
}

/* ---- losses ---- */

struct log_losses log_writer_take_losses(enum log_kind kind)
{
    struct lane *l = &lanes[kind];

    return (struct log_losses){
        .lines = atomic_exchange(&l->lost_lines, 0),
        .bytes = atomic_exchange(&l->lost_bytes, 0),
        .error = atomic_load(&l->lost_error),
    };
}

uint64_t log_writer_untold(void)
{
    return atomic_load(&is_telling) ? 0 : atomic_load(&untold);
}

void log_writer_tell(int fd, struct str line, uint64_t count)
{
    struct lane *l = &lanes[LOG_ERRORS];
    struct entry *e;
    bool is_room;

    pthread_mutex_lock(&l->lock);
    is_room = has_room(l, SMALL_MAX);
    pthread_mutex_unlock(&l->lock);
    if (!is_room)
        return;
    e = entry_copy(fd, line);
    e->tells = count;
    atomic_store(&is_telling, true);
    hand_over(l, e);
}
