#include "ipfsd/keep.h"

#include "rt/log.h"

#include <stdlib.h>

struct kept {
    struct keep *keep;
    struct multiaddr address;
    struct peer_id peer;
    struct resolved found;
    size_t at; /* in found: which is dialled next */
    bool asking;
    uint64_t again_ms; /* when the name is asked for again */
    enum err said;     /* the last failure that was logged */
};

struct keep {
    struct loop *loop;
    struct swarm *swarm;
    struct resolver *resolver;
    struct loop_timer *timer;
    size_t count;
    struct kept peers[KEEP_MAX];
};

struct peer_id keep_peer_of(const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part p;
    struct peer_id id = { 0 };
    while (multiaddr_next(&r, &p))
        if (p.code != MULTIADDR_P2P || peer_id_decode(&id, p.value) != OK)
            id = (struct peer_id){ 0 };
    return id;
}

static void say(struct kept *p, const struct multiaddr *a, enum err e)
{
    char text[MULTIADDR_TEXT_MAX];
    multiaddr_format(text, a);
    if (e == OK)
        log_debug("peer-dialled", "address=%s", text);
    else if (e != p->said)
        log_warn("peer-not-dialled", "address=%s reason=\"%s\"", text, err_text(e));
    p->said = e;
}

static void on_found(void *ctx, const struct resolved *found)
{
    struct kept *p = ctx;
    p->asking = false;
    p->found = *found;
    p->at = 0;
    if (found->count == 0)
        say(p, &p->address, found->err);
}

/* Numbers resolve to themselves at once, in a worker, and for good. */
static void ask(struct kept *p, uint64_t now)
{
    struct keep *k = p->keep;
    if (p->asking || now < p->again_ms)
        return;
    if (resolve_start(k->resolver, &p->address, on_found, p) != OK)
        return; /* others are being asked for */
    p->asking = true;
    p->again_ms = now + KEEP_RESOLVE_MS;
}

/* One address after the other, as far as the gate lets us. */
static void dial(struct kept *p, uint64_t now)
{
    struct keep *k = p->keep;
    uint32_t connection;
    uint64_t retry;
    if (swarm_find(k->swarm, &p->peer) != GATE_NONE)
        return;
    ask(p, now);
    for (size_t i = 0; i < p->found.count; i++) {
        const struct multiaddr *a = &p->found.list[p->at];
        enum err e = swarm_dial(k->swarm, a, &connection, &retry);
        if (e == ERR_EXISTS)
            return;
        p->at = (p->at + 1) % p->found.count;
        if (e == ERR_BUSY)
            continue; /* it failed lately: the next one */
        say(p, a, e);
        if (e == OK)
            return;
    }
}

static void on_timer(void *ctx)
{
    struct keep *k = ctx;
    for (size_t i = 0; i < k->count; i++)
        dial(&k->peers[i], loop_now_ms(k->loop));
}

enum err keep_open(struct keep **out, struct loop *l, struct swarm *s, struct resolver *r,
                   const struct multiaddr *peers, size_t count)
{
    ASSERT(count <= KEEP_MAX);
    struct keep *k = calloc(1, sizeof(*k));
    *out = k;
    if (k == NULL)
        return ERR_MEMORY;
    *k = (struct keep){ .loop = l, .swarm = s, .resolver = r, .count = count };
    for (size_t i = 0; i < count; i++) {
        k->peers[i] =
            (struct kept){ .keep = k, .address = peers[i], .peer = keep_peer_of(&peers[i]) };
        ASSERT(k->peers[i].peer.size != 0);
    }
    k->timer = loop_timer_new(l, on_timer, k);
    if (k->timer == NULL) {
        keep_close(k);
        *out = NULL;
        return ERR_MEMORY;
    }
    if (count != 0)
        loop_timer_start(k->timer, 0, KEEP_REDIAL_MS);
    return OK;
}

void keep_peer(struct keep *k, uint32_t connection, const struct peer_id *peer)
{
    for (size_t i = 0; k != NULL && i < k->count; i++)
        if (peer_id_eq(&k->peers[i].peer, peer))
            gate_keep(swarm_gate(k->swarm), connection, true);
}

void keep_close(struct keep *k)
{
    if (k == NULL)
        return;
    loop_timer_free(k->timer);
    free(k);
}
