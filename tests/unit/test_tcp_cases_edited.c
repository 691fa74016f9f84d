/* Cases in which the module edits (tests/sim/keep.h: G is taken out, H becomes <h>, an i is put before each
 * I): what must arrive is what it saw, edited; the stream column is what it saw. */
#include "tests/unit/tcp_cases.h"

static const struct tcp_case WHOLE[] = {
	ROW("taken", "e", "hs 0:AGB 3:/F", "AGB", "0:AB 2:/F", HOST_EOF),
	ROW("grown", "e", "hs 0:AHIB 4:/F", "AHIB", "0:A<h>iIB 7:/F", HOST_EOF),
	/* all of it is taken out: an empty connection, which is one */
	ROW("empty", "e", "hs 0:GG/F", "GG", "0:/F", HOST_EOF),
	ROW("empty, by SYN alone", "e", "syn 0:G/F", "G", "0:/F", HOST_EOF),
	ROW("empty, then another", "e", "hs 0:G 1:/R- new hs 0:AB 2:/F", "G|AB", NULL, HOST_EOF),
	/* the handshake's third packet is the one that is edited: what is made of it acknowledges */
	ROW("first is made", "te", "syn 0:H 1:A 2:/F", "HA", "0:<h> 3:A 4:/F", HOST_EOF),
	ROW("behind a whole one", "te", "syn 0:AB 2:H 3:I 4:/F", "ABHI", NULL, HOST_EOF),
	ROW("with its FIN", "e", "syn 0:H/F", "H", "0:<h>/F", HOST_EOF),
	ROW("out of order", "te", "syn 3:HC 1:GH 0:A 5:/F", "AGHHC", NULL, HOST_EOF),
	ROW("several versions", "te", "syn 1:BB 12:CCCC 8:DD 3:EEEE 7:HHHHH 13:JJJ 9:K 0:L 16:/F",
	    "LBBEEEEHDDHHCCCC", NULL, HOST_EOF),
};

int main(void)
{
	tap_plan(0);
	TCP_CASES(WHOLE);
	return done();
}
