/* view.c - looking into a running box: every region mapped read-only */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/ctl/ctl.h"
#include "shm/build.h"
#include "shm/region.h"
#include "shm/view.h"

static int map_all(struct fos_ctl_view *v, const struct fos_grant *g, char *err, size_t err_size)
{
	const struct fos_dir *dir;
	int rc = fos_region_map(g->region[0], sizeof(*dir), false, false, &v->map[0]);

	if (rc < 0) {
		snprintf(err, err_size, "cannot map the directory: %s", strerror(-rc));
		return rc;
	}
	dir = (const void *)v->map[0].base;
	if (dir->head.magic != FOS_LAYOUT_MAGIC || dir->head.version != FOS_LAYOUT_VERSION) {
		snprintf(err, err_size, "the box speaks layout version %u, flowosctl %u: use "
			 "binaries of one build", dir->head.version, FOS_LAYOUT_VERSION);
		return -EPROTO;
	}
	v->dir = dir;
	for (uint32_t i = 1; i < dir->nr_regions && i < FOS_MAX_REGIONS; i++) {
		/* nothing here looks into packets */
		if (dir->region[i].kind == FOS_REGION_PACKETS)
			continue;
		rc = fos_region_map(g->region[i], dir->region[i].size, false, false, &v->map[i]);
		if (rc < 0) {
			snprintf(err, err_size, "cannot map region %s: %s", dir->region[i].name,
				 strerror(-rc));
			return rc;
		}
	}
	return 0;
}

int fos_ctl_attach(struct fos_ctl_view *v, const char *socket, char *err, size_t err_size)
{
	struct fos_grant *g = NULL;
	int rc, sock = fos_grant_connect(socket);

	memset(v, 0, sizeof(*v));
	if (sock < 0) {
		snprintf(err, err_size, "no box is running: %s: %s%s", socket, strerror(-sock),
			 sock == -EACCES ? "; run as root" : "; `flowosctl run FILE` starts one");
		return sock;
	}
	rc = fos_grant_say(sock, "{\"cmd\":\"attach\"}");
	if (rc == 0)
		rc = fos_grant_receive(sock, 5000, &g, err, err_size);
	else
		snprintf(err, err_size, "%s: %s", socket, strerror(-rc));
	close(sock);
	if (rc == 0)
		rc = map_all(v, g, err, err_size);
	for (uint32_t i = 0; i < FOS_MAX_PORTS; i++) {
		v->steer_counters[i] = g ? g->steer_counters[i] : -1;
		if (g)
			g->steer_counters[i] = -1;
	}
	if (g)
		fos_grant_close(g);
	free(g);
	if (rc < 0)
		fos_ctl_detach(v);
	return rc;
}

int fos_ctl_view(struct fos_ctl_view *v, const struct fos_ctl_where *w)
{
	char socket[PATH_MAX + 16], err[512];
	int rc;

	snprintf(socket, sizeof(socket), "%s/%s", w->run_dir, FOS_GRANT_SOCKET);
	rc = fos_ctl_attach(v, socket, err, sizeof(err));
	if (rc < 0)
		fos_ctl_fail("%s", err);
	return rc;
}

void fos_ctl_detach(struct fos_ctl_view *v)
{
	for (uint32_t i = 0; i < FOS_MAX_REGIONS; i++)
		fos_region_unmap(&v->map[i]);
	for (uint32_t i = 0; i < FOS_MAX_PORTS; i++)
		if (v->steer_counters[i] >= 0)
			close(v->steer_counters[i]);
	memset(v, 0, sizeof(*v));
	memset(v->steer_counters, 0xff, sizeof(v->steer_counters));
}

const struct fos_region_head *fos_ctl_head(const struct fos_ctl_view *v, uint32_t proc)
{
	return (const void *)v->map[v->dir->proc[proc].region].base;
}

uint64_t fos_ctl_counter(const struct fos_ctl_view *v, enum fos_counter_id id)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < v->dir->nr_procs; i++) {
		const struct fos_region_head *h = fos_ctl_head(v, i);

		if (h)
			sum += fos_relaxed64(&h->counter[id]);
	}
	return sum;
}

uint64_t fos_ctl_depth(const struct fos_ctl_view *v, const struct fos_dir_ring *r)
{
	const uint8_t *from = (const void *)fos_ctl_head(v, r->producer);
	const uint8_t *to = (const void *)fos_ctl_head(v, r->consumer);
	const struct fos_ring *ring = (const void *)(from + r->off);
	const struct fos_cursor *c = (const void *)(to + fos_build_cursors(v->dir, r->consumer));
	/* head first: what is read later can only be further on, so no negative depth */
	uint64_t head = fos_acquire64(&c[r->cursor].head);

	return fos_acquire64(&ring->tail) - head;
}

const char *fos_ctl_state(const struct fos_ctl_view *v, uint32_t proc, uint32_t *pid)
{
	const struct fos_lease *l = &v->dir->proc[proc].lease;
	const struct fos_region_head *h = fos_ctl_head(v, proc);
	uint32_t state = fos_acquire32(&l->state);

	*pid = 0;
	if (state == FOS_LEASE_FREE)
		return "absent";
	if (state == FOS_LEASE_DEAD)
		return "dead";
	if (!h || fos_relaxed32(&h->pid) != l->pid)
		return "starting";
	*pid = l->pid;
	return "running";
}

const char *fos_ctl_name(const struct fos_ctl_view *v, uint32_t proc)
{
	const struct fos_dir_proc *p = &v->dir->proc[proc];

	if (p->role == FOS_ROLE_PM && v->dir->nr_lanes == 1)
		return v->dir->pm[p->index].name;
	return p->name;
}

int fos_ctl_lane(const struct fos_ctl_view *v, uint32_t lane, struct fos_box *box)
{
	char err[256];

	memset(box, 0, sizeof(*box));
	box->dir = v->dir;
	for (uint32_t i = 0; i < v->dir->nr_procs; i++)
		if (v->dir->proc[i].role == FOS_ROLE_CLASSIFIER && v->dir->proc[i].lane == lane)
			box->self = i;
	memcpy(box->region, v->map, sizeof(box->region));
	return fos_box_bind(box, err, sizeof(err));
}

bool fos_ctl_pm_position(const struct fos_box *box, uint32_t pm, uint32_t flow, uint32_t gen,
			 uint64_t *head, uint64_t *tail)
{
	const struct fos_dir_pm *d = &box->dir->pm[pm];
	const struct fos_flow *f = &box->flows[flow];
	uint32_t stage = fos_dir_place(box->dir, fos_box_pipeline(box, flow, gen), pm);
	struct fos_pm_pub pub;
	struct fos_view view;

	if (stage == FOS_NONE || !fos_box_watches(box->dir, pm, f->flags))
		return false;
	*head = fos_box_pub(box, pm, flow, gen, &pub) ? pub.head : 0;
	if (d->stream == FOS_STREAM_IP) {
		*tail = fos_acquire64(&f->pkt.tail);
	} else if (d->stream == FOS_STREAM_TCP) {
		*tail = fos_relaxed64(&f->pkt.tail_l4);
	} else {
		if (!fos_view_open(&view, box, flow, gen, stage, *head))
			return false;
		*tail = fos_view_tail(&view);
	}
	return true;
}
