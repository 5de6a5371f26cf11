/* Disputes about what a content key holds: refute, challenge, answer. docs/spec/work.md 8. */
#include "chain/accounts.h"
#include "chain/work_claim.h"
#include "chain/work_proof.h"
#include "codec/links.h"
#include "crypto/sha256.h"

struct dispute {
    struct market_order order;
    struct work_claim claim;
    uint8_t claim_id[32];
    struct work_proof proof;
    struct content_record records[WORK_PROOF_RECORDS_MAX];
};

/* A record as it was committed to, however wrong: content_record_decode would refuse some. */
static struct content_record raw_record(const uint8_t *p)
{
    struct content_record r = { .key.codec = load_le32(p), .length = load_le32(p + 36) };
    memcpy(r.key.digest, p + 4, 32);
    memcpy(r.chunk_root, p + 40, 32);
    return r;
}

/* The order, a standing claim of it, and records that all belong to the claim. */
static enum tx_result load(struct ledger *l, struct dispute *d, const struct tx_dispute *tx)
{
    *d = (struct dispute){ 0 };
    if (work_proof_decode(&d->proof, tx->proof) != OK)
        return RESULT_PROOF_MALFORMED;
    if (!market_order(l, &d->order, tx->order))
        return RESULT_CLAIM_UNKNOWN;
    d->claim.size = d->proof.size;
    memcpy(d->claim.data_root, d->proof.data_root, 32);
    work_claim_id(d->claim_id, &d->claim);
    if (!work_claim_stands(l, tx->order, &d->order, &d->claim))
        return RESULT_CLAIM_UNKNOWN;
    for (uint32_t i = 0; i < d->proof.count; i++) {
        const struct work_proof_record *p = &d->proof.records[i];
        uint64_t start;
        d->records[i] = raw_record(p->record);
        const struct content_claim claim = {
            .size = d->claim.size,
            .data_root = d->claim.data_root,
            .record_count = d->proof.n,
            .index = p->index,
            .path = p->path,
        };
        if (content_record_verify(&start, &d->records[i], &claim) != OK)
            return RESULT_PROOF_MALFORMED;
    }
    return RESULT_OK;
}

static bool is_block_of(const struct content_record *r, struct span block)
{
    uint8_t digest[32];
    sha256(digest, block);
    return memcmp(digest, r->key.digest, 32) == 0;
}

enum link_search { LINK_NONE, LINK_FOUND, LINK_ILLEGAL };

/* An inlined block is part of its parent: it may hold no links of its own, as sealing has it. */
static bool inlined_is_legal(uint64_t codec, struct span block)
{
    struct links links;
    struct cid cid;
    return content_codec_known(codec) && links_init(&links, codec, block) == OK &&
           !links_next(&links, &cid);
}

/* Looks for a link to key (NULL: none wanted), and for what no stored block may hold. */
static enum link_search search_links(const struct content_record *r, struct span block,
                                     const struct content_key *key)
{
    struct links links;
    struct cid cid;
    enum link_search found = LINK_NONE;
    if (links_init(&links, r->key.codec, block) != OK)
        return LINK_ILLEGAL;
    while (links_next(&links, &cid)) {
        struct content_key child;
        struct span data;
        if (cid_inlined(&data, &cid)) {
            if (!inlined_is_legal(cid.codec, data))
                return LINK_ILLEGAL;
            continue;
        }
        if (cid_key(&child, &cid) != OK || !content_codec_known(child.codec))
            return LINK_ILLEGAL;
        if (key != NULL && cid_key_cmp(&child, key) == 0)
            found = LINK_FOUND;
    }
    return found;
}

/* SPEC work 8.5: "one record and its block" */
static bool refutes_record(const struct content_record *r, struct span block)
{
    uint8_t root[32];
    if (!content_codec_known(r->key.codec) || r->length > CONTENT_BLOCK_MAX)
        return true; /* no block can have this record */
    if (!is_block_of(r, block))
        return false;
    content_chunk_root(root, block);
    return block.n != r->length || memcmp(root, r->chunk_root, 32) != 0 ||
           search_links(r, block, NULL) == LINK_ILLEGAL;
}

/* SPEC work 8.5: "two neighbours out of order" */
static bool refutes_order(const struct dispute *d)
{
    return d->proof.records[1].index - 1 == d->proof.records[0].index &&
           d->proof.records[1].index != 0 &&
           cid_key_cmp(&d->records[0].key, &d->records[1].key) >= 0;
}

/* Records i and i + 1 with the key between them, or the key before the first or after the last. */
static bool shows_absence(const struct dispute *d, uint32_t first)
{
    const struct work_proof_record *p = d->proof.records + first;
    const struct content_record *r = d->records + first;
    uint32_t count = d->proof.count - first;
    if (count == 2)
        return p[0].index != UINT32_MAX && p[1].index == p[0].index + 1 &&
               cid_key_cmp(&r[0].key, &d->proof.key) < 0 &&
               cid_key_cmp(&d->proof.key, &r[1].key) < 0;
    if (count != 1)
        return false;
    int side = cid_key_cmp(&d->proof.key, &r[0].key);
    return (p[0].index == 0 && side < 0) || (p[0].index == d->proof.n - 1 && side > 0);
}

/* SPEC work 8.5: "a missing block" */
static bool refutes_completeness(const struct dispute *d, struct span block)
{
    if (cid_key_cmp(&d->proof.key, &d->order.key) == 0)
        return shows_absence(d, 0);
    if (d->proof.count == 0 || !is_block_of(&d->records[0], block) ||
        search_links(&d->records[0], block, &d->proof.key) != LINK_FOUND)
        return false;
    return shows_absence(d, 1);
}

static bool refutes(const struct dispute *d, struct span block)
{
    if (block.n > CONTENT_BLOCK_MAX)
        return false;
    if (d->proof.has_key)
        return refutes_completeness(d, block);
    if (d->proof.count == 1)
        return refutes_record(&d->records[0], block);
    return d->proof.count == 2 && refutes_order(d);
}

static enum tx_result check_challenge(struct ledger *l, const struct dispute *d,
                                      const struct ledger_call *call)
{
    struct work_challenge open;
    const uint8_t *order = call->tx->call.dispute.order;
    if (d->proof.count != 1 || d->proof.has_key)
        return RESULT_PROOF_MALFORMED;
    /* Nothing need link to the root. */
    if (cid_key_cmp(&d->records[0].key, &d->order.key) == 0)
        return RESULT_CLAIM_STANDS;
    /* SPEC work 8.6: "One is open per claim." */
    if (work_claim_challenge(l, &open, order, d->claim_id))
        return RESULT_CHALLENGE_OPEN;
    if (amount_cmp(accounts_usable(l, call->from), l->params->challenge_bond) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    return RESULT_OK;
}

static enum tx_result check_answer(struct ledger *l, const struct dispute *d,
                                   const struct tx_dispute *tx)
{
    struct work_challenge open;
    if (!work_claim_challenge(l, &open, tx->order, d->claim_id))
        return RESULT_CHALLENGE_UNKNOWN;
    if (d->proof.count != 1 || !d->proof.has_key || tx->block.n > CONTENT_BLOCK_MAX)
        return RESULT_PROOF_MALFORMED;
    /* SPEC work 8.7: "the block of the proof's one record links to the challenged key" */
    if (cid_key_cmp(&d->proof.key, &open.key) != 0 || !is_block_of(&d->records[0], tx->block) ||
        search_links(&d->records[0], tx->block, &open.key) != LINK_FOUND)
        return RESULT_CLAIM_STANDS;
    return RESULT_OK;
}

enum tx_result work_check_dispute(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_dispute *tx = &call->tx->call.dispute;
    struct dispute d;
    enum tx_result r = load(l, &d, tx);
    if (r != RESULT_OK)
        return r;
    if (call->tx->call.kind == TX_CHALLENGE)
        return check_challenge(l, &d, call);
    if (call->tx->call.kind == TX_ANSWER)
        return check_answer(l, &d, tx);
    ASSERT(call->tx->call.kind == TX_REFUTE);
    return refutes(&d, tx->block) ? RESULT_OK : RESULT_CLAIM_STANDS;
}

/* The claim has fallen while it was challenged: the challenger was right. */
static void close_challenge(struct ledger *l, const uint8_t order[32], const uint8_t claim[32])
{
    struct work_challenge open;
    if (!work_claim_challenge(l, &open, order, claim))
        return;
    accounts_release(l, open.account, HOLD_BOND, open.bond);
    work_claim_challenge_del(l, order, claim);
}

static void say(struct ledger *l, const char *type, const uint8_t order[32],
                const struct dispute *d, const uint8_t account[32])
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_hex(&ev, "order", span_of(order, 32));
    ledger_event_hex(&ev, "claim", span_of(d->claim_id, 32));
    ledger_event_account(&ev, "by", account);
    ledger_event_end(l, &ev);
}

void work_apply_dispute(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_dispute *tx = &call->tx->call.dispute;
    struct work_challenge c = { 0 };
    struct dispute d;
    if (load(l, &d, tx) != RESULT_OK)
        return; /* only when the state cannot be read */
    if (call->tx->call.kind == TX_REFUTE) {
        close_challenge(l, tx->order, d.claim_id);
        work_claim_strike(l, tx->order, &d.order, d.claim_id, call->from);
    } else if (call->tx->call.kind == TX_CHALLENGE) {
        memcpy(c.account, call->from, 32);
        c.bond = l->params->challenge_bond;
        c.until = l->slot + l->params->claim_settle_slots;
        c.key = d.records[0].key;
        accounts_hold(l, call->from, HOLD_BOND, c.bond);
        work_claim_challenge_put(l, tx->order, d.claim_id, &c);
        say(l, "claim.challenged", tx->order, &d, call->from);
    } else if (work_claim_challenge(l, &c, tx->order, d.claim_id)) {
        accounts_take_held(l, c.account, HOLD_BOND, call->from, c.bond);
        work_claim_challenge_del(l, tx->order, d.claim_id);
        say(l, "claim.answered", tx->order, &d, call->from);
    }
}
