/* Handshake, RST and FIN, case by case: what starts, ends or aborts a connection does so for the module
 * and for the host alike, or not at all. */
#include "tests/unit/tcp_cases.h"

static const struct tcp_case HANDSHAKE[] = {
	/* id, options, segments, stream of the module and of the host, what leaves, end */
	ROW("c01", "", "-1:ZZZZ/S-,opt=020405b4 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c02", "", "syn 0:AAAA 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("c03", "", "syn 4:BBBB 0:AAAA 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("c04", "", "syn 0:EVIL,ack+1000 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c05", "", "syn syn 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c06", "", "syn syn,seq+100000 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c07", "", "hs 0:AAAA syn,seq+500000 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F",
	    HOST_EOF),
	ROW("c08", "", "hs 0:AAAA 4:EVIL/S 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("c09", "", "-1:/SF-,opt=020405b4", "", "", HOST_OPEN),
	ROW("c10", "", "-1:/SR-,opt=020405b4", "", "", HOST_OPEN),
	/* a connection whose start was not seen is passed on untouched: pickup is by configuration */
	ROW("c11", "", "0:AAAA 4:BBBB", "", "0:AAAA 4:BBBB", HOST_OPEN),
	ROW("c12", "", "syn 0:EVIL/P- 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c12b", "t", "syn -1:Z 0:AAAA 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("c13", "", "syn 5000:/R- 0: 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c14", "", "syn 0:/R- 0: 0:AAAA", "", "0:/R", HOST_OPEN),
	ROW("c15", "", "hs 0:AAAA 4:/R- new hs 0:BBBB 4:/F", "AAAA|BBBB", NULL, HOST_EOF),
	ROW("c16", "", "-1:/SEC-,opt=020405b4 0: 0:AAAA/P 4:BBBB/C 8:/F", "AAAABBBB",
	    "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("c17", "", "syn,seq+77777,sum hs 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c18", "", "-1:/S,opt=020405b4 hs 0:AAAA 4:/F", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("c19", "l", "hs 0:AAAA srvfin 4:/F new hs 0:BBBB 4:/F", "AAAA|BBBB", NULL, HOST_EOF),
};

static const struct tcp_case TEARDOWN[] = {
	ROW("d01", "", "hs 0:AAAA 4:/R- 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d02", "", "hs 0:AAAA 104:/R- 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d03", "", "hs 0:AAAA 1073741824:/R- 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F",
	    HOST_EOF),
	ROW("d04", "", "hs 0:AAAA 4:/R-,sum 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d05", "", "hs 0:AAAA 2:/R- 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d06", "", "hs 0:AAAA 4:/R,ack+777777 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d07", "", "hs 0:AAAA 4:EVIL/R 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d08", "", "hs 0:AAAA 8:CCCC 12:/R- 4:BBBB 12:/F", "AAAABBBBCCCC",
	    "0:AAAA 4:BBBB 8:CCCC 12:/F", HOST_EOF),
	ROW("d09", "", "hs 0:AAAA 4:/F- 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d10", "", "hs 0:AAAA 4:/F 5:EVIL", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("d11", "", "hs 0:AAAA 104:/F 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d12", "", "hs 0:AAAA 4:/F,sum 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d13", "", "hs 0:AAAA 2:/F 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d14", "", "hs 0:AAAA/F 0:AAAAEVIL/F", "AAAA", "0:AAAA/F", HOST_EOF),
	ROW("d15", "", "hs 0:AAAA 4:/R-,ttl=1 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d15b", "lf", "hs 0:AAAA 4:/R-,ttl=1 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d15c", "lf6", "hs 0:AAAA 4:,ttl=1 4:/R,ttl=1 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d16", "", "hs 0:AAAA 4:/F srv:server 5:", "AAAA", "0:AAAA 4:/F", HOST_EOF),
	ROW("d17", "", "hs 0:AAAA 4:/F 5:/R-", "AAAA", "0:AAAA 4:/F 5:/R", HOST_EOF),
	ROW("d18", "", "hs 0:AAAA 5:/R 1464:/R 4384:/R 4:BBBB 8:/F", "AAAABBBB",
	    "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d19", "", "hs 0:AAAA 8:CCCC 4:/R- 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
	ROW("d20", "", "hs 0:AAAA 4:/R-,md5 4:BBBB 8:/F", "AAAABBBB", "0:AAAA 4:BBBB 8:/F", HOST_EOF),
	ROW("d21", "t", "hs 0:AAAA 4:/R-,opt=0101080a0000000500000000 4:BBBB", "AAAA",
	    "0:AAAA 4:/R", HOST_RESET),
	ROW("d22", "", "hs 0:AAAA 4:/R-,ack+1094795585 4:BBBB", "AAAA", "0:AAAA 4:/R", HOST_RESET),
};

int main(void)
{
	tap_plan(0);
	TCP_CASES(HANDSHAKE);
	TCP_CASES(TEARDOWN);
	return done();
}
