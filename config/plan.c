/* plan.c - see plan.h. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "config/plan.h"
#include "shm/build.h"

enum { NS_PER_MS = 1000000, FLOWS_ROUND = 128, ADDR_BITS_V4 = 96 };
enum { CAPTURE_FRAME_SIZE = 65536, CAPTURE_FRAMES = 4096 };

struct compiler {
	const struct fos_config *cfg;
	const struct fos_plan *plan;
	struct fos_dir *dir;
	uint32_t used;			/* bytes of the string blob */
	char *err;
	size_t err_size;
};

static int too_much(struct compiler *c, const char *what)
{
	snprintf(c->err, c->err_size, "%s: %s", c->cfg->file ? c->cfg->file : "configuration",
		 what);
	return -E2BIG;
}

static int add_bytes(struct compiler *c, const char *s, size_t len, uint32_t *off)
{
	*off = fos_build_string(c->dir, s, len, &c->used);
	return *off ? 0 : too_much(c, "options, filters and paths take more than 64K together");
}

static int add_string(struct compiler *c, const char *s, uint32_t *off)
{
	return s ? add_bytes(c, s, strlen(s) + 1, off) : 0;
}

static void copy_name(char to[FOS_NAME_MAX], const char *from)
{
	snprintf(to, FOS_NAME_MAX, "%s", from);
}

/* ---- geometry and limits --------------------------------------------------------------------- */

static int set_geometry(struct compiler *c)
{
	const struct fos_config *cfg = c->cfg;
	struct fos_dir *dir = c->dir;
	int ret;

	/* a capture is one file in and one out, in one order */
	dir->nr_lanes = c->plan->input ? 1 : cfg->lanes;
	dir->nr_frames = cfg->frames;
	dir->frame_size = cfg->frame_size;
	if (c->plan->input) {
		/* captures taken behind offloads hold packets of any size up to 64K */
		dir->frame_size = CAPTURE_FRAME_SIZE;
		if (dir->nr_frames > CAPTURE_FRAMES)
			dir->nr_frames = CAPTURE_FRAMES;
	}
	dir->nr_flows = (cfg->flows + FLOWS_ROUND - 1) / FLOWS_ROUND * FLOWS_ROUND;
	dir->nr_edits = cfg->edits;
	dir->offline = c->plan->input != NULL;
	dir->pass_midstream = cfg->pickup == FOS_CONFIG_PICKUP_PROCESS;
	dir->wait = cfg->wait == FOS_CONFIG_WAIT_SPIN  ? FOS_WAIT_SPIN :
		    cfg->wait == FOS_CONFIG_WAIT_SLEEP ? FOS_WAIT_SLEEP :
							 FOS_WAIT_ADAPTIVE;
	dir->when_down_drop = cfg->when_down == FOS_CONFIG_DOWN_DROP;
	dir->ooo_per_flow = cfg->ooo_per_flow_bytes;
	dir->ooo_total = cfg->ooo_total_bytes;
	dir->idle_ns = (uint64_t)cfg->idle_ms * NS_PER_MS;
	dir->handshake_ns = (uint64_t)cfg->handshake_ms * NS_PER_MS;
	dir->closing_ns = (uint64_t)cfg->closing_ms * NS_PER_MS;
	dir->max_fragments = cfg->fragments;
	dir->max_half_open = cfg->half_open;
	dir->tcp_urgent = cfg->urgent == FOS_CONFIG_URGENT_TRANSLATE;
	dir->tcp_mptcp_pass = cfg->mptcp == FOS_CONFIG_MPTCP_PASS;
	dir->tcp_mss = cfg->mss;
	/* a capture gives the same result every time; the wire must not be able to guess the key */
	if (!dir->offline &&
	    getrandom(dir->hash_key, sizeof(dir->hash_key), 0) != sizeof(dir->hash_key))
		return too_much(c, "no random numbers from the system");
	ret = add_string(c, c->plan->input, &dir->input_off);
	return ret < 0 ? ret : add_string(c, c->plan->output, &dir->output_off);
}

static void add_ports(struct compiler *c)
{
	const struct fos_config *cfg = c->cfg;
	struct fos_dir *dir = c->dir;

	for (uint32_t i = 0; i < cfg->interfaces_nr; i++) {
		struct fos_dir_port *p = &dir->port[dir->nr_ports++];

		copy_name(p->name, cfg->interfaces[i].name);
		copy_name(p->nic, cfg->interfaces[i].nic);
		p->nr_queues = (uint16_t)cfg->interfaces[i].queues;
		p->peer = FOS_NONE;
	}
	for (uint32_t i = 0; i < cfg->wires_nr; i++) {
		const int *end = cfg->wires[i].end;

		if (end[0] < 0 || end[1] < 0)
			continue;
		for (int e = 0; e < 2; e++) {
			dir->port[end[e]].peer = (uint32_t)end[1 - e];
			if (cfg->interfaces[end[e]].inside)
				dir->port[end[e]].lane_by = FOS_LANE_BY_DST;
			else if (cfg->interfaces[end[1 - e]].inside)
				dir->port[end[e]].lane_by = FOS_LANE_BY_SRC;
		}
	}
	if (!dir->offline)
		return;
	/* a capture has no interfaces of its own: one that stands for the file, at least */
	if (dir->nr_ports == 0) {
		copy_name(dir->port[0].name, "capture");
		dir->nr_ports = 1;
	}
	for (uint32_t i = 0; i < dir->nr_ports; i++) {
		dir->port[i].nr_queues = 1;
		dir->port[i].first_ingress = 1; /* one ingress, after the keeper */
	}
}

/* ---- matches --------------------------------------------------------------------------------- */

static void set_prefix(const struct fos_config_prefix *p, uint8_t addr[16], uint8_t *bits)
{
	memset(addr, 0, 16);
	if (p->family == 4) {
		addr[10] = addr[11] = 0xff;
		memcpy(addr + 12, p->addr, 4);
		*bits = (uint8_t)(p->bits + ADDR_BITS_V4);
	} else {
		memcpy(addr, p->addr, 16);
		*bits = p->bits;
	}
}

static int set_match(struct compiler *c, const struct fos_config_match *from, struct fos_match *to)
{
	static const struct {
		uint32_t theirs, ours;
	} field[] = {
		{ FOS_CONFIG_MATCH_IN_PORT, FOS_MATCH_IN_PORT },
		{ FOS_CONFIG_MATCH_ETH_SRC, FOS_MATCH_ETH_SRC },
		{ FOS_CONFIG_MATCH_ETH_DST, FOS_MATCH_ETH_DST },
		{ FOS_CONFIG_MATCH_ETH_TYPE, FOS_MATCH_ETH_TYPE },
		{ FOS_CONFIG_MATCH_VLAN, FOS_MATCH_VLAN },
		{ FOS_CONFIG_MATCH_SRC, FOS_MATCH_SRC },
		{ FOS_CONFIG_MATCH_DST, FOS_MATCH_DST },
		{ FOS_CONFIG_MATCH_PROTO, FOS_MATCH_PROTO },
		{ FOS_CONFIG_MATCH_SPORT, FOS_MATCH_SPORT },
		{ FOS_CONFIG_MATCH_DPORT, FOS_MATCH_DPORT },
	};

	if (from->filter) {
		to->fields = FOS_MATCH_FILTER;
		return add_string(c, from->filter, &to->filter_off);
	}
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		if (from->set & field[i].theirs)
			to->fields |= field[i].ours;
	set_prefix(&from->src, to->src, &to->src_bits);
	set_prefix(&from->dst, to->dst, &to->dst_bits);
	memcpy(to->eth_src, from->eth_src, 6);
	memcpy(to->eth_dst, from->eth_dst, 6);
	to->eth_type = from->eth_type;
	to->vlan = from->vlan;
	to->sport_lo = from->sport.low;
	to->sport_hi = from->sport.high;
	to->dport_lo = from->dport.low;
	to->dport_hi = from->dport.high;
	to->proto = from->proto;
	to->in_port = (uint8_t)from->in_port;
	return 0;
}

/* ---- PMs ------------------------------------------------------------------------------------- */

int fos_plan_options(const struct fos_config_pm *pm, char *buf, size_t size)
{
	size_t at = 0;

	for (uint32_t i = 0; i < pm->options_nr; i++) {
		const struct fos_config_option *o = &pm->options[i];

		for (uint32_t v = 0; v < o->values_nr; v++) {
			size_t need = strlen(o->key) + strlen(o->values[v]) + 2;

			if (at + need + 1 > size)
				return -E2BIG;
			at += (size_t)sprintf(buf + at, "%s", o->key) + 1;
			at += (size_t)sprintf(buf + at, "%s", o->values[v]) + 1;
		}
	}
	buf[at++] = '\0';
	return (int)at;
}

static int add_options(struct compiler *c, const struct fos_config_pm *pm, uint32_t *off)
{
	static char buf[FOS_DIR_STRINGS];
	int len = fos_plan_options(pm, buf, sizeof(buf));

	if (len < 0)
		return too_much(c, "options of one PM take more than 64K");
	return add_bytes(c, buf, (size_t)len, off);
}

static int add_pm(struct compiler *c, uint32_t i, uint32_t pipeline, uint32_t stage, uint32_t slot)
{
	static const uint8_t direction[] = { FOS_DIR_BOTH, FOS_DIR_FORWARD, FOS_DIR_REVERSE };
	static const uint8_t failure[] = { FOS_FAIL_RESTART, FOS_FAIL_BYPASS, FOS_FAIL_BLOCK };
	const struct fos_config_pm *from = &c->cfg->pms[i];
	const struct fos_pmfile *file = &c->plan->pm[i];
	struct fos_dir_pm *to = &c->dir->pm[i];
	int ret;

	copy_name(to->name, from->name);
	to->pipeline = (uint8_t)pipeline;
	to->stage = (uint8_t)stage;
	to->slot = (uint8_t)slot;
	to->stream = (uint8_t)file->stream;
	to->edits = file->edits;
	to->gates = file->gates;
	to->events = file->events;
	to->event_wants = file->event_wants;
	to->rewrites = file->rewrites;
	to->resends = file->resends;
	to->sends = file->sends;
	to->direction = direction[from->direction];
	to->room = file->room;
	to->http = file->http;
	if (file->http) { /* responses cannot be read without their requests */
		to->http_direction = to->direction;
		to->direction = FOS_DIR_BOTH;
	}
	to->on_failure = failure[from->on_failure];
	to->spare = from->spare;
	to->quarantine = (uint16_t)from->quarantine;
	to->ctx_size = file->ctx_size;
	to->state_size = file->state_size;
	to->keys = file->keys;
	to->key_value = file->key_value;
	to->hold_bytes = from->hold_bytes;
	to->hold_ns = (uint64_t)from->hold_time_ms * NS_PER_MS;
	if (stage < FOS_MAX_STAGES && file->edits && file->stream == FOS_STREAM_APP) {
		to->editor = (uint8_t)++c->dir->pipeline[pipeline].nr_editors;
		if (to->editor > FOS_MAX_EDITORS)
			return too_much(c, "more than 4 PMs of one pipeline edit");
	}
	ret = add_string(c, c->plan->pm_path[i], &to->file_off);
	return ret < 0 ? ret : add_options(c, from, &to->options_off);
}

/* One stage of the file, of it the PMs that read packets, or those that read `app`: a stage that
 * has both becomes two, packets first. */
static int add_stage(struct compiler *c, uint32_t pipeline, const struct fos_config_stage *from,
		     bool app)
{
	struct fos_dir_pipeline *p = &c->dir->pipeline[pipeline];
	struct fos_dir_stage *to = &p->stage[p->nr_stages];
	uint32_t nr = 0;

	for (uint32_t i = 0; i < from->pms_nr; i++) {
		uint32_t pm = from->pms[i];
		int ret;

		if ((c->plan->pm[pm].stream == FOS_STREAM_APP) != app)
			continue;
		if (nr == 0 && p->nr_stages >= FOS_MAX_STAGES)
			return too_much(c, "a stage with readers of packets and of `app` counts as "
					   "two, which makes more than 8");
		to->pm[nr] = pm;
		ret = add_pm(c, pm, pipeline, p->nr_stages, nr++);
		if (ret < 0)
			return ret;
	}
	to->nr_pms = nr;
	p->nr_stages += nr > 0;
	p->nr_pkt_stages += nr > 0 && !app;
	return 0;
}

static int add_pipeline(struct compiler *c, uint32_t i)
{
	static const uint32_t key[] = { FOS_KEY_5TUPLE, FOS_KEY_SRC, FOS_KEY_DST, FOS_KEY_IN_PORT,
					FOS_KEY_ALL };
	const struct fos_config_pipeline *from = &c->cfg->pipelines[i];
	struct fos_dir_pipeline *to = &c->dir->pipeline[i];
	int ret = set_match(c, &from->match, &to->match);

	copy_name(to->name, from->name);
	to->key = key[from->key];
	for (uint32_t s = 0; s < from->standby_nr && ret == 0; s++)
		ret = add_pm(c, from->standby[s], i, FOS_MAX_STAGES, 0);
	for (uint32_t s = 0; s < from->stages_nr && ret == 0; s++) {
		ret = add_stage(c, i, &from->stages[s], false);
		if (ret == 0)
			ret = add_stage(c, i, &from->stages[s], true);
	}
	return ret;
}

/* Two names of one number could not be told apart in a message. */
static int add_links(struct compiler *c)
{
	struct fos_dir *dir = c->dir;

	for (uint32_t i = 0; i < c->cfg->links_nr; i++) {
		const struct fos_config_link *from = &c->cfg->links[i];
		struct fos_dir_link *to = &dir->link[dir->nr_links++];

		copy_name(to->topic, from->topic);
		to->id = fos_word_id(from->topic);
		to->version = from->version;
		to->bytes = from->bytes;
		to->from = from->from;
		to->to = from->to;
		for (uint32_t k = 0; k < i; k++)
			if (dir->link[k].id == to->id && strcmp(dir->link[k].topic, to->topic) != 0)
				return too_much(c, "two topics have the same number: give one of "
						   "them another name");
	}
	return 0;
}

int fos_plan_compile(const struct fos_config *cfg, const struct fos_plan *plan,
		     struct fos_dir *dir, char *err, size_t err_size)
{
	struct compiler c = { cfg, plan, dir, 0, err, err_size };
	int ret = set_geometry(&c);

	if (ret < 0)
		return ret;
	add_ports(&c);
	dir->nr_pipelines = cfg->pipelines_nr;
	dir->nr_pms = cfg->pms_nr;
	for (uint32_t i = 0; i < cfg->pipelines_nr && ret == 0; i++)
		ret = add_pipeline(&c, i);
	return ret < 0 ? ret : add_links(&c);
}
