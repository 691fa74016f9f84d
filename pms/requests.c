/* requests - a line for each HTTP request
 *
 * Lesson: a module may read no stream at all, only what others say of it.  This one imports
 * "http.request/1" (pm_http.h), which `transfer` exports, and is never in the traffic's way; each
 * request has one line, whatever is killed, for the line is committed with the message.
 *
 *   options:
 *     file: requests.tsv    default: standard output
 *     hosts: [a.example]    only those, without regard to case; default: all
 *
 * Columns, with tabs between: number on its connection, method, host, target, HTTP/1.minor, bytes of the
 * body as announced ("-": not announced).  Bytes that would break a line are written as "?", and a host
 * or target that was longer than the message ends in "...".
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "pmhost/pm.h"

#define MAX_HOSTS 64u

static int output;
static const char *hosts[MAX_HOSTS];
static unsigned nr_hosts;

static int init(struct fos_instance *pm)
{
	for (nr_hosts = 0; nr_hosts < MAX_HOSTS; nr_hosts++)
		if ((hosts[nr_hosts] = fos_option(pm, "hosts", nr_hosts)) == NULL)
			break;
	if (nr_hosts == MAX_HOSTS && fos_option(pm, "hosts", MAX_HOSTS)) {
		fos_say(pm, "option hosts: more than %u", MAX_HOSTS);
		return -1;
	}
	output = fos_output(pm, fos_option(pm, "file", 0));
	return output < 0 ? -1 : 0;
}

static bool wanted(const char *host)
{
	for (unsigned i = 0; i < nr_hosts; i++)
		if (strcasecmp(hosts[i], host) == 0)
			return true;
	return nr_hosts == 0;
}

/* The next of the message's strings, made fit for a line. */
static const char *next_text(struct fos_request *r, size_t *at)
{
	char *s = (char *)r->text + *at;

	for (char *p = s; *p; p++)
		if ((uint8_t)*p < ' ' || *p == 0x7f)
			*p = '?';
	*at += strlen(s) + 1;
	return s;
}

static void on_message(struct fos_instance *pm, const struct fos_message *msg)
{
	char length[24] = "-";
	const char *method, *host, *target;
	struct fos_request r;
	size_t at = 0, ends = 0;

	if (!msg->name || msg->len < FOS_REQUEST_SIZE(0) || msg->len > sizeof(r))
		return;
	memset(&r, 0, sizeof(r));
	memcpy(&r, msg->data, msg->len);
	for (size_t i = 0; i < msg->len - FOS_REQUEST_SIZE(0); i++)
		ends += r.text[i] == '\0';
	if (ends != 3) /* three strings, each with its end */
		return;
	method = next_text(&r, &at);
	host = next_text(&r, &at);
	target = next_text(&r, &at);
	if (!wanted(host))
		return;
	if (r.length != UINT64_MAX)
		snprintf(length, sizeof(length), "%" PRIu64, r.length);
	fos_printf(pm, output, "%u\t%s\t%s\t%s%s\t%u\t%s\n", r.number, method, host, target,
		   r.flags & FOS_REQUEST_CUT ? "..." : "", r.minor, length);
}

FOS_PM(.name = "requests", .stream = FOS_APP, .imports = "http.request/1", .init = init,
	.on_message = on_message);
