/* Segments that a host ignores, urgent data and fragments, case by case: what one end would take and
 * another would not reaches neither the module nor the host. */
#include "tests/unit/tcp_cases.h"

static const struct tcp_case INSERTION[] = {
	/* id, options, segments, stream of the module and of the host, what leaves, end */
	ROW("e01", "", "hs 0:EVIL,sum 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e02", "", "hs 0:EVIL/P- 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e03", "", "hs 0:EVIL/- 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e04", "", "hs 0:EVIL,ack+100000 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e05", "", "hs 0:EVIL,ack-1000000 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e06", "t", "hs 0:AAAA 4:EVIL,ts-90000 4:GOOD 8:/F", "AAAAGOOD", "0:AAAA 4:GOOD 8:/F",
	    HOST_EOF),
	ROW("e07", "t", "hs 0:AAAA 4:EVIL,nots 4:GOOD 8:/F", "AAAAEVIL", NULL, HOST_EOF),
	ROW("e08", "", "hs 0:EVIL,md5 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e09", "", "hs 0:EVIL,doff=4 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e10", "", "hs 0:EVIL,doff=15 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e11", "", "hs 0:AAAA 20000000:EVIL 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F",
	    HOST_EOF),
	ROW("e12", "", "hs 0:EVIL,ipsum 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e13", "", "hs 0:EVIL,lsrr 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e14", "", "hs 0:GOOD,pad=8 4:/F,pad=7", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e15", "", "hs 0:EVIL,len+56 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e16", "", "hs 0:GOOD,rsv=7 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e17", "", "hs 0:EVIL/FPU-,urg=1 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e18", "", "hs 0:GOOD,opt=08000101 4:MORE,opt=05280101 8:/F", "GOODMORE",
	    "0:GOOD 4:MORE 8:/F", HOST_EOF),
	ROW("e19", "", "hs 0:EVIL,ttl=1 0:GOOD 4:/F", "EVIL", NULL, HOST_EOF),
	/* hops away the module's bytes arrive by the box's repetition, and none but they */
	ROW("e19b", "lf", "hs 0:EVIL,ttl=1 0:GOOD 4:/F", "EVIL", NULL, HOST_EOF),
	ROW("e19c", "lf6", "hs 0:EVIL,ttl=1 4:,ttl=1 0:GOOD 4:/F,ttl=1 4:/F", "EVIL", NULL, HOST_EOF),
	ROW("e19d", "lfe", "hs 0:A 1:GH,ttl=1 1:GO 3:/F", "AGH", NULL, HOST_EOF),
	ROW("e20", "t", "hs 0:AAAA 4:EVIL,ts-1 4:GOOD 8:/F", "AAAAEVIL", NULL, HOST_EOF),
	ROW("e21", "", "hs 0:AAAA 536870912:EVIL/S 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F",
	    HOST_EOF),
	ROW("e22", "l", "hs srv:SERVER01 0:AAAA 4:BBBB,ack-8 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F",
	    HOST_EOF),
	ROW("e24", "", "hs 0:EVIL,cut=12 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e25", "", "hs 0:EVIL,ihl=4 0:GOOD 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	/* to another host: passes as what it is, part of another flow */
	ROW("e26", "", "hs 0:EVIL,other 0:GOOD 4:/F", "GOOD", "0:EVIL 0:GOOD 4:/F", HOST_EOF),
	/* taken, it would make all that follows look old */
	ROW("e27", "t", "hs 0:AAAA 4:EVIL,ts+2147483647 8:GOOD 12:/F", "AAAA", "0:AAAA", HOST_OPEN),
	ROW("e27b", "t", "hs 0:AAAA 4:EVIL,ts+2147483647 4:,ts+2000000000 4:GOOD 8:/F", "AAAAGOOD",
	    "0:AAAA 4:GOOD 8:/F", HOST_EOF),
	ROW("e28", "", "hs 0:AAAA 4:EVIL/FRPUE,urg=1 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("e29", "", "hs 0:GOOD,opt=1c04ffff 4:/F", "GOOD", "0:GOOD 4:/F", HOST_EOF),
	ROW("e30", "", "hs 0:EVILEVILEVILEVILEVILGOOD,doff=10 4:/F", "", "", HOST_OPEN),
	ROW("e31", "", "hs 0:GOOD,opt=0103030e 4:MORE 8:/F", "GOODMORE", "0:GOOD 4:MORE 8:/F",
	    HOST_EOF),
};

/* The flag and the pointer are cleared: the byte is in the stream of both. */
static const struct tcp_case URGENT[] = {
	ROW("f01", "", "hs 0:ABCD/U,urg=2 4:EFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW("f02", "", "hs 0:ABCD/U,urg=1 4:EFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW("f03", "", "hs 0:ABCD/U,urg=6 4:EFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW("f04", "", "hs 0:ABCD/U,urg=0 4:EFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW("f05", "", "hs 0:ABCX/U,urg=4 4:EFGY/U,urg=4 8:IJKL 12:/F", "ABCXEFGYIJKL",
	    "0:ABCX 4:EFGY 8:IJKL 12:/F", HOST_EOF),
	ROW("f06", "", "hs 0:ABCD,urg=2 4:EFGH 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
	ROW("f07", "", "hs 4:EFGH/U,urg=2 0:ABCD 8:/F", "ABCDEFGH", "0:ABCD 4:EFGH 8:/F", HOST_EOF),
};

#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN

/* Fragments are of the TCP segment: 20 bytes of header, 40 of data. */
static const struct tcp_case FRAGMENT[] = {
	ROW("g01", "", "hs 0:" FORTY ",frag=0-24.24-48.48- 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g02", "", "hs 0:" FORTY ",frag=48-.24-48.0-24 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g03", "", "hs 0:" FORTY ",frag=0-8.8-16.16-24.24- 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g04", "", "hs 0:" FORTY ",frag=0-32.24-48e.48- 0:" FORTY " 40:/F", FORTY, NULL,
	    HOST_EOF),
	ROW("g05", "", "hs 0:" FORTY ",frag=0-24.24-48.24-48.0-24.48- 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g06", "", "hs 0:" FORTY ",frag=0-24.24-48e 0:" FORTY " 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g07", "", "hs 40:TAIL 0:" FORTY ",frag=32-.0-32 44:/F", FORTY "TAIL", NULL, HOST_EOF),
	ROW("g08", "", "hs 0:" FORTY ",frag=0-24.24-48.24-48e.48- 40:/F 0:" FORTY, FORTY, NULL,
	    HOST_EOF),
	ROW("g09", "6", "hs 0:" FORTY ",frag=48-.0-24.24-48 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g10", "6", "hs 0:" FORTY ",frag=0- 40:/F", FORTY, NULL, HOST_EOF),
	/* part of an atomic fragment begins a segment that other packets' bytes complete */
	ROW("g10b", "6", "hs 2:B*7 14:E*8 3:F*7,frag=0- 10:I*7 0:.. 22:/F",
	    "..BBBBBBBFIIIIEEEEEEEE", NULL, HOST_EOF),
	ROW("g11", "6", "hs 0:" FORTY ",frag=0-32.24-48.48- 0:" FORTY " 40:/F", FORTY, NULL,
	    HOST_EOF),
	ROW("g12", "6", "hs 4:BBBB,ext 0:AAAA,ext 8:/F", "AAAABBBB", NULL, HOST_EOF),
	ROW("g13", "6", "hs 4:BBBB 4:BBBB 0:AAAA 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("g15", "6", "hs 0:x*40,frag=0-8.8-24.24- 0:" FORTY " 40:/F", FORTY, NULL, HOST_EOF),
	ROW("g16", "", "hs 0:x*1400,frag=0-24.1400- 0:GOOD 4:/F", "GOOD", NULL, HOST_EOF),
	ROW("g17", "",
	    "hs 40:" FORTY ",frag=32-,id=22 0:" FORTY ",frag=0-32,id=21 40:" FORTY
	    ",frag=0-32,id=22 0:" FORTY ",frag=32-,id=21 80:/F",
	    FORTY FORTY, NULL, HOST_EOF),
};

/* e23: bytes right of a closed window, then others in their place: the first ones are kept, and reach
 * the host when there is room. */
static void window_edge(void)
{
	static char script[4096], stream[70000];
	struct tcp_case t = {.id = "e23", .opts = "l", .script = script, .stream = stream,
			     .end = HOST_EOF};
	size_t n = (size_t)sprintf(script, "hs 0:q hold");
	uint32_t pos = 1;

	for (uint32_t i = 0; i < 65; i++, pos += 1000)
		n += (size_t)sprintf(script + n, " %u:x*1000", pos);
	n += (size_t)sprintf(script + n, " 65635:EVIL read");
	for (; pos < 65635; pos += 634)
		n += (size_t)sprintf(script + n, " %u:y*634", pos);
	sprintf(script + n, " 65635:GOOD 65639:/F");
	stream[0] = 'q';
	memset(stream + 1, 'x', 65000);
	memset(stream + 65001, 'y', 634);
	memcpy(stream + 65635, "EVIL", 5);
	tcp_cases(&t, 1);
}

int main(void)
{
	tap_plan(0);
	window_edge();
	TCP_CASES(INSERTION);
	TCP_CASES(URGENT);
	TCP_CASES(FRAGMENT);
	return done();
}
