#include "codec/bitswap.h"

#include "base/prng.h"

/* Any bytes give the same items whole and in pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t hash, blocks;
    enum err err;
    size_t at;
};

static void mix(struct seen *s, struct span b)
{
    for (size_t i = 0; i < b.n; i++)
        s->hash = (s->hash ^ b.p[i]) * 0x100000001b3u;
    s->hash = (s->hash ^ b.n) * 0x100000001b3u;
}

static void note(struct seen *s, const struct bitswap_item *it)
{
    const uint8_t what[4] = { (uint8_t)it->what, it->have, it->refused,
                              (uint8_t)it->entry.priority };
    mix(s, span_of(what, sizeof(what)));
    mix(s, it->what == BITSWAP_ENTRY ? it->entry.cid : it->cid);
    mix(s, it->prefix);
    mix(s, it->block);
    ASSERT(it->what != BITSWAP_ENTRY ||
           (it->entry.cid.n > 0 && it->entry.cid.n <= BITSWAP_CID_MAX));
    ASSERT(it->block_size <= BITSWAP_BLOCK_MAX);
    s->blocks += it->what == BITSWAP_BLOCK;
}

static struct seen run(struct span in, uint64_t seed)
{
    static uint8_t memory[BITSWAP_BLOCK_MAX];
    struct seen s = { .hash = 1 };
    struct bitswap_reader r;
    struct bitswap_item it;
    struct prng g;
    size_t end = 0, taken;
    bitswap_reader_init(&r);
    prng_init(&g, seed);
    while (end < in.n && s.err == OK) {
        size_t piece = seed == 0 ? in.n : 1 + (size_t)prng_below(&g, 40);
        end = end + piece < in.n ? end + piece : in.n;
        do {
            s.err = bitswap_read(&r, span_sub(in, s.at, end - s.at), &taken, &it);
            s.at += taken;
            if (s.err == OK && it.what != BITSWAP_MORE)
                note(&s, &it);
            if (it.what == BITSWAP_MEMORY)
                bitswap_reader_memory(&r, it.block_size % 3 == 2 ? NULL : memory);
        } while (s.err == OK && it.what != BITSWAP_MORE);
    }
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = run(span_of(data, size), 0), pieces = run(span_of(data, size), size + 1);
    ASSERT(whole.err == pieces.err && whole.hash == pieces.hash && whole.blocks == pieces.blocks);
    return 0;
}
