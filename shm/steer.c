/* shm/steer.c - the XDP program's loader */
#include "shm/steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm/steer.skel.h"
#include "shm/xdp_compat.h"

enum { LEAVE_TRIES = 100, LEAVE_WAIT_NS = 20 * 1000 * 1000 };

/* What libbpf said last; it has one print function per process and no context argument. */
static char said[160];

static int remember(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !said[0]) {
		vsnprintf(said, sizeof(said), fmt, ap);
		said[strcspn(said, "\n")] = 0;
	}
	return 0;
}

static int keep(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int lend(struct steer_bpf *k, const struct fos_steer *peer)
{
	int rc = bpf_map__reuse_fd(k->maps.edited, peer->edited_fd);

	return rc < 0 ? rc : bpf_map__reuse_fd(k->maps.owned, peer->owned_fd);
}

static int load(struct fos_steer *s, struct steer_bpf *k, const struct fos_steer *peer, bool frags)
{
	int rc = peer ? lend(k, peer) : 0;

	if (rc == 0 && frags)
		rc = bpf_program__set_flags(k->progs.steer, BPF_F_XDP_HAS_FRAGS);
	if (rc == 0)
		rc = steer_bpf__load(k);
	if (rc < 0)
		return rc;
	s->prog_fd = keep(bpf_program__fd(k->progs.steer));
	s->xsks_fd = keep(bpf_map__fd(k->maps.xsks));
	s->edited_fd = keep(bpf_map__fd(k->maps.edited));
	s->owned_fd = keep(bpf_map__fd(k->maps.owned));
	s->counters_fd = keep(bpf_map__fd(k->maps.counters));
	if (s->prog_fd < 0 || s->xsks_fd < 0 || s->edited_fd < 0 || s->owned_fd < 0 ||
	    s->counters_fd < 0)
		return -EMFILE;
	return 0;
}

int fos_steer_open(struct fos_steer *s, const struct fos_steer_conf *conf,
		   const struct fos_steer *peer, bool frags, char *msg, size_t msglen)
{
	libbpf_print_fn_t before = libbpf_set_print(remember);
	struct steer_bpf *k;
	int rc;

	*s = (struct fos_steer){ -1, -1, -1, -1, -1, -1 };
	said[0] = 0;
	k = steer_bpf__open();
	if (k) {
		memcpy((void *)&k->rodata->conf, conf, sizeof(*conf));
		rc = load(s, k, peer, frags);
		steer_bpf__destroy(k);
	} else {
		rc = -errno;
	}
	libbpf_set_print(before);
	if (rc == 0)
		return 0;
	fos_steer_close(s);
	snprintf(msg, msglen, "cannot load the XDP program: %s%s%s", strerror(-rc),
		 rc == -EPERM ? "; CAP_BPF and CAP_NET_ADMIN are needed: run as root" : ": ",
		 rc == -EPERM ? "" : said);
	return rc;
}

/* ---- attaching ------------------------------------------------------------------------------- */

/* The id of the bpf link by which program `prog` is attached to the device; 0: none. */
static uint32_t link_of(uint32_t ifindex, uint32_t prog)
{
	uint32_t id = 0;

	while (bpf_link_get_next_id(id, &id) == 0) {
		struct bpf_link_info info;
		uint32_t len = sizeof(info);
		int rc, fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		rc = bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
		if (rc == 0 && info.type == BPF_LINK_TYPE_XDP && info.prog_id == prog &&
		    info.xdp.ifindex == ifindex)
			return id;
	}
	return 0;
}

static void program_name(uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	memset(&info, 0, sizeof(info));
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
	}
	snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name[0] ? info.name : "?");
}

/* Whose program is there already?  True: it is told in msg. */
static bool occupied(uint32_t ifindex, const char *ifname, char *msg, size_t msglen)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	char name[BPF_OBJ_NAME_LEN], mend[96];
	uint32_t id, link;

	if (bpf_xdp_query((int)ifindex, 0, &q) < 0)
		return false;
	id = q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id;
	if (!id)
		return false;
	program_name(id, name);
	link = link_of(ifindex, id);
	if (link)
		snprintf(mend, sizeof(mend), "bpftool link detach id %u", link);
	else
		snprintf(mend, sizeof(mend), "ip link set dev %s %s off", ifname,
			 q.drv_prog_id ? "xdpdrv" : q.skb_prog_id ? "xdpgeneric" : "xdpoffload");
	snprintf(msg, msglen,
		 "%s: another XDP program is attached (id %u, name %s); if it is not needed, "
		 "remove it: `%s`", ifname, id, name, mend);
	return true;
}

/* A keeper that was killed a moment ago may still be ending: its program goes with it. */
static bool stays_occupied(uint32_t ifindex, const char *ifname, char *msg, size_t msglen)
{
	const struct timespec pause = {.tv_nsec = LEAVE_WAIT_NS};

	for (int i = 0; i < LEAVE_TRIES; i++) {
		if (!occupied(ifindex, ifname, msg, msglen))
			return false;
		if (!strstr(msg, ", name steer)"))
			break;
		nanosleep(&pause, NULL);
	}
	return occupied(ifindex, ifname, msg, msglen);
}

static int attach(struct fos_steer *s, uint32_t ifindex, uint32_t flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = flags);
	int fd = bpf_link_create(s->prog_fd, (int)ifindex, BPF_XDP, &o);

	if (fd < 0)
		return -errno;
	s->link_fd = fd;
	return 0;
}

int fos_steer_attach(struct fos_steer *s, uint32_t ifindex, const char *ifname,
		     enum fos_steer_mode mode, char *msg, size_t msglen)
{
	int rc, first;

	msg[0] = 0;
	if (stays_occupied(ifindex, ifname, msg, msglen))
		return -EBUSY;
	if (mode == FOS_STEER_GENERIC) {
		first = rc = attach(s, ifindex, XDP_FLAGS_SKB_MODE);
	} else {
		first = rc = attach(s, ifindex, XDP_FLAGS_DRV_MODE);
		if (rc < 0 && mode == FOS_STEER_AUTO && rc != -EBUSY && rc != -EPERM &&
		    rc != -ENODEV)
			rc = attach(s, ifindex, XDP_FLAGS_SKB_MODE);
	}
	if (rc == 0 && first == 0)
		return 0;
	if (rc == 0) {
		snprintf(msg, msglen,
			 "%s: the driver refuses native XDP (%s); using generic mode, which is "
			 "slower", ifname, strerror(-first));
		return 1;
	}
	if (rc == -EBUSY && occupied(ifindex, ifname, msg, msglen))
		return rc;
	snprintf(msg, msglen, "%s: cannot attach the XDP program: %s%s", ifname, strerror(-rc),
		 rc == -EPERM ? "; CAP_NET_ADMIN is needed: run as root"
		 : mode == FOS_STEER_NATIVE ? "; try `mode: generic`, or an MTU of at most 1500"
					    : "");
	return rc;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void fos_steer_close(struct fos_steer *s)
{
	shut(&s->link_fd);
	shut(&s->prog_fd);
	shut(&s->xsks_fd);
	shut(&s->edited_fd);
	shut(&s->owned_fd);
	shut(&s->counters_fd);
}
