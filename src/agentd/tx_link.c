#include "agentd/tx_link.h"

#include "chain/result.h"
#include "rt/log.h"

void tx_link_init(struct tx_link *t, struct chain_link *chain, struct loop *loop,
                  const struct ed25519_key *key, tx_link_fn fn, void *ctx)
{
    t->chain = chain;
    t->loop = loop;
    t->key = key;
    t->height = 0;
    t->fn = fn;
    t->ctx = ctx;
    for (enum tx_lane i = 0; i < TX_LANES; i++) {
        t->jobs[i].link = t;
        t->jobs[i].lane = i;
        t->jobs[i].state = TX_JOB_IDLE;
    }
}

static void start_queued(struct tx_link *t);

static void finish(struct tx_job *j, enum err e, uint32_t result, uint64_t height)
{
    struct tx_link *t = j->link;
    log_info("transaction", "call=%s result=%s height=%llu", tx_name(j->tx.call.kind),
             e != OK ? err_name(e) : result_name(result), (unsigned long long)height);
    j->state = TX_JOB_IDLE;
    t->fn(t->ctx, j->lane, e, result, height);
    start_queued(t);
}

static void again(struct tx_job *j, enum tx_job_state state)
{
    j->state = state;
    j->retry_ms = loop_now_ms(j->link->loop) + TX_LINK_PAUSE_MS;
}

/* It has no place with this number; a new one is asked for. Never after it may be in a block. */
static void sign_anew(struct tx_job *j)
{
    if (j->signings >= TX_LINK_SIGNINGS_MAX)
        finish(j, ERR_TIMEOUT, 0, j->link->height);
    else
        again(j, TX_JOB_QUEUED);
}

static void on_answer(struct tx_job *j, const struct chain_client_tx *a)
{
    switch (a->state) {
    case CHAIN_CLIENT_TX_PENDING:
        j->state = TX_JOB_WAIT;
        start_queued(j->link);
        return;
    case CHAIN_CLIENT_TX_DONE:
        finish(j, OK, a->code, a->height);
        return;
    case CHAIN_CLIENT_TX_DROPPED:
    case CHAIN_CLIENT_TX_REFUSED:
        if (a->code == RESULT_BAD_NONCE)
            sign_anew(j);
        else if (a->code == RESULT_EXPIRED)
            finish(j, ERR_TIMEOUT, 0, j->link->height);
        else
            finish(j, OK, a->code, j->link->height);
        return;
    case CHAIN_CLIENT_TX_UNKNOWN:
        again(j, TX_JOB_AGAIN); /* a fork back, or another node: it gets the same bytes */
        return;
    }
}

static void on_posted(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct tx_job *j = ctx;
    struct chain_client_tx a;
    if (e != OK || status == 503 || status >= 500)
        again(j, TX_JOB_AGAIN);
    else if (status == 409)
        sign_anew(j);
    else if (chain_client_decode_tx(&a, body) == OK)
        on_answer(j, &a);
    else
        finish(j, ERR_FORMAT, 0, j->link->height);
}

static void post(struct tx_job *j)
{
    j->state = TX_JOB_POST;
    if (chain_link_post(j->link->chain, span_of(j->bytes, j->size), on_posted, j) != OK)
        again(j, TX_JOB_AGAIN);
}

static void on_nonce(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct tx_job *j = ctx;
    struct chain_client_account a;
    if (e != OK || status != 200 || chain_client_decode_account(&a, body) != OK) {
        again(j, TX_JOB_QUEUED);
        return;
    }
    struct span out;
    j->tx.nonce = a.nonce_next;
    j->signings++;
    if (tx_sign(&out, &j->tx, (struct mspan){ j->bytes, sizeof(j->bytes) }, j->link->key) != OK) {
        finish(j, ERR_LIMIT, 0, j->link->height);
        return;
    }
    j->size = out.n;
    tx_id(j->id, out);
    post(j);
}

/* Numbers one after the other: the next is asked for when the one before is in the mempool. */
static void start_queued(struct tx_link *t)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    for (enum tx_lane i = 0; i < TX_LANES; i++) {
        enum tx_job_state s = t->jobs[i].state;
        if (s == TX_JOB_NONCE || s == TX_JOB_POST)
            return;
    }
    for (enum tx_lane i = 0; i < TX_LANES; i++) {
        struct tx_job *j = &t->jobs[i];
        if (j->state != TX_JOB_QUEUED || loop_now_ms(t->loop) < j->retry_ms)
            continue;
        chain_client_account_path(path, t->key->public_key);
        j->state = TX_JOB_NONCE;
        if (chain_link_get(t->chain, path, on_nonce, j) != OK)
            again(j, TX_JOB_QUEUED);
        return;
    }
}

void tx_link_submit(struct tx_link *t, enum tx_lane lane, const struct tx_call *call,
                    const uint8_t chain[32], uint64_t expiry)
{
    struct tx_job *j = &t->jobs[lane];
    ASSERT(j->state == TX_JOB_IDLE);
    j->tx = (struct tx){ .expiry = expiry, .call = *call };
    memcpy(j->tx.from, t->key->public_key, 32);
    memcpy(j->tx.chain, chain, 32);
    j->signings = 0;
    j->retry_ms = 0;
    j->state = TX_JOB_QUEUED;
    start_queued(t);
}

static void on_asked(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct tx_job *j = ctx;
    struct chain_client_tx a;
    if (e == OK && status == 404)
        again(j, TX_JOB_AGAIN);
    else if (e == OK && status == 200 && chain_client_decode_tx(&a, body) == OK &&
             a.state != CHAIN_CLIENT_TX_PENDING)
        on_answer(j, &a);
    else
        j->state = TX_JOB_WAIT;
}

static void step_job(struct tx_job *j, bool new_block)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct tx_link *t = j->link;
    bool rested = loop_now_ms(t->loop) >= j->retry_ms;
    if (j->state == TX_JOB_AGAIN && t->height > j->tx.expiry + 1)
        finish(j, ERR_TIMEOUT, 0, t->height);
    else if (j->state == TX_JOB_QUEUED && t->height >= j->tx.expiry)
        finish(j, ERR_TIMEOUT, 0, t->height);
    else if (j->state == TX_JOB_AGAIN && rested)
        post(j);
    else if (j->state == TX_JOB_WAIT && (new_block || t->height > j->tx.expiry)) {
        chain_client_tx_path(path, j->id);
        j->state = TX_JOB_ASK;
        if (chain_link_get(t->chain, path, on_asked, j) != OK)
            j->state = TX_JOB_WAIT;
    }
}

void tx_link_step(struct tx_link *t, uint64_t height)
{
    bool new_block = height != t->height;
    t->height = height;
    for (enum tx_lane i = 0; i < TX_LANES; i++)
        step_job(&t->jobs[i], new_block);
    start_queued(t);
}
