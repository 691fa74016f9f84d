/* link.h - connects modules by what they say of themselves: who takes whose topics, and the order of
 * those that the file lists under `modules:`.
 *
 * Pure: a configuration and what the PM files say go in, links, stages and messages come out; the same
 * input gives the same order.  Callers: fos_config_check_pms(), flowosctl check --graph.
 */
#ifndef FOS_CONFIG_LINK_H
#define FOS_CONFIG_LINK_H

#include "config/check.h"
#include "shm/words.h"

/* Fills cfg->links for all pipelines.  Errors, each with its place: a topic that nobody exports or
 * that several do, versions or lengths that differ.  `good` marks the PMs whose files were found; while
 * one is missing, topics that nobody exports are not reported. */
void fos_link_topics(struct fos_config *cfg, const struct fos_pm_info *infos, const bool *good);

/* Makes the stages of pipeline `index` from its modules:
 *  - readers of packets come before readers of `app`;
 *  - what `.after` and `.before` say holds, and so does: who exports a topic stands before who needs it;
 *  - readers stand behind editors, editors among each other as listed, unless that contradicts the
 *    above; what nothing orders stands side by side.
 * A circle, two modules that claim the same end, and too many stages or editors are errors. */
void fos_link_order(struct fos_config *cfg, uint32_t index, const struct fos_pm_info *infos,
		    const bool *good);

/* Prints stages and links, as text or in Graphviz' language.  Returns 0 or -EIO. */
int fos_config_graph(const struct fos_config *cfg, const struct fos_pm_info *infos, FILE *out,
		     bool dot);

/* "ip", "tcp", "app", ... */
const char *fos_link_stream(const struct fos_pm_info *info);

#endif
