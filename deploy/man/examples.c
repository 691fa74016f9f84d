/* deploy/man/examples.c - the examples of fos_pm(3); compiled by lint, run by nobody
 *
 * Each piece between two lines of dashes is printed as it stands, below the first function that it
 * uses and that has no other example.
 */
#include "pmhost/pm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct per_flow {
	uint64_t bytes;
	uint32_t state;
	bool inside;
};

struct totals {
	uint64_t connections;
};

/* -- */
static void each_minute(struct fos_instance *pm)
{
	const struct totals *t = fos_state(pm);

	fos_say(pm, "%llu connections", (unsigned long long)t->connections);
	fos_tick(pm, 60000000000u, each_minute);
}
/* -- */
static void first_bytes(struct fos_window *w)
{
	const char *p = fos_peek(w, fos_head(w), 4);

	if (!p && !fos_fin(w) && fos_tail(w) - fos_head(w) < 4)
		return;                 /* wait for more, as long as `hold` allows */
	if (p && memcmp(p, "SSH-", 4) == 0)
		fos_reset(w);
	fos_bypass(w);                  /* either way: enough seen */
	fos_release_all(w);
}
/* -- */
static void each_run(struct fos_window *w)
{
	uint64_t sum = 0, pos = fos_head(w);
	struct fos_iov v[16];
	int n;

	while ((n = fos_iov(w, pos, SIZE_MAX, v, 16)) > 0)
		for (int i = 0; i < n; i++) {
			for (size_t k = 0; k < v[i].len; k++)
				sum += v[i].data[k];
			pos = v[i].pos + v[i].len;
		}
	((struct per_flow *)fos_ctx(w))->bytes += sum;
	fos_release(w, pos);
}
/* -- */
static void hide_numbers(struct fos_window *w)
{
	static const struct fos_text key[] = {FOS_TEXT("card="), FOS_TEXT("pin=")};
	char digits[16];
	struct fos_hit hit;

	while (fos_find_any(w, fos_head(w), key, 2, FOS_ICASE, &hit)) {
		size_t n = fos_read(w, hit.end, digits, sizeof(digits)), i = 0;

		while (i < n && digits[i] >= '0' && digits[i] <= '9')
			i++;
		if (i == n && n < sizeof(digits) && !fos_fin(w))
			break;                  /* the number may go on: wait */
		fos_fill(w, hit.end, '*', i);
		if (fos_release(w, hit.end + i) != FOS_OK)
			return;
	}
	fos_release(w, hit.pos);
}
/* -- */
static struct fos_hosts *hosts;

static int read_hosts(struct fos_instance *pm) /* in init */
{
	hosts = fos_hosts(pm, "hosts", "hosts_file");
	return hosts ? 0 : -1;
}
/* -- */
static void bytes(struct fos_window *w)
{
	static const uint8_t mark[] = {0xff, 0xd8};
	struct fos_hit hit;

/* -- fos_find_bytes */
	if (fos_find_bytes(w, fos_head(w), mark, sizeof(mark), 0, &hit))
		fos_drop(w);            /* and the connection with it */
/* -- fos_insert */
	if (fos_insert(w, fos_head(w), "X-Seen: 1\r\n", 11) == FOS_OK)
		fos_release_all(w);
/* -- fos_delete */
	if (fos_find(w, fos_head(w), "secret", 0, &hit)) {
		fos_delete(w, hit.pos, hit.end - hit.pos);
		fos_release(w, hit.end);
	}
/* -- fos_replace */
	if (fos_find(w, fos_head(w), "http://", 0, &hit))
		fos_replace(w, hit.pos, 7, "https://", 8);
/* -- fos_overwrite */
	if (fos_tail(w) - fos_head(w) >= 3)
		fos_overwrite(w, fos_head(w), "GET", 3);
/* -- fos_hold */
	fos_hold(w, 512, 50);           /* a line is decided within 512 bytes and 50 ms, or passes */
/* -- fos_hold_ns */
	fos_timer(w, fos_hold_ns(fos_pm_of(w)) / 2); /* decide before the platform does */
/* -- fos_peer_ctx */
	const struct per_flow *request = fos_peer_ctx(w);

	if (request && request->inside)
		fos_bypass(w);
/* -- fos_state */
	((struct totals *)fos_state(fos_pm_of(w)))->connections++;
/* -- */
}

static void packets_and_flows(struct fos_window *w, struct fos_instance *pm)
{
	uint8_t word[64] = "";
	struct fos_packet p;

/* -- fos_packet */
	for (uint64_t pos = fos_head(w); fos_packet(w, pos, &p) == FOS_OK; pos = p.end)
		if (p.csum == FOS_SUM_BAD)
			fos_drop_packet(w, p.pos);
	fos_release_all(w);
/* -- fos_flow */
	const struct fos_flow_info *f = fos_flow(w);
	char from[FOS_ADDRESS_TEXT], to[FOS_ADDRESS_TEXT];

	fos_say(pm, "%s: %s:%u > %s:%u", fos_name(pm), fos_address_text(f->src, from), f->sport,
		fos_address_text(f->dst, to), f->dport);
/* -- fos_rewrite: in on_open */
	struct fos_headers out = {.sport = 80, .set = FOS_SET_DST_ADDR};
	struct fos_headers back = {.set = FOS_SET_SRC_ADDR};

	memcpy(back.src, fos_flow(w)->dst, 16);
	if (fos_address_parse("10.0.0.5", out.dst) && fos_own_address(pm, back.src) == FOS_OK) {
		fos_rewrite(w, &out);
		fos_rewrite_peer(w, &back);
	}
/* -- fos_option: in init */
	const char *limit = fos_option(pm, "limit", 0);
	uint64_t most = limit ? strtoull(limit, NULL, 10) : 1000;

	for (unsigned i = 0; fos_option(pm, "host", i); i++)
		fos_say(pm, "host %u is %s, limit %llu", i, fos_option(pm, "host", i),
			(unsigned long long)most);
/* -- fos_timer */
	fos_timer(w, 5000000000);       /* on_timer in 5 s */
/* -- fos_wall_ns */
	uint64_t seconds = fos_wall_ns(pm, fos_now_ns(pm)) / 1000000000;
/* -- fos_send */
	if (fos_send(pm, "logger", 7, &seconds, sizeof(seconds)) == FOS_ENOENT)
		fos_say(pm, "there is no logger in lane %u", fos_lane(pm));
/* -- fos_lane_kept: in init */
	if (!fos_lane_kept(pm, "lan"))
		fos_say(pm, "with several lanes the interface lan must say `inside: yes`");
/* -- fos_output: in init; fos_printf, fos_write: anywhere */
	int log = fos_output(pm, fos_option(pm, "file", 0));

	fos_printf(pm, log, "%llu\n", (unsigned long long)seconds);
	fos_write(pm, log, "\n", 1);
/* -- fos_attribute: `word` is a tag */
	size_t len;
	const char *src = fos_attribute((const char *)word, sizeof(word), "src", &len);

	if (fos_hosts_match(hosts, src, len))
		fos_delete(w, fos_head(w), 1);
/* -- */
}

static void events(struct fos_window *w, struct fos_instance *pm, const struct fos_event *ev)
{
	struct fos_packet p;

/* -- fos_subscribe */
	fos_subscribe(w, fos_subscribed(w) | FOS_BIT(FOS_ON_RETRANSMISSION));
/* -- fos_stop */
	if (ev->id == FOS_ON_WINDOW_OVERRUN)
		fos_stop(w);
/* -- fos_buffer */
	fos_buffer(w, 64 << 10);        /* at most 64 KiB ahead of a hole */
/* -- fos_overlap */
	fos_overlap(w, FOS_OVERLAP_LAST); /* as the receiver behind the box would take them */
/* -- fos_tcp_states */
	uint32_t own, peer;

	fos_tcp_states(w, &own, &peer);
	fos_say(pm, "%s, %s", fos_tcp_state_name(own), fos_tcp_state_name(peer));
/* -- fos_event_packet */
	if (ev->id == FOS_ON_INVALID_RST && fos_event_packet(w, &p) == FOS_OK)
		fos_say(pm, "a RST of %u bytes", p.len);
/* -- fos_event_old */
	const void *first_copy;
	uint64_t at;

	if (ev->id == FOS_ON_DIFFERING_COPY && fos_event_old(w, &first_copy, &at) > 0)
		fos_say(pm, "byte %llu differs", (unsigned long long)at);
/* -- fos_fragments, fos_read_at */
	struct fos_fragment f[8];
	uint8_t begin[16];

	if (fos_fragments(w, f, 8) > 0 && fos_read_at(w, f[0].pos, begin, sizeof(begin)) > 0)
		fos_say(pm, "bytes ahead of a hole at %llu", (unsigned long long)f[0].pos);
/* -- fos_event_timer */
	fos_event_timer(w, 2, 1000000000, 1000000000);  /* FOS_ON_TIMER, every second */
/* -- fos_publish */
	fos_publish(pm, "login", "alice", 5);           /* .exports = "login" */
/* -- fos_publish_to */
	fos_publish_to(pm, "audit", "login", "alice", 5);
/* -- */
}

/* -- fos_event_define, fos_event_handle: in init */
static bool large(struct fos_window *w, const struct fos_event *ev, const void *arg)
{
	(void)w;
	return ev->len > *(const uint64_t *)arg;
}

static void on_large(struct fos_window *w, const struct fos_event *ev)
{
	fos_say(fos_pm_of(w), "%llu bytes at once", (unsigned long long)ev->len);
}

static int init(struct fos_instance *pm)
{
	uint64_t bytes = 4096;
	int id = fos_event_define(pm, FOS_ON_NEW_DATA, large, &bytes, sizeof(bytes));

	return id < 0 ? id : fos_event_handle(pm, (uint32_t)id, on_large, true);
}
/* -- */

static void more_examples(struct fos_window *w, struct fos_instance *pm)
{
	uint32_t id = FOS_EVENT_USER;
	struct per_flow state;
	char cookie[FOS_KEY_MAX];
	size_t len = 0;

/* -- fos_event_add, fos_event_remove */
	if (fos_flow(w)->dport == 80)
		fos_event_add(w, id, on_large);
	else
		fos_event_remove(w, id, on_large);
/* -- fos_event_raise */
	fos_event_raise(w, id, "why", 3);
/* -- fos_key_open */
	struct per_flow *session = fos_key_open(pm, cookie, len);

	if (session) {
		session->bytes += fos_tail(w) - fos_head(w);
		fos_key_join(w, cookie, len);
	}
/* -- fos_move */
	if (fos_move(w, "web") == FOS_OK)
		fos_release(w, fos_head(w));            /* "web" sees the flow from there on */
/* -- fos_key_drop */
	fos_key_drop(pm, cookie, len);
/* -- fos_key_read */
	if (fos_key_read(pm, "sessions", "alice", 5, &state, sizeof(state)) > 0)
		fos_say(pm, "%llu bytes", (unsigned long long)state.bytes);
/* -- fos_key_of */
	if (fos_key_of(w, "sessions", cookie, &len, &state, sizeof(state)) == FOS_ENOENT)
		fos_bypass(w);
/* -- fos_http: in on_head */
	if (fos_http(w)->response && fos_http_is(w, "Content-Type", "text/html")) {
		fos_http_remove(w, "X-Powered-By");
		fos_http_set(w, "Server", "-");
		fos_http_add(w, "X-Via", fos_name(pm));
	} else {
		fos_http_skip(w);       /* on_data is not called for this body */
	}
/* -- fos_http_get */
	const char *agent = fos_http_get(w, "User-Agent");

	if (agent && strstr(agent, "curl"))
		fos_reset(w);
/* -- fos_http_field */
	struct fos_http_field field;

	for (unsigned i = 0; fos_http_field(w, i, &field); i++)
		fos_say(pm, "%s: %s", field.name, field.value);
/* -- */
}

/* -- fos_entries: in init */
static const char *rule(struct fos_instance *pm, char *text, void *arg)
{
	char *word = fos_word(&text);
	struct fos_prefix *prefix = arg;

	(void)pm;
	return word && fos_prefix_parse(word, prefix) ? NULL : "a rule is a prefix";
}

static bool inside(struct fos_instance *pm, const uint8_t addr[16])
{
	struct fos_prefix prefix = {.bits = 0};

	return fos_entries(pm, "allow", "allow_file", rule, &prefix) == 0 &&
	       fos_prefix_has(&prefix, addr);
}
/* -- fos_input: in init */
static bool read_key(struct fos_instance *pm, uint8_t key[32])
{
	const char *path = fos_option(pm, "key", 0);
	int fd = path ? fos_input(pm, path) : -1;
	bool good = fd >= 0 && read(fd, key, 32) == 32;

	if (fd >= 0)
		close(fd);
	return good;
}
/* -- fos_size_parse, fos_ports_parse */
static bool limits(struct fos_instance *pm)
{
	const char *size = fos_option(pm, "size", 0), *ports = fos_option(pm, "ports", 0);
	uint64_t bytes;
	uint16_t first, last;

	return size && fos_size_parse(size, &bytes) && ports && fos_ports_parse(ports, &first, &last);
}
/* -- fos_send_packet */
static void refuse(struct fos_window *w) /* .stream = FOS_APP, .flags = FOS_PM_EDITS | FOS_PM_SENDS */
{
	uint8_t told[56] = {0x45, 0, 0, 56, [8] = 64, 1, [20] = 3, 3}; /* ICMP: port unreachable */
	struct fos_packet p;

	if (fos_packet(w, fos_head(w), &p) == FOS_OK && p.flags & FOS_IS_UDP) {
		memcpy(told + 12, fos_flow(w)->dst + 12, 4);
		memcpy(told + 16, fos_flow(w)->src + 12, 4);
		memcpy(told + 28, p.data + p.l3_off, 28);
		fos_send_packet(w, FOS_TO_SOURCE, told, sizeof(told));
	}
	fos_delete(w, fos_head(w), fos_tail(w) - fos_head(w));
	fos_release_all(w);
}
/* -- fos_resend_tail */
static void while_short(struct fos_window *w) /* .flags = FOS_PM_RESENDS, .on_data = while_short */
{
	fos_resend_tail(w, fos_tail(w) <= 100000);
	fos_release_all(w);
}
/* -- */
FOS_PM(.name = "spy", .stream = FOS_APP, .on_data = first_bytes);

static int program(void)        /* what its main() does */
{
	return fos_pm_main(&fos_pm_module);
}
/* -- */
