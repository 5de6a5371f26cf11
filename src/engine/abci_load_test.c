/* Many transactions at once from a fake CometBFT: nothing waits in the socket, and a signature is
 * taken for good only with the bytes that it was checked with. */
#include "base/check.h"
#include "crypto/random.h"
#include "engine/abci_driver_test.h"
#include "engine/abci_link_test.h"
#include "rt/log.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* What CometBFT writes while we work must not wait in the socket: its writer spins until it can. */
static void requests_are_taken_off_the_socket_while_others_are_answered(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    static uint8_t frames[4096]; /* as much as CometBFT writes at once */
    const uint8_t junk[56] = { 0 };
    struct writer w = writer_of(frames, sizeof(frames));
    const struct abci_request m = { .kind = ABCI_CHECK_TX,
                                    .check_tx.tx = span_of(junk, sizeof(junk)) };
    const size_t each = abci_request_size(&m);
    int left = 0, sent = 0;
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    while (w.n - w.len >= each)
        abci_request_encode(&w, &m);
    CHECK_OK(w.err);
    while (send(k.fd, frames, w.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)w.len)
        sent += (int)(w.len / each);
    CHECK(sent > 1000 && ioctl(k.fd, SIOCOUTQ, &left) == 0 && left != 0);
    loop_run_once(d.loop, 0);
    CHECK(ioctl(k.fd, SIOCOUTQ, &left) == 0 && left == 0);
    for (int i = 0; i < sent; i++) {
        struct abci_response r;
        uint8_t *keep;
        CHECK(link_answer(&k, &r, &keep) && r.kind == ABCI_CHECK_TX && r.check_tx.code != 0);
        free(keep);
    }
    link_close(&k);
    driver_remove(&d);
}

/* Another transaction whose id falls into the same place of what is remembered as verified. */
static struct span forged(uint8_t room[512], struct span tx)
{
    uint8_t id[TX_ID_SIZE], other[TX_ID_SIZE];
    tx_id(id, tx);
    memcpy(room, tx.p, tx.n);
    for (uint32_t i = 1;; i++) {
        /* Inside the signature, which stands near the front. */
        for (size_t at = 0; at < 4; at++)
            room[50 + at] = tx.p[50 + at] ^ (uint8_t)(i >> 8 * at);
        tx_id(other, span_of(room, tx.n));
        if (memcmp(id, other, 2) == 0)
            return span_of(room, tx.n);
    }
}

static void a_good_signature_vouches_for_these_bytes_only(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    uint8_t good[512], bad[512], list[1024], room[256];
    struct abci_request m = { .kind = ABCI_CHECK_TX };
    struct abci_response r;
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    m.check_tx.tx = driver_transfer(&d, good, 0);
    struct span forgery = forged(bad, m.check_tx.tx);
    CHECK(link_call(&k, &m).check_tx.code == RESULT_OK);
    m.check_tx.tx = forgery;
    CHECK(link_call(&k, &m).check_tx.code == RESULT_BAD_SIGNATURE);
    m.check_tx.tx = span_of(good, forgery.n);
    CHECK(link_call(&k, &m).check_tx.code == RESULT_OK);
    struct writer w = writer_of(list, sizeof(list));
    abci_list_add_bytes(&w, forgery);
    abci_list_add_bytes(&w, m.check_tx.tx);
    m = driver_block(&d, ABCI_FINALIZE_BLOCK, 1, writer_span(&w), 2,
                     (struct mspan){ room, sizeof(room) });
    r = link_call(&k, &m);
    struct abci_tx_result result;
    CHECK(abci_list_next(&result, ABCI_TX_RESULT, &r.finalize.tx_results));
    CHECK(result.code == RESULT_BAD_SIGNATURE);
    CHECK(abci_list_next(&result, ABCI_TX_RESULT, &r.finalize.tx_results));
    CHECK(result.code == RESULT_OK);
    link_close(&k);
    driver_remove(&d);
}

enum { MANY = 60 };

/* What is asked as the i-th: good transfers, others with a broken signature, some that nobody can
 * pay, and nonsense. */
static struct span many_tx(const struct driver *d, uint8_t room[512], size_t i)
{
    struct driver poor = *d;
    if (i % 10 == 7)
        return span_str("nonsense");
    if (i % 10 == 5)
        poor.alice = d->bob; /* has nothing */
    struct span tx = driver_transfer(&poor, room, i);
    if (i % 3 == 1)
        room[50 + i % 4] ^= 4;
    return tx;
}

/* Answers the same asked together as one by one. */
static void looking_ahead_changes_no_answer(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    static uint8_t frames[MANY * 400];
    struct writer w = writer_of(frames, sizeof(frames));
    struct abci_request m = { .kind = ABCI_CHECK_TX };
    const struct abci_request flush = { .kind = ABCI_FLUSH };
    uint8_t tx[512];
    uint32_t codes[MANY];
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    for (size_t i = 0; i < MANY; i++) {
        m.check_tx.tx = many_tx(&d, tx, i);
        codes[i] = link_call(&k, &m).check_tx.code;
        CHECK((codes[i] == RESULT_OK) == (i % 3 != 1 && i % 10 != 5 && i % 10 != 7));
        CHECK((codes[i] == RESULT_BAD_SIGNATURE) == (i % 3 == 1 && i % 10 != 7));
        abci_request_encode(&w, &m);
        if (i % 4 != 0)
            abci_request_encode(&w, &flush);
    }
    CHECK_OK(w.err);
    link_close(&k);
    driver_close(&d);
    driver_open(&d); /* remembers nothing */
    link_open(&k, &d);
    link_write(&k, writer_span(&w), true);
    for (size_t i = 0; i < MANY; i++) {
        struct abci_response r;
        uint8_t *keep;
        CHECK(link_answer(&k, &r, &keep) && r.kind == ABCI_CHECK_TX);
        CHECK(r.check_tx.code == codes[i]);
        free(keep);
        CHECK(i % 4 == 0 || (link_answer(&k, &r, &keep) && r.kind == ABCI_FLUSH));
        if (i % 4 != 0)
            free(keep);
    }
    link_close(&k);
    driver_remove(&d);
}

/* A Commit among them: what comes behind it is checked against its state. */
static void a_block_in_between_counts(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    static uint8_t frames[8192];
    uint8_t tx[512], list[1024], room[256], *keep;
    const struct abci_request commit = { .kind = ABCI_COMMIT };
    struct writer w = writer_of(frames, sizeof(frames)), txs = writer_of(list, sizeof(list));
    struct abci_request m = { .kind = ABCI_CHECK_TX };
    struct abci_response r;
    driver_make(&d);
    link_open(&k, &d);
    driver_start(&k);
    abci_list_add_bytes(&txs, driver_transfer(&d, tx, 0));
    for (int round = 0; round < 2; round++) {
        for (uint64_t nonce = 0; nonce < 3; nonce++) {
            m.check_tx.tx = driver_transfer(&d, tx, nonce);
            abci_request_encode(&w, &m);
        }
        if (round == 0) {
            const struct abci_request block =
                driver_block(&d, ABCI_FINALIZE_BLOCK, 1, writer_span(&txs), 1,
                             (struct mspan){ room, sizeof(room) });
            abci_request_encode(&w, &block);
            abci_request_encode(&w, &commit);
        }
    }
    CHECK_OK(w.err);
    link_write(&k, writer_span(&w), true);
    for (int i = 0; i < 8; i++) {
        CHECK(link_answer(&k, &r, &keep));
        if (i == 3 || i == 4)
            CHECK(r.kind == (i == 3 ? ABCI_FINALIZE_BLOCK : ABCI_COMMIT));
        else
            CHECK(r.kind == ABCI_CHECK_TX && (r.check_tx.code == RESULT_OK) == (i != 5));
        free(keep);
    }
    link_close(&k);
    driver_remove(&d);
}

struct told {
    size_t count[ABCI_KIND_COUNT];
    size_t failed;
};

static void timed(void *ctx, enum abci_kind kind, uint64_t us, enum err e)
{
    struct told *t = ctx;
    CHECK(us < 60000000u);
    t->count[kind]++;
    t->failed += e != OK;
}

static void each_call_is_timed(void **state)
{
    (void)state;
    struct driver d;
    struct driver_link k;
    struct told told = { 0 };
    uint8_t hash[32];
    driver_make(&d);
    abci_server_close(d.server);
    const struct abci_server_options o = { .at = d.at, .app = d.app, .timed = timed, .ctx = &told };
    CHECK_OK(abci_server_open(&d.server, d.loop, &o));
    link_open(&k, &d);
    driver_start(&k);
    driver_decide(&k, hash, 1, (struct span){ NULL, 0 }, 0);
    CHECK(told.count[ABCI_FINALIZE_BLOCK] == 1 && told.count[ABCI_COMMIT] == 1);
    CHECK(told.failed == 0);
    d.commits_to_fail = 2;
    driver_decide(&k, hash, 2, (struct span){ NULL, 0 }, 0);
    CHECK(told.count[ABCI_FINALIZE_BLOCK] == 2 && told.count[ABCI_COMMIT] == 4);
    CHECK(told.failed == 2);
    link_close(&k);
    driver_remove(&d);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    log_init("abci-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_off_the_socket_while_others_are_answered),
        cmocka_unit_test(a_good_signature_vouches_for_these_bytes_only),
        cmocka_unit_test(looking_ahead_changes_no_answer),
        cmocka_unit_test(a_block_in_between_counts),
        cmocka_unit_test(each_call_is_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
