/* shm/models/doorbell.pml - doorbell and sleep: belongs to shm/atomic.h (fos_fence_seq), shm/ring.h
 * and shm/proc_run.c (ring_bells, sleep_once)
 *
 * Each side has a store buffer: a store becomes visible some time later, at a full fence at the
 * latest; what was executed before a death becomes visible too.  Entries that nobody looks at again
 * are a sleep without end here (the program's sleep ends after 10 ms all the same), which the checker
 * reports as an invalid end state.  A producer that dies between its tail and the bell is made good
 * by the keeper, which rings for the neighbours of the dead (wake_neighbours in keeper_lease.c).
 * Faults that must be found: NO_PRODUCER_FENCE, NO_CONSUMER_FENCE, LOOK_FIRST, BELL_FIRST,
 * NO_NEIGHBOURS.
 */
#define N 3
#define TAIL 0
#define SLEEPING 1

byte producer_deaths = 2, consumer_deaths = 2;
byte mem[2];                          /* what everybody sees */
chan pbuf = [2] of { byte, byte };    /* store buffers: word, value */
chan cbuf = [2] of { byte, byte };
bool bell;                            /* eventfd */
bool woken;                           /* the keeper is to ring for the neighbours */

active proctype producer_cpu()
{
	byte w, v;
end:	do
	:: atomic { pbuf ? w, v -> mem[w] = v; w = 0; v = 0 }
	od
}

active proctype consumer_cpu()
{
	byte w, v;
end:	do
	:: atomic { cbuf ? w, v -> mem[w] = v; w = 0; v = 0 }
	od
}

active proctype keeper()
{
end:	do
	:: atomic { woken -> woken = false; bell = true }
	od
}

#define PSTEP(...) \
	atomic { if :: skip :: producer_deaths > 0 -> producer_deaths--; goto attach fi; __VA_ARGS__ }
#define CSTEP(...) \
	atomic { if :: skip :: consumer_deaths > 0 -> consumer_deaths--; goto attach fi; __VA_ARGS__ }

active proctype producer()
{
	byte next;
	bool asleep, first = true;
attach:
	/* the dead one's stores are all there before anyone is told of its death */
	atomic {
		empty(pbuf) -> next = mem[TAIL]; asleep = false;
#ifndef NO_NEIGHBOURS
		woken = woken || !first;
#endif
		first = false
	}
	do
	:: next < N ->
#ifdef BELL_FIRST
		PSTEP(asleep = mem[SLEEPING]);
#endif
		PSTEP(nfull(pbuf) -> pbuf ! TAIL, next + 1);
		atomic { next++ };
#ifndef NO_PRODUCER_FENCE
		PSTEP(empty(pbuf));
#endif
#ifndef BELL_FIRST
		PSTEP(asleep = mem[SLEEPING]);
#endif
		if
		:: asleep -> PSTEP(bell = true)
		:: else
		fi
	:: else -> break
	od
}

active proctype consumer()
{
	byte next, seen;
attach:
	atomic { empty(cbuf) -> seen = 0 };
	CSTEP(nfull(cbuf) -> cbuf ! SLEEPING, 0);
	do
	:: next < N ->
		CSTEP(seen = mem[TAIL]);
		if
		:: seen != next -> atomic { next = seen } /* in the region: outlives a death */
		:: else ->
#ifdef LOOK_FIRST
			CSTEP(seen = mem[TAIL]);
			CSTEP(nfull(cbuf) -> cbuf ! SLEEPING, 1);
			CSTEP(empty(cbuf));
#else
			CSTEP(nfull(cbuf) -> cbuf ! SLEEPING, 1);
#ifndef NO_CONSUMER_FENCE
			CSTEP(empty(cbuf));
#endif
			CSTEP(seen = mem[TAIL]);
#endif
			if
			:: seen == next ->
				if
				:: atomic { bell -> bell = false }
				:: atomic { consumer_deaths > 0 -> consumer_deaths-- }; goto attach
				fi
			:: else
			fi;
			CSTEP(nfull(cbuf) -> cbuf ! SLEEPING, 0)
		fi
	:: else -> break
	od
}
