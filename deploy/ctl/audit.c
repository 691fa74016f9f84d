/* audit.c - flowosctl audit: proves from shared memory that nothing is lost or in two places */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "deploy/audit/audit.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/json.h"

#define LOOKS 20u
#define PAUSE_NS 20000000L
#define SHOWN 20u

static const char synopsis[] = "audit [FILE] [-o json] [--run-dir DIR]";

static const char *const place_name[FOS_NR_PLACES] = {
	[FOS_PLACE_NOWHERE] = "moving",	  [FOS_PLACE_FREE] = "free",
	[FOS_PLACE_RX] = "rx",		  [FOS_PLACE_RING] = "rings",
	[FOS_PLACE_CLASSIFIER] = "classifier", [FOS_PLACE_EGRESS] = "egress",
	[FOS_PLACE_TX] = "tx",
};

/* As many looks as it takes to tell what moves from what is wrong. */
static void look(struct fos_audit *a)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	fos_audit_look(a);
	nanosleep(&pause, NULL);
	/* the second look tells whether the box rests */
	do {
		fos_audit_look(a);
		if (a->nr_found == 0)
			break;
		nanosleep(&pause, NULL);
	} while (a->looks < LOOKS);
}

static void print_json(const struct fos_audit *a)
{
	struct fos_json j = {false};

	fos_json_open(&j, NULL, '{');
	fos_json_bool(&j, "clean", a->nr_found == 0);
	fos_json_bool(&j, "at_rest", !a->moved);
	fos_json_u64(&j, "looks", a->looks);
	fos_json_u64(&j, "flows", a->flows);
	fos_json_open(&j, "frames", '{');
	fos_json_u64(&j, "total", a->dir->nr_frames);
	for (int i = 0; i < FOS_NR_PLACES; i++)
		fos_json_u64(&j, place_name[i], a->nr[i]);
	fos_json_close(&j, '}');
	fos_json_open(&j, "findings", '[');
	for (uint32_t i = 0; i < a->nr_found; i++) {
		const struct fos_audit_finding *f = &a->found[i];
		const struct fos_audit_info *info = &fos_audit_info[f->kind];

		fos_json_open(&j, NULL, '{');
		fos_json_text(&j, "kind", info->name);
		fos_json_text(&j, "process", fos_audit_proc(a, f));
		fos_json_text(&j, "what", info->what);
		fos_json_u64(&j, "id", f->id);
		fos_json_text(&j, "text", info->text);
		fos_json_close(&j, '}');
	}
	fos_json_close(&j, ']');
	fos_json_close(&j, '}');
	putchar('\n');
}

static void print_text(const struct fos_audit *a)
{
	const uint64_t *n = a->nr;

	for (uint32_t i = 0; i < a->nr_found && i < SHOWN; i++) {
		const struct fos_audit_finding *f = &a->found[i];
		const struct fos_audit_info *info = &fos_audit_info[f->kind];

		printf("wrong: %s %" PRIu32 " (%s): %s\n", info->what, f->id,
		       fos_audit_proc(a, f), info->text);
	}
	if (a->nr_found > SHOWN)
		printf("wrong: and %u more\n", a->nr_found - SHOWN);
	printf("frames: %" PRIu64 " free + %" PRIu64 " fill and rx + %" PRIu64 " tx and completion "
	       "+ %" PRIu64 " in rings + %" PRIu64 " held (classifier %" PRIu64 ", egress %" PRIu64
	       ")", n[FOS_PLACE_FREE], n[FOS_PLACE_RX], n[FOS_PLACE_TX], n[FOS_PLACE_RING],
	       n[FOS_PLACE_CLASSIFIER] + n[FOS_PLACE_EGRESS], n[FOS_PLACE_CLASSIFIER],
	       n[FOS_PLACE_EGRESS]);
	if (n[FOS_PLACE_NOWHERE])
		printf(" + %" PRIu64 " %s", n[FOS_PLACE_NOWHERE],
		       a->nr_found ? "moving or wrong" : "moving");
	printf(" = %u\n", a->dir->nr_frames);
	printf("%s: %u processes, %u rings, %" PRIu64 " flows, %u looks, the box %s\n",
	       a->nr_found ? "not clean" : "clean", a->dir->nr_procs, a->dir->nr_rings, a->flows,
	       a->looks, a->moved ? "moved meanwhile" : "was at rest");
}

int fos_ctl_audit(int argc, char **argv)
{
	struct fos_ctl_where w;
	struct fos_ctl_view v;
	struct fos_audit a;
	int rc = fos_ctl_where(&w, argc, argv, synopsis);
	bool clean;

	if (rc >= 0)
		return rc;
	if (w.nr_rest > 0)
		return fos_ctl_misuse(synopsis, "there is no file %s", w.rest[0]);
	if (fos_ctl_view(&v, &w) < 0)
		return FOS_EXIT_FAILED;
	if (fos_audit_init(&a, v.dir, v.map) < 0) {
		fos_ctl_detach(&v);
		return fos_ctl_fail("out of memory");
	}
	look(&a);
	if (w.json)
		print_json(&a);
	else
		print_text(&a);
	clean = a.nr_found == 0;
	fos_audit_fini(&a);
	fos_ctl_detach(&v);
	return clean ? FOS_EXIT_OK : FOS_EXIT_FAILED;
}
