#include "store/ipc_sink.h"

#include <stdio.h>

static void keep_text(char out[NODE_TEXT_MAX + 1], struct span text)
{
    size_t n = text.n < NODE_TEXT_MAX ? text.n : NODE_TEXT_MAX;
    if (n > 0)
        memcpy(out, text.p, n);
    out[n] = '\0';
}

/* The error in a reply with IPC_ERROR; never OK. */
static enum err refused(struct ipc_sink *s, const struct ipc_msg *m)
{
    struct node_error e;
    if (node_msg_decode_error(&e, m->body) != OK || e.code == OK)
        return ERR_FORMAT;
    keep_text(s->what, e.what);
    keep_text(s->next, e.next);
    return e.code;
}

/* Takes one answer to a put or pin. */
static enum err take_one(struct ipc_sink *s)
{
    struct ipc_msg m;
    enum err e = ipc_sync_recv(s->ipc, &m, IPC_SINK_PATIENCE_MS);
    if (e != OK) {
        s->unanswered = 0;
        ipc_sync_close(s->ipc);
        s->failed = e;
        return e;
    }
    s->unanswered--;
    if ((m.flags & IPC_ERROR) != 0 && s->failed == OK)
        s->failed = refused(s, &m);
    return OK;
}

static enum err take_all(struct ipc_sink *s)
{
    while (s->unanswered > 0)
        TRY(take_one(s));
    return OK;
}

static enum err send_one(struct ipc_sink *s, const struct ipc_msg *m)
{
    if (s->failed != OK)
        return s->failed;
    for (;;) {
        enum err e = ipc_sync_ask(s->ipc, NULL, m);
        if (e != ERR_BUSY || s->unanswered == 0) {
            s->unanswered += e == OK;
            return e;
        }
        TRY(take_one(s));
    }
}

enum err ipc_sink_call_long(struct ipc_sink *s, struct ipc_msg *reply,
                            const struct ipc_msg *request, ipc_sink_progress fn, void *ctx)
{
    *reply = (struct ipc_msg){ 0 };
    s->what[0] = '\0';
    s->next[0] = '\0';
    TRY(take_all(s));
    TRY(ipc_sync_ask(s->ipc, NULL, request));
    for (;;) {
        enum err e = ipc_sync_recv(s->ipc, reply, IPC_SINK_PATIENCE_MS);
        if (e != OK) {
            ipc_sync_close(s->ipc);
            return e;
        }
        if ((reply->flags & IPC_ERROR) != 0)
            return refused(s, reply);
        if ((reply->flags & IPC_MORE) == 0)
            return OK;
        struct node_progress p;
        if (fn != NULL && node_msg_decode_progress(&p, reply->body) == OK)
            fn(ctx, &p);
    }
}

enum err ipc_sink_call(struct ipc_sink *s, struct ipc_msg *reply, uint16_t type, struct span body)
{
    const struct ipc_msg m = { .type = type, .body = body };
    return ipc_sink_call_long(s, reply, &m, NULL, NULL);
}

static enum err call_none(struct ipc_sink *s, struct ipc_msg *reply, uint16_t type)
{
    struct writer w = writer_of(s->body, sizeof(s->body));
    node_msg_encode_none(&w);
    return ipc_sink_call(s, reply, type, writer_span(&w));
}

static enum err greet(struct ipc_sink *s)
{
    struct ipc_msg m;
    struct node_hello hello;
    TRY(call_none(s, &m, NODE_HELLO));
    TRY(node_msg_decode_hello(&hello, m.body));
    s->storage = hello.storage;
    keep_text(s->gateway, hello.gateway);
    return OK;
}

enum err ipc_sink_connect(struct ipc_sink *out, const char *socket_path)
{
    *out = (struct ipc_sink){ 0 };
    struct ipc_endpoint at = { .kind = IPC_UNIX, .ring_size = IPC_RING_DEFAULT };
    size_t n = strlen(socket_path);
    if (n >= sizeof(at.path))
        return ERR_LIMIT;
    memcpy(at.path, socket_path, n + 1);
    TRY(ipc_sync_new(&out->ipc, true));
    enum err e = ipc_sync_connect(out->ipc, &at, 10000);
    if (e == OK)
        e = greet(out);
    if (e != OK)
        ipc_sink_close(out);
    return e;
}

void ipc_sink_close(struct ipc_sink *s)
{
    ipc_sync_free(s->ipc);
    s->ipc = NULL;
    s->unanswered = 0;
}

/* ---- the sink ---- */

/* The store looks at digests alone, and the message has room for 32 bits. */
static struct span block_body(struct ipc_sink *s, const struct block_key *key)
{
    struct node_block b = { .codec = (uint32_t)key->codec };
    memcpy(b.digest, key->digest, sizeof(b.digest));
    struct writer w = writer_of(s->body, sizeof(s->body));
    node_msg_encode_block(&w, &b);
    return writer_span(&w);
}

static enum err sink_put(void *ctx, const struct block_key *key, struct span data)
{
    struct ipc_sink *s = ctx;
    if (data.n > BLOCK_SIZE_MAX)
        return ERR_LIMIT;
    const struct ipc_msg m = { .type = NODE_BLOCK_PUT, .body = block_body(s, key), .bulk = data };
    return send_one(s, &m);
}

static enum err sink_commit(void *ctx)
{
    struct ipc_sink *s = ctx;
    struct ipc_msg m;
    enum err e = take_all(s);
    if (e == OK && s->failed != OK) {
        /* Blocks that were taken beside the one that was not may stay. */
        e = s->failed;
        s->failed = OK;
        return e;
    }
    return e != OK ? e : call_none(s, &m, NODE_COMMIT);
}

static enum err sink_pin(void *ctx, const struct pin *pin)
{
    struct ipc_sink *s = ctx;
    const struct node_pin p = { .cid = pin->cid,
                                .recursive = pin->mode == PIN_RECURSIVE,
                                .profile = pin->profile,
                                .name = pin->name,
                                .time_s = pin->time_unix_s };
    struct writer w = writer_of(s->body, sizeof(s->body));
    node_msg_encode_pin(&w, &p);
    TRY(w.err);
    const struct ipc_msg m = { .type = NODE_PIN_ADD, .body = writer_span(&w) };
    return send_one(s, &m);
}

struct block_sink ipc_sink_interface(struct ipc_sink *s)
{
    return (struct block_sink){ .ctx = s, .put = sink_put, .commit = sink_commit, .pin = sink_pin };
}

/* ---- the source ---- */

static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct ipc_sink *s = ctx;
    struct ipc_msg m;
    *size = 0;
    TRY(ipc_sink_call(s, &m, NODE_BLOCK_GET, block_body(s, key)));
    *size = m.bulk.n;
    if (m.bulk.n > buf.n)
        return ERR_LIMIT;
    if (m.bulk.n > 0)
        memcpy(buf.p, m.bulk.p, m.bulk.n);
    return OK;
}

static enum err source_size(void *ctx, size_t *size, const struct block_key *key)
{
    struct ipc_sink *s = ctx;
    struct ipc_msg m;
    struct node_size got;
    TRY(ipc_sink_call(s, &m, NODE_BLOCK_HAS, block_body(s, key)));
    TRY(node_msg_decode_size(&got, m.body));
    if (got.size > BLOCK_SIZE_MAX)
        return ERR_FORMAT;
    *size = (size_t)got.size;
    return OK;
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    size_t size;
    return source_size(ctx, &size, key);
}

struct block_source ipc_sink_source(struct ipc_sink *s)
{
    return (
        struct block_source){ .ctx = s, .get = source_get, .has = source_has, .size = source_size };
}

/* ---- the rest ---- */

enum err ipc_sink_delete(struct ipc_sink *s, const struct block_key *key)
{
    struct ipc_msg m;
    return ipc_sink_call(s, &m, NODE_BLOCK_DEL, block_body(s, key));
}

static enum err call_cid(struct ipc_sink *s, struct ipc_msg *m, uint16_t type, struct span cid)
{
    const struct node_cid c = { .cid = cid };
    struct writer w = writer_of(s->body, sizeof(s->body));
    node_msg_encode_cid(&w, &c);
    TRY(w.err);
    return ipc_sink_call(s, m, type, writer_span(&w));
}

enum err ipc_sink_unpin(struct ipc_sink *s, struct span cid)
{
    struct ipc_msg m;
    return call_cid(s, &m, NODE_PIN_RM, cid);
}

enum err ipc_sink_pin_next(struct ipc_sink *s, struct node_pin *out, struct span after)
{
    struct ipc_msg m;
    *out = (struct node_pin){ 0 };
    TRY(call_cid(s, &m, NODE_PIN_NEXT, after));
    return node_msg_decode_pin(out, m.body);
}

enum err ipc_sink_stat(struct ipc_sink *s, struct node_repo_stat *out)
{
    struct ipc_msg m;
    *out = (struct node_repo_stat){ 0 };
    TRY(call_none(s, &m, NODE_REPO_STAT));
    return node_msg_decode_repo_stat(out, m.body);
}
