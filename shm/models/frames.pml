/* shm/models/frames.pml - handing frames over, and the sweep: belongs to shm/layout.h (claims),
 * ingress/ingress.h and deploy/audit/audit.h
 *
 * Frames go from ingress to the kernel and back, over a ring to the classifier, by ring or as a piece
 * that egress takes for itself to egress, and home.  Ingress has no log: its claims and the order of
 * its steps say what its successor finds.  The classifier's claim of a frame that it takes is a plain
 * store as well; the rest of its batch, and all of egress's, is a transaction (txn.pml), so one step.
 * At every moment each frame has one owner by the rule in shm/README.md and nobody beside it (what
 * `flowosctl audit` looks for); ingress, at rest, has on its stack what it holds and nothing else.
 * Faults that must be found: CLAIM_LATE, CLEAR_FIRST, HEAD_FIRST, NO_LOOK, LOOK_TOO_FAR, LEND_BLIND,
 * HOME_OLD, RECLAIM_BLIND, NO_REPUBLISH, GIVE_IN_TWO.
 */
#define F 2
#define SIZE 2 /* slots of each ring; ingress's batch, one frame, is half of it */
#define N 3    /* packets */
#define AWAY 0
#define HELD 1
#define KERNEL 2
#define LENDING 3

byte ingress_deaths = 1, classifier_deaths = 1, packets;

/* ingress's region */
byte ist[F] = HELD, igen[F] = 1, lend_from;
byte ic_frame[SIZE], ic_gen[SIZE], ic_tail, ei_head;
/* the kernel */
byte fill_made;
bool in_fill[F], in_rx[F];
/* the classifier's region */
byte cgen[F], piece[F];
byte ce_frame[SIZE], ce_gen[SIZE], ce_tail, ic_head;
/* egress's region */
byte egen[F];
bool taken[F];
byte ei_frame[SIZE], ei_gen[SIZE], ei_tail, ce_head;

#define LIVE(h, t, i) (t - h == SIZE || (t - h == 1 && h % SIZE == i))
#define AT(fr, h, t, i, f) (LIVE(h, t, i) && fr[i] == f)
#define SLOTS(fr, h, t, f) (AT(fr, h, t, 0, f) + AT(fr, h, t, 1, f))
#define IN_IC(f) SLOTS(ic_frame, ic_head, ic_tail, f)
#define IN_CE(f) SLOTS(ce_frame, ce_head, ce_tail, f)
#define IN_EI(f) SLOTS(ei_frame, ei_head, ei_tail, f)
#define GEN(fr, g, h, t, f) (AT(fr, h, t, 0, f) -> g[0] : g[1])
#define RINGS(f) (IN_IC(f) + IN_CE(f) + IN_EI(f))
#define CLAIM(f) (ist[f] != AWAY -> igen[f] : 0)

#define NEWEST(f) \
	((CLAIM(f) > cgen[f] && CLAIM(f) > egen[f]) || \
	 (cgen[f] > CLAIM(f) && cgen[f] > egen[f]) || (egen[f] > CLAIM(f) && egen[f] > cgen[f]))
#define NO_OTHER(f) \
	((!IN_IC(f) || egen[f] < GEN(ic_frame, ic_gen, ic_head, ic_tail, f)) && \
	 (!IN_CE(f) || CLAIM(f) < GEN(ce_frame, ce_gen, ce_head, ce_tail, f)) && \
	 (!IN_EI(f) || cgen[f] < GEN(ei_frame, ei_gen, ei_head, ei_tail, f)))
#define OWNED(f) ((RINGS(f) == 0 && NEWEST(f)) || (RINGS(f) == 1 && NO_OTHER(f)))
#define AT_REST(f) \
	(on_stack[f] == (ist[f] == HELD) && !(on_stack[f] && RINGS(f)) && ist[f] != LENDING && \
	 (in_fill[f] || in_rx[f]) == (ist[f] == KERNEL) && !(in_fill[f] && in_rx[f]))

active proctype audit()
{
end:	atomic { !(OWNED(0) && OWNED(1)) -> assert(false) }
}

active proctype kernel()
{
end:	do
	:: atomic { in_fill[0] -> assert(!in_rx[0]); in_fill[0] = false; in_rx[0] = true }
	:: atomic { in_fill[1] -> assert(!in_rx[1]); in_fill[1] = false; in_rx[1] = true }
	od
}

#define ISTEP(...) \
	atomic { if :: skip :: ingress_deaths > 0 -> ingress_deaths--; goto attach fi; __VA_ARGS__ }

/* was_passed(): in a slot that was published.  A slot that was being filled when ingress died is that
 * of the oldest one, so it looks half a ring back. */
#define PUB(i) \
	(ic_tail > i && ic_frame[(ic_tail - 1 - i) % SIZE] == f && \
	 ic_gen[(ic_tail - 1 - i) % SIZE] == igen[f])
#ifdef LOOK_TOO_FAR
#define PASSED (PUB(0) || PUB(1))
#else
#define PASSED PUB(0)
#endif

inline sweep()
{
	f = 0;
	do
	:: f < F && ist[f] == LENDING ->
		ISTEP(ist[f] = (fill_made == lend_from -> HELD : KERNEL))
	:: f < F && ist[f] == HELD ->
#ifdef NO_LOOK
		ISTEP(on_stack[f] = true; f++)
#else
		if
		:: PASSED -> ISTEP(ist[f] = AWAY; f++)
		:: else -> ISTEP(on_stack[f] = true; f++)
		fi
#endif
	:: f < F && ist[f] != LENDING && ist[f] != HELD -> f++
	:: f == F -> break
	od;
	/* fos_ingress_live_resume() */
	f = 0;
	do
	:: f < F && in_rx[f] && ist[f] != KERNEL -> ISTEP(in_rx[f] = false; f++)
	:: f < F && !(in_rx[f] && ist[f] != KERNEL) -> f++
	:: f == F -> f = 0; break
	od
}

inline collect()
{
	f = ei_frame[ei_head % SIZE];
#ifdef HEAD_FIRST
	g = ei_gen[ei_head % SIZE];
	ISTEP(ei_head++);
	ISTEP(ist[f] = HELD; igen[f] = g; on_stack[f] = true);
#else
	if
	:: ist[f] == AWAY ->
#ifdef HOME_OLD
		ISTEP(ist[f] = HELD; on_stack[f] = true)
#else
		ISTEP(ist[f] = HELD; igen[f] = ei_gen[ei_head % SIZE]; on_stack[f] = true)
#endif
	:: else
	fi;
	ISTEP(ei_head++);
#endif
	f = 0; g = 0
}

inline lend()
{
	ISTEP(lend_from = fill_made);
#ifdef LEND_BLIND
	ISTEP(ist[f] = KERNEL; on_stack[f] = false);
#else
	ISTEP(ist[f] = LENDING; on_stack[f] = false);
#endif
	ISTEP(fill_made++; in_fill[f] = true);
	ISTEP(ist[f] = KERNEL);
	f = 0
}

inline pass()
{
	ISTEP(igen[f]++; ist[f] = HELD);
	ISTEP(ic_frame[ic_tail % SIZE] = f);
	ISTEP(ic_gen[ic_tail % SIZE] = igen[f]);
#ifdef CLEAR_FIRST
	ISTEP(ist[f] = AWAY);
	ISTEP(ic_tail++);
#else
	ISTEP(ic_tail++);
	ISTEP(ist[f] = AWAY);
#endif
	ISTEP(in_rx[f] = false);
	f = 0
}

active proctype ingress()
{
	byte f, g;
	bool on_stack[F];
attach:
	atomic { f = 0; g = 0; on_stack[0] = false; on_stack[1] = false };
	sweep();
	/* the first pass collects before it lends: what lies in the ring is found to be held already */
	do
	:: ei_head != ei_tail -> collect()
	:: else -> break
	od;
end:	do
	:: atomic { !(AT_REST(0) && AT_REST(1)) && ei_head == ei_tail -> assert(false) }
	:: atomic { ei_head != ei_tail -> skip }; collect()
	:: atomic { on_stack[0] && ei_head == ei_tail -> f = 0 }; lend()
	:: atomic { on_stack[1] && ei_head == ei_tail -> f = 1 }; lend()
	:: atomic { in_rx[0] && packets < N && ic_tail - ic_head < SIZE -> f = 0; packets++ }; pass()
	:: atomic { in_rx[1] && packets < N && ic_tail - ic_head < SIZE -> f = 1; packets++ }; pass()
	od
}

#define CSTEP(...) \
	atomic { if :: skip :: classifier_deaths > 0 -> classifier_deaths--; goto attach fi; __VA_ARGS__ }

#ifdef RECLAIM_BLIND
#define STILL(f) true
#else
#define STILL(f) (cgen[f] == piece[f])
#endif

active proctype classifier()
{
	byte f, g;
	bool older, ends, reclaimed;
attach:
	atomic { f = 0; g = 0; older = false; ends = false; reclaimed = false };
end:	do
	/* fos_reasm_reclaim() in a batch of its own */
	:: atomic { piece[0] && taken[0] -> if :: STILL(0) -> cgen[0] = 0 :: else fi; piece[0] = 0 }
	:: atomic { piece[1] && taken[1] -> if :: STILL(1) -> cgen[1] = 0 :: else fi; piece[1] = 0 }
	:: atomic {
			ic_head != ic_tail && ce_tail - ce_head < SIZE ->
			f = ic_frame[ic_head % SIZE]; g = ic_gen[ic_head % SIZE] + 1
		};
		/* in the batch that takes the frame again */
		if
		:: atomic { piece[f] && taken[f] -> reclaimed = true; ends = STILL(f) }
		:: skip
		fi;
#ifdef CLAIM_LATE
		CSTEP(ic_head++);
#endif
		CSTEP(older = (cgen[f] != 0); cgen[f] = g);
		/* the commit */
		CSTEP(
			if
			:: reclaimed -> piece[f] = 0
			:: else
			fi;
			if
#ifdef NO_REPUBLISH
			:: ends -> cgen[f] = 0
#else
			:: ends && !older -> cgen[f] = 0
#endif
			:: else
			fi;
			if
			:: ce_frame[ce_tail % SIZE] = f; ce_gen[ce_tail % SIZE] = g; ce_tail++;
				cgen[f] = 0
			:: piece[f] == 0 -> piece[f] = g; taken[f] = false
			fi;
#ifndef CLAIM_LATE
			ic_head++;
#endif
			f = 0; g = 0; older = false; ends = false; reclaimed = false
		)
	od
}

#define GIVE(f) \
	ei_frame[ei_tail % SIZE] = f; ei_gen[ei_tail % SIZE] = g; ei_tail++; g = 0

active proctype egress()
{
	byte g;
end:	do
	:: atomic {
			ce_head != ce_tail -> g = ce_frame[ce_head % SIZE];
			assert(egen[g] == 0);
			egen[g] = ce_gen[ce_head % SIZE] + 1; ce_head++; g = 0
		}
	:: atomic { piece[0] && !taken[0] -> assert(!egen[0]); egen[0] = piece[0] + 1; taken[0] = true }
	:: atomic { piece[1] && !taken[1] -> assert(!egen[1]); egen[1] = piece[1] + 1; taken[1] = true }
#ifdef GIVE_IN_TWO
	:: atomic { egen[0] && ei_tail - ei_head < SIZE -> g = egen[0]; egen[0] = 0 };
		atomic { GIVE(0) }
#else
	:: atomic { egen[0] && ei_tail - ei_head < SIZE -> g = egen[0]; egen[0] = 0; GIVE(0) }
#endif
	:: atomic { egen[1] && ei_tail - ei_head < SIZE -> g = egen[1]; egen[1] = 0; GIVE(1) }
	od
}
