/* shm/build_place.c - who stands where in a pipeline, see build.h */
#include <string.h>

#include "shm/build.h"

void fos_build_places(struct fos_dir *dir, uint32_t pipeline)
{
	struct fos_dir_pipeline *p = &dir->pipeline[pipeline];

	memset(p->place, 0, sizeof(p->place));
	memset(p->editor, 0, sizeof(p->editor));
	p->nr_editors = 0;
	for (uint32_t s = 0; s < p->nr_stages && s < FOS_MAX_STAGES; s++)
		for (uint32_t i = 0; i < p->stage[s].nr_pms && i < FOS_MAX_PARALLEL; i++) {
			uint32_t pm = p->stage[s].pm[i];

			if (pm >= FOS_MAX_PMS)
				continue;
			p->place[pm] = (uint8_t)(s + 1);
			if (dir->pm[pm].edits && dir->pm[pm].stream == FOS_STREAM_APP)
				p->editor[pm] = (uint8_t)++p->nr_editors;
		}
}

bool fos_build_edits(const struct fos_dir *dir)
{
	for (uint32_t i = 0; i < dir->nr_pms; i++)
		if (dir->pm[i].edits && dir->pm[i].stream == FOS_STREAM_APP)
			return true;
	return false;
}

bool fos_build_moves(const struct fos_dir *dir)
{
	uint32_t roots = 0;

	/* versions that an operator has added since are none: the answer stays what it was */
	for (uint32_t i = 0; i < dir->nr_pipelines; i++)
		roots += !dir->pipeline[i].first;
	return roots > 1;
}

uint64_t fos_build_egress_private(const struct fos_dir *dir)
{
	uint32_t per_flow = FOS_EGR_FLOW_BYTES;

	if (fos_build_edits(dir))
		per_flow += FOS_EGR_EDIT_BYTES;
	if (dir->offline)
		per_flow += FOS_EGR_FILE_BYTES;
	return FOS_EGR_PRIVATE_BYTES(dir->nr_flows, per_flow, dir->nr_frames);
}

bool fos_build_hints(const struct fos_dir *dir, const struct fos_dir_pm *from,
		     const struct fos_dir_pm *to)
{
	bool packets = to->stream != FOS_STREAM_APP;

	if (to->pipeline != from->pipeline)
		return false;
	/* every later stage: the next one may not watch a flow's direction */
	if (!dir->live)
		return to->stage > from->stage;
	return !packets || from->stream != FOS_STREAM_APP;
}

uint32_t fos_build_string(struct fos_dir *dir, const char *s, size_t len_with_nul, uint32_t *used)
{
	uint32_t off;

	if (*used == 0)
		*used = 1; /* offset 0 is the empty string */
	if (len_with_nul > FOS_DIR_STRINGS - *used)
		return 0;
	off = *used;
	memcpy(dir->strings + off, s, len_with_nul);
	*used += (uint32_t)len_with_nul;
	return off;
}

uint32_t fos_build_event_index(const struct fos_dir *dir, uint32_t pm)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pm; i++)
		n += (dir->pm[i].event_wants & FOS_PM_WANTS_EVENTS) != 0;
	return n;
}

uint32_t fos_build_edits_index(const struct fos_dir *dir, uint32_t pm)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < pm; i++)
		n += dir->pm[i].edits != 0;
	return n;
}
