/* pmhost/info.c - what a PM may ask about its flow and its configuration */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "pmhost/host.h"
#include "pmhost/window.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void ports(const struct fos_dir *dir, struct fos_flow_info *o)
{
	const struct fos_dir_port *in = &dir->port[o->in_port % FOS_MAX_PORTS];
	const struct fos_dir_port *out;

	o->out_port = (uint8_t)(in->peer % FOS_MAX_PORTS);
	out = &dir->port[o->out_port];
	o->in_name = in->name;
	o->out_name = out->name;
	memcpy(o->in_mac, in->mac, 6);
	memcpy(o->out_mac, out->mac, 6);
}

const struct fos_flow_info *fos_flow(struct fos_window *w)
{
	const struct fos_flow *f = &w->pm->box->flows[w->flow];
	struct fos_flow_info *o = &w->info;

	if (w->info_valid)
		return o;
	memset(o, 0, sizeof(*o));
	memcpy(o->src, f->src, 16);
	memcpy(o->dst, f->dst, 16);
	o->sport = f->sport;
	o->dport = f->dport;
	o->proto = f->proto;
	o->ip_version = f->ip_version;
	o->reverse = (f->flags & FOS_FLOW_REVERSE) != 0;
	o->midstream = (f->flags & FOS_FLOW_PICKUP) != 0;
	o->in_port = f->port;
	ports(w->pm->dir, o);
	memcpy(o->src_mac, f->src_mac, 6);
	memcpy(o->dst_mac, f->dst_mac, 6);
	o->vlan_outer = f->vlan_outer;
	o->vlan_inner = f->vlan_inner;
	o->pipeline = w->pm->dir->pipeline[w->pm->d->pipeline].name;
	o->number = f->number;
	o->start_ns = f->start_ns;
	o->id = w->flow;
	w->info_valid = true;
	return o;
}

const char *fos_address_text(const uint8_t addr[16], char buf[FOS_ADDRESS_TEXT])
{
	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, addr + 12, buf, FOS_ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, addr, buf, FOS_ADDRESS_TEXT);
	return buf;
}

bool fos_address_parse(const char *text, uint8_t addr[16])
{
	if (inet_pton(AF_INET, text, addr + 12) == 1) {
		memcpy(addr, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, text, addr) == 1;
}

/* Options are key NUL value NUL ..., an empty key ends them.  Steps from *at (NULL: the first). */
static const char *next_option(const struct fos_instance *pm, const char **at, const char **value)
{
	const char *end = pm->dir->strings + FOS_DIR_STRINGS;
	const char *k = *at ? *at : fos_dir_string(pm->dir, pm->d->options_off);
	const char *v;

	if (pm->d->options_off == 0 || k >= end || !*k)
		return NULL;
	v = k + strnlen(k, (size_t)(end - k)) + 1;
	if (v >= end)
		return NULL;
	*value = v;
	*at = v + strnlen(v, (size_t)(end - v)) + 1;
	return k;
}

const char *fos_option(struct fos_instance *pm, const char *key, unsigned i)
{
	const char *at = NULL, *k, *v;

	for (unsigned n = 0; (k = next_option(pm, &at, &v)) != NULL; n++) {
		if (strcmp(k, key) != 0)
			continue;
		if (n < 64)
			pm->asked |= 1ull << n;
		if (i-- == 0)
			return v;
	}
	return NULL;
}

void fos_option_unasked(struct fos_instance *pm)
{
	const char *at = NULL, *k, *v;

	for (unsigned n = 0; n < 64 && (k = next_option(pm, &at, &v)) != NULL; n++)
		if (!(pm->asked & 1ull << n))
			fos_log(FOS_LOG_WARN, "%s: the module does not know the option '%s', or not "
				"as many of it: '%s' has no effect", pm->d->name, k, v);
}

const char *fos_name(struct fos_instance *pm)
{
	return pm->d->name;
}

uint32_t fos_lane(struct fos_instance *pm)
{
	return pm->box->lane;
}

bool fos_lane_kept(struct fos_instance *pm, const char *interface)
{
	const struct fos_dir *dir = pm->dir;

	if (dir->nr_lanes == 1)
		return true;
	for (uint32_t i = 0; interface && i < dir->nr_ports && i < FOS_MAX_PORTS; i++)
		if (strcmp(dir->port[i].name, interface) == 0)
			return dir->port[i].lane_by == FOS_LANE_BY_DST;
	return false;
}

uint64_t fos_wall_ns(struct fos_instance *pm, uint64_t ns)
{
	return pm->epoch_ns + ns;
}

uint64_t fos_hold_ns(struct fos_instance *pm)
{
	return pm->hold_ns;
}

void fos_say(struct fos_instance *pm, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fos_log(FOS_LOG_INFO, "%s: %s", pm->d->name, line);
}

bool fos_window_orphan(struct fos_window *w)
{
	struct fos_flow_info *o = &w->info;
	struct fos_packet p;
	const uint8_t *ip, *l4;

	if (fos_event_packet(w, &p) != FOS_OK || p.l3_off == 0 || p.l4_off == 0 ||
	    p.l4_off + 4u > p.len)
		return false;
	ip = p.data + p.l3_off;
	l4 = p.data + p.l4_off;
	memset(o, 0, sizeof(*o));
	memset(w->ctx, 0, w->pm->d->ctx_size);
	memset(&w->pub, 0, sizeof(w->pub));
	if (p.flags & FOS_IS_IPV4) {
		memcpy(o->src, mapped, sizeof(mapped));
		memcpy(o->dst, mapped, sizeof(mapped));
		memcpy(o->src + 12, ip + 12, 4);
		memcpy(o->dst + 12, ip + 16, 4);
	} else {
		memcpy(o->src, ip + 8, 16);
		memcpy(o->dst, ip + 24, 16);
	}
	o->ip_version = p.flags & FOS_IS_IPV4 ? 4 : 6;
	o->sport = (uint16_t)(l4[0] << 8 | l4[1]);
	o->dport = (uint16_t)(l4[2] << 8 | l4[3]);
	o->proto = p.proto;
	o->midstream = true;
	o->in_port = p.in_port;
	ports(w->pm->dir, o);
	o->vlan_outer = o->vlan_inner = 0xffff;
	o->pipeline = w->pm->dir->pipeline[w->pm->d->pipeline].name;
	o->id = FOS_NONE;
	w->info_valid = true;
	w->flow = FOS_NONE;
	w->gen = 0;
	w->flow_flags = 0;
	w->nr_seg = 0;
	w->fresh = w->cut = w->reached = w->released = w->asks = w->again = w->fin = w->more = false;
	w->head = w->tail = w->open_tail = 0;
	w->pub.head = FOS_POS_MAX;
	return true;
}
