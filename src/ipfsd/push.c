#include "ipfsd/push.h"

#include "api/car_push.h"
#include "codec/json_out.h"
#include "ipfsd/body_slot.h"
#include "ipfsd/chain_read.h"
#include "ipfsd/push_take.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ANSWER_MS = 120 * 1000, /* from the last byte to the answer */
    BODY_MAX = 1024,
};

/* A refusal waits for the end of the body. An answer in the middle would be lost: the client is
 * still sending, and closing resets the connection. */
struct refusal {
    struct push_take_result result;
    uint64_t discarded;
};

/* One push. */
struct slot {
    struct push *push;
    uint32_t number;
    struct content_key key;
    struct car_push_claim claim;
    struct push_take_result result;
    struct body_slot body;
};

struct push {
    struct push_options o;
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
    return f->discarded > BODY_SLOT_DISCARD_MAX ? ERR_DENIED : OK;
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
    f->result = r;
    http_request_set_data(rq, f, free);
    http_request_stream_body(rq, discard, f, UINT64_MAX);
    return true;
}

/* ---- the thread of a slot ------------------------------------------------------------------- */

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

static void take(struct slot *s, struct push_take_result *r)
{
    struct push_order order;
    struct push_take take;
    struct span bytes;
    if (!allowed(s, &order, r))
        return;
    enum err e =
        push_take_open(&take, s->push->o.storer, UINT64_MAX - s->number, &s->key, order.size);
    if (e != OK)
        push_take_refuse(r, 503, "memory", "%s", err_text(e));
    while (r->status == 0) {
        if (body_slot_read(&s->body, &bytes) != OK)
            push_take_refuse(r, 503, "gone", "the transfer was broken off");
        else if (bytes.n == 0)
            push_take_finish(&take, r);
        else if (push_take_feed(&take, r, bytes))
            body_slot_taken(&s->body, bytes.n);
    }
    push_take_close(&take);
}

static void work(void *ctx)
{
    struct slot *s = ctx;
    s->result = (struct push_take_result){ 0 };
    take(s, &s->result);
}

static void answer_slot(void *ctx, struct http_request *rq)
{
    answer(rq, &((const struct slot *)ctx)->result);
}

/* ---- on the HTTP thread --------------------------------------------------------------------- */

static struct slot *take_slot(struct push *p, struct http_request *rq)
{
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        if (body_slot_take(&p->slots[i].body, rq))
            return &p->slots[i];
    }
    return NULL;
}

/* The slot whose request has this data; NULL: it is a refusal. */
static struct slot *slot_of(struct push *p, const void *data)
{
    for (uint32_t i = 0; i < PUSH_SLOTS; i++) {
        if (data == &p->slots[i].body)
            return &p->slots[i];
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
    struct slot *s = take_slot(p, rq);
    if (s == NULL)
        return refuse(rq, 503, "busy", "the node takes other archives now");
    s->key = key;
    s->claim = claim;
    body_slot_start(&s->body);
    return true;
}

bool push_handle(struct push *p, struct http_request *rq)
{
    struct content_key key;
    if (car_push_parse_path(&key, http_request_path(rq)) == ERR_NOT_FOUND)
        return false;
    const void *data = http_request_data(rq);
    ASSERT(data != NULL); /* else push_begin has answered, and nothing is handled */
    struct slot *s = slot_of(p, data);
    if (s != NULL)
        body_slot_end(&s->body, ANSWER_MS);
    else
        answer(rq, &((const struct refusal *)data)->result);
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
        const struct body_slot_work of = { .run = work, .answer = answer_slot, .ctx = s };
        s->push = p;
        s->number = i;
        enum err e = body_slot_open(&s->body, &of);
        if (e != OK) {
            push_close(p);
            return e;
        }
    }
    *out = p;
    return OK;
}

void push_close(struct push *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; i < PUSH_SLOTS; i++)
        body_slot_close(&p->slots[i].body);
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
