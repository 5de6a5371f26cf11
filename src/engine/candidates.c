#include "engine/candidates.h"

#include "chain/accounts.h"

#include <stdlib.h>

static const uint8_t nobody[64];

static int by_number(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Those that cannot both be in a block come together, the better one first. */
static int by_place(const void *x, const void *y)
{
    const struct chain_candidate *a = x, *b = y;
    int c = memcmp(a->check.signer, b->check.signer, sizeof(a->check.signer));
    if (c == 0)
        c = by_number(a->check.nonce, b->check.nonce);
    if (c == 0 && memcmp(a->check.signer, nobody, sizeof(nobody)) == 0)
        c = memcmp(a->check.id, b->check.id, TX_ID_SIZE);
    if (c == 0)
        c = amount_cmp(b->check.fee, a->check.fee);
    return c != 0 ? c : by_number(a->rank, b->rank);
}

static int by_rank(const void *x, const void *y)
{
    const struct chain_candidate *a = x, *b = y;
    return by_number(a->rank, b->rank);
}

/* The number of the signer's next transaction, in signer's form of struct chain_check. */
static uint64_t next_nonce(struct chain *c, const uint8_t signer[64])
{
    struct account account;
    struct allowance allowance;
    if (memcmp(signer, signer + 32, 32) != 0)
        return accounts_allowance(&c->ledger, &allowance, signer, signer + 32) ? allowance.nonce
                                                                               : UINT64_MAX;
    accounts_get(&c->ledger, &account, signer);
    return account.nonce;
}

void candidates_settle(struct chain *c, struct chain_candidate *list, size_t *count)
{
    size_t kept = 0;
    uint64_t next = 0;
    uint8_t signer[64] = { 0 };
    for (size_t i = 0; i < *count; i++)
        list[i].rank = (uint32_t)i;
    qsort(list, *count, sizeof(*list), by_place);
    for (size_t i = 0; i < *count; i++) {
        const struct chain_candidate *now = &list[i], *last = kept == 0 ? NULL : &list[kept - 1];
        bool is_signed = memcmp(now->check.signer, nobody, sizeof(nobody)) != 0;
        if (!is_signed) {
            if (last == NULL || memcmp(now->check.id, last->check.id, TX_ID_SIZE) != 0)
                list[kept++] = *now;
            continue;
        }
        if (memcmp(now->check.signer, signer, sizeof(signer)) != 0) {
            memcpy(signer, now->check.signer, sizeof(signer));
            next = next_nonce(c, signer);
        }
        if (now->check.nonce == next) {
            next++;
            list[kept++] = *now;
        }
    }
    qsort(list, kept, sizeof(*list), by_rank);
    *count = kept;
}
