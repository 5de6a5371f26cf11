/* Putting a block together and judging one: docs/spec/transactions.md 6. */
#include "base/sort.h"
#include "chain/chain.h"

enum { FRAMING = 6 }; /* what CometBFT's block adds to a transaction, rounded up */

static int by_number(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_urgency(const void *p, const void *q)
{
    const struct chain_candidate *a = p, *b = q;
    /* SPEC transactions 6.1: "A proposer puts beacon contributions first, then first reports,
     * disputes, and the rest by fee and arrival" */
    if (a->check.priority != b->check.priority)
        return by_number(b->check.priority, a->check.priority);
    int fee = amount_cmp(b->check.fee, a->check.fee);
    return fee != 0 ? fee : by_number(a->rank, b->rank);
}

static int by_signer(const void *p, const void *q)
{
    const struct chain_candidate *a = p, *b = q;
    int c = memcmp(a->check.signer, b->check.signer, sizeof(a->check.signer));
    if (c == 0)
        c = by_number(a->check.nonce, b->check.nonce);
    return c != 0 ? c : by_number(a->rank, b->rank);
}

static int by_rank(const void *p, const void *q)
{
    const struct chain_candidate *a = p, *b = q;
    return by_number(a->rank, b->rank);
}

static void ranks_in_order(struct chain_candidate *txs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        txs[i].rank = (uint32_t)i;
}

/* One signer's transactions, sorted by nonce, take the places that the signer has won, in order.
 * A signer has few: insertion sort of the ranks. */
static void ranks_by_nonce(struct chain_candidate *group, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t rank = group[i].rank;
        size_t j = i;
        for (; j > 0 && group[j - 1].rank > rank; j--)
            group[j].rank = group[j - 1].rank;
        group[j].rank = rank;
    }
}

static void order(struct chain_candidate *txs, size_t count)
{
    ranks_in_order(txs, count);
    sort_items(txs, count, sizeof(*txs), by_urgency);
    ranks_in_order(txs, count);
    sort_items(txs, count, sizeof(*txs), by_signer);
    for (size_t i = 0; i < count;) {
        size_t n = 1;
        while (i + n < count && memcmp(txs[i].check.signer, txs[i + n].check.signer,
                                       sizeof(txs[i].check.signer)) == 0)
            n++;
        /* SPEC transactions 6.1: "one signer's transactions stand in the order of their nonces" */
        ranks_by_nonce(&txs[i], n);
        i += n;
    }
    sort_items(txs, count, sizeof(*txs), by_rank);
}

/* The room of a block while it fills up. */
struct room {
    size_t left;         /* of the engine's limit */
    size_t common;       /* of params.block_bytes_max */
    size_t reports;      /* of the part that reports may use */
    uint32_t attests;    /* places for transactions that are dear to verify */
    bool large_admitted; /* one dispute beside the common room */
};

static bool admit(struct room *room, const struct chain_candidate *tx)
{
    size_t size = tx->bytes.n + FRAMING;
    bool large = tx->bytes.n > TX_SIZE_SMALL_MAX;
    bool report = tx->check.priority == 2;
    if (size > room->left || (large && room->large_admitted) || (!large && size > room->common) ||
        (report && size > room->reports))
        return false;
    room->attests -= tx->check.attests;
    room->left -= size;
    room->large_admitted = room->large_admitted || large;
    if (!large)
        room->common -= size;
    if (report)
        room->reports -= size;
    return true;
}

/* First reports may fill what the others leave, and always have their own room. */
static size_t report_room(const struct params *p, const struct chain_candidate *txs, size_t count)
{
    size_t others = 0;
    for (size_t i = 0; i < count && others < p->block_bytes_max; i++)
        if (txs[i].check.priority != 2 && txs[i].bytes.n <= TX_SIZE_SMALL_MAX)
            others += txs[i].bytes.n + FRAMING;
    size_t free = others < p->block_bytes_max ? p->block_bytes_max - others : 0;
    /* SPEC transactions 6.2: "First reports have at least `block_report_bytes` of room, more where
     * others leave it." */
    return free > p->block_report_bytes ? free : p->block_report_bytes;
}

void chain_prepare(struct chain *c, struct chain_candidate *txs, size_t *count, size_t max_bytes)
{
    order(txs, *count);
    struct room room = { .left = max_bytes,
                         .common = c->params.block_bytes_max,
                         .reports = report_room(&c->params, txs, *count),
                         .attests = c->params.attest_per_block };
    size_t kept = 0;
    bool full = false;
    for (size_t i = 0; i < *count && kept < CHAIN_BLOCK_TXS_MAX; i++) {
        /* What comes after a common transaction that does not fit may build on it. */
        bool urgent = txs[i].check.priority > 0;
        /* SPEC transactions 6.5: "A block holds at most `attest_per_block` of them" */
        bool crowded = txs[i].check.attests && room.attests == 0;
        if (crowded || (full && !urgent))
            continue;
        if (admit(&room, &txs[i]))
            txs[kept++] = txs[i];
        else if (!urgent)
            full = true;
    }
    *count = kept;
}

bool chain_process(struct chain *c, const struct chain_block *block)
{
    size_t common = 0;
    size_t large = 0;
    size_t attests = 0;
    if (block->tx_count > CHAIN_BLOCK_TXS_MAX)
        return false;
    for (size_t i = 0; i < block->tx_count; i++) {
        struct tx tx;
        if (tx_decode(&tx, block->txs[i]) != OK)
            return false;
        attests += tx_attests(tx.call.kind);
        if (block->txs[i].n > TX_SIZE_SMALL_MAX)
            large++;
        else
            common += block->txs[i].n + FRAMING;
    }
    /* SPEC transactions 6.4: "A proposal that breaks 6.3, or holds bytes that do not decode, MUST
     * be refused." */
    return large <= 1 && common <= c->params.block_bytes_max &&
           attests <= c->params.attest_per_block;
}
