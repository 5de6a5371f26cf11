/* Transactions against a chain node that answers as a script says: numbers, refusals, silence. */
#include "agentd/tx_link.h"

#include "base/check.h"
#include "base/hex.h"
#include "chain/result.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/http_server.h"

#include <pthread.h>
#include <stdio.h>

/* What POST, or the question about a transaction, is answered with. */
struct line {
    uint16_t status;
    const char *state; /* NULL: an error body */
    uint32_t code;
    uint64_t height;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct line posts[8], asks[8];
static unsigned posted, asked, nonces;
static uint8_t last_id[32], first_id[32];
static uint64_t last_nonce;

static struct loop *loop;
static struct http_server *server;
static struct settings settings;
static struct chain_link chain;
static struct tx_link txs;
static struct ed25519_key key;

static struct {
    unsigned calls;
    enum tx_lane lane;
    enum err e;
    uint32_t result;
    uint64_t height;
} outcome;

static void answer_account(struct http_request *rq)
{
    char address[SS58_TEXT_MAX], text[1024];
    ss58_format(address, key.public_key);
    snprintf(text, sizeof(text),
             "{\"address\":\"%s\",\"owner\":\"%s\",\"exists\":true,\"nonce\":3,\"nonce_next\":%u,"
             "\"free\":\"1\","
             "\"usable\":\"1\",\"reward\":\"0\","
             "\"waiver\":{\"quota\":\"0\",\"used\":\"0\"},\"urls\":[],\"held\":{\"worker\":\"0\","
             "\"merchant\":\"0\",\"bond\":\"0\",\"stake\":\"0\",\"deposit\":\"0\"}}",
             address, address, 10 + nonces++);
    http_request_respond_text(rq, 200, text);
}

static void answer_line(struct http_request *rq, const struct line *l, const uint8_t id[32])
{
    char hex[65], text[512];
    hex_format(hex, span_of(id, 32));
    if (l->state == NULL)
        snprintf(text, sizeof(text), "{\"error\":{\"code\":\"x\"}}");
    else
        snprintf(text, sizeof(text),
                 "{\"hash\":\"%s\",\"state\":\"%s\",\"code\":%u,\"name\":\"N\",\"log\":\"L\","
                 "\"height\":%llu,\"index\":0,\"fee\":\"0\",\"type\":\"transfer\"}",
                 hex, l->state, l->code, (unsigned long long)l->height);
    http_request_respond_text(rq, l->status, text);
}

static void handle(void *ctx, struct http_request *rq)
{
    (void)ctx;
    struct tx tx;
    const char *path = http_request_path(rq);
    pthread_mutex_lock(&lock);
    if (strncmp(path, "/v1/accounts/", 13) == 0) {
        answer_account(rq);
    } else if (http_request_method(rq) == HTTP_POST) {
        struct span body = http_request_body(rq);
        tx_id(last_id, body);
        if (posted == 0)
            memcpy(first_id, last_id, 32);
        if (tx_decode(&tx, body) == OK && tx_check_signature(&tx, body) == OK)
            last_nonce = tx.nonce;
        answer_line(rq, &posts[posted < 7 ? posted : 7], last_id);
        posted++;
    } else {
        answer_line(rq, &asks[asked < 7 ? asked : 7], last_id);
        asked++;
    }
    pthread_mutex_unlock(&lock);
}

static void on_block(void *ctx)
{
    (void)ctx;
}

static void on_tx(void *ctx, enum tx_lane lane, enum err e, uint32_t result, uint64_t height)
{
    (void)ctx;
    outcome.calls++;
    outcome.lane = lane;
    outcome.e = e;
    outcome.result = result;
    outcome.height = height;
}

static int setup(void **unused)
{
    (void)unused;
    uint8_t seed[32] = { 5 };
    memset(posts, 0, sizeof(posts));
    memset(asks, 0, sizeof(asks));
    memset(&outcome, 0, sizeof(outcome));
    posted = asked = nonces = 0;
    last_nonce = 0;
    ed25519_keypair(&key, seed);
    const struct http_server_options o = { .threads = 1, .handler = handle };
    CHECK_OK(loop_new(&loop, 0));
    CHECK_OK(http_server_open(&server, &o));
    settings.chains.count = 1;
    snprintf(settings.chains.urls[0], sizeof(settings.chains.urls[0]), "http://127.0.0.1:%u",
             http_server_port(server));
    CHECK_OK(chain_link_open(&chain, loop, &settings, on_block, NULL));
    tx_link_init(&txs, &chain, loop, &key, on_tx, NULL);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    chain_link_close(&chain);
    http_server_close(server);
    loop_free(loop);
    return 0;
}

static void submit(uint64_t expiry)
{
    struct tx_call call = { .kind = TX_MERCHANT_CLAIM };
    uint8_t id[32] = { 1 };
    tx_link_submit(&txs, TX_LANE_MONEY, &call, id, expiry);
}

/* Lets the loop run until there is an outcome; the chain grows as height says. */
static void run(uint64_t height, bool grows)
{
    uint64_t end = clock_mono_ms() + 20000;
    while (outcome.calls == 0 && clock_mono_ms() < end) {
        loop_run_once(loop, 20);
        tx_link_step(&txs, height);
        height += grows;
    }
    CHECK(outcome.calls == 1 && outcome.lane == TX_LANE_MONEY);
}

static void one_goes_into_a_block(void **unused)
{
    (void)unused;
    posts[0] = (struct line){ 200, "pending", 0, 0 };
    asks[0] = asks[1] = (struct line){ 200, "pending", 0, 0 };
    asks[2] = (struct line){ 200, "done", RESULT_NO_REWARD, 44 };
    submit(1000000);
    run(40, true);
    CHECK(outcome.e == OK && outcome.result == RESULT_NO_REWARD && outcome.height == 44);
    CHECK(posted == 1 && last_nonce == 10);
}

static void no_answer_or_no_room_means_the_same_bytes_again(void **unused)
{
    (void)unused;
    posts[0] = (struct line){ 503, NULL, 0, 0 };
    posts[1] = (struct line){ 500, NULL, 0, 0 };
    posts[2] = (struct line){ 200, "done", RESULT_OK, 41 };
    submit(1000000);
    run(40, false);
    CHECK(outcome.e == OK && outcome.result == RESULT_OK);
    CHECK(posted == 3 && nonces == 1 && memcmp(first_id, last_id, 32) == 0);
}

static void a_number_that_is_taken_is_replaced(void **unused)
{
    (void)unused;
    posts[0] = (struct line){ 409, NULL, 0, 0 };
    posts[1] = (struct line){ 422, "refused", RESULT_BAD_NONCE, 0 };
    posts[2] = (struct line){ 200, "done", RESULT_OK, 41 };
    submit(1000000);
    run(40, false);
    CHECK(outcome.e == OK && posted == 3 && last_nonce == 12);
}

static void numbers_are_not_asked_for_without_end(void **unused)
{
    (void)unused;
    for (int i = 0; i < 8; i++)
        posts[i] = (struct line){ 409, NULL, 0, 0 };
    submit(1000000);
    run(40, false);
    CHECK(outcome.e == ERR_TIMEOUT && posted == TX_LINK_SIGNINGS_MAX);
}

static void a_refusal_is_told_at_once(void **unused)
{
    (void)unused;
    posts[0] = (struct line){ 422, "refused", RESULT_CANNOT_PAY_FEE, 0 };
    submit(1000000);
    run(40, false);
    CHECK(outcome.e == OK && outcome.result == RESULT_CANNOT_PAY_FEE && outcome.height == 40);
}

static void one_that_the_chain_forgot_is_sent_again(void **unused)
{
    (void)unused;
    posts[0] = (struct line){ 200, "pending", 0, 0 };
    asks[0] = (struct line){ 404, NULL, 0, 0 }; /* the chain went back, or it is another node */
    posts[1] = (struct line){ 200, "done", RESULT_OK, 50 };
    submit(1000000);
    run(40, true);
    CHECK(outcome.e == OK && posted == 2 && memcmp(first_id, last_id, 32) == 0 && nonces == 1);
}

static void what_expires_is_over(void **unused)
{
    (void)unused;
    for (int i = 0; i < 8; i++)
        posts[i] = (struct line){ 503, NULL, 0, 0 };
    submit(45);
    run(40, true);
    CHECK(outcome.e == ERR_TIMEOUT);
    memset(&outcome, 0, sizeof(outcome));
    posted = 0;
    posts[0] = (struct line){ 200, "pending", 0, 0 };
    asks[0] = (struct line){ 200, "dropped", RESULT_EXPIRED, 0 };
    asked = 0;
    submit(1000000);
    run(40, true);
    CHECK(outcome.e == ERR_TIMEOUT);
}

static void a_second_node_is_asked_when_the_first_is_away(void **unused)
{
    (void)unused;
    char good[CONFIG_URL_MAX];
    chain_link_close(&chain);
    memcpy(good, settings.chains.urls[0], sizeof(good));
    snprintf(settings.chains.urls[0], sizeof(settings.chains.urls[0]), "http://127.0.0.1:1");
    memcpy(settings.chains.urls[1], good, sizeof(good));
    settings.chains.count = 2;
    CHECK_OK(chain_link_open(&chain, loop, &settings, on_block, NULL));
    tx_link_init(&txs, &chain, loop, &key, on_tx, NULL);
    posts[0] = (struct line){ 200, "done", RESULT_OK, 41 };
    submit(1000000);
    run(40, false);
    CHECK(outcome.e == OK && outcome.result == RESULT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_goes_into_a_block, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answer_or_no_room_means_the_same_bytes_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_number_that_is_taken_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_not_asked_for_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_the_chain_forgot_is_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_expires_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_node_is_asked_when_the_first_is_away, setup,
                                        teardown),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
