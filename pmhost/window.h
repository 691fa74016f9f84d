/* pmhost/window.h - the window of a PM on one flow: opened by the host, read by the module */
#ifndef FOS_PMHOST_WINDOW_H
#define FOS_PMHOST_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct fos_instance;
struct fos_window;
struct fos_seg;

void fos_window_init(struct fos_instance *pm);
void fos_window_fini(struct fos_instance *pm);

/* Turns the one window to a flow: identity, what is committed, the context.  False when the slot
 * is not of generation gen any more. */
bool fos_window_turn(struct fos_instance *pm, uint32_t flow, uint32_t gen);

/* Takes a fresh look at the stream from the committed head on: segments, tail, end.  Call before
 * each handler; private copies (context, staged edits) start over. */
void fos_window_open(struct fos_window *w);

/* Forgets what a handler staged and did not release: the context is that of the last release. */
void fos_window_forget(struct fos_window *w);

/* A window on no flow, with nothing in it, for the packet of the event in hand.  False: its addresses
 * cannot be told. */
bool fos_window_orphan(struct fos_window *w);

/* Index of the segment that holds pos, or nr_seg. */
uint32_t fos_window_seg(const struct fos_window *w, uint64_t pos);

/* Appends a segment. */
struct fos_seg *fos_window_add(struct fos_window *w);

/* packet.c: segments of a packet stream */
void fos_packet_open(struct fos_window *w, uint64_t limit);

/* packet.c: the first packet of the window's connection, which waits at the gate.  FOS_ENOENT. */
struct fos_packet;
int fos_packet_waiting(const struct fos_window *w, struct fos_packet *out);

#endif
