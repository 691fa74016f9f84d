/* Section .flowos.pm: the two declarations agree; a module's constants are read without running it;
 * any damage is survived and explained; a module that cannot run here is refused. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/pm/play.h"
#include "tests/tap.h"

#define SAME(a, b) \
	_Static_assert(offsetof(struct fos_pm_section, a) == offsetof(struct fos_pmfile_section, b), \
		       "section: " #a)
_Static_assert(sizeof(struct fos_pm_section) == sizeof(struct fos_pmfile_section), "section");
SAME(magic, magic);
SAME(size, size);
SAME(abi, abi);
SAME(name, name);
SAME(stream, stream);
SAME(flags, flags);
SAME(ctx_size, ctx_size);
SAME(state_size, state_size);
SAME(imports, imports);
SAME(exports, exports);
SAME(after, after);
SAME(before, before);
SAME(keys, keys);
SAME(key_value, key_value);
SAME(events, events);
SAME(on_event, has_event);
SAME(init, has_init);
SAME(on_open, has_open);
SAME(on_data, has_data);
SAME(on_close, has_close);
SAME(on_timer, has_timer);
SAME(on_message, has_message);
SAME(fini, has_fini);
SAME(on_head, has_head);
_Static_assert(FOS_PM_ABI == FOS_PMFILE_ABI && FOS_PM_SECTION_MAGIC == FOS_PMFILE_MAGIC, "numbers");
_Static_assert((int)FOS_PM_EDITS == (int)FOS_PMFILE_EDITS &&
		       (int)FOS_PM_REWRITES == (int)FOS_PMFILE_REWRITES &&
		       (int)FOS_PM_ROOM == (int)FOS_PMFILE_ROOM &&
		       (int)FOS_PM_RESENDS == (int)FOS_PMFILE_RESENDS &&
		       (int)FOS_PM_SENDS == (int)FOS_PMFILE_SENDS, "flags");
_Static_assert(FOS_PM_NAME_MAX == FOS_NAME_MAX, "names");

static char dir[4096];

static const char *path(const char *rest)
{
	static char buf[8192];

	snprintf(buf, sizeof(buf), "%s/%s", dir, rest);
	return buf;
}

static void test_modules(void)
{
	struct fos_pmfile f;
	char err[512];

	ok(fos_pmfile_read(path("../pms/adblock.so"), &f, err, sizeof(err)) == 0 &&
		   strcmp(f.name, "adblock") == 0 && f.stream == FOS_STREAM_APP && f.edits &&
		   f.http && !f.gates && !f.rewrites && f.ctx_size == 496 && f.state_size == 64,
	   "the constants of adblock");
	ok(fos_pmfile_read(path("../pms/nat.so"), &f, err, sizeof(err)) == 0 && f.gates &&
		   f.rewrites && !f.edits && f.stream == FOS_STREAM_IP && f.state_size > 16384,
	   "the constants of nat: it gates, rewrites and has a state");
	ok(fos_pmfile_read(path("pm/color.so"), &f, err, sizeof(err)) == 0 &&
		   strcmp(f.name, "color") == 0 && f.edits && f.ctx_size == FOS_PM_HOST_CTX,
	   "the module of the README");
	ok(fos_pmfile_read(path("pm/wrong_abi.so"), &f, err, sizeof(err)) == -EPROTO &&
		   strstr(err, "ABI 4711") && strstr(err, "ABI 2:"),
	   "another ABI is refused, and both numbers are named: %s", err);
	ok(fos_pmfile_read("/nonexistent.so", &f, err, sizeof(err)) == -ENOENT &&
		   strstr(err, "/nonexistent.so: cannot open"),
	   "a missing file is named");
	ok(fos_pmfile_read("/proc/self/exe", &f, err, sizeof(err)) == -ENOEXEC &&
		   strstr(err, "FOS_PM()"),
	   "a program is not a module");
	ok(fos_pmfile_read("/dev/null", &f, err, sizeof(err)) == -ENOEXEC &&
		   fos_pmfile_read("/", &f, err, sizeof(err)) < 0,
	   "devices and directories are not modules");
}

static size_t load(const char *name, uint8_t **bytes)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	*bytes = malloc((size_t)st.st_size);
	n = read(fd, *bytes, (size_t)st.st_size);
	close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void test_damage(void)
{
	uint8_t *bytes, *copy;
	size_t n = load(path("../pms/count.so"), &bytes);
	uint64_t seed = 3;
	struct fos_pmfile f;
	bool good = true;
	char err[512];

	ok(fos_pmfile_parse(bytes, n, "count", &f, err, sizeof(err)) == 0, "the file as it is");
	for (size_t len = 0; len < n && good; len += 1 + n / 997) {
		copy = malloc(len + 1); /* exact, so that a sanitizer sees a read beyond */
		memcpy(copy, bytes, len);
		err[0] = 0;
		good = fos_pmfile_parse(copy, len, "cut", &f, err, sizeof(err)) < 0 && err[0];
		free(copy);
	}
	ok(good, "a file cut anywhere is refused with a sentence");
	copy = malloc(n);
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, bytes, n);
		for (int k = 0; k < 4; k++) /* where the ELF header and section headers lie */
			copy[world_below(&seed, 2) ? world_below(&seed, 64)
						   : n - 1 - world_below(&seed, n / 4)] =
				(uint8_t)world_rand(&seed);
		fos_pmfile_parse(copy, n, "junk", &f, err, sizeof(err));
	}
	ok(true, "20000 damaged headers are survived");
	free(copy);
	free(bytes);
}

static void test_words(void)
{
	static const char *const bad[] = {"Big", "a/0", "a/", "a:", "a:241", "a/70000", "a!", "a?b",
					  "abcdefghijklmnopqrstuvwxyz123456", "-a"};
	const char *p = " file.transfer/2:64, http.request? * x";
	struct fos_word w;
	int n = 0;

	ok(fos_word_next(&p, &w) == 1 && strcmp(w.name, "file.transfer") == 0 && w.version == 2 &&
		   w.bytes == 64 && !w.optional, "a word with version and length");
	ok(fos_word_next(&p, &w) == 1 && strcmp(w.name, "http.request") == 0 && w.optional &&
		   !w.version && !w.bytes, "one that the module works without");
	ok(fos_word_next(&p, &w) == 1 && strcmp(w.name, "*") == 0 &&
		   fos_word_next(&p, &w) == 1 && fos_word_next(&p, &w) == 0, "the rest of the list");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = bad[i];
		n += fos_word_next(&p, &w) == -EINVAL;
	}
	is_u64(n, sizeof(bad) / sizeof(bad[0]), "what is no word is refused");
}

/* The host itself: what the region was laid out for must be what is loaded. */
static int load_in_host(const char *file, uint32_t stream, uint32_t ctx_size, bool edits)
{
	static struct play p;
	uint32_t pm;
	int rc;

	memset(&p, 0, sizeof(p));
	world_plan(&p.w, false);
	pm = world_pm(&p.w, "x", 0, stream, edits);
	p.w.dir->pm[pm].ctx_size = ctx_size;
	p.w.dir->pm[pm].state_size = 512;
	p.w.dir->pm[pm].file_off = play_options(&p, file, strlen(file) + 1);
	p.now = 1;
	world_make(&p.w);
	rc = play_start(&p, pm);
	if (rc == 0)
		p.host[pm].hooks->fini(&p.host[pm]);
	play_kill(&p, pm);
	world_free(&p.w);
	return rc;
}

static void test_host(void)
{
	ok(load_in_host(path("../pms/count.so"), FOS_STREAM_IP, 64, false) == 0,
	   "a host loads the module that its region was made for");
	ok(load_in_host(path("../pms/count.so"), FOS_STREAM_APP, 64, false) == -ESTALE &&
		   load_in_host(path("../pms/count.so"), FOS_STREAM_IP, 16, false) == -ESTALE &&
		   load_in_host(path("../pms/count.so"), FOS_STREAM_IP, 64, true) == -ESTALE,
	   "one with another stream, a larger context or other flags is refused");
	ok(load_in_host(path("pm/wrong_abi.so"), FOS_STREAM_APP, 64, false) == -EPROTO,
	   "one of another ABI is refused before any of its code runs");
	ok(load_in_host(path("../pms/replace.so"), FOS_STREAM_APP, 64, true) < 0,
	   "so is one whose init() does not like its options");
}

int main(int argc, char **argv)
{
	char self[4096];

	(void)argc;
	snprintf(self, sizeof(self), "%s", argv[0]);
	snprintf(dir, sizeof(dir), "%s", dirname(self));
	test_modules();
	test_damage();
	test_words();
	test_host();
	return done();
}
