/* step_victim.h - a process that runs one batch of a stage under ptrace and is killed where one wants */
#ifndef TESTS_UNIT_STEP_VICTIM_H
#define TESTS_UNIT_STEP_VICTIM_H

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "shm/killpoint.h"
#include "tests/unit/step_memory.h"

#define TRAIL_MAX (1u << 20)
#define DEATHS_MAX TRAIL_MAX

static void stop_here(const char *name)
{
	(void)name;
	__asm__ volatile("int3");
}

static uint32_t reached; /* places at which one died */

static void lose(void *arg, uint32_t port, const uint8_t *data, uint32_t len)
{
	(void)arg;
	(void)port;
	(void)data;
	(void)len; /* on the wire; TCP sends it again */
}

static pid_t start_victim(struct sim_proc *sp)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	sim.nic.send = lose;
	sp->proc.now_ns = sim.now;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(9);
	fos_killpoint_hook = stop_here;
	__asm__ volatile("int3");
	fos_proc_work(&sp->proc);
	_exit(0);
}

/* 1 = stopped, 2 = stopped by int3, 0 = ended. */
static int go(pid_t pid, enum __ptrace_request how)
{
	siginfo_t info;
	int status;

	if (how && ptrace(how, pid, NULL, NULL) < 0)
		return 0;
	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		return 0;
	if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) < 0)
		return 0;
	return info.si_code == SI_KERNEL ? 2 : 1;
}

/* Where a death is tried: after so many kill points, when the instruction has been come to so many
 * times; if it is one that repeats itself, after so many rounds. */
struct place {
	uint64_t rip;
	uint32_t points, times, rounds;
};

static uint64_t rip_of(pid_t pid)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

/* Goes through the batch once: places before which the memory has changed; or, with `every`, each so
 * manieth from `first` on. */
static uint32_t places(struct sim_proc *sp, uint32_t every, uint32_t first, struct place *to,
		       uint32_t *instructions)
{
	static uint64_t trail[TRAIL_MAX];
	pid_t pid = start_victim(sp);
	uint32_t n = 0, nr_trail = 0;
	struct place at = {0};
	int how = go(pid, 0);

	*instructions = 0;
	for (uint32_t i = 0; i < nr_pages; i++)
		memcpy(was[i], page[i], PAGE);
	while (how) {
		if (every ? *instructions % every == first % every : changed()) {
			if (n == DEATHS_MAX)
				abort();
			at.times = 0;
			for (uint32_t i = 0; i < nr_trail; i++)
				at.times += trail[i] == at.rip;
			to[n++] = at;
		}
		how = go(pid, PTRACE_SINGLESTEP);
		++*instructions;
		if (how == 2) {
			at = (struct place){.points = at.points + 1};
			nr_trail = 0;
		} else if (how && nr_trail > 0 && rip_of(pid) == at.rip) {
			at.rounds++;
		} else if (how) {
			at.rip = rip_of(pid);
			at.rounds = 0;
			if (nr_trail == TRAIL_MAX)
				abort();
			trail[nr_trail++] = at.rip;
		}
	}
	return n;
}

static void break_at(pid_t pid, uint64_t rip)
{
	if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), rip) < 0 ||
	    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), rip ? 1ul : 0ul) < 0)
		abort();
}

/* A process dies there.  What the device has got by then is in its copy of the NIC. */
static void die_at(struct sim_proc *sp, const struct place *at, struct sim_nic *nic)
{
	pid_t pid = start_victim(sp);
	struct iovec to = {nic, sizeof(*nic)}, from = {&sim.nic, sizeof(sim.nic)};
	int how = go(pid, 0);

	for (uint32_t i = 0; how && i < at->points; i++)
		how = go(pid, PTRACE_CONT);
	if (at->times)
		break_at(pid, at->rip);
	for (uint32_t i = 0; how && i < at->times; i++)
		how = go(pid, PTRACE_CONT);
	if (at->times)
		break_at(pid, 0);
	for (uint32_t i = 0; how && i < at->rounds; i++)
		how = go(pid, PTRACE_SINGLESTEP);
	reached += how && (at->times == 0 || rip_of(pid) == at->rip);
	/* what the device does, it does at one blow */
	do {
		if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)sizeof(*nic))
			*nic = sim.nic;
	} while (nic->busy && go(pid, PTRACE_SINGLESTEP));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nic->send = sim.nic.send;
}

#endif
