/* pmhost/keyed.c - flows of a PM's own, see keyed.h and pm_link.h */
#include "pmhost/keyed.h"

#include <stdlib.h>
#include <string.h>

#include "pmhost/host.h"
#include "shm/words.h"

/* ---------------------------------------------------------------- places and slots */

static uint64_t slot_size(const struct fos_instance *pm, uint32_t owner)
{
	return FOS_KEYED_SLOT(pm->dir->pm[owner].key_value);
}

static const struct fos_keyed *place_in(const struct fos_instance *pm, uint32_t owner, uint32_t i)
{
	const uint8_t *table = pm->box->pm_keyed[owner];

	return (const void *)(table + i * FOS_KEYED_STRIDE(pm->dir->pm[owner].key_value));
}

static struct fos_keyed *place(struct fos_instance *pm, uint32_t i)
{
	return (void *)(pm->keys.table + i * FOS_KEYED_STRIDE(pm->d->key_value));
}

static const struct fos_keyed_slot *slot_in(const struct fos_instance *pm, uint32_t owner,
					    const struct fos_keyed *p, uint32_t ver)
{
	return (const void *)((const uint8_t *)(p + 1) + (ver & 1u) * slot_size(pm, owner));
}

static const struct fos_keyed_slot *committed(const struct fos_instance *pm,
					      const struct fos_keyed *p)
{
	return slot_in(pm, pm->index, p, p->ver);
}

static struct fos_keyed_slot *staged(const struct fos_instance *pm, uint32_t i)
{
	return (void *)(pm->keys.slot + i * slot_size(pm, pm->index));
}

static bool holds(const struct fos_keyed_slot *s, const void *key, size_t len)
{
	return s->live && s->key_len == len && memcmp(s->key, key, len) == 0;
}

/* ---------------------------------------------------------------- the owner */

void fos_keys_bind(struct fos_instance *pm)
{
	uint32_t keys = pm->d->keys;

	pm->keys.nr = 0;
	if (!keys || !pm->region->keyed_off)
		return;
	pm->keys.table = (uint8_t *)pm->region + pm->region->keyed_off;
	pm->keys.mask = keys - 1;
	pm->keys.slot = calloc(FOS_KEYS_STAGED_MAX, slot_size(pm, pm->index));
	if (!pm->keys.slot)
		abort();
}

void fos_keys_free(struct fos_instance *pm)
{
	free(pm->keys.slot);
	pm->keys.slot = NULL;
}

void fos_keys_clear(struct fos_instance *pm)
{
	pm->keys.nr = 0;
}

void fos_keys_publish(struct fos_instance *pm)
{
	for (uint32_t i = 0; i < pm->keys.nr; i++) {
		struct fos_keyed *p = place(pm, pm->keys.place[i]);
		uint32_t ver = p->ver + 1;

		if (ver == 0) /* "never used" would end searches here */
			ver = 2;
		/* pairs with the acquire fence in read_place(): who copies the old slot sees that
		 * `ver` has moved on before this slot changes */
		fos_fence_release();
		memcpy((uint8_t *)(p + 1) + (ver & 1u) * slot_size(pm, pm->index), staged(pm, i),
		       slot_size(pm, pm->index));
		fos_txn_publish32(&pm->txn, &p->ver, ver);
	}
}

/* Index among what is staged of a place, or FOS_NONE. */
static uint32_t staged_at(const struct fos_instance *pm, uint32_t at)
{
	for (uint32_t i = 0; i < pm->keys.nr; i++)
		if (pm->keys.place[i] == at)
			return i;
	return FOS_NONE;
}

/* What a place holds as this handler sees it. */
static const struct fos_keyed_slot *view(struct fos_instance *pm, uint32_t at)
{
	uint32_t i = staged_at(pm, at);

	return i != FOS_NONE ? staged(pm, i) : committed(pm, place(pm, at));
}

/* Place of a key, or FOS_NONE and then in *room where it could go. */
static uint32_t find(struct fos_instance *pm, const void *key, size_t len, uint32_t *room)
{
	uint32_t h = fos_word_hash(key, len);
	uint64_t oldest = UINT64_MAX;
	bool free_found = false;

	*room = FOS_NONE;
	for (uint32_t n = 0; n < FOS_KEYED_PROBES; n++) {
		uint32_t at = (h + n) & pm->keys.mask;
		const struct fos_keyed_slot *s = view(pm, at);

		if (holds(s, key, len))
			return at;
		if (!s->live && !free_found) {
			free_found = true;
			*room = at;
		} else if (s->live && !free_found && staged_at(pm, at) == FOS_NONE &&
			   s->touched_ns < oldest) {
			oldest = s->touched_ns;
			*room = at;
		}
		if (place(pm, at)->ver == 0 && staged_at(pm, at) == FOS_NONE)
			break;
	}
	return FOS_NONE;
}

/* The staged copy of a place, made when there is none. */
static struct fos_keyed_slot *stage(struct fos_instance *pm, uint32_t at)
{
	uint32_t i = staged_at(pm, at);

	if (i == FOS_NONE) {
		if (pm->keys.nr == FOS_KEYS_STAGED_MAX)
			return NULL;
		i = pm->keys.nr++;
		pm->keys.place[i] = at;
		memcpy(staged(pm, i), committed(pm, place(pm, at)), slot_size(pm, pm->index));
	}
	return staged(pm, i);
}

static bool good_key(const struct fos_instance *pm, const void *key, size_t len)
{
	return pm->keys.table && key && len > 0 && len <= FOS_KEY_MAX;
}

void *fos_key_open(struct fos_instance *pm, const void *key, size_t len)
{
	struct fos_keyed_slot *s;
	uint32_t at, room;

	if (!good_key(pm, key, len))
		return NULL;
	at = find(pm, key, len, &room);
	if (at == FOS_NONE && room == FOS_NONE)
		return NULL;
	s = stage(pm, at != FOS_NONE ? at : room);
	if (!s)
		return NULL;
	if (at == FOS_NONE) {
		fos_count(pm->p->counter, FOS_C_pm_keys_evicted, s->live);
		s->born++;
		s->live = 1;
		s->key_len = (uint16_t)len;
		memset(s->key, 0, sizeof(s->key));
		memcpy(s->key, key, len);
		memset(s + 1, 0, pm->d->key_value);
	}
	s->touched_ns = pm->p->now_ns;
	return s + 1;
}

int fos_key_drop(struct fos_instance *pm, const void *key, size_t len)
{
	struct fos_keyed_slot *s;
	uint32_t at, room;

	if (!good_key(pm, key, len))
		return FOS_EINVAL;
	at = find(pm, key, len, &room);
	if (at == FOS_NONE)
		return FOS_ENOENT;
	s = stage(pm, at);
	if (!s)
		return FOS_EFULL;
	s->live = 0;
	return FOS_OK;
}

int fos_key_join(struct fos_window *w, const void *key, size_t len)
{
	struct fos_instance *pm = w->pm;
	uint32_t at = FOS_NONE, room;

	if (len > 0 && !good_key(pm, key, len))
		return FOS_EINVAL;
	if (len > 0) {
		at = find(pm, key, len, &room);
		if (at == FOS_NONE)
			return FOS_ENOENT;
	}
	fos_host_ctx(w)->key_place = at == FOS_NONE ? 0 : at + 1;
	fos_host_ctx(w)->key_born = at == FOS_NONE ? 0 : view(pm, at)->born;
	w->ctx_touched = true;
	return FOS_OK;
}

/* ---------------------------------------------------------------- readers */

/* A place copied consistently: its slot's head, and at most `size` bytes of the value.  What another PM
 * wrote is checked by the caller.  False: it changes too often to be read, or was never used. */
static bool read_place(const struct fos_instance *pm, uint32_t owner, uint32_t at,
		       struct fos_keyed_slot *head, void *buf, size_t size)
{
	const struct fos_keyed *p = place_in(pm, owner, at);

	if (size > pm->dir->pm[owner].key_value)
		size = pm->dir->pm[owner].key_value;
	for (int tries = 0; tries < 8; tries++) {
		/* pairs with the release of `ver` in fos_txn_commit(): the slot is filled */
		uint32_t ver = fos_acquire32(&p->ver);
		const struct fos_keyed_slot *s = slot_in(pm, owner, p, ver);

		if (ver == 0)
			return false;
		*head = *s;
		if (size)
			memcpy(buf, s + 1, size);
		fos_fence_acquire();
		if (fos_relaxed32(&p->ver) == ver)
			return true;
	}
	return false;
}

static uint32_t owner_of(const struct fos_instance *pm, const char *name)
{
	for (uint32_t i = 0; i < pm->dir->nr_pms; i++)
		if (strncmp(pm->dir->pm[i].name, name, FOS_NAME_MAX) == 0 && pm->dir->pm[i].keys &&
		    pm->box->pm_keyed[i])
			return i;
	return FOS_NONE;
}

int fos_key_read(struct fos_instance *pm, const char *owner, const void *key, size_t len, void *buf,
		 size_t size)
{
	uint32_t pms = owner_of(pm, owner), h;

	if (pms == FOS_NONE || !key || len == 0 || len > FOS_KEY_MAX)
		return FOS_ENOENT;
	h = fos_word_hash(key, len);
	for (uint32_t n = 0; n < FOS_KEYED_PROBES; n++) {
		uint32_t at = (h + n) & (pm->dir->pm[pms].keys - 1);
		struct fos_keyed_slot s;

		if (fos_acquire32(&place_in(pm, pms, at)->ver) == 0)
			break;
		if (read_place(pm, pms, at, &s, buf, size) && holds(&s, key, len))
			return (int)pm->dir->pm[pms].key_value;
	}
	return FOS_ENOENT;
}

/* The host's words of another PM's committed context of a flow. */
static bool read_ctx(const struct fos_window *w, uint32_t owner, struct fos_host_ctx *out)
{
	const struct fos_box *box = w->pm->box;
	uint32_t size = box->dir->pm[owner].ctx_size;

	for (int tries = 0; tries < 8; tries++) {
		const struct fos_pm_flow *f = &box->pm_flows[owner][w->flow];
		uint32_t ver = fos_acquire32(&f->ver);
		struct fos_pm_pub pub;

		if (!fos_box_pub_own(box, owner, w->flow, w->gen, &pub))
			return false;
		memcpy(out, box->pm_contexts[owner] + ((uint64_t)w->flow * 2 + (pub.ctx & 1u)) * size,
		       sizeof(*out));
		fos_fence_acquire();
		if (fos_relaxed32(&f->ver) == ver)
			return true;
	}
	return false;
}

int fos_key_of(struct fos_window *w, const char *owner, void *key, size_t *key_len, void *buf,
	       size_t size)
{
	struct fos_instance *pm = w->pm;
	uint32_t i = owner_of(pm, owner);
	struct fos_host_ctx ctx;
	struct fos_keyed_slot s;

	if (i == FOS_NONE || !read_ctx(w, i, &ctx) || ctx.key_place == 0 ||
	    ctx.key_place > pm->dir->pm[i].keys ||
	    !read_place(pm, i, ctx.key_place - 1, &s, buf, size) || !s.live ||
	    s.born != ctx.key_born || s.key_len > FOS_KEY_MAX)
		return FOS_ENOENT;
	if (key)
		memcpy(key, s.key, s.key_len);
	if (key_len)
		*key_len = s.key_len;
	return (int)pm->dir->pm[i].key_value;
}
