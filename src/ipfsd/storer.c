#include "ipfsd/storer.h"

#include "rt/log.h"

/* The place of a client, made when it is new; NULL when there are too many. */
static struct storer_client *client_of(struct storer *s, uint64_t client, bool make)
{
    struct storer_client *free_one = NULL;
    for (size_t i = 0; i < STORER_CLIENTS_MAX; i++) {
        struct storer_client *c = &s->clients[i];
        if (c->used && c->client == client)
            return c;
        if (!c->used && free_one == NULL)
            free_one = c;
    }
    if (!make || free_one == NULL)
        return NULL;
    struct storer_client c = { .used = true, .client = client };
    if (blockstore_session_begin(s->store, &c.session) != OK)
        return NULL;
    *free_one = c;
    return free_one;
}

static void client_end(struct storer *s, struct storer_client *c)
{
    blockstore_session_end(s->store, c->session);
    *c = (struct storer_client){ 0 };
}

/* The store cannot go on before it has forgotten what is not committed; each client whose blocks
 * are among that is told at its next commit. */
static void roll_back(struct storer *s, enum err e)
{
    log_error("store-write-failed", "reason=\"%s\"", err_text(e));
    blockstore_rollback(s->store);
    for (size_t i = 0; i < STORER_CLIENTS_MAX; i++) {
        if (s->clients[i].used && s->clients[i].dirty)
            s->clients[i].lost = true;
    }
}

static bool breaks_batch(enum err e)
{
    return e == ERR_IO || e == ERR_STATE || e == ERR_MEMORY;
}

void storer_watch(struct storer *s, void (*fn)(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE]),
                  void *ctx)
{
    pthread_mutex_lock(&s->lock);
    s->came = fn;
    s->came_ctx = ctx;
    pthread_mutex_unlock(&s->lock);
}

static void tell(struct storer *s, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    pthread_mutex_lock(&s->lock);
    if (s->came != NULL)
        s->came(s->came_ctx, digest);
    pthread_mutex_unlock(&s->lock);
}

static enum err apply(struct storer *s, struct storer_op *op)
{
    struct storer_client *c = client_of(s, op->client, op->kind != STORER_GONE);
    enum err e = OK;
    if (op->kind == STORER_GONE) {
        if (c != NULL)
            client_end(s, c);
        return OK;
    }
    if (c == NULL)
        return ERR_BUSY;
    switch (op->kind) {
    case STORER_PUT:
        e = blockstore_put(s->store, op->key.digest, op->data, BLOCKSTORE_VERIFY);
        if (e == OK)
            tell(s, op->key.digest);
        break;
    case STORER_DELETE:
        e = blockstore_delete(s->store, &op->key, 1, NULL);
        break;
    case STORER_PIN:
        e = blockstore_pin(s->store, &op->pin);
        break;
    case STORER_UNPIN:
        e = blockstore_unpin(s->store, op->data);
        break;
    case STORER_COMMIT:
    case STORER_GONE:
        break;
    }
    c->dirty = c->dirty || e == OK;
    if (breaks_batch(e))
        roll_back(s, e);
    return e;
}

/* One sync for every commit of the batch. */
static void commit_batch(struct storer *s, struct storer_op *commits)
{
    if (commits == NULL)
        return;
    enum err e = blockstore_commit(s->store);
    if (e != OK)
        roll_back(s, e);
    for (struct storer_op *op = commits; op != NULL;) {
        struct storer_op *next = op->next;
        struct storer_client *c = client_of(s, op->client, false);
        op->result = e;
        if (c != NULL && c->lost)
            op->result = e != OK ? e : ERR_IO;
        if (c != NULL)
            c->lost = false;
        op->done(op);
        op = next;
    }
    for (size_t i = 0; i < STORER_CLIENTS_MAX; i++)
        s->clients[i].dirty = false;
}

static struct storer_op *take_all(struct storer *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->first == NULL && !s->stop)
        pthread_cond_wait(&s->more, &s->lock);
    struct storer_op *ops = s->first;
    s->first = NULL;
    s->last = NULL;
    pthread_mutex_unlock(&s->lock);
    return ops;
}

static void *serve(void *arg)
{
    struct storer *s = arg;
    for (struct storer_op *op = take_all(s); op != NULL; op = take_all(s)) {
        struct storer_op *commits = NULL, **tail = &commits;
        while (op != NULL) {
            struct storer_op *next = op->next;
            if (op->kind == STORER_COMMIT) {
                op->next = NULL;
                *tail = op;
                tail = &op->next;
            } else {
                op->result = apply(s, op);
                op->done(op);
            }
            op = next;
        }
        commit_batch(s, commits);
    }
    return NULL;
}

enum err storer_start(struct storer *s, struct blockstore *store)
{
    *s = (struct storer){ .store = store };
    if (pthread_mutex_init(&s->lock, NULL) != 0 || pthread_cond_init(&s->more, NULL) != 0)
        return ERR_MEMORY;
    if (pthread_create(&s->thread, NULL, serve, s) != 0)
        return ERR_IO;
    s->started = true;
    return OK;
}

void storer_add(struct storer *s, struct storer_op *op)
{
    op->next = NULL;
    pthread_mutex_lock(&s->lock);
    bool stopped = s->stop;
    if (!stopped) {
        if (s->first == NULL)
            s->first = op;
        else
            s->last->next = op;
        s->last = op;
        pthread_cond_signal(&s->more);
    }
    pthread_mutex_unlock(&s->lock);
    if (stopped) {
        op->result = ERR_CLOSED;
        op->done(op);
    }
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void wake(struct storer_op *op)
{
    struct waiter *w = op->ctx;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

enum err storer_run(struct storer *s, struct storer_op *op)
{
    struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
    op->done = wake;
    op->ctx = &w;
    storer_add(s, op);
    pthread_mutex_lock(&w.lock);
    while (!w.done)
        pthread_cond_wait(&w.cond, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return op->result;
}

void storer_stop(struct storer *s)
{
    if (!s->started)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    if (blockstore_commit(s->store) != OK)
        log_error("store-commit-failed", "%s", "");
    for (size_t i = 0; i < STORER_CLIENTS_MAX; i++) {
        if (s->clients[i].used)
            client_end(s, &s->clients[i]);
    }
    s->started = false;
}
