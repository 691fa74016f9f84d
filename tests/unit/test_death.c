/* Word of a process's death, before its memory is taken apart (shm/death.h). */
#include "shm/death.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/grant.h"
#include "tests/tap.h"

static void *wait_for_ever(void *arg)
{
	int *to = arg;

	if (write(*to, "t", 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

/* The host of a module; its first thread ends, another goes on. */
static void live(int keeper)
{
	pthread_t thread;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fos_death_offer(keeper) < 0)
		_exit(1);
	if (fos_death_offer(keeper) >= 0 || pthread_create(&thread, NULL, wait_for_ever, &keeper) != 0)
		_exit(2);
	syscall(SYS_exit, 0);
}

static bool hears_of_exits(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 11));
}

int main(void)
{
	char line[64] = "", t;
	siginfo_t info;
	int end[2], fd, none, other = eventfd(1, 0);
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, end) < 0 || (pid = fork()) < 0)
		return 1;
	if (pid == 0)
		live(end[1]);
	close(end[1]);
	while (recv(end[0], &t, 1, MSG_PEEK) < 0)
		continue;
	fd = -1;
	fos_grant_hear(end[0], line, strlen("{\"cmd\":\"watch\"}\n"), &fd);
	if (fd < 0) {
		skip("this kernel, or whoever started this, gives no listener to a filter");
		return done();
	}
	ok(strcmp(line, "{\"cmd\":\"watch\"}\n") == 0, "a line comes, and a descriptor");
	ok(fos_death_genuine(fd), "which is what it should be");
	ok(!fos_death_genuine(other) && !fos_death_genuine(-1), "others are not");
	ok(recv(end[0], &t, 1, 0) == 1 && t == 't' &&
		   fos_grant_hear(end[0], line, sizeof(line), &none) < 0 && none < 0,
	   "a second one cannot be had");
	usleep(20000);
	ok(!fos_death_over(fd), "one of two threads has ended: the process lives");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	if (hears_of_exits())
		ok(fos_death_over(fd), "killed, and before anybody has heard of it otherwise: it is over");
	else
		skip("before Linux 6.11 it is heard of when the process has been reaped");
	waitpid(pid, NULL, 0);
	ok(fos_death_over(fd), "reaped: it is over");
	return done();
}
