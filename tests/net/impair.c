/* tests/net/impair.c - a bad wire: carries frames between two devices, and loses, delays, reorders
 * and duplicates TCP segments on the way; each direction by itself, decided by a seeded generator
 *
 *	impair A B SEED [ab|ba:]KEY=N ...      A and B in the calling namespace, up
 *
 *	loss=N      of 10000 segments are lost
 *	dup=N       of 10000 come twice
 *	reorder=N   of 10000 come late, by a random part of `late`
 *	late=US     at most so much later than they should
 *	delay=US    everything takes so long
 *	once=N      the first segment with N bytes of payload is lost; from the first with any until then
 *	            nothing goes the other way: no answer comes before all of that was sent
 *
 * Without `ab:` or `ba:` a key is for both directions.  What is no TCP segment passes at once.
 * Prints `ready`, and on SIGTERM one line per direction with what it did; the packets it still
 * holds go out first.  Frames must be single segments with complete checksums: the devices and
 * those of the hosts beyond them need `ethtool -K DEV tx off tso off gso off gro off`; larger ones
 * are counted as `large` and not carried.  VLAN tags are not put back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOT 2048u
#define NR_SLOTS 16384u
#define BATCH 64u

struct held {
	uint64_t due, number;
	uint32_t slot, len;
};

struct way {
	const char *name;
	int from, to;
	uint32_t loss, dup, reorder; /* of 10000 */
	uint64_t late, delay;        /* ns */
	uint32_t once, begun, onced; /* bytes; 1: one with payload has come; 1: it was lost */
	uint64_t random, next, sent; /* sent: highest number that left */
	uint64_t in, tcp, lost, dupped, late_nr, overtaken, out, refused, full, large, missed;
	uint32_t nr;
	struct held heap[NR_SLOTS];
};

static uint8_t slots[NR_SLOTS][SLOT];
static uint32_t free_slots[NR_SLOTS], nr_free;
static struct way ways[2] = {{.name = "ab"}, {.name = "ba"}};
static volatile sig_atomic_t stopped;

static void die(const char *what)
{
	fprintf(stderr, "impair: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t draw(struct way *w, uint32_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (uint32_t)((w->random * 0x2545f4914f6cdd1dull) >> 32) % below;
}

/* ---- what waits, in the order in which it shall leave ---- */

static int before(const struct held *a, const struct held *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void hold(struct way *w, struct held h)
{
	uint32_t i = w->nr++, up;

	for (; i && before(&h, &w->heap[up = (i - 1) / 2]); i = up)
		w->heap[i] = w->heap[up];
	w->heap[i] = h;
}

static struct held unhold(struct way *w)
{
	struct held first = w->heap[0], last = w->heap[--w->nr];
	uint32_t i = 0, down;

	while ((down = 2 * i + 1) < w->nr) {
		if (down + 1 < w->nr && before(&w->heap[down + 1], &w->heap[down]))
			down++;
		if (!before(&w->heap[down], &last))
			break;
		w->heap[i] = w->heap[down];
		i = down;
	}
	w->heap[i] = last;
	return first;
}

/* ---- receiving ---- */

static int is_tcp(const uint8_t *p, uint32_t len)
{
	if (len >= 34 && p[12] == 0x08 && p[13] == 0)
		return p[23] == 6;
	return len >= 54 && p[12] == 0x86 && p[13] == 0xdd && p[20] == 6;
}

/* Bytes that a TCP segment carries; 0 for what is not as plain as the hosts of the tests send it. */
static uint32_t payload(const uint8_t *p, uint32_t len)
{
	int v6 = p[12] == 0x86;
	uint32_t l4 = 14 + (v6 ? 40 : (p[14] & 15u) * 4);
	uint32_t end = 14 + (v6 ? 40u + p[18] * 256u + p[19] : p[16] * 256u + p[17]);
	uint32_t data = len < l4 + 20 ? len : l4 + (p[l4 + 12] >> 4) * 4u;

	return end <= len && data < end ? end - data : 0;
}

/* Decide on the frame in `slot`; returns whether the slot is used.  As many numbers are drawn for
 * each segment, so that a seed gives the same fate to the n-th one whatever the options are. */
static int judge(struct way *w, uint32_t slot, uint32_t len, uint64_t now)
{
	uint32_t lose = draw(w, 10000), twice = draw(w, 10000), later = draw(w, 10000);
	uint64_t late = w->late ? 1 + draw(w, (uint32_t)w->late) : 0;
	struct held h = {now + w->delay, w->next, slot, len};
	int tcp = is_tcp(slots[slot], len);

	w->in++;
	if (!tcp) {
		h.due = now;
	} else {
		w->tcp++;
		w->begun |= payload(slots[slot], len) > 0;
		if (w->once && !w->onced && payload(slots[slot], len) == w->once) {
			w->onced = 1;
			return 0;
		}
		if (lose < w->loss) {
			w->lost++;
			return 0;
		}
		if (later < w->reorder) {
			w->late_nr++;
			h.due += late;
		}
	}
	w->next++;
	hold(w, h);
	if (tcp && twice < w->dup && nr_free) {
		h.slot = free_slots[--nr_free];
		memcpy(slots[h.slot], slots[slot], len);
		h.due += late / 2;
		w->dupped++;
		hold(w, h);
	}
	return 1;
}

static unsigned take(struct way *w)
{
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	unsigned i, n = nr_free < BATCH ? nr_free : BATCH;
	uint64_t now;
	int got;

	memset(m, 0, sizeof(m));
	for (i = 0; i < n; i++) {
		v[i].iov_base = slots[free_slots[nr_free - 1 - i]];
		v[i].iov_len = SLOT;
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	w->full += n == 0;
	got = n ? recvmmsg(w->from, m, n, MSG_DONTWAIT | MSG_TRUNC, NULL) : -1;
	if (got <= 0)
		return 0;
	now = clock_ns();
	nr_free -= (uint32_t)got;
	for (i = 0; i < (unsigned)got; i++) {
		uint32_t slot = (uint32_t)((uint8_t(*)[SLOT])v[i].iov_base - slots);

		w->large += m[i].msg_len > SLOT;
		if (m[i].msg_len > SLOT || !judge(w, slot, m[i].msg_len, now))
			v[i].iov_base = NULL;
		if (!v[i].iov_base)
			free_slots[nr_free++] = slot;
	}
	return (unsigned)got;
}

/* ---- sending ---- */

static void send_out(struct way *w, struct mmsghdr *m, const struct held *h, unsigned n)
{
	unsigned i = 0;
	int sent;

	while (i < n) {
		sent = sendmmsg(w->to, m + i, n - i, 0);
		if (sent <= 0) { /* no room behind the device: that one is lost */
			w->refused++;
			sent = 1;
		} else {
			w->out += (unsigned)sent;
		}
		i += (unsigned)sent;
	}
	for (i = 0; i < n; i++) {
		w->overtaken += h[i].number < w->sent;
		if (h[i].number > w->sent)
			w->sent = h[i].number;
		free_slots[nr_free++] = h[i].slot;
	}
}

static void give(struct way *w, uint64_t now)
{
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	struct held h[BATCH];
	unsigned n;

	do {
		memset(m, 0, sizeof(m));
		for (n = 0; n < BATCH && w->nr && w->heap[0].due <= now; n++) {
			h[n] = unhold(w);
			v[n].iov_base = slots[h[n].slot];
			v[n].iov_len = h[n].len;
			m[n].msg_hdr.msg_iov = &v[n];
			m[n].msg_hdr.msg_iovlen = 1;
		}
		send_out(w, m, h, n);
	} while (n == BATCH);
}

/* ---- set-up ---- */

static int open_device(const char *name)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq promisc = {.mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1, bytes = 32 << 20;

	a.sll_ifindex = promisc.mr_ifindex = (int)if_nametoindex(name);
	if (fd < 0 || !a.sll_ifindex)
		die(name);
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a)))
		die(name);
	return fd;
}

static int set(struct way *w, const char *key, uint32_t n)
{
	if (!strncmp(key, "loss=", 5))
		w->loss = n;
	else if (!strncmp(key, "dup=", 4))
		w->dup = n;
	else if (!strncmp(key, "reorder=", 8))
		w->reorder = n;
	else if (!strncmp(key, "late=", 5))
		w->late = n * 1000ull;
	else if (!strncmp(key, "delay=", 6))
		w->delay = n * 1000ull;
	else if (!strncmp(key, "once=", 5))
		w->once = n;
	else
		return -1;
	return 0;
}

static void option(const char *arg)
{
	const char *key = arg, *n = strchr(arg, '=');
	int ab = 1, ba = 1, bad = !n;

	if (!strncmp(arg, "ab:", 3) || !strncmp(arg, "ba:", 3)) {
		ab = arg[0] == 'a';
		ba = !ab;
		key += 3;
	}
	bad = bad || (ab && set(&ways[0], key, (uint32_t)strtoul(n + 1, NULL, 10)));
	bad = bad || (ba && set(&ways[1], key, (uint32_t)strtoul(n + 1, NULL, 10)));
	if (bad) {
		fprintf(stderr, "impair: what is `%s`?\n", arg);
		exit(1);
	}
}

static void report(struct way *w)
{
	struct tpacket_stats missed = {0};
	socklen_t len = sizeof(missed);

	getsockopt(w->from, SOL_PACKET, PACKET_STATISTICS, &missed, &len);
	w->missed += missed.tp_drops;
	printf("%s in=%lu tcp=%lu loss=%lu dup=%lu late=%lu overtaken=%lu out=%lu refused=%lu "
	       "full=%lu large=%lu missed=%lu once=%u\n",
	       w->name, w->in, w->tcp, w->lost, w->dupped, w->late_nr, w->overtaken, w->out,
	       w->refused, w->full, w->large, w->missed, w->onced);
}

/* Does this way wait for the other one's segment? */
static int gated(int i)
{
	const struct way *o = &ways[!i];

	return o->once && o->begun && !o->onced;
}

static void wait_for_work(void)
{
	struct pollfd p[2] = {{ways[0].from, POLLIN, 0}, {ways[1].from, POLLIN, 0}};
	uint64_t now = clock_ns(), left = 100000000;
	struct timespec t;
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t due = ways[i].nr && !gated(i) ? ways[i].heap[0].due : UINT64_MAX;

		if (due <= now)
			return;
		if (due - now < left)
			left = due - now;
	}
	t = (struct timespec){0, (long)left};
	ppoll(p, 2, &t, NULL);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	int i;

	if (argc < 4) {
		fputs("usage: impair A B SEED [ab|ba:]KEY=N ...\n", stderr);
		return 2;
	}
	for (nr_free = 0; nr_free < NR_SLOTS; nr_free++)
		free_slots[nr_free] = nr_free;
	for (i = 4; i < argc; i++)
		option(argv[i]);
	ways[0].from = ways[1].to = open_device(argv[1]);
	ways[1].from = ways[0].to = open_device(argv[2]);
	for (i = 0; i < 2; i++)
		ways[i].random = (2 * seed + (uint64_t)i + 1) * 0x9e3779b97f4a7c15ull;
	prctl(PR_SET_TIMERSLACK, 1000);
	signal(SIGTERM, stop);
	puts("ready");
	fflush(stdout);
	while (!stopped) {
		if (!(take(&ways[0]) | take(&ways[1])))
			wait_for_work();
		for (i = 0; i < 2; i++)
			if (!gated(i))
				give(&ways[i], clock_ns());
	}
	for (i = 0; i < 2; i++) {
		give(&ways[i], UINT64_MAX);
		report(&ways[i]);
	}
	return 0;
}
