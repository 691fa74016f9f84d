/* fail.c - one call of one program fails, once or for good; to be preloaded
 *
 *	FAIL="PROGRAM CALL N FILE": the Nth CALL that PROGRAM makes returns an error; FILE, made then,
 *	says that it has happened, and there is no other.
 *	FAIL="PROGRAM CALL N FILE ever": so does every CALL after it, of its successors as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);

static char call[32], file[256];
static int left;
static int ever;

__attribute__((constructor)) static void begin(void)
{
	const char *how = getenv("FAIL");
	char program[64], often[8] = "";
	int n;

	if (!how || sscanf(how, "%63s %31s %d %255s %7s", program, call, &n, file, often) < 4 ||
	    strcmp(program, program_invocation_short_name) != 0)
		return;
	ever = often[0] != 0;
	left = ever && access(file, F_OK) == 0 ? 1 : n;
}

static int fails(const char *name, int error)
{
	int fd;

	if (left == 0 || strcmp(name, call) != 0 || --left > 0)
		return 0;
	left = ever;
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && !ever)
		return 0;
	if (fd >= 0)
		close(fd);
	errno = error;
	return 1;
}

void *malloc(size_t n)
{
	return fails("malloc", ENOMEM) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t m)
{
	return fails("calloc", ENOMEM) ? NULL : __libc_calloc(n, m);
}

void *realloc(void *p, size_t n)
{
	return fails("realloc", ENOMEM) ? NULL : __libc_realloc(p, n);
}

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	if (fails("mmap", ENOMEM))
		return MAP_FAILED;
	return NEXT(void *(*)(void *, size_t, int, int, int, off_t), "mmap")(at, len, prot, flags, fd,
									       off);
}

int ftruncate(int fd, off_t len)
{
	return fails("ftruncate", ENOSPC) ? -1 : NEXT(int (*)(int, off_t), "ftruncate")(fd, len);
}

int memfd_create(const char *name, unsigned flags)
{
	return fails("memfd_create", EMFILE) ?
		       -1 : NEXT(int (*)(const char *, unsigned), "memfd_create")(name, flags);
}

int eventfd(unsigned init, int flags)
{
	return fails("eventfd", EMFILE) ? -1 : NEXT(int (*)(unsigned, int), "eventfd")(init, flags);
}

int socket(int domain, int type, int protocol)
{
	return fails("socket", EMFILE) ?
		       -1 : NEXT(int (*)(int, int, int), "socket")(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails("bind", EADDRINUSE) ?
		       -1 : NEXT(int (*)(int, const struct sockaddr *, socklen_t), "bind")(fd, sa, len);
}

int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	return fails("connect", EAGAIN) ?
		       -1 :
		       NEXT(int (*)(int, const struct sockaddr *, socklen_t), "connect")(fd, sa, len);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	return fails("sendmsg", ENOBUFS) ?
		       -1 : NEXT(ssize_t (*)(int, const struct msghdr *, int), "sendmsg")(fd, m, flags);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	return fails("recvmsg", ENOMEM) ?
		       -1 : NEXT(ssize_t (*)(int, struct msghdr *, int), "recvmsg")(fd, m, flags);
}
