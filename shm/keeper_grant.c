/* shm/keeper_grant.c - what a stage and an observer are handed; see grant.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shm/grant.h"
#include "shm/keeper.h"

/* Collects descriptors of one kind into records. */
struct batch {
	int sock;
	int rc;
	struct fos_grant_msg m;
	int fds[FOS_GRANT_FDS];
};

static void start(struct batch *b, int sock)
{
	memset(b, 0, sizeof(*b));
	b->sock = sock;
	b->m.magic = FOS_GRANT_MAGIC;
}

static void flush(struct batch *b)
{
	if (b->rc == 0 && b->m.nr_fds > 0)
		b->rc = fos_grant_send(b->sock, &b->m, b->fds);
	b->m.nr_fds = 0;
}

static void add(struct batch *b, uint16_t kind, uint32_t index, int fd)
{
	if (fd < 0)
		return;
	if (b->m.kind != kind || b->m.nr_fds == FOS_GRANT_FDS)
		flush(b);
	b->m.kind = kind;
	b->m.index[b->m.nr_fds] = index;
	b->fds[b->m.nr_fds++] = fd;
}

static int word(int sock, uint16_t kind, uint32_t i0, uint32_t i1, const char *text)
{
	struct fos_grant_msg m = {.magic = FOS_GRANT_MAGIC, .kind = kind, .index = {i0, i1}};

	snprintf(m.text, sizeof(m.text), "%s", text);
	return fos_grant_send(sock, &m, NULL);
}

int fos_keeper_send_word(int fd, uint16_t kind, uint32_t index, const char *text)
{
	return word(fd, kind, index, 0, text);
}

/* Frames are written by ingress before the hand-over and by egress after it; by nobody else. */
static void add_regions(struct batch *b, const struct fos_keeper *k, uint32_t proc)
{
	const struct fos_dir_proc *me = proc == FOS_NONE ? NULL : &k->dir->proc[proc];

	for (uint32_t i = 0; i < k->dir->nr_regions; i++) {
		bool writes = me && (me->region == i ||
				     (k->dir->region[i].kind == FOS_REGION_PACKETS &&
				      (me->role == FOS_ROLE_INGRESS || me->role == FOS_ROLE_EGRESS)));

		add(b, FOS_GRANT_REGION, i | (writes ? FOS_GRANT_WRITABLE : 0),
		    writes ? k->region[i] : k->region_ro[i]);
	}
}

static void add_bells(struct batch *b, const struct fos_keeper *k, uint32_t proc)
{
	for (uint32_t i = 0; i < k->dir->nr_rings; i++)
		if (k->dir->ring[i].producer == proc || k->dir->ring[i].consumer == proc)
			add(b, FOS_GRANT_BELL, i, k->bell[i]);
}

/* Offline: ingress wakes everyone (the clock moved), everyone wakes ingress (the lane rests). */
static void add_wakes(struct batch *b, const struct fos_keeper *k, uint32_t proc)
{
	bool from_ingress = k->dir->proc[proc].role == FOS_ROLE_INGRESS;
	bool have[FOS_MAX_PROCS] = {false};

	for (uint32_t i = 0; i < k->dir->nr_rings && k->dir->offline; i++) {
		uint32_t to = k->dir->ring[i].consumer;

		if (to == proc || have[to] ||
		    from_ingress == (k->dir->proc[to].role == FOS_ROLE_INGRESS))
			continue;
		have[to] = true;
		add(b, FOS_GRANT_WAKE, to, k->bell[i]);
	}
}

static void add_maps(struct batch *b, const struct fos_keeper *k, uint32_t proc)
{
	const struct fos_dir_proc *me = &k->dir->proc[proc];
	const struct fos_steer *first = &k->port[0].steer;

	if (k->dir->offline)
		return;
	if (me->role == FOS_ROLE_CLASSIFIER)
		add(b, FOS_GRANT_OWNED_MAP, 0, first->owned_fd);
	if (me->role == FOS_ROLE_EGRESS)
		add(b, FOS_GRANT_EDITED_MAP, 0, first->edited_fd);
}

static void add_sockets(struct batch *b, const struct fos_keeper *k, uint32_t proc)
{
	const struct fos_dir_proc *me = &k->dir->proc[proc];

	if (k->dir->offline)
		return;
	flush(b);
	if (k->dir->sockets)
		snprintf(b->m.text, sizeof(b->m.text), "%u", k->dir->sockets);
	if (me->role == FOS_ROLE_INGRESS)
		add(b, FOS_GRANT_RX_SOCKET, 0, k->port[me->port].rx[me->queue]);
	for (uint32_t i = 0; i < k->dir->nr_ports && me->role == FOS_ROLE_EGRESS; i++)
		add(b, FOS_GRANT_TX_SOCKET, i, k->port[i].tx[me->lane]);
	flush(b);
	b->m.text[0] = 0;
}

int fos_keeper_send_sockets(const struct fos_keeper *k, int fd, uint32_t proc)
{
	struct batch b;

	start(&b, fd);
	add_sockets(&b, k, proc);
	return b.rc;
}

int fos_keeper_send_stage(const struct fos_keeper *k, int fd, uint32_t proc)
{
	int rc = word(fd, FOS_GRANT_WELCOME, proc, k->dir->proc[proc].lease.generation, "");
	struct batch b;

	start(&b, fd);
	add_regions(&b, k, proc);
	add_bells(&b, k, proc);
	add_wakes(&b, k, proc);
	add_maps(&b, k, proc);
	add_sockets(&b, k, proc);
	flush(&b);
	rc = rc < 0 ? rc : b.rc;
	return rc < 0 ? rc : word(fd, FOS_GRANT_END, 0, 0, "");
}

/* Everything but the right to write. */
int fos_keeper_send_spare(const struct fos_keeper *k, int fd, uint32_t proc)
{
	int rc = word(fd, FOS_GRANT_WELCOME, proc, 0, "");
	struct batch b;

	start(&b, fd);
	add_regions(&b, k, FOS_NONE);
	add_bells(&b, k, proc);
	flush(&b);
	rc = rc < 0 ? rc : b.rc;
	return rc < 0 ? rc : word(fd, FOS_GRANT_END, 0, 0, "");
}

/* And that right. */
int fos_keeper_send_lease(const struct fos_keeper *k, int fd, uint32_t proc)
{
	const struct fos_dir_proc *p = &k->dir->proc[proc];
	int rc = word(fd, FOS_GRANT_WELCOME, proc, p->lease.generation, "");
	struct batch b;

	start(&b, fd);
	add(&b, FOS_GRANT_REGION, p->region | FOS_GRANT_WRITABLE, k->region[p->region]);
	flush(&b);
	rc = rc < 0 ? rc : b.rc;
	return rc < 0 ? rc : word(fd, FOS_GRANT_END, 0, 0, "");
}

int fos_keeper_send_observer(const struct fos_keeper *k, int fd)
{
	struct batch b;

	start(&b, fd);
	add_regions(&b, k, FOS_NONE);
	for (uint32_t i = 0; i < k->dir->nr_ports && !k->dir->offline; i++)
		add(&b, FOS_GRANT_STEER_COUNTERS, i, k->port[i].steer.counters_fd);
	flush(&b);
	return b.rc < 0 ? b.rc : word(fd, FOS_GRANT_END, 0, 0, "");
}
