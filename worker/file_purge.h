/*
 * file_purge - which cached answers a path that an operator names touches. Pure.
 */
#ifndef WORKER_FILE_PURGE_H
#define WORKER_FILE_PURGE_H

#include <stdbool.h>

#include "common/str.h"

/*
 * What `path` is below the folder `root`, both absolute and clean: "" for the folder itself or one
 * above it, else with '/' in front. p NULL: it is elsewhere.
 */
struct str file_purge_below(struct str root, struct str path);

/*
 * Whether the answer for `entry`, a request's path, rests on what stands at `below` or below that:
 * as its file or an encoding of it, as an index of its folder, or because it is missing.
 */
bool file_purge_touches(struct str below, struct str entry);

#endif
