#include "agentd/plan_beacon.h"

#include "chain/beacon.h"
#include "codec/tx.h"
#include "crypto/vrf.h"

bool plan_beacon_next(struct plan_beacon *p, struct span *tx, uint8_t room[PLAN_BEACON_TX_MAX],
                      const struct view *v, const struct ed25519_key *key, uint64_t now_ms)
{
    const struct chain_client_status *s = &v->chain;
    uint8_t alpha[32];
    struct tx t = { .call.kind = TX_BEACON };
    *tx = (struct span){ NULL, 0 };
    /* SPEC beacon 5.1: "In the window of slot s - 1 each member of the committee may send once" */
    if (p->busy || !v->chain_known || s->slot_offset < s->report_blocks)
        return false;
    uint64_t slot = s->slot + 1;
    if (slot < p->done_slot || (slot == p->slot && now_ms < p->retry_ms))
        return false;
    beacon_alpha(alpha, s->chain, slot, s->beacon);
    t.call.beacon.slot = slot;
    memcpy(t.call.beacon.key, key->public_key, sizeof(t.call.beacon.key));
    if (vrf_prove(t.call.beacon.proof, key, span_of(alpha, sizeof(alpha))) != OK)
        return false; /* never seen: crypto/vrf.h */
    struct writer w = writer_of(room, PLAN_BEACON_TX_MAX);
    tx_encode(&w, &t);
    ASSERT(w.err == OK);
    *tx = writer_span(&w);
    p->busy = true;
    p->slot = slot;
    return true;
}

void plan_beacon_sent(struct plan_beacon *p, const struct view *v, enum err e, uint32_t result,
                      uint64_t now_ms)
{
    p->busy = false;
    p->retry_ms = now_ms + PLAN_BEACON_RETRY_MS;
    if (e != OK)
        return;
    if (result == RESULT_BEACON_REPEATED || result == RESULT_BEACON_UNKNOWN_KEY) {
        p->done_slot = p->slot + 1;
        p->given += result == RESULT_BEACON_REPEATED;
        p->refused += result == RESULT_BEACON_UNKNOWN_KEY;
        return;
    }
    /* It waits, or the node is a block behind. A proposer may leave it out, a node may forget it:
     * asked again once it should be in a block. */
    if (result == RESULT_OK) {
        uint64_t wait = 2 * (uint64_t)v->chain.block_ms;
        p->retry_ms = now_ms + (wait < PLAN_BEACON_RETRY_MAX_MS ? wait : PLAN_BEACON_RETRY_MAX_MS);
    }
}
