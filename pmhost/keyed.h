/* pmhost/keyed.h - the table of a PM's own flows (pm_link.h, fos_key_*)
 *
 * It lies in the PM's region.  A place has two slots and a word that says which holds; a change fills
 * the other one and turns the word in the same transaction as everything else of the release.
 */
#ifndef FOS_PMHOST_KEYED_H
#define FOS_PMHOST_KEYED_H

#include <stdint.h>

#include "pmhost/pm.h"
#include "shm/layout.h"

struct fos_keys {
	uint8_t *table; /* own region; NULL: none */
	uint32_t mask;
	uint32_t nr; /* staged */
	uint32_t place[FOS_KEYS_STAGED_MAX];
	uint8_t *slot; /* FOS_KEYS_STAGED_MAX slots with their values */
};

void fos_keys_bind(struct fos_instance *pm);
void fos_keys_free(struct fos_instance *pm);

/* Fills the shadow slots of what is staged, and queues the turns. */
void fos_keys_publish(struct fos_instance *pm);

/* Forgets what is staged: it is committed, or has not happened. */
void fos_keys_clear(struct fos_instance *pm);

#endif
