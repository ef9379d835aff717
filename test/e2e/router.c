// Sends one router advertisement (RFC 4861 section 4.2) to all nodes of a link: router INTERFACE LIFETIME_SEC

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int index = if_nametoindex(argv[1]);
	int hops = 255;
	struct sockaddr_in6 all_nodes = { .sin6_family = AF_INET6, .sin6_scope_id = index };
	struct nd_router_advert advert = { .nd_ra_type = ND_ROUTER_ADVERT };

	advert.nd_ra_curhoplimit = 64;
	advert.nd_ra_router_lifetime = htons(atoi(argv[2]));
	inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr);

	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
	    sendto(fd, &advert, sizeof advert, 0, (struct sockaddr *)&all_nodes, sizeof all_nodes) < 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
