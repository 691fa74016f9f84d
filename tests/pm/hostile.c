/* A module that attacks when it sees '!': option `attack` says how.  It knows the host from inside
 * and does what no call of pm.h would.  What survives goes on as an honest module that edits nothing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pmhost/host.h"

typedef void attack_fn(struct fos_window *w);

/* The other slot, and the turn of it, without asking anybody. */
static void publish(struct fos_window *w, const struct fos_pm_pub *pub)
{
	struct fos_pm_flow *f = &w->pm->flows[w->flow];

	fos_pub_write(f, &w->pm->edited[w->flow], f->ver + 1, pub);
	fos_release32(&f->ver, f->ver + 1);
}

/* What has been published stands long enough for egress to look at it, twice. */
static void stand(struct fos_window *w)
{
	for (int i = 0; i < 10; i++) {
		fos_hint(w->pm->p, w->pm->to_egress, w->flow, w->gen);
		usleep(20000);
	}
}

static void wild(struct fos_window *w)
{
	memset((void *)(uintptr_t)w->pm->box->flows, 0xff, 4096);
}

static void frame(struct fos_window *w)
{
	memset((void *)(uintptr_t)w->seg[0].data, 'X', w->seg[0].len);
}

static void backwards(struct fos_window *w)
{
	struct fos_pm_pub pub = w->pub;

	pub.head = pub.out_head = 0;
	publish(w, &pub);
	stand(w);
}

static void beyond(struct fos_window *w)
{
	struct fos_pm_pub pub = w->pub;

	pub.head = pub.out_head = w->tail + 1000000;
	publish(w, &pub);
	stand(w);
}

static void edits(struct fos_window *w)
{
	struct fos_pm_pub pub = w->pub;

	for (uint32_t i = 0; i < w->pm->region->nr_edits; i++)
		w->pm->edits.rec[i] = (struct fos_edit){.pos = 1u << 30, .del = 1u << 20,
							.ins = UINT32_MAX, .next = i,
							.flow = w->flow, .flow_gen = w->gen, .nr = 1};
	pub.edits = 1000;
	pub.gen = w->gen;
	publish(w, &pub);
	stand(w);
}

/* For half a second each look finds something else. */
static void changing(struct fos_window *w)
{
	struct fos_pm_pub pub = w->pub;
	uint64_t end = fos_clock_ns() + 500000000u;

	pub.gen = w->gen;
	for (uint32_t i = 0; fos_clock_ns() < end; i++) {
		pub.head = i * 2654435761u;
		pub.edits = i % 7;
		publish(w, &pub);
		if (i % 4096 == 0)
			fos_hint(w->pm->p, w->pm->to_egress, w->flow, w->gen);
	}
}

static void inserted(struct fos_window *w)
{
	fos_insert(w, w->head, "inserted", 8);
	fos_release_all(w);
	memset(w->pm->edits.inserts, 'X', 65536);
}

static void garbage(struct fos_window *w)
{
	memset((uint8_t *)w->pm->region + 256, 0x5a, 4096 - 256);
	memset(w->pm->edits.inserts, 0x5a, (size_t)w->pm->region->nr_edits * FOS_INSERT_MAX);
	for (uint32_t i = 0; i < w->pm->p->nr_prod; i++)
		w->pm->p->prod[i].ring->tail += 1u << 20;
	for (uint32_t i = 0; i < w->pm->p->nr_cons; i++)
		w->pm->p->cons[i].cursor->head -= 1u << 20;
}

/* A reset of the flow, as if its other end had sent it: what the box must not let out of a ring. */
static void forge(const struct fos_flow *f, struct fos_parcel *p)
{
	uint8_t *tcp = p->ip + 20;

	memset(p->ip, 0, 40);
	memcpy(p->ip, "\x45\0\0\x28\0\0\0\0\x40\x06", 10);
	memcpy(p->ip + 12, f->dst + 12, 4);
	memcpy(p->ip + 16, f->src + 12, 4);
	tcp[0] = (uint8_t)(f->dport >> 8);
	tcp[1] = (uint8_t)f->dport;
	tcp[2] = (uint8_t)(f->sport >> 8);
	tcp[3] = (uint8_t)f->sport;
	tcp[12] = 0x50;
	tcp[13] = 4;
	p->back = 1;
	p->len = 40;
}

/* Packets that it may not send, of its flow and of all others, and bytes that are none. */
static void parcels(struct fos_window *w)
{
	struct fos_proc *p = w->pm->p;
	uint32_t lane = p->box.lane;
	struct fos_ring_prod *r = fos_proc_prod(p, FOS_RING_PARCEL,
						fos_proc_find(p->dir, FOS_ROLE_EGRESS, lane, lane));

	for (uint32_t i = 0; r && i < 512; i++) {
		struct fos_parcel *to = fos_ring_slot(r, 0);

		if (!fos_ring_room(r, 1)) {
			fos_hint(p, w->pm->to_egress, w->flow, w->gen);
			usleep(20000);
			continue;
		}
		memset(to, (int)i, sizeof(*to));
		to->flow = i % 4 ? i / 4 : w->flow;
		to->flow_gen = p->box.flows[to->flow].gen;
		if (i % 3)
			forge(&p->box.flows[to->flow], to);
		fos_ring_advance(r, 1);
		fos_ring_commit(r);
	}
}

/* What the descriptors of our neighbours lead to, and their memory, opened for writing. */
static void reopen(struct fos_window *w)
{
	char path[96];
	int got = 0;

	for (int pid = getppid(); pid < getppid() + 100; pid++)
		for (int fd = 0; fd < 64; fd++) {
			snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
			if (pid != getpid() && open(path, O_RDWR) >= 0)
				got++;
			if (fd == 0) {
				snprintf(path, sizeof(path), "/proc/%d/mem", pid);
				got += pid != getpid() && open(path, O_RDWR) >= 0;
			}
		}
	fos_say(w->pm, "reopened %d", got);
}

static void holes(struct fos_window *w)
{
	madvise(w->pm->region, 1u << 20, MADV_REMOVE);
}

static void truncates(struct fos_window *w)
{
	const uint8_t *p = (const uint8_t *)w->pm->region;
	char path[96];

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)(uintptr_t)p,
		 (unsigned long)(uintptr_t)p + w->pm->box->region[w->pm->p->me->region].size);
	if (open(path, O_RDWR) < 0 && truncate(path, 4096) == 0)
		fos_say(w->pm, "truncated");
}

static void hugepages(struct fos_window *w)
{
	(void)w;
	mmap(NULL, 64u << 20, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
}

static void doorbells(struct fos_window *w)
{
	uint64_t end = fos_clock_ns() + 500000000u, n = 1;
	int fds[512], nr = 0;
	char path[64], to[64];

	(void)w;
	for (int fd = 3; fd < 512; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		memset(to, 0, sizeof(to));
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "eventfd"))
			fds[nr++] = fd;
	}
	while (fos_clock_ns() < end)
		for (int i = 0; i < nr; i++)
			if (write(fds[i], &n, sizeof(n)) < 0 || read(fds[i], &n, sizeof(n)) < 0)
				n = 1;
}

static void tell_of_death(int keeper)
{
	static const char line[] = "{\"cmd\":\"watch\"}\n";
	struct iovec iov = {(void *)(uintptr_t)line, sizeof(line) - 1};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c,
			   .msg_controllen = sizeof(c)};

	memcpy(CMSG_DATA(&c.head), &keeper, sizeof(keeper));
	sendmsg(keeper, &m, MSG_NOSIGNAL);
}

/* Word of our death, which is not true: that descriptor tells of something else. */
static void pretend(struct fos_window *w)
{
	char path[64], to[64];

	(void)w;
	for (int fd = 3; fd < 512; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		memset(to, 0, sizeof(to));
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "socket:"))
			tell_of_death(fd);
	}
}

/* The keeper listens to us; it does not do what we say. */
static void orders(struct fos_window *w)
{
	static const char *const order[] = {
		"{\"cmd\":\"stop\"}\n", "{\"cmd\":\"stopping\"}\n", "{\"cmd\":\"attach\"}\n",
		"{\"cmd\":\"hello\",\"proc\":\"pm.web.0\"}\n",
		"{\"cmd\":\"hello\",\"proc\":\"pm.web.0\",\"spare\":true}\n",
	};
	char path[64], to[64];

	(void)w;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		for (int fd = 3; fd < 512; fd++) {
			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			memset(to, 0, sizeof(to));
			if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, "socket:"))
				send(fd, order[i], strlen(order[i]), MSG_NOSIGNAL);
		}
		usleep(200000); /* until we are connected again */
	}
}

static void loop(struct fos_window *w)
{
	(void)w;
	for (volatile uint64_t i = 0;; i = i + 1)
		continue;
}

static void memory(struct fos_window *w)
{
	(void)w;
	for (;;)
		memset(malloc(1u << 20), 1, 1u << 20);
}

static void neighbours(struct fos_window *w)
{
	(void)w;
	kill(getppid(), SIGKILL);
}

static void trace(struct fos_window *w)
{
	(void)w;
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static const struct {
	const char *name;
	attack_fn *run;
} attack[] = {
	{"wild", wild}, {"frame", frame}, {"backwards", backwards}, {"beyond", beyond},
	{"edits", edits}, {"changing", changing}, {"inserted", inserted}, {"garbage", garbage},
	{"reopen", reopen}, {"holes", holes}, {"truncates", truncates}, {"hugepages", hugepages},
	{"doorbells", doorbells}, {"memory", memory}, {"neighbours", neighbours}, {"trace", trace},
	{"orders", orders}, {"pretend", pretend}, {"loop", loop}, {"parcels", parcels},
};

static void on_data(struct fos_window *w)
{
	const char *name = fos_option(w->pm, "attack", 0);
	char c = 0;

	for (uint64_t pos = fos_head(w); pos < fos_tail(w) && c != '!'; pos++)
		fos_read(w, pos, &c, 1);
	for (size_t i = 0; c == '!' && i < sizeof(attack) / sizeof(attack[0]); i++)
		if (name && !strcmp(name, attack[i].name))
			attack[i].run(w);
	fos_release_all(w);
}

FOS_PM(.name = "hostile", .stream = FOS_APP, .flags = FOS_PM_EDITS | FOS_PM_SENDS,
	.on_data = on_data);
