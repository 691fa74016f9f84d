/* pmhost/topic.h - typed messages: what the module exports, and who takes it (pm_link.h) */
#ifndef FOS_PMHOST_TOPIC_H
#define FOS_PMHOST_TOPIC_H

#include <stdbool.h>

#include "pmhost/pm.h"
#include "shm/words.h"

#define FOS_TOPICS_MAX 32u

struct fos_topic {
	struct fos_word word;
	uint32_t id;
	uint32_t to; /* bit per PM that takes it */
};

struct fos_topics {
	struct fos_topic out[FOS_TOPICS_MAX];
	uint32_t nr_out;
	uint32_t links; /* of the directory that were known then */
};

/* Reads what the module exports, and the directory's links.  Once the module is there; false: more
 * topics than FOS_TOPICS_MAX. */
bool fos_topics_bind(struct fos_instance *pm);

/* Fills name and version of a message that was published; false: this module does not take that topic
 * in that form, or not from PM `from`. */
bool fos_topics_take(struct fos_instance *pm, uint32_t from, const struct fos_msg *m,
		     struct fos_message *msg);

#endif
