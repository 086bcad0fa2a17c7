#include "master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/args.h"

static void wait_for(pid_t pid, int fd)
{
    char byte;
    ssize_t n;
    int status;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(EXIT_OK);
    /* The reason is on stderr already, unless the process had no time for one. */
    if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
        fprintf(stderr, "remuda: the server was ended by signal %d while it started\n",
                WTERMSIG(status));
    _exit(EXIT_FAILED);
}

void daemon_leave_folder(void)
{
    if (chdir("/") < 0)
        perror("remuda: chdir /");
}

int daemon_fork(void)
{
    int pipe_fds[2];
    pid_t pid;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid = fork();
    if (pid > 0) {
        close(pipe_fds[1]);
        wait_for(pid, pipe_fds[0]);
    }
    close(pipe_fds[0]);
    if (pid < 0) {
        int saved_errno = errno;

        close(pipe_fds[1]);
        errno = saved_errno;
        return -1;
    }
    setsid();
    daemon_leave_folder();
    return pipe_fds[1];
}

void daemon_ready(int *ready_fd)
{
    if (*ready_fd < 0)
        return;
    if (write(*ready_fd, "", 1) != 1)
        perror("remuda: the process that waits for the start is gone");
    close(*ready_fd);
    *ready_fd = -1;
}

void daemon_redirect(int log_fd)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(log_fd >= 0 ? log_fd : fd, STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}
