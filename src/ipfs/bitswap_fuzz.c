#include "codec/varint_frame.h"
#include "ipfs/bitswap_client.h"
#include "ipfs/bitswap_server.h"

/* The input is what a peer sends on a bitswap stream; it goes to a server with two blocks and to a
 * client with a few wants. Whatever comes: what the server composes reads back, both stay within
 * their memory, and give all of it back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WANTS = 64, PEERS = 2 };

static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    (void)ctx;
    *size = (size_t)key->digest[0] * 16;
    if (key->digest[1] % 2 == 0)
        return ERR_NOT_FOUND;
    if (*size > buf.n)
        return ERR_LIMIT;
    memset(buf.p, key->digest[0], *size);
    return OK;
}

struct both {
    struct bitswap_server server;
    struct bitswap_client client;
    uint32_t peer, session;
    uint64_t now;
};

static void drain(struct both *b)
{
    static uint8_t buffer[BITSWAP_SERVER_BUFFER], memory[BITSWAP_BLOCK_MAX];
    struct mspan room = { buffer, sizeof(buffer) };
    struct span frame, body;
    struct bitswap_reader r;
    struct bitswap_item it;
    size_t blocks, taken;
    uint32_t peer;
    while (bitswap_server_next(&b->server, &peer)) {
        ASSERT(bitswap_server_compose(&b->server, peer, room, &frame, &blocks) == OK);
        bitswap_server_sent(&b->server, peer, frame.n);
        if (frame.n == 0)
            continue;
        ASSERT(varint_frame_take(&body, &taken, frame, BITSWAP_MESSAGE_MAX) == OK);
        ASSERT(taken == frame.n);
        bitswap_reader_init(&r);
        for (it.what = BITSWAP_MORE; it.what != BITSWAP_END;) {
            ASSERT(bitswap_read(&r, frame, &taken, &it) == OK && it.what != BITSWAP_MORE);
            frame = span_sub(frame, taken, frame.n);
            if (it.what == BITSWAP_MEMORY)
                bitswap_reader_memory(&r, memory);
        }
    }
    for (int i = 0; i < 4 && bitswap_client_next(&b->client, &peer); i++)
        bitswap_client_compose(&b->client, peer, room, &frame, b->now);
}

static void take(struct both *b, const struct bitswap_item *it)
{
    struct cid cid;
    switch (it->what) {
    case BITSWAP_ENTRY:
        bitswap_server_want(&b->server, b->peer, &it->entry);
        break;
    case BITSWAP_FULL:
        bitswap_server_full(&b->server, b->peer);
        break;
    case BITSWAP_PRESENCE:
        bitswap_client_presence(&b->client, 0, it->cid, it->have, b->now);
        break;
    case BITSWAP_BLOCK:
        if (!it->refused && bitswap_block_cid(&cid, it->prefix, it->block) == OK)
            (void)bitswap_client_block(&b->client, 0, &cid, it->block.n, b->now);
        break;
    case BITSWAP_END:
        bitswap_server_message(&b->server, b->peer);
        b->now += 700;
        bitswap_client_step(&b->client, b->now);
        drain(b);
        break;
    case BITSWAP_MORE:
    case BITSWAP_MEMORY:
        break;
    }
}

static void init(struct both *b, const struct block_source *source)
{
    static struct bitswap_server_want sw[WANTS];
    static struct bitswap_server_peer sp[PEERS];
    static struct bitswap_client_want cw[WANTS];
    static struct bitswap_client_peer cp[PEERS];
    static uint32_t buckets[2][16];
    const struct bitswap_server_memory sm = { sw, WANTS, sp, PEERS, buckets[0], 16 };
    const struct bitswap_client_memory cm = { cw, WANTS, cp, PEERS, buckets[1], 16 };
    b->now = 0;
    bitswap_server_init(&b->server, &sm, source, 1);
    bitswap_client_init(&b->client, &cm, 2);
    ASSERT(bitswap_server_join(&b->server, &b->peer, BITSWAP_NORMAL) == OK);
    ASSERT(bitswap_client_open(&b->client, &b->session) == OK);
    for (uint32_t i = 0; i < PEERS; i++) {
        bitswap_client_join(&b->client, i, BITSWAP_NORMAL);
        ASSERT(bitswap_client_provider(&b->client, b->session, i) == OK);
    }
    for (uint8_t i = 0; i < 8; i++) {
        struct cid c = { .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256 };
        c.digest_size = 32;
        c.digest[0] = i;
        ASSERT(bitswap_client_want(&b->client, b->session, &c, 0) == OK);
    }
    drain(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct both b;
    static uint8_t memory[65536];
    const struct block_source source = { .get = get };
    struct bitswap_reader r;
    struct bitswap_item it;
    struct span in = span_of(data, size);
    size_t taken;
    init(&b, &source);
    bitswap_reader_init(&r);
    while (bitswap_read(&r, in, &taken, &it) == OK && it.what != BITSWAP_MORE) {
        in = span_sub(in, taken, in.n);
        take(&b, &it);
        if (it.what == BITSWAP_MEMORY)
            bitswap_reader_memory(&r, it.block_size <= sizeof(memory) ? memory : NULL);
    }
    bitswap_server_leave(&b.server, b.peer);
    bitswap_client_close(&b.client, b.session);
    for (uint32_t i = 0; i < PEERS; i++)
        bitswap_client_leave(&b.client, i);
    ASSERT(b.client.wants_used == 0);
    size_t left = 0;
    for (uint32_t i = b.server.want_free; i != BITSWAP_SERVER_NONE; i = b.server.m.wants[i].next)
        left++;
    ASSERT(left == WANTS);
    return 0;
}
