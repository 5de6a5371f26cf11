#include "codec/block.h"

#include "base/check.h"
#include "base/hex.h"

enum { ROOM = 4096 };

static const struct span txs[3] = {
    { (const uint8_t *)"first", 5 },
    { (const uint8_t *)"", 0 },
    { (const uint8_t *)"a third transaction, longer than twenty-four bytes", 50 },
};

static const struct agreement *agreement_sample(void)
{
    static struct agreement a;
    a = (struct agreement){ .vote_count = 2, .offence_count = 1 };
    memset(a.proposer, 5, sizeof(a.proposer));
    a.votes[0] = (struct agreement_vote){ .flag = AGREEMENT_COMMIT, .power = 1000 };
    memset(a.votes[0].address, 6, AGREEMENT_ADDRESS_SIZE);
    a.votes[1] = (struct agreement_vote){ .flag = AGREEMENT_ABSENT, .power = 1 };
    memset(a.votes[1].address, 7, AGREEMENT_ADDRESS_SIZE);
    a.offences[0] = (struct agreement_offence){ .type = AGREEMENT_DUPLICATE_VOTE,
                                                .power = 9,
                                                .height = 5,
                                                .time_ms = 1699999999000,
                                                .total_power = 1001 };
    memset(a.offences[0].address, 7, AGREEMENT_ADDRESS_SIZE);
    return &a;
}

static struct block_header header_sample(size_t tx_count)
{
    struct block_header h = { .height = 7, .time_ms = 1700000000123 };
    memset(h.chain, 1, 32);
    memset(h.parent, 2, 32);
    memset(h.app_hash, 3, 32);
    memset(h.proposer, 4, 32);
    block_tx_root(h.tx_root, txs, tx_count);
    agreement_hash(h.agreement, agreement_sample());
    return h;
}

static struct span block_sample(uint8_t buf[ROOM], size_t tx_count)
{
    struct writer w = writer_of(buf, ROOM);
    struct block_header h = header_sample(tx_count);
    block_encode(&w, &h, agreement_sample(), txs, tx_count);
    CHECK_OK(w.err);
    CHECK(w.len <= block_encoded_max(txs, tx_count));
    return writer_span(&w);
}

static void block_encode_again(struct writer *w, const struct block *b)
{
    struct span left = b->txs, list[3];
    size_t n = 0;
    while (n < 3 && block_next_tx(&list[n], &left))
        n++;
    CHECK(n == b->tx_count);
    struct agreement agreement;
    CHECK_OK(agreement_decode(&agreement, b->agreement));
    block_encode(w, &b->header, &agreement, list, n);
}

static void blocks_round_trip(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 3; n++) {
        uint8_t buf[ROOM], again[ROOM];
        struct span in = block_sample(buf, n);
        struct block b;
        CHECK_OK(block_decode(&b, in));
        CHECK(b.tx_count == n && b.header.height == 7 && b.header.proposer[31] == 4);
        struct writer w = writer_of(again, ROOM);
        block_encode_again(&w, &b);
        CHECK_SPAN(writer_span(&w), in);
    }
}

static void every_prefix_and_every_flip_is_refused_or_canonical(void **state)
{
    (void)state;
    uint8_t buf[ROOM];
    struct span in = block_sample(buf, 3);
    struct block b;
    for (size_t n = 0; n <= in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK_ERR(block_decode(&b, span_of(exact, n)), n < in.n ? ERR_SHORT : OK);
        free(exact);
    }
    uint8_t *copy = check_dup(in.p, in.n + 1);
    CHECK_ERR(block_decode(&b, span_of(copy, in.n + 1)), ERR_TRAILING);
    for (size_t bit = 0; bit < in.n * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (block_decode(&b, span_of(copy, in.n)) == OK) {
            uint8_t again[ROOM];
            struct writer w = writer_of(again, ROOM);
            block_encode_again(&w, &b);
            CHECK_SPAN(writer_span(&w), span_of(copy, in.n));
            /* Only the header's free fields may change without breaking tx_root. */
            CHECK(bit / 8 > in.n - 450);
        }
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(copy);
}

static void a_root_that_is_not_that_of_the_transactions_is_refused(void **state)
{
    (void)state;
    uint8_t buf[ROOM];
    struct block_header h = header_sample(2);
    struct writer w = writer_of(buf, ROOM);
    block_encode(&w, &h, agreement_sample(), txs, 3);
    struct block b;
    CHECK_ERR(block_decode(&b, writer_span(&w)), ERR_FORMAT);
}

/* The vector of docs/spec/block.md 4, from an independent computation in Python. */
static void the_hash_matches_the_vector(void **state)
{
    (void)state;
    uint8_t hash[32];
    char text[65];
    struct block_header h = header_sample(3);
    hex_format(text, span_of(h.tx_root, 32));
    CHECK(strcmp(text, "7cbe433a8283074e1306a9d6f36cba4751be1bf7253dcf7305e686bbdb164d5f") == 0);
    block_hash(hash, &h);
    hex_format(text, span_of(hash, 32));
    CHECK(strcmp(text, "b33e2537956e68b3974b1ad4c8615aae1e6466dd54bd60981e3900591ab94ee8") == 0);
    hex_format(text, span_of(h.agreement, 32));
    CHECK(strcmp(text, "b12adfdfd12acb3e753daa9103a4fdd816836f7590d194d821b38f328a3e0b68") == 0);
    agreement_hash(hash, NULL);
    hex_format(text, span_of(hash, 32));
    CHECK(strcmp(text, "ad0c57a93bad08a48bb584a6c54a21c85e93ac678b026a609ebaafdbc6d0fcf8") == 0);
    h.height++;
    uint8_t other[32];
    block_hash(other, &h);
    CHECK(memcmp(hash, other, 32) != 0);
}

static void an_agreement_that_is_not_canonical_is_refused(void **state)
{
    (void)state;
    uint8_t buf[1024];
    struct agreement a;
    struct writer w = writer_of(buf, sizeof(buf));
    agreement_encode(&w, NULL);
    CHECK_OK(w.err);
    CHECK_OK(agreement_decode(&a, writer_span(&w)));
    CHECK(a.vote_count == 0 && a.offence_count == 0 && a.proposer[0] == 0);
    /* The same value said with an address of zeros. */
    uint8_t *zeros = check_dup(buf, w.len + AGREEMENT_ADDRESS_SIZE);
    zeros[w.len - 1] = 0x40 | AGREEMENT_ADDRESS_SIZE;
    memset(zeros + w.len, 0, AGREEMENT_ADDRESS_SIZE);
    CHECK_ERR(agreement_decode(&a, span_of(zeros, w.len + AGREEMENT_ADDRESS_SIZE)), ERR_FORMAT);
    zeros[w.len + 3] = 1;
    CHECK_OK(agreement_decode(&a, span_of(zeros, w.len + AGREEMENT_ADDRESS_SIZE)));
    CHECK(a.proposer[3] == 1);
    free(zeros);
    /* A flag and a type that do not exist. */
    struct agreement bad = *agreement_sample();
    bad.votes[1].flag = 0;
    w = writer_of(buf, sizeof(buf));
    agreement_encode(&w, &bad);
    CHECK_ERR(agreement_decode(&a, writer_span(&w)), ERR_FORMAT);
    bad = *agreement_sample();
    bad.offences[0].type = 3;
    w = writer_of(buf, sizeof(buf));
    agreement_encode(&w, &bad);
    CHECK_ERR(agreement_decode(&a, writer_span(&w)), ERR_RANGE);
    CHECK(a.vote_count == 0);
}

static void the_largest_agreement_fits(void **state)
{
    (void)state;
    static struct agreement a, back;
    static uint8_t buf[AGREEMENT_SIZE_MAX];
    memset(&a, 0xff, sizeof(a));
    a.vote_count = AGREEMENT_VOTES_MAX;
    a.offence_count = AGREEMENT_OFFENCES_MAX;
    for (size_t i = 0; i < AGREEMENT_VOTES_MAX; i++)
        a.votes[i].flag = AGREEMENT_NIL;
    for (size_t i = 0; i < AGREEMENT_OFFENCES_MAX; i++)
        a.offences[i].type = AGREEMENT_LIGHT_CLIENT_ATTACK;
    struct writer w = writer_of(buf, sizeof(buf));
    agreement_encode(&w, &a);
    CHECK_OK(w.err);
    CHECK_OK(agreement_decode(&back, writer_span(&w)));
    CHECK(back.vote_count == AGREEMENT_VOTES_MAX && back.offences[63].total_power == UINT64_MAX);
}

static struct span result_sample(uint8_t buf[ROOM])
{
    uint8_t events[1024];
    struct writer w = writer_of(events, sizeof(events));
    struct block_event e = { .tx = BLOCK_NO_TX, .type = span_str("slot.begin") };
    block_event_encode(&w, &e);
    e = (struct block_event){ .tx = 1, .type = span_str("transfer"), .attr_count = 2 };
    e.attrs[0].key = span_str("from");
    e.attrs[0].value = span_str("a");
    e.attrs[1].key = span_str("to");
    e.attrs[1].value = span_str("");
    block_event_encode(&w, &e);
    struct block_result r = { .tx_count = 2, .event_count = 2, .events = writer_span(&w) };
    memset(r.app_hash, 9, 32);
    const struct block_tx_result results[2] = { { 0, { 5 } }, { 30, { 0 } } };
    struct writer out = writer_of(buf, ROOM);
    block_result_encode(&out, &r, results);
    CHECK_OK(out.err);
    return writer_span(&out);
}

static void results_round_trip(void **state)
{
    (void)state;
    uint8_t buf[ROOM];
    struct span in = result_sample(buf);
    struct block_result r;
    CHECK_OK(block_result_decode(&r, in));
    CHECK(r.tx_count == 2 && r.event_count == 2 && r.app_hash[0] == 9);
    struct block_tx_result t;
    struct span left = r.txs;
    CHECK(block_next_result(&t, &left) && t.code == 0 && t.fee.units == 5);
    CHECK(block_next_result(&t, &left) && t.code == 30 && t.fee.units == 0);
    CHECK(!block_next_result(&t, &left));
    struct block_event e;
    left = r.events;
    CHECK(block_next_event(&e, &left) && e.tx == BLOCK_NO_TX && e.attr_count == 0);
    CHECK(block_next_event(&e, &left) && e.tx == 1 && e.attr_count == 2);
    CHECK_SPAN(e.attrs[0].key, span_str("from"));
    CHECK(!block_next_event(&e, &left));
    for (size_t n = 0; n < in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK_ERR(block_result_decode(&r, span_of(exact, n)), ERR_SHORT);
        free(exact);
    }
}

static void an_event_of_a_transaction_that_is_not_there_is_refused(void **state)
{
    (void)state;
    uint8_t events[64], buf[ROOM];
    struct writer w = writer_of(events, sizeof(events));
    struct block_event e = { .tx = 1, .type = span_str("x") };
    block_event_encode(&w, &e);
    struct block_result r = { .tx_count = 1, .event_count = 1, .events = writer_span(&w) };
    const struct block_tx_result results[1] = { { 0, { 0 } } };
    struct writer out = writer_of(buf, ROOM);
    block_result_encode(&out, &r, results);
    CHECK_ERR(block_result_decode(&r, writer_span(&out)), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_round_trip),
        cmocka_unit_test(every_prefix_and_every_flip_is_refused_or_canonical),
        cmocka_unit_test(a_root_that_is_not_that_of_the_transactions_is_refused),
        cmocka_unit_test(the_hash_matches_the_vector),
        cmocka_unit_test(an_agreement_that_is_not_canonical_is_refused),
        cmocka_unit_test(the_largest_agreement_fits),
        cmocka_unit_test(results_round_trip),
        cmocka_unit_test(an_event_of_a_transaction_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
