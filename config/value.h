/* value.h - strict parsers for the scalars of a configuration, and their printers.
 *
 * Every parser takes the whole string or refuses it: no sign, no leading zero, no blanks, nothing
 * left over.  All return 0, -EINVAL (not of that form) or -ERANGE (does not fit), and leave the
 * result alone unless they return 0.  Pure functions.
 */
#ifndef FOS_CONFIG_VALUE_H
#define FOS_CONFIG_VALUE_H

#include "config/config.h"

enum { FOS_VALUE_TEXT_MAX = 64 };	/* enough for every printer below */

/* Decimal digits; with `hex` also 0x followed by hexadecimal ones. */
int fos_value_number(const char *s, bool hex, uint64_t *out);

/* A number with optional K, M or G: multiples of 1024, for bytes and for counts. */
int fos_value_size(const char *s, uint64_t *out);

/* A number with ms, s, m or h, in milliseconds.  The unit is required. */
int fos_value_duration(const char *s, uint64_t *out_ms);

/* Six pairs of hexadecimal digits with colons. */
int fos_value_mac(const char *s, uint8_t mac[6]);

/* ADDRESS or ADDRESS/BITS.  -EDOM: the address has bits set behind the prefix (then *out is
 * filled, with those bits cleared). */
int fos_value_prefix(const char *s, struct fos_config_prefix *out);

/* PORT or LOW-HIGH, 1 to 65535. */
int fos_value_ports(const char *s, struct fos_config_ports *out);

/* tcp, udp, icmp, icmp6 or a number up to 255. */
int fos_value_proto(const char *s, uint8_t *out);

/* A name: letters, digits, '_', '-', beginning with a letter, at most `max` bytes. */
int fos_value_name(const char *s, size_t max);

/* A network device as the kernel allows it: 1 to 15 bytes, no '/', no blank, not "." or "..". */
int fos_value_device(const char *s);

/* The shortest form that parses back to the same value.  Each returns `buf`. */
const char *fos_value_size_text(char buf[FOS_VALUE_TEXT_MAX], uint64_t v);
const char *fos_value_duration_text(char buf[FOS_VALUE_TEXT_MAX], uint64_t ms);
const char *fos_value_mac_text(char buf[FOS_VALUE_TEXT_MAX], const uint8_t mac[6]);
const char *fos_value_prefix_text(char buf[FOS_VALUE_TEXT_MAX], const struct fos_config_prefix *p);
const char *fos_value_ports_text(char buf[FOS_VALUE_TEXT_MAX], const struct fos_config_ports *p);

#endif
