/* pms/lib/rules.h - a subset of the rules of Snort and Suricata: text to rules, rules to expressions
 *
 *	alert tcp $HOME_NET any -> any [80,8000:8080] (msg:"upload"; flow:to_server;
 *	  content:"POST "; depth:5; content:"secret"; nocase; distance:0; within:200; sid:1; rev:2;)
 *
 * (one rule a line; a backslash at a line's end continues it; lines beginning with # are none)
 *
 *  action     alert, drop, reject
 *  protocol   tcp, udp, ip (both)
 *  addresses  any, 192.0.2.1, 10.0.0.0/8, IPv6 alike, !x, [x,!y], $NAME of `vars`
 *  ports      any, 80, 1024:65535, :1023, 1024:, !x, [x,!y], $NAME
 *  direction  -> or <>
 *  options    msg, sid (needed), rev, gid, classtype, priority; reference, metadata (not used)
 *             flow: to_server, to_client, from_client, from_server, established, stateless
 *             content: "text", |0d 0a|, \" \\ \; \: within, ! before it; with nocase, offset, depth,
 *               distance, within, startswith, fast_pattern, rawbytes as keywords of their own, or behind
 *               a comma as Snort 3 writes them
 *             pcre: "/expression/ismxAR"
 *
 * Any other keyword is refused by its name.  Also refused: a negative distance, a negated pcre, what is
 * relative to a content behind a negated one, lengths of more than 32000.
 *
 * What is searched is a stream (each direction of a TCP connection) or a datagram: offset and depth
 * count from its beginning, wherever segments end.  A negated content is decided where its depth or
 * within ends, without them at the end of the stream.  `established` is always true: bytes of a
 * stream are those that a connection has carried.
 *
 * Contents that are relative to each other (distance, within, pcre with R) are one regular expression, a
 * term; those that are not are terms of their own, and all terms of a rule must be true.  Which of
 * a term's literals is looked for first is Hyperscan's choice (its fast pattern); `fast_pattern` is
 * taken for the hint that it is.
 *
 * Pure functions: text in, rules or the place of the first fault out.
 */
#ifndef FLOWOS_PMS_LIB_RULES_H
#define FLOWOS_PMS_LIB_RULES_H

#include "pmhost/pm.h"

#define FOS_RULES_MAX 1024u
#define FOS_RULE_TERMS 16u     /* of one rule */
#define FOS_RULE_VARS 32u
#define FOS_RULE_MSG 160u
#define FOS_RULE_LENGTH 32000u /* greatest offset, depth, distance, within */

enum fos_rule_action { FOS_RULE_ALERT, FOS_RULE_DROP, FOS_RULE_REJECT, FOS_RULE_NR_ACTIONS };

struct fos_rule_addr {
	struct fos_prefix of;
	bool not;
};
struct fos_rule_ports {
	uint16_t first, last;
	bool not;
};

/* One side of a header: fits when some item without `not` does, or all have it, and no other. */
struct fos_rule_side {
	struct fos_rule_addr *addr;
	struct fos_rule_ports *ports;
	unsigned nr_addrs, nr_ports;
};

enum fos_term_kind {
	FOS_TERM_IS,       /* regex matches somewhere */
	FOS_TERM_NOWHERE,  /* it does not, with an end at or before `until` */
	/* regex matches, ending at e, and `not_regex`, of `len` bytes, begins nowhere from e + from on
	 * that it could end at or before e + until */
	FOS_TERM_NOT_AFTER
};
#define FOS_TERM_END UINT64_MAX /* as `until`: the end of the stream */

struct fos_rule_term {
	enum fos_term_kind kind;
	char *regex, *not_regex;
	uint64_t from, until;
	uint32_t len;
	unsigned part;         /* its first part's number, */
	unsigned line, column; /* and place */
};

struct fos_rule {
	enum fos_rule_action action;
	uint8_t proto; /* 6, 17, 0 = both */
	bool both_ways, to_server, to_client;
	struct fos_rule_side side[2]; /* source, destination */
	char msg[FOS_RULE_MSG], classtype[FOS_RULE_MSG];
	uint32_t sid, rev, gid, priority;
	struct fos_rule_term term[FOS_RULE_TERMS];
	unsigned nr_terms;
	unsigned line;
};

struct fos_rules { /* zeros at first */
	struct fos_rule *rule;
	unsigned nr;
	struct {
		char name[32];
		char value[1024];
	} var[FOS_RULE_VARS];
	unsigned nr_vars;
};

struct fos_rules_fault {
	unsigned line, column; /* from 1 */
	char what[256];
};

/* Adds the rules of a text.  False: *fault says where and what; those before it have been added. */
bool fos_rules_parse(struct fos_rules *rules, const char *text, size_t len,
		     struct fos_rules_fault *fault);

/* NAME and VALUE of "NAME VALUE"; false: too many, or no such thing. */
bool fos_rules_var(struct fos_rules *rules, const char *name, const char *value);

void fos_rules_free(struct fos_rules *rules);

/* Does the header fit a direction with these ends? */
bool fos_rule_fits(const struct fos_rule *r, const struct fos_flow_info *f);

/* ---- rules_term.c: between the two ----------------------------------------------------------- */

/* A content or pcre as written. */
struct fos_rule_part {
	const char *at; /* in the text, for faults */
	char *bytes;    /* content, or the expression */
	uint32_t len;
	bool pcre, not, nocase, relative, anchored;
	bool has_offset, has_depth, has_distance, has_within;
	uint32_t offset, depth, distance, within;
	char flags[8]; /* pcre */
};

/* Makes the terms of a rule; NULL, or what is wrong with part *which. */
const char *fos_rule_terms(struct fos_rule *r, const struct fos_rule_part *part, unsigned nr,
			   unsigned *which);

#endif
