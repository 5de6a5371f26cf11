/* fetch_set: which blocks of a DAG are linked and which have come, as 63-bit tags of their keys.
 * Two keys with one tag are taken for one: the second would then be asked for by name, so a
 * collision costs a request and never correctness. Private to ipfsd/fetch. One thread. */
#ifndef CRUST_IPFSD_FETCH_SET_H
#define CRUST_IPFSD_FETCH_SET_H

#include "codec/cid.h"

enum {
    FETCH_SET_MAX = 1 << 20, /* blocks of one fetch: 16 MiB of tags, 256 GiB of 256 KiB blocks */
};

struct fetch_set {
    uint64_t *slots; /* 0: empty; bit 0: has come */
    size_t slot_count, used, come;
};

enum fetch_mark { FETCH_UNKNOWN, FETCH_WANTED, FETCH_COME };

void fetch_set_fini(struct fetch_set *s); /* a zeroed object is fine */

/* fetch_set_want notes that key is linked. ERR_LIMIT (FETCH_SET_MAX), ERR_MEMORY. */
NODISCARD enum err fetch_set_want(struct fetch_set *s, const struct content_key *key);

/* fetch_set_want_links notes the links of a block. Also ERR_FORMAT, ERR_UNSUPPORTED and so on of a
 * block that is malformed. */
NODISCARD enum err fetch_set_want_links(struct fetch_set *s, uint32_t codec, struct span block);

enum fetch_mark fetch_set_look(const struct fetch_set *s, const struct content_key *key);
void fetch_set_came(struct fetch_set *s, const struct content_key *key); /* it is wanted */

#endif
