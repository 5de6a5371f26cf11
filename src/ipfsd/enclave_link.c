#include "ipfsd/enclave_link.h"

#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/ipc_link.h"
#include "rt/log.h"
#include "rt/path.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum {
    KEY_SIZE = 32,
    CONNECT_MS = 20000,  /* the process reads its key and starts its threads first */
    PATIENCE_MS = 60000, /* the longest request, a batch of records, takes far less */
    STOP_MS = 1000,
};

static enum err make_key(const char *path)
{
    uint8_t key[KEY_SIZE];
    if (path_exists(path))
        return OK;
    random_bytes(key, sizeof(key));
    enum err e = path_write_file(path, span_of(key, sizeof(key)), 0600);
    secret_wipe_bytes(key, sizeof(key));
    return e;
}

/* Whether the enclave was started by others. */
static bool is_remote(const struct enclave_link *l)
{
    return l->o.at != NULL && l->o.at[0] != '\0';
}

static enum err parse_remote(struct enclave_link *l)
{
    TRY(ipc_endpoint_parse(&l->at, l->o.at));
    int n = snprintf(l->at.token_file, sizeof(l->at.token_file), "%s", l->o.token_file);
    if (l->at.kind == IPC_UNIX || n < 0 || (size_t)n >= sizeof(l->at.token_file))
        return ERR_FORMAT;
    return OK;
}

static enum err open_remote(struct enclave_link *l)
{
    char token[IPC_TOKEN_SIZE + 1];
    TRY(parse_remote(l));
    TRY(ipc_link_token(token, l->at.token_file, true));
    secret_wipe_bytes(token, sizeof(token));
    return ipc_sync_new(&l->ipc, false);
}

enum err enclave_link_open(struct enclave_link *l, const struct enclave_link_options *o)
{
    memset(l, 0, sizeof(*l));
    l->o = *o;
    l->listener = -1;
    l->process.pidfd = -1;
    l->process.ended = true;
    if (pthread_mutex_init(&l->lock, NULL) != 0)
        return ERR_MEMORY;
    if (is_remote(l))
        return open_remote(l);
    l->at = (struct ipc_endpoint){ .kind = IPC_UNIX }; /* the enclave takes no ring */
    size_t n = strlen(o->socket) + 1;
    if (n > sizeof(l->at.path))
        return ERR_LIMIT;
    memcpy(l->at.path, o->socket, n);
    TRY(make_key(o->key_file));
    TRY(ipc_sync_new(&l->ipc, false));
    return ipc_sync_listen(&l->listener, &l->at);
}

enum err enclave_link_aim(struct enclave_link *l, const char *program, const char *at)
{
    pthread_mutex_lock(&l->lock);
    if (program[0] != '\0')
        l->o.program = program;
    enum err e = OK;
    if (is_remote(l) && at[0] != '\0') {
        l->o.at = at;
        e = parse_remote(l);
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}

static enum err spawn(struct enclave_link *l)
{
    char workers[16];
    (void)snprintf(workers, sizeof(workers), "%u", l->o.workers);
    bool keys = l->o.release_keys != NULL && l->o.release_keys[0] != '\0';
    const char *argv[] = { l->o.program,      "--provider", "software",
                           "--workers",       workers,      keys ? "--release-keys" : NULL,
                           l->o.release_keys, NULL };
    int key = open(l->o.key_file, O_RDONLY | O_CLOEXEC);
    if (key < 0)
        return ERR_DENIED;
    const struct process_options o = { .path = l->o.program,
                                       .argv = argv,
                                       .fds = { { 2, 2 }, { l->listener, 3 }, { key, 4 } },
                                       .fd_count = 3,
                                       .new_group = true };
    enum err e = process_spawn(&l->process, &o);
    close(key);
    return e;
}

enum err enclave_link_start(struct enclave_link *l)
{
    pthread_mutex_lock(&l->lock);
    ipc_sync_close(l->ipc);
    /* One whose connection broke may be dying or hang; nothing is lost with it, it keeps nothing.
     */
    if (!l->process.ended)
        process_stop(&l->process, STOP_MS);
    process_fini(&l->process);
    enum err e = is_remote(l) ? OK : spawn(l);
    if (e == OK)
        e = ipc_sync_connect(l->ipc, &l->at, CONNECT_MS);
    atomic_store(&l->up, e == OK);
    pthread_mutex_unlock(&l->lock);
    return e;
}

void enclave_link_stop(struct enclave_link *l)
{
    pthread_mutex_lock(&l->lock);
    atomic_store(&l->up, false);
    if (l->ipc != NULL)
        ipc_sync_close(l->ipc);
    if (!l->process.ended)
        process_stop(&l->process, STOP_MS);
    pthread_mutex_unlock(&l->lock);
}

void enclave_link_close(struct enclave_link *l)
{
    enclave_link_stop(l);
    process_fini(&l->process);
    ipc_sync_free(l->ipc);
    l->ipc = NULL;
    if (l->listener >= 0) {
        close(l->listener);
        unlink(l->at.path);
    }
    pthread_mutex_destroy(&l->lock);
}

/* ---- asking; all under the lock ---- */

static enum err send(struct enclave_link *l, uint64_t *id, const struct enclave_request *m,
                     struct span bulk)
{
    struct writer w = writer_of(l->body, sizeof(l->body));
    enclave_msg_encode(&w, m);
    TRY(w.err);
    const struct ipc_msg out = { .type = m->type, .body = writer_span(&w), .bulk = bulk };
    return ipc_sync_ask(l->ipc, id, &out);
}

/* The error in a reply, or OK. */
static enum err reply_error(const struct ipc_msg *m)
{
    enum err e;
    if ((m->flags & IPC_ERROR) == 0)
        return OK;
    return enclave_reply_decode_error(&e, m->body) == OK ? e : ERR_FORMAT;
}

static enum err take_bulk(struct mspan *out, struct span bulk)
{
    if (bulk.n > out->n)
        return ERR_LIMIT;
    if (bulk.n > 0)
        memcpy(out->p, bulk.p, bulk.n);
    out->n = bulk.n;
    return OK;
}

static enum err call_locked(struct enclave_link *l, struct enclave_answer *a, struct mspan bulk_out,
                            const struct enclave_request *m, struct span bulk, bool *broken)
{
    struct ipc_msg got;
    *broken = true;
    TRY(send(l, NULL, m, bulk));
    TRY(ipc_sync_recv(l->ipc, &got, PATIENCE_MS));
    *broken = false;
    TRY(reply_error(&got));
    if (got.body.n > sizeof(a->body))
        return ERR_LIMIT;
    memcpy(a->body, got.body.p, got.body.n);
    TRY(take_bulk(&bulk_out, got.bulk));
    a->bulk_size = bulk_out.n;
    return enclave_reply_decode(&a->reply, m->type, span_of(a->body, got.body.n));
}

/* The connection cannot be used any more: the next one starts anew. */
static enum err broken_link(struct enclave_link *l, enum err e)
{
    log_warn("enclave-lost", "reason=\"%s\"", err_text(e));
    atomic_store(&l->up, false);
    ipc_sync_close(l->ipc);
    return ERR_CLOSED;
}

enum err enclave_link_call(struct enclave_link *l, struct enclave_answer *answer,
                           struct mspan bulk_out, const struct enclave_request *m, struct span bulk)
{
    bool broken = false;
    pthread_mutex_lock(&l->lock);
    enum err e = ERR_CLOSED;
    if (atomic_load(&l->up)) {
        e = call_locked(l, answer, bulk_out, m, bulk, &broken);
        if (broken)
            e = broken_link(l, e);
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}

void enclave_link_watch(struct enclave_link *l)
{
    if (!atomic_load(&l->up) || pthread_mutex_trylock(&l->lock) != 0)
        return;
    struct pollfd at = { .fd = ipc_sync_fd(l->ipc), .events = POLLRDHUP };
    bool gone = is_remote(l) ? poll(&at, 1, 0) > 0 && (at.revents & (POLLRDHUP | POLLHUP)) != 0
                             : process_wait(&l->process, 0) == OK;
    if (atomic_load(&l->up) && gone)
        (void)!broken_link(l, ERR_CLOSED);
    pthread_mutex_unlock(&l->lock);
}

static void take_item(struct enclave_item *item, const struct ipc_msg *m)
{
    item->result = reply_error(m);
    if (item->result == OK)
        item->result = take_bulk(&item->bulk_out, m->bulk);
    if (item->result == OK)
        item->result = enclave_reply_decode(&item->reply, item->request.type, m->body);
}

static enum err take_one(struct enclave_link *l, struct enclave_item *items, const uint64_t *ids,
                         size_t asked)
{
    struct ipc_msg m;
    TRY(ipc_sync_recv(l->ipc, &m, PATIENCE_MS));
    for (size_t i = 0; i < asked; i++) {
        if (ids[i] == m.id)
            take_item(&items[i], &m);
    }
    return OK;
}

static enum err batch_locked(struct enclave_link *l, struct enclave_item *items, size_t count)
{
    uint64_t ids[ENCLAVE_LINK_BATCH_MAX];
    size_t asked = 0, answered = 0;
    while (answered < count) {
        enum err e = ERR_BUSY;
        if (asked < count)
            e = send(l, &ids[asked], &items[asked].request, items[asked].bulk);
        if (e == OK) {
            asked++;
            continue;
        }
        if (e != ERR_BUSY || asked == answered)
            return e;
        TRY(take_one(l, items, ids, asked));
        answered++;
    }
    return OK;
}

enum err enclave_link_batch(struct enclave_link *l, struct enclave_item *items, size_t count)
{
    ASSERT(count <= ENCLAVE_LINK_BATCH_MAX);
    for (size_t i = 0; i < count; i++)
        items[i].result = ERR_CLOSED;
    pthread_mutex_lock(&l->lock);
    enum err e = ERR_CLOSED;
    if (atomic_load(&l->up)) {
        e = batch_locked(l, items, count);
        if (e != OK)
            e = broken_link(l, e);
    }
    pthread_mutex_unlock(&l->lock);
    return e;
}
