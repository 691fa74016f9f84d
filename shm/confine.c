/* shm/confine.c - see confine.h */
#define _GNU_SOURCE
#include "shm/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shm/death.h"
#include "shm/proc.h"

#define OPEN_FILES 512u

/* ------------------------------------------------------------------ system calls */

/* What the host, the C library and a module that reads and writes its files need. */
static const char *const allowed[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "open", "openat", "close",
	"stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getcwd", "getdents64", "fcntl", "dup", "dup2", "dup3", "ftruncate",
	"fsync", "fdatasync", "mmap", "munmap", "mprotect", "mremap", "madvise", "brk",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getrandom", "uname",
	"sched_yield", "sched_getaffinity", "getcpu", "prlimit64", "getrlimit", "getrusage",
	"sysinfo", "futex", "poll", "ppoll", "select", "pselect6", "connect", "sendto", "sendmsg",
	"recvfrom", "recvmsg", "getsockopt", "setsockopt", "getsockname", "getpeername", "shutdown",
	"exit", "exit_group", "set_robust_list", "rseq", "ioctl",
};

/* Nobody calls these by mistake. */
static const char *const deadly[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_open",
	"pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"memfd_create", "memfd_secret", "fallocate", "truncate", "fork", "vfork", "clone", "clone3",
	"execve", "execveat", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "bpf",
	"perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd",
	"shmget", "shmat", "mbind", "set_mempolicy", "migrate_pages", "move_pages", "mlock", "mlockall",
	"init_module", "finit_module", "kexec_load", "reboot", "swapon", "keyctl", "add_key",
	"setuid", "setresuid", "setgid", "setresgid", "seccomp",
};

static int add(scmp_filter_ctx f, uint32_t action, const char *const *name, size_t nr)
{
	int rc = 0;

	for (size_t i = 0; i < nr && rc == 0; i++) {
		int number = seccomp_syscall_resolve_name(name[i]);

		/* not on this machine, or not in this library's table: refused like all others */
		if (number >= 0)
			rc = seccomp_rule_add(f, action, number, 0);
	}
	return rc;
}

/* Some are allowed with one argument only. */
static int add_by_argument(scmp_filter_ctx f)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)); /* abort() */

	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, 1 /* AF_UNIX */, 0));
	return rc;
}

static bool is_by_argument(const char *name)
{
	return !strcmp(name, "mmap") || !strcmp(name, "madvise");
}

static int add_memory(scmp_filter_ctx f)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, 0));

	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(mmap), 1,
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, MAP_HUGETLB));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(madvise), 1,
				      SCMP_A2(SCMP_CMP_EQ, MADV_REMOVE, 0));
	for (unsigned advice = 0; rc == 0 && advice < 26; advice++)
		if (advice != MADV_REMOVE)
			rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
					      SCMP_A2(SCMP_CMP_EQ, advice, 0));
	return rc;
}

static int filter(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	const char *plain[sizeof(allowed) / sizeof(allowed[0])];
	size_t n = 0;
	int rc;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (!is_by_argument(allowed[i]))
			plain[n++] = allowed[i];
	rc = add(f, SCMP_ACT_ALLOW, plain, n);
	if (rc == 0)
		rc = add(f, SCMP_ACT_TRAP, deadly, sizeof(deadly) / sizeof(deadly[0]));
	if (rc == 0)
		rc = add_by_argument(f);
	if (rc == 0)
		rc = add_memory(f);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

/* ------------------------------------------------------------------ paths */

/* Folders above the run directory may be closed to the user that we become; a descriptor is not. */
static int reachable(const char *path, char *to, size_t size)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (!slash || slash == path)
		return -EINVAL;
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(to, size, "/proc/self/fd/%d%s", fd, slash);
	return 0;
}

static int keep_paths(const char **keeper)
{
	static char control[108], notify[108];
	const char *manager = getenv("NOTIFY_SOCKET");
	int rc = reachable(*keeper, control, sizeof(control));

	if (rc == 0)
		*keeper = control;
	if (rc == 0 && manager && manager[0] == '/') {
		rc = reachable(manager, notify, sizeof(notify));
		if (rc == 0)
			setenv("NOTIFY_SOCKET", notify, 1);
	}
	return rc;
}

/* ------------------------------------------------------------------ the user, the limits */

static int limit(int what, rlim_t most)
{
	struct rlimit r = {most, most};

	return setrlimit((__rlimit_resource_t)what, &r) < 0 ? -errno : 0;
}

static int become(uint32_t proc)
{
	uid_t uid = FOS_CONFINE_UID + proc;
	int rc = limit(RLIMIT_DATA, FOS_CONFINE_BYTES);

	if (rc == 0)
		rc = limit(RLIMIT_CORE, 0);
	if (rc == 0)
		rc = limit(RLIMIT_NOFILE, OPEN_FILES);
	if (rc == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0)
		rc = -errno;
	for (int cap = 0; rc == 0 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	/* leaving user 0 empties the other sets; the process is not dumpable after that, so others of
	 * its user (its spare) cannot look into it */
	if (rc == 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
			setresuid(uid, uid, uid) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0))
		rc = -errno;
	return rc;
}

/* Who is nobody already is so by the manager's doing, and may share that user with its spare, or with other
 * modules where `flowosctl enable` was not asked: these are not to look into it either. */
static int stay(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ?
		       -errno : 0;
}

int fos_confine(uint32_t proc, const char **keeper, int keeper_fd)
{
	bool root = geteuid() == 0;
	int rc = root ? keep_paths(keeper) : 0;

	if (rc == 0)
		rc = root ? become(proc) : stay();
	/* where it cannot be had, the keeper sees our end a little later */
	if (rc == 0)
		fos_death_offer(keeper_fd);
	if (rc == 0)
		rc = filter();
	if (rc < 0)
		fos_log(FOS_LOG_ERROR, "cannot give up privileges before the module is loaded: %s",
			strerror(-rc));
	return rc;
}
