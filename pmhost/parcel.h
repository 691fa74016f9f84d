/* pmhost/parcel.h - packets that a module sends: staged, out with the commit (pm_packet.h) */
#ifndef FOS_PMHOST_PARCEL_H
#define FOS_PMHOST_PARCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/ring.h"

struct fos_instance;

struct fos_parcels {
	struct fos_ring_prod *ring; /* to egress */
	uint32_t nr;
	struct fos_parcel staged[];
};

/* At attach; NULL: the module does not send.  Aborts when memory is out; freed by free(). */
struct fos_parcels *fos_parcels_attach(struct fos_instance *pm);

/* Is there room in the ring for what is staged? */
bool fos_parcels_room(struct fos_instance *pm);

/* Fills the slots and queues the tail in the transaction. */
void fos_parcels_publish(struct fos_instance *pm);

/* After the commit, or where there is none: nothing is staged. */
void fos_parcels_clear(struct fos_instance *pm);

#endif
