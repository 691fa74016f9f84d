/* pmhost/pm_text.h - for modules that read text: rules from options and files, prefixes, sizes, host
 * names, attributes of tags
 *
 * Part of pmhost/pm.h, which includes it.  Pure functions, but for fos_entries() and fos_input()
 * (init only).
 *
 *	static const char *rule(struct fos_instance *pm, char *text, void *arg)
 *	{
 *		char *what = fos_word(&text), *prefix = fos_word(&text);
 *
 *		return what && prefix ? NULL : "a rule is: WHAT PREFIX";
 *	}
 *	if (fos_entries(pm, "rules", "list", rule, NULL))
 *		return -1;      // the log says: NAME: /etc/rules.txt:12: a rule is: ...: "..."
 */
#ifndef FLOWOS_PM_TEXT_H
#define FLOWOS_PM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fos_instance;

#define FOS_ENTRY_MAX 4096u /* bytes of an entry; a longer one is an error */

/* One entry, without blanks around it; `text` may be changed, and is gone afterwards.  Returns NULL,
 * or what is wrong with it: one sentence without its end. */
typedef const char *(*fos_entry_fn)(struct fos_instance *pm, char *text, void *arg);

/* Calls fn for each value of the option `option`, then for each line of the files that
 * `file_option` names; either may be NULL.  Blank lines, and lines that begin with '#', are none.
 * 0; or -1 at the first that is wrong or cannot be read, which has been logged with its place. */
int fos_entries(struct fos_instance *pm, const char *option, const char *file_option,
		fos_entry_fn fn, void *arg);

/* Opens a file that an option names, for reading: a descriptor that is the caller's, or -1 (errno).
 * Works also when this process may no longer open it (README, Trust).  Init only. */
int fos_input(struct fos_instance *pm, const char *path);

/* Next word of *text, ended by blanks; NULL when there is none.  Changes the text. */
char *fos_word(char **text);

/* Addresses that agree in the first `bits` bits; IPv4 counts as ::ffff:a.b.c.d. */
struct fos_prefix {
	uint8_t addr[16];
	uint8_t bits; /* 0 (both versions) to 128; of IPv4 from 96 */
};

/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "any".  False when it is none of these, or names
 * bits beyond its length ("10.0.0.1/8"). */
bool fos_prefix_parse(const char *text, struct fos_prefix *p);
bool fos_prefix_has(const struct fos_prefix *p, const uint8_t addr[16]);

/* "1500", "64K", "10M", "2G": multiples of 1024; false for anything else, or more than 2^62. */
bool fos_size_parse(const char *text, uint64_t *size);

/* "80" or "1024-65535"; false for anything else. */
bool fos_ports_parse(const char *text, uint16_t *first, uint16_t *last);

/* ---------------------------------------------------------------- text helpers
 * Pure functions over bytes, for modules that read HTML, HTTP and the like. */

/* Value of attribute `name` in a tag "<name attr=value ...>" of len bytes; NULL when it has none (or
 * tag is NULL).  Quotes are taken off; *value_len gets its length. */
const char *fos_attribute(const char *tag, size_t len, const char *name, size_t *value_len);

/* A list of host names, from option values separated by commas or blanks and from a file with one
 * name a line ('#' begins a comment).  Either key may be absent.  Init; NULL with a log line when
 * the file cannot be read.  Lives as long as the process. */
struct fos_hosts;
struct fos_hosts *fos_hosts(struct fos_instance *pm, const char *option, const char *file_option);

/* Is the host of this URL ("//host/..", "http://host:80/..") in the list, or below one of it?  False
 * for NULL. */
bool fos_hosts_match(const struct fos_hosts *hosts, const char *url, size_t len);

#endif
