/* shm/build_frames.c - whose frames are whose at the start, see build.h */
#include "shm/build.h"

#define INGRESS_FRAMES 8448u /* a full FILL ring (FOS_XSK_SIZES) and four batches in hand */

static uint32_t nr_ingress(const struct fos_dir *dir)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < dir->nr_procs; i++)
		nr += dir->proc[i].role == FOS_ROLE_INGRESS;
	return nr ? nr : 1;
}

void fos_build_ingress_frames(const struct fos_dir *dir, uint32_t n, uint32_t *first,
			      uint32_t *count)
{
	uint32_t share = (dir->nr_frames - dir->egress_frames) / nr_ingress(dir);

	*count = share;
	if (!dir->offline)
		*count = share / 2 < INGRESS_FRAMES ? share / 2 : INGRESS_FRAMES;
	*first = n * *count;
}

void fos_build_egress_frames(const struct fos_dir *dir, uint32_t lane, uint32_t *first,
			     uint32_t *count)
{
	uint32_t lanes = dir->nr_lanes ? dir->nr_lanes : 1, from, all;

	fos_build_ingress_frames(dir, nr_ingress(dir), &from, count);
	all = dir->nr_frames - from;
	*first = from + lane * (all / lanes);
	*count = lane + 1 == lanes ? dir->nr_frames - *first : all / lanes;
}
