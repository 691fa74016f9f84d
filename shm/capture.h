/* shm/capture.h - reads capture files (pcap, pcapng), writes pcap
 *
 * Reading and writing go through a private io_uring with two buffers, one of which is always on
 * its way; where io_uring is not permitted, through read(2) and write(2).  Files of any size;
 * pipes too.  One thread per object.  Calls may wait for the disk.
 *
 * The reader trusts nothing: what is malformed ends the capture with one line that names the
 * file, the byte offset and the fault; the packets before it have been delivered.  Memory is
 * bounded whatever the file says.
 */
#ifndef FOS_SHM_CAPTURE_H
#define FOS_SHM_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOS_CAPTURE_MAX_PACKET 262144u /* captured bytes of one packet; more is malformed */
#define FOS_CAPTURE_MAX_INTERFACES 65536u

struct fos_capture;
struct fos_capture_writer;

struct fos_capture_packet {
	const uint8_t *data; /* valid until the next call on the capture */
	uint32_t caplen;
	uint32_t origlen;   /* length on the wire, at least caplen */
	uint64_t time_ns;   /* since the epoch; 0 before any packet with a time */
	uint32_t link;      /* link type, as libpcap numbers them */
	uint32_t interface; /* counts from 0 through all sections of a pcapng file */
};

/* Open a capture; "-" is standard input.  NULL with one line in err. */
struct fos_capture *fos_capture_open(const char *path, char *err, size_t errlen);

/* The same from a descriptor, which is taken over also on failure; `plain` means no io_uring. */
struct fos_capture *fos_capture_open_fd(int fd, const char *name, bool plain, char *err,
					size_t errlen);

/* 1: a packet; 0: the end; -1: the file is malformed or unreadable from here on, and
 * fos_capture_error() says why.  0 and -1 repeat. */
int fos_capture_next(struct fos_capture *c, struct fos_capture_packet *p);
const char *fos_capture_error(const struct fos_capture *c);

/* Known from open() on: the link type of the first interface (UINT32_MAX: a pcapng file without
 * one before its first packet), and whether times are finer than a microsecond. */
uint32_t fos_capture_link(const struct fos_capture *c);
bool fos_capture_nanosecond(const struct fos_capture *c);

void fos_capture_close(struct fos_capture *c);

/* ---- writing --------------------------------------------------------------------------------- */

/* Create a capture of one link type; "-" is standard output.  With `resume` > 0 an existing file
 * is cut to that many bytes (a value of fos_capture_size()) and continued: how a restarted writer
 * goes on.  NULL with one line in err. */
struct fos_capture_writer *fos_capture_create(const char *path, uint32_t link, bool nanosecond,
					      uint64_t resume, char *err, size_t errlen);

/* Append a packet.  The bytes are copied; an error of the disk may show in a later call.  0, or
 * -errno, again and again after the first. */
int fos_capture_write(struct fos_capture_writer *w, const void *data, uint32_t caplen,
		      uint32_t origlen, uint64_t time_ns);

/* Bytes appended so far, and write all of them out (not to the platter: no fsync). */
uint64_t fos_capture_size(const struct fos_capture_writer *w);
int fos_capture_flush(struct fos_capture_writer *w);

/* Flush, close, free.  0 or -errno with one line in err. */
int fos_capture_finish(struct fos_capture_writer *w, char *err, size_t errlen);

#endif
