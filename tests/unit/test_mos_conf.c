/* mos.conf: what is read, what is refused and where, and that no bytes harm the reader */
#include <stdlib.h>
#include <string.h>

#include "pms/mos/conf.h"
#include "tests/tap.h"
#include "tests/world.h"

static struct fos_mos_conf conf;
static char err[FOS_MOS_ERROR];

static int read_text(const char *text)
{
	err[0] = '\0';
	return fos_mos_conf_parse(text, strlen(text), "c", &conf, err, sizeof(err));
}

static void test_good(void)
{
	ok(read_text("mos {\n}\n") == 0, "an empty block is a configuration");
	ok(conf.max_concurrency == 100000 && conf.rmem_size == 8192 && conf.wmem_size == 8192 &&
		   conf.tcp_timeout == 30 && conf.tcp_tw_interval == 0 && !conf.no_ring_buffers &&
		   conf.nr_apps == 0, "with mOS's defaults");
	ok(read_text("# comment\napplication {\n\ttype = monitor\n\trun = ./a -f  x  # more\n"
			 "\tcore_mask = 0x000F\n}\n\nmos\n{\n\tforward = 1\n\tnb_mem_channels = 4\n"
			 "\tnetdev {\n\t\tdpdk0 0xFFFF # first\n\t\tdpdk1 0xFFFF\n\t}\n"
			 "\tstat_print = dpdk0 dpdk1\n\tmos_log = logs/\n\tarp_table {\n"
			 "\t\t10.0.0.1/32 02:00:00:00:00:0a\n\t}\n"
			 "\troute_table {\n\t\t10.0.0.0/24 dpdk0\n\t}\n"
			 "\tnic_forward_table {\n\t\tdpdk0 dpdk1\n\t}\n\tmax_concurrency = 5000\n"
			 "\tno_ring_buffers = 1\n\trmem_size = 4096\n\ttcp_timeout = -1\n"
			 "\ttcp_tw_interval = 30\n}") == 0, "all that there is");
	is_str(err, "", "without a word");
	ok(conf.max_concurrency == 5000 && conf.no_ring_buffers && conf.rmem_size == 4096 &&
		   conf.tcp_timeout == -1 && conf.tcp_tw_interval == 30, "values");
	ok(conf.nr_apps == 1 && conf.app[0].argc == 3 && !strcmp(conf.app[0].argv[2], "x") &&
		   conf.app[0].core_mask == 15, "and the application's words");
}

static void test_bad(void)
{
	static const struct {
		const char *text, *err;
	} bad[] = {
		{"", "c:1:1: there is no block mos"},
		{"mos {\n", "c:2:1: '}' expected: a block is not closed"},
		{"mos\n\nforward = 1\n", "c:3:1: '{' expected after 'mos'"},
		{"moss {\n}\n", "c:1:1: no such block: 'moss'; there are mos and application"},
		{"mos { }\nmos { }\n", "c:2:1: there is a block mos already"},
		{"mos {\n  forward 1\n}\n", "c:2:11: '=' expected after 'forward'"},
		{"mos {\n  forward = 0\n}\n",
		 "c:2:13: forward = 0 is not offered: the box forwards what no program drops; forward = 1"},
		{"mos {\n  forward = yes\n}\n",
		 "c:2:13: forward is a number from 0 to 1, not 'yes'"},
		{"mos {\n\tmax_concurrency = 0\n}\n",
		 "c:2:20: max_concurrency is a number from 1 to 10000000, not '0'"},
		{"mos {\n\trmem_size = 8192k\n}\n",
		 "c:2:14: rmem_size is a number from 1024 to 16777216, not '8192k'"},
		{"mos {\n\tmultiprocess = 0 master\n}\n",
		 "c:2:2: multiprocess is not offered: the box runs a process of the program for each "
		 "of its lanes"},
		{"mos {\n\tnetdev {\n\t\tdpdk0\n\t}\n}\n",
		 "c:3:3: a line of netdev is an interface and a mask of cores: dpdk0 0x0001"},
		{"mos {\n\tnetdev {\n\t\tdpdk0 x\n\t}\n}\n",
		 "c:3:3: a mask of cores is a number such as 0x0001, not 'x'"},
		{"mos {\n\tarp_table {\n\t\t10.0.0.1 02:00:00:00:00:01\n\t}\n}\n",
		 "c:3:3: a line of arp_table is 10.0.0.1/32 02:00:00:00:00:01"},
		{"mos {\n\tarp_table {\n\t\t10.0.0.1/32 02:00\n\t}\n}\n",
		 "c:3:3: a line of arp_table is 10.0.0.1/32 02:00:00:00:00:01"},
		{"mos {\n\troute_table {\n\t\t10.0.0.0/33 dpdk0\n\t}\n}\n",
		 "c:3:3: a line of route_table is 10.0.0.0/24 dpdk0"},
		{"mos {\n\tnic_forward_table {\n\t\tdpdk0 dpdk1 dpdk2\n\t}\n}\n",
		 "c:3:3: a line of nic_forward_table is two interfaces: dpdk0 dpdk1"},
		{"application {\n\ttype = end\n}\nmos {\n}\n",
		 "c:2:9: type is monitor, not 'end': a program's own connections are not offered"},
		{"application {\n\tcpus = 1\n}\nmos {\n}\n",
		 "c:2:2: no such key of application: 'cpus'; there are type, run, core_mask, ip_forward"},
		{"mos {\n\t= 1\n}\n", "c:2:2: a name expected"},
		{"mos {\n\tmos_log = \001\n}\n", "c:2:12: a byte that is no text"},
		{"mos {\n}\n}\n", "c:3:1: a name expected"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = read_text(bad[i].text);

		ok(rc == -1, "refused");
		is_str(err, bad[i].err, "%s", bad[i].err);
	}
	read_text("mos {\n\tforwards = 1\n}\n");
	ok(strncmp(err, "c:2:2: no such key of mos: 'forwards'; there are forward, ", 57) == 0,
	   "an unknown key is told what there is");
	ok(fos_mos_conf_read("/nowhere/mos.conf", &conf, err, sizeof(err)) == -1, "no file");
	is_str(err, "/nowhere/mos.conf: No such file or directory", "says so");
}

/* Pieces of configurations, cut and joined at random, in memory that ends where they end. */
static void test_any(uint64_t seed)
{
	static const char *const part[] = {
		"mos", "{", "}", "\n", "=", " ", "\t", "#", "forward", "netdev", "application", "run",
		"1", "0x", "10.0.0.1/32", "02:00:00:00:00:01", "arp_table", "dpdk0", "-", "\r",
		"max_concurrency", "99999999999999999999", "\377\376", "type", "monitor", "'"};
	uint32_t good = 0, bad = 0;

	for (int i = 0; i < 20000; i++) {
		char text[400];
		size_t len = 0, n = world_rand(&seed) % 30;
		char *exact;

		for (size_t k = 0; k < n; k++) {
			const char *p = part[world_rand(&seed) % (sizeof(part) / sizeof(part[0]))];
			size_t l = strlen(p);

			if (world_rand(&seed) % 20 == 0 && l > 1)
				l = world_rand(&seed) % l;
			memcpy(text + len, p, l);
			len += l;
		}
		exact = malloc(len ? len : 1);
		if (!exact)
			abort();
		memcpy(exact, text, len);
		err[0] = '\0';
		if (fos_mos_conf_parse(exact, len, "c", &conf, err, sizeof(err)) == 0)
			good++;
		else
			bad += strncmp(err, "c:", 2) == 0;
		free(exact);
	}
	ok(good + bad == 20000, "20000 random texts are read or refused with their place");
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;

	test_good();
	test_bad();
	test_any(seed);
	return done();
}
