/* dump.h - print a configuration with every default filled in. */
#ifndef FOS_CONFIG_DUMP_H
#define FOS_CONFIG_DUMP_H

#include "config/config.h"

/* Write `cfg` to `out` as YAML that loads back to the same configuration.
 * Returns 0, or -EIO when `out` took an error. */
int fos_config_dump(const struct fos_config *cfg, FILE *out);

#endif
