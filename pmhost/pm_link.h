/* pmhost/pm_link.h - how modules find each other: part of pmhost/pm.h, include that
 *
 * A module says in FOS_PM() what it takes and gives, by name; who is there is the configuration's
 * matter, and the platform connects the two (`flowosctl check --graph FILE` shows how):
 *
 *	FOS_PM(.name = "filescan", .stream = FOS_APP, .imports = "file.transfer/1:64",
 *	       .on_message = on_message);
 *
 *  .stream   the stream that it reads; with FOS_PM_EDITS, those behind it read what it made of it
 *  .imports  topics that it takes.  One that no module of the box exports is an error, unless it
 *            ends in '?'; nor one that several export, unless it ends in '+' (from all of them).
 *            When a module of its own pipeline exports a topic it comes from that pipeline only,
 *            else from the others.
 *  .exports  topics that it publishes
 *  .after    modules behind which it stands in a pipeline given as `modules:`; those that are not in
 *            the pipeline do not matter; "*" = behind all others of its stream
 *  .before   the same the other way round
 *
 * Each is a list of words with commas or blanks between: NAME[/VERSION][:BYTES][?][+], names of a-z,
 * 0-9, '.', '_', '-', at most 31 letters.  Version and length of each message are compared when both
 * sides give them.  Lists are constants of the file (section ".flowos.pm"), at most 127 bytes each.
 */
#ifndef FLOWOS_PM_LINK_H
#define FLOWOS_PM_LINK_H

#include <stddef.h>
#include <stdint.h>

struct fos_instance;
struct fos_window;

/* ---------------------------------------------------------------- topics
 * Publishes on a topic of .exports to every module that takes it; staged: the release (or the end of
 * the handler) that commits it commits it to all of them, once, also when either side is killed.  They
 * get it in on_message with `name` set.  Neither side says where the other runs.
 * FOS_OK (also when nobody takes it); FOS_EPERM: not in .exports; FOS_EINVAL: longer than
 * FOS_MESSAGE_MAX, or not as long as .exports says; FOS_EFULL: more than 64 messages staged, one for
 * each taker (nothing of this one is). */
int fos_publish(struct fos_instance *pm, const char *topic, const void *data, size_t len);

/* The same to the one instance of that name, if it takes the topic.  FOS_ENOENT: it does not. */
int fos_publish_to(struct fos_instance *pm, const char *to, const char *topic, const void *data,
		   size_t len);

/* ---------------------------------------------------------------- moving a flow
 * Gives the connection to another pipeline of the configuration, by name; staged: it takes effect at
 * the position of the release (or, without one, the head) that commits it.  What was released before
 * goes through the rest of this pipeline, the next byte is the first that the other pipeline's modules
 * see; their positions count on from there.  Both directions go that the module watches, each at its
 * own head, in one commit.  How far it has come on the other one is a matter of scheduling, in a
 * capture, too: where it must be the same in every run, let the module watch one (`direction`).  What
 * modules beside this one have read beyond its head is read again there, and what they or earlier
 * stages did to it is void: move in the first stage, before it.
 *
 * The module's part ends with that commit: no handler of it is called for the flow any more, on_close
 * included, and further releases are refused (FOS_EPERM).  The other modules of this pipeline see the
 * stream end there (fos_fin(), then on_close with FOS_END_MOVED).  Those of the new one see it begin:
 * a new context, no on_open.  on_data and on_timer only; not in modules on http.body.
 *
 * FOS_OK; FOS_ENOENT: no such pipeline; FOS_EPERM: not in this handler; FOS_EINVAL, with the reason in
 * the log: the flow is there or was, one of the pipelines has readers of packets or another key than
 * 5tuple (the streams differ), a module there has on_open, one of either rewrites headers or hears of
 * events, the flow is not TCP or is one that is never edited. */
int fos_move(struct fos_window *w, const char *pipeline);

/* ---------------------------------------------------------------- flows of its own
 * A module may define flows that are no packets' 5-tuple: an HTTP session by cookie, a subscriber by
 * name.  Each has a key of at most FOS_KEY_MAX bytes and .key_value bytes of state; .keys of them fit
 * in the table, and where a key finds no place the one untouched for the longest among its neighbours
 * makes room (pm_keys_evicted).  State is the module's PM-wide memory of this lane: changes are staged
 * and survive a kill as the context does.  Other modules read what was committed.
 *
 *	struct session *s = fos_key_open(pm, cookie, cookie_len);
 *
 *	if (s)
 *		s->requests++;
 *	fos_key_join(w, cookie, cookie_len);   // whoever sees this flow finds the session by fos_key_of()
 */
#define FOS_KEY_MAX 64u
#define FOS_KEYS_STAGED_MAX 64u /* keys opened or dropped between two releases */

/* The state of a key, zeros when it is new; kept by the next release.  NULL: no key (empty, too long,
 * the module has no .keys) or too many staged. */
void *fos_key_open(struct fos_instance *pm, const void *key, size_t len);

/* Forgets a key; staged.  FOS_ENOENT: there is none. */
int fos_key_drop(struct fos_instance *pm, const void *key, size_t len);

/* This flow belongs to that key from the next release on (len 0: to none).  FOS_ENOENT: open it first.
 * FOS_EINVAL. */
int fos_key_join(struct fos_window *w, const void *key, size_t len);

/* Copies the committed state of a key of instance `owner` (may be the module itself) to buf, at most
 * `size` bytes; returns how many it has (.key_value, rounded up to 16).  FOS_ENOENT: no such one or key. */
int fos_key_read(struct fos_instance *pm, const char *owner, const void *key, size_t len, void *buf,
		 size_t size);

/* The same for the key that instance `owner` has joined this flow to, as long as the flow lasts (do not ask
 * in on_close); *key_len gets the key's length and `key` (FOS_KEY_MAX bytes, or NULL) the key. */
int fos_key_of(struct fos_window *w, const char *owner, void *key, size_t *key_len, void *buf,
	       size_t size);

#endif
