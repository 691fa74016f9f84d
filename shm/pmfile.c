/* shm/pmfile.c - reading section ".flowos.pm" of a shared object, see pmfile.h */
#include "shm/pmfile.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

struct span {
	const uint8_t *p;
	size_t len;
};

/* Part of the file, or nothing when it does not lie inside. */
static struct span part(struct span file, uint64_t off, uint64_t len)
{
	struct span none = {NULL, 0};

	if (off > file.len || len > file.len - off)
		return none;
	return (struct span){file.p + off, (size_t)len};
}

static bool header(struct span file, Elf64_Ehdr *eh)
{
	if (file.len < sizeof(*eh))
		return false;
	memcpy(eh, file.p, sizeof(*eh));
	return memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0 && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == ELFDATA2LSB && (eh->e_type == ET_DYN || eh->e_type == ET_EXEC) &&
	       (MACHINE == EM_NONE || eh->e_machine == MACHINE) &&
	       eh->e_shentsize == sizeof(Elf64_Shdr);
}

static bool section(struct span file, const Elf64_Ehdr *eh, uint32_t i, Elf64_Shdr *sh)
{
	struct span s = part(file, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(*sh));

	if (!s.p || i >= eh->e_shnum)
		return false;
	memcpy(sh, s.p + (size_t)i * sizeof(*sh), sizeof(*sh));
	return true;
}

/* Contents of the section of that name. */
static struct span find(struct span file, const Elf64_Ehdr *eh, const char *name)
{
	struct span none = {NULL, 0};
	struct span names;
	size_t want = strlen(name) + 1;
	Elf64_Shdr sh;

	if (!section(file, eh, eh->e_shstrndx, &sh) || sh.sh_type == SHT_NOBITS)
		return none;
	names = part(file, sh.sh_offset, sh.sh_size);
	for (uint32_t i = 0; names.p && i < eh->e_shnum; i++) {
		struct span n;

		if (!section(file, eh, i, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		n = part(names, sh.sh_name, want);
		if (n.p && memcmp(n.p, name, want) == 0)
			return part(file, sh.sh_offset, sh.sh_size);
	}
	return none;
}

/* Does it name a loader?  Then it is a program; shared objects have none. */
static bool is_program(struct span file, const Elf64_Ehdr *eh)
{
	struct span s = part(file, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr));
	Elf64_Phdr ph;

	for (uint32_t i = 0; s.p && eh->e_phentsize == sizeof(ph) && i < eh->e_phnum; i++) {
		memcpy(&ph, s.p + (size_t)i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return true;
	}
	return eh->e_type == ET_EXEC;
}

static int check_links(const struct fos_pmfile_section *s, const char *name, char *err,
		       size_t err_size)
{
	static const char *const field[] = {"imports", "exports", "after", "before"};
	const char *list[] = {s->imports, s->exports, s->after, s->before};
	struct fos_word w;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const char *p = list[i];
		int rc = memchr(p, 0, FOS_PMFILE_LINKS_MAX) ? 1 : -EINVAL;

		while (rc > 0)
			rc = fos_word_next(&p, &w);
		if (rc < 0) {
			snprintf(err, err_size,
				 "%s: .%s = \"%.100s\" is no list of words NAME[/VERSION][:BYTES][?][+], "
				 "names of a-z, 0-9, '.', '_', '-', at most 31 letters",
				 name, field[i], list[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int check(const struct fos_pmfile_section *s, const char *name, char *err, size_t err_size)
{
	if (s->abi != FOS_PMFILE_ABI || s->size != sizeof(*s)) {
		snprintf(err, err_size,
			 "%s: this module was built for PM ABI %u, this FlowOS speaks ABI %u: "
			 "rebuild it against the installed pmhost/pm.h",
			 name, s->abi, FOS_PMFILE_ABI);
		return -EPROTO;
	}
	if (s->stream > FOS_PMFILE_HTTP_BODY || s->name[0] == '\0' ||
	    (s->flags & ~(uint32_t)(FOS_PMFILE_EDITS | FOS_PMFILE_REWRITES | FOS_PMFILE_PLAIN |
				    FOS_PMFILE_PACKETS | FOS_PMFILE_ROOM | FOS_PMFILE_RESENDS |
				    FOS_PMFILE_SENDS)) != 0 ||
	    s->events >> FOS_NR_EVENTS) {
		snprintf(err, err_size,
			 "%s: FOS_PM() has no .name, or a .stream, .flags or .events that do not exist",
			 name);
		return -EINVAL;
	}
	if (s->stream == FOS_PMFILE_HTTP_BODY && (s->events || s->has_event)) {
		snprintf(err, err_size, "%s: .events and .on_event go with .stream = FOS_APP, FOS_TCP or "
			 "FOS_IP, not with FOS_HTTP_BODY", name);
		return -EINVAL;
	}
	if (s->ctx_size > FOS_PMFILE_CTX_MAX || s->state_size > FOS_PMFILE_STATE_MAX) {
		snprintf(err, err_size,
			 "%s: ctx_size %u or state_size %u is too large: at most %u and %u bytes",
			 name, s->ctx_size, s->state_size, FOS_PMFILE_CTX_MAX,
			 FOS_PMFILE_STATE_MAX);
		return -EINVAL;
	}
	if (s->keys > FOS_PMFILE_KEYS_MAX || s->key_value > FOS_PMFILE_KEY_VALUE_MAX) {
		snprintf(err, err_size, "%s: keys %u or key_value %u is too large: at most %u keys, %u "
			 "bytes each", name, s->keys, s->key_value, FOS_PMFILE_KEYS_MAX,
			 FOS_PMFILE_KEY_VALUE_MAX);
		return -EINVAL;
	}
	return check_links(s, name, err, err_size);
}

/* An orphan is told by its packet alone. */
static uint32_t events_wanted(const struct fos_pmfile_section *s)
{
	if (!s->has_event && !s->events)
		return 0;
	if (s->flags & FOS_PMFILE_PACKETS || s->events & FOS_EVENT_BIT(FOS_EVENT_ORPHAN))
		return FOS_PM_WANTS_EVENTS | FOS_PM_WANTS_PACKETS;
	return FOS_PM_WANTS_EVENTS;
}

static void fill(struct fos_pmfile *out, const struct fos_pmfile_section *s)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->name, s->name, sizeof(out->name) - 1);
	out->http = s->stream == FOS_PMFILE_HTTP_BODY;
	out->stream = out->http ? FOS_STREAM_APP : s->stream;
	out->edits = (s->flags & FOS_PMFILE_EDITS) != 0;
	out->room = (s->flags & FOS_PMFILE_ROOM) != 0;
	out->rewrites = (s->flags & FOS_PMFILE_REWRITES) != 0;
	out->resends = (s->flags & FOS_PMFILE_RESENDS) != 0;
	out->sends = (s->flags & FOS_PMFILE_SENDS) != 0;
	out->gates = s->has_open != 0;
	out->events = s->events;
	out->event_wants = events_wanted(s);
	out->ctx_size = (s->ctx_size + FOS_PM_HOST_CTX + (out->http ? FOS_PM_HTTP_CTX : 0) +
			 (out->event_wants ? FOS_PM_EVENT_CTX : 0) + 15u) & ~15u;
	out->state_size = (s->state_size + FOS_PM_HOST_STATE + 63u) & ~63u;
	while (out->keys < s->keys)
		out->keys = out->keys ? 2 * out->keys : FOS_KEYED_PROBES;
	out->key_value = s->keys ? (s->key_value + 15u) & ~15u : 0;
	memcpy(out->links.imports, s->imports, sizeof(s->imports));
	memcpy(out->links.exports, s->exports, sizeof(s->exports));
	memcpy(out->links.after, s->after, sizeof(s->after));
	memcpy(out->links.before, s->before, sizeof(s->before));
}

int fos_pmfile_parse(const uint8_t *bytes, size_t len, const char *name, struct fos_pmfile *out,
		     char *err, size_t err_size)
{
	struct span file = {bytes, len};
	struct fos_pmfile_section s;
	struct span sec;
	uint64_t magic = 0;
	Elf64_Ehdr eh;
	int rc;

	if (!header(file, &eh)) {
		snprintf(err, err_size,
			 "%s: not a 64-bit shared object of this machine (build it with "
			 "`cc -fPIC -shared`)",
			 name);
		return -ENOEXEC;
	}
	sec = find(file, &eh, FOS_PMFILE_SECTION);
	if (sec.len >= sizeof(magic))
		memcpy(&magic, sec.p, sizeof(magic));
	if (magic != FOS_PMFILE_MAGIC || sec.len < offsetof(struct fos_pmfile_section, name)) {
		snprintf(err, err_size,
			 "%s: not a FlowOS module: section %s is missing (does it use FOS_PM()?)",
			 name, FOS_PMFILE_SECTION);
		return -ENOEXEC;
	}
	memset(&s, 0, sizeof(s));
	memcpy(&s, sec.p, sec.len < sizeof(s) ? sec.len : sizeof(s));
	rc = check(&s, name, err, err_size);
	if (rc == 0) {
		fill(out, &s);
		out->program = is_program(file, &eh);
	}
	return rc;
}

int fos_pmfile_read(const char *path, struct fos_pmfile *out, char *err, size_t err_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *map;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = -errno;
		snprintf(err, err_size, "%s: cannot open the module: %s", path, strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		snprintf(err, err_size, "%s: not a module: %s", path,
			 S_ISREG(st.st_mode) ? "the file is empty" : "not a regular file");
		close(fd);
		return -ENOEXEC;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	rc = -errno;
	close(fd);
	if (map == MAP_FAILED) {
		snprintf(err, err_size, "%s: cannot read the module: %s", path, strerror(-rc));
		return rc;
	}
	rc = fos_pmfile_parse(map, (size_t)st.st_size, path, out, err, err_size);
	munmap(map, (size_t)st.st_size);
	return rc;
}

const char *fos_pmfile_misfit(const struct fos_pmfile *f, const struct fos_dir_pm *d)
{
	if (f->stream != d->stream || f->http != (d->http != 0))
		return "stream";
	if (f->ctx_size > d->ctx_size)
		return "ctx_size";
	if (f->state_size > d->state_size)
		return "state_size";
	if (f->keys > d->keys || f->key_value > d->key_value)
		return "number or size of keys";
	if (f->edits > (d->edits != 0) || (!d->room && f->edits != (d->edits != 0)) ||
	    f->rewrites != (d->rewrites != 0) || f->resends != (d->resends != 0) ||
	    f->sends != (d->sends != 0))
		return "set of flags";
	if (f->events != d->events || f->event_wants != d->event_wants)
		return "set of events";
	return f->gates != (d->gates != 0) ? "set of hooks (on_open)" : NULL;
}
