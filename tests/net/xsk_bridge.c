/* xsk_bridge.c - the smallest box: shm/xsk and shm/steer between two devices, without FlowOS
 *
 *   xsk_bridge rings DEV        adopt rings again and again; what is unreleased comes back
 *   xsk_bridge run DEV DEV      one process receives from both devices, another sends; signals
 *                               USR1 / USR2: kill -9 the receiver / the sender and start another;
 *                               (10.77.0.77 and fd77::77 are owned);
 *                               HUP: unbind, and mark UDP 10.77.0.2:1111 - 10.77.0.1:2222 as
 *                               edited; TERM: print counters and leave
 *
 * The children have no ownership records: they take a frame out of a ring before they pass it
 * on, so that a kill loses frames and never has them twice.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingress/parse.h"
#include "shm/atomic.h"
#include "shm/csum.h"
#include "shm/steer.h"
#include "shm/xsk.h"

enum { FRAMES = 4096, FRAME_SIZE = 2048, BATCH = 64 };

static const struct fos_xsk_sizes sizes = { 1024, 1024, 1024, 1024 };
static const struct fos_steer_conf conf = { .proto = { 1ull << 1 | 1ull << 6 | 1ull << 17 |
						       1ull << 58 } };

/* One producer, one consumer, room for every frame. */
struct queue {
	uint64_t tail, head;
	uint64_t slot[FRAMES];
};

struct shared {
	struct queue out;  /* receiver -> sender: frame addresses */
	struct queue back; /* sender -> receiver: free frames */
	uint64_t nr_csum[5];
	uint64_t nr_icmp, nr_sent;
};

static uint8_t *frames;
static struct shared *sh;
static struct fos_xsk_umem umem;
static struct fos_xsk_pair pair[2];
static struct fos_steer steer[2];

static void die(const char *what)
{
	fprintf(stderr, "xsk_bridge: %s\n", what);
	exit(1);
}

static void push(struct queue *q, uint64_t v)
{
	uint64_t tail = fos_relaxed64(&q->tail);

	q->slot[tail % FRAMES] = v;
	fos_release64(&q->tail, tail + 1); /* pairs with the acquire in pop() */
}

static bool pop(struct queue *q, uint64_t *v)
{
	uint64_t head = fos_relaxed64(&q->head);

	if (head == fos_acquire64(&q->tail))
		return false;
	*v = q->slot[head % FRAMES];
	fos_release64(&q->head, head + 1);
	return true;
}

/* ---- the two processes ----------------------------------------------------------------------- */

static void receive(struct fos_xsk_rx *r, unsigned int port)
{
	static const uint64_t key[2] = { 1, 2 };
	struct xdp_desc got[BATCH];
	uint32_t idx, n;
	uint64_t free_frame;

	while (fos_xsk_fill_room(r) && pop(&sh->back, &free_frame))
		fos_xsk_fill(r, &free_frame, 1);
	n = fos_xsk_rx_peek(r, BATCH, &idx);
	for (uint32_t i = 0; i < n; i++)
		got[i] = *fos_xsk_rx_desc(r, idx + i);
	fos_xsk_rx_release(r, n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t base = got[i].addr / FRAME_SIZE * FRAME_SIZE;
		struct fos_frame_meta *m = (void *)(frames + base);

		memset(m, 0, sizeof(*m));
		m->data_off = (uint16_t)(got[i].addr - base);
		m->len = m->orig_len = (uint16_t)got[i].len;
		m->link = FOS_LINK_ETHERNET;
		m->port = (uint8_t)port;
		fos_parse(frames + base, m, key);
		sh->nr_csum[m->csum]++;
		sh->nr_icmp += !!(m->flags & FOS_PKT_ICMP);
		push(&sh->out, base);
	}
}

static void receiver(void)
{
	struct fos_xsk_rx r[2];
	struct pollfd p[2];
	char err[256];

	for (int i = 0; i < 2; i++) {
		if (fos_xsk_adopt_rx(&r[i], pair[i].rx_fd, &sizes, err, sizeof(err)) < 0)
			die(err);
		p[i] = (struct pollfd){ .fd = pair[i].rx_fd, .events = POLLIN };
	}
	for (;;) {
		receive(&r[0], 0);
		receive(&r[1], 1);
		poll(p, 2, 1);
	}
}

/* The kernel at the other end believes no partial checksum. */
static void complete_checksum(uint8_t *base, const struct fos_frame_meta *m)
{
	uint8_t *ip = base + m->l3_off, *l4 = base + m->l4_off;
	uint32_t len = m->l3_off + m->l3_len - m->l4_off;
	uint64_t pseudo;

	if (m->csum != FOS_CSUM_PARTIAL)
		return;
	if (m->flags & FOS_PKT_IPV4)
		pseudo = fos_csum_pseudo4(ip + 12, ip + 16, m->proto, (uint16_t)len);
	else
		pseudo = fos_csum_pseudo6(ip + 8, ip + 24, m->proto, len);
	fos_csum_transport_set(pseudo, m->proto, l4, len);
}

static void reap(struct fos_xsk_tx *t)
{
	uint64_t done[BATCH];
	uint32_t idx, n = fos_xsk_comp_peek(t, BATCH, &idx);

	for (uint32_t i = 0; i < n; i++)
		done[i] = fos_xsk_comp_addr(t, idx + i) / FRAME_SIZE * FRAME_SIZE;
	fos_xsk_comp_release(t, n);
	for (uint32_t i = 0; i < n; i++)
		push(&sh->back, done[i]);
}

static void sender(void)
{
	struct fos_xsk_tx t[2];
	char err[256];

	for (int i = 0; i < 2; i++)
		if (fos_xsk_adopt_tx(&t[i], pair[i].tx_fd, &sizes, err, sizeof(err)) < 0)
			die(err);
	for (;;) {
		uint64_t base;
		int n;

		for (n = 0; n < BATCH && pop(&sh->out, &base); n++) {
			struct fos_frame_meta *m = (void *)(frames + base);
			struct xdp_desc d = { .addr = base + m->data_off, .len = m->len };

			complete_checksum(frames + base, m);
			if (fos_xsk_tx_put(&t[!m->port], &d, 1))
				sh->nr_sent++;
			else
				push(&sh->back, base);
		}
		for (int i = 0; i < 2; i++) {
			fos_xsk_tx_kick(&t[i]);
			reap(&t[i]);
		}
		if (!n)
			usleep(200);
	}
}

static pid_t start(void (*what)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		what();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- the keeper ------------------------------------------------------------------------------ */

static void own_addresses(void)
{
	static const uint8_t a4[4] = { 10, 77, 0, 77 };
	static const uint8_t a6[16] = { 0xfd, 0x77, [15] = 0x77 };

	if (fos_steer_own(steer[0].owned_fd, 4, a4) < 0 || fos_steer_own(steer[0].owned_fd, 6, a6) < 0)
		die("cannot own an address");
}

static void open_device(int i, const char *dev)
{
	struct fos_xsk_conf c = { .ifname = dev, .ifindex = if_nametoindex(dev), .sizes = sizes };
	char err[512];

	if (fos_steer_open(&steer[i], &conf, i ? &steer[0] : NULL, false, err,
				   sizeof(err)) < 0 ||
	    fos_steer_attach(&steer[i], c.ifindex, dev, FOS_STEER_NATIVE, err, sizeof(err)) < 0 ||
	    fos_xsk_open(&umem, &c, &pair[i], err, sizeof(err)) < 0)
		die(err);
	if (fos_steer_bind(&steer[i], 0, pair[i].rx_fd) < 0)
		die("cannot enter the socket");
}

static void setup(void)
{
	umem.base = mmap(NULL, FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (umem.base == MAP_FAILED || sh == MAP_FAILED)
		die("no memory");
	umem.size = FRAMES * FRAME_SIZE;
	umem.frame_size = FRAME_SIZE;
	umem.owner_fd = -1;
	frames = umem.base;
	for (uint64_t i = 0; i < FRAMES; i++)
		push(&sh->back, i * FRAME_SIZE);
}

static void report(void)
{
	uint64_t n[2][FOS_STEER_NR];

	printf("valid %" PRIu64 "\npartial %" PRIu64 "\nbad %" PRIu64 "\nicmp %" PRIu64
	       "\nsent %" PRIu64 "\n", sh->nr_csum[FOS_CSUM_VALID], sh->nr_csum[FOS_CSUM_PARTIAL],
	       sh->nr_csum[FOS_CSUM_BAD], sh->nr_icmp, sh->nr_sent);
	for (int i = 0; i < 2; i++)
		if (fos_steer_count(steer[i].counters_fd, n[i]) < 0)
			die("cannot read the counters");
	for (unsigned int c = 0; c < FOS_STEER_NR; c++)
		printf("%s %" PRIu64 "\n", fos_steer_name(c), n[0][c] + n[1][c]);
	printf("sg %d\nbudget %d\n", fos_xsk_has_sg(), pair[0].big_budget);
}

static void go_down(void)
{
	struct fos_steer_tuple t = { .family = 4, .proto = 17, .a = { 10, 77, 0, 2 },
				     .b = { 10, 77, 0, 1 }, .port_a = htons(1111),
				     .port_b = htons(2222) };

	fos_steer_unbind(&steer[0], 0);
	fos_steer_unbind(&steer[1], 0);
	if (fos_steer_edited_add(steer[0].edited_fd, &t) < 0)
		die("cannot mark the flow");
}

static int run(char **devs)
{
	pid_t rx, tx;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	open_device(0, devs[0]);
	open_device(1, devs[1]);
	own_addresses();
	rx = start(receiver);
	tx = start(sender);
	printf("ready\n");
	fflush(stdout);
	while (sigwait(&set, &sig) == 0 && sig != SIGTERM) {
		if (sig == SIGUSR1) {
			end(rx);
			rx = start(receiver);
		} else if (sig == SIGUSR2) {
			end(tx);
			tx = start(sender);
		} else {
			go_down();
		}
		printf("done\n");
		fflush(stdout);
	}
	end(rx);
	end(tx);
	report();
	return 0;
}

/* ---- adopting -------------------------------------------------------------------------------- */

static void expect(bool holds, const char *sentence)
{
	printf("%s %s\n", holds ? "yes" : "NO", sentence);
	fflush(stdout);
}

static uint64_t first_received(struct fos_xsk_rx *r, uint32_t *n)
{
	uint32_t idx = 0;

	*n = fos_xsk_rx_peek(r, 1, &idx);
	return *n ? fos_xsk_rx_desc(r, idx)->addr : 0;
}

static uint64_t rings_rx(void)
{
	struct fos_xsk_rx r;
	struct pollfd p = { .fd = pair[0].rx_fd, .events = POLLIN };
	uint64_t addr[64], got, again;
	char err[256];
	uint32_t n;

	for (uint32_t i = 0; i < 64; i++)
		addr[i] = (uint64_t)i * FRAME_SIZE;
	if (fos_xsk_adopt_rx(&r, pair[0].rx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	expect(fos_xsk_fill(&r, addr, 64) == 64, "64 frames are filled");
	printf("ready\n");
	fflush(stdout);
	poll(&p, 1, 10000);
	got = first_received(&r, &n);
	expect(n == 1 && got % FRAME_SIZE == FOS_FRAME_DATA_OFF, "a packet lies at the data offset");
	fos_xsk_leave_rx(&r);
	if (fos_xsk_adopt_rx(&r, pair[0].rx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	again = first_received(&r, &n);
	expect(n == 1 && again == got, "not released: the successor sees it again");
	n = fos_xsk_fill_room(&r);
	expect(n > sizes.fill - 64 && n < sizes.fill, "the successor knows how full the FILL ring is");
	fos_xsk_rx_release(&r, 1);
	fos_xsk_leave_rx(&r);
	if (fos_xsk_adopt_rx(&r, pair[0].rx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	again = first_received(&r, &n);
	expect(!n || again != got, "released: it is gone");
	fos_xsk_leave_rx(&r);
	return got;
}

static void rings_tx(uint64_t addr)
{
	struct fos_xsk_tx t;
	struct xdp_desc d = { .addr = addr, .len = 60 };
	char err[256];
	uint32_t n, idx = 0;

	if (fos_xsk_adopt_tx(&t, pair[0].tx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	expect(fos_xsk_tx_put(&t, &d, 1) == 1, "a descriptor is queued");
	fos_xsk_leave_tx(&t);
	if (fos_xsk_adopt_tx(&t, pair[0].tx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	expect(fos_xsk_tx_room(&t) == sizes.tx - 1, "the successor finds it queued");
	expect(fos_xsk_tx_kick(&t) == 0, "and sends it");
	for (int i = 0; i < 1000 && !(n = fos_xsk_comp_peek(&t, 8, &idx)); i++)
		usleep(1000);
	expect(n == 1 && fos_xsk_comp_addr(&t, idx) == addr, "it completes");
	fos_xsk_leave_tx(&t);
	if (fos_xsk_adopt_tx(&t, pair[0].tx_fd, &sizes, err, sizeof(err)) < 0)
		die(err);
	n = fos_xsk_comp_peek(&t, 8, &idx);
	expect(n == 1 && fos_xsk_comp_addr(&t, idx) == addr, "unreleased, it is seen again");
	fos_xsk_comp_release(&t, 1);
	expect(fos_xsk_comp_peek(&t, 8, &idx) == 0, "and released, no more");
	fos_xsk_leave_tx(&t);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		die("see the top of tests/net/xsk_bridge.c");
	setup();
	if (!strcmp(argv[1], "run") && argc == 4)
		return run(argv + 2);
	open_device(0, argv[2]);
	rings_tx(rings_rx());
	return 0;
}
