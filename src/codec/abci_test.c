#include "codec/abci.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/pb.h"

#include <stdio.h>

enum { ROOM = 8192, LINE_ROOM = 16384 };

/* Calls fn with each frame of the file that CometBFT's own code wrote. */
static size_t each_vector(void (*fn)(const char *what, const char *name, struct span frame))
{
    static char line[LINE_ROOM];
    static uint8_t bytes[LINE_ROOM / 2];
    FILE *f = fopen("tests/vectors/abci/v0.38.25.txt", "r");
    CHECK(f != NULL);
    size_t count = 0;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = '\0';
        char *name = strchr(line, ' ');
        CHECK(name != NULL);
        *name++ = '\0';
        char *hex = strchr(name, ' ');
        CHECK(hex != NULL);
        *hex++ = '\0';
        size_t n = strlen(hex) / 2;
        CHECK_OK(hex_parse(bytes, n, hex));
        uint8_t *exact = check_dup(bytes, n);
        fn(line, name, span_of(exact, n));
        free(exact);
        count++;
    }
    if (f != NULL)
        fclose(f);
    return count;
}

static void round_trip(const char *what, const char *name, struct span frame)
{
    uint8_t room[ROOM];
    struct writer w = writer_of(room, sizeof(room));
    struct span in = frame, body;
    size_t n = strcspn(name, "-");
    CHECK_OK(abci_frame_next(&body, &in, ABCI_FRAME_MAX));
    CHECK(in.n == 0);
    if (strcmp(what, "request") == 0) {
        struct abci_request m;
        enum abci_kind kind;
        CHECK_OK(abci_request_decode(&m, body));
        CHECK_OK(abci_request_kind(&kind, body));
        CHECK(kind == m.kind && strlen(abci_name(m.kind)) == n &&
              memcmp(abci_name(m.kind), name, n) == 0);
        abci_request_encode(&w, &m);
        CHECK(w.len == abci_request_size(&m));
    } else {
        struct abci_response m;
        CHECK_OK(abci_response_decode(&m, body));
        CHECK(strlen(abci_name(m.kind)) == n && memcmp(abci_name(m.kind), name, n) == 0);
        abci_response_encode(&w, &m);
        CHECK(w.len == abci_response_size(&m));
    }
    CHECK_OK(w.err);
    CHECK_SPAN(writer_span(&w), frame);
}

static void we_write_what_cometbft_writes(void **state)
{
    (void)state;
    CHECK(each_vector(round_trip) == 36);
}

/* Every strict prefix of a frame asks for more, and of its message is refused. Every flipped bit is
 * refused or read without a fault. */
static void cut_and_flip(const char *what, const char *name, struct span frame)
{
    (void)name;
    bool request = strcmp(what, "request") == 0;
    struct abci_request rq;
    struct abci_response rs;
    struct span in = frame, body;
    CHECK_OK(abci_frame_next(&body, &in, ABCI_FRAME_MAX));
    for (size_t n = 0; n < frame.n; n++) {
        struct span part = span_of(frame.p, n), none;
        CHECK_ERR(abci_frame_next(&none, &part, ABCI_FRAME_MAX), ERR_SHORT);
        CHECK(part.n == n && none.n == 0);
    }
    for (size_t n = 0; n < body.n; n++) {
        uint8_t *exact = check_dup(body.p, n);
        struct span part = span_of(exact, n);
        enum abci_kind kind;
        if (request)
            CHECK_ERR(abci_request_kind(&kind, part), n == 0 ? ERR_UNSUPPORTED : ERR_SHORT);
        enum err e = request ? abci_request_decode(&rq, part) : abci_response_decode(&rs, part);
        CHECK_ERR(e, n == 0 ? ERR_UNSUPPORTED : ERR_SHORT);
        free(exact);
    }
    uint8_t *copy = check_dup(body.p, body.n);
    for (size_t bit = 0; bit < body.n * 8; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err e = request ? abci_request_decode(&rq, span_of(copy, body.n))
                             : abci_response_decode(&rs, span_of(copy, body.n));
        CHECK(e == OK || e == ERR_SHORT || e == ERR_FORMAT || e == ERR_RANGE ||
              e == ERR_UNSUPPORTED);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(copy);
}

static void cut_and_changed_messages_are_refused(void **state)
{
    (void)state;
    each_vector(cut_and_flip);
}

static struct abci_request finalize_sample;
static uint8_t finalize_bytes[ROOM];

static void keep_finalize(const char *what, const char *name, struct span frame)
{
    if (strcmp(what, "request") != 0 || strcmp(name, "FinalizeBlock") != 0)
        return;
    struct span body;
    memcpy(finalize_bytes, frame.p, frame.n);
    struct span in = span_of(finalize_bytes, frame.n);
    CHECK_OK(abci_frame_next(&body, &in, ABCI_FRAME_MAX));
    CHECK_OK(abci_request_decode(&finalize_sample, body));
}

static void a_block_is_read_in_place(void **state)
{
    (void)state;
    each_vector(keep_finalize);
    const struct abci_block *b = &finalize_sample.block;
    CHECK(finalize_sample.kind == ABCI_FINALIZE_BLOCK);
    CHECK(b->height == 42 && b->time.seconds == 1700000000 && b->time.nanos == 123456789);
    CHECK(b->hash.n == 32 && b->hash.p[0] == 3 && b->proposer.n == 20 && b->proposer.p[19] == 6);
    struct abci_list l = b->txs;
    struct span tx;
    CHECK(l.count == 3);
    CHECK(abci_list_bytes(&tx, &l) && span_eq(tx, span_str("first")));
    CHECK(abci_list_bytes(&tx, &l) && tx.n == 0);
    CHECK(abci_list_bytes(&tx, &l) && tx.n == 300 && tx.p >= finalize_bytes &&
          tx.p < finalize_bytes + ROOM);
    CHECK(!abci_list_bytes(&tx, &l));
    struct abci_vote v;
    l = b->last_commit.votes;
    CHECK(b->last_commit.round == 2 && l.count == 2);
    CHECK(abci_list_next(&v, ABCI_VOTE, &l) && v.flag == 2 && v.validator.power == 1000);
    CHECK(abci_list_next(&v, ABCI_VOTE, &l) && v.flag == 1 && v.validator.address.p[0] == 2);
    CHECK(!abci_list_next(&v, ABCI_VOTE, &l));
    struct abci_misbehavior m;
    l = b->misbehavior;
    CHECK(abci_list_next(&m, ABCI_MISBEHAVIOR, &l) && m.type == 1 && m.height == 41 &&
          m.total_power == 1001 && m.time.nanos == 123456789);
}

/* A message of one field, `bytes`, under `number`. */
static struct span wrap(uint8_t room[64], uint32_t number, struct span bytes)
{
    struct writer w = writer_of(room, 64);
    pb_write_bytes(&w, number, bytes);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void what_a_sender_never_does_is_refused(void **state)
{
    (void)state;
    uint8_t inner[64], outer[64];
    struct abci_request m;
    /* The height twice; of the wrong wire type; a block number over 32 bits; two messages. */
    struct writer w = writer_of(inner, sizeof(inner));
    pb_write_uint(&w, 5, 1);
    pb_write_uint(&w, 5, 1);
    CHECK_ERR(abci_request_decode(&m, wrap(outer, 20, writer_span(&w))), ERR_FORMAT);
    w = writer_of(inner, sizeof(inner));
    pb_write_fixed64(&w, 5, 1);
    CHECK_ERR(abci_request_decode(&m, wrap(outer, 20, writer_span(&w))), ERR_FORMAT);
    w = writer_of(inner, sizeof(inner));
    pb_write_uint(&w, 2, (uint64_t)1 << 32);
    CHECK_ERR(abci_request_decode(&m, wrap(outer, 14, writer_span(&w))), ERR_RANGE);
    w = writer_of(outer, sizeof(outer));
    pb_write_bytes(&w, 2, span_of(NULL, 0));
    pb_write_bytes(&w, 2, span_of(NULL, 0));
    CHECK_ERR(abci_request_decode(&m, writer_span(&w)), ERR_FORMAT);
    /* Unknown fields inside are passed over, an unknown message is not. */
    w = writer_of(inner, sizeof(inner));
    pb_write_uint(&w, 6, 9);
    pb_write_uint(&w, 99, 9);
    CHECK_OK(abci_request_decode(&m, wrap(outer, 11, writer_span(&w))));
    CHECK(m.kind == ABCI_COMMIT);
    CHECK_ERR(abci_request_decode(&m, wrap(outer, 99, writer_span(&w))), ERR_UNSUPPORTED);
    CHECK_ERR(abci_request_decode(&m, wrap(outer, 4, writer_span(&w))), ERR_UNSUPPORTED);
}

static void frames_are_bounded(void **state)
{
    (void)state;
    const uint8_t long_one[] = { 0x81, 0x80, 0x80, 0x20 }; /* 64 MiB and one byte */
    const uint8_t endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct span body, in = span_of(long_one, sizeof(long_one));
    CHECK_ERR(abci_frame_next(&body, &in, ABCI_FRAME_MAX), ERR_LIMIT);
    in = span_of(long_one, 3);
    CHECK_ERR(abci_frame_next(&body, &in, ABCI_FRAME_MAX), ERR_SHORT);
    in = span_of(endless, sizeof(endless));
    CHECK_ERR(abci_frame_next(&body, &in, ABCI_FRAME_MAX), ERR_FORMAT);
}

static void lists_are_built_and_read_back(void **state)
{
    (void)state;
    uint8_t items[ROOM], room[ROOM], key[32];
    struct writer w = writer_of(items, sizeof(items)), out = writer_of(room, sizeof(room));
    memset(key, 9, sizeof(key));
    struct abci_validator_update u = { .key.ed25519 = span_of(key, 32), .power = 7 };
    abci_list_add(&w, ABCI_VALIDATOR_UPDATE, &u);
    u.power = 0;
    abci_list_add(&w, ABCI_VALIDATOR_UPDATE, &u);
    struct abci_response m = { .kind = ABCI_FINALIZE_BLOCK }, back;
    m.finalize.validator_updates = abci_list_of(writer_span(&w), 2);
    m.finalize.app_hash = span_of(key, 32);
    abci_response_encode(&out, &m);
    CHECK_OK(out.err);
    struct span in = writer_span(&out), body;
    CHECK_OK(abci_frame_next(&body, &in, ABCI_FRAME_MAX));
    CHECK_OK(abci_response_decode(&back, body));
    CHECK(back.finalize.validator_updates.count == 2 && back.finalize.app_hash.n == 32);
    CHECK(abci_list_next(&u, ABCI_VALIDATOR_UPDATE, &back.finalize.validator_updates));
    CHECK(u.power == 7 && u.key.ed25519.n == 32 && u.key.secp256k1.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_write_what_cometbft_writes),
        cmocka_unit_test(cut_and_changed_messages_are_refused),
        cmocka_unit_test(a_block_is_read_in_place),
        cmocka_unit_test(what_a_sender_never_does_is_refused),
        cmocka_unit_test(frames_are_bounded),
        cmocka_unit_test(lists_are_built_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
