/*
 * run PLAN: runs the steps of a plan in turn, round after round, and prints what each took as JSON.
 *
 * A step is one process (or `copies` of it at once), timed from just before vfork to the return of wait4. The plan is a
 * text file, one directive per line, the word, a blank, and the rest of the line as it stands:
 *
 *   netns PATH, mntns PATH   namespaces to enter before the first step
 *   warmup N, rounds N       rounds that do not count, rounds that do
 *   memory N                 rounds after these, traced: the memory high-water mark of every process of every step
 *   step NAME                begins a step; the directives below belong to it
 *   put PATH TEXT            before the step starts, untimed: the file PATH gets exactly TEXT
 *   exec PATH, arg TEXT      the program and its further arguments
 *   env NAME=VALUE           the whole environment: nothing is inherited
 *   stdin PATH               absent: /dev/null
 *   stdout PATH              appended to; absent: kept in memory, shown if the step fails
 *   pause MS                 before the step starts, untimed: a pause up to twice as long, by chance
 *   copies N                 start N at once, timed together until the last has ended
 *
 * %r in env and stdout is the round (unique over all rounds of a run), %c the copy. A step that does not end with status 0 ends
 * the run: its output goes to stderr and the status is 1; 2 means that the plan or the machine is at fault.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_STEPS = 32, MAX_ITEMS = 64, MAX_COPIES = 1024, MAX_PROCESSES = 16, MAX_TEXT = 8192 };

struct process {
  char name[16];
  long high_kb; /* VmHWM */
};

struct step {
  char *name, *program, *input, *output, *put_path, *put_text;
  char *args[MAX_ITEMS], *env[MAX_ITEMS];
  int arg_count, env_count, copies, pause_ms;
  int64_t *ns; /* one per counted round */
  struct process processes[MAX_PROCESSES];
  int process_count;
};

/* What one copy of a step is started with: everything made before the clock starts. */
struct launch {
  char *env[MAX_ITEMS];
  int in, out;
  pid_t pid;
};

struct end {
  pid_t pid;
  int status;
};

static struct step steps[MAX_STEPS];
static int step_count, rounds = 1, warmup, memory_rounds, out_memory, err_memory, no_input;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("run: ", stderr);
  vfprintf(stderr, format, args);
  if (errno) fprintf(stderr, ": %s", strerror(errno));
  fputc('\n', stderr);
  exit(2);
}

static void *need(void *memory) {
  if (!memory) die("no memory");
  return memory;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int count(const char *text, int most) {
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  if (errno || *end || end == text || n < 0 || n > most) die("%s is not a number from 0 to %d", text, most);
  return (int)n;
}

static void enter(const char *path, int kind) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns(fd, kind) < 0) die("cannot enter %s", path);
  close(fd);
}

static void append(char **list, int *length, char *item) {
  if (*length >= MAX_ITEMS - 1) die("more than %d items in a step", MAX_ITEMS - 1);
  list[(*length)++] = item;
}

static struct step *begin(char *name) {
  if (step_count == MAX_STEPS) die("more than %d steps", MAX_STEPS);
  struct step *s = &steps[step_count++];
  s->name = name;
  s->copies = 1;
  return s;
}

static void set_put(struct step *s, char *rest) {
  s->put_path = strsep(&rest, " ");
  if (!rest) die("put wants a path and a text");
  s->put_text = rest;
}

static void read_step_line(struct step *s, const char *word, char *rest) {
  if (!s) die("%s before the first step", word);
  if (!strcmp(word, "exec")) s->program = rest;
  else if (!strcmp(word, "arg")) append(s->args, &s->arg_count, rest);
  else if (!strcmp(word, "env")) append(s->env, &s->env_count, rest);
  else if (!strcmp(word, "stdin")) s->input = rest;
  else if (!strcmp(word, "stdout")) s->output = rest;
  else if (!strcmp(word, "pause")) s->pause_ms = count(rest, 1000);
  else if (!strcmp(word, "copies")) s->copies = count(rest, MAX_COPIES);
  else if (!strcmp(word, "put")) set_put(s, rest);
  else die("unknown directive %s", word);
}

static void read_plan(const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) die("cannot open %s", path);
  struct step *s = NULL;
  char *line = NULL;
  size_t room = 0;
  for (ssize_t length; (length = getline(&line, &room, file)) > 0;) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    char *rest = need(strdup(line)), *word = strsep(&rest, " ");
    errno = 0;
    if (!rest) die("%s lacks its value", word);
    if (!strcmp(word, "netns")) enter(rest, CLONE_NEWNET);
    else if (!strcmp(word, "mntns")) enter(rest, CLONE_NEWNS);
    else if (!strcmp(word, "rounds")) rounds = count(rest, 1000000);
    else if (!strcmp(word, "warmup")) warmup = count(rest, 1000000);
    else if (!strcmp(word, "memory")) memory_rounds = count(rest, 1000000);
    else if (!strcmp(word, "step")) s = begin(rest);
    else read_step_line(s, word, rest);
  }
  fclose(file);
  free(line);
  for (int i = 0; i < step_count; i++) {
    if (!steps[i].program) die("step %s has no exec", steps[i].name);
    steps[i].ns = need(calloc((size_t)rounds + 1, sizeof(int64_t)));
  }
}

/* A new copy of `text` with %r and %c replaced. */
static char *fill(const char *text, int round, int copy) {
  char made[MAX_TEXT];
  size_t n = 0;
  for (; *text; text++) {
    if (n > sizeof made - 16) die("a value is longer than %d bytes", MAX_TEXT - 16);
    int is_mark = *text == '%' && (text[1] == 'r' || text[1] == 'c');
    if (!is_mark) made[n++] = *text;
    else n += (size_t)sprintf(made + n, "%d", *++text == 'r' ? round : copy);
  }
  made[n] = 0;
  return need(strdup(made));
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die("cannot write %s", path);
  close(fd);
}

static void prepare(struct launch *l, const struct step *s, int round, int copy) {
  memset(l, 0, sizeof *l);
  for (int i = 0; i < s->env_count; i++) l->env[i] = fill(s->env[i], round, copy);
  l->in = s->input ? open(s->input, O_RDONLY | O_CLOEXEC) : no_input;
  if (l->in < 0) die("cannot open %s", s->input);
  l->out = out_memory;
  if (!s->output) return;
  char *path = fill(s->output, round, copy);
  l->out = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (l->out < 0) die("cannot open %s", path);
  free(path);
}

static void release(struct launch *l) {
  for (int i = 0; l->env[i]; i++) free(l->env[i]);
  if (l->in != no_input) close(l->in);
  if (l->out != out_memory) close(l->out);
}

/* `is_traced` is read in the child, which shares this process's memory until it executes. */
static void start(struct step *s, struct launch *l, int is_traced) {
  char *argv[MAX_ITEMS + 1] = {s->program};
  memcpy(argv + 1, s->args, sizeof s->args);
  pid_t child = vfork();
  if (child < 0) die("cannot start %s", s->program);
  if (child > 0) {
    l->pid = child;
    return;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (is_traced) ptrace(PTRACE_TRACEME, 0, 0, 0);
  if (dup2(l->in, 0) >= 0 && dup2(l->out, 1) >= 0 && dup2(err_memory, 2) >= 0) execve(s->program, argv, l->env);
  _exit(errno == ENOENT ? 127 : 126);
}

static void show(const char *title, int fd) {
  char text[4096];
  ssize_t n = pread(fd, text, sizeof text, 0);
  if (n > 0) fprintf(stderr, "%s: %.*s\n", title, (int)n, text);
}

static void demand_success(const struct step *s, const struct launch *l, int round, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  fprintf(stderr, "step %s, round %d: %s %s %d\n", s->name, round, s->program,
          WIFEXITED(status) ? "exited with status" : "was killed by signal",
          WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  show("stdout", l->out);
  show("stderr", err_memory);
  exit(1);
}

static void empty(int fd) {
  if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0) die("cannot empty a memory file");
}

static int status_of(const struct launch *l, const struct end *ends, int copies) {
  for (int i = 0; i < copies; i++)
    if (ends[i].pid == l->pid) return ends[i].status;
  die("process %d was lost", l->pid);
}

/* Runs all copies of a step once and returns the time they took together. */
static int64_t run_step(struct step *s, int round) {
  static struct launch launches[MAX_COPIES];
  static struct end ends[MAX_COPIES];
  empty(out_memory);
  empty(err_memory);
  if (s->put_path) put(s->put_path, s->put_text);
  for (int c = 0; c < s->copies; c++) prepare(&launches[c], s, round, c);
  int64_t begun = now();
  for (int c = 0; c < s->copies; c++) start(s, &launches[c], 0);
  for (int c = 0; c < s->copies; c++)
    if ((ends[c].pid = wait4(-1, &ends[c].status, 0, NULL)) < 0) die("cannot wait for %s", s->program);
  int64_t taken = now() - begun;
  for (int c = 0; c < s->copies; c++) {
    demand_success(s, &launches[c], round, status_of(&launches[c], ends, s->copies));
    release(&launches[c]);
  }
  return taken;
}

/* The value in kB of a field of /proc/PID/status, e.g. "VmHWM"; -1 if it is not there. */
static long status_field(pid_t pid, const char *field, char *name) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  long value = -1;
  size_t n = strlen(field);
  while (fgets(line, sizeof line, file)) {
    if (!strncmp(line, field, n) && line[n] == ':') value = strtol(line + n + 1, NULL, 10);
    if (name) sscanf(line, "Name:\t%15[^\n]", name);
  }
  fclose(file);
  return value;
}

/*
 * Called while `pid` (a thread, maybe) is held just before its exit, when its memory can still be asked for. The ru_maxrss of
 * wait4 will not do: it starts with what the parent had before the child executed.
 */
static void note_memory(struct step *s, pid_t pid) {
  char name[16] = "?";
  long high = status_field(pid, "VmHWM", name);
  if (status_field(pid, "Tgid", NULL) != pid || high < 0) return;
  struct process *p = s->processes, *end = p + s->process_count;
  while (p < end && strcmp(p->name, name)) p++;
  if (p == end) {
    if (s->process_count == MAX_PROCESSES) die("step %s starts more than %d programs", s->name, MAX_PROCESSES);
    s->process_count++;
    strcpy(p->name, name);
  }
  if (high > p->high_kb) p->high_kb = high;
}

/* Lets a traced thread go on after one of its stops; `signal` is delivered unless the stop is the tracer's own. */
static void go_on(struct step *s, pid_t pid, int status, int is_first) {
  enum { EVENTS = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC };
  int signal = WSTOPSIG(status);
  if (is_first && ptrace(PTRACE_SETOPTIONS, pid, 0, EVENTS | PTRACE_O_EXITKILL) < 0) die("cannot trace %s", s->program);
  if (status >> 16 == PTRACE_EVENT_EXIT) note_memory(s, pid);
  if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
  ptrace(PTRACE_CONT, pid, 0, signal);
}

static void trace_step(struct step *s, int round) {
  struct launch l;
  int status, is_first = 1, result = -1;
  empty(out_memory);
  empty(err_memory);
  if (s->put_path) put(s->put_path, s->put_text);
  prepare(&l, s, round, 0);
  start(s, &l, 1);
  for (pid_t pid; (pid = wait4(-1, &status, __WALL, NULL)) > 0;) {
    if (WIFSTOPPED(status)) go_on(s, pid, status, is_first);
    else if (pid == l.pid) result = status;
    is_first = 0;
  }
  demand_success(s, &l, round, result);
  release(&l);
}

static void print_result(void) {
  printf("{\"steps\":[");
  for (int i = 0; i < step_count; i++) {
    struct step *s = &steps[i];
    printf("%s{\"name\":\"%s\",\"ns\":[", i ? "," : "", s->name);
    for (int r = 0; r < rounds; r++) printf("%s%lld", r ? "," : "", (long long)s->ns[r]);
    printf("],\"memory\":[");
    for (int p = 0; p < s->process_count; p++)
      printf("%s{\"program\":\"%s\",\"highKb\":%ld}", p ? "," : "", s->processes[p].name, s->processes[p].high_kb);
    printf("]}");
  }
  printf("]}\n");
}

/*
 * What one step leaves to the kernel's RCU would make the next one wait, and in step with it; a runtime lets seconds pass.
 * The length is a matter of chance so that no step always meets the same phase of the clock's tick.
 */
static void settle(int ms) {
  long us = ms * 1000L + (ms ? random() % (ms * 1000L) : 0);
  struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
  if (us > 0) nanosleep(&time, NULL);
}

int main(int argc, char **argv) {
  errno = 0;
  if (argc != 2) die("wants one plan file");
  read_plan(argv[1]);
  out_memory = memfd_create("stdout", MFD_CLOEXEC);
  err_memory = memfd_create("stderr", MFD_CLOEXEC);
  no_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out_memory < 0 || err_memory < 0 || no_input < 0) die("cannot open what every step needs");
  for (int r = 0; r < warmup + rounds; r++)
    for (int i = 0; i < step_count; i++) {
      settle(steps[i].pause_ms);
      int64_t taken = run_step(&steps[i], r);
      if (r >= warmup) steps[i].ns[r - warmup] = taken;
    }
  for (int r = 0; r < memory_rounds; r++)
    for (int i = 0; i < step_count; i++) trace_step(&steps[i], warmup + rounds + r);
  print_result();
  return 0;
}
