/* A tiny CNI plugin to try the fault sweeps on: one lease file and one bridge per container, through `ip`.
 *
 * KIT_FAULT makes it careless in one way: "add" forgets to undo, "del" calls every removal a success, "gc" forgets the
 * links, "child" leaves a process behind when it fails. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER "/var/lib/cni/kit"
extern char **environ;
static const char *careless;

static int is_careless(const char *way) { return careless && strcmp(careless, way) == 0; }

static int run(char *const argv[]) {
  pid_t pid;
  int status;
  if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) return -1;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status == 0 ? 0 : -1;
}

static void name_things(const char *id, char *file, char *link) {
  snprintf(file, 128, FOLDER "/%s", id);
  snprintf(link, IFNAMSIZ, "kit-%.10s", id);
}

static int remove_link(char *link) {
  char *argv[] = {"ip", "link", "delete", link, NULL};
  errno = 0;
  if (if_nametoindex(link) == 0) return errno == ENODEV ? 0 : -1;
  return run(argv);
}

static int remove_all(const char *id) {
  char file[128], link[IFNAMSIZ];
  name_things(id, file, link);
  int failed = remove_link(link);
  /* The file goes last: GC finds the link by it. */
  if (!failed && unlink(file) < 0 && errno != ENOENT) failed = -1;
  return failed;
}

static int add(const char *id) {
  char file[128], link[IFNAMSIZ], *argv[] = {"ip", "link", "add", "name", link, "type", "bridge", NULL};
  static const char result[] = "{\"cniVersion\":\"1.0.0\",\"interfaces\":[],\"ips\":[]}\n";
  name_things(id, file, link);
  if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST) return -1;
  int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) return -1;
  int failed = write(fd, id, strlen(id)) < 0;
  close(fd);
  if (failed || run(argv) < 0 || write(1, result, sizeof result - 1) < 0) {
    if (!is_careless("add")) remove_all(id);
    return -1;
  }
  return 0;
}

static int check(const char *id) {
  char file[128], link[IFNAMSIZ];
  name_things(id, file, link);
  return access(file, F_OK) == 0 && if_nametoindex(link) != 0 ? 0 : -1;
}

static int collect_garbage(void) {
  DIR *folder = opendir(FOLDER);
  if (!folder) return errno == ENOENT ? 0 : -1;
  int failed = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] == '.') continue;
    char path[300];
    snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
    failed |= is_careless("gc") ? unlink(path) : remove_all(entry->d_name);
  }
  closedir(folder);
  return failed;
}

static void leave_child(void) {
  char *argv[] = {"sleep", "60", NULL};
  if (fork() != 0) return;
  for (int fd = 0; fd < 3; fd++) dup2(open("/dev/null", O_RDWR), fd);
  execvp(argv[0], argv);
  _exit(127);
}

int main(void) {
  const char *verb = getenv("CNI_COMMAND"), *id = getenv("CNI_CONTAINERID");
  char buffer[4096];
  int failed = 1;
  careless = getenv("KIT_FAULT");
  while (read(0, buffer, sizeof buffer) > 0) continue;
  if (strcmp(verb, "ADD") == 0) failed = add(id);
  if (strcmp(verb, "DEL") == 0) failed = is_careless("del") ? (remove_all(id), 0) : remove_all(id);
  if (strcmp(verb, "CHECK") == 0) failed = check(id);
  if (strcmp(verb, "GC") == 0) failed = collect_garbage();
  if (failed && is_careless("child")) leave_child();
  if (failed) dprintf(1, "{\"code\":999,\"msg\":\"%s of %s failed\"}\n", verb, id ? id : "all");
  return failed ? 1 : 0;
}
