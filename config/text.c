/* text.c - is this a text file?  UTF-8 without NUL and control characters. */
#include <errno.h>
#include <string.h>

#include "config/tree.h"

/* Length of the UTF-8 sequence at `p` (RFC 3629), 0 = broken.  *value = the code point. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *value)
{
	static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 :
		   (p[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t v;

	if (n == 0 || n > left)
		return 0;
	v = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < smallest[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*value = v;
	return n;
}

/* What a YAML stream may contain: the printable set of YAML 1.1, section 5.1. */
static bool printable(uint32_t v)
{
	return v == '\t' || v == '\n' || v == '\r' || (v >= 0x20 && v <= 0x7e) || v == 0x85 ||
	       (v >= 0xa0 && v <= 0xfffd && v != 0xfeff) || v >= 0x10000;
}

static int check_encoding(struct fos_config *cfg)
{
	const char *text = cfg->text;

	if (cfg->text_len < 2 || (memcmp(text, "\xff\xfe", 2) != 0 &&
				  memcmp(text, "\xfe\xff", 2) != 0))
		return 0;
	fos_config_error(cfg, (struct fos_where){ 0, 0 },
			 "the file is UTF-16: a configuration is UTF-8 text "
			 "(iconv -f UTF-16 -t UTF-8 converts it)");
	return -EINVAL;
}

int fos_text_check(struct fos_config *cfg)
{
	const unsigned char *p = (const unsigned char *)cfg->text;
	size_t left = cfg->text_len, n;
	struct fos_where at = { 1, 1 };
	uint32_t v, last = 0;

	if (check_encoding(cfg) < 0)
		return -EINVAL;
	if (left >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		left -= 3;
	}
	for (; left > 0; p += n, left -= n, last = v) {
		n = decode(p, left, &v);
		if (n == 0) {
			fos_config_error(cfg, at, "byte 0x%02x is not UTF-8 text: "
					 "is this a configuration file?", p[0]);
			return -EINVAL;
		}
		if (!printable(v)) {
			fos_config_error(cfg, at, "character U+%04X cannot stand in a "
					 "configuration file%s", v,
					 v == 0 ? ": it looks like a binary file" : "");
			return -EINVAL;
		}
		if (v == '\n' && last == '\r')
			continue;
		at.column++;
		if (v == '\n' || v == '\r' || v == 0x85 || v == 0x2028 || v == 0x2029)
			at = (struct fos_where){ at.line + 1, 1 };
	}
	return 0;
}
