#include "chaind/light.h"

#include "api/chain_api.h"
#include "chaind/comet.h"
#include "codec/comet.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"
#include "rt/http_client.h"
#include "rt/http_server.h"
#include "rt/path.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ASK_TIMEOUT_MS = 10000,
    ASK_URL_MAX = HTTP_URL_MAX + 96,
    SUSPEND_MS = 4 * ASK_TIMEOUT_MS,
    PAGE_SIZE = 100, /* CometBFT's own limit */
    SMALL_MAX = 256, /* an answer of our own */
};

/* One request under way. Loop, until it has answered. */
struct ask {
    struct node *n;
    struct http_request *rq;
    uint64_t height;
    uint8_t *body;
    size_t size;
    json_t *signed_header; /* NULL: not there yet */
    json_t *validators;
    size_t pages;
};

static void respond(struct http_request *rq, uint16_t status, const char *type, struct span body)
{
    struct http_response r = { .status = status, .kind = HTTP_BODY_BUFFER, .body = body };
    http_response_add(&r, "Content-Type", type);
    http_response_add(&r, "Access-Control-Allow-Origin", "*");
    http_response_add(&r, "Cache-Control", "no-store");
    (void)http_request_respond(rq, &r);
}

static void respond_failed(struct http_request *rq, uint16_t status, const char *field,
                           const char *reason)
{
    uint8_t buf[CHAIN_API_BODY_MIN];
    struct writer w = writer_of(buf, sizeof(buf));
    struct chain_api_plan plan;
    chain_api_failed(&plan, &w, status, field, reason);
    respond(rq, status, plan.content_type, writer_span(&w));
}

/* ---- the genesis file ---- */

void light_genesis(struct node *n, struct http_request *rq, const uint8_t hash[32])
{
    char path[PATH_TEXT_MAX];
    uint8_t own[32];
    struct mspan file = { NULL, 0 };
    enum err e = config_path(path, sizeof(path), n->config, "genesis");
    if (e == OK)
        e = path_read_file(&file, path, NODE_GENESIS_MAX);
    if (e == OK)
        sha256(own, span_of(file.p, file.n));
    if (e == OK && memcmp(own, hash, sizeof(own)) == 0)
        respond(rq, 200, "application/json", span_of(file.p, file.n));
    else
        respond_failed(rq, 404, "", "this node has no copy of the genesis file");
    free(file.p);
}

/* ---- blocks ---- */

static void respond_unsigned(struct http_request *rq, uint64_t height)
{
    uint8_t buf[SMALL_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_member_str(&j, "engine", "embedded");
    json_out_member_u64(&j, "height", height);
    json_out_key(&j, "signed_header");
    json_out_null(&j);
    json_out_key(&j, "validators");
    json_out_array(&j);
    json_out_array_end(&j);
    json_out_object_end(&j);
    ASSERT(w.err == OK);
    respond(rq, 200, "application/json", writer_span(&w));
}

static void ask_free(struct ask *a)
{
    free(a->body);
    json_decref(a->signed_header);
    json_decref(a->validators);
    free(a);
}

static void ask_fail(struct ask *a, uint16_t status, const char *reason)
{
    respond_failed(a->rq, status, status == 404 ? "height" : "", reason);
    ask_free(a);
}

static void ask_answer(struct ask *a)
{
    json_t *all =
        json_pack("{s:s, s:I, s:O, s:O}", "engine", "cometbft", "height", (json_int_t)a->height,
                  "signed_header", a->signed_header, "validators", a->validators);
    char *text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
    if (text == NULL)
        respond_failed(a->rq, 503, "", "out of memory");
    else
        respond(a->rq, 200, "application/json", span_str(text));
    free(text);
    json_decref(all);
    ask_free(a);
}

static enum err on_body(void *ctx, struct span chunk)
{
    struct ask *a = ctx;
    uint8_t *p = realloc(a->body, a->size + chunk.n);
    if (p == NULL)
        return ERR_MEMORY;
    memcpy(p + a->size, chunk.p, chunk.n);
    a->body = p;
    a->size += chunk.n;
    return OK;
}

static void ask_next(struct ask *a);

/* Takes the answer to /commit, or a page of /validators. False: it has none. */
static bool ask_take(struct ask *a, json_t *result)
{
    if (a->signed_header == NULL) {
        a->signed_header = json_incref(json_object_get(result, "signed_header"));
        return json_is_object(a->signed_header);
    }
    json_t *page = json_object_get(result, "validators");
    a->pages++;
    return json_array_size(page) != 0 && json_array_extend(a->validators, page) == 0;
}

static bool is_last_page(const struct ask *a)
{
    size_t count = json_array_size(a->validators);
    return count != a->pages * PAGE_SIZE || count >= COMET_VALIDATORS_MAX;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct ask *a = ctx;
    (void)status; /* errors of JSON-RPC come with 500 and tell more in the body */
    if (e != OK) {
        ask_fail(a, 503, "CometBFT does not answer");
        return;
    }
    const bool was_commit = a->signed_header == NULL;
    json_t *answer = json_loadb((const char *)a->body, a->size, 0, NULL);
    bool taken = ask_take(a, json_object_get(answer, "result"));
    json_decref(answer);
    a->size = 0;
    if (!taken)
        ask_fail(a, 404,
                 was_commit ? "CometBFT has no commit of this block: not yet, or no longer"
                            : "CometBFT has no validators of this block");
    else if (!was_commit && is_last_page(a))
        ask_answer(a);
    else
        ask_next(a);
}

/* First the commit, then the validators page by page. */
static void ask_next(struct ask *a)
{
    char url[ASK_URL_MAX];
    const char *rpc = comet_rpc(a->n->comet);
    int rpc_size = (int)strlen(rpc);
    while (rpc_size > 0 && rpc[rpc_size - 1] == '/')
        rpc_size--;
    unsigned long long height = a->height;
    if (a->signed_header == NULL)
        (void)snprintf(url, sizeof(url), "%.*s/commit?height=%llu", rpc_size, rpc, height);
    else
        (void)snprintf(url, sizeof(url), "%.*s/validators?height=%llu&per_page=%d&page=%zu",
                       rpc_size, rpc, height, PAGE_SIZE, a->pages + 1);
    const struct http_fetch_options o = { .method = HTTP_GET,
                                          .url = url,
                                          .total_timeout_ms = ASK_TIMEOUT_MS,
                                          .size_max = COMET_JSON_MAX,
                                          .on_body = on_body,
                                          .on_done = on_done,
                                          .ctx = a };
    if (http_client_fetch(comet_http(a->n->comet), NULL, &o) != OK)
        ask_fail(a, 503, "CometBFT cannot be asked");
}

/* The height at the end of the path, which chain_api has found good. */
static uint64_t height_of(const struct http_request *rq)
{
    struct amount height;
    const char *digits = strrchr(http_request_path(rq), '/');
    enum err e = amount_parse_units(&height, digits == NULL ? "" : digits + 1);
    return e == OK ? (uint64_t)height.units : 0;
}

static void block_posted(struct http_request *rq)
{
    struct ask *a = calloc(1, sizeof(*a));
    if (a != NULL)
        a->validators = json_array();
    if (a == NULL || a->validators == NULL) {
        free(a);
        respond_failed(rq, 503, "", "out of memory");
        return;
    }
    a->n = http_request_server_ctx(rq);
    a->rq = rq;
    a->height = height_of(rq);
    ask_next(a);
}

void light_block(struct node *n, struct http_request *rq, uint64_t height)
{
    if (n->comet == NULL)
        respond_unsigned(rq, height);
    else
        http_request_post(rq, n->loop, block_posted, SUSPEND_MS);
}
