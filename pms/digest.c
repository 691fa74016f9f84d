/* digest - one line for every finished direction of a TCP connection that carried data
 *
 * Lesson: a computation that spans a stream lives in the context.  The state of SHA-256 is a plain
 * struct; it is committed together with the head, so after a kill it stands exactly at the first
 * byte not yet hashed, and the line that on_close writes is there exactly once.
 *
 *   options:
 *     file: digest.tsv     default: standard output
 *
 * Tab-separated: src sport dst dport conn bytes sha256.  Addresses as on the wire at ingress, IPv6
 * as RFC 5952 writes them; conn counts the connections of that 4-tuple from 0; bytes and sha256 are
 * those of the application stream.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the newer calls hide the state behind a pointer */
#include <inttypes.h>
#include <openssl/sha.h>

#include "pmhost/pm.h"

#define TCP 6

struct sum {
	uint64_t bytes;
	SHA256_CTX sha;
};

static int out;

static int init(struct fos_instance *pm)
{
	out = fos_output(pm, fos_option(pm, "file", 0));
	return out < 0 ? out : 0;
}

static void on_data(struct fos_window *w)
{
	struct sum *sum = fos_ctx(w);
	uint64_t pos = fos_head(w);
	struct fos_iov v[16];
	int n;

	if (sum->bytes == 0)
		SHA256_Init(&sum->sha);
	while ((n = fos_iov(w, pos, SIZE_MAX, v, 16)) > 0) {
		for (int i = 0; i < n; i++) {
			SHA256_Update(&sum->sha, v[i].data, v[i].len);
			sum->bytes += v[i].len;
			pos += v[i].len;
		}
	}
	fos_release_all(w);
}

static void on_close(struct fos_window *w, uint32_t why)
{
	const struct fos_flow_info *f = fos_flow(w);
	struct sum *sum = fos_ctx(w);
	char src[FOS_ADDRESS_TEXT], dst[FOS_ADDRESS_TEXT], hex[2 * SHA256_DIGEST_LENGTH + 1];
	unsigned char sha[SHA256_DIGEST_LENGTH];

	(void)why;
	if (sum->bytes == 0 || f->proto != TCP)
		return;
	SHA256_Final(sha, &sum->sha);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) {
		hex[2 * i] = "0123456789abcdef"[sha[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[sha[i] & 15];
	}
	hex[sizeof(hex) - 1] = '\0';
	fos_printf(fos_pm_of(w), out, "%s\t%u\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
		   fos_address_text(f->src, src), f->sport, fos_address_text(f->dst, dst), f->dport,
		   f->number, sum->bytes, hex);
}

FOS_PM(.name = "digest", .stream = FOS_APP, .ctx_size = sizeof(struct sum), .init = init,
	.on_data = on_data, .on_close = on_close);
