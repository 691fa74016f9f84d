/* Bad input to shipped modules: any packets, any bytes, any close, in any order, with kills between.  None
 * crashes; those that cannot edit let every byte through, in order.  A failing seed runs again by
 * `test_mod_fuzz SEED`. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;

static const struct {
	const char *name, *options;
	bool app;   /* reads bytes, not packets */
	bool edits;
} modules[] = {
	{"firewall", "rules=drop udp to any port 0-32767\nrules=allow\ndefault=reset\n", false, true},
	{"balance", "service=10.0.0.2:80\nservers=10.0.0.9\nservers=10.0.0.8 down\nmethod=least\n"
		    "affinity=source\n", false, true},
	{"ratelimit", "flow=2K burst 1K\nprefixes=any 100K\nfile=/dev/null\n", false, true},
	{"pcapng", "file=/dev/null\npackets=200\n", false, false},
	{"ndpi", "file=/dev/null\npackets=20\n", false, false},
	{"match", "patterns=mask /a[a-c]{0,6}d/i\npatterns=cut /<[^>]{1,20}>/s\npatterns=alert /x.*y/s\n"
		  "patterns=alert /GET|b$/\nfile=/dev/null\nlimit=256\n", true, true},
	{"midstat", "file=/dev/null\n", true, false},
	{"ids", "rules=alert ip any any -> any any (content:\"a\"; content:!\"b\"; within:9; sid:1;)\n"
		"rules=drop udp any any -> any 80 (content:\"GET\"; depth:9; sid:2;)\n"
		"rules=reject tcp any 80 <> any any (pcre:\"/<.{1,20}>/s\"; content:!\"x\"; sid:3;)\n"
		"file=/dev/null\n", true, true},
	{"assets", "file=/dev/null\nsignatures=service /<([^>]*)>/ x\n", true, false},
	{"halfback", "bytes=2K\n", true, false},
	{"count", "file=/dev/null\n", false, false},
	{"checksum", "file=/dev/null\n", false, false},
	{"digest", "file=/dev/null\n", true, false},
	{"adblock", "hosts=ads.example\n", true, true},
	{"header", "response_set=Server: y\nrequest_add=A: b\nresponse_remove=ETag\n", true, true},
	{"transfer", "uploads=yes\n", true, false},
	{"replace", "find=abc\nwith=x\nfind=<\nwith=longer\n", true, true},
	{"nat", "pool=192.0.2.10\npool6=2001:db8::10\nports=40000-40003\n", false, true},
};

enum { NR_MODULES = sizeof(modules) / sizeof(modules[0]) };

/* Headers that hold together, or nearly; then something, and damage. */
static uint32_t make_packet(uint64_t *seed, uint8_t *k, bool v6)
{
	static const uint8_t protos[] = {6, 17, 1, 58, 47, 44, 0};
	uint32_t n = 14 + (uint32_t)world_below(seed, 200), ip = v6 ? 40 : 20;
	uint8_t proto = protos[world_below(seed, sizeof(protos))];

	for (uint32_t i = 0; i < n; i++)
		k[i] = (uint8_t)world_rand(seed);
	if (n < 14 + ip + 8)
		n = 14 + ip + 8;
	k[12] = v6 ? 0x86 : 8;
	k[13] = v6 ? 0xdd : 0;
	k[14] = v6 ? 0x60 : 0x45;
	k[v6 ? 20 : 23] = proto;
	k[v6 ? 18 : 16] = 0;
	k[v6 ? 19 : 17] = (uint8_t)(n - 14 - (v6 ? 40 : 0));
	if (proto == 6)
		k[14 + ip + 12] = 0x50;
	if (world_below(seed, 3) == 0)
		memcpy(k + 14 + ip, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", n - 14 - ip < 36 ?
		       n - 14 - ip : 36);
	for (uint64_t i = world_below(seed, 4); i > 0; i--)
		k[world_below(seed, n)] = (uint8_t)world_rand(seed);
	return n;
}

static uint32_t make_bytes(uint64_t *seed, uint8_t *to)
{
	static const char *const words[] = {"<script src=//ads.example>", "</script>", "abc", "aBCd", "<",
					    ">", "GET", "x", "y", "Content-Length: 9\r\n\r\n", "a"};
	uint32_t n = 0;

	while (n == 0 || world_below(seed, 6)) {
		if (world_below(seed, 4) == 0)
			to[n++] = (uint8_t)world_rand(seed);
		else
			n += (uint32_t)sprintf((char *)to + n, "%s",
					       words[world_below(seed, sizeof(words) / sizeof(words[0]))]);
	}
	return n;
}

static void open_one(struct play *p, uint32_t c, uint64_t *seed)
{
	static const uint8_t protos[] = {6, 17, 1, 58, 47};
	bool v6 = world_below(seed, 2);
	uint8_t proto = protos[world_below(seed, sizeof(protos))];

	conn_make(p, c, proto, (struct conn_end){v6 ? "fd00::1" : "10.0.0.1", (uint16_t)world_rand(seed)},
		  (struct conn_end){v6 ? "fd00::2" : "10.0.0.2", world_below(seed, 2) ? 80 : 7}, 0);
	world_flow(&p->w, 2 * c)->flags |= FOS_FLOW_OFFERED;
}

/* One thing that can happen to connection c. */
static void happen(struct play *p, uint32_t c, int m, uint64_t *seed)
{
	uint32_t flow = 2 * c + (uint32_t)world_below(seed, 2);
	bool closed = world_flow(&p->w, flow)->state & FOS_FLOW_ST_CLOSED;
	bool ended = world_flow(&p->w, flow)->state & FOS_FLOW_ST_FIN;
	uint8_t bytes[1024];

	switch (world_below(seed, 12)) {
	case 0:
		conn_close(p, c, 1 + (uint32_t)world_below(seed, 6));
		break;
	case 1:
		if (modules[m].app && !ended && !closed)
			play_fin(p, flow);
		break;
	case 2:
		/* not often: some take a tenth of a second to compile what they look for */
		if (world_below(seed, 6) == 0)
			play_restart(p, 0);
		break;
	case 3:
		p->now += world_below(seed, 400000000);
		break;
	case 4:
		if (closed)
			open_one(p, c, seed);
		break;
	default:
		if (closed || ended)
			break;
		if (modules[m].app)
			play_append(p, flow, bytes, make_bytes(seed, bytes));
		else
			conn_packet(p, flow, bytes,
				    make_packet(seed, bytes, world_flow(&p->w, flow)->ip_version == 6));
	}
	world_flow(&p->w, flow)->pkt_done = conn_pub(p, 0, flow)->head;
	play_hint(p, flow);
	play_work(p, 0);
	if (modules[m].app)
		play_egress(p, flow);
}

/* Has all that came on a live flow been let through by a module that holds nothing? */
static bool all_through(struct play *p)
{
	for (uint32_t f = 0; f < 8; f++) {
		const struct fos_flow *flow = &p->w.box.flows[f];

		if (flow->gen && conn_pub(p, 0, f)->gen == flow->gen &&
		    conn_pub(p, 0, f)->head < flow->pkt.tail)
			return false;
	}
	return true;
}

static bool one(uint64_t seed, int m)
{
	static struct play p;
	uint64_t s = seed * 31 + (uint64_t)m;
	bool good = true;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	p.w.dir->nr_edits = 4096;
	conn_pm(&p, self, modules[m].name, 0, modules[m].options);
	play_make(&p);
	for (uint32_t c = 0; c < 4; c++)
		open_one(&p, c, &s);
	for (int i = 0; i < 200; i++)
		happen(&p, (uint32_t)world_below(&s, 4), m, &s);
	if (!modules[m].edits && !modules[m].app)
		good = all_through(&p);
	for (uint32_t c = 0; c < 4; c++)
		play_close(&p, c, FOS_CLOSE_TIMEOUT);
	for (uint32_t f = 0; f < 8; f++)
		play_hint(&p, f);
	play_work(&p, 0);
	p.host[0].hooks->fini(&p.host[0]);
	play_free(&p);
	return good;
}

/* In a process of its own: a crash is a seed too, and a killed module's memory is gone with it. */
static bool apart(uint64_t seed, int m)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!one(seed, m));
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	uint64_t only = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t last = getenv("FULL") && !strcmp(getenv("FULL"), "1") ? 200 : 10;

	self = argv[0];
	for (int m = 0; m < NR_MODULES; m++) {
		uint64_t seed = only ? only : 1;

		if (!conn_built(self, modules[m].name)) {
			skip("%s is not built: its library is not installed", modules[m].name);
			continue;
		}
		while (seed <= (only ? only : last) && apart(seed, m))
			seed++;
		if (only ? seed == only : seed <= last)
			ok(false, "%s: a crash, or bytes are stuck (seed %llu)", modules[m].name,
			   (unsigned long long)seed);
		else
			ok(true, "%s survives what comes", modules[m].name);
	}
	return done();
}
