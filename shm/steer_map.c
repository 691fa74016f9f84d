/* shm/steer_map.c - the XDP program's maps: sockets, owned addresses, edited flows, counters */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/steer.h"

int fos_steer_bind(const struct fos_steer *s, uint32_t queue, int rx_fd)
{
	return bpf_map_update_elem(s->xsks_fd, &queue, &rx_fd, BPF_ANY) < 0 ? -errno : 0;
}

int fos_steer_unbind(const struct fos_steer *s, uint32_t queue)
{
	if (bpf_map_delete_elem(s->xsks_fd, &queue) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static struct fos_steer_addr address(uint32_t family, const void *addr)
{
	struct fos_steer_addr a = { .family = family };

	memcpy(a.addr, addr, family == 4 ? 4 : 16);
	return a;
}

int fos_steer_own(int owned_fd, uint32_t family, const void *addr)
{
	struct fos_steer_addr a = address(family, addr);
	uint32_t one = 1;

	return bpf_map_update_elem(owned_fd, &a, &one, BPF_ANY) < 0 ? -errno : 0;
}

int fos_steer_disown(int owned_fd, uint32_t family, const void *addr)
{
	struct fos_steer_addr a = address(family, addr);

	return bpf_map_delete_elem(owned_fd, &a) < 0 && errno != ENOENT ? -errno : 0;
}

/* The entry of a pair of addresses counts the tuples between them.  Missing reads as 0. */
static int pair_adjust(int fd, const struct fos_steer_tuple *pair, int by)
{
	uint32_t n = 0;

	if (bpf_map_lookup_elem(fd, pair, &n) < 0 && errno != ENOENT)
		return -errno;
	if (by < 0 && n <= 1)
		return bpf_map_delete_elem(fd, pair) < 0 && errno != ENOENT ? -errno : 0;
	n = by < 0 ? n - 1 : n + 1;
	return bpf_map_update_elem(fd, pair, &n, BPF_ANY) < 0 ? -errno : 0;
}

static struct fos_steer_tuple pair_of(const struct fos_steer_tuple *t)
{
	struct fos_steer_tuple p = *t;

	p.port_a = 0;
	p.port_b = 0;
	return p;
}

/* The pair first, so that a caller killed half way leaves a count too high (a few fragments
 * dropped while the box is down), never too low. */
int fos_steer_edited_add(int edited_fd, const struct fos_steer_tuple *t)
{
	struct fos_steer_tuple one = *t, pair;
	uint32_t n = 1;
	int rc;

	fos_steer_normalise(&one);
	if (bpf_map_lookup_elem(edited_fd, &one, &n) == 0)
		return 0;
	pair = pair_of(&one);
	if (memcmp(&one, &pair, sizeof(one)) != 0) {
		rc = pair_adjust(edited_fd, &pair, 1);
		if (rc < 0)
			return rc;
	}
	n = 1;
	return bpf_map_update_elem(edited_fd, &one, &n, BPF_ANY) < 0 ? -errno : 0;
}

int fos_steer_edited_del(int edited_fd, const struct fos_steer_tuple *t)
{
	struct fos_steer_tuple one = *t, pair;

	fos_steer_normalise(&one);
	pair = pair_of(&one);
	if (bpf_map_delete_elem(edited_fd, &one) < 0)
		return errno == ENOENT ? 0 : -errno;
	return memcmp(&one, &pair, sizeof(one)) ? pair_adjust(edited_fd, &pair, -1) : 0;
}

int fos_steer_count(int counters_fd, uint64_t out[FOS_STEER_NR])
{
	int rc = 0, nr = libbpf_num_possible_cpus();
	uint64_t *v;

	if (nr < 0)
		return nr;
	v = calloc((size_t)nr, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < FOS_STEER_NR && rc == 0; i++) {
		out[i] = 0;
		if (bpf_map_lookup_elem(counters_fd, &i, v) < 0)
			rc = -errno;
		for (int c = 0; c < nr; c++)
			out[i] += v[c];
	}
	free(v);
	return rc;
}

const char *fos_steer_name(enum fos_steer_counter c)
{
#define NAME(name, help) #name,
	static const char *const names[] = { FOS_STEER_COUNTERS(NAME) };
#undef NAME
	return c < FOS_STEER_NR ? names[c] : "?";
}

const char *fos_steer_help(enum fos_steer_counter c)
{
#define HELP(name, help) help,
	static const char *const texts[] = { FOS_STEER_COUNTERS(HELP) };
#undef HELP
	return c < FOS_STEER_NR ? texts[c] : "?";
}
