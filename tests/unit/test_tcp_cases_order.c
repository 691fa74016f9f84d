/* Order, retransmission and overlap, case by case: bytes are delivered in sequence, the first copy
 * of a byte stands for the module and for the host, whatever comes later. */
#include "tests/unit/tcp_cases.h"

static const struct tcp_case ORDER[] = {
	/* id, options, segments, stream of the module and of the host, what leaves, end */
	ROW("a01", "", "hs 0:AAAA 4:BBBB 8:CCCC 12:/F", "AAAABBBBCCCC",
	       "0:AAAA 4:BBBB 8:CCCC 12:/F",
	 HOST_EOF),
	ROW("a02", "", "hs 4:BBBB 0:AAAA 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("a03", "", "hs 28:H*4 24:G*4 20:F*4 16:E*4 12:D*4 8:C*4 4:B*4 0:A*4 32:/F",
	 "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH",
	 "0:AAAA 4:BBBB 8:CCCC 12:DDDD 16:EEEE 20:FFFF 24:GGGG 28:HHHH 32:/F", HOST_EOF),
	ROW("a04", "", "hs 4:B*4 12:D*4 20:F*4 28:H*4 24:G*4 16:E*4 8:C*4 0:A*4 32:/F",
	 "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH",
	 "0:AAAA 4:BBBB 8:CCCC 12:DDDD 16:EEEE 20:FFFF 24:GGGG 28:HHHH 32:/F", HOST_EOF),
	ROW("a05", "", "hs 4:BBBB/F 0:AAAA", "AAAABBBB", "0:AAAA 4:BBBB/F", HOST_EOF),
	ROW("a06", "", "hs 0:AAAA 0:AAAA 0:AAAA 4:BBBB 8:/F", "AAAABBBB",
	       "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("a07", "", "hs 0:AAAA 4:BBBB 0:AAAABBBBCCCC 12:/F", "AAAABBBBCCCC",
	 "0:AAAA 4:BBBB 8:CCCC 12:/F", HOST_EOF),
	ROW_AT(0xfffffff8, "a09", "", "hs 4:BBBB 8:CCCC 0:AAAA 12:/F", "AAAABBBBCCCC",
	       "0:AAAA 4:BBBB 8:CCCC 12:/F", HOST_EOF),
	ROW_AT(0xffffffff, "a10", "", "hs 4:BBBB 0:AAAA 8:/F", "AAAABBBB",
	       "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	/* a probe with a byte: none of it leaves, a probe without one may */
	ROW("a11", "", "hs 0:AAAA 3:Z 4:BBBB 7:Z 8:/F", "AAAABBBB", NULL, HOST_EOF),
	ROW("a12", "", "hs -1:Z 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("a13", "", "hs 0:AAAA 8:CCCC 12:/F", "AAAA", "0:AAAA", HOST_OPEN),
	ROW("a14", "", "hs 0:,wnd=1000 0:AAAA 4:,wnd=65535 4:BBBB 8:/F", "AAAABBBB",
	 "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("a15", "", "hs 0:AAAA 4:BBBB/F 0:AAAABBBB 4:BBBB/F", "AAAABBBB", NULL, HOST_EOF),
	ROW("a16", "", "hs 0:AAAA 0:AAAABBBB/F", "AAAABBBB", "0:AAAA 4:BBBB/F", HOST_EOF),
};

static const struct tcp_case OVERLAP[] = {
	ROW("b01", "", "hs 0:AAAA 0:ZZZZ 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("b02", "", "hs 4:BBBB 4:bbbb 0:AAAA 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("b03", "", "hs 4:BBBB 4:bbbbbb 0:AAAA 10:/F", "AAAABBBBbb", "0:AAAA 4:BBBB 8:bb 10:/F",
	 HOST_EOF),
	ROW("b04", "", "hs 4:BBBBBB 4:bbbb 0:AAAA 10:/F", "AAAABBBBBB", "0:AAAA 4:BBBBBB 10:/F",
	 HOST_EOF),
	ROW("b05", "", "hs 6:BB 4:bbbbbb 0:AAAA 10:/F", "AAAAbbBBbb", NULL, HOST_EOF),
	ROW("b06", "", "hs 6:BBBB 4:bbbb 0:AAAA 10:/F", "AAAAbbBBBB", "0:AAAA 4:bb 6:BBBB 10:/F",
	 HOST_EOF),
	ROW("b07", "", "hs 4:BBBB 6:bbbb 0:AAAA 10:/F", "AAAABBBBbb", "0:AAAA 4:BBBB 8:bb 10:/F",
	 HOST_EOF),
	ROW("b08", "", "hs 4:BBBBBBBB 6:bb 0:AAAA 12:/F", "AAAABBBBBBBB", "0:AAAA 4:BBBBBBBB 12:/F",
	 HOST_EOF),
	ROW("b09", "", "hs 6:BBBB 4:bbbbbb 0:AAAA 10:/F", "AAAAbbBBBB", "0:AAAA 4:bb 6:BBBB 10:/F",
	 HOST_EOF),
	ROW("b10", "", "hs 4:BB 8:DD 4:bbbbbb 0:AAAA 10:/F", "AAAABBbbDD", NULL, HOST_EOF),
	ROW("b11", "", "hs 4:BBBB 0:aaaaaa 8:/F", "aaaaBBBB", "0:aaaa 4:BBBB 8:/F", HOST_EOF),
	ROW("b12", "", "hs 4:BBBB 0:aaaaaaaaaa 10:/F", "aaaaBBBBaa", NULL, HOST_EOF),
	ROW("b13", "", "hs 0:AAAA 2:zzBB 6:/F", "AAAABB", "0:AAAA 4:BB 6:/F", HOST_EOF),
	ROW("b14", "", "hs 4:1111 12:22 18:333333 6:444444 12:555555 22:66 0:AAAA 24:/F",
	 "AAAA1111444422555533""3333", NULL, HOST_EOF),
	ROW("b15", "", "hs 0:GOOD 0:EVIL 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("b16", "", "hs 0:ABCD 0:abcdEFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW_OFF("0:AAAA 4:BBBB 8:/F", "b17", "", "hs 8:/F 4:BBBBBBBB 0:AAAA", "AAAABBBB",
	       "0:AAAA 4:BBBB/F", HOST_EOF),
	ROW("b18", "", "hs 8:CCCC 4:bbbbbbbb 6:zzzz 0:AAAA 12:/F", "AAAAbbbbCCCC",
	 "0:AAAA 4:bbbb 8:CCCC 12:/F", HOST_EOF),
	ROW("b19", "", "hs 4:BB 6:CC 4:xxxx 0:AAAA 8:/F", "AAAABBCC",
	       "0:AAAA 4:BB 6:CC 8:/F", HOST_EOF),
	ROW("b20", "", "hs 6:CC 8:DD 5:xxxx 4:B 0:AAAA 10:/F", "AAAABxCCDD", NULL, HOST_EOF),
	ROW("b21", "", "hs 4:BBBB 6:bbbbbb 10:CCCC 0:AAAA 14:/F", "AAAABBBBbbbbCC", NULL, HOST_EOF),
	ROW("b22", "", "hs 4:BBBBBB 4:bbbb/F 0:AAAA", "AAAABBBBBB", "0:AAAA 4:BBBBBB", HOST_OPEN),
	ROW("g14", "6", "hs 6:BBBB 4:bbbb 0:AAAA 10:/F", "AAAAbbBBBB", "0:AAAA 4:bb 6:BBBB 10:/F",
	 HOST_EOF),
};

/* a08: 24 one-byte segments, the odd ones first */
static void one_byte_segments(void)
{
	static const char text[] = "GET-secret-HTTP10-abcdef";
	char script[512] = "hs";
	struct tcp_case t = {.id = "a08", .opts = "", .stream = text, .end = HOST_EOF};
	size_t n = strlen(script);

	for (uint32_t k = 0; k < 24; k++) {
		uint32_t i = k < 12 ? 2 * k + 1 : 2 * (k - 12);

		n += (size_t)sprintf(script + n, " %u:%c", i, text[i]);
	}
	sprintf(script + n, " 24:/F");
	t.script = script;
	tcp_cases(&t, 1);
}

/* h01: 400 segments shuffled in blocks, some twice; h02: 60 KB in overlapping, shuffled cuts */
static void pressure(bool cuts)
{
	static char script[65536], stream[HOST_STREAM_MAX];
	struct tcp_case t = {.id = cuts ? "h02" : "h01", .opts = "", .script = script,
			     .stream = stream, .end = HOST_EOF};
	uint32_t at[600], len[600], nr = 0, total = cuts ? 60000 : 100000, done_to = 0;
	uint64_t seed = 5;
	size_t n = (size_t)sprintf(script, "hs");

	while (done_to < total) {
		uint32_t back = cuts ? (uint32_t)world_below(&seed, 300) : 0;
		uint32_t to = done_to + (cuts ? 1 + (uint32_t)world_below(&seed, 1100) : 250);

		to = to < total ? to : total;
		at[nr] = back < done_to ? done_to - back : 0;
		len[nr] = to - at[nr];
		nr++;
		done_to = to;
	}
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t block = i / 32 * 32, end = block + 32 < nr ? block + 32 : nr;
		uint32_t k = i + (uint32_t)world_below(&seed, end - i), a = at[k], l = len[k];

		at[k] = at[i];
		len[k] = len[i];
		for (uint32_t twice = 0; twice <= (world_below(&seed, 10) == 0); twice++)
			n += (size_t)sprintf(script + n, " %u:~%u", a, l);
	}
	sprintf(script + n, " %u:/F", total);
	for (uint32_t i = 0; i < total; i++)
		stream[i] = (char)script_byte(i);
	stream[total] = 0;
	tcp_cases(&t, 1);
}

int main(void)
{
	tap_plan(0);
	TCP_CASES(ORDER);
	TCP_CASES(OVERLAP);
	one_byte_segments();
	pressure(false);
	pressure(true);
	return done();
}
