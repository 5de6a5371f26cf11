#include "api/chain_api.h"

#include "api/chain_api_call.h"
#include "api/uri.h"
#include "base/hex.h"
#include "codec/ss58.h"

static const char json_type[] = "application/json";

/* ---- errors
 * --------------------------------------------------------------------------------------- */

static const char *status_code(uint16_t status)
{
    switch (status) {
    case 400:
        return "bad_request";
    case 404:
        return "not_found";
    case 405:
        return "method_not_allowed";
    case 409:
        return "conflict";
    case 413:
        return "too_large";
    case 422:
        return "refused";
    case 503:
        return "unavailable";
    default:
        return "internal";
    }
}

struct error_text {
    uint16_t status;
    const char *field;
    const char *reason;
    const char *next;
};

static void error_members(struct json_out *j, const struct error_text *e)
{
    json_out_key(j, "error");
    json_out_object(j);
    json_out_member_str(j, "code", status_code(e->status));
    json_out_member_str(j, "field", e->field);
    json_out_member_str(j, "reason", e->reason);
    json_out_member_str(j, "next", e->next);
    json_out_object_end(j);
}

static void error_body(struct chain_api_plan *plan, struct writer *w, const struct error_text *e)
{
    *w = writer_of(w->p, w->n);
    struct json_out j = json_out_to(w);
    *plan = (struct chain_api_plan){ .kind = CHAIN_API_BODY,
                                     .status = e->status,
                                     .content_type = json_type };
    json_out_object(&j);
    error_members(&j, e);
    json_out_object_end(&j);
}

void chain_api_refuse(struct chain_api_call *call, uint16_t status, const char *field,
                      const char *reason, const char *next)
{
    if (call->failed)
        return;
    call->failed = true;
    error_body(call->plan, call->j.w, &(struct error_text){ status, field, reason, next });
}

void chain_api_broken(struct chain_api_call *call, enum err e)
{
    chain_api_refuse(call, 500, "", err_text(e), "look into the log of crust-chaind");
}

void chain_api_failed(struct chain_api_plan *out, struct writer *w, uint16_t status,
                      const char *field, const char *reason)
{
    error_body(out, w,
               &(struct error_text){ status, field, reason, status == 503 ? "try again" : "" });
}

/* ---- values
 * ---------------------------------------------------------------------------------------- */

const char *chain_api_param(struct chain_api_call *call, const char *name)
{
    for (size_t i = 0; call->param_names[i] != NULL; i++)
        if (strcmp(call->param_names[i], name) == 0)
            return call->given[i] ? call->params[i] : NULL;
    return NULL;
}

bool chain_api_u64(struct chain_api_call *call, uint64_t *out, const char *field, const char *text)
{
    struct amount a;
    *out = 0;
    enum err e = amount_parse_units(&a, text);
    if (e != OK || a.units > UINT64_MAX) {
        chain_api_refuse(call, 400, field, "not a whole number below 2^64", "");
        return false;
    }
    *out = (uint64_t)a.units;
    return true;
}

uint64_t chain_api_param_u64(struct chain_api_call *call, const char *name, uint64_t otherwise)
{
    const char *text = chain_api_param(call, name);
    uint64_t v;
    if (text == NULL)
        return otherwise;
    return chain_api_u64(call, &v, name, text) ? v : 0;
}

uint32_t chain_api_param_limit(struct chain_api_call *call)
{
    uint64_t v = chain_api_param_u64(call, "limit", CHAIN_API_LIMIT_DEFAULT);
    if (v < 1 || v > CHAIN_API_LIMIT_MAX)
        chain_api_refuse(call, 400, "limit", "must be from 1 to 500", "");
    return (uint32_t)v;
}

bool chain_api_hash(struct chain_api_call *call, uint8_t out[32], const char *field,
                    const char *text)
{
    if (hex_parse(out, 32, text) == OK)
        return true;
    chain_api_refuse(call, 400, field, "not 64 hexadecimal digits", "");
    return false;
}

bool chain_api_account(struct chain_api_call *call, uint8_t out[32], const char *field,
                       const char *text)
{
    if (strlen(text) == 64)
        return chain_api_hash(call, out, field, text);
    switch ((int)ss58_parse(out, span_str(text))) {
    case OK:
        return true;
    case ERR_CORRUPT:
        chain_api_refuse(call, 400, field, "the address has a typing error: its checksum is wrong",
                         "copy the address again");
        return false;
    case ERR_UNSUPPORTED:
        chain_api_refuse(call, 400, field, "the address belongs to another network",
                         "use the account's address on Crust, which begins with cT");
        return false;
    default:
        chain_api_refuse(call, 400, field, "not an address (SS58, or 64 hexadecimal digits)", "");
        return false;
    }
}

bool chain_api_cursor(struct chain_api_call *call, struct chain_index_key *out,
                      const struct chain_index_key *prefix)
{
    *out = *prefix;
    const char *text = chain_api_param(call, "after");
    if (text == NULL)
        return true;
    size_t digits = strlen(text), room = sizeof(out->b) - out->n;
    if (digits == 0 || digits % 2 != 0 || digits / 2 > room ||
        hex_parse(out->b + out->n, digits / 2, text) != OK) {
        chain_api_refuse(call, 400, "after", "not a cursor of this list",
                         "use the value of \"next\" of the page before");
        return false;
    }
    out->n += digits / 2;
    return true;
}

void chain_api_page_begin(struct chain_api_call *call)
{
    json_out_object(&call->j);
    json_out_key(&call->j, "items");
    json_out_array(&call->j);
}

void chain_api_page_end(struct chain_api_call *call, struct span next)
{
    json_out_array_end(&call->j);
    json_out_key(&call->j, "next");
    if (next.n == 0)
        json_out_null(&call->j);
    else
        json_out_hex(&call->j, next);
    json_out_object_end(&call->j);
}

bool chain_api_walk_begin(struct chain_api_call *call, struct chain_api_walk *w,
                          const struct chain_index_key *prefix, const size_t sizes[2],
                          uint32_t limit)
{
    *w = (struct chain_api_walk){
        .prefix_size = prefix->n, .key_size = sizes[0], .value_size = sizes[1], .limit = limit
    };
    if (call->failed || !chain_api_cursor(call, &w->at, prefix))
        return false;
    w->after = w->at.n > prefix->n;
    chain_api_page_begin(call);
    return true;
}

bool chain_api_walk_next(struct chain_api_call *call, struct chain_api_walk *w)
{
    struct span key;
    w->more =
        kv_next(&call->src->index, &key, &w->value, chain_index_span(&w->at), w->after) == OK &&
        key.n == w->key_size && memcmp(key.p, w->at.b, w->prefix_size) == 0 &&
        (w->value_size == 0 || w->value.n == w->value_size);
    if (!w->more || w->count >= w->limit)
        return false;
    memcpy(w->at.b, key.p, key.n);
    w->at.n = key.n;
    w->after = true;
    return true;
}

void chain_api_walk_end(struct chain_api_call *call, const struct chain_api_walk *w)
{
    chain_api_page_end(call,
                       span_of(w->at.b + w->prefix_size, w->more ? w->at.n - w->prefix_size : 0));
}

void chain_api_member_account(struct json_out *j, const char *name, const uint8_t account[32])
{
    char text[SS58_TEXT_MAX];
    ss58_format(text, account);
    json_out_member_str(j, name, text);
}

void chain_api_member_hash(struct json_out *j, const char *name, const uint8_t hash[32])
{
    json_out_member_hex(j, name, span_of(hash, 32));
}

/* ---- submissions
 * ------------------------------------------------------------------------------------ */

struct submission {
    const char *state;
    uint32_t code;
    const char *log;
};

static void submission_body(struct chain_api_plan *plan, struct writer *w, const uint8_t id[32],
                            const struct submission *s, const struct error_text *error)
{
    *w = writer_of(w->p, w->n);
    struct json_out j = json_out_to(w);
    *plan = (struct chain_api_plan){ .kind = CHAIN_API_BODY,
                                     .status = error == NULL ? 200 : error->status,
                                     .content_type = json_type };
    json_out_object(&j);
    chain_api_member_hash(&j, "hash", id);
    json_out_member_str(&j, "state", s->state);
    json_out_member_u64(&j, "code", s->code);
    json_out_member_str(&j, "name", result_name(s->code));
    json_out_member_str(&j, "log", s->log);
    if (error != NULL)
        error_members(&j, error);
    json_out_object_end(&j);
}

/* What somebody can do about a refusal. */
static const char *submission_advice(enum tx_result code)
{
    switch ((int)code) {
    case RESULT_BAD_NONCE:
        return "ask for the account and use its nonce_next";
    case RESULT_EXPIRED:
    case RESULT_EXPIRY_TOO_FAR:
        return "sign it again with another expiry height";
    case RESULT_CANNOT_PAY_FEE:
        return "put money on the account";
    case RESULT_WRONG_CHAIN:
        return "sign it for the chain id of /v1/status";
    default:
        return "";
    }
}

void chain_api_submitted(struct chain_api_plan *out, struct writer *w,
                         enum chain_api_verdict verdict, const struct chain_check *check)
{
    const uint32_t code = (uint32_t)check->code;
    switch (verdict) {
    case CHAIN_API_ACCEPTED:
        submission_body(out, w, check->id,
                        &(struct submission){ "pending", 0, "waits for a block" }, NULL);
        return;
    case CHAIN_API_REFUSED:
        submission_body(
            out, w, check->id, &(struct submission){ "refused", code, result_text(code) },
            &(struct error_text){ 422, "tx", result_text(code), submission_advice(check->code) });
        return;
    case CHAIN_API_CONFLICT:
        submission_body(
            out, w, check->id,
            &(struct submission){ "refused", RESULT_BAD_NONCE,
                                  "another transaction with this nonce waits already" },
            &(struct error_text){ 409, "nonce", "another transaction with this nonce waits already",
                                  "raise the tip by a tenth to replace it, or use nonce_next" });
        return;
    case CHAIN_API_BUSY:
        chain_api_failed(out, w, 503, "", "no room for more transactions now");
        return;
    }
}

/* ---- routing
 * ------------------------------------------------------------------------------------------ */

static void submit(struct chain_api_call *call)
{
    if (call->rq->body.n == 0)
        chain_api_refuse(call, 400, "body", "empty", "send the signed transaction as CBOR");
    else if (call->rq->body.n > TX_SIZE_MAX)
        chain_api_refuse(call, 413, "body", "longer than any transaction may be", "");
    call->plan->kind = call->failed ? CHAIN_API_BODY : CHAIN_API_SUBMIT;
}

static void metrics(struct chain_api_call *call)
{
    call->plan->kind = CHAIN_API_METRICS;
}

static void openapi(struct chain_api_call *call)
{
    call->plan->kind = CHAIN_API_OPENAPI;
}

static const struct chain_api_handler handlers_here[] = {
    { "POST /v1/tx", { NULL }, submit },
    { "GET /metrics", { NULL }, metrics },
    { "GET /openapi.json", { NULL }, openapi },
    { NULL, { NULL }, NULL },
};

static const struct chain_api_handler *handler_at(size_t index)
{
    const struct chain_api_handler *const tables[] = { handlers_here,
                                                       chain_api_handlers_ledger,
                                                       chain_api_handlers_market,
                                                       chain_api_handlers_work,
                                                       chain_api_handlers_proof,
                                                       chain_api_handlers_staking,
                                                       chain_api_handlers_group,
                                                       chain_api_handlers_attest };
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (size_t i = 0; tables[t][i].route != NULL; i++)
            if (index-- == 0)
                return &tables[t][i];
    return NULL;
}

const char *chain_api_route(size_t index)
{
    const struct chain_api_handler *h = handler_at(index);
    return h == NULL ? NULL : h->route;
}

/* Compares a path with a route's; fills the segments for its {names}. */
static bool path_matches(struct chain_api_call *call, const char *route)
{
    struct span want = span_str(strchr(route, ' ') + 1), have = call->rq->path, a, b;
    size_t n = 0;
    while (uri_segment(&a, &want)) {
        if (!uri_segment(&b, &have))
            return false;
        if (a.n == 0 || a.p[0] != '{') {
            if (!span_eq(a, b))
                return false;
            continue;
        }
        ASSERT(n < CALL_SEGMENTS_MAX);
        if (b.n == 0 || uri_decode(call->segments[n++], CALL_VALUE_MAX, b, false) != OK)
            return false;
    }
    return have.n == 0;
}

static bool method_matches(enum chain_api_method method, const char *route)
{
    return method == (route[0] == 'G' ? CHAIN_API_GET : CHAIN_API_POST);
}

static void params_read(struct chain_api_call *call)
{
    struct span query = call->rq->query, name, value;
    while (!call->failed && uri_param(&name, &value, &query)) {
        size_t i = 0;
        while (call->param_names[i] != NULL && !span_eq(span_str(call->param_names[i]), name))
            i++;
        char text[64];
        if (call->param_names[i] == NULL) {
            bool shown = uri_decode(text, sizeof(text), name, true) == OK;
            chain_api_refuse(call, 400, shown ? text : "query", "no such parameter here", "");
        } else if (call->given[i]) {
            chain_api_refuse(call, 400, call->param_names[i], "given twice", "");
        } else if (uri_decode(call->params[i], CALL_VALUE_MAX, value, true) != OK) {
            chain_api_refuse(call, 400, call->param_names[i], "badly escaped or too long", "");
        } else {
            call->given[i] = true;
        }
    }
}

static void handle(struct chain_api_call *call, const struct chain_api_handler *h)
{
    call->param_names = h->params;
    params_read(call);
    if (call->failed)
        return;
    enum err e = chain_open(&call->chain, &call->src->state, NULL);
    if (e != OK)
        chain_api_broken(call, e);
    else
        h->fn(call);
    if (!call->failed && call->chain.st.err != OK)
        chain_api_broken(call, call->chain.st.err);
}

enum err chain_api_plan(struct chain_api_plan *out, struct writer *w,
                        const struct chain_api_source *src, const struct chain_api_request *rq)
{
    ASSERT(w->n >= CHAIN_API_BODY_MIN);
    *w = writer_of(w->p, w->n);
    *out = (struct chain_api_plan){ .status = 200, .content_type = json_type };
    struct chain_api_call call = { .src = src, .rq = rq, .plan = out, .j = json_out_to(w) };
    const struct chain_api_handler *h, *found = NULL;
    const char *allow = NULL;
    for (size_t i = 0; found == NULL && (h = handler_at(i)) != NULL; i++) {
        if (!path_matches(&call, h->route))
            continue;
        if (method_matches(rq->method, h->route))
            found = h;
        else
            allow = h->route[0] == 'G' ? "GET, HEAD" : "POST";
    }
    if (found != NULL)
        handle(&call, found);
    else if (allow != NULL)
        chain_api_refuse(&call, 405, "method", "this resource does not take this method", allow);
    else
        chain_api_refuse(&call, 404, "path", "no such resource", "see /openapi.json");
    if (found == NULL)
        out->allow = allow;
    return w->err;
}
