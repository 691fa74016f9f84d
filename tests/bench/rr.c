/* rr.c - request and response over one connection, one at a time with a pause between
 *
 *	rr server PORT
 *	rr client ADDRESS PORT COUNT PAUSE_US
 *
 * 64 bytes each way.  The client prints the median and the 99th percentile in microseconds.  With a
 * pause everybody between the ends has gone to sleep when a request comes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 64
#define WARM_UP 50

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int tcp(void)
{
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int server(int port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int s = tcp(), one = 1;
	char b[BYTES];

	if (bind(s, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(s, 16) < 0)
		return fail("listen");
	for (;;) {
		int c = accept(s, NULL, NULL);

		setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		while (recv(c, b, sizeof(b), MSG_WAITALL) == sizeof(b) &&
		       send(c, b, sizeof(b), MSG_NOSIGNAL) == sizeof(b))
			;
		close(c);
	}
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int client(const char *address, int port, int count, int pause_us)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timespec pause = {0, pause_us * 1000L};
	double *us = calloc((size_t)count, sizeof(*us));
	char b[BYTES] = "request";
	int s = tcp();

	inet_pton(AF_INET, address, &sa.sin_addr);
	if (connect(s, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return fail("connect");
	for (int i = -WARM_UP; i < count; i++) {
		double from;

		nanosleep(&pause, NULL);
		from = now_us();
		if (send(s, b, sizeof(b), 0) != sizeof(b) ||
		    recv(s, b, sizeof(b), MSG_WAITALL) != sizeof(b))
			return fail("rr");
		if (i >= 0)
			us[i] = now_us() - from;
	}
	qsort(us, (size_t)count, sizeof(*us), by_size);
	printf("%.1f %.1f\n", us[count / 2], us[(count * 99 + 99) / 100 - 1]);
	free(us);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return server(atoi(argv[2]));
	if (argc == 6 && atoi(argv[4]) > 0)
		return client(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	return 2;
}
