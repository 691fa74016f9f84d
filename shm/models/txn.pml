/* shm/models/txn.pml - commit and replay, as shm/txn.h says: belongs to shm/txn.h and shm/box.h
 *
 * A stage takes input after input.  Its batch changes a private word, fills a new output slot and the
 * shadow slot of its record, and publishes head, tail and version.  It may die before every step, also
 * of the recovery.  Readers see each output once and in order, and both words of a record as of one
 * batch; a successor finds all of a batch or nothing.
 * Faults that must be found: UNDO_LATE, APPLY_EARLY, APPLIED_FIRST, IN_PLACE, SLOT_LATE, NO_REPLAY.
 */
#define N 3
#define HEAD 0
#define TAIL 1
#define VER 2

byte deaths = 3;
/* region: published, private, memory that a published word will reach, log */
byte word[3], private, out[N], recx[2], recy[2];
byte undo_nr, undo_value, redo_nr, redo_word[3], redo_value[3], committed, applied;

#define STEP(s) atomic { if :: skip :: deaths > 0 -> deaths--; goto attach fi; s }

inline queue(w, v)
{
	STEP(redo_word[redo_nr] = w; redo_value[redo_nr] = v; redo_nr++)
}

inline apply()
{
	i = 0;
	do
	:: i < redo_nr -> STEP(word[redo_word[i]] = redo_value[i]; i++)
	:: else -> break
	od
}

inline finish()
{
#ifdef APPLIED_FIRST
	STEP(applied = committed);
	STEP(undo_nr = 0);
	STEP(redo_nr = 0)
#else
	STEP(undo_nr = 0);
	STEP(redo_nr = 0);
	STEP(applied = committed)
#endif
}

active proctype stage()
{
	byte i, k, shadow;
attach:
	atomic { i = 0; k = 0; shadow = 0 }
	if
	:: committed != applied ->
#ifndef NO_REPLAY
		apply()
#endif
	:: else ->
		if
		:: undo_nr -> STEP(private = undo_value)
		:: else
		fi
	fi;
	finish();
	atomic {
		assert(private == word[HEAD] && word[HEAD] == word[TAIL] &&
		       word[TAIL] == word[VER]);
		assert(undo_nr == 0 && redo_nr == 0 && committed == applied)
	}
	do
	:: private < N ->
		atomic {
			k = private + 1;
#ifdef IN_PLACE
			shadow = word[VER] % 2
#else
			shadow = (word[VER] + 1) % 2
#endif
		}
#ifdef UNDO_LATE
		STEP(private = k);
		STEP(undo_value = k - 1);
		STEP(undo_nr = 1);
#else
		STEP(undo_value = private);
		STEP(undo_nr = 1);
		STEP(private = k);
#endif
		STEP(recx[shadow] = k);
		STEP(recy[shadow] = k);
#ifndef SLOT_LATE
		STEP(out[k - 1] = k);
#endif
		queue(HEAD, k);
		queue(TAIL, k);
		queue(VER, k);
#ifdef APPLY_EARLY
		apply();
		STEP(committed = applied + 1);
#else
		STEP(committed = applied + 1);
		apply();
#endif
#ifdef SLOT_LATE
		STEP(out[k - 1] = k);
#endif
		finish()
	:: else -> break
	od;
	assert(private == N && word[TAIL] == N)
}

active proctype consumer()
{
	byte next;
	do
	:: next < N ->
		atomic { word[TAIL] > next -> assert(out[next] == next + 1); next++ }
	:: else -> break
	od
}

active proctype record_reader()
{
	byte ver, x, y, last;
	do
	:: last < N ->
		ver = word[VER];
		x = recx[ver % 2];
		y = recy[ver % 2];
		atomic {
			if
			:: word[VER] == ver ->
				assert(x == y && x == ver && x >= last);
				last = x
			:: else
			fi;
			x = 0; y = 0; ver = 0
		}
	:: else -> break
	od
}
