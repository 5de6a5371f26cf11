/* Any bytes as metadata and as a chunk: what is taken is within its limits, and walking through a
 * chunk that was taken gives what was counted. */
#include "chain/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct snapshot s;
    static struct smt_write leaves[1024];
    struct span in = span_of(data, size), key, value;
    uint8_t commit[SNAPSHOT_COMMIT_MAX];
    if (snapshot_decode(&s, in) == OK)
        ASSERT(s.store_count <= SNAPSHOT_STORES_MAX && s.chunk_count >= s.store_count);
    struct snapshot_walk walk;
    size_t pairs = 0, said = snapshot_chunk_count(in);
    snapshot_chunk_begin(&walk, in);
    enum state_store store = walk.store;
    while (snapshot_chunk_next(&walk, &key, &value))
        pairs++;
    for (int i = STATE_ACCOUNTS; i < STATE_STORE_COUNT; i++) {
        const struct snapshot_place place = { (enum state_store)i, 0, 0 };
        enum err e = snapshot_chunk_commit(commit, &place, in, leaves, 1024);
        ASSERT(e != OK || (i == (int)store && pairs == said));
    }
    return 0;
}
