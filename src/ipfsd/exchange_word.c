/* What the chain says of who holds a content, and what is remembered of a peer.
 * docs/spec/bitswap.md 4.5. */
#include "ipfsd/exchange_impl.h"

#include <stdlib.h>

enum err exchange_word_open(struct exchange *x)
{
    x->words = calloc(EXCHANGE_WORDS, sizeof(*x->words));
    return x->words == NULL ? ERR_MEMORY : OK;
}

void exchange_word_close(struct exchange *x)
{
    free(x->words);
}

static struct exchange_said *said_of(const struct exchange *x, const uint8_t digest[32])
{
    for (size_t i = 0; i < EXCHANGE_WORDS; i++)
        if (x->words[i].count != 0 && memcmp(x->words[i].digest, digest, 32) == 0)
            return &x->words[i];
    return NULL;
}

/* SPEC bitswap 4.5: "and the peer says of itself that it is the node of that worker (4.6)" */
static bool binds(const struct exchange *x, const struct exchange_said *w, uint32_t connection)
{
    const struct exchange_peer *p = &x->peers[connection];
    const uint8_t *id = x->node.peers[connection].id;
    for (size_t i = 0; w != NULL && p->works && i < w->count; i++)
        if (memcmp(w->holders[i].peer, id, 32) == 0 &&
            memcmp(w->holders[i].lineage, p->lineage, 32) == 0)
            return true;
    return false;
}

void exchange_word_apply(struct exchange *x, uint32_t session, uint32_t connection)
{
    struct block_key root;
    if (!bitswap_dag_root(&x->dags, &root, session))
        return;
    bool proven = binds(x, said_of(x, root.digest), connection);
    bitswap_client_proven(&x->node.client, session, connection, proven);
}

static void apply_all(struct exchange *x, uint32_t connection)
{
    for (uint32_t s = 0; x->peers[connection].joined && s < BITSWAP_CLIENT_SESSIONS; s++)
        if (bitswap_dag_owns(&x->dags, s))
            exchange_word_apply(x, s, connection);
}

static void keep(struct exchange *x, const uint8_t digest[32], const struct exchange_holder *list,
                 size_t count)
{
    struct exchange_said *w = said_of(x, digest);
    if (w == NULL && count == 0)
        return;
    if (w == NULL) {
        w = &x->words[x->word_next];
        x->word_next = (x->word_next + 1) % EXCHANGE_WORDS;
    }
    memcpy(w->digest, digest, 32);
    w->count = count < EXCHANGE_HOLDERS ? count : EXCHANGE_HOLDERS;
    for (size_t i = 0; i < w->count; i++)
        w->holders[i] = list[i];
}

void exchange_word(struct exchange *x, const uint8_t digest[32], const struct exchange_holder *list,
                   size_t count)
{
    struct block_key root;
    if (x->stopped)
        return;
    keep(x, digest, list, count);
    pthread_mutex_lock(&x->lock);
    for (uint32_t i = 0; i < x->o.connections; i++)
        apply_all(x, i);
    for (uint32_t s = 0; s < BITSWAP_CLIENT_SESSIONS; s++)
        if (x->held_ms[s] != 0 && bitswap_dag_root(&x->dags, &root, s) &&
            memcmp(root.digest, digest, 32) == 0)
            exchange_ask_release(x, s);
    pthread_mutex_unlock(&x->lock);
    exchange_wake(x);
}

void exchange_worker(struct exchange *x, uint32_t connection, const uint8_t *lineage)
{
    struct exchange_peer *p = &x->peers[connection];
    p->works = lineage != NULL;
    if (lineage != NULL)
        memcpy(p->lineage, lineage, sizeof(p->lineage));
    if (x->stopped)
        return;
    pthread_mutex_lock(&x->lock);
    apply_all(x, connection);
    pthread_mutex_unlock(&x->lock);
}

void exchange_begins(struct exchange *x, exchange_begin_fn fn, void *ctx)
{
    x->begins = fn;
    x->begins_ctx = ctx;
}

void exchange_standing(struct exchange *x, struct exchange_standing *out, const uint8_t peer[32])
{
    struct bitswap_credit c;
    *out = (struct exchange_standing){ .known = false };
    for (uint32_t i = 0; i < x->o.connections; i++) {
        if (!x->peers[i].joined || memcmp(x->node.peers[i].id, peer, 32) != 0)
            continue;
        (void)bitswap_node_credit(&x->node, i, exchange_now(x)); /* up to now */
        for (size_t k = 0; k < EXCHANGE_WORDS; k++)
            out->proven += x->words[k].count > 0 && binds(x, &x->words[k], i);
    }
    const uint32_t proven = out->proven;
    if (bitswap_node_find(&x->node, &c, peer, exchange_now(x)))
        *out = (struct exchange_standing){ .known = true,
                                           .last = bitswap_credit_rank(&c, false) == BITSWAP_LAST,
                                           .doubted = bitswap_credit_doubted(&c),
                                           .sent = c.sent,
                                           .received = c.received,
                                           .kept = c.kept,
                                           .broken = c.broken };
    out->proven = proven;
}
