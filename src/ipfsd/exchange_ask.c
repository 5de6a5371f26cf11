/* Blocks for others of this process: threads that wait, the DAGs they read, and whom to ask. */
#include "codec/cid.h"
#include "crypto/random.h"
#include "ipfsd/exchange_impl.h"
#include "rt/clock.h"

#include <stdlib.h>

enum {
    BUCKETS = 16384,
    PARTS = EXCHANGE_AHEAD_BYTES / BITSWAP_DAG_PART,
};

/* ---- whom to ask -------------------------------------------------------------------------------
 */

/* Makes a connection a provider of a session, once. */
static void add_provider(struct exchange *x, uint32_t session, uint32_t connection)
{
    uint64_t *bits = &x->tried[session].bits[connection / 64], bit = (uint64_t)1 << connection % 64;
    if ((*bits & bit) != 0 || bitswap_client_provider(&x->node.client, session, connection) != OK)
        return;
    *bits |= bit;
    exchange_word_apply(x, session, connection);
}

static void add_providers(struct exchange *x, uint32_t session)
{
    for (int rank = BITSWAP_FIRST; rank <= BITSWAP_LAST; rank++)
        for (uint32_t i = 0; i < x->o.connections; i++)
            if (x->peers[i].joined && (int)x->node.client.m.peers[i].rank == rank)
                add_provider(x, session, i);
}

void exchange_ask_release(struct exchange *x, uint32_t session)
{
    x->held_ms[session] = 0;
    if (!bitswap_dag_owns(&x->dags, session))
        return;
    add_providers(x, session);
    bitswap_client_hold(&x->node.client, session, false, exchange_now(x));
}

/* Peers that have not been asked yet take the places of those who had nothing. False: there are
 * none. */
static bool add_others(struct exchange *x, uint32_t session)
{
    const struct exchange_tried before = x->tried[session];
    bitswap_client_forget(&x->node.client, session);
    add_providers(x, session);
    return memcmp(&before, &x->tried[session], sizeof(before)) != 0;
}

void exchange_ask_peer(struct exchange *x, uint32_t connection)
{
    pthread_mutex_lock(&x->lock);
    for (uint32_t s = 0; s < BITSWAP_CLIENT_SESSIONS; s++) {
        x->tried[s].bits[connection / 64] &= ~((uint64_t)1 << connection % 64);
        if (bitswap_dag_owns(&x->dags, s) && x->held_ms[s] == 0)
            add_provider(x, s, connection);
    }
    pthread_mutex_unlock(&x->lock);
}

/* ---- who waits; under the lock -----------------------------------------------------------------
 */

/* Room for a block that has come: the waiting thread's own, or memory that is given away. */
static enum err make_room(struct exchange_ask *a, size_t size)
{
    a->got = true;
    a->size = size;
    if (a->fn == NULL)
        return size > a->buf.n ? ERR_LIMIT : OK;
    a->buf = (struct mspan){ malloc(size + 1), size };
    return a->buf.p == NULL ? ERR_MEMORY : OK;
}

static void take(struct exchange_ask *a, struct span data)
{
    a->result = make_room(a, data.n);
    if (a->result == OK && data.n > 0)
        memcpy(a->buf.p, data.p, data.n);
}

/* It is out of the list. A thread wakes up; whoever does not wait is called, and its ask is freed.
 */
static void finish(struct exchange *x, struct exchange_ask *a)
{
    x->ask_count--;
    a->over = true;
    if (a->fn == NULL) {
        pthread_cond_broadcast(&x->over);
        return;
    }
    if (a->result != OK) {
        free(a->buf.p);
        a->buf = (struct mspan){ NULL, 0 };
    }
    a->fn(a->ctx, a->result, a->buf);
    free(a);
}

/* A wanted block has come; its digest has been computed from it. */
enum err exchange_ask_put(void *ctx, const struct block_key *key, struct span data)
{
    struct exchange *x = ctx;
    x->figures.blocks_received++;
    x->figures.bytes_received += data.n;
    pthread_mutex_lock(&x->lock);
    for (struct exchange_ask **at = &x->asks; *at != NULL;) {
        struct exchange_ask *a = *at;
        if (memcmp(a->key.digest, key->digest, sizeof(key->digest)) != 0) {
            at = &a->next;
            continue;
        }
        take(a, data);
        /* One that has no entry yet leaves the list of those who have. */
        *at = a->next;
        finish(x, a);
    }
    bitswap_dag_came(&x->dags, key, data, exchange_now(x));
    pthread_mutex_unlock(&x->lock);
    return OK;
}

/* Copies a block that is here, with the lock let go meanwhile. */
static void copy_out(struct exchange *x, struct exchange_ask *a)
{
    a->result = make_room(a, bitswap_dag_size(&x->dags, a->entry));
    pthread_mutex_unlock(&x->lock);
    if (a->result == OK)
        bitswap_dag_copy(&x->dags, a->entry, a->buf);
    pthread_mutex_lock(&x->lock);
    bitswap_dag_done(&x->dags, a->entry, clock_mono_ms());
    a->entry = BITSWAP_DAG_NONE;
}

/* Tries to find the block a place among the DAGs. OK: it is here, and copied. */
static enum err look(struct exchange *x, struct exchange_ask *a)
{
    enum err e = bitswap_dag_look(&x->dags, &a->entry, &a->key, clock_mono_ms());
    if (e == OK)
        copy_out(x, a);
    if (e != OK && e != ERR_BUSY)
        a->entry = BITSWAP_DAG_NONE;
    return e;
}

/* Ends an ask that has failed. */
static void give_up(struct exchange *x, struct exchange_ask *a)
{
    if (a->entry != BITSWAP_DAG_NONE)
        bitswap_dag_leave(&x->dags, a->entry);
    a->size = 0;
    finish(x, a);
}

static void asks_sweep(struct exchange *x)
{
    for (struct exchange_ask **at = &x->asks; *at != NULL;) {
        struct exchange_ask *a = *at;
        if (a->result == OK && x->closed)
            a->result = ERR_CLOSED;
        if (a->result == OK && x->figures.peers == 0 && x->seek == NULL)
            a->result = ERR_NOT_FOUND;
        if (a->result == OK && exchange_now(x) >= a->deadline_ms)
            a->result = ERR_TIMEOUT;
        if (a->result == OK) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        give_up(x, a);
    }
}

/* Those for whom there was no place: a DAG has made some. */
static void asks_place(struct exchange *x)
{
    for (struct exchange_ask **at = &x->asks; *at != NULL;) {
        struct exchange_ask *a = *at;
        if (a->entry != BITSWAP_DAG_NONE ||
            bitswap_dag_look(&x->dags, &a->entry, &a->key, exchange_now(x)) != OK) {
            at = &a->next;
            continue;
        }
        a->result = make_room(a, bitswap_dag_size(&x->dags, a->entry));
        if (a->result == OK)
            bitswap_dag_copy(&x->dags, a->entry, a->buf);
        bitswap_dag_done(&x->dags, a->entry, exchange_now(x));
        *at = a->next;
        finish(x, a);
    }
}

static bool waited_for(const struct exchange *x, const struct cid *cid)
{
    const struct exchange_ask *a = x->asks;
    while (a != NULL && memcmp(a->key.digest, cid->digest, sizeof(a->key.digest)) != 0)
        a = a->next;
    return a != NULL;
}

static void refuse(struct exchange *x, const struct cid *cid)
{
    for (struct exchange_ask *a = x->asks; a != NULL; a = a->next)
        if (memcmp(a->key.digest, cid->digest, sizeof(a->key.digest)) == 0)
            a->result = ERR_NOT_FOUND; /* all who could be asked have said so */
}

/* A want that no provider of its session has. */
struct lack {
    uint32_t session;
    struct cid cid;
};

static void without(struct exchange *x, const struct lack *l)
{
    if (!bitswap_dag_owns(&x->dags, l->session))
        return;
    refuse(x, &l->cid);
    bitswap_dag_fail(&x->dags, &x->node.client, l->session, &l->cid);
}

/* No provider of a session has the block. True: others may be looked for. */
static bool lacking(struct exchange *x, const struct lack *l)
{
    if (!bitswap_dag_owns(&x->dags, l->session) || add_others(x, l->session))
        return false;
    if (x->seek != NULL && waited_for(x, &l->cid))
        return true;
    without(x, l);
    return false;
}

/* Whoever looks for others may answer at once: so without the lock. */
static void seek_all(struct exchange *x, const struct lack *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (x->seek(x->seek_ctx, &list[i].cid))
            continue;
        pthread_mutex_lock(&x->lock);
        without(x, &list[i]);
        pthread_mutex_unlock(&x->lock);
    }
}

/* Sessions that have begun: their peers are asked when the chain has spoken, or has been silent for
 * too long. Whoever is called may speak at once: so without the lock. */
static void begin_all(struct exchange *x)
{
    uint32_t session, list[BITSWAP_DAG_COUNT];
    struct block_key roots[BITSWAP_DAG_COUNT];
    size_t count = 0;
    const uint64_t now = exchange_now(x);
    while (count < BITSWAP_DAG_COUNT && bitswap_dag_open(&x->dags, &x->node.client, &session)) {
        x->tried[session] = (struct exchange_tried){ { 0 } };
        x->held_ms[session] = now + EXCHANGE_WORD_MS;
        bitswap_client_hold(&x->node.client, session, true, now);
        (void)bitswap_dag_root(&x->dags, &roots[count], session);
        list[count++] = session;
    }
    pthread_mutex_unlock(&x->lock);
    for (size_t i = 0; i < count; i++)
        if (x->begins == NULL || !x->begins(x->begins_ctx, &roots[i]))
            x->held_ms[list[i]] = now;
    pthread_mutex_lock(&x->lock);
    for (uint32_t s = 0; s < BITSWAP_CLIENT_SESSIONS; s++)
        if (x->held_ms[s] != 0 && now >= x->held_ms[s])
            exchange_ask_release(x, s);
}

void exchange_ask_turn(struct exchange *x)
{
    struct lack l, seek[EXCHANGE_ASKS];
    size_t count = 0;
    pthread_mutex_lock(&x->lock);
    while (count < EXCHANGE_ASKS && bitswap_client_search(&x->node.client, &l.session, &l.cid))
        if (lacking(x, &l))
            seek[count++] = l;
    asks_sweep(x);
    asks_place(x);
    begin_all(x);
    bitswap_dag_step(&x->dags, &x->node.client, exchange_now(x));
    pthread_mutex_unlock(&x->lock);
    seek_all(x, seek, count);
    x->node.arrived = 0;
}

void exchange_seek(struct exchange *x, exchange_seek_fn fn, void *ctx)
{
    x->seek = fn;
    x->seek_ctx = ctx;
}

void exchange_sought(struct exchange *x, const struct cid *cid)
{
    pthread_mutex_lock(&x->lock);
    for (uint32_t s = 0; s < BITSWAP_CLIENT_SESSIONS; s++)
        if (bitswap_dag_owns(&x->dags, s) &&
            bitswap_client_hopeless(&x->node.client, s, cid->digest)) {
            refuse(x, cid);
            bitswap_dag_fail(&x->dags, &x->node.client, s, cid);
        }
    pthread_mutex_unlock(&x->lock);
    exchange_wake(x);
}

/* ---- the source --------------------------------------------------------------------------------
 */

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct exchange *x = ctx;
    struct exchange_ask a = { .key = *key, .buf = buf, .entry = BITSWAP_DAG_NONE };
    *size = 0;
    if (key->codec > UINT32_MAX)
        return ERR_NOT_FOUND;
    pthread_mutex_lock(&x->lock);
    enum err e = x->closed ? ERR_CLOSED : OK;
    if (e == OK && look(x, &a) != OK) {
        if (x->ask_count == EXCHANGE_ASKS) {
            e = ERR_BUSY;
            if (a.entry != BITSWAP_DAG_NONE)
                bitswap_dag_leave(&x->dags, a.entry);
        } else {
            a.deadline_ms = clock_mono_ms() + x->o.wait_ms;
            a.next = x->asks;
            x->asks = &a;
            x->ask_count++;
        }
    }
    exchange_wake(x); /* the window has moved */
    while (e == OK && !a.got && !a.over)
        pthread_cond_wait(&x->over, &x->lock);
    if (e == OK)
        e = a.result;
    *size = a.size;
    pthread_mutex_unlock(&x->lock);
    return e;
}

/* ---- without waiting ---------------------------------------------------------------------------
 */

enum err exchange_want(struct exchange *x, uint64_t *id, const struct block_key *key,
                       exchange_over_fn fn, void *ctx)
{
    struct exchange_ask *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_MEMORY;
    *a = (struct exchange_ask){ .key = *key, .entry = BITSWAP_DAG_NONE, .fn = fn, .ctx = ctx };
    pthread_mutex_lock(&x->lock);
    *id = a->id = ++x->ask_ids;
    enum err e = x->closed ? ERR_CLOSED : x->ask_count >= EXCHANGE_ASKS ? ERR_BUSY : OK;
    if (e == OK)
        x->ask_count++; /* until it is over */
    if (e == OK && look(x, a) == OK) {
        finish(x, a);
        a = NULL;
    } else if (e == OK) {
        a->deadline_ms = clock_mono_ms() + x->o.wait_ms;
        a->next = x->asks;
        x->asks = a;
        a = NULL;
    }
    exchange_wake(x); /* the window has moved */
    pthread_mutex_unlock(&x->lock);
    free(a);
    return e;
}

bool exchange_unwant(struct exchange *x, uint64_t id)
{
    struct exchange_ask *a = NULL;
    pthread_mutex_lock(&x->lock);
    for (struct exchange_ask **at = &x->asks; *at != NULL; at = &(*at)->next) {
        a = *at;
        if (a->id == id) {
            *at = a->next;
            break;
        }
        a = NULL;
    }
    if (a != NULL) {
        if (a->entry != BITSWAP_DAG_NONE)
            bitswap_dag_cancel(&x->dags, a->entry);
        x->ask_count--;
    }
    pthread_mutex_unlock(&x->lock);
    if (a != NULL)
        exchange_wake(x);
    free(a);
    return a != NULL;
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    (void)ctx;
    (void)key;
    return ERR_NOT_FOUND;
}

struct block_source exchange_source(struct exchange *x)
{
    return (struct block_source){ .ctx = x, .get = source_get, .has = source_has };
}

/* ---- life --------------------------------------------------------------------------------------
 */

enum err exchange_ask_open(struct exchange *x)
{
    struct bitswap_dag_memory *m = &x->dag_memory;
    uint64_t seed;
    if (x->o.connections > EXCHANGE_CONNECTIONS_MAX)
        return ERR_LIMIT;
    x->tried = calloc(BITSWAP_CLIENT_SESSIONS, sizeof(*x->tried));
    m->entries = calloc(m->entry_count = EXCHANGE_LISTED, sizeof(*m->entries));
    m->buckets = calloc(m->bucket_count = BUCKETS, sizeof(*m->buckets));
    m->parts = malloc((size_t)PARTS * BITSWAP_DAG_PART); /* untouched pages cost nothing */
    m->part_next = calloc(m->part_count = PARTS, sizeof(*m->part_next));
    if (x->tried == NULL || m->entries == NULL || m->buckets == NULL || m->parts == NULL ||
        m->part_next == NULL)
        return ERR_MEMORY;
    random_bytes(&seed, sizeof(seed));
    bitswap_dag_init(&x->dags, m, seed);
    return OK;
}

void exchange_ask_stop(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    x->closed = true;
    asks_sweep(x);
    pthread_mutex_unlock(&x->lock);
}

void exchange_ask_close(struct exchange *x)
{
    free(x->tried);
    free(x->dag_memory.entries);
    free(x->dag_memory.buckets);
    free(x->dag_memory.parts);
    free(x->dag_memory.part_next);
}
