/* udp.c - as many frames of one size as the sender can make
 *
 *	udp send ADDRESS PORT FRAME_BYTES SECONDS
 *	udp sink PORT SECONDS
 *
 * The size is that of the Ethernet frame without its check sequence.  The sink counts for SECONDS
 * from the first frame on and prints frames per second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define HEADERS 42
#define FIRST_S 10

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(struct mmsghdr *m, struct iovec *v, char (*buf)[2048], size_t len)
{
	memset(m, 0, BATCH * sizeof(*m));
	for (int i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){buf[i], len};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
}

static int sender(int s, const char *address, int port, int frame, double seconds)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	static char buf[BATCH][2048];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	double end;

	inet_pton(AF_INET, address, &sa.sin_addr);
	if (frame <= HEADERS || frame > HEADERS + 2048 ||
	    connect(s, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 1;
	prepare(m, v, buf, (size_t)(frame - HEADERS));
	for (end = now() + seconds; now() < end;)
		if (sendmmsg(s, m, BATCH, 0) < 0)
			usleep(100); /* nobody listens yet, or no room */
	return 0;
}

static int sink(int s, int port, double seconds)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct timeval wait = {FIRST_S, 0};
	static char buf[BATCH][2048];
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	uint64_t n = 0;
	double from = 0;

	if (bind(s, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 1;
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	prepare(m, v, buf, sizeof(buf[0]));
	for (;;) {
		int got = recvmmsg(s, m, BATCH, MSG_WAITFORONE, NULL);

		if (got <= 0)
			break;
		if (from == 0)
			from = now();
		else
			n += (uint64_t)got;
		if (now() - from >= seconds)
			break;
	}
	printf("%.0f\n", (double)n / seconds);
	return n == 0;
}

int main(int argc, char **argv)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 8 << 20;

	setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (argc == 6 && !strcmp(argv[1], "send"))
		return sender(s, argv[2], atoi(argv[3]), atoi(argv[4]), atof(argv[5]));
	if (argc == 4 && !strcmp(argv[1], "sink"))
		return sink(s, atoi(argv[2]), atof(argv[3]));
	return 2;
}
