#include "ipfsd/push.h"

#include "api/car_push.h"
#include "codec/json_out.h"
#include "ipfsd/chain_read.h"
#include "ipfsd/push_take.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RING = 256 << 10,
    DISCARD_MAX = 8 << 20,  /* read on after a refusal, so that the client sees it */
    ANSWER_MS = 120 * 1000, /* from the last byte to the answer */
    BODY_MAX = 1024,
};

enum slot_state {
    SLOT_FREE,
    SLOT_WORKING, /* the thread is at it */
    SLOT_DECIDED, /* result is set; the request may still be under way */
};

/* What a request is bound to: a slot, or a refusal that waits for the end of the body. An answer in
 * the middle would be lost: the client is still sending, and closing resets the connection. */
struct ticket {
    bool refused;
};

struct refusal {
    struct ticket ticket;
    struct push_take_result result;
    uint64_t discarded;
};

/* One push. The thread works, the HTTP thread feeds; everything is under the lock. */
struct slot {
    struct ticket ticket;
    struct push *push;
    uint32_t number;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    enum slot_state state;
    bool stop;
    bool bound;  /* to a request that is not over */
    bool ended;  /* the body is complete */
    bool waits;  /* the request is suspended until the result is there */
    bool asleep; /* the ring was full */
    struct http_request *rq;
    struct content_key key;
    struct car_push_claim claim;
    struct push_take_result result;
    uint64_t discarded;
    uint64_t head, end;
    uint8_t ring[RING];
};

struct push {
    struct push_options o;
    uint32_t started;
    struct slot slots[PUSH_SLOTS];
};

/* ---- answers -------------------------------------------------------------------------------- */

static void answer(struct http_request *rq, const struct push_take_result *result)
{
    uint8_t body[BODY_MAX];
    struct writer w = writer_of(body, sizeof(body));
    struct json_out j = json_out_to(&w);
    bool good = result->status == 201;
    json_out_object(&j);
    if (!good) {
        json_out_key(&j, "error");
        json_out_object(&j);
    }
    json_out_member_str(&j, good ? "result" : "code", result->code);
    json_out_member_str(&j, good ? "stored" : "reason", result->reason);
    if (!good)
        json_out_object_end(&j);
    json_out_object_end(&j);
    struct http_response r = { .status = result->status, .body = span_of(body, w.len) };
    (void)http_response_add(&r, "Content-Type", "application/json");
    if (result->status == 503)
        (void)http_response_add(&r, "Retry-After", "5");
    (void)http_request_respond(rq, &r);
}

static enum err discard(void *ctx, struct span chunk)
{
    struct refusal *f = ctx;
    f->discarded += chunk.n;
    return f->discarded > DISCARD_MAX ? ERR_DENIED : OK;
}

static bool refuse(struct http_request *rq, uint16_t status, const char *code, const char *reason)
{
    struct push_take_result r = { 0 };
    push_take_refuse(&r, status, code, "%s", reason);
    struct refusal *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        answer(rq, &r);
        return true;
    }
    *f = (struct refusal){ .ticket.refused = true, .result = r };
    http_request_set_data(rq, f, free);
    http_request_stream_body(rq, discard, f, UINT64_MAX);
    return true;
}

/* ---- the thread of a slot ------------------------------------------------------------------- */

/* Ends the work: tells whoever waits for it. */
static void decide(struct slot *s, const struct push_take_result *r)
{
    pthread_mutex_lock(&s->lock);
    s->result = *r;
    s->state = SLOT_DECIDED;
    struct http_request *rq = s->waits ? s->rq : NULL;
    s->waits = false;
    /* While the lock is held a bound request is not over. */
    if (s->asleep && s->bound)
        http_request_wake(s->rq);
    s->asleep = false;
    if (!s->bound)
        s->state = SLOT_FREE;
    pthread_mutex_unlock(&s->lock);
    if (rq != NULL)
        answer(rq, r);
}

/* The next bytes in one piece; empty at the end. False: the client or the server has gone. */
static bool next_bytes(struct slot *s, struct span *out)
{
    pthread_mutex_lock(&s->lock);
    while (s->head == s->end && !s->ended && s->bound && !s->stop)
        pthread_cond_wait(&s->news, &s->lock);
    size_t at = (size_t)(s->head % RING), have = (size_t)(s->end - s->head);
    *out = span_of(s->ring + at, have < RING - at ? have : RING - at);
    bool good = s->bound && !s->stop;
    pthread_mutex_unlock(&s->lock);
    return good;
}

static void bytes_taken(struct slot *s, size_t n)
{
    pthread_mutex_lock(&s->lock);
    s->head += n;
    if (s->asleep && s->bound && s->end - s->head <= RING / 2) {
        s->asleep = false;
        http_request_wake(s->rq);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool allowed(struct slot *s, struct push_order *order, struct push_take_result *r)
{
    const struct push_options *o = &s->push->o;
    const uint8_t *by = s->claim.has_by ? s->claim.by : NULL;
    enum err e = o->ask(o->ctx, order, s->claim.order, by);
    if (e != OK && e != ERR_NOT_FOUND) {
        push_take_refuse(r, 503, "chain", "the node cannot ask the chain now: %s", err_text(e));
        return false;
    }
    /* SPEC car-push 3.1: "it MUST exist, be of this content, and not have expired" */
    if (e != OK || cid_key_cmp(&order->key, &s->key) != 0) {
        push_take_refuse(r, 404, "order", "the chain knows no such order for this content");
        return false;
    }
    if (!order->open) {
        push_take_refuse(r, 403, "closed", "the order has expired");
        return false;
    }
    /* SPEC car-push 2.3: "the order's account MUST allow it at the chain's height" */
    if (by != NULL && order->by_until < order->height) {
        push_take_refuse(r, 403, "key", "the account of the order does not allow this key now");
        return false;
    }
    struct car_push_subject subject = { .key = s->key };
    memcpy(subject.chain, order->chain, sizeof(subject.chain));
    e = car_push_check(&s->claim, &subject, order->owner, order->height);
    if (e == ERR_RANGE)
        push_take_refuse(r, 403, "height",
                         "the signature is of height %llu, the chain is at %llu: sign again",
                         (unsigned long long)s->claim.height, (unsigned long long)order->height);
    else if (e != OK)
        push_take_refuse(r, 403, "signature", "it is not signed by %s",
                         by != NULL ? "the key that it names" : "the account of the order");
    return e == OK;
}

static void work(struct slot *s)
{
    struct push_take_result r = { 0 };
    struct push_order order;
    struct push_take take;
    struct span bytes;
    if (!allowed(s, &order, &r)) {
        decide(s, &r);
        return;
    }
    enum err e =
        push_take_open(&take, s->push->o.storer, UINT64_MAX - s->number, &s->key, order.size);
    if (e != OK)
        push_take_refuse(&r, 503, "memory", "%s", err_text(e));
    while (r.status == 0) {
        if (!next_bytes(s, &bytes))
            push_take_refuse(&r, 503, "gone", "the transfer was broken off");
        else if (bytes.n == 0)
            push_take_finish(&take, &r);
        else if (push_take_feed(&take, &r, bytes))
            bytes_taken(s, bytes.n);
    }
    push_take_close(&take);
    decide(s, &r);
}

static void *slot_main(void *ctx)
{
    struct slot *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (s->state != SLOT_WORKING) {
            pthread_cond_wait(&s->news, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        work(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- on the HTTP thread --------------------------------------------------------------------- */

static enum err sink(void *ctx, struct span chunk)
{
    struct slot *s = ctx;
    enum err e = OK;
    if (chunk.n > RING)
        return ERR_LIMIT;
    pthread_mutex_lock(&s->lock);
    if (s->state == SLOT_DECIDED) {
        s->discarded += chunk.n;
        e = s->discarded > DISCARD_MAX ? ERR_DENIED : OK;
    } else {
        /* A chunk is taken whole or not at all. */
        if (chunk.n <= RING - (size_t)(s->end - s->head)) {
            size_t at = (size_t)(s->end % RING);
            size_t n = chunk.n < RING - at ? chunk.n : RING - at;
            memcpy(s->ring + at, chunk.p, n);
            memcpy(s->ring, chunk.p + n, chunk.n - n);
            s->end += chunk.n;
            chunk.n = 0;
        }
        s->asleep = chunk.n > 0;
        e = s->asleep ? ERR_BUSY : OK;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* The request is over. */
static void unbind(void *ctx)
{
    struct slot *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->bound = s->asleep = false; /* waits stays: a suspended request wants its answer */
    if (s->state == SLOT_DECIDED)
        s->state = SLOT_FREE;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static struct slot *take_slot(struct push *p, struct http_request *rq,
                              const struct content_key *key, const struct car_push_claim *claim)
{
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        struct slot *s = &p->slots[i];
        pthread_mutex_lock(&s->lock);
        bool mine = s->state == SLOT_FREE && !s->stop;
        if (mine) {
            s->state = SLOT_WORKING;
            s->bound = true;
            s->ended = s->waits = s->asleep = false;
            s->rq = rq;
            s->key = *key;
            s->claim = *claim;
            s->discarded = s->head = s->end = 0;
            pthread_cond_signal(&s->news);
        }
        pthread_mutex_unlock(&s->lock);
        if (mine)
            return s;
    }
    return NULL;
}

bool push_begin(struct push *p, struct http_request *rq)
{
    struct content_key key;
    struct car_push_claim claim;
    enum err e = car_push_parse_path(&key, http_request_path(rq));
    if (e == ERR_NOT_FOUND)
        return false;
    if (e != OK)
        return refuse(rq, 400, "cid", "this is no CID of content that can be ordered");
    if (http_request_method(rq) != HTTP_PUT)
        return refuse(rq, 405, "method", "an archive is sent with PUT");
    const char *value = http_request_header(rq, CAR_PUSH_HEADER);
    if (value == NULL)
        return refuse(rq, 401, "unsigned", "the header " CAR_PUSH_HEADER " is missing");
    if (car_push_parse(&claim, value) != OK)
        return refuse(rq, 400, "header", "the header " CAR_PUSH_HEADER " cannot be read");
    struct slot *s = take_slot(p, rq, &key, &claim);
    if (s == NULL)
        return refuse(rq, 503, "busy", "the node takes other archives now");
    http_request_set_data(rq, s, unbind);
    http_request_stream_body(rq, sink, s, UINT64_MAX);
    return true;
}

bool push_handle(struct push *p, struct http_request *rq)
{
    struct content_key key;
    struct push_take_result r = { 0 };
    (void)p;
    if (car_push_parse_path(&key, http_request_path(rq)) == ERR_NOT_FOUND)
        return false;
    void *data = http_request_data(rq);
    ASSERT(data != NULL); /* else push_begin has answered, and nothing is handled */
    if (((const struct ticket *)data)->refused) {
        answer(rq, &((const struct refusal *)data)->result);
        return true;
    }
    struct slot *s = data;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    bool decided = s->state == SLOT_DECIDED;
    if (decided) {
        r = s->result;
    } else {
        s->waits = true;
        http_request_suspend(rq, ANSWER_MS);
    }
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    if (decided)
        answer(rq, &r);
    return true;
}

/* ---- life ----------------------------------------------------------------------------------- */

enum err push_open(struct push **out, const struct push_options *o)
{
    *out = NULL;
    struct push *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->o = *o;
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        struct slot *s = &p->slots[i];
        s->push = p;
        s->number = i;
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->news, NULL);
    }
    for (; p->started < PUSH_SLOTS; p->started++) {
        struct slot *s = &p->slots[p->started];
        if (pthread_create(&s->thread, NULL, slot_main, s) != 0) {
            push_close(p);
            return ERR_IO;
        }
    }
    *out = p;
    return OK;
}

void push_close(struct push *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        pthread_mutex_lock(&p->slots[i].lock);
        p->slots[i].stop = true;
        pthread_cond_signal(&p->slots[i].news);
        pthread_mutex_unlock(&p->slots[i].lock);
    }
    for (uint32_t i = 0; i < p->started; i++)
        pthread_join(p->slots[i].thread, NULL);
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        pthread_cond_destroy(&p->slots[i].news);
        pthread_mutex_destroy(&p->slots[i].lock);
    }
    free(p);
}

/* ---- the chain ------------------------------------------------------------------------------ */

enum err push_ask_chain(void *ctx, struct push_order *out, const uint8_t id[32], const uint8_t *by)
{
    struct chain_client_order order;
    struct chain_client_allowance allowance = { 0 };
    struct chain_client_status status;
    *out = (struct push_order){ 0 };
    TRY(chain_read_order(ctx, &order, id));
    TRY(chain_read_status(ctx, &status));
    if (by != NULL) {
        enum err e = chain_read_allowance(ctx, &allowance, order.owner, by);
        if (e != OK && e != ERR_NOT_FOUND)
            return e;
    }
    out->by_until = allowance.until;
    out->open = order.state != CHAIN_CLIENT_EXPIRED;
    out->key = order.key;
    out->size = order.size;
    out->height = status.height;
    memcpy(out->owner, order.owner, sizeof(out->owner));
    memcpy(out->chain, status.chain, sizeof(out->chain));
    return OK;
}
