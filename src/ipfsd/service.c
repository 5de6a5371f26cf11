#include "ipfsd/service.h"

#include "base/release.h"
#include "codec/node_name.h"
#include "codec/node_p2p.h"
#include "ipfsd/p2p_node.h"
#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

enum queue {
    QUEUE_LOOP,
    QUEUE_STORER,
    QUEUE_READER,
    QUEUE_CONTROL,
    QUEUE_SEALING,
    QUEUE_MAINTAIN,
    QUEUE_NAMES,
    QUEUE_PEERS, /* answered by the loop, in its time */
};

static enum err say_hello(struct call *c)
{
    const struct node_hello h = { .version = span_str(RELEASE),
                                  .gateway = span_str(c->node->settings.url),
                                  .storage = c->node->host != NULL };
    TRY(node_msg_decode_none(c->body));
    struct writer w = call_reply_room(c, 1024);
    node_msg_encode_hello(&w, &h);
    call_reply_set(c, &w);
    return OK;
}

/* ---- what changes the store: decoded here, done by the storer ---- */

static enum err take_block(struct call *c, bool with_bytes)
{
    struct node_block b;
    TRY(node_msg_decode_block(&b, c->body));
    c->op.key.codec = b.codec;
    memcpy(c->op.key.digest, b.digest, sizeof(b.digest));
    c->op.data = c->bulk;
    if (!with_bytes && c->bulk.n != 0)
        return ERR_FORMAT;
    return c->bulk.n > BLOCK_SIZE_MAX ? ERR_LIMIT : OK;
}

static enum err take_pin(struct call *c)
{
    struct node_pin p;
    TRY(node_msg_decode_pin(&p, c->body));
    c->op.pin = (struct pin){ .cid = p.cid,
                              .mode = p.recursive ? PIN_RECURSIVE : PIN_DIRECT,
                              .profile = p.profile,
                              .name = p.name,
                              .time_unix_s = p.time_s };
    return OK;
}

static enum err take_cid(struct call *c)
{
    struct node_cid m;
    TRY(node_msg_decode_cid(&m, c->body));
    c->op.data = m.cid;
    return m.cid.n == 0 ? ERR_FORMAT : OK;
}

static enum err take_op(struct call *c)
{
    c->op.client = c->connection;
    switch ((enum node_msg)c->type) {
    case NODE_BLOCK_PUT:
        c->op.kind = STORER_PUT;
        return take_block(c, true);
    case NODE_BLOCK_DEL:
        c->op.kind = STORER_DELETE;
        return take_block(c, false);
    case NODE_PIN_ADD:
        c->op.kind = STORER_PIN;
        return take_pin(c);
    case NODE_PIN_RM:
        c->op.kind = STORER_UNPIN;
        return take_cid(c);
    case NODE_COMMIT:
        c->op.kind = STORER_COMMIT;
        return node_msg_decode_none(c->body);
    case NODE_HELLO:
    case NODE_BLOCK_GET:
    case NODE_BLOCK_HAS:
    case NODE_PIN_NEXT:
    case NODE_REPO_STAT:
    case NODE_REPO_GC:
    case NODE_REPO_VERIFY:
    case NODE_STATUS:
    case NODE_REGISTER:
    case NODE_SEAL:
    case NODE_REMOVE:
    case NODE_FILL:
    case NODE_RELEASE:
    case NODE_REPORT:
    case NODE_ACCEPTED:
    case NODE_FETCH:
    case NODE_REPLICA_NEXT:
    case NODE_DROP_VOLUME:
    case NODE_DISK_STOP:
    case NODE_DISK_RESUME:
    case NODE_HAND_OVER:
    case NODE_SUCCESSION:
        break;
    }
    return ERR_UNSUPPORTED;
}

static void op_done(struct storer_op *op)
{
    struct call *c = op->ctx;
    c->result = op->result;
    if (c->result == OK)
        call_reply_none(c);
    else if (c->result == ERR_FULL)
        (void)!call_fail(c, ERR_FULL, "crust repo gc",
                         "the block store is full: its quota, or its disk");
    call_finish(c);
}

/* ---- peers ---- */

static bool has_peers(struct call *c)
{
    if (c->node->p2p == NULL)
        (void)!call_fail(c, ERR_UNSUPPORTED, "[ipfsd] p2p = true in crust.conf",
                         "this node speaks with no libp2p peers");
    return c->node->p2p != NULL;
}

static enum err try_peers(struct call *c)
{
    struct node_block b;
    struct block_key key = { 0 };
    size_t size = 0;
    TRY(node_msg_decode_block(&b, c->body));
    if (!has_peers(c))
        return c->result;
    struct mspan room = { malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX };
    if (room.p == NULL)
        return ERR_MEMORY;
    key.codec = b.codec;
    memcpy(key.digest, b.digest, sizeof(key.digest));
    enum err e = block_source_get(p2p_node_source(c->node->p2p), &size, room, &key);
    free(room.p);
    if (e == OK)
        call_reply_size(c, size);
    return e;
}

/* ---- the table ---- */

static const struct row {
    uint16_t type; /* of node_msg and node_p2p */
    enum queue queue;
    bool storage; /* needs an enclave */
    enum err (*fn)(struct call *c);
} table[] = {
    { NODE_HELLO, QUEUE_LOOP, false, say_hello },
    { NODE_BLOCK_PUT, QUEUE_STORER, false, NULL },
    { NODE_BLOCK_GET, QUEUE_READER, false, service_block_get },
    { NODE_BLOCK_HAS, QUEUE_READER, false, service_block_has },
    { NODE_BLOCK_DEL, QUEUE_STORER, false, NULL },
    { NODE_COMMIT, QUEUE_STORER, false, NULL },
    { NODE_PIN_ADD, QUEUE_STORER, false, NULL },
    { NODE_PIN_RM, QUEUE_STORER, false, NULL },
    { NODE_PIN_NEXT, QUEUE_READER, false, service_pin_next },
    { NODE_REPO_STAT, QUEUE_READER, false, service_repo_stat },
    { NODE_REPO_GC, QUEUE_MAINTAIN, false, service_repo_gc },
    { NODE_REPO_VERIFY, QUEUE_MAINTAIN, false, service_repo_verify },
    { NODE_STATUS, QUEUE_READER, false, service_status },
    { NODE_REGISTER, QUEUE_CONTROL, true, service_register },
    { NODE_SEAL, QUEUE_SEALING, true, service_seal },
    { NODE_REMOVE, QUEUE_CONTROL, true, service_remove },
    { NODE_FILL, QUEUE_SEALING, true, service_fill },
    { NODE_RELEASE, QUEUE_CONTROL, true, service_release },
    { NODE_REPORT, QUEUE_CONTROL, true, service_report },
    { NODE_ACCEPTED, QUEUE_CONTROL, true, service_accepted },
    { NODE_FETCH, QUEUE_SEALING, false, service_fetch },
    { NODE_REPLICA_NEXT, QUEUE_CONTROL, true, service_replica_next },
    { NODE_DROP_VOLUME, QUEUE_CONTROL, true, service_drop_volume },
    { NODE_DISK_STOP, QUEUE_CONTROL, true, service_disk_stop },
    { NODE_DISK_RESUME, QUEUE_CONTROL, true, service_disk_resume },
    { NODE_P2P_ID, QUEUE_PEERS, false, NULL },
    { NODE_P2P_PEERS, QUEUE_PEERS, false, NULL },
    { NODE_P2P_CONNECT, QUEUE_PEERS, false, NULL },
    { NODE_P2P_PING, QUEUE_PEERS, false, NULL },
    { NODE_P2P_EXPLAIN, QUEUE_PEERS, false, NULL },
    { NODE_P2P_DHT, QUEUE_PEERS, false, NULL },
    { NODE_P2P_TRY, QUEUE_READER, false, try_peers },
    { NODE_NAME_PUBLISH, QUEUE_NAMES, false, service_name_publish },
    { NODE_NAME_RESOLVE, QUEUE_NAMES, false, service_name_resolve },
    { NODE_NAME_LIST, QUEUE_NAMES, false, service_name_list },
    { NODE_NAME_GEN, QUEUE_NAMES, false, service_name_gen },
    { NODE_NAME_RENAME, QUEUE_NAMES, false, service_name_rename },
    { NODE_NAME_RM, QUEUE_NAMES, false, service_name_rm },
    { NODE_NAME_IMPORT, QUEUE_NAMES, false, service_name_import },
    { NODE_HAND_OVER, QUEUE_CONTROL, true, service_hand_over },
    { NODE_SUCCESSION, QUEUE_CONTROL, true, service_succession },
};

static const struct row *row_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].type == type)
            return &table[i];
    }
    return NULL;
}

static void perform(struct call *c)
{
    const struct row *row = row_of(c->type);
    enum err e = call_gone(c) ? ERR_CLOSED : row->fn(c);
    if (e != OK)
        c->result = e;
    else if (c->result == OK && c->reply.p == NULL)
        call_reply_none(c);
    if (c->result != OK && c->result != ERR_NOT_FOUND)
        log_info("request-failed", "type=%u reason=\"%s\" what=\"%s\"", (unsigned)c->type,
                 err_text(c->result), c->what);
}

static void run_item(struct jobs_item *item)
{
    struct call *c = (struct call *)(void *)item; /* its first member */
    perform(c);
    call_finish(c);
}

static void run_reader(void *ctx)
{
    perform(ctx);
}

static void reader_done(void *ctx)
{
    struct call *c = ctx;
    c->finished_event.fn(c);
}

static void add_job(struct jobs *j, struct call *c)
{
    c->item.run = run_item;
    jobs_add(j, &c->item);
}

static void start(struct call *c, const struct row *row)
{
    struct ipfsd *n = c->node;
    switch (row->queue) {
    case QUEUE_LOOP:
        perform(c);
        c->finished_event.fn(c);
        return;
    case QUEUE_STORER:
        c->op.ctx = c;
        c->op.done = op_done;
        c->op.result = take_op(c);
        if (c->op.result != OK)
            op_done(&c->op);
        else
            storer_add(&n->storer, &c->op);
        return;
    case QUEUE_READER:
        if (loop_work(n->loop, run_reader, reader_done, c) != OK) {
            c->result = ERR_BUSY;
            c->finished_event.fn(c);
        }
        return;
    case QUEUE_CONTROL:
        add_job(&n->control, c);
        return;
    case QUEUE_SEALING:
        add_job(&n->sealing, c);
        return;
    case QUEUE_MAINTAIN:
        add_job(&n->maintain, c);
        return;
    case QUEUE_NAMES:
        add_job(&n->naming, c);
        return;
    case QUEUE_PEERS:
        if (has_peers(c))
            p2p_node_ask(n->p2p, c);
        else
            call_finish(c);
        return;
    }
}

static void on_request(void *ctx, struct ipc_request *rq, const struct ipc_msg *m)
{
    struct ipfsd *n = ctx;
    const struct row *row = row_of(m->type);
    struct call *c;
    if (row == NULL) {
        call_refuse(rq, ERR_UNSUPPORTED, "crust-ipfsd does not know this request");
        return;
    }
    if (row->storage && n->host == NULL) {
        call_refuse(rq, ERR_UNSUPPORTED, "this node offers no storage (storage = true would)");
        return;
    }
    if (atomic_load(&n->stopping) || call_new(&c, n, rq, m) != OK) {
        call_refuse(rq, ERR_BUSY, "crust-ipfsd is stopping or out of memory");
        return;
    }
    n->calls++;
    start(c, row);
}

static void gone_done(struct storer_op *op)
{
    free(op);
}

static void on_gone(void *ctx, uint64_t connection)
{
    struct ipfsd *n = ctx;
    struct storer_op *op = calloc(1, sizeof(*op));
    if (op == NULL)
        return; /* its blocks stay protected until the next start */
    *op = (struct storer_op){ .kind = STORER_GONE, .client = connection, .done = gone_done };
    storer_add(&n->storer, op);
}

enum err service_open(struct ipfsd *n)
{
    struct ipc_server_options o = { .at = { .kind = IPC_UNIX, .ring_size = IPC_RING_DEFAULT },
                                    .handler = on_request,
                                    .gone = on_gone,
                                    .ctx = n };
    size_t size = strlen(n->settings.listen) + 1;
    if (size > sizeof(o.at.path)) {
        log_error("listen-path-too-long", "path=\"%s\" max=%zu", n->settings.listen,
                  sizeof(o.at.path) - 1);
        return ERR_LIMIT;
    }
    memcpy(o.at.path, n->settings.listen, size);
    return ipc_server_open(&n->ipc, n->loop, &o);
}

void service_close(struct ipfsd *n)
{
    ipc_server_close(n->ipc);
    n->ipc = NULL;
}
