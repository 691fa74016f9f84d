/* test_config.c - values, defaults, every key, limits of the input, reporting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/check.h"
#include "config/dump.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/tree.h"
#include "config/value.h"
#include "tests/tap.h"

enum { TEXT_MAX = 1 << 16 };

static char report_text[TEXT_MAX];

/* Load from memory; messages in report_text. */
static int load(struct fos_config *cfg, const char *text, size_t len)
{
	FILE *report = fmemopen(report_text, sizeof(report_text), "w");
	int ret;

	report_text[0] = '\0';
	fos_config_init(cfg, report);
	ret = fos_config_load_memory(cfg, "test.yaml", text, len);
	fclose(report);
	cfg->report = stderr;
	return ret;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void size_is(const char *text, int want_ret, uint64_t want)
{
	uint64_t v = 0;
	int ret = fos_value_size(text, &v);

	ok(ret == want_ret && v == want, "size '%s' gives %d and %llu (got %d, %llu)", text,
	   want_ret, (unsigned long long)want, ret, (unsigned long long)v);
}

static void duration_is(const char *text, int want_ret, uint64_t want)
{
	uint64_t v = 0;
	int ret = fos_value_duration(text, &v);

	ok(ret == want_ret && v == want, "duration '%s' gives %d and %llu ms (got %d, %llu)", text,
	   want_ret, (unsigned long long)want, ret, (unsigned long long)v);
}

static void test_sizes(void)
{
	static const char *const junk[] = {
		"", " 1", "1 ", "1k", "1KB", "K", "-1", "+1", "01", "00", "0x10", "1.5M", "1e3",
		"1_000", "64M ", "1KK", "\xd9\xa1",
	};

	size_is("0", 0, 0);
	size_is("1", 0, 1);
	size_is("32K", 0, 32 << 10);
	size_is("64M", 0, 64 << 20);
	size_is("2G", 0, 2ull << 30);
	size_is("18446744073709551615", 0, UINT64_MAX);
	size_is("18446744073709551616", -ERANGE, 0);
	size_is("17179869183G", 0, 17179869183ull << 30);
	size_is("17179869184G", -ERANGE, 0);
	size_is("99999999999999999999K", -ERANGE, 0);
	size_is("99999999999999999999Q", -EINVAL, 0);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		size_is(junk[i], -EINVAL, 0);
}

static void test_durations(void)
{
	static const char *const junk[] = { "", "10", "s", "10 s", "10S", "10sec", "1.5s", "-1s",
					    "01s", "1m30s", "10us" };

	duration_is("0ms", 0, 0);
	duration_is("200ms", 0, 200);
	duration_is("10s", 0, 10000);
	duration_is("5m", 0, 300000);
	duration_is("2h", 0, 7200000);
	duration_is("99999999999999999999s", -ERANGE, 0);
	duration_is("18446744073709551615h", -ERANGE, 0);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		duration_is(junk[i], -EINVAL, 0);
}

static void test_numbers_and_ports(void)
{
	struct fos_config_ports p = { 0, 0 };
	uint64_t v = 0;
	uint8_t proto = 0;

	ok(fos_value_number("0x0800", true, &v) == 0 && v == 0x800, "0x0800 is hexadecimal");
	ok(fos_value_number("0x0800", false, &v) == -EINVAL, "0x is refused for a decimal");
	ok(fos_value_number("0x", true, &v) == -EINVAL, "0x alone is refused");
	ok(fos_value_number("0x11111111111111111", true, &v) == -ERANGE, "65 bits are too many");
	ok(fos_value_ports("80", &p) == 0 && p.low == 80 && p.high == 80, "a single port");
	ok(fos_value_ports("1024-65535", &p) == 0 && p.low == 1024 && p.high == 65535, "a range");
	ok(fos_value_ports("0", &p) == -ERANGE, "port 0 is refused");
	ok(fos_value_ports("65536", &p) == -ERANGE, "port 65536 is refused");
	ok(fos_value_ports("4294967376", &p) == -ERANGE, "port 2^32 + 80 is refused");
	ok(fos_value_ports("2-1", &p) == -ERANGE, "a backward range is refused");
	ok(fos_value_ports("1-2-3", &p) == -EINVAL, "three ports are refused");
	ok(fos_value_ports("-80", &p) == -EINVAL, "a range without a beginning is refused");
	ok(fos_value_proto("icmp6", &proto) == 0 && proto == 58, "icmp6 is protocol 58");
	ok(fos_value_proto("132", &proto) == 0 && proto == 132, "a protocol by number");
	ok(fos_value_proto("256", &proto) == -ERANGE, "protocol 256 is refused");
}

static void prefix_is(const char *text, int want_ret, const char *want)
{
	struct fos_config_prefix p = { 0 };
	char shown[FOS_VALUE_TEXT_MAX] = "";
	int ret = fos_value_prefix(text, &p);

	if (ret == 0 || ret == -EDOM)
		fos_value_prefix_text(shown, &p);
	ok(ret == want_ret, "prefix '%s' gives %d (got %d)", text, want_ret, ret);
	is_str(shown, want, "prefix '%s' reads as '%s'", text, want);
}

static void test_addresses(void)
{
	uint8_t mac[6] = { 0 };

	prefix_is("10.0.0.0/8", 0, "10.0.0.0/8");
	prefix_is("192.0.2.1", 0, "192.0.2.1/32");
	prefix_is("0.0.0.0/0", 0, "0.0.0.0/0");
	prefix_is("10.1.2.3/8", -EDOM, "10.0.0.0/8");
	prefix_is("10.0.0.129/25", -EDOM, "10.0.0.128/25");
	prefix_is("2001:db8::/32", 0, "2001:db8::/32");
	prefix_is("::1", 0, "::1/128");
	prefix_is("::/0", 0, "::/0");
	prefix_is("fe80::1/64", -EDOM, "fe80::/64");
	prefix_is("10.0.0.0/33", -ERANGE, "");
	prefix_is("::/129", -ERANGE, "");
	prefix_is("10.0.0.0/08", -EINVAL, "");
	prefix_is("10.0.0.0/", -EINVAL, "");
	prefix_is("10.0.0/8", -EINVAL, "");
	prefix_is("/8", -EINVAL, "");
	prefix_is("fe80::1%eth0", -EINVAL, "");
	prefix_is("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", -EINVAL, "");
	ok(fos_value_mac("02:00:00:00:00:aF", mac) == 0 && mac[5] == 0xaf, "a MAC address");
	ok(fos_value_mac("02:00:00:00:00", mac) == -EINVAL, "five bytes are no MAC address");
	ok(fos_value_mac("02:00:00:00:00:01:", mac) == -EINVAL, "a colon too many");
	ok(fos_value_mac("2:0:0:0:0:1", mac) == -EINVAL, "single digits are refused");
	ok(fos_value_mac("", mac) == -EINVAL, "nothing is no MAC address");
	ok(fos_value_device("eth0.5") == 0 && fos_value_device("a/b") == -EINVAL &&
	   fos_value_device("..") == -EINVAL && fos_value_device("sixteen_letters_") == -ERANGE,
	   "devices are what the kernel takes");
}

static void test_printers(void)
{
	static const uint64_t sizes[] = { 0, 1, 1023, 1024, 1536, 1 << 20, 3ull << 30, UINT64_MAX };
	char buf[FOS_VALUE_TEXT_MAX];
	bool same = true;
	uint64_t v;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		same &= fos_value_size(fos_value_size_text(buf, sizes[i]), &v) == 0 &&
			v == sizes[i];
	ok(same, "sizes print and parse back");
	for (uint64_t ms = 0, step = 1; ms < 1ull << 40; ms += step, step = step * 3 + 1)
		same &= fos_value_duration(fos_value_duration_text(buf, ms), &v) == 0 && v == ms;
	ok(same, "durations print and parse back");
	is_str(fos_value_size_text(buf, 65536), "64K", "64K prints short");
	is_str(fos_value_duration_text(buf, 300000), "5m", "5m prints short");
	is_str(fos_value_duration_text(buf, 90000), "90s", "90s is no round number of minutes");
}

/* ---- suggestions ----------------------------------------------------------------------------- */

static void suggestion_is(const char *word, const char *want)
{
	static const char *const known[] = { "frames", "frame_size", "flows", "pm", "adblock" };
	struct fos_suggest s;

	fos_suggest_start(&s, word);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		fos_suggest_offer(&s, known[i]);
	is_str(s.best, want, "'%s' suggests %s", word, want != NULL ? want : "nothing");
}

static void test_suggestions(void)
{
	char longest[300];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	suggestion_is("frame", "frames");
	suggestion_is("frmaes", "frames");
	suggestion_is("framesize", "frame_size");
	suggestion_is("flow", "flows");
	suggestion_is("FLOWS", "flows");
	suggestion_is("adblok", "adblock");
	suggestion_is("mp", "pm");
	suggestion_is("to", NULL);
	suggestion_is("hugepages", NULL);
	suggestion_is("", NULL);
	suggestion_is(longest, NULL);
}

/* ---- whole files ----------------------------------------------------------------------------- */

static void test_defaults(void)
{
	struct fos_config cfg, listed;
	static char a[TEXT_MAX], b[TEXT_MAX];
	uint32_t wires, pipelines;
	FILE *out;

	ok(load(&cfg, "version: 1", 10) == 0, "the least file loads");
	is_u64(cfg.frames, 32768, "32K frames");
	is_u64(cfg.frame_size, 2048, "of 2048 bytes");
	is_u64(cfg.flows, 65536, "64K flows");
	is_u64(cfg.edits, 65536, "64K edits");
	is_u64(cfg.lanes, 1, "one lane");
	is_u64(cfg.ooo_per_flow_bytes, 4 << 20, "4M out of order per flow");
	is_u64(cfg.ooo_total_bytes, 64 << 20, "64M in all");
	is_u64(cfg.fragments, 1024, "1K fragments");
	is_u64(cfg.half_open, 8192, "8K half-open connections");
	ok(cfg.urgent == FOS_CONFIG_URGENT_CLEAR && cfg.mptcp == FOS_CONFIG_MPTCP_STRIP &&
	   cfg.mss == FOS_CONFIG_MSS_KEEP, "urgent data in line, no MPTCP, the MSS as it is");
	is_u64(cfg.idle_ms, 300000, "300 s idle");
	is_u64(cfg.handshake_ms, 30000, "30 s handshake");
	is_u64(cfg.closing_ms, 10000, "10 s closing");
	is_str(cfg.run_dir, "/run/flowos", "run_dir");
	ok(cfg.when_down == FOS_CONFIG_DOWN_PASS && cfg.pickup == FOS_CONFIG_PICKUP_PASS &&
	   cfg.wait == FOS_CONFIG_WAIT_ADAPTIVE &&
	   cfg.hugepages == FOS_CONFIG_HUGEPAGES_AUTO, "pass, pass, auto");
	ok(cfg.interfaces_nr + cfg.wires_nr + cfg.pipelines_nr + cfg.pms_nr == 0, "empty lists");
	/* flowos.yaml claims to list the defaults: everything but its lists must agree. */
	fos_config_init(&listed, stderr);
	ok(fos_config_load(&listed, "config/flowos.yaml") == 0, "config/flowos.yaml loads");
	ok(listed.pms_nr > 0 && listed.pms[0].hold_bytes == FOS_CONFIG_HOLD_BYTES_DEFAULT &&
	   listed.pms[0].hold_time_ms == FOS_CONFIG_HOLD_TIME_DEFAULT_MS && !listed.pms[0].spare,
	   "its first PM has the default hold");
	wires = listed.wires_nr;
	pipelines = listed.pipelines_nr;
	listed.interfaces_nr = listed.pipelines_nr = listed.wires_nr = 0;
	out = fmemopen(a, sizeof(a), "w");
	fos_config_dump(&cfg, out);
	fclose(out);
	out = fmemopen(b, sizeof(b), "w");
	fos_config_dump(&listed, out);
	fclose(out);
	is_str(b, a, "config/flowos.yaml lists the defaults");
	listed.wires_nr = wires;
	listed.pipelines_nr = pipelines;
	fos_config_free(&listed);
	fos_config_free(&cfg);
}

static void check_pms_of(const struct fos_config *c, const char *label)
{
	const struct fos_config_pm *nat = &c->pms[0], *replace = &c->pms[2], *last = &c->pms[3];
	const struct fos_config_option *find = &replace->options[0];

	is_u64(c->pms_nr, 5, "%s: five PMs", label);
	ok(nat->on_failure == FOS_CONFIG_FAILURE_BLOCK && nat->options_nr == 2 &&
	   !nat->options[0].is_list && nat->pipeline == 0 && nat->stage == 0, "%s: nat", label);
	is_str(nat->options[1].values[0], "1024-65535", "%s: nat's ports", label);
	ok(c->pms[1].spare && c->pms[1].direction == FOS_CONFIG_DIRECTION_FORWARD &&
	   c->pms[1].hold_bytes == 1 && c->pms[1].hold_time_ms == 1 && c->pms[1].stage == 1,
	   "%s: digest", label);
	ok(replace->hold_bytes == 1 << 20 && replace->hold_time_ms == 60000 &&
	   replace->on_failure == FOS_CONFIG_FAILURE_BYPASS && replace->options_nr == 3,
	   "%s: replace", label);
	is_u64(find->values_nr, 5, "%s: replace finds five strings", label);
	is_str(find->values[0], "a\tb", "%s: a tab", label);
	is_str(find->values[1], "\x01\xc2\x85\xe2\x80\xa8\xef\xbb\xbf", "%s: controls", label);
	is_str(find->values[2], "it's \"x\" \\ y", "%s: quotes", label);
	is_str(find->values[3], "", "%s: an empty string", label);
	is_str(find->values[4], "\xc3\xbc\xe2\x82\xac\xf0\x9d\x84\x9e", "%s: UTF-8", label);
	ok(replace->options[1].is_list && replace->options[1].values_nr == 0 &&
	   !replace->options[2].is_list && replace->options[2].values_nr == 1,
	   "%s: an empty list and a scalar", label);
	is_str(last->file, "digest", "%s: the file of digest2", label);
	ok(last->direction == FOS_CONFIG_DIRECTION_REVERSE && last->spare, "%s: digest2", label);
}

static void check_every_field(const struct fos_config *c, const char *label)
{
	const struct fos_config_match *m = &c->pipelines[0].match;
	static const uint8_t ones[6] = { 255, 255, 255, 255, 255, 255 };

	ok(c->when_down == FOS_CONFIG_DOWN_DROP && c->pickup == FOS_CONFIG_PICKUP_PROCESS &&
	   c->wait == FOS_CONFIG_WAIT_SPIN &&
	   c->lanes == 16, "%s: box", label);
	is_str(c->run_dir, "/run/flowos-b", "%s: run_dir", label);
	ok(c->frames == 4 << 20 && c->frame_size == 4096 && c->flows == 256 && c->edits == 1000 &&
	   c->hugepages == FOS_CONFIG_HUGEPAGES_REQUIRE,
	   "%s: memory", label);
	ok(c->interfaces_nr == 2 && c->interfaces[0].mode == FOS_CONFIG_MODE_NATIVE &&
	   c->interfaces[0].queues == 16 && c->interfaces[1].mode == FOS_CONFIG_MODE_GENERIC &&
	   c->interfaces[1].queues == 1, "%s: interfaces", label);
	is_str(c->interfaces[1].nic, "eth0.5", "%s: nic", label);
	ok(c->wires_nr == 1 && c->wires[0].end[0] == 1 && c->wires[0].end[1] == 0, "%s: wire",
	   label);
	ok(c->ooo_per_flow_bytes == 4096 && c->ooo_total_bytes == 16ull << 30 &&
	   c->fragments == 1 && c->half_open == 16 &&
	   c->idle_ms == 168 * 3600000 && c->handshake_ms == 1500 &&
	   c->closing_ms == 3600000, "%s: limits", label);
	ok(c->urgent == FOS_CONFIG_URGENT_TRANSLATE && c->mptcp == FOS_CONFIG_MPTCP_PASS &&
	   c->mss == 1400, "%s: tcp", label);
	ok(c->pipelines_nr == 4 && m->set == (1 << 10) - 1 && m->in_port == 1, "%s: match", label);
	ok(m->eth_src[0] == 2 && m->eth_src[5] == 10 && memcmp(m->eth_dst, ones, 6) == 0 &&
	   m->eth_type == 0x86dd && m->vlan == 4094, "%s: match, Ethernet", label);
	ok(m->src.family == 6 && m->src.bits == 32 && m->dst.bits == 128 && m->dst.addr[15] == 1 &&
	   m->proto == 6 && m->sport.low == 1 && m->sport.high == 65535 && m->dport.low == 443 &&
	   m->dport.high == 443, "%s: match, IP", label);
	ok(c->pipelines[0].stages_nr == 3 && !c->pipelines[0].stages[0].parallel &&
	   c->pipelines[0].stages[1].parallel && c->pipelines[0].stages[1].pms_nr == 2 &&
	   c->pipelines[0].stages[2].parallel && c->pipelines[0].stages[2].pms_nr == 1,
	   "%s: stages", label);
	ok(c->pipelines[1].key == FOS_CONFIG_KEY_SRC && c->pipelines[2].key ==
	   FOS_CONFIG_KEY_IN_PORT && c->pipelines[3].key == FOS_CONFIG_KEY_ALL &&
	   c->pipelines[3].stages_nr == 0, "%s: keys", label);
	is_str(c->pipelines[2].match.filter, "ip6 proto 58 or udp port 53", "%s: filter", label);
	ok(c->pipelines[3].match.filter == NULL && c->pipelines[3].match.set == 0,
	   "%s: no match is everything", label);
	check_pms_of(c, label);
}

static void test_every_field(void)
{
	static char dump[TEXT_MAX];
	struct fos_config cfg, again;
	FILE *out;

	fos_config_init(&cfg, stderr);
	fos_config_init(&again, stderr);
	ok(fos_config_load(&cfg, "tests/config/good/every_field.yaml") == 0 &&
	   fos_config_check(&cfg) == 0, "every_field.yaml loads");
	check_every_field(&cfg, "loaded");
	ok(cfg.pms[1].where.line == 17 && cfg.pms[1].where.column == 19 &&
	   cfg.interfaces[1].nic_where.line == 6, "elements know where they stand");
	ok(fos_config_find_pm(&cfg, "digest2") == 3 && fos_config_find_pm(&cfg, "nobody") == -1 &&
	   fos_config_find_interface(&cfg, "wan") == 1, "names are found");
	out = fmemopen(dump, sizeof(dump), "w");
	fos_config_dump(&cfg, out);
	fclose(out);
	ok(fos_config_load_memory(&again, "dump", dump, strlen(dump)) == 0 &&
	   fos_config_check(&again) == 0, "its dump loads");
	check_every_field(&again, "dumped");
	fos_config_free(&cfg);
	fos_config_free(&again);
	fos_config_free(&again);
	ok(again.pms_nr == 0 && again.text == NULL, "free may be called twice");
}

static void test_inputs(void)
{
	static char big[FOS_CONFIG_FILE_BYTES_MAX + 1];
	struct fos_config cfg;

	memset(big, '#', sizeof(big));
	memcpy(big, "version: 1\n", 11);
	ok(load(&cfg, big, sizeof(big)) == -EINVAL, "a file over the limit is refused");
	is_str(report_text, "test.yaml: error: the file is larger than 1024 KiB: this is no "
	       "configuration\n", "and the message says so");
	fos_config_free(&cfg);
	ok(load(&cfg, big, sizeof(big) - 1) == 0, "a file of exactly the limit is taken");
	fos_config_free(&cfg);
	memset(big, '\n', sizeof(big));
	for (size_t i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "- a", 3);
	ok(load(&cfg, big, sizeof(big) - 1) == -EINVAL, "a megabyte of junk is refused");
	fos_config_free(&cfg);
	for (size_t i = 0; i + 2 < sizeof(big); i += 2)
		memcpy(big + i, "-\n", 2);
	ok(load(&cfg, big, sizeof(big) - 1) == -EINVAL &&
	   strstr(report_text, "more than 50000 keys and values") != NULL,
	   "half a million values are refused");
	fos_config_free(&cfg);
	ok(load(&cfg, NULL, 0) == -EINVAL, "no bytes at all are refused");
	fos_config_free(&cfg);
}

/* Inputs that no text file in the repository should contain. */
static void test_odd_bytes(void)
{
	static const char nul[] = "version: 1\nbox:\n  lanes: \0\0\n";
	static const char utf16[] = "\xff\xfev\0e\0r\0";
	static const char crlf[] = "version: 1\r\nbox:\r\n  lanes: 2\r\n  pickup: x\r\n";
	struct fos_config cfg;

	ok(load(&cfg, nul, sizeof(nul) - 1) == -EINVAL, "NUL bytes are refused");
	is_str(report_text, "test.yaml:3:10: error: character U+0000 cannot stand in a "
	       "configuration file: it looks like a binary file\n"
	       "     3 |   lanes: ..\n       |          ^\n", "with the first one's place");
	fos_config_free(&cfg);
	ok(load(&cfg, utf16, sizeof(utf16) - 1) == -EINVAL, "UTF-16 is refused");
	is_str(report_text, "test.yaml: error: the file is UTF-16: a configuration is UTF-8 text "
	       "(iconv -f UTF-16 -t UTF-8 converts it)\n", "with the command that mends it");
	fos_config_free(&cfg);
	ok(load(&cfg, crlf, sizeof(crlf) - 1) == -EINVAL, "lines may end in CR LF");
	is_str(report_text, "test.yaml:4:11: error: pickup: 'x' is not one of pass, process\n"
	       "     4 |   pickup: x\n       |           ^\n", "and are counted right");
	fos_config_free(&cfg);
}

/* libcyaml never gets to see such a file in a load; what it would say must not leak raw. */
static void test_libcyaml_refusal(void)
{
	FILE *report = fmemopen(report_text, sizeof(report_text), "w");
	struct fos_raw *raw = NULL;
	struct fos_config cfg;

	fos_config_init(&cfg, report);
	cfg.file = strdup("test.yaml");
	cfg.text = strdup("version: 1\nbox:\n  when_down: maybe\n");
	cfg.text_len = strlen(cfg.text);
	ok(fos_schema_load(&cfg, &raw) == -EINVAL, "libcyaml refuses by the same schema");
	fos_schema_free(raw);
	fos_config_free(&cfg);
	fclose(report);
	is_str(report_text, "test.yaml:3:14: error: Invalid value: Invalid ENUM value: maybe\n"
	       "     3 |   when_down: maybe\n       |              ^\n",
	       "and its log becomes one message with a place");
}

static void path_gives(const char *path, const char *want)
{
	FILE *report = fmemopen(report_text, sizeof(report_text), "w");
	struct fos_config cfg;

	fos_config_init(&cfg, report);
	ok(fos_config_load(&cfg, path) == -EINVAL, "%s is refused", path);
	fos_config_free(&cfg);
	fclose(report);
	is_str(report_text, want, "with one clear line");
}

static void test_reporting(void)
{
	struct fos_config cfg;
	FILE *report;

	path_gives("/nonexistent.yaml",
		   "/nonexistent.yaml: error: cannot open: No such file or directory\n");
	path_gives("/", "/: error: cannot read: Is a directory\n");
	ok(load(&cfg, "version: 1\nbox:\n  lanes: 2\n", 27) == 0, "a small file loads");
	memset(report_text, 0, sizeof(report_text));
	report = fmemopen(report_text, sizeof(report_text), "w");
	cfg.report = report;
	fos_config_error(&cfg, cfg.lanes_where, "%d lanes, but %s", cfg.lanes, "one core");
	fos_config_warn(&cfg, (struct fos_where){ 0, 0 }, "no place");
	fos_config_error(&cfg, (struct fos_where){ 99, 1 }, "no such line");
	fclose(report);
	is_str(report_text,
	       "test.yaml:3:10: error: 2 lanes, but one core\n"
	       "     3 |   lanes: 2\n"
	       "       |          ^\n"
	       "test.yaml: warning: no place\n"
	       "test.yaml:99:1: error: no such line\n", "later code reports in the same form");
	ok(cfg.errors == 2 && cfg.warnings == 1, "and is counted");
	fos_config_free(&cfg);
}

int main(void)
{
	tap_plan(0);
	test_sizes();
	test_durations();
	test_numbers_and_ports();
	test_addresses();
	test_printers();
	test_suggestions();
	test_inputs();
	test_odd_bytes();
	test_libcyaml_refusal();
	if (access("tests/config/good", R_OK) != 0)
		ok(false, "this test runs from the top of the source tree");
	test_defaults();
	test_every_field();
	test_reporting();
	return done();
}
