#include "cli/push.h"
#include "api/car_push.h"
#include "cli/gateways.h"
#include "cli/reading.h"
#include "codec/holder_url.h"
#include "codec/ss58.h"
#include "ipfs/car_stream.h"
#include "rt/clock.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_MS = 5000,
    IDLE_MS = 150000, /* a node takes up to two minutes to answer after the last byte */
    TRIES = 3,        /* of one node: its chain may be some blocks behind, or it is busy */
    TRY_AGAIN_MS = 2000,
    ACCOUNTS_MAX = 64,        /* whose URLs are asked for */
    SEEN_MEMORY = 37 << 20,   /* 700,000 blocks */
    REPLY_SIZE_MAX = 4 << 10, /* of a node's answer */
    NEXT_MAX = CID_TEXT_MAX + 32,
};

/* ---- who ------------------------------------------------------------------------------------ */

static int by_rendezvous(const void *a, const void *b)
{
    const struct push_worker *x = a, *y = b;
    if (rendezvous_before(&x->score, &y->score))
        return -1;
    if (rendezvous_before(&y->score, &x->score))
        return 1;
    return memcmp(x->worker, y->worker, 32);
}

size_t push_rank(struct push_worker *workers, size_t count, const uint8_t genesis[32],
                 const struct content_key *key)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        workers[i].score = rendezvous_score(genesis, key, workers[i].worker, workers[i].weight);
    qsort(workers, count, sizeof(*workers), by_rendezvous);
    for (size_t i = 0; i < count; i++) {
        bool there = false;
        for (size_t j = 0; j < left && !there; j++)
            there = memcmp(workers[j].account, workers[i].account, 32) == 0;
        if (!there)
            workers[left++] = workers[i];
    }
    return left;
}

/* The chain's workers that report, at most PUSH_WORKERS_MAX. */
static enum cli_exit list_workers(const struct cli *c, struct push_worker *out, size_t *count)
{
    static struct chain_client_worker all[PUSH_WORKERS_MAX];
    struct chain_client_page page;
    struct ledger_reply r;
    char path[CHAIN_CLIENT_PATH_MAX];
    *count = 0;
    (void)snprintf(path, sizeof(path), "/v1/workers?limit=%d", PUSH_WORKERS_MAX);
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit != CLI_OK)
        return exit;
    enum err e =
        chain_client_decode_workers(&page, all, PUSH_WORKERS_MAX, span_of(r.body.p, r.body.n));
    exit = ledger_end(c, &r, e);
    if (exit != CLI_OK)
        return exit;
    for (size_t i = 0; i < page.count; i++) {
        if (all[i].faulted || all[i].absent)
            continue;
        struct push_worker *w = &out[(*count)++];
        memcpy(w->worker, all[i].worker, 32);
        memcpy(w->account, all[i].account, 32);
        w->weight = all[i].srd_bytes;
    }
    return CLI_OK;
}

static bool holds(const struct chain_client_order *o, const uint8_t account[32])
{
    for (uint32_t i = 0; i < o->holder_count; i++) {
        if (memcmp(o->holders[i].account, account, 32) == 0)
            return true;
    }
    return false;
}

static void add_node(struct push *push, const struct chain_client_account *account)
{
    struct push_node *n = &push->nodes[push->node_count];
    for (uint32_t i = 0; i < account->url_count; i++) {
        const char *url = account->urls[i];
        struct holder_url h;
        holder_url_read(&h, span_str(url));
        if (h.kind != HOLDER_URL_GATEWAY)
            continue;
        memcpy(n->account, account->id, 32);
        (void)snprintf(n->url, sizeof(n->url), "%s", url);
        size_t size = strlen(n->url);
        while (size > 0 && n->url[size - 1] == '/')
            n->url[--size] = '\0';
        push->node_count++;
        return;
    }
}

static enum cli_exit find_nodes(struct cli *c, struct push *push, const struct put *p,
                                const struct chain_client_order *order)
{
    static struct push_worker workers[PUSH_WORKERS_MAX];
    struct chain_client_status status;
    struct chain_client_account account;
    size_t count;
    enum cli_exit exit = ledger_status(c, &status);
    if (exit == CLI_OK)
        exit = list_workers(c, workers, &count);
    if (exit != CLI_OK)
        return exit;
    memcpy(push->chain, status.chain, 32);
    push->allow_private = gateways_private_allowed(c);
    count = push_rank(workers, count, status.genesis, &p->key);
    for (size_t i = 0; i < count && i < ACCOUNTS_MAX && push->node_count < PUSH_NODES_MAX; i++) {
        if (holds(order, workers[i].account))
            continue;
        exit = ledger_account(c, &account, workers[i].account);
        if (exit != CLI_OK)
            return exit;
        add_node(push, &account);
    }
    if (push->node_count > 0)
        return CLI_OK;
    return cli_fail(c, CLI_UNREACHABLE, "crust-ipfsd &, or --origin URL",
                    "nobody could fetch the content, as no crust-ipfsd serves this store, and none "
                    "of %zu nodes has told the chain a URL to push it to",
                    count);
}

enum cli_exit push_find(struct cli *c, struct push *out, const struct put *p,
                        const struct ed25519_key *key)
{
    static struct chain_client_order order;
    *out = (struct push){ .wanted = p->price.replicas };
    enum cli_exit exit = ledger_order(c, &order, p->order);
    if (exit != CLI_OK && exit != CLI_NOT_FOUND)
        return exit;
    if (exit == CLI_NOT_FOUND || order.state == CHAIN_CLIENT_EXPIRED) {
        order = (struct chain_client_order){ 0 };
        return find_nodes(c, out, p, &order);
    }
    out->wanted =
        order.replicas_wanted > order.replicas_all ? order.replicas_wanted - order.replicas_all : 0;
    if (out->wanted == 0)
        return CLI_OK;
    if (memcmp(order.owner, key->public_key, 32) != 0) {
        char address[SS58_TEXT_MAX];
        ss58_format(address, order.owner);
        return cli_fail(c, CLI_REFUSED, "crust-ipfsd &, or --origin URL",
                        "the order stands already and is of %s: only that account may push its "
                        "content",
                        address);
    }
    return find_nodes(c, out, p, &order);
}

/* ---- what a node says ----------------------------------------------------------------------- */

void push_answer(char out[PUSH_ANSWER_MAX], uint16_t status, struct span body)
{
    json_t *top = json_loadb((const char *)body.p, body.n, 0, NULL);
    const json_t *error = json_object_get(top, "error");
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *reason = json_string_value(json_object_get(error, "reason"));
    if (code != NULL && reason != NULL)
        (void)snprintf(out, PUSH_ANSWER_MAX, "%u %s: %s", status, code, reason);
    else
        (void)snprintf(out, PUSH_ANSWER_MAX, "HTTP status %u", status);
    json_decref(top);
    /* A stranger's text goes to a terminal, and may have been cut within a character. */
    for (char *p = out; *p != '\0'; p++) {
        if ((uint8_t)*p < 0x20 || (uint8_t)*p > 0x7e)
            *p = '?';
    }
}

/* ---- one transfer --------------------------------------------------------------------------- */

/* The archive as it is sent. */
struct archive {
    struct cli *c;
    const struct put *p;
    struct car_stream stream;
    char label[CHAIN_CLIENT_ORIGIN_MAX + 24];
    uint64_t done;
    enum err e; /* of our own store */
};

static int64_t read_archive(void *ctx, uint8_t *out, size_t max)
{
    struct archive *a = ctx;
    size_t n = 0;
    a->e = car_stream_next(&a->stream, &n, (struct mspan){ out, max });
    if (a->e != OK)
        return -1;
    a->done += n;
    /* The archive has some bytes more than its blocks. */
    uint64_t total = a->p->commitment.size;
    cli_progress(a->c, a->label, a->done < total ? a->done : total, total);
    return (int64_t)n;
}

/* What a transfer needs, made once. */
struct sender {
    struct cli *c;
    const struct push *push;
    const struct put *p;
    const struct ed25519_key *key;
    struct reading store;
    struct mspan seen_memory;
    struct archive *archive;
    char why[PUSH_ANSWER_MAX];
};

static enum cli_exit sign(const struct sender *s, char out[CAR_PUSH_VALUE_MAX])
{
    struct chain_client_status status;
    struct car_push_subject subject = { .key = s->p->key };
    enum cli_exit exit = ledger_status(s->c, &status);
    if (exit != CLI_OK)
        return exit;
    struct car_push_claim claim = { .height = status.height };
    memcpy(claim.order, s->p->order, 32);
    memcpy(subject.chain, s->push->chain, 32);
    car_push_sign(&claim, &subject, s->key);
    car_push_format(out, &claim);
    return CLI_OK;
}

/* One PUT. *status is 0 when no answer came; then s->why says why. */
static enum err transfer(struct sender *s, const struct push_node *node, const char *claim,
                         uint16_t *status)
{
    struct archive *a = s->archive;
    ASSERT(a != NULL); /* push_run has made it */
    struct dag_walk_table table;
    char path[CAR_PUSH_PATH_MAX], url[CHAIN_CLIENT_ORIGIN_MAX + CAR_PUSH_PATH_MAX];
    dag_walk_table_init(&table, s->seen_memory);
    struct dag_walk_seen seen = dag_walk_table_seen(&table);
    struct car_stream_params params = { .root = s->p->root,
                                        .scope = CAR_STREAM_ALL,
                                        .seen = &seen };
    *a = (struct archive){ .c = s->c, .p = s->p };
    (void)snprintf(a->label, sizeof(a->label), "pushing to node %s", node->url);
    car_stream_init(&a->stream, &s->store.local.source, s->store.memory, &params);
    car_push_path(path, &s->p->key);
    (void)snprintf(url, sizeof(url), "%s%s", node->url, path);
    const struct http_header headers[] = { { "Content-Type", CAR_PUSH_MEDIA },
                                           { CAR_PUSH_HEADER, claim } };
    struct http_fetch_options o = { .method = HTTP_PUT,
                                    .url = url,
                                    .headers = headers,
                                    .header_count = 2,
                                    .body_read = read_archive,
                                    .body_size = HTTP_SIZE_UNKNOWN,
                                    .connect_timeout_ms = CONNECT_MS,
                                    .idle_timeout_ms = IDLE_MS,
                                    .size_max = REPLY_SIZE_MAX,
                                    .ctx = a };
    struct mspan body = { NULL, 0 };
    *status = 0;
    enum err e = http_fetch_text(&body, &o, s->push->allow_private, status);
    cli_progress_end(s->c);
    if (e == OK) {
        push_answer(s->why, *status, span_of(body.p, body.n));
    } else {
        *status = 0;
        (void)snprintf(s->why, sizeof(s->why), "%s", err_text(e));
    }
    free(body.p);
    return a->e; /* ours; the node's faults are in status and why */
}

/* CLI_OK: the node has it. CLI_REFUSED: it has not, for the reason in s->why. Others end it all. */
static enum cli_exit push_one(struct sender *s, const struct push_node *node)
{
    char claim[CAR_PUSH_VALUE_MAX];
    for (int i = 0; i < TRIES; i++) {
        uint16_t status = 0;
        if (i > 0)
            clock_sleep_ms(TRY_AGAIN_MS);
        enum cli_exit exit = sign(s, claim);
        if (exit != CLI_OK)
            return exit;
        enum err e = transfer(s, node, claim, &status);
        if (e != OK)
            return cli_fail(s->c, CLI_FAILED, "crust repo verify",
                            "the content cannot be read from this store: %s", err_text(e));
        if (status == 201)
            return CLI_OK;
        if (status != 404 && status != 503)
            break;
    }
    return CLI_REFUSED;
}

static void tell(const struct cli *c, const struct push_node *node, const char *why)
{
    char address[SS58_TEXT_MAX];
    if (c->json)
        return;
    ss58_format(address, node->account);
    if (why == NULL)
        printf("pushed to node %s of %s\n", node->url, address);
    else
        fprintf(stderr, "crust: node %s of %s did not take it: %s\n", node->url, address, why);
    fflush(stdout);
}

static enum cli_exit push_all(struct sender *s)
{
    char cid[CID_TEXT_MAX], next[NEXT_MAX];
    uint32_t good = 0;
    size_t i = 0;
    for (; i < s->push->node_count && good < s->push->wanted; i++) {
        const struct push_node *node = &s->push->nodes[i];
        enum cli_exit exit = push_one(s, node);
        if (exit != CLI_OK && exit != CLI_REFUSED)
            return exit;
        good += exit == CLI_OK;
        tell(s->c, node, exit == CLI_OK ? NULL : s->why);
    }
    if (good > 0)
        return CLI_OK;
    cid_format(cid, &s->p->root);
    (void)snprintf(next, sizeof(next), "crust put %s", cid);
    return cli_fail(s->c, CLI_UNREACHABLE, next,
                    "it is ordered, but none of %zu nodes took the content; the last one, %s, "
                    "said: %s. To push it again costs nothing",
                    i, s->push->nodes[i - 1].url, s->why);
}

enum cli_exit push_run(struct cli *c, const struct push *push, const struct put *p,
                       const struct ed25519_key *key)
{
    if (push->wanted == 0)
        return CLI_OK;
    struct sender s = { .c = c, .push = push, .p = p, .key = key };
    enum cli_exit exit = reading_open(c, &s.store);
    s.seen_memory = (struct mspan){ malloc(SEEN_MEMORY), SEEN_MEMORY };
    s.archive = malloc(sizeof(*s.archive));
    if (exit == CLI_OK && (s.seen_memory.p == NULL || s.archive == NULL))
        exit = cli_fail(c, CLI_FAILED, NULL, "out of memory");
    if (exit == CLI_OK)
        exit = push_all(&s);
    free(s.archive);
    free(s.seen_memory.p);
    reading_close(&s.store);
    return exit;
}
