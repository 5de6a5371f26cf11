#include "chaind/comet.h"

#include "codec/multibase.h"
#include "engine/abci_server.h"
#include "rt/http_client.h"
#include "rt/ipc.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH_TXS = 10,          /* CometBFT's own limit of calls in a request */
    BATCH_BYTES = 512 << 10, /* a larger transaction goes alone */
    POSTS_MAX = 4,           /* on the way at the same time */
    CALL_MAX = 160,          /* a call around its transaction */
    LOOK_MS = 1000,
    HALT_LOOKS = 15,  /* so long an engine at halt-height gives its peers the last block */
    AGAIN_MS = 10000, /* what is in no block by then is handed over again */
    POST_TIMEOUT_MS = 10000,
    REPLY_MAX = 1 << 20,
};

struct comet {
    struct node *n;
    struct abci_app *app;
    struct abci_server *server;
    struct intake *intake;
    struct snapshots *snapshots;
    struct http_client *http;
    struct loop_timer *timer;
    struct loop_event contribute;
    char rpc[HTTP_URL_MAX];
    uint64_t handed; /* sequence up to which all that waits was handed over */
    uint64_t again_ms;
    uint32_t posts;
    uint64_t block_us; /* what the calls about the block in hand have taken so far */
    bool unreachable;  /* said once, not with every try */
    uint32_t halted;   /* looks since halt-height was reached */
};

/* ---- transactions go to CometBFT's mempool ---- */

/* One call of JSON-RPC: base64 with padding, as Go reads bytes. */
static void call_write(struct writer *w, struct span tx)
{
    static const char pad[] = "==";
    write_span(w, span_str("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"broadcast_tx_async\","
                           "\"params\":{\"tx\":\""));
    size_t n = (tx.n * 4 + 2) / 3 + 1; /* with the NUL, which the next byte overwrites */
    if (w->err != OK || w->n - w->len < n ||
        multibase_format_bare((char *)w->p + w->len, n, MULTIBASE_64, tx) != OK) {
        writer_fail(w, ERR_LIMIT);
        return;
    }
    w->len += n - 1;
    write_bytes(w, pad, tx.n % 3 == 0 ? 0 : 3 - tx.n % 3);
    write_span(w, span_str("\"}}"));
}

/* The next transactions after c->handed as one request. {NULL, 0}: there are none, or no memory. */
static struct mspan batch_take(struct comet *c)
{
    const struct mempool *pool = intake_pool(c->intake);
    struct mempool_entry entry, list[BATCH_TXS];
    struct mempool_cursor cursor = { 0 };
    size_t count = 0, bytes = 0;
    while (count < BATCH_TXS && mempool_next(pool, &entry, &cursor)) {
        if (entry.sequence <= c->handed || !entry.durable)
            continue;
        if (count != 0 && bytes + entry.bytes.n > BATCH_BYTES)
            break;
        bytes += entry.bytes.n;
        list[count++] = entry;
    }
    if (count == 0)
        return (struct mspan){ NULL, 0 };
    size_t room = 2 + count * CALL_MAX + bytes / 3 * 4;
    struct mspan out = { .p = malloc(room) };
    if (out.p == NULL)
        return out;
    struct writer w = writer_of(out.p, room);
    write_u8(&w, '[');
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            write_u8(&w, ',');
        call_write(&w, list[i].bytes);
    }
    write_u8(&w, ']');
    ASSERT(w.err == OK);
    out.n = w.len;
    c->handed = list[count - 1].sequence;
    return out;
}

static void on_posted(void *ctx, enum err e, uint16_t status)
{
    struct comet *c = ctx;
    c->posts--;
    bool reached = e == OK;
    if (!reached) {
        c->handed = 0; /* everything once more, at the next look */
        if (!c->unreachable)
            log_warn("cometbft-unreachable", "url=\"%s\" reason=\"%s\"", c->rpc, err_text(e));
    } else if (c->unreachable) {
        log_info("cometbft-reached", "url=\"%s\"", c->rpc);
    }
    /* Handed over again later; what it refuses must not hold up the others. */
    if (reached && status != 200)
        log_warn("cometbft-refused", "url=\"%s\" status=%u next=\"is rpc.max_body_bytes 4194304?\"",
                 c->rpc, status);
    c->unreachable = !reached;
    if (reached)
        comet_kick(c);
}

static bool post(struct comet *c)
{
    uint64_t before = c->handed;
    struct mspan body = batch_take(c);
    if (body.p == NULL)
        return false;
    const struct http_header type = { "Content-Type", "application/json" };
    const struct http_fetch_options o = { .method = HTTP_POST,
                                          .url = c->rpc,
                                          .headers = &type,
                                          .header_count = 1,
                                          .body = span_of(body.p, body.n),
                                          .total_timeout_ms = POST_TIMEOUT_MS,
                                          .size_max = REPLY_MAX,
                                          .on_done = on_posted,
                                          .ctx = c };
    enum err e = http_client_fetch(c->http, NULL, &o);
    free(body.p);
    if (e != OK)
        c->handed = before;
    else
        c->posts++;
    return e == OK;
}

void comet_kick(struct comet *c)
{
    while (c->posts < POSTS_MAX && !c->unreachable && post(c))
        ;
}

static void on_timer(void *ctx)
{
    struct comet *c = ctx;
    uint64_t now = loop_now_ms(c->n->loop);
    if (c->n->halted && ++c->halted > HALT_LOOKS)
        loop_stop(c->n->loop);
    if (now >= c->again_ms) {
        c->again_ms = now + AGAIN_MS;
        c->handed = 0;
    }
    if (c->unreachable && c->posts == 0)
        (void)post(c);
    comet_kick(c);
}

/* ---- the server ---- */

static enum err contribution(void *ctx, struct span *out, struct mspan room)
{
    struct node *n = ctx;
    return app_contribution(n->app, out, room, &n->beacon_key);
}

/* What our beacon key owes goes the way of any transaction, so that any proposer can take it. */
static void contribute(void *ctx)
{
    struct comet *c = ctx;
    uint8_t room[1024];
    struct span tx;
    struct chain_check check;
    if (app_contribution(c->n->app, &tx, (struct mspan){ room, sizeof(room) }, &c->n->beacon_key) ==
            OK &&
        intake_submit(c->intake, &check, tx, true) == INTAKE_ACCEPTED)
        node_flush(c->n);
}

static void committed(void *ctx, uint64_t height, size_t tx_count)
{
    struct comet *c = ctx;
    node_committed(c->n, height, tx_count);
    if (c->n->has_beacon_key)
        loop_post_event(c->n->loop, &c->contribute);
}

static bool is_about_a_block(enum abci_kind kind)
{
    return kind == ABCI_PREPARE_PROPOSAL || kind == ABCI_PROCESS_PROPOSAL ||
           kind == ABCI_FINALIZE_BLOCK || kind == ABCI_COMMIT;
}

static void timed(void *ctx, enum abci_kind kind, uint64_t us, enum err e)
{
    struct comet *c = ctx;
    struct node_metrics *m = &c->n->metrics;
    if (kind == ABCI_CHECK_TX)
        atomic_fetch_add(&m->check_us_sum, us);
    if (!is_about_a_block(kind))
        return;
    c->block_us += us;
    if (kind != ABCI_COMMIT)
        return;
    if (e != OK) {
        atomic_fetch_add(&m->commit_failures, 1);
        return;
    }
    atomic_store(&m->block_us, c->block_us);
    atomic_fetch_add(&m->block_us_sum, c->block_us);
    c->block_us = 0;
}

static void failed(void *ctx, enum err e)
{
    struct node *n = ((struct comet *)ctx)->n;
    (void)e;
    n->failed = true;
    loop_stop(n->loop);
}

/* "unix:chain/abci.sock" is under the home, as other paths are. */
static enum err address_of(char *out, size_t size, struct node *n)
{
    const char *text = config_text(n->config, "abci");
    bool relative = strncmp(text, "unix:", 5) == 0 && text[5] != '/';
    int len = relative ? snprintf(out, size, "unix:%s/%s", n->config->home, text + 5)
                       : snprintf(out, size, "%s", text);
    return len > 0 && (size_t)len < size ? OK : ERR_LIMIT;
}

static enum err listen_abci(struct comet *c)
{
    char at[IPC_PATH_MAX + 8];
    const struct abci_app_options app = {
        .app = &c->n->calls,
        .intake = c->intake,
        .sigs = c->n->sigs,
        .snapshots = c->snapshots,
        .retain_blocks = config_u64(c->n->config, "retain-blocks"),
        .halt_height = config_u64(c->n->config, "halt-height"),
        .contribution = c->n->has_beacon_key ? contribution : NULL,
        .contribution_ctx = c->n,
        .committed = committed,
        .committed_ctx = c,
    };
    TRY(abci_app_open(&c->app, &app));
    enum err e = address_of(at, sizeof(at), c->n);
    const struct abci_server_options server = {
        .at = at, .app = c->app, .failed = failed, .timed = timed, .ctx = c
    };
    if (e == OK)
        e = abci_server_open(&c->server, c->n->loop, &server);
    if (e != OK)
        log_error("abci-not-started", "at=\"%s\" reason=\"%s\"", config_text(c->n->config, "abci"),
                  err_text(e));
    else
        log_info("abci", "at=\"%s\"", at);
    return e;
}

static enum err parts_open(struct comet *c, const struct mempool_limits *limits, uint64_t seed)
{
    struct node *n = c->n;
    const struct http_client_options http = { .allow_private = true };
    TRY(intake_open(&c->intake, limits, seed, &n->calls, n->db));
    if (!n->calls.info(n->calls.ctx).fresh)
        TRY(intake_reload(c->intake, n->sigs));
    TRY(http_client_new(&c->http, n->loop, &http));
    c->timer = loop_timer_new(n->loop, on_timer, c);
    if (c->timer == NULL)
        return ERR_MEMORY;
    n->intake = c->intake;
    char dir[PATH_TEXT_MAX];
    TRY(node_snapshot_dir(n, dir, sizeof(dir)));
    TRY(snapshots_open(&c->snapshots, dir, n->app));
    return listen_abci(c);
}

enum err comet_open(struct comet **out, struct node *n)
{
    const struct mempool_limits limits = node_mempool_limits(n);
    struct comet *c = calloc(1, sizeof(*c));
    *out = c; /* node_close takes it, whatever happens */
    if (c == NULL)
        return ERR_MEMORY;
    c->n = n;
    c->contribute = (struct loop_event){ .fn = contribute, .ctx = c };
    int len = snprintf(c->rpc, sizeof(c->rpc), "%s", config_text(n->config, "cometbft"));
    if (len < 0 || (size_t)len >= sizeof(c->rpc))
        return ERR_LIMIT;
    TRY(parts_open(c, &limits, node_seed()));
    loop_timer_start(c->timer, LOOK_MS, LOOK_MS);
    return OK;
}

struct http_client *comet_http(struct comet *c)
{
    return c->http;
}

const char *comet_rpc(const struct comet *c)
{
    return c->rpc;
}

void comet_close(struct comet *c)
{
    if (c == NULL)
        return;
    abci_server_close(c->server);
    http_client_free(c->http);
    loop_timer_free(c->timer);
    abci_app_close(c->app);
    snapshots_close(c->snapshots);
    intake_close(c->intake);
    free(c);
}
