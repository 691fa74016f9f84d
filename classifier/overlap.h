/* classifier/overlap.h - where a flow's modules want the last copy of bytes ahead of a hole, not the first
 *
 * Nobody has been shown such bytes and nothing of them was sent, so either copy is one that the receiver
 * and every module get alike.  Bytes in sequence never change.
 */
#ifndef FOS_CLASSIFIER_OVERLAP_H
#define FOS_CLASSIFIER_OVERLAP_H

#include "classifier/reassembly.h"

/* Pieces that fos_overlap_yield() may take. */
#define FOS_OVERLAP_PIECES 3u

/* Queued bytes that the run brings otherwise make way: all of [pos, pos+len), a FIN excepted.  They stay
 * where the flow's modules have not asked for it, where packets leave as they came, and where the run lies
 * over more than 256 pieces.  False: nothing was changed. */
bool fos_overlap_yield(struct fos_classifier *c, uint32_t flow, const struct fos_reasm_in *in);

#endif
