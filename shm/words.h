/* shm/words.h - the words in which a module says what it takes and gives (pmhost/pm_link.h)
 *
 * Pure; callers: config/ (linking), the keeper and pmhost (what a file says, what a topic is called).
 */
#ifndef FOS_SHM_WORDS_H
#define FOS_SHM_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"

/* One word of a list: NAME[/VERSION][:BYTES][?][+]. */
struct fos_word {
	char name[FOS_NAME_MAX];
	uint32_t version; /* 0 = not given */
	uint32_t bytes;   /* of each message; 0 = any */
	bool optional;    /* '?': the module works without */
	bool many;        /* '+': from any number of modules */
};

/* Takes the next word from *list.  1; 0 at the end; -EINVAL: it is no such word (names are of a-z, 0-9,
 * '.', '_', '-', beginning with a letter, at most 31 letters, or '*' alone). */
int fos_word_next(const char **list, struct fos_word *out);

/* Number that stands for a topic's name in messages, and the start of a key's place (FNV-1a). */
uint32_t fos_word_hash(const void *bytes, size_t len);
uint32_t fos_word_id(const char *name);

#endif
