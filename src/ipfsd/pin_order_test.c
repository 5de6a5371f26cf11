/* The steps of a pin request on the chain, against a chain of canned answers over HTTP. */
#include "ipfsd/pin_order.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/json_out.h"
#include "codec/tx.h"
#include "rt/http_server.h"

#include <stdio.h>

enum { HEIGHT = 1000, PRICE = 5000, ALLOWED = 100000, CAP = 50000, PARAM_TEXT = 1024 };

/* What the chain says; changed between calls only. */
static struct {
    uint64_t height;
    bool has_allowance, has_order, has_tx, refuse, down;
    uint64_t allowed, until, nonce;
    const char *tx_state;
    uint32_t tx_code;
    const char *order_state;
    uint8_t owner[32];
    uint32_t replicas;
    uint64_t expires_at;
    uint32_t posts;
    uint8_t posted[PIN_STORE_TX_MAX];
    size_t posted_size;
} chain;

static struct http_server *server;
static struct chain_read reader;
static struct pin_order order;
static struct pinning_request rq;
static struct pin_work work;
static struct pin_token token;
static struct amount spent;

/* ---- the chain ---- */

static void address_member(struct json_out *j, const char *name, const uint8_t id[32])
{
    char text[SS58_TEXT_MAX];
    ss58_format(text, id);
    json_out_member_str(j, name, text);
}

static void hash_member(struct json_out *j, const char *name, uint8_t fill)
{
    uint8_t hash[32];
    memset(hash, fill, sizeof(hash));
    json_out_member_hex(j, name, span_of(hash, 32));
}

static void write_status(struct json_out *j)
{
    json_out_member_str(j, "chain_id", "x");
    static const char *const hashes[] = { "chain", "genesis", "block_hash", "app_hash", "beacon" };
    for (size_t i = 0; i < 5; i++)
        hash_member(j, hashes[i], 7);
    json_out_member_u64(j, "height", chain.height);
    static const char *const numbers[] = { "time_ms",     "slot",          "slot_offset",
                                           "slot_blocks", "report_blocks", "block_ms",
                                           "mempool_txs" };
    for (size_t i = 0; i < 7; i++)
        json_out_member_u64(j, numbers[i], 1);
    json_out_member_bool(j, "beacon_weak", false);
    json_out_member_bool(j, "allow_software", true);
}

static void write_params(struct json_out *j)
{
    struct params p;
    params_init(&p, PARAMS_DEVNET);
    p.file_duration_blocks = 1000; /* renewed in the last 101 */
    p.fee_base = AMOUNT_OF(10);
    p.fee_byte = AMOUNT_OF(1);
    for (size_t i = 0; i < params_count(); i++) {
        uint8_t text[PARAM_TEXT];
        struct writer w = writer_of(text, sizeof(text));
        params_format(&w, &p, i);
        json_out_key(j, params_name(i));
        json_out_text(j, writer_span(&w));
    }
}

static void write_order(struct json_out *j)
{
    hash_member(j, "id", 9);
    json_out_member_u64(j, "codec", rq.key.codec);
    json_out_member_hex(j, "digest", span_of(rq.key.digest, 32));
    json_out_member_u64_text(j, "size", work.size);
    json_out_member_hex(j, "data_root", span_of(work.data_root, 32));
    json_out_member_str(j, "state", chain.order_state);
    json_out_member_bool(j, "disputed", false);
    address_member(j, "owner", chain.owner);
    static const char *const numbers[] = { "placed_at", "refund_at", "replicas_all" };
    for (size_t i = 0; i < 3; i++)
        json_out_member_u64(j, numbers[i], 1);
    json_out_member_u64(j, "expires_at", chain.expires_at);
    json_out_member_u64(j, "replicas_wanted", 3);
    json_out_member_u64(j, "replicas", chain.replicas);
    static const char *const amounts[] = { "amount", "prepaid", "rate" };
    for (size_t i = 0; i < 3; i++)
        json_out_member_amount(j, amounts[i], AMOUNT_OF(1));
    json_out_key(j, "origins");
    json_out_array(j);
    json_out_array_end(j);
}

static void write_tx(struct json_out *j, const char *state, uint32_t code, const char *name)
{
    hash_member(j, "hash", 1);
    json_out_member_str(j, "state", state);
    json_out_member_u64(j, "code", code);
    json_out_member_str(j, "name", name);
    json_out_member_str(j, "log", "");
    json_out_member_u64(j, "height", chain.height);
    json_out_member_u64(j, "index", 0);
    json_out_member_amount(j, "fee", AMOUNT_OF(17));
    json_out_member_str(j, "type", "order");
}

static void write_allowance(struct json_out *j)
{
    json_out_member_u64(j, "nonce", chain.nonce);
    json_out_member_u64(j, "nonce_next", chain.nonce);
    json_out_member_u64(j, "until", chain.until);
    json_out_member_amount(j, "amount", AMOUNT_OF(chain.allowed));
}

static void write_price(struct json_out *j)
{
    json_out_member_u64_text(j, "size", work.size);
    json_out_member_u64(j, "replicas", 3);
    static const char *const amounts[] = { "base", "amount", "total" };
    for (size_t i = 0; i < 3; i++)
        json_out_member_amount(j, amounts[i], AMOUNT_OF(PRICE));
    json_out_member_u64(j, "duration_blocks", 1000);
}

static bool post(struct json_out *j, struct http_request *r)
{
    struct span body = http_request_body(r);
    CHECK(body.n <= sizeof(chain.posted));
    memcpy(chain.posted, body.p, body.n);
    chain.posted_size = body.n;
    chain.posts++;
    write_tx(j, chain.refuse ? "refused" : "pending", chain.refuse ? 38 : 0,
             chain.refuse ? "ALLOWANCE_TOO_SMALL" : "DONE");
    return true;
}

static bool write_answer(struct json_out *j, struct http_request *r)
{
    const char *path = http_request_path(r);
    bool found = true;
    if (strcmp(path, "/v1/status") == 0)
        write_status(j);
    else if (strcmp(path, "/v1/params") == 0)
        write_params(j);
    else if (strcmp(path, "/v1/price") == 0)
        write_price(j);
    else if (strstr(path, "/allowances/") != NULL && (found = chain.has_allowance))
        write_allowance(j);
    else if (strcmp(path, "/v1/tx") == 0)
        return post(j, r);
    else if (strncmp(path, "/v1/tx/", 7) == 0 && (found = chain.has_tx))
        write_tx(j, chain.tx_state, chain.tx_code, "NAME");
    else if (strncmp(path, "/v1/orders/", 11) != 0)
        found = false;
    else if ((found = chain.has_order))
        write_order(j);
    return found;
}

static void answer(void *ctx, struct http_request *r)
{
    static uint8_t out[64 << 10];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    (void)ctx;
    json_out_object(&j);
    bool found = !chain.down && write_answer(&j, r);
    json_out_object_end(&j);
    CHECK(w.err == OK);
    const struct http_response reply = { .status = chain.down ? 503
                                                   : found    ? 200
                                                              : 404,
                                         .body = writer_span(&w) };
    (void)http_request_respond(r, &reply);
}

/* ---- the tests ---- */

static int setup(void **state)
{
    (void)state;
    memset(&chain, 0, sizeof(chain));
    chain.height = HEIGHT;
    chain.has_allowance = true;
    chain.allowed = ALLOWED;
    chain.until = HEIGHT + 100000;
    chain.nonce = 77;
    chain.tx_state = "done";
    chain.order_state = "open";
    memset(chain.owner, 4, 32);
    memset(&work, 0, sizeof(work));
    work.step = PIN_ORDER;
    work.size = 700;
    memset(work.data_root, 5, 32);
    memset(work.account, 4, 32);
    rq = (struct pinning_request){ .key = { .codec = CID_CODEC_RAW } };
    memset(rq.key.digest, 6, 32);
    token = (struct pin_token){ .name = "t", .cap = AMOUNT_OF(CAP) };
    spent = AMOUNT_ZERO;
    return 0;
}

static enum err place(uint64_t so_far)
{
    return pin_order_place(&order, &work, &rq, &token, AMOUNT_OF(so_far));
}

static void an_order_is_signed_by_the_key_for_the_account(void **state)
{
    (void)state;
    struct tx tx;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_SENT && chain.posts == 0); /* to be written down first */
    CHECK_OK(tx_decode(&tx, span_of(work.tx, work.tx_size)));
    CHECK_OK(tx_check_signature(&tx, span_of(work.tx, work.tx_size)));
    CHECK(memcmp(tx.by, order.key.public_key, 32) == 0 && memcmp(tx.from, work.account, 32) == 0);
    CHECK(tx.nonce == 77 && tx.expiry == HEIGHT + PIN_ORDER_EXPIRY_BLOCKS);
    CHECK(tx.call.kind == TX_ORDER && tx.call.order.size == 700 && tx.call.order.has_data_root);
    CHECK(tx.call.order.origin_count == 1);
    CHECK_SPAN(tx.call.order.origins[0], span_str(order.origin));
    pin_order_send(&order, &work);
    CHECK_SPAN(span_of(chain.posted, chain.posted_size), span_of(work.tx, work.tx_size));
}

static void money_is_looked_at_before(void **state)
{
    (void)state;
    CHECK_OK(place(CAP - PRICE)); /* the fee is too much */
    CHECK(work.step == PIN_FAILED && strstr(work.details, "the token may spend") != NULL);
    (void)setup(NULL);
    chain.allowed = PRICE;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_FAILED && strstr(work.details, "the account allows") != NULL);
    (void)setup(NULL);
    chain.has_allowance = false;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_FAILED && strstr(work.details, "allows this service nothing") != NULL);
    (void)setup(NULL);
    chain.until = HEIGHT;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_FAILED && strstr(work.details, "has ended") != NULL);
    (void)setup(NULL);
    work.proven = true; /* a renewal: what is paid and proven stays so */
    CHECK_OK(place(CAP));
    CHECK(work.step == PIN_WATCH && work.proven);
    CHECK(chain.posts == 0);
}

static void without_a_chain_nothing_changes(void **state)
{
    (void)state;
    chain.down = true;
    CHECK_ERR(place(0), ERR_CLOSED);
    CHECK(work.step == PIN_ORDER);
    chain.down = false;
    CHECK_OK(place(0));
    chain.down = true;
    uint64_t again;
    CHECK_ERR(pin_order_settle(&order, &work, &spent, &rq), ERR_CLOSED);
    CHECK(work.step == PIN_SENT && work.tx_size > 0);
    work.step = PIN_WATCH;
    CHECK_ERR(pin_order_watch(&order, &work, true, &again), ERR_CLOSED);
    CHECK(work.step == PIN_WATCH);
}

static void the_accounts_own_order_is_not_paid_twice(void **state)
{
    (void)state;
    chain.has_order = true;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_WATCH && work.has_order && work.tx_size == 0);
    (void)setup(NULL);
    chain.has_order = true;
    memset(chain.owner, 3, 32); /* somebody else's: he may let it end */
    CHECK_OK(place(0));
    CHECK(work.step == PIN_SENT);
    (void)setup(NULL);
    chain.has_order = true;
    chain.order_state = "live";
    chain.expires_at = HEIGHT + 101; /* in its last tenth */
    CHECK_OK(place(0));
    CHECK(work.step == PIN_SENT);
    (void)setup(NULL);
    chain.has_order = true;
    chain.order_state = "live";
    chain.expires_at = HEIGHT + 102;
    CHECK_OK(place(0));
    CHECK(work.step == PIN_WATCH);
}

static void the_same_bytes_are_sent_until_they_cannot_count(void **state)
{
    (void)state;
    uint8_t first[PIN_STORE_TX_MAX];
    CHECK_OK(place(0));
    size_t n = work.tx_size;
    memcpy(first, work.tx, n);
    for (uint64_t at = HEIGHT; at <= work.tx_expiry + 5; at += 5) {
        chain.height = at;
        CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
        CHECK(work.step == PIN_SENT);
        CHECK_SPAN(span_of(chain.posted, chain.posted_size), span_of(first, n));
    }
    chain.height = work.tx_expiry + 6;
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_ORDER && work.tx_size == 0 && amount_is_zero(spent));
}

static void in_a_block_it_has_cost_what_the_allowance_lost(void **state)
{
    (void)state;
    CHECK_OK(place(0));
    chain.has_tx = chain.has_order = true;
    chain.allowed = ALLOWED - 5400;
    chain.height = work.tx_expiry + 100; /* however late it is found */
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_WATCH && spent.units == 5400 && work.tx_size == 0 && chain.posts == 0);
    (void)setup(NULL);
    CHECK_OK(place(0));
    chain.has_tx = chain.has_order = true;
    chain.allowed = ALLOWED * 3; /* the account has meanwhile allowed more */
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_WATCH && amount_cmp(spent, work.quote) == 0);
}

static void an_order_that_fails_in_its_block_costs_its_fee(void **state)
{
    (void)state;
    CHECK_OK(place(0));
    chain.has_tx = true;
    chain.tx_code = 38;
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_FAILED && spent.units == 17);
}

static void a_refusal_ends_it_when_it_cannot_count_any_more(void **state)
{
    (void)state;
    CHECK_OK(place(0));
    chain.refuse = true;
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_SENT && work.refused);
    chain.height = work.tx_expiry + 6;
    CHECK_OK(pin_order_settle(&order, &work, &spent, &rq));
    CHECK(work.step == PIN_FAILED && strstr(work.details, "ALLOWANCE_TOO_SMALL") != NULL);
}

static void pinned_is_what_is_proven(void **state)
{
    (void)state;
    uint64_t again;
    work.step = PIN_WATCH;
    chain.has_order = true;
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(!work.proven && again == PIN_ORDER_LOOK_MS);
    chain.order_state = "live";
    chain.expires_at = HEIGHT + 1000;
    chain.replicas = 2;
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(!work.proven && strstr(work.details, "2 of 3") != NULL);
    chain.replicas = 3;
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(work.proven && work.details[0] == '\0' && work.expires_at == HEIGHT + 1000);
    CHECK(again == PIN_ORDER_LOOK_MAX_MS);
    chain.replicas = 2; /* one was lost */
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(!work.proven);
    chain.replicas = 3;
    chain.expires_at = HEIGHT + 101;
    CHECK_OK(pin_order_watch(&order, &work, false, &again));
    CHECK(work.step == PIN_WATCH && again == PIN_ORDER_LOOK_MS);
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(work.step == PIN_ORDER && work.proven); /* to be renewed, and pinned meanwhile */
    work.step = PIN_WATCH;
    chain.has_order = false;
    CHECK_OK(pin_order_watch(&order, &work, true, &again));
    CHECK(work.step == PIN_FAILED && !work.proven);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_order_is_signed_by_the_key_for_the_account, setup),
        cmocka_unit_test_setup(money_is_looked_at_before, setup),
        cmocka_unit_test_setup(without_a_chain_nothing_changes, setup),
        cmocka_unit_test_setup(the_accounts_own_order_is_not_paid_twice, setup),
        cmocka_unit_test_setup(the_same_bytes_are_sent_until_they_cannot_count, setup),
        cmocka_unit_test_setup(in_a_block_it_has_cost_what_the_allowance_lost, setup),
        cmocka_unit_test_setup(an_order_that_fails_in_its_block_costs_its_fee, setup),
        cmocka_unit_test_setup(a_refusal_ends_it_when_it_cannot_count_any_more, setup),
        cmocka_unit_test_setup(pinned_is_what_is_proven, setup),
    };
    const struct http_server_options o = { .threads = 1, .handler = answer };
    uint8_t seed[32] = { 1 };
    CHECK_OK(http_server_open(&server, &o));
    reader.nodes.count = 1;
    (void)snprintf(reader.nodes.urls[0], sizeof(reader.nodes.urls[0]), "http://127.0.0.1:%u",
                   http_server_port(server));
    ed25519_keypair(&order.key, seed);
    order.chain = &reader;
    order.origin = "http://127.0.0.1:9";
    (void)snprintf(order.address, sizeof(order.address), "KEY");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    http_server_close(server);
    return failed;
}
