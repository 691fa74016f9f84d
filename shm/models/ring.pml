/* shm/models/ring.pml - one ring over two regions: belongs to shm/ring.h
 *
 * Both sides die before any step and attach again.  What an entry causes is made visible before the
 * head moves, and a successor that sees the entry again finds that it was done.  Every entry is taken
 * once, in order, whole, and none is written over before it was.
 * Faults that must be found: TAIL_FIRST, HEAD_FIRST, NO_CHECK, ROOM_OVER, HEAD_FORGOTTEN.
 */
#define N 5
#define SIZE 2

byte producer_deaths = 2, consumer_deaths = 2;
byte slot[SIZE], tail, head; /* tail, slots: producer's region; head: consumer's */
byte taken[N]; /* what entry i has caused, in the consumer's region */

#define PSTEP(s) \
	atomic { if :: skip :: producer_deaths > 0 -> producer_deaths--; goto attach fi; s }
#define CSTEP(s) \
	atomic { if :: skip :: consumer_deaths > 0 -> consumer_deaths--; goto attach fi; s }

#ifdef ROOM_OVER
#define ROOM (SIZE + 1)
#else
#define ROOM SIZE
#endif

active proctype producer()
{
	byte next, head_seen;
attach:
	atomic { next = tail; head_seen = head; assert(next - head_seen <= SIZE) }
	do
	:: next < N && next - head_seen < ROOM ->
#ifdef TAIL_FIRST
		PSTEP(tail = next + 1);
		PSTEP(slot[next % SIZE] = next + 1);
		atomic { next++ }
#else
		PSTEP(slot[next % SIZE] = next + 1);
		atomic { next++ };
		/* a batch of one or more */
		if
		:: PSTEP(tail = next)
		:: next < N && next - head_seen < ROOM
		fi
#endif
	:: next < N && next - head_seen >= ROOM ->
		PSTEP(tail = next);
		atomic { head_seen != head -> head_seen = head }
	:: next == N -> PSTEP(tail = next); break
	od
}

active proctype consumer()
{
	byte next, value;
attach:
	atomic {
#ifdef HEAD_FORGOTTEN
		next = tail;
#else
		next = head;
#endif
		value = 0;
		assert(tail - next <= SIZE)
	}
	do
	:: next < N ->
		atomic { tail != next -> assert(tail - next <= SIZE) };
#ifdef HEAD_FIRST
		CSTEP(value = slot[next % SIZE]);
		CSTEP(head = next + 1);
		CSTEP(assert(value == next + 1); taken[next]++);
#else
		CSTEP(value = slot[next % SIZE]);
		/* the slot's contents are used until the head moves */
		CSTEP(assert(value == next + 1 && slot[next % SIZE] == value));
#ifdef NO_CHECK
		CSTEP(taken[next]++);
#else
		CSTEP(if :: taken[next] == 0 -> taken[next]++ :: else fi);
#endif
		CSTEP(head = next + 1);
#endif
		atomic { next++; value = 0 }
	:: else -> break
	od;
	atomic {
		value = 0;
		do
		:: value < N -> assert(taken[value] == 1); value++
		:: else -> break
		od
	}
}
