/* overlay: an ordered map in memory over a base kv. Reads fall through to the base, writes and
 * deletions stay here until the owner hands them on (statedb_commit) or throws them away.
 *
 * `next` merges the dirty keys with the base. Memory comes from the heap in chunks and is kept for
 * the next block by overlay_clear. Not thread safe: one owner (the loop of chaind). */
#ifndef CRUST_STORE_OVERLAY_H
#define CRUST_STORE_OVERLAY_H

#include "base/err.h"
#include "base/kv.h"
#include "base/span.h"

struct overlay;

/* One changed key. deleted: the key is gone and value is empty. */
struct overlay_change {
    struct span key;
    struct span value;
    bool deleted;
};

/* overlay_new gives an empty overlay over base (given, freed with overlay_free), or NULL when out
 * of memory. base: copied; its ctx is kept until overlay_free. bytes_max: memory that keys and
 * values may take before put answers ERR_LIMIT. */
struct overlay *overlay_new(const struct kv *base, size_t bytes_max);
void overlay_free(struct overlay *o);

/* overlay_kv gives the kv over o; valid as long as o. put: ERR_RANGE for a key that is empty or
 * longer than KV_KEY_MAX, ERR_LIMIT, ERR_MEMORY. */
struct kv overlay_kv(struct overlay *o);

/* overlay_clear forgets every change. All spans given before are invalid. */
void overlay_clear(struct overlay *o);

/* How many keys are changed, and their bytes with the values'. */
size_t overlay_count(const struct overlay *o);
size_t overlay_bytes(const struct overlay *o);

/* overlay_next_change walks the changes by ascending key: the first whose key is > after (an empty
 * span: from the start). False at the end. Out: borrowed until the overlay is written. */
bool overlay_next_change(const struct overlay *o, struct overlay_change *out, struct span after);

#endif
