/*
 * floor NETNS: the kernel's part of the floor under an attachment to a bridge. In one process, back to back, the fewest
 * rtnetlink requests that attach and detach, each acknowledged before the next is sent; one line of JSON says what
 * each took in nanoseconds. Nothing else that a plugin does (reading, reserving, waiting, answering) is in these figures.
 *
 *   attach: RTM_NEWLINK   veth pair, one end straight in the namespace NETNS, the other up and on the bridge
 *           RTM_NEWADDR   10.98.0.2/16 on the container's end
 *           RTM_NEWLINK   container's end up
 *           RTM_NEWROUTE  default via 10.98.0.1
 *   detach: RTM_DELLINK   the pair
 *
 * Run it in the namespace that plays the host. The bridge "floor0" is made on first use and stays.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BRIDGE "floor0"
#define HOST_END "vethfloor0"
#define CONTAINER_END "eth0"

struct message {
  _Alignas(NLMSG_ALIGNTO) char bytes[1024];
};

static void __attribute__((noreturn)) fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct nlmsghdr *header(struct message *m) { return (struct nlmsghdr *)m->bytes; }

static void *grow(struct message *m, size_t size) {
  void *end = m->bytes + header(m)->nlmsg_len;
  header(m)->nlmsg_len += NLMSG_ALIGN(size);
  return end;
}

static void *begin(struct message *m, int type, int flags, size_t size) {
  memset(m, 0, sizeof *m);
  *header(m) = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags};
  return grow(m, size);
}

static struct rtattr *attribute(struct message *m, int type, const void *value, size_t size) {
  struct rtattr *a = grow(m, RTA_LENGTH(size));
  *a = (struct rtattr){.rta_len = RTA_LENGTH(size), .rta_type = type};
  if (size) memcpy(RTA_DATA(a), value, size);
  return a;
}

static void text(struct message *m, int type, const char *value) { attribute(m, type, value, strlen(value) + 1); }

static void number(struct message *m, int type, uint32_t value) { attribute(m, type, &value, sizeof value); }

static void address(struct message *m, int type, const char *value) {
  struct in_addr a;
  inet_pton(AF_INET, value, &a);
  attribute(m, type, &a, sizeof a);
}

static void end(struct message *m, struct rtattr *nest) {
  nest->rta_len = m->bytes + header(m)->nlmsg_len - (char *)nest;
}

/* Sends a request, waits for its answer and returns 0 or the kernel's -errno. */
static int request(int socket, struct message *m) {
  static uint32_t sequence;
  struct message answer;
  header(m)->nlmsg_seq = ++sequence;
  if (send(socket, m->bytes, header(m)->nlmsg_len, 0) < 0) fail("send");
  if (recv(socket, answer.bytes, sizeof answer.bytes, 0) < (ssize_t)NLMSG_LENGTH(sizeof(int))) fail("receive");
  if (header(&answer)->nlmsg_type != NLMSG_ERROR || header(&answer)->nlmsg_seq != sequence) fail("unexpected answer");
  return ((struct nlmsgerr *)NLMSG_DATA(header(&answer)))->error;
}

/* Like request, but any refusal ends the process; returns the nanoseconds it took. */
static int64_t timed(int socket, struct message *m, const char *what) {
  int64_t begun = now();
  int error = request(socket, m);
  int64_t taken = now() - begun;
  errno = -error;
  if (error) fail(what);
  return taken;
}

static int open_socket(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) fail("socket");
  return fd;
}

static int open_socket_in(int namespace) {
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0 || setns(namespace, CLONE_NEWNET) < 0) fail("enter the container's namespace");
  int fd = open_socket();
  if (setns(home, CLONE_NEWNET) < 0) fail("return to the host's namespace");
  close(home);
  return fd;
}

static void ensure_bridge(int host) {
  struct message m;
  struct ifinfomsg *link = begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
  link->ifi_flags = link->ifi_change = IFF_UP;
  text(&m, IFLA_IFNAME, BRIDGE);
  struct rtattr *info = attribute(&m, IFLA_LINKINFO, NULL, 0);
  attribute(&m, IFLA_INFO_KIND, "bridge", 6);
  end(&m, info);
  int error = request(host, &m);
  errno = -error;
  if (error && error != -EEXIST) fail("create the bridge");
}

static int64_t create_pair(int host, int namespace) {
  struct message m;
  struct ifinfomsg *link = begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
  link->ifi_flags = link->ifi_change = IFF_UP;
  text(&m, IFLA_IFNAME, HOST_END);
  number(&m, IFLA_MASTER, if_nametoindex(BRIDGE));
  struct rtattr *info = attribute(&m, IFLA_LINKINFO, NULL, 0);
  attribute(&m, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = attribute(&m, IFLA_INFO_DATA, NULL, 0), *peer = attribute(&m, VETH_INFO_PEER, NULL, 0);
  grow(&m, sizeof *link);
  text(&m, IFLA_IFNAME, CONTAINER_END);
  number(&m, IFLA_NET_NS_FD, namespace);
  end(&m, peer);
  end(&m, data);
  end(&m, info);
  return timed(host, &m, "create the veth pair");
}

static int64_t add_address(int container, int index) {
  struct message m;
  struct ifaddrmsg *a = begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *a);
  *a = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
  address(&m, IFA_LOCAL, "10.98.0.2");
  return timed(container, &m, "add the address");
}

static int64_t set_up(int container) {
  struct message m;
  struct ifinfomsg *link = begin(&m, RTM_NEWLINK, 0, sizeof *link);
  link->ifi_flags = link->ifi_change = IFF_UP;
  text(&m, IFLA_IFNAME, CONTAINER_END);
  return timed(container, &m, "set the container's end up");
}

static int64_t add_route(int container) {
  struct message m;
  struct rtmsg *r = begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *r);
  *r = (struct rtmsg){.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST};
  address(&m, RTA_GATEWAY, "10.98.0.1");
  return timed(container, &m, "add the default route");
}

static int64_t delete_pair(int host) {
  struct message m;
  begin(&m, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
  text(&m, IFLA_IFNAME, HOST_END);
  return timed(host, &m, "delete the veth pair");
}

/* The container's end has an index of its own in its namespace: asked for there, untimed, as a plugin knows it from creation. */
static int container_index(int namespace) {
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0 || setns(namespace, CLONE_NEWNET) < 0) fail("enter the container's namespace");
  int index = (int)if_nametoindex(CONTAINER_END);
  if (setns(home, CLONE_NEWNET) < 0) fail("return to the host's namespace");
  close(home);
  return index;
}

int main(int argc, char **argv) {
  errno = EINVAL;
  if (argc != 2) fail("wants the path of the container's namespace");
  int namespace = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (namespace < 0) fail(argv[1]);
  int64_t begun = now();
  int host = open_socket(), container = open_socket_in(namespace);
  int64_t sockets = now() - begun;
  ensure_bridge(host);
  int64_t create = create_pair(host, namespace);
  int index = container_index(namespace);
  int64_t addr = add_address(container, index), up = set_up(container), route = add_route(container);
  int64_t delete = delete_pair(host);
  printf("{\"sockets\":%lld,\"create\":%lld,\"address\":%lld,\"up\":%lld,\"route\":%lld,\"delete\":%lld}\n", (long long)sockets,
         (long long)create, (long long)addr, (long long)up, (long long)route, (long long)delete);
  return 0;
}
