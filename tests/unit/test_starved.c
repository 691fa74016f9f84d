/* test_starved.c - a watchdog tells a process that hangs from one that waits for a processor */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/starved.h"
#include "tests/tap.h"

#define LONG_NS 150000000u

static pid_t child(bool loops)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(120); /* also when we are killed */
	for (volatile uint64_t n = 0; loops; n++)
		continue;
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

int main(void)
{
	pid_t pid = child(true);
	uint64_t cpu;
	int status;

	tap_plan(9);
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
	return done();
}
