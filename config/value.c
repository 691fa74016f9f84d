/* value.c - strict scalars. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"

enum { PORT_MAX = 65535, IPV4_BITS = 32, IPV6_BITS = 128, PROTO_MAX = 255 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Digits of `base` at *s, which moves behind them. */
static int take_digits(const char **s, unsigned base, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;
	bool over = false;

	for (; hex_digit(*p) >= 0 && (unsigned)hex_digit(*p) < base; p++) {
		uint64_t digit = (uint64_t)hex_digit(*p);

		over |= v > (UINT64_MAX - digit) / base;
		v = v * base + digit;
	}
	if (p == *s || (base == 10 && **s == '0' && p > *s + 1))
		return -EINVAL;
	*s = p;
	*out = v;
	return over ? -ERANGE : 0;
}

int fos_value_number(const char *s, bool hex, uint64_t *out)
{
	bool is_hex = hex && s[0] == '0' && s[1] == 'x';
	uint64_t v;
	int ret;

	s += is_hex ? 2 : 0;
	ret = take_digits(&s, is_hex ? 16 : 10, &v);
	if (ret == -EINVAL || *s != '\0')
		return -EINVAL;
	if (ret == 0)
		*out = v;
	return ret;
}

static int multiply(uint64_t v, uint64_t by, uint64_t *out)
{
	if (v > UINT64_MAX / by)
		return -ERANGE;
	*out = v * by;
	return 0;
}

int fos_value_size(const char *s, uint64_t *out)
{
	unsigned shift = 0;
	uint64_t v;
	int ret = take_digits(&s, 10, &v);

	if (ret == -EINVAL)
		return ret;
	if (*s != '\0') {
		shift = *s == 'K' ? 10 : *s == 'M' ? 20 : *s == 'G' ? 30 : 0;
		if (shift == 0 || s[1] != '\0')
			return -EINVAL;
	}
	return ret < 0 ? ret : multiply(v, 1ull << shift, out);
}

static const struct {
	const char *unit;
	uint32_t ms;
} units[] = { { "h", 3600 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 } };

enum { NR_UNITS = sizeof(units) / sizeof(units[0]) };

int fos_value_duration(const char *s, uint64_t *out_ms)
{
	uint64_t v;
	int ret = take_digits(&s, 10, &v);

	if (ret == -EINVAL)
		return ret;
	for (size_t i = 0; i < NR_UNITS; i++)
		if (strcmp(s, units[i].unit) == 0)
			return ret < 0 ? ret : multiply(v, units[i].ms, out_ms);
	return -EINVAL;
}

int fos_value_mac(const char *s, uint8_t mac[6])
{
	uint8_t parsed[6];

	for (int i = 0; i < 6; i++, s += 3) {
		int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		parsed[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, parsed, sizeof(parsed));
	return 0;
}

/* Clear the bits behind the prefix; true when there were any. */
static bool clear_host_bits(struct fos_config_prefix *p, unsigned total)
{
	bool any = false;

	for (unsigned bit = p->bits; bit < total; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> (bit % 8));

		any |= (p->addr[bit / 8] & mask) != 0;
		p->addr[bit / 8] &= (uint8_t)~mask;
	}
	return any;
}

int fos_value_prefix(const char *s, struct fos_config_prefix *out)
{
	struct fos_config_prefix p = { .family = 4 };
	const char *slash = strchr(s, '/');
	size_t n = slash != NULL ? (size_t)(slash - s) : strlen(s);
	char addr[INET6_ADDRSTRLEN];
	uint64_t bits = IPV4_BITS;
	unsigned total;

	if (n == 0 || n >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, s, n);
	addr[n] = '\0';
	if (inet_pton(AF_INET, addr, p.addr) != 1) {
		if (inet_pton(AF_INET6, addr, p.addr) != 1)
			return -EINVAL;
		p.family = 6;
		bits = IPV6_BITS;
	}
	total = (unsigned)bits;
	if (slash != NULL) {
		if (fos_value_number(slash + 1, false, &bits) == -EINVAL)
			return -EINVAL;
		if (bits > total)
			return -ERANGE;
	}
	p.bits = (uint8_t)bits;
	n = clear_host_bits(&p, total);
	*out = p;
	return n ? -EDOM : 0;
}

int fos_value_ports(const char *s, struct fos_config_ports *out)
{
	uint64_t low, high;
	int ret = take_digits(&s, 10, &low);

	if (ret == -EINVAL || (*s != '\0' && *s != '-'))
		return -EINVAL;
	high = low;
	if (*s == '-') {
		int second = fos_value_number(s + 1, false, &high);

		if (second == -EINVAL)
			return second;
		ret = ret < 0 ? ret : second;
	}
	if (ret < 0 || low == 0 || high > PORT_MAX || low > high)
		return -ERANGE;
	out->low = (uint16_t)low;
	out->high = (uint16_t)high;
	return 0;
}

int fos_value_proto(const char *s, uint8_t *out)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = { { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmp6", 58 } };
	uint64_t v;
	int ret;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(s, known[i].name) == 0) {
			*out = known[i].number;
			return 0;
		}
	}
	ret = fos_value_number(s, false, &v);
	if (ret == 0 && v > PROTO_MAX)
		ret = -ERANGE;
	if (ret == 0)
		*out = (uint8_t)v;
	return ret;
}

int fos_value_name(const char *s, size_t max)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');

		if (!letter && (i == 0 || (!is_digit(s[i]) && s[i] != '_' && s[i] != '-')))
			return -EINVAL;
	}
	if (n == 0)
		return -EINVAL;
	return n > max ? -ERANGE : 0;
}

int fos_value_device(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == '/' || s[i] == ':' || s[i] == 0x7f)
			return -EINVAL;
	return n > FOS_CONFIG_INTERFACE_NAME_MAX ? -ERANGE : 0;
}

const char *fos_value_size_text(char buf[FOS_VALUE_TEXT_MAX], uint64_t v)
{
	static const char suffix[] = { '\0', 'K', 'M', 'G' };
	size_t i = 0;

	while (i < 3 && v != 0 && v % 1024 == 0) {
		v /= 1024;
		i++;
	}
	snprintf(buf, FOS_VALUE_TEXT_MAX, "%llu%.1s", (unsigned long long)v, &suffix[i]);
	return buf;
}

const char *fos_value_duration_text(char buf[FOS_VALUE_TEXT_MAX], uint64_t ms)
{
	size_t i = 0;

	while (i < NR_UNITS - 1 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	snprintf(buf, FOS_VALUE_TEXT_MAX, "%llu%s", (unsigned long long)(ms / units[i].ms),
		 units[i].unit);
	return buf;
}

const char *fos_value_mac_text(char buf[FOS_VALUE_TEXT_MAX], const uint8_t mac[6])
{
	snprintf(buf, FOS_VALUE_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return buf;
}

const char *fos_value_prefix_text(char buf[FOS_VALUE_TEXT_MAX], const struct fos_config_prefix *p)
{
	char addr[INET6_ADDRSTRLEN] = "";

	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, addr, sizeof(addr));
	snprintf(buf, FOS_VALUE_TEXT_MAX, "%s/%u", addr, p->bits);
	return buf;
}

const char *fos_value_ports_text(char buf[FOS_VALUE_TEXT_MAX], const struct fos_config_ports *p)
{
	if (p->low == p->high)
		snprintf(buf, FOS_VALUE_TEXT_MAX, "%u", p->low);
	else
		snprintf(buf, FOS_VALUE_TEXT_MAX, "%u-%u", p->low, p->high);
	return buf;
}
