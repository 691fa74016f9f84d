/* shm/keeper_match.c - the superset of packets that the pipelines can match
 *
 * The XDP program knows whole IP protocols only; what it takes too much goes through the box
 * untouched.  A filter expression is looked at only as far as to see that it speaks of TCP, UDP or
 * ICMP alone; anything else takes all IP.
 */
#include <stdio.h>
#include <string.h>

#include "shm/keeper.h"

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, ETH_IP = 0x0800, ETH_IP6 = 0x86dd };

static void take(struct fos_steer_conf *conf, unsigned proto)
{
	conf->proto[proto / 64] |= 1ull << proto % 64;
}

static bool is_or(const char *word)
{
	return !strcmp(word, "or") || !strcmp(word, "||");
}

static int protocol(const char *word)
{
	return !strcmp(word, "tcp") ? TCP : !strcmp(word, "udp") ? UDP
	     : !strcmp(word, "icmp") ? ICMP : !strcmp(word, "icmp6") ? ICMP6 : -1;
}

/* Every alternative ("or") begins with a protocol's name, and nothing is negated or nested. */
static bool simple_filter(const char *filter, struct fos_steer_conf *conf)
{
	char copy[1024], *save = NULL, *word;
	bool first = true;

	if (strlen(filter) >= sizeof(copy) || strpbrk(filter, "!()[]&") || strstr(filter, "not"))
		return false;
	snprintf(copy, sizeof(copy), "%s", filter);
	for (word = strtok_r(copy, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		if (first) {
			int proto = protocol(word);

			if (proto < 0)
				return false;
			take(conf, (unsigned)proto);
		}
		first = is_or(word);
	}
	return !first;
}

static void add_match(const struct fos_dir *dir, const struct fos_match *m,
		      struct fos_steer_conf *conf)
{
	struct fos_steer_conf more = {0};

	if (m->fields & FOS_MATCH_FILTER) {
		if (!simple_filter(fos_dir_string(dir, m->filter_off), &more))
			conf->all_ip = 1;
	} else if (m->fields & FOS_MATCH_PROTO) {
		take(&more, m->proto);
	} else if (m->fields & (FOS_MATCH_SPORT | FOS_MATCH_DPORT)) {
		take(&more, TCP);
		take(&more, UDP);
	} else if (!(m->fields & FOS_MATCH_ETH_TYPE) || m->eth_type == ETH_IP ||
		   m->eth_type == ETH_IP6) {
		conf->all_ip = 1;
	}
	for (int i = 0; i < 4; i++)
		conf->proto[i] |= more.proto[i];
}

void fos_keeper_superset(const struct fos_dir *dir, struct fos_steer_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		add_match(dir, &dir->pipeline[i].match, conf);
	conf->drop_when_down = dir->when_down_drop;
}
