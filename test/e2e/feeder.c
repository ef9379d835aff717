/*
 * Runs a program as few callers do: feeder MODE PROGRAM [ARGUMENT...]. Its own stdin reaches the program one byte at a time,
 * each only when the one before was taken.
 *
 *     patient      an ordinary pipe
 *     nonblocking  a pipe whose reading end does not block, so that a read may find nothing yet
 *     careless     an ordinary pipe, SIGCHLD ignored and SIGALRM blocked
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char **command, int input, const char *mode) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    if (!strcmp(mode, "nonblocking")) fcntl(input, F_SETFL, O_NONBLOCK);
    if (!strcmp(mode, "careless")) {
        signal(SIGCHLD, SIG_IGN);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
    }
    signal(SIGPIPE, SIG_DFL);
    dup2(input, 0);
    execv(command[0], command);
    _exit(127);
}

/* Returns 0 once the program has taken what is in the pipe; 1 if it has ended. */
static int wait_taken(int fd, pid_t program, int *status) {
    int waiting = 1;
    while (!ioctl(fd, FIONREAD, &waiting) && waiting > 0) {
        if (waitpid(program, status, WNOHANG) == program) return 1;
        sched_yield();
    }
    return 0;
}

int main(int argc, char **argv) {
    int ends[2], status = 0, has_ended = 0;
    char byte;
    if (argc < 3 || pipe2(ends, O_CLOEXEC)) return 126;
    signal(SIGPIPE, SIG_IGN);
    pid_t program = fork();
    if (program == 0) become(argv + 2, ends[0], argv[1]);
    while (!has_ended && read(0, &byte, 1) == 1 && write(ends[1], &byte, 1) == 1)
        has_ended = wait_taken(ends[0], program, &status);
    close(ends[1]);
    close(ends[0]);
    if (!has_ended) waitpid(program, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
