/* json.h - printing JSON: commas and quotes, nothing else */
#ifndef FOS_DEPLOY_CTL_JSON_H
#define FOS_DEPLOY_CTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct fos_json {
	bool comma; /* the next element needs one before it */
};

/* Opens an object or list; key NULL inside a list. */
void fos_json_open(struct fos_json *j, const char *key, char bracket);
void fos_json_close(struct fos_json *j, char bracket);
void fos_json_text(struct fos_json *j, const char *key, const char *value);
void fos_json_u64(struct fos_json *j, const char *key, uint64_t value);
void fos_json_bool(struct fos_json *j, const char *key, bool value);

#endif
