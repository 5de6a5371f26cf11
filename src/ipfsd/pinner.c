#include "ipfsd/pinner.h"

#include "ipfsd/pin_fetch.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { NEVER = -1 };

/* A request that something is still to be done for. */
struct entry {
    struct pin_key key;
    enum pin_step step;
    uint8_t account[32];
    uint64_t due_ms; /* monotonic */
    bool busy, gone; /* gone: removed by its owner */
};

struct pinner {
    struct ipfsd *node;
    struct pin_store *store;
    struct pin_order order;
    char tokens_path[SETTINGS_PATH_MAX + 16];
    atomic_bool stop;
    pthread_mutex_t lock;
    struct entry *entries;
    size_t count, room;
    uint32_t threads_alive, thread_count;
    pthread_t threads[PINNER_FETCHERS + 1];
    struct worker {
        struct pinner *p;
        bool fetches;
        uint64_t client;
    } workers[PINNER_FETCHERS + 1];
};

/* ---- entries; all under the lock ------------------------------------------------------------ */

static bool same_key(const struct pin_key *a, const struct pin_key *b)
{
    return a->created_ms == b->created_ms && memcmp(a->token, b->token, PIN_STORE_TOKEN_SIZE) == 0;
}

static struct entry *find(struct pinner *p, const struct pin_key *key)
{
    for (size_t i = 0; i < p->count; i++)
        if (same_key(&p->entries[i].key, key))
            return &p->entries[i];
    return NULL;
}

static enum err push(struct pinner *p, const struct entry *e)
{
    if (p->count == p->room) {
        size_t room = p->room == 0 ? 256 : p->room * 2;
        void *grown = realloc(p->entries, room * sizeof(*p->entries));
        if (grown == NULL)
            return ERR_MEMORY;
        p->entries = grown;
        p->room = room;
    }
    p->entries[p->count++] = *e;
    return OK;
}

static void forget(struct pinner *p, const struct pin_key *key)
{
    struct entry *e = find(p, key);
    if (e != NULL)
        *e = p->entries[--p->count];
}

/* One transaction of an account at a time: its nonces and its money are then plain. */
static bool account_is_busy(const struct pinner *p, const struct entry *mine)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct entry *e = &p->entries[i];
        if (e != mine && memcmp(e->account, mine->account, 32) == 0 &&
            (e->step == PIN_SENT || (e->step == PIN_ORDER && e->busy)))
            return true;
    }
    return false;
}

static bool is_mine(const struct pinner *p, const struct worker *w, const struct entry *e,
                    uint64_t now)
{
    bool fetches = e->step == PIN_FETCH;
    if (e->busy || e->due_ms > now || (fetches && !e->gone) != w->fetches)
        return false;
    return e->step != PIN_ORDER || e->gone || !account_is_busy(p, e);
}

/* The one that has waited longest. */
static bool next_due(struct worker *w, struct entry *out)
{
    struct pinner *p = w->p;
    struct entry *best = NULL;
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < p->count; i++) {
        struct entry *e = &p->entries[i];
        if (is_mine(p, w, e, now) && (best == NULL || e->due_ms < best->due_ms))
            best = e;
    }
    if (best == NULL)
        return false;
    best->busy = true;
    *out = *best;
    return true;
}

/* ---- one request ---------------------------------------------------------------------------- */

struct turn {
    struct pinner *p;
    const struct worker *w;
    struct pin_key key;
    struct pinning_request rq;
    struct pin_work work;
    struct pin_tokens tokens;
    const struct pin_token *token; /* NULL: it was taken away, or has ended */
    uint8_t room[PINNING_ENCODED_MAX];
};

static bool wanted(void *ctx)
{
    const struct turn *t = ctx;
    pthread_mutex_lock(&t->p->lock);
    const struct entry *e = find(t->p, &t->key);
    bool still = e != NULL && !e->gone;
    pthread_mutex_unlock(&t->p->lock);
    return still;
}

static void find_token(struct turn *t)
{
    if (!pinner_tokens(t->p, &t->tokens))
        return;
    for (size_t i = 0; i < t->tokens.count; i++) {
        const struct pin_token *k = &t->tokens.tokens[i];
        bool live = k->until_ms == 0 || k->until_ms > clock_wall_ms();
        if (live && memcmp(k->hash, t->key.token, PIN_STORE_TOKEN_SIZE) == 0)
            t->token = k;
    }
}

struct others {
    const struct turn *t;
    bool found;
};

static bool holds_too(void *ctx, const struct pin_key *key, struct span request,
                      const struct pin_work *work)
{
    struct others *o = ctx;
    struct pinning_request rq;
    o->found = work->held && !same_key(key, &o->t->key) && pinning_decode(&rq, request) == OK &&
               cid_key_cmp(&rq.key, &o->t->rq.key) == 0;
    return !o->found;
}

/* The block store need not keep it any more, unless another request needs it. */
static void release(struct turn *t)
{
    struct others o = { .t = t };
    if (!t->work.held || pin_store_each(t->p->store, holds_too, &o) != OK)
        return;
    enum err e = o.found ? OK : pin_fetch_release(t->p->node, &t->rq.key);
    if (e == OK)
        t->work.held = false;
    else
        log_warn("pin-not-released", "reason=\"%s\"", err_text(e));
}

static int64_t retry_ms(uint32_t tries)
{
    int64_t ms = PINNER_RETRY_MS;
    for (uint32_t i = 1; i < tries && ms < PINNER_RETRY_MAX_MS; i++)
        ms *= 2;
    return ms < PINNER_RETRY_MAX_MS ? ms : PINNER_RETRY_MAX_MS;
}

static bool may_come(enum err e)
{
    return e == ERR_NOT_FOUND || e == ERR_TIMEOUT || e == ERR_BUSY || e == ERR_MEMORY ||
           e == ERR_FULL;
}

/* Returns the time to the next turn, or NEVER. */
static int64_t turn_fetch(struct turn *t)
{
    struct content_commitment c;
    struct pinner *p = t->p;
    const struct pin_fetch f = { .node = p->node,
                                 .client = t->w->client,
                                 .size_max = p->node->settings.pinning_size_max,
                                 .stop = &p->stop,
                                 .wanted = wanted,
                                 .ctx = t,
                                 .why = t->work.details,
                                 .why_size = sizeof(t->work.details) };
    uint64_t now = clock_wall_ms();
    if (t->work.began_ms == 0)
        t->work.began_ms = now;
    t->work.tries++;
    if (pin_store_put(p->store, &t->key, &t->work, AMOUNT_ZERO) != OK)
        return PINNER_RETRY_MS;
    enum err e = pin_fetch_run(&f, &c, &t->rq);
    if (e == ERR_CLOSED)
        return 0;
    if (e == OK) {
        t->work.held = true;
        t->work.size = c.size;
        memcpy(t->work.data_root, c.data_root, 32);
        t->work.step = PIN_ORDER;
        (void)snprintf(t->work.details, sizeof(t->work.details), "fetched; to be ordered");
        log_info("pin-fetched", "bytes=%llu blocks=%u", (unsigned long long)c.size, c.record_count);
        return 0;
    }
    uint64_t waited = clock_wall_ms() - t->work.began_ms;
    if (!may_come(e) || waited >= p->node->settings.pinning_patience_ms)
        t->work.step = PIN_FAILED;
    return t->work.step == PIN_FAILED ? NEVER : retry_ms(t->work.tries);
}

static int64_t turn_order(struct turn *t)
{
    struct amount spent;
    struct pinner *p = t->p;
    if (t->token == NULL) {
        pin_order_fail(&t->work, "the token is no longer valid");
        return PINNER_WATCH_MS;
    }
    if (pin_store_spent(p->store, &spent, t->key.token) != OK ||
        pin_order_place(&p->order, &t->work, &t->rq, t->token, spent) != OK)
        return PINNER_CHAIN_MS;
    if (t->work.step != PIN_SENT)
        return t->work.step == PIN_FAILED ? NEVER : PINNER_CHAIN_MS;
    /* Written down before it is sent: what is sent is never signed twice. */
    if (pin_store_put(p->store, &t->key, &t->work, AMOUNT_ZERO) != OK) {
        t->work.step = PIN_ORDER;
        t->work.tx_size = 0;
        return PINNER_RETRY_MS;
    }
    pin_order_send(&p->order, &t->work);
    return PINNER_CHAIN_MS;
}

static int64_t turn_settle(struct turn *t, struct amount *spent)
{
    enum err e = pin_order_settle(&t->p->order, &t->work, spent, &t->rq);
    if (e == OK && t->work.step != PIN_SENT)
        log_info("pin-order", "step=%d", (int)t->work.step);
    return PINNER_CHAIN_MS;
}

static int64_t turn_watch(struct turn *t)
{
    bool before = t->work.proven;
    uint64_t again_ms;
    if (pin_order_watch(&t->p->order, &t->work, t->token != NULL, &again_ms) != OK)
        return PINNER_CHAIN_MS;
    if (t->work.proven && !before)
        log_info("pin-proven", "replicas=%u", t->work.verified);
    if (t->work.proven)
        release(t);
    if (t->work.step != PIN_WATCH)
        return t->work.step == PIN_FAILED ? NEVER : 0;
    return (int64_t)again_ms;
}

/* Its owner does not want it any more: what is signed is followed to its end, the rest forgotten.
 * What is paid stays paid. */
static int64_t turn_removed(struct turn *t)
{
    release(t);
    enum err e = pin_store_drop(t->p->store, &t->key);
    if (e != OK)
        return PINNER_RETRY_MS;
    t->work.step = PIN_FAILED;
    return NEVER;
}

static int64_t take_turn(struct turn *t)
{
    struct mspan room = { t->room, sizeof(t->room) };
    struct amount spent = AMOUNT_ZERO;
    int64_t next;
    enum err e = pin_store_get(t->p->store, &t->key, &room, &t->work, true);
    if (e == OK)
        e = pinning_decode(&t->rq, span_of(room.p, room.n));
    if (e != OK)
        return e == ERR_NOT_FOUND ? NEVER : PINNER_RETRY_MS;
    find_token(t);
    if (t->work.step == PIN_SENT)
        next = turn_settle(t, &spent);
    else if (t->work.removed)
        return turn_removed(t);
    else if (t->work.step == PIN_FETCH)
        next = turn_fetch(t);
    else if (t->work.step == PIN_ORDER)
        next = turn_order(t);
    else if (t->work.step == PIN_WATCH)
        next = turn_watch(t);
    else
        return NEVER;
    if (t->work.step == PIN_FAILED) {
        log_info("pin-failed", "reason=\"%s\"", t->work.details);
        release(t);
    }
    e = pin_store_put(t->p->store, &t->key, &t->work, spent);
    if (e == ERR_NOT_FOUND)
        return NEVER;
    if (t->work.removed)
        return 0; /* meanwhile; forgotten in the next turn */
    return e == OK ? next : PINNER_RETRY_MS;
}

/* ---- threads -------------------------------------------------------------------------------- */

static void end_turn(struct pinner *p, const struct turn *t, int64_t next)
{
    struct entry *e = find(p, &t->key);
    if (e == NULL)
        return;
    e->busy = false;
    e->step = t->work.step;
    memcpy(e->account, t->work.account, 32);
    e->due_ms = clock_mono_ms() + (next > 0 ? (uint64_t)next : 0);
    if (next == NEVER && (!e->gone || t->work.removed))
        forget(p, &t->key);
}

static void *work_main(void *ctx)
{
    struct worker *w = ctx;
    struct pinner *p = w->p;
    struct turn *t = malloc(sizeof(*t));
    pthread_mutex_lock(&p->lock);
    while (t != NULL && !atomic_load(&p->stop)) {
        struct entry e;
        if (!next_due(w, &e)) {
            pthread_mutex_unlock(&p->lock);
            clock_sleep_ms(PINNER_TICK_MS);
            pthread_mutex_lock(&p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        memset(t, 0, sizeof(*t));
        t->p = p;
        t->w = w;
        t->key = e.key;
        t->work.step = e.step;
        memcpy(t->work.account, e.account, 32);
        int64_t next = take_turn(t);
        pthread_mutex_lock(&p->lock);
        end_turn(p, t, next);
    }
    p->threads_alive--;
    pthread_mutex_unlock(&p->lock);
    free(t);
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool load(void *ctx, const struct pin_key *key, struct span request,
                 const struct pin_work *work)
{
    struct pinner *p = ctx;
    struct entry e = { .key = *key, .step = work->step, .gone = work->removed };
    (void)request;
    memcpy(e.account, work->account, 32);
    bool over = work->step == PIN_FAILED || work->step == PIN_INLINE;
    return (over && !work->removed) || push(p, &e) == OK;
}

static enum err read_key(struct pinner *p)
{
    char path[SETTINGS_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/key", p->node->settings.pinning);
    enum err e = seed_file_read(&p->order.key, path);
    if (e == ERR_NOT_FOUND)
        e = seed_file_make(&p->order.key, path);
    if (e != OK)
        log_error("pinning-key-not-read", "path=\"%s\" reason=\"%s\"", path, err_text(e));
    else
        ss58_format(p->order.address, p->order.key.public_key);
    return e;
}

static enum err start(struct pinner *p)
{
    TRY(read_key(p));
    TRY(pin_store_each(p->store, load, p));
    for (uint32_t i = 0; i < PINNER_FETCHERS + 1; i++) {
        p->workers[i] =
            (struct worker){ .p = p, .fetches = i < PINNER_FETCHERS, .client = UINT64_MAX / 4 - i };
        if (pthread_create(&p->threads[i], NULL, work_main, &p->workers[i]) != 0)
            return ERR_IO;
        p->thread_count++;
    }
    return OK;
}

enum err pinner_open(struct pinner **out, struct ipfsd *n, struct pin_store *store)
{
    *out = NULL;
    struct pinner *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->node = n;
    p->store = store;
    p->order.chain = &n->chain;
    p->order.origin = n->settings.url;
    p->threads_alive = PINNER_FETCHERS + 1;
    (void)snprintf(p->tokens_path, sizeof(p->tokens_path), "%s/tokens", n->settings.pinning);
    pthread_mutex_init(&p->lock, NULL);
    enum err e = start(p);
    p->threads_alive -= PINNER_FETCHERS + 1 - p->thread_count;
    if (e == OK)
        *out = p;
    else
        pinner_close(p);
    return e;
}

void pinner_stop(struct pinner *p)
{
    if (p != NULL)
        atomic_store(&p->stop, true);
}

bool pinner_idle(struct pinner *p)
{
    if (p == NULL)
        return true;
    pthread_mutex_lock(&p->lock);
    bool idle = p->threads_alive == 0;
    pthread_mutex_unlock(&p->lock);
    return idle;
}

void pinner_close(struct pinner *p)
{
    if (p == NULL)
        return;
    pinner_stop(p);
    for (uint32_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    ed25519_wipe(&p->order.key);
    free(p->entries);
    free(p);
}

void pinner_added(struct pinner *p, const struct pin_key *key)
{
    struct pin_work work;
    if (pin_store_get(p->store, key, NULL, &work, true) != OK)
        return;
    pthread_mutex_lock(&p->lock);
    if (find(p, key) == NULL && !load(p, key, (struct span){ 0 }, &work))
        log_warn("pin-waits", "reason=\"out of memory; it is taken up after a restart\"%s", "");
    pthread_mutex_unlock(&p->lock);
}

void pinner_removed(struct pinner *p, const struct pin_key *key)
{
    struct pin_work work;
    enum err e = pin_store_get(p->store, key, NULL, &work, true);
    pthread_mutex_lock(&p->lock);
    struct entry *there = find(p, key);
    if (there != NULL) {
        there->gone = true;
        there->due_ms = 0;
    } else if (e == OK) {
        (void)load(p, key, (struct span){ 0 }, &work);
    }
    pthread_mutex_unlock(&p->lock);
}

bool pinner_tokens(struct pinner *p, struct pin_tokens *out)
{
    char why[PIN_TOKENS_WHY_MAX];
    struct mspan file = { 0 };
    *out = (struct pin_tokens){ 0 };
    enum err e = path_read_file(&file, p->tokens_path, PIN_TOKENS_FILE_MAX);
    if (e == ERR_NOT_FOUND)
        return true;
    if (e == OK)
        e = pin_tokens_parse(out, why, span_of(file.p, file.n));
    else
        (void)snprintf(why, sizeof(why), "%s", err_text(e));
    free(file.p);
    if (e != OK)
        log_warn("pin-tokens-not-read", "path=\"%s\" reason=\"%s\"", p->tokens_path, why);
    return e == OK;
}

const char *pinner_address(const struct pinner *p)
{
    return p->order.address;
}
