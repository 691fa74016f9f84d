/* pmhost/pm_link.h - how modules find each other: part of pmhost/pm.h, include that
 *
 * A module says in FOS_PM() what it takes and gives, by name; who is there is the configuration's
 * matter, and the platform connects the two (`flowosctl check --graph FILE` shows how):
 *
 *	FOS_PM(.name = "filescan", .stream = FOS_APP, .imports = "file.transfer/1:64",
 *	       .on_message = on_message);
 *
 *  .stream   the stream that it reads; with FOS_PM_EDITS, those behind it read what it made of it
 *  .imports  topics that it takes.  One that no module of the box exports is an error, unless it
 *            ends in '?'; nor one that several export, unless it ends in '+' (from all of them).
 *            When a module of its own pipeline exports a topic it comes from that pipeline only,
 *            else from the others.
 *  .exports  topics that it publishes
 *  .after    modules behind which it stands in a pipeline given as `modules:`; those that are not in
 *            the pipeline do not matter; "*" = behind all others of its stream
 *  .before   the same the other way round
 *
 * Each is a list of words with commas or blanks between: NAME[/VERSION][:BYTES][?][+], names of a-z,
 * 0-9, '.', '_', '-', at most 31 letters.  Version and length of each message are compared when both
 * sides give them.  Lists are constants of the file (section ".flowos.pm"), at most 127 bytes each.
 */
#ifndef FLOWOS_PM_LINK_H
#define FLOWOS_PM_LINK_H

#include <stddef.h>
#include <stdint.h>

#endif
