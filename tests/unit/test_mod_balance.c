/* pms/balance.c: who gets a connection, that clients stay where they are, weights, servers that are down,
 * connection counts across kills, Ethernet addresses, and what is refused. */
#include <unistd.h>

#include "tests/pm/conn.h"
#include "tests/tap.h"

static const char *self;

static void begin(struct play *p, const char *options)
{
	memset(p, 0, sizeof(*p));
	world_plan(&p->w, false);
	conn_pm(p, self, "balance", 0, options);
	p->w.dir->port[0].peer = 1;
	p->w.dir->port[1].peer = 0;
	play_make(p);
}

static const struct fos_rewrite *rewrite(struct play *p, uint32_t flow)
{
	return conn_pub(p, 0, flow)->flags & FOS_PM_REWRITE ? &p->w.box.pm_rewrites[0][flow] : NULL;
}

/* Last number of the chosen server's address; 0 = none, and the connection was reset; -1 = neither. */
static int server_of(struct play *p, uint32_t c, const char *client, uint16_t port)
{
	const struct fos_rewrite *r;

	conn_open(p, c, 6, (struct conn_end){client, port}, (struct conn_end){"192.0.2.10", 80}, 0);
	r = rewrite(p, 2 * c);
	if (r)
		return r->dst[15];
	return conn_pub(p, 0, 2 * c)->verdict == FOS_VERDICT_RESET ? 0 : -1;
}

static void spread(struct play *p, int nr[8], int chosen[200])
{
	char client[32];

	memset(nr, 0, 8 * sizeof(*nr));
	for (int i = 0; i < 200; i++) {
		snprintf(client, sizeof(client), "10.1.%d.%d", i / 7, i);
		chosen[i] = server_of(p, 0, client, (uint16_t)(1000 + i));
		nr[chosen[i] & 7]++;
		conn_close(p, 0, FOS_CLOSE_FIN);
	}
}

static void test_hash(void)
{
	static struct play p;
	int nr[8], a[200], b[200], moved = 0, other = 0;

	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.1:8080\nservers=10.0.0.2 weight 2\n"
		  "servers=10.0.0.3:8080\n");
	ok(server_of(&p, 0, "10.9.9.9", 5) == server_of(&p, 1, "10.9.9.9", 6), "one client, one server");
	spread(&p, nr, a);
	ok(nr[1] + nr[2] + nr[3] == 200 && nr[1] > 30 && nr[3] > 30 && nr[2] > 70 && nr[2] < 130,
	   "clients are spread by weight: %d %d %d", nr[1], nr[2], nr[3]);
	play_free(&p);
	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.3:8080\nservers=10.0.0.2 weight 2 down\n"
		  "servers=10.0.0.1:8080\n");
	spread(&p, nr, b);
	for (int i = 0; i < 200; i++) {
		moved += a[i] != b[i] && a[i] != 2;
		other += a[i] == 2 && b[i] == 2;
	}
	is_u64((uint64_t)moved, 0, "one goes down, the list is turned round: nobody else's clients move");
	is_u64((uint64_t)other, 0, "and its own go elsewhere");
	play_free(&p);
	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.1 down\nservers=fd00::1\n");
	is_u64((uint64_t)server_of(&p, 0, "10.9.9.9", 5), 0, "nobody is up for IPv4: a reset");
	conn_open(&p, 1, 6, (struct conn_end){"10.9.9.9", 5}, (struct conn_end){"192.0.2.10", 81}, 0);
	ok(!rewrite(&p, 2) && conn_pub(&p, 0, 2)->verdict != FOS_VERDICT_RESET,
	   "what is for another port passes");
	play_free(&p);
}

static void test_headers(void)
{
	static struct play p;
	const struct fos_rewrite *go, *back;
	char text[FOS_ADDRESS_TEXT];

	begin(&p, "service=[2001:db8::10]:80\nservers=[fd00::5]:8080 mac 02:00:00:00:00:55\n");
	conn_open(&p, 0, 6, (struct conn_end){"2001:db8::99", 5}, (struct conn_end){"2001:db8::10", 80},
		  0);
	go = rewrite(&p, 0);
	back = rewrite(&p, 1);
	ok(go && back, "both directions are rewritten");
	if (go && back) {
		is_str(fos_address_text(go->dst, text), "fd00::5", "there: the server's address");
		is_str(fos_address_text(back->src, text), "2001:db8::10", "back: the service's");
		ok(go->dport == 8080 && back->sport == 80 && go->dst_mac[5] == 0x55 &&
			   back->src_mac[5] == 0x78, "and ports, and Ethernet addresses");
	}
	play_free(&p);
}

static void test_learn(void)
{
	static struct play p;
	const struct fos_rewrite *go;

	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.5\n");
	memcpy(p.w.dir->port[0].mac, "\2\0\0\0\0\x78", 6); /* as conn_make() addresses packets */
	is_u64((uint64_t)server_of(&p, 0, "10.9.9.9", 5), 0,
	       "addressed to the box, and the server's Ethernet address is not known: a reset");
	conn_open(&p, 1, 17, (struct conn_end){"10.0.0.5", 5}, (struct conn_end){"192.0.2.99", 53}, 1);
	play_restart(&p, 0);
	is_u64((uint64_t)server_of(&p, 2, "10.9.9.9", 6), 5, "learnt from what the server sends");
	go = rewrite(&p, 4);
	ok(go && go->dst_mac[5] == 0x77, "and used, also after a kill");
	play_free(&p);
}

static void test_least(void)
{
	static struct play p;
	int nr[8] = {0};

	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.1\nservers=10.0.0.2 weight 3\nmethod=least\n");
	for (uint32_t c = 0; c < 8; c++) {
		nr[server_of(&p, c, "10.9.9.9", (uint16_t)(c + 1)) & 7]++;
		play_restart(&p, 0);
	}
	ok(nr[1] == 2 && nr[2] == 6, "fewest connections for the weight: %d %d", nr[1], nr[2]);
	for (uint32_t c = 0; c < 8; c++)
		if (rewrite(&p, 2 * c)->dst[15] == 1)
			conn_close(&p, c, FOS_CLOSE_FIN);
	play_restart(&p, 0);
	ok(server_of(&p, 8, "10.9.9.9", 10) == 1 && server_of(&p, 9, "10.9.9.9", 11) == 1,
	   "who has lost some gets the next ones");
	play_free(&p);
	begin(&p, "service=192.0.2.10:80\nservers=10.0.0.1\nservers=10.0.0.2\nmethod=least\n"
		  "affinity=source\n");
	ok(server_of(&p, 0, "10.9.9.9", 1) == server_of(&p, 1, "10.9.9.9", 2) &&
		   server_of(&p, 2, "10.9.9.8", 1) != server_of(&p, 3, "10.9.9.9", 3),
	   "with affinity a client stays");
	play_free(&p);
}

int main(int argc, char **argv)
{
	static const char *const wrong[] = {
		"servers=10.0.0.1\n", "service=192.0.2.10:80\n", "service=192.0.2.10\nservers=10.0.0.1\n",
		"service=192.0.2.10:80\nservers=10.0.0.1 weight 0\n",
		"service=192.0.2.10:80\nservers=10.0.0.1 weight\n",
		"service=192.0.2.10:80\nservers=10.0.0.1 mac 02:00:00:00:00\n",
		"service=192.0.2.10:80\nservers=10.0.0.1:70000\n",
		"service=192.0.2.10:80\nservers=10.0.0.1 up\n",
		"service=192.0.2.10:80\nservers=10.0.0.1\nmethod=best\n",
		"service=[::1:80\nservers=10.0.0.1\n", "service=:80\nservers=10.0.0.1\n"};

	(void)argc;
	self = argv[0];
	test_hash();
	test_headers();
	test_learn();
	test_least();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(conn_refused(self, "balance", wrong[i]), "refused: case %zu", i + 1);
	return done();
}
