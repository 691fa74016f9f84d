/* pm_new.c - flowosctl pm new: a small project that builds, tests and installs a module
 *
 * Its files are those of deploy/template, installed as share/flowos/template, with @NAME@ replaced.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/ctl/compile.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/pm.h"

#define MARK "@NAME@"

static const char synopsis[] = "pm new NAME [DIRECTORY]";

static const struct {
	const char *from, *to; /* to: "" = NAME.c */
} part[] = {
	{"module.c", ""}, {"Makefile.in", "Makefile"}, {"pipeline.yaml", "pipeline.yaml"},
	{"in.pcap", "in.pcap"}, {"expect.txt", "expect.txt"}, {"README.md", "README.md"},
};

/* The rule for an instance's name in a configuration, and that of a file. */
static bool good_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= 'A' && name[i] <= 'Z') &&
		    (i == 0 || (!(name[i] >= '0' && name[i] <= '9') && name[i] != '_' &&
				name[i] != '-')))
			return false;
	return n > 0 && n < FOS_NAME_MAX;
}

static void substitute(FILE *to, const char *text, size_t len, const char *name)
{
	size_t mark = strlen(MARK), i = 0;

	while (i < len) {
		if (i + mark <= len && !memcmp(text + i, MARK, mark)) {
			fputs(name, to);
			i += mark;
		} else {
			fputc(text[i++], to);
		}
	}
}

static int copy(const char *from, const char *to, const char *name)
{
	static char text[1 << 16];
	FILE *in = fopen(from, "re"), *out;
	size_t n;

	if (!in)
		return fos_ctl_fail("cannot read %s: %s", from, strerror(errno));
	n = fread(text, 1, sizeof(text), in);
	fclose(in);
	out = fopen(to, "wxe");
	if (!out)
		return fos_ctl_fail("cannot write %s: %s", to, strerror(errno));
	substitute(out, text, n, name);
	if (fclose(out) == 0)
		return FOS_EXIT_OK;
	return fos_ctl_fail("cannot write %s: %s", to, strerror(errno));
}

int fos_ctl_pm_new(int argc, char **argv)
{
	char template[PATH_MAX], from[PATH_MAX + 32], to[PATH_MAX + 64];
	const char *name = argc > 1 ? argv[1] : NULL, *dir = argc > 2 ? argv[2] : name;

	if (argc < 2 || argc > 3 || *name == '-')
		return fos_ctl_misuse(synopsis, "a name is needed");
	if (!good_name(name))
		return fos_ctl_fail("'%.60s' cannot name a module: letters, digits, '_' and '-', "
				    "beginning with a letter, at most %u", name, FOS_NAME_MAX - 1);
	if (strlen(dir) >= PATH_MAX)
		return fos_ctl_fail("the name of the directory is too long");
	if (!fos_share("template", template))
		return fos_ctl_fail("the template is not installed: share/flowos/template is missing "
				    "beside flowosctl; `make install` puts it there");
	if (mkdir(dir, 0755) < 0)
		return fos_ctl_fail(errno == EEXIST ? "%s is there already: choose another name, or "
						      "another directory" :
						      "cannot make %s: %s", dir, strerror(errno));
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		snprintf(from, sizeof(from), "%s/%s", template, part[i].from);
		snprintf(to, sizeof(to), "%s/%s%s", dir, part[i].to[0] ? part[i].to : name,
			 part[i].to[0] ? "" : ".c");
		if (copy(from, to, name) != FOS_EXIT_OK)
			return FOS_EXIT_FAILED;
	}
	printf("%s: %s.c, and what tests it; `make -C %s test`\n", dir, name, dir);
	return FOS_EXIT_OK;
}
