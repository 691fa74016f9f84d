/* tests/sim/keep.h - the module of the inline box: it keeps what it saw, and may edit
 *
 * Edits are by byte, so that what must arrive follows from what was seen however it was cut: G is
 * taken out, H becomes <h>, an i is put before each I.
 */
#ifndef TESTS_SIM_KEEP_H
#define TESTS_SIM_KEEP_H

#include "tests/sim/inline.h"

#define KEEP_GROWTH 3u

extern const struct sim_stage keep_stage;

/* The box whose streams are kept from now on. */
void keep_for(struct inline_box *b);

/* What must arrive of a stream; returns its length. */
uint32_t keep_edited(const struct inline_box *b, const struct inline_stream *s, uint8_t *to);

#endif
