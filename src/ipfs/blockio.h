/* blockio: where blocks go to and come from, as pure code sees it: two structs of function
 * pointers. The block store under its lock fills them (store/sink, store/source), an IPC client of
 * a running crust-ipfsd does, and tests do with an array. Pure; one thread at a time per object. */
#ifndef CRUST_IPFS_BLOCKIO_H
#define CRUST_IPFS_BLOCKIO_H

#include "base/err.h"
#include "base/span.h"

enum {
    BLOCK_SIZE_MAX = 2 * 1024 * 1024, /* the largest block anybody on the network accepts */
    BLOCK_DIGEST_SIZE = 32,           /* sha2-256, the only hash function that is stored */
    PIN_CID_MAX = 128,                /* binary CID of a pin, identity CIDs included */
    PIN_NAME_MAX = 255,
    PIN_PROFILE_MAX = 31,
};

/* What names a block: codec (multicodec number: 0x55 raw, 0x70 dag-pb, 0x71 dag-cbor) and sha2-256
 * digest. The local store looks at the digest alone, a network source needs the codec to ask.
 * An identity CID carries its own bytes and never reaches these interfaces. */
struct block_key {
    uint64_t codec;
    uint8_t digest[BLOCK_DIGEST_SIZE];
};

enum pin_mode {
    PIN_RECURSIVE = 1, /* the block and everything it links to */
    PIN_DIRECT = 2,    /* the block alone */
};

/* A pin as the user made it. All spans borrowed. */
struct pin {
    struct span cid; /* binary, in the version the user saw; 1 to PIN_CID_MAX bytes */
    enum pin_mode mode;
    struct span profile;  /* UTF-8 name of the import profile, or empty */
    struct span name;     /* UTF-8, or empty */
    uint64_t time_unix_s; /* when it was made */
};

struct block_sink {
    void *ctx;

    /* Takes one block. The caller has computed key from data. Copies what it needs. A block that is
     * there already is OK. Visible to readers of the same sink's store at the latest after commit.
     * ERR_LIMIT (over BLOCK_SIZE_MAX), ERR_FULL (quota or disk), ERR_CORRUPT (a sink that checks
     * found another digest), ERR_CLOSED, ERR_IO. */
    enum err (*put)(void *ctx, const struct block_key *key, struct span data);

    /* Everything put and pinned before is durable when this returns OK. After a failure nothing
     * since the last commit may be relied upon. */
    enum err (*commit)(void *ctx);

    /* Adds or replaces a pin; takes effect together with the next commit. The blocks below it must
     * have been put before. ERR_FORMAT, ERR_LIMIT for a field that is out of bounds. */
    enum err (*pin)(void *ctx, const struct pin *pin);
};

struct block_source {
    void *ctx;

    /* Copies the block into buf and sets *size. BLOCK_SIZE_MAX bytes always suffice. The bytes
     * match the digest or the answer is ERR_CORRUPT. ERR_NOT_FOUND, ERR_LIMIT (buf too small; *size
     * is then what is needed), ERR_TIMEOUT, ERR_CLOSED, ERR_IO. */
    enum err (*get)(void *ctx, size_t *size, struct mspan buf, const struct block_key *key);

    /* OK when the block can be had without the network, else ERR_NOT_FOUND. */
    enum err (*has)(void *ctx, const struct block_key *key);

    /* The length in bytes of a block that is here; ERR_NOT_FOUND. May be NULL: then use get. */
    enum err (*size)(void *ctx, size_t *size, const struct block_key *key);

    /* Says that these blocks will be asked for soon. Only a hint. May be NULL. */
    void (*prefetch)(void *ctx, const struct block_key *keys, size_t count);
};

NODISCARD static inline enum err block_sink_put(const struct block_sink *s,
                                                const struct block_key *key, struct span data)
{
    return s->put(s->ctx, key, data);
}

NODISCARD static inline enum err block_sink_commit(const struct block_sink *s)
{
    return s->commit(s->ctx);
}

NODISCARD static inline enum err block_sink_pin(const struct block_sink *s, const struct pin *pin)
{
    return s->pin(s->ctx, pin);
}

NODISCARD static inline enum err block_source_get(const struct block_source *s, size_t *size,
                                                  struct mspan buf, const struct block_key *key)
{
    return s->get(s->ctx, size, buf, key);
}

NODISCARD static inline enum err block_source_has(const struct block_source *s,
                                                  const struct block_key *key)
{
    return s->has(s->ctx, key);
}

static inline void block_source_prefetch(const struct block_source *s, const struct block_key *keys,
                                         size_t count)
{
    if (s->prefetch != NULL)
        s->prefetch(s->ctx, keys, count);
}

#endif
