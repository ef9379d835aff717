/*
 * nested PROGRAM: starts PROGRAM, waits for it and ends with its status. With `trivial` as PROGRAM this is the
 * process part of the floor under an ADD, where one plugin executes another.
 */
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  pid_t child = vfork();
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
  return WEXITSTATUS(status);
}
