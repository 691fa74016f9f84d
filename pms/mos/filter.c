/* filter.c - which connections and packets a socket is shown: filters in the pcap language, on the IP
 * packet, so that VLAN tags make no difference */
#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "pms/mos/mos.h"

#define SNAPLEN 65535

bool fos_mos_filter_pass(const struct bpf_program *f)
{
	const struct fos_mos_packet *p = &fos_mos.packet;
	struct pcap_pkthdr h = {0};

	if (!f)
		return true;
	if (!fos_mos_packet_build())
		return false;
	h.caplen = h.len = p->len - ETH_HLEN;
	return pcap_offline_filter(f, &h, p->frame + ETH_HLEN) != 0;
}

void fos_mos_filter_free(struct bpf_program *f)
{
	if (!f)
		return;
	pcap_freecode(f);
	free(f);
}

static bool is_word(const char *text, size_t len, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == len && !strncasecmp(*list, text, len))
			return true;
	return false;
}

/* What is known of a connection from its first packet on: its filters say no more than addresses. */
static bool of_connections(const char *text)
{
	static const char *const alone[] = {"tcp", "src", "dst", "not", "and", "or", "!", "&&", "||",
					    "&", "|", NULL};
	static const char *const named[] = {"host", "net", "mask", "port", "portrange", NULL};
	bool value = false;

	for (;;) {
		size_t n;

		text += strspn(text, " \t\n()");
		n = strcspn(text, " \t\n()");
		if (n == 0)
			return !value;
		if (value)
			value = false;
		else if (is_word(text, n, named))
			value = true;
		else if (!is_word(text, n, alone))
			return false;
		text += n;
	}
}

/* Takes the place of *f; 0 or an errno. */
static int set(struct bpf_program **f, const char *text, bool connections)
{
	struct bpf_program *n;
	pcap_t *dead;
	int rc;

	if (connections && !of_connections(text))
		return EINVAL;
	n = calloc(1, sizeof(*n));
	dead = pcap_open_dead(DLT_RAW, SNAPLEN);
	if (!n || !dead) {
		free(n);
		if (dead)
			pcap_close(dead);
		return ENOMEM;
	}
	rc = pcap_compile(dead, n, text, 1, PCAP_NETMASK_UNKNOWN);
	if (rc < 0)
		fprintf(stderr, "mos: filter \"%s\": %s\n", text, pcap_geterr(dead));
	pcap_close(dead);
	if (rc < 0) {
		free(n);
		return EINVAL;
	}
	fos_mos_filter_free(*f);
	*f = n;
	return 0;
}

int mtcp_bind_monitor_filter(mctx_t mctx, int sock, monitor_filter_t ft)
{
	struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_LISTENER | FOS_MOS_RAW);
	int rc = 0;

	if (!s)
		return -1;
	if (!ft)
		return 0;
	if (s->type == MOS_SOCK_MONITOR_RAW) {
		rc = ft->raw_pkt_filter ? set(&s->filter[0], ft->raw_pkt_filter, false) : 0;
	} else {
		if (ft->stream_syn_filter)
			rc = set(&s->filter[0], ft->stream_syn_filter, true);
		if (rc == 0 && ft->stream_orphan_filter)
			rc = set(&s->filter[1], ft->stream_orphan_filter, true);
	}
	return rc ? fos_mos_fail(rc) : 0;
}
