/* script - edits a stream as a random script says (tests/sim/edits.h), for the simulation
 *
 *   options:
 *     seed: N       the script's, with the ports of the connection
 *     profile: N    enum script_profile; left out = any
 *     stage: N      how this module is called towards the test
 *     leave: N      three flows in four are let go for good, at a place below N or at the end of the edit
 *                   that it lies in
 *
 * What it sees, and what was taken from it because it waited too long, it tells the test program
 * that it is loaded into, if that wants to know.
 */
#include "pmhost/pm.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/edits.h"

struct ctx {
	struct script s;
	uint64_t cur; /* the head that it left behind */
	uint64_t leave; /* from here on it does not read */
	uint32_t stage;
	bool begun, left;
};

extern void sim_pm_saw(uint32_t stage, const struct fos_flow_info *f, uint64_t pos,
		       const uint8_t *data, size_t len) __attribute__((weak));
extern void sim_pm_jumped(uint32_t stage, const struct fos_flow_info *f, uint64_t from,
			  uint64_t to) __attribute__((weak));

extern void sim_pm_ended(uint32_t stage, const struct fos_flow_info *f, uint32_t why)
	__attribute__((weak));

/* Not kept in globals: several instances share this program in the simulation. */
static uint64_t option(struct fos_window *w, const char *key, uint64_t otherwise)
{
	const char *s = fos_option(fos_pm_of(w), key, 0);

	return s ? strtoull(s, NULL, 0) : otherwise;
}

static void show(struct fos_window *w, uint32_t stage)
{
	struct fos_iov v[16];
	uint64_t pos = fos_head(w);
	int n;

	if (!sim_pm_saw)
		return;
	while (pos < fos_tail(w) && (n = fos_iov(w, pos, SIZE_MAX, v, 16)) > 0)
		for (int i = 0; i < n; i++) {
			sim_pm_saw(stage, fos_flow(w), v[i].pos, v[i].data, v[i].len);
			pos = v[i].pos + v[i].len;
		}
}

static int insert(struct fos_window *w, const struct script *s, uint64_t at, uint64_t pos,
		  uint32_t n)
{
	uint8_t bytes[SCRIPT_INS_MAX];

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = script_byte(s, pos, i);
	return n ? fos_insert(w, at, bytes, n) : FOS_OK;
}

static int fill(struct fos_window *w, const struct script *s, uint64_t pos, uint64_t n)
{
	int err = FOS_OK;

	while (n && err == FOS_OK) {
		uint8_t bytes[2048];
		size_t k = n < sizeof(bytes) ? (size_t)n : sizeof(bytes);

		for (size_t i = 0; i < k; i++)
			bytes[i] = script_byte(s, pos + i, 0);
		err = fos_overwrite(w, pos, bytes, k);
		pos += k;
		n -= k;
	}
	return err;
}

static int replace(struct fos_window *w, const struct script *s)
{
	uint8_t bytes[SCRIPT_INS_MAX];

	for (uint32_t i = 0; i < s->ins; i++)
		bytes[i] = script_byte(s, s->pos, i);
	return fos_replace(w, s->pos, s->len, bytes, s->ins);
}

/* One operation, or as much of it as there is up to `limit`.  0 = done up to *pos; 1 = it waits;
 * else an error, with nothing staged that counts. */
static int operate(struct fos_window *w, struct script *s, uint64_t *pos, uint64_t limit)
{
	uint64_t end = s->end < limit ? s->end : limit;
	int err = FOS_OK;

	if ((s->kind == SCRIPT_REPLACE && s->end > limit) ||
	    (s->kind == SCRIPT_HOLD && s->pos + s->len > limit)) {
		if (!fos_fin(w))
			return 1;
		end = s->kind == SCRIPT_REPLACE ? limit : end;
	} else if (s->kind == SCRIPT_REPLACE) {
		err = replace(w, s);
	} else if (s->kind != SCRIPT_HOLD) {
		if (*pos == s->pos)
			err = insert(w, s, *pos, s->pos, s->ins);
		if (err == FOS_OK && s->kind == SCRIPT_DELETE)
			err = fos_delete(w, *pos, end - *pos);
		if (err == FOS_OK && s->kind == SCRIPT_FILL)
			err = fill(w, s, *pos, end - *pos);
	}
	if (err != FOS_OK)
		return err;
	*pos = end;
	if (end == s->end)
		script_next(s);
	return 0;
}

static uint64_t leaves_at(struct fos_window *w, uint64_t key)
{
	uint64_t below = option(w, "leave", 0), r = script_rand(&key);

	return below && r % 4 ? (r >> 8) % below : UINT64_MAX;
}

static struct ctx *open_flow(struct fos_window *w)
{
	const struct fos_flow_info *f = fos_flow(w);
	struct ctx *c = fos_ctx(w);

	if (!c->begun) {
		uint64_t key = script_key(option(w, "seed", 0), f->sport, f->dport);

		script_start(&c->s, key, (uint32_t)option(w, "profile", SCRIPT_PROFILES));
		c->leave = leaves_at(w, key);
		c->stage = (uint32_t)option(w, "stage", 0);
		c->begun = true;
	}
	if (fos_head(w) != c->cur && !c->left) {
		if (sim_pm_jumped)
			sim_pm_jumped(c->stage, f, c->cur, fos_head(w));
		c->cur = fos_head(w);
		while (c->s.pos < c->cur)
			script_next(&c->s);
	}
	return c;
}

static bool commit(struct fos_window *w, struct ctx *c, uint64_t pos)
{
	c->cur = pos;
	return fos_release(w, pos) == FOS_OK;
}

/* Not in the middle of an edit.  The test hears of it before the platform does: it forgets what was
 * not committed when it hears something else. */
static void leave(struct fos_window *w, struct ctx *c, uint64_t pos)
{
	if (sim_pm_jumped)
		sim_pm_jumped(c->stage, fos_flow(w), pos, UINT64_MAX);
	c->left = true;
	fos_bypass(w);
	commit(w, c, pos);
}

static void on_data(struct fos_window *w)
{
	struct ctx *c = open_flow(w);
	uint64_t pos = fos_head(w), limit = fos_tail(w);
	uint32_t staged = 0;
	int err = 0;

	show(w, c->stage);
	if (c->s.tail && !fos_fin(w) && limit > pos)
		limit--; /* what comes after the last byte can only come with it */
	while (pos < limit && err == 0) {
		if (pos >= c->leave && pos <= c->s.pos) {
			leave(w, c, pos);
			return;
		}
		if (pos < c->s.pos) {
			uint64_t to = c->s.pos < limit ? c->s.pos : limit;

			pos = c->leave > pos && c->leave < to ? c->leave : to;
			continue;
		}
		err = operate(w, &c->s, &pos, limit);
		if (err == 0 && ++staged >= c->s.batch && pos < limit) {
			if (!commit(w, c, pos))
				return;
			staged = 0;
			c = fos_ctx(w);
		}
	}
	if (err < 0)
		return; /* no room: from the last release again */
	if (fos_fin(w) && c->s.tail && fos_tail(w) > fos_head(w) && pos == fos_tail(w) &&
	    insert(w, &c->s, pos, UINT64_MAX, c->s.tail) != FOS_OK)
		return;
	commit(w, c, pos);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	struct ctx *c = open_flow(w);

	if (sim_pm_ended)
		sim_pm_ended(c->stage, fos_flow(w), why);
}

FOS_PM(.name = "script", .stream = FOS_APP, .flags = FOS_PM_EDITS, .ctx_size = sizeof(struct ctx),
	.on_data = on_data, .on_close = on_close);
