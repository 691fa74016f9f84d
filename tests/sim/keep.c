/* tests/sim/keep.c - the module of the inline box, see keep.h */
#include "tests/sim/keep.h"

#include "pmhost/host.h"

#define STAGED 200u /* edits between two releases */

static struct inline_box *current; /* the module's handlers have no argument to find it by */

void keep_for(struct inline_box *b)
{
	current = b;
}

static struct inline_stream *stream_of(struct fos_window *w)
{
	uint64_t number = fos_flow(w)->number;
	uint32_t at;

	if (fos_flow(w)->dport != SCRIPT_PORT)
		return NULL;
	for (uint32_t i = 0; i < current->nr_streams; i++)
		if (current->stream[i].number == number)
			return &current->stream[i];
	if (current->nr_streams == HOST_MAX_CONNS)
		return NULL;
	/* kept in the order of the connections */
	for (at = current->nr_streams++; at > 0 && current->stream[at - 1].number > number; at--)
		current->stream[at] = current->stream[at - 1];
	memset(&current->stream[at], 0, sizeof(current->stream[0]));
	current->stream[at].number = number;
	return &current->stream[at];
}

/* 0, or an error: no room for it now. */
static int edit(struct fos_window *w, uint64_t pos, uint8_t byte)
{
	if (byte == 'G')
		return fos_delete(w, pos, 1);
	if (byte == 'H')
		return fos_replace(w, pos, 1, "<h>", 3);
	return fos_insert(w, pos, "i", 1);
}

/* Takes `len` bytes at *pos, edited; false: no room, *pos is what was taken. */
static bool take(struct fos_window *w, struct inline_stream *s, const uint8_t *data, size_t len,
		 uint64_t *pos, uint32_t *staged)
{
	for (size_t i = 0; i < len; i++) {
		if (current->edit && strchr("GHI", data[i]) && data[i]) {
			if (edit(w, *pos, data[i]) != 0)
				return false;
			if (++*staged == STAGED) {
				if (fos_release(w, *pos + 1) != 0)
					return false;
				*staged = 0;
			}
		}
		if (s->len < HOST_STREAM_MAX)
			s->bytes[s->len] = data[i];
		s->len++;
		++*pos;
	}
	return true;
}

static void keep(struct fos_window *w)
{
	struct inline_stream *s = fos_head(w) < fos_tail(w) ? stream_of(w) : NULL;
	uint64_t pos = fos_head(w);
	uint32_t staged = 0;
	struct fos_iov v[16];
	int n;

	while (s && (n = fos_iov(w, pos, SIZE_MAX, v, 16)) > 0) {
		for (int i = 0; i < n; i++) {
			if (!take(w, s, v[i].data, v[i].len, &pos, &staged)) {
				snprintf(current->error, sizeof(current->error), "no room to edit");
				return;
			}
		}
	}
	fos_release_all(w);
}

static void closed(struct fos_window *w, uint32_t why)
{
	for (uint32_t i = 0; i < current->nr_streams; i++)
		if (current->stream[i].number == fos_flow(w)->number &&
		    fos_flow(w)->dport == SCRIPT_PORT)
			current->stream[i].why = why;
}

static const struct fos_pm module = {
	.size = sizeof(module),
	.abi = FOS_PM_ABI,
	.name = "keep",
	.stream = FOS_APP,
	.flags = FOS_PM_EDITS,
	.on_data = keep,
	.on_close = closed,
};

static void *make_host(void *arg)
{
	void *state = fos_pmhost_new();

	(void)arg;
	fos_pmhost_module(state, &module);
	return state;
}

const struct sim_stage keep_stage = {&fos_pmhost_hooks, make_host, fos_pmhost_free};

uint32_t keep_edited(const struct inline_box *b, const struct inline_stream *s, uint8_t *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->len; i++) {
		uint8_t byte = s->bytes[i];

		if (b->edit && byte == 'H') {
			memcpy(to + n, "<h>", 3);
			n += 3;
			continue;
		}
		if (b->edit && byte == 'I')
			to[n++] = 'i';
		if (!b->edit || byte != 'G')
			to[n++] = byte;
	}
	return n;
}
