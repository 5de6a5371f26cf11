/* What is sent to peers. */
#include "codec/varint_frame.h"
#include "ipfs/bitswap_client_ask.h"

#define NONE BITSWAP_CLIENT_NONE

bool bitswap_client_next(const struct bitswap_client *c, uint32_t *peer)
{
    *peer = NONE;
    for (uint32_t i = 0; i < c->m.peer_count && *peer == NONE; i++)
        if (c->m.peers[i].used && c->m.peers[i].pending > 0)
            *peer = i;
    return *peer != NONE;
}

struct batch {
    size_t count;
    struct bitswap_entry entries[BITSWAP_CLIENT_ENTRIES];
    uint8_t cids[BITSWAP_CLIENT_ENTRIES][64];
};

/* Whether another session still asks this peer for the same CID. */
static bool asked_elsewhere(struct bitswap_client *c, const struct bitswap_client_want *of,
                            uint32_t peer)
{
    for (uint32_t i = *bitswap_client_bucket(c, of->key.digest); i != NONE;
         i = c->m.wants[i].next) {
        const struct bitswap_client_want *w = &c->m.wants[i];
        if (w == of || w->done || !bitswap_client_same(w, of->key.digest))
            continue;
        size_t slot = bitswap_client_slot(c, w, peer);
        if (slot != BITSWAP_CLIENT_NOBODY &&
            (w->flags[slot] & (BITSWAP_AT_HAVE | BITSWAP_AT_BLOCK)) != 0)
            return true;
    }
    return false;
}

static void add_entry(struct bitswap_client *c, struct batch *b, struct bitswap_client_want *w,
                      size_t slot, uint64_t now_ms)
{
    uint8_t f = w->flags[slot];
    uint32_t peer = c->sessions[w->session].providers[slot].peer;
    struct cid cid = bitswap_client_want_cid(w);
    struct writer out = writer_of(b->cids[b->count], sizeof(b->cids[0]));
    cid_write(&out, &cid);
    ASSERT(out.err == OK);
    bool cancel = (f & BITSWAP_AT_CANCEL) != 0;
    if (!cancel || !asked_elsewhere(c, w, peer)) {
        struct bitswap_entry *e = &b->entries[b->count];
        *e = (struct bitswap_entry){ .cid = writer_span(&out), .cancel = cancel };
        e->have = !cancel && (f & BITSWAP_AT_BLOCK) == 0;
        e->send_dont_have = !cancel;
        e->priority = cancel ? 0 : INT32_MAX - (int32_t)b->count;
        b->count++;
    }
    if (w->asked == slot)
        w->asked_ms = now_ms;
    bitswap_client_flags(c, w, slot, cancel ? 0 : (uint8_t)(f & ~BITSWAP_AT_TODO));
}

void bitswap_client_compose(struct bitswap_client *c, uint32_t peer, struct mspan buffer,
                            struct span *frame, uint64_t now_ms)
{
    struct batch b = { .count = 0 };
    ASSERT(buffer.n >= BITSWAP_CLIENT_BUFFER);
    *frame = (struct span){ NULL, 0 };
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++) {
        struct bitswap_client_session *s = &c->sessions[i];
        for (size_t k = 0; s->used && k < BITSWAP_CLIENT_PROVIDERS; k++) {
            if (s->providers[k].peer != peer)
                continue;
            for (uint32_t w = s->first, after; w != NONE && b.count < BITSWAP_CLIENT_ENTRIES;
                 w = after) {
                after = c->m.wants[w].after;
                if ((c->m.wants[w].flags[k] & (BITSWAP_AT_TODO | BITSWAP_AT_CANCEL)) == 0)
                    continue;
                add_entry(c, &b, &c->m.wants[w], k, now_ms);
                bitswap_client_drop_silent(c, w);
            }
        }
    }
    if (b.count == 0)
        return;
    struct writer w = writer_of(buffer.p + VARINT_FRAME_HEAD_MAX, buffer.n - VARINT_FRAME_HEAD_MAX);
    bitswap_write_wantlist(&w, b.entries, b.count, false);
    ASSERT(w.err == OK);
    *frame = varint_frame_close(buffer.p, w.len);
}
