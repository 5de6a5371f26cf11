#include "engine/abci_block.h"

#include <stdlib.h>

/* Milliseconds since 1970; what is before counts as 1970. */
static uint64_t time_ms(const struct abci_time *t)
{
    if (t->seconds < 0 || t->seconds > INT64_MAX / 1000 - 1)
        return 0;
    uint64_t nanos = t->nanos < 0 ? 0 : (uint64_t)t->nanos;
    return (uint64_t)t->seconds * 1000 + nanos / 1000000;
}

static uint64_t at_least_zero(int64_t v)
{
    return v < 0 ? 0 : (uint64_t)v;
}

static void take_address(uint8_t out[AGREEMENT_ADDRESS_SIZE], struct span in)
{
    if (in.n == AGREEMENT_ADDRESS_SIZE)
        memcpy(out, in.p, in.n);
}

static void agreement_fill(struct agreement *a, const struct abci_block *b)
{
    struct abci_list l = b->last_commit.votes;
    struct abci_vote v;
    struct abci_misbehavior m;
    memset(a, 0, sizeof(*a));
    take_address(a->proposer, b->proposer);
    /* SPEC block 4.3: "an engine that reports more is cut to the first ones" */
    while (a->vote_count < AGREEMENT_VOTES_MAX && abci_list_next(&v, ABCI_VOTE, &l)) {
        struct agreement_vote *out = &a->votes[a->vote_count++];
        bool known = v.flag >= AGREEMENT_ABSENT && v.flag <= AGREEMENT_NIL;
        take_address(out->address, v.validator.address);
        out->power = at_least_zero(v.validator.power);
        out->flag = known ? (uint8_t)v.flag : AGREEMENT_ABSENT;
    }
    l = b->misbehavior;
    while (a->offence_count < AGREEMENT_OFFENCES_MAX && abci_list_next(&m, ABCI_MISBEHAVIOR, &l)) {
        if (m.type != AGREEMENT_DUPLICATE_VOTE && m.type != AGREEMENT_LIGHT_CLIENT_ATTACK)
            continue; /* a kind that this version does not know */
        struct agreement_offence *out = &a->offences[a->offence_count++];
        take_address(out->address, m.validator.address);
        out->type = (uint8_t)m.type;
        out->power = at_least_zero(m.validator.power);
        out->height = at_least_zero(m.height);
        out->time_ms = time_ms(&m.time);
        out->total_power = at_least_zero(m.total_power);
    }
}

/* SPEC abci 4: the table of the header. */
static void header_fill(struct abci_decided *d, const struct abci_block *b,
                        const struct engine_app *app, const struct engine_info *info)
{
    struct block_header *h = &d->header;
    uint64_t ms = time_ms(&b->time);
    *h = (struct block_header){ .height = at_least_zero(b->height),
                                .time_ms = ms > info->time_ms ? ms : info->time_ms + 1 };
    memcpy(h->chain, info->chain, sizeof(h->chain));
    memcpy(h->parent, info->block_hash, sizeof(h->parent));
    memcpy(h->app_hash, info->app_hash, sizeof(h->app_hash));
    block_tx_root(h->tx_root, d->txs, d->tx_count);
    if (!app->validator_account(app->ctx, h->proposer, d->agreement.proposer))
        memset(h->proposer, 0, sizeof(h->proposer));
    agreement_hash(h->agreement, &d->agreement);
}

enum err abci_decided_fill(struct abci_decided *d, const struct abci_block *b,
                           const struct engine_app *app, const struct engine_info *info)
{
    memset(d, 0, sizeof(*d));
    if (b->txs.count > BLOCK_TXS_MAX)
        return ERR_LIMIT;
    size_t room = b->txs.count + 1u;
    d->txs = calloc(room, sizeof(*d->txs));
    d->signatures = calloc(room, sizeof(*d->signatures));
    d->results = calloc(room, sizeof(*d->results));
    if (d->txs == NULL || d->signatures == NULL || d->results == NULL) {
        abci_decided_free(d);
        return ERR_MEMORY;
    }
    struct abci_list l = b->txs;
    while (abci_list_bytes(&d->txs[d->tx_count], &l))
        d->tx_count++;
    agreement_fill(&d->agreement, b);
    header_fill(d, b, app, info);
    return OK;
}

void abci_decided_free(struct abci_decided *d)
{
    free(d->txs);
    free(d->signatures);
    free(d->results);
    free(d->record.p);
    memset(d, 0, sizeof(*d));
}

struct engine_block abci_decided_block(const struct abci_decided *d)
{
    return (struct engine_block){ .header = &d->header,
                                  .agreement = &d->agreement,
                                  .txs = d->txs,
                                  .signatures = d->signatures,
                                  .tx_count = d->tx_count };
}

enum err abci_decided_keep(struct abci_decided *d)
{
    struct block block;
    size_t room = block_encoded_max(d->txs, d->tx_count);
    uint8_t *p = malloc(room);
    if (p == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(p, room);
    block_encode(&w, &d->header, &d->agreement, d->txs, d->tx_count);
    ASSERT(w.err == OK);
    if (w.len > BLOCK_BYTES_MAX) {
        free(p);
        return ERR_LIMIT;
    }
    enum err e = block_decode(&block, writer_span(&w));
    ASSERT(e == OK && block.tx_count == d->tx_count);
    d->record = (struct mspan){ .p = p, .n = w.len };
    for (size_t i = 0; i < d->tx_count; i++)
        (void)block_next_tx(&d->txs[i], &block.txs);
    return OK;
}
