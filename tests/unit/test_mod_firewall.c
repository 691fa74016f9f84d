/* pms/firewall.c: which rule decides, what becomes of a connection, hits that are counted once, and
 * rules that are refused with their place. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;
static char path[64];

static void begin(struct play *p, const char *options)
{
	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	conn_pm(p, self, "firewall", 0, options);
	play_make(p);
}

/* What the rules say about a connection: a letter, p(ass; unwatched), d(rop), r(eset). */
static char asked(struct play *p, uint8_t proto, const char *src, uint16_t sport, const char *dst,
		  uint16_t dport, uint8_t port)
{
	static uint32_t c;
	uint32_t flow;

	c = (c + 1) % 32;
	flow = 2 * c;
	conn_open(p, c, proto, (struct conn_end){src, sport}, (struct conn_end){dst, dport}, port);
	if (!(conn_pub(p, 0, flow)->flags & FOS_PM_OPENED))
		return '?';
	return "ppdr"[conn_pub(p, 0, flow)->verdict & 3];
}

static void test_rules(void)
{
	static struct play p;

	begin(&p, "rules=allow tcp from 10.0.0.0/8 to any port 80,443,8000-8080\n"
		  "rules=reset tcp from any port 6000-6063 to 192.0.2.0/24\n"
		  "rules=drop 47\nrules=allow icmp to 2001:db8::/32\nrules=drop to 2001:db8::/32\n"
		  "rules=deny from fd00::/8\nrules=allow udp\nrules=deny\ndefault=allow\n");
	p.w.dir->port[0].peer = 1;
	p.w.dir->port[1].peer = 0;
	ok(asked(&p, 6, "10.1.2.3", 5, "192.0.2.1", 443, 0) == 'p' &&
		   asked(&p, 6, "10.1.2.3", 5, "192.0.2.1", 8080, 0) == 'p',
	   "prefix and ports: the first rule allows");
	ok(asked(&p, 6, "10.1.2.3", 5, "192.0.2.1", 8081, 0) == 'r',
	   "another port: the last denies, by a reset to one's own people");
	ok(asked(&p, 6, "11.1.2.3", 5, "192.0.2.1", 443, 1) == 'd',
	   "another source: the same, silently to those outside");
	ok(asked(&p, 6, "11.1.2.3", 6063, "192.0.2.255", 1, 1) == 'r', "source ports");
	ok(asked(&p, 47, "10.1.2.3", 0, "192.0.2.1", 0, 0) == 'd', "a protocol by number");
	ok(asked(&p, 58, "fd00::1", 9, "2001:db8::7", 0, 0) == 'p' &&
		   asked(&p, 17, "fd00::1", 9, "2001:db8::7", 53, 0) == 'd',
	   "ICMPv6 is icmp; IPv6 prefixes; the first match wins");
	ok(asked(&p, 17, "fd00::1", 9, "fd01::7", 53, 0) == 'd' &&
		   asked(&p, 17, "10.0.0.1", 9, "192.0.2.7", 53, 0) == 'p',
	   "there is no reset for UDP: dropped");
	play_free(&p);
}

static void test_list(void)
{
	static struct play p;
	char options[256], list[] = "/tmp/fos_test_fw_XXXXXX", got[512] = "";
	int fd = mkstemp(list), out;

	dprintf(fd, "# comment\n\n  drop tcp from 192.0.2.7  \nallow\n");
	snprintf(options, sizeof(options), "list=%s\nfile=%s\n", list, path);
	begin(&p, options);
	ok(asked(&p, 6, "192.0.2.7", 5, "192.0.2.1", 443, 0) == 'd', "a rule from a file");
	asked(&p, 6, "192.0.2.8", 5, "192.0.2.1", 443, 0);
	play_restart(&p, 0);
	asked(&p, 6, "192.0.2.8", 6, "192.0.2.1", 443, 0);
	p.host[0].hooks->fini(&p.host[0]);
	out = open(path, O_RDONLY);
	ok(read(out, got, sizeof(got) - 1) > 0, "there is output");
	is_str(got, "drop\t1\t6\t192.0.2.7\t5\t192.0.2.1\t443\nhits\t0\t0\nhits\t1\t1\nhits\t2\t2\n",
	       "one line for the refused connection; hits survive a kill");
	close(out);
	close(fd);
	unlink(list);
	play_free(&p);
}

static void test_wrong(void)
{
	static const char *const wrong[] = {
		"permit tcp", "allow tcp from 10.0.0.1/8", "allow tcp from 10.0.0.0/33",
		"allow icmp to any port 1", "allow tcp to any port 2-1", "allow tcp to any port",
		"allow tcp to any port 65536", "allow to 1.2.3.4 from 1.2.3.4", "allow quic", "allow 256",
		"allow tcp to any port 1,2,3,4,5,6,7,8,9", "allow from", "drop to fd00::/129"};
	char options[128];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(options, sizeof(options), "rules=%s\n", wrong[i]);
		ok(conn_refused(self, "firewall", options), "refused: %s", wrong[i]);
	}
	ok(conn_refused(self, "firewall", "default=maybe\n"), "a default that is none");
	ok(conn_refused(self, "firewall", "list=/nonexistent/list\n"), "a file that is not there");
}

int main(int argc, char **argv)
{
	int fd;

	(void)argc;
	self = argv[0];
	snprintf(path, sizeof(path), "/tmp/fos_test_fw_out_XXXXXX");
	fd = mkstemp(path);
	test_rules();
	test_list();
	test_wrong();
	close(fd);
	unlink(path);
	return done();
}
