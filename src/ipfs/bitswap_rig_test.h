/* A bitswap client alone: what tests ask of it and tell it. */
#ifndef CRUST_IPFS_BITSWAP_RIG_TEST_H
#define CRUST_IPFS_BITSWAP_RIG_TEST_H

#include "base/check.h"
#include "crypto/sha256.h"
#include "ipfs/bitswap_client.h"

#include <stdlib.h>

enum { PEERS = 12, WANTS = 2048 };

struct rig {
    struct bitswap_client c;
    struct bitswap_client_want wants[WANTS];
    struct bitswap_client_peer peers[PEERS];
    uint32_t buckets[512];
    uint8_t buffer[BITSWAP_CLIENT_BUFFER];
    uint32_t session;
};

static inline void rig_init(struct rig *r)
{
    const struct bitswap_client_memory m = { r->wants, WANTS, r->peers, PEERS, r->buckets, 512 };
    bitswap_client_init(&r->c, &m, 7);
    CHECK_OK(bitswap_client_open(&r->c, &r->session));
}

static inline struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    rig_init(r);
    return r;
}

static inline struct cid cid_of(uint64_t n)
{
    uint8_t data[8];
    struct cid c = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    store_le64(data, n);
    sha256(c.digest, span_of(data, sizeof(data)));
    return c;
}

static inline void provider(struct rig *r, uint32_t peer)
{
    bitswap_client_join(&r->c, peer, BITSWAP_NORMAL);
    CHECK_OK(bitswap_client_provider(&r->c, r->session, peer));
}

struct asked {
    int haves, blocks, cancels;
    struct cid last;
};

static inline struct asked ask(struct rig *r, uint32_t peer, uint64_t now)
{
    struct asked a = { 0 };
    struct span frame;
    struct bitswap_reader rd;
    struct bitswap_item it;
    size_t taken;
    bitswap_client_compose(&r->c, peer, (struct mspan){ r->buffer, sizeof(r->buffer) }, &frame,
                           now);
    bitswap_reader_init(&rd);
    while (frame.n > 0) {
        CHECK_OK(bitswap_read(&rd, frame, &taken, &it));
        frame = span_sub(frame, taken, frame.n);
        if (it.what != BITSWAP_ENTRY)
            continue;
        CHECK_OK(cid_decode(&a.last, it.entry.cid));
        a.cancels += it.entry.cancel;
        a.haves += !it.entry.cancel && it.entry.have;
        a.blocks += !it.entry.cancel && !it.entry.have;
        CHECK(it.entry.cancel || it.entry.send_dont_have);
    }
    return a;
}

static inline void say(struct rig *r, uint32_t peer, const struct cid *cid, bool have, uint64_t now)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(bin, sizeof(bin));
    cid_write(&w, cid);
    bitswap_client_presence(&r->c, peer, writer_span(&w), have, now);
}

static inline bool quiet(struct rig *r)
{
    uint32_t peer;
    return !bitswap_client_next(&r->c, &peer);
}

#endif
