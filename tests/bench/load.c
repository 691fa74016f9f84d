/* load.c - many TCP connections, a few bytes on each in turn
 *
 *	load server PORT
 *	load client ADDRESS PORT CONNECTIONS PACKETS_PER_SECOND
 *
 * The client prints "established" when all connections are, and sends until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICKS 1000 /* a second */

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int server(int port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), one = 1;
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = s}, got[256];
	static char sink[65536];

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(s, 4096) < 0)
		return fail("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
	for (;;) {
		int n = epoll_wait(ep, got, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd == s) {
				ev.data.fd = accept4(s, NULL, NULL, SOCK_NONBLOCK);
				if (ev.data.fd >= 0)
					epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
			} else if (read(fd, sink, sizeof(sink)) == 0) {
				close(fd);
			}
		}
	}
}

static int client(const char *address, int port, int nr, int rate)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timespec next;
	int *fd = calloc((size_t)nr, sizeof(*fd)), at = 0;
	static const char text[] = "some bytes that need no edit\n";

	inet_pton(AF_INET, address, &sa.sin_addr);
	for (int i = 0; i < nr; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fd[i] < 0 || connect(fd[i], (struct sockaddr *)&sa, sizeof(sa)) < 0)
			return fail("connect");
	}
	puts("established");
	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		for (int i = 0; i < (rate + TICKS - 1) / TICKS; i++, at = (at + 1) % nr)
			if (send(fd[at], text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
			    errno != EAGAIN)
				return fail("send");
		next.tv_nsec += 1000000000 / TICKS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

int main(int argc, char **argv)
{
	struct rlimit r = {1u << 17, 1u << 17};

	setrlimit(RLIMIT_NOFILE, &r);
	if (argc == 3)
		return server(atoi(argv[2]));
	if (argc == 6)
		return client(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	return 2;
}
