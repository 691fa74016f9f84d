/* shm/loop.h - how a stage sleeps: one io_uring over doorbells, watched sockets and the keeper
 *
 * Where io_uring is not permitted (many containers), ppoll does the same, with one warning.
 * Waking is only ever a hint: after every wait the caller looks at everything.
 * Caller: the process skeleton, one thread.
 */
#ifndef FOS_SHM_LOOP_H
#define FOS_SHM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct fos_loop;

/* NULL with errno set when there is no memory. */
struct fos_loop *fos_loop_create(bool ring);
void fos_loop_destroy(struct fos_loop *l);

/* Wakes on input of fd from now on; the fd stays the caller's and must outlive the loop, but for
 * fos_loop_unwatch().  bell: an eventfd, whose count nobody needs.  -errno. */
int fos_loop_watch(struct fos_loop *l, int fd, bool bell);
void fos_loop_unwatch(struct fos_loop *l, int fd);

/* Waits for input on any watched fd, a signal, or timeout_ns. */
void fos_loop_wait(struct fos_loop *l, uint64_t timeout_ns);

#endif
