/* shm/models/lease.pml - who may write a region: belongs to shm/keeper.h, shm/grant.h and
 * shm/proc_run.h (fos_proc_spare)
 *
 * Processes offer themselves for one slot and wait as warm spares.  Any of them, and the keeper, may
 * die before every step; a dying one's connection is closed while its last instructions still run;
 * the pid of a dead one may be given to a stranger who lives on.  There are never two writers, and no
 * spare waits for ever for a slot that nobody has (an invalid end state).
 * Faults that must be found: SEND_FIRST, CLOSED_IS_DEAD, NO_RECHECK, NO_START_TIME, LOOKS_ONCE.
 */
#define P 3
#define NONE 7

byte keeper_deaths = 1, deaths = 2;

/* the directory's lease: it outlives the keeper */
bool granted;
byte holder = NONE;

/* of each process; its pid and start time are its index, unless a stranger got the pid */
bool closed[P];   /* its connection is */
bool gone[P];     /* certainly dead, as its pidfd or its filter tells */
bool stranger[P]; /* somebody else lives by its pid */
bool warm[P];     /* the keeper knows it as a spare that is ready */
bool told[P];     /* the grant lies in its connection, to be read even when the keeper is dead */
bool writing[P];
bool up;          /* there is a keeper */
byte age;         /* which: a connection is to one of them */

#define SOMEONE (writing[0] || writing[1] || writing[2])
#define p (_pid - 1)

#define KSTEP(...) \
	atomic { if :: skip :: keeper_deaths > 0 -> keeper_deaths--; goto dead fi; __VA_ARGS__ }
#define STEP(...) \
	atomic { if :: skip :: deaths > 0 -> deaths--; goto dying fi; __VA_ARGS__ }

/* fos_keeper_takeover(), fos_keeper_lease(), fos_keeper_send_lease() */
inline takeover()
{
	to = 0;
	do
	:: to < P && !(warm[to] && !gone[to]) -> to++
	:: else -> break
	od;
	if
	:: to < P ->
#ifdef SEND_FIRST
		KSTEP(warm[to] = false; told[to] = true);
		KSTEP(holder = to);
		KSTEP(granted = true; watched = to)
#else
		KSTEP(warm[to] = false; holder = to);
		KSTEP(granted = true; watched = to);
		KSTEP(told[to] = true)
#endif
	:: else
	fi
}

#ifdef CLOSED_IS_DEAD
#define OVER(q) (q != NONE && closed[q])
#else
#define OVER(q) (q != NONE && gone[q])
#endif

active proctype keeper()
{
	byte to, watched = NONE; /* whose pidfd it has */
	goto start;
dead:
	atomic {
		up = false; age++; to = 0; watched = NONE;
		do
		:: to < P -> warm[to] = false; to++
		:: else -> to = 0; break
		od
	}
start:
	/* fos_keeper_recheck_leases(), before it listens */
#ifdef NO_RECHECK
	KSTEP(granted = false);
#else
	KSTEP(
		if
		:: granted && !gone[holder] -> watched = holder
#ifdef NO_START_TIME
		:: granted && gone[holder] && stranger[holder] -> skip
		:: granted && gone[holder] && !stranger[holder] -> granted = false
#else
		:: granted && gone[holder] -> granted = false
#endif
		:: !granted
		fi
	);
#endif
	KSTEP(up = true);
end:	do
	:: granted && OVER(watched) ->
		KSTEP(granted = false; watched = NONE)
#ifdef LOOKS_ONCE
		;
		takeover();
		to = 0
	:: holder == NONE && (warm[0] || warm[1] || warm[2]) ->
#else
	/* at once, when a spare gets ready, or fos_keeper_look_spares() after a while: holders have died
	 * one after the other */
	:: !granted && (warm[0] || warm[1] || warm[2]) ->
#endif
		takeover();
		to = 0
	:: keeper_deaths > 0 -> keeper_deaths--; goto dead
	:: atomic { warm[0] && closed[0] -> warm[0] = false }
	:: atomic { warm[1] && closed[1] -> warm[1] = false }
	:: atomic { warm[2] && closed[2] -> warm[2] = false }
	od
}

active [P] proctype spare()
{
	byte mine;
	STEP(up -> warm[p] = true; mine = age);
wait:
	if
	:: told[p] -> goto write
	:: age != mine && !told[p] -> goto dying /* the keeper is lost: another is started */
	:: SOMEONE -> goto end_parked
	:: deaths > 0 -> deaths--; goto dying
	fi;

end_parked:
	if
	:: !SOMEONE || told[p] || age != mine -> goto wait
	:: deaths > 0 -> deaths--; goto dying
	fi;
write:
	atomic { assert(!SOMEONE); writing[p] = true };
end_write:
	if
	:: deaths > 0 -> deaths--
	fi;
dying:
	if
	:: closed[p] = true
	:: skip /* its end is known before that (shm/death.h) */
	fi;
	atomic { writing[p] = false; gone[p] = true };
	closed[p] = true;
end_gone:
	stranger[p] = true
}
