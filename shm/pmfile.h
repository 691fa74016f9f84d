/* shm/pmfile.h - what a PM's shared object says of itself, read without running it
 *
 * pmhost/pm.h puts a module's constants in ELF section ".flowos.pm"; the two structs are the same
 * bytes (tests/unit/test_pm_file.c asserts it), declared twice because pm.h includes nothing.  The
 * keeper reads them to lay out a PM's region; the host compares them with what it loads.
 */
#ifndef FOS_SHM_PMFILE_H
#define FOS_SHM_PMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/words.h"

#define FOS_PMFILE_ABI 2u
#define FOS_PMFILE_SECTION ".flowos.pm"
#define FOS_PMFILE_MAGIC 0x4d50534f574f4c46ull /* "FLOWOSPM" */

/* Bounds on what a module may ask for, bytes. */
#define FOS_PMFILE_CTX_MAX 1984u
#define FOS_PMFILE_STATE_MAX (16u << 20)
#define FOS_PMFILE_KEYS_MAX (1u << 20)
#define FOS_PMFILE_KEY_VALUE_MAX 4096u
#define FOS_PMFILE_LINKS_MAX 128u /* bytes of a list of links, its NUL included */

/* The host keeps its own committed words before the author's bytes in each context slot and each
 * state slot (pmhost/host.h). */
#define FOS_PM_HOST_CTX 16u
#define FOS_PM_EVENT_CTX 192u /* of a module with events, behind the former */
#define FOS_PM_HOST_STATE 64u
/* A reader of http.body reads the app stream through a layer of the host, whose state of a flow lies
 * in between (pmhost/http.h). */
#define FOS_PM_HTTP_CTX 464u
#define FOS_PMFILE_HTTP_BODY 3u /* as `stream` of the section */

enum fos_pmfile_flag {
	FOS_PMFILE_EDITS = 1u << 0,
	FOS_PMFILE_REWRITES = 1u << 1,
	FOS_PMFILE_PLAIN = 1u << 2,
	FOS_PMFILE_PACKETS = 1u << 3,
	FOS_PMFILE_ROOM = 1u << 4,
	FOS_PMFILE_RESENDS = 1u << 5,
	FOS_PMFILE_SENDS = 1u << 6
};

struct fos_pmfile_section {
	uint64_t magic;
	uint32_t size;
	uint32_t abi;
	char name[FOS_NAME_MAX];
	uint32_t stream; /* enum fos_stream_id */
	uint32_t flags;  /* enum fos_pmfile_flag */
	uint32_t ctx_size;
	uint32_t state_size;
	char imports[FOS_PMFILE_LINKS_MAX];
	char exports[FOS_PMFILE_LINKS_MAX];
	char after[FOS_PMFILE_LINKS_MAX];
	char before[FOS_PMFILE_LINKS_MAX];
	uint32_t keys;
	uint32_t key_value;
	uint32_t events; /* FOS_EVENT_BIT() each */
	uint8_t has_init;
	uint8_t has_open;
	uint8_t has_data;
	uint8_t has_close;
	uint8_t has_timer;
	uint8_t has_message;
	uint8_t has_fini;
	uint8_t has_head;
	uint8_t has_event;
	uint8_t pad[11];
};

/* Lists of words (shm/words.h), as pmhost/pm_link.h describes them; always terminated. */
struct fos_pmfile_links {
	char imports[FOS_PMFILE_LINKS_MAX]; /* topics that it takes */
	char exports[FOS_PMFILE_LINKS_MAX]; /* topics that it publishes */
	char after[FOS_PMFILE_LINKS_MAX];   /* modules that stand before it */
	char before[FOS_PMFILE_LINKS_MAX];  /* modules that stand behind it */
};

struct fos_pmfile {
	char name[FOS_NAME_MAX]; /* as the module calls itself; always terminated */
	uint32_t stream;
	bool program;        /* not a shared object but an executable: it runs by itself (fos_pm_main) */
	bool http;           /* reads http.body: `stream` is FOS_STREAM_APP */
	bool edits;
	bool rewrites;
	bool resends;        /* may have the box send the tail of a flow again */
	bool sends;          /* may send packets of its own */
	bool room;           /* keeps room for another module */
	bool gates;          /* has on_open: a connection's first packet waits for it */
	uint32_t ctx_size;   /* of a context slot: with the host's part, multiple of 16 */
	uint32_t state_size; /* of a state slot: likewise, multiple of 64 */
	uint32_t keys;      /* places for flows of its own: a power of two, or 0 */
	uint32_t key_value; /* bytes of each value, multiple of 16 */
	uint32_t events;      /* as in struct fos_dir_pm */
	uint32_t event_wants;
	struct fos_pmfile_links links;
};

/* Reads a shared object's constants.  0, or -errno with one line in err that says what is wrong
 * with which file: -ENOENT and the like from open(), -ENOEXEC not an ELF64 shared object of this
 * machine or without the section, -EPROTO another ABI (both numbers are named), -EINVAL values out
 * of bounds.  Any bytes in the file are survived.  Caller: keeper, host, flowosctl. */
int fos_pmfile_read(const char *path, struct fos_pmfile *out, char *err, size_t err_size);

/* The same over bytes already in memory; `name` is for the messages. */
int fos_pmfile_parse(const uint8_t *bytes, size_t len, const char *name, struct fos_pmfile *out,
		     char *err, size_t err_size);

/* Can a PM whose region was laid out for `d` be this module?  NULL = yes, else what differs.  What was laid
 * out as room for another may hold one that edits less than that could. */
const char *fos_pmfile_misfit(const struct fos_pmfile *f, const struct fos_dir_pm *d);

_Static_assert(sizeof(struct fos_pmfile_section) == 608, "section: as pmhost/pm.h has it");

#endif
