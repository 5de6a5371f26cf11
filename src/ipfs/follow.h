/* follow: which blocks a reader will come to, guessed from what it has read: the links of a block
 * come after it, depth first. As long as the reader follows that order twice as much is read ahead
 * with each block; a jump makes it little again. Pure; memory is the caller's; one thread. */
#ifndef CRUST_IPFS_FOLLOW_H
#define CRUST_IPFS_FOLLOW_H

#include "codec/cid.h"

enum {
    FOLLOW_KEYS = 8192, /* blocks that are known to follow; those further on find no place */
    FOLLOW_AHEAD = 32,  /* blocks read ahead, at most */
};

struct follow {
    struct content_key *keys; /* FOLLOW_KEYS of them; the next one is the last */
    size_t count;
    size_t window;
};

/* keys: kept, room for FOLLOW_KEYS. */
void follow_init(struct follow *f, struct content_key *keys);

/* follow_read: the reader wants this block. True: it is one of those expected. */
bool follow_read(struct follow *f, const struct content_key *key);

/* follow_came: it has it. A block that is malformed has no links. */
void follow_came(struct follow *f, const struct content_key *key, struct span block);

/* follow_ahead gives what is worth asking for now, the next one first; returns how many. */
size_t follow_ahead(const struct follow *f, struct content_key out[FOLLOW_AHEAD]);

#endif
