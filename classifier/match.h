/* classifier/match.h - which pipeline a packet belongs to
 *
 * Pipelines are tried in order and the first whose match holds wins.  A match is a set of
 * OpenFlow-like fields that must all hold, or a pcap filter expression (compiled once, for Ethernet
 * at the start, for other link types of a capture when the first such packet comes).  Tags are
 * transparent to an expression that does not speak of VLANs: it sees the packet without them.  So are
 * IPv6 extension headers, a first fragment's too, unless it speaks of ip6[...] or protochain.
 */
#ifndef FOS_CLASSIFIER_MATCH_H
#define FOS_CLASSIFIER_MATCH_H

#include "classifier/flow_table.h"
#include "shm/box.h"

struct fos_matcher;

/* Compiles the filters of a directory.  NULL with one line in err. */
struct fos_matcher *fos_matcher_create(const struct fos_dir *dir, char *err, size_t err_size);
void fos_matcher_destroy(struct fos_matcher *m);

/* Index of the pipeline of the packet in a frame, or FOS_NONE.  `meta` is checked, `key` holds the
 * packet's addresses and ports. */
uint32_t fos_matcher_find(struct fos_matcher *m, const uint8_t *frame,
			  const struct fos_frame_meta *meta, const struct fos_flow_key *key);

/* The fields alone (pure). */
bool fos_match_fields(const struct fos_match *match, const uint8_t *frame,
		      const struct fos_frame_meta *meta, const struct fos_flow_key *key);

#endif
