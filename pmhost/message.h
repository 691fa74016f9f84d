/* pmhost/message.h - messages between PMs and output files: staged, out with the commit */
#ifndef FOS_PMHOST_MESSAGE_H
#define FOS_PMHOST_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/ring.h"

#define FOS_OUTBOX_MAX 64u

struct fos_instance;

struct fos_outbox {
	uint32_t nr;
	struct fos_ring_prod *to[FOS_OUTBOX_MAX];
	struct fos_msg msg[FOS_OUTBOX_MAX];
};

/* Adds a message for PM `to` (index), of which there is a ring; there must be room in the box.  `len`
 * of the message is given as it goes into the slot: FOS_MSG_TYPED. */
void fos_outbox_add(struct fos_instance *pm, uint32_t to, uint32_t msg_len, uint32_t topic,
		    const void *data, size_t len);

/* Is there room in every target ring for what is staged? */
bool fos_outbox_room(struct fos_instance *pm);

/* Fills the slots and queues the tails in the transaction. */
void fos_outbox_publish(struct fos_instance *pm);

/* After the commit: rings the targets' doorbells by marking their rings, and empties the box. */
void fos_outbox_sent(struct fos_instance *pm);

/* Handles waiting messages, one transaction each; returns how many. */
uint32_t fos_messages_work(struct fos_instance *pm);

/* Writes staged output behind the committed length and moves that (in the private state). */
void fos_files_write(struct fos_instance *pm);
void fos_files_clear(struct fos_instance *pm);
void fos_files_close(struct fos_instance *pm);

#endif
