/* test_starved.c - a watchdog tells a process that hangs from one that waits for a processor */
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/starved.h"
#include "tests/tap.h"

#define LONG_NS 150000000u

static volatile uint64_t burnt;

static pid_t child(bool loops)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(120); /* also when we are killed */
	while (loops)
		burnt++;
	for (;;)
		pause();
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* However long it takes: the looper gets its processor time some time. */
static void wait_for_cpu(pid_t pid, uint64_t ns)
{
	const struct timespec pause_ns = {.tv_nsec = 10000000};

	while (fos_starved_cpu_ns(pid) < ns)
		nanosleep(&pause_ns, NULL);
}

/* Until it sleeps: the state is the kernel's to tell, and a new process runs first. */
static bool comes_to_rest(pid_t pid, uint64_t cpu)
{
	const struct timespec pause_ns = {.tv_nsec = 10000000};

	for (int i = 0; i < 6000 && fos_starved(pid, cpu); i++)
		nanosleep(&pause_ns, NULL);
	return !fos_starved(pid, cpu);
}

/* A debugger of its own process, as gdb is: it attaches, stops it, and stays. */
static pid_t debugger(pid_t pid)
{
	int status, there[2];
	char c = 0;
	pid_t d;

	if (pipe(there) < 0)
		abort();
	d = fork();
	if (d == 0) {
		alarm(120);
		c = ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0 && waitpid(pid, &status, __WALL) == pid;
		if (write(there[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	if (read(there[0], &c, 1) != 1)
		c = 0;
	close(there[0]);
	close(there[1]);
	if (c)
		return d;
	end(d);
	return 0;
}

static void test_traced(void)
{
	pid_t pid = child(false), d = debugger(pid);
	int status;

	ok(!fos_starved_traced(getpid()), "who is not traced");
	if (!d) {
		skip("what a debugger holds: ptrace is not allowed here");
		skip("what a debugger held: ptrace is not allowed here");
	} else {
		ok(fos_starved_traced(pid) && !fos_starved(pid, 0), "what a debugger holds is traced");
		end(d);
		ok(!fos_starved_traced(pid), "and no more when that has gone");
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
		ok(!fos_starved_traced(pid), "by ourselves does not count");
		kill(pid, SIGKILL);
		waitpid(pid, &status, __WALL);
	} else {
		skip("by ourselves: ptrace is not allowed here");
		end(pid);
	}
	ok(!fos_starved_traced(pid), "nor is one that is gone");
}

int main(void)
{
	pid_t pid = child(true);
	uint64_t cpu;
	int status;

	tap_plan(14);
	wait_for_cpu(pid, LONG_NS);
	ok(!fos_starved(pid, 0), "one that has used its processor time hangs");
	/* as if it had been heard a moment later: it cannot have used more since then */
	ok(fos_starved(pid, UINT64_MAX), "one that is ready to run and has used none waits for it");
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	cpu = fos_starved_cpu_ns(pid);
	ok(!fos_starved(pid, cpu), "one that is stopped hangs");
	ok(fos_starved_lives(pid), "but lives");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	ok(!fos_starved_lives(pid), "one that nobody has waited for yet does not");
	end(pid);
	ok(!fos_starved_lives(pid), "nor one that is gone");
	is_u64(fos_starved_cpu_ns(pid), 0, "one that is not there has used nothing");
	ok(!fos_starved(pid, 0), "and waits for nothing");
	pid = child(false);
	ok(comes_to_rest(pid, UINT64_MAX), "one that sleeps hangs");
	end(pid);
	test_traced();
	return done();
}
