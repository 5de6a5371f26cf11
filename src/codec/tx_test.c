#include "codec/tx.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/cbor.h"
#include "crypto/sha256.h"

enum { ROOM = 4096 };

static const uint8_t filler[64] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* Sets what the kind uses, so that a round trip gives the same struct. */
static void stake_sample(struct tx_call *c)
{
    static const enum tx_kind with_amount[] = { TX_STAKE_BOND,   TX_STAKE_BOND_EXTRA,
                                                TX_STAKE_UNBOND, TX_STAKE_REBOND,
                                                TX_STAKE_CUT,    TX_STAKE_GUARANTEE };
    for (size_t i = 0; i < sizeof(with_amount) / sizeof(with_amount[0]); i++)
        if (c->kind == with_amount[i])
            c->stake.amount = AMOUNT_OF(123456789);
    c->stake.fee = c->kind == TX_STAKE_VALIDATE ? 500000000 : 0;
    c->stake.era = c->kind == TX_STAKE_PAYOUT ? 31 : 0;
    c->stake.has_account = c->kind == TX_STAKE_PAYEE;
    c->stake.yes = c->kind == TX_GOV_VOTE;
    c->stake.proposal = c->kind == TX_GOV_VOTE ? 5 : 0;
    if (c->kind == TX_STAKE_KEY) {
        memset(c->stake.key, 0x67, 32);
        memset(c->stake.proof, 0x68, 64);
    }
    if (c->kind == TX_STAKE_BEACON) {
        memset(c->stake.key, 0x6a, 32);
        memset(c->stake.vrf, 0x6b, sizeof(c->stake.vrf));
    }
    if (c->kind == TX_STAKE_GUARANTEE || c->kind == TX_STAKE_PAYEE || c->kind == TX_GROUP_JOIN)
        memset(c->stake.account, 0x69, 32);
}

static void money_sample(struct tx_call *c)
{
    if (c->kind == TX_TRANSFER) {
        c->transfer = (struct tx_transfer){ { 0x55, 0x56 }, AMOUNT_OF((u128)1 << 100) };
        return;
    }
    memset(c->allow.key, 0x66, 32);
    c->allow.until = 1000;
    c->allow.amount = AMOUNT_OF(1);
}

static void order_sample(struct tx_call *c)
{
    c->order = (struct tx_order){ .key.codec = CID_CODEC_DAG_PB,
                                  .size = 123456789,
                                  .has_data_root = true,
                                  .replicas = 5,
                                  .origin_count = 2,
                                  .origins = { span_str("http://192.0.2.1:8080"),
                                               span_str("http://example.org") },
                                  .tip = AMOUNT_OF(42) };
    memset(c->order.data_root, 0x77, 32);
}

static void proposal_sample(struct tx_call *c)
{
    c->proposal.change_count = 2;
    c->proposal.changes[0].name = span_str("fee_base");
    c->proposal.changes[0].value = span_str("17");
    c->proposal.changes[1].name = span_str("market_enabled");
    c->proposal.changes[1].value = span_str("false");
    c->proposal.cancel_count = 1;
    c->proposal.cancels[0].era = 77;
    memset(c->proposal.cancels[0].stash, 0xab, 32);
}

static void urls_sample(struct tx_call *c)
{
    c->urls.count = 2;
    c->urls.urls[0] = span_str("https://a.example.org");
    c->urls.urls[1] = span_str("http://192.0.2.7:8080");
}

static void evidence_sample(struct tx_call *c)
{
    if (c->kind == TX_REPORT) {
        c->report = span_of(filler, 60);
        return;
    }
    c->worker_register.block = 99;
    c->worker_register.evidence = span_of(filler, 50);
}

static void succeed_sample(struct tx_call *c)
{
    struct tx_worker_succeed *s = &c->worker_succeed;
    memset(s, 0x55, sizeof(*s));
    s->block = 99;
    s->evidence = span_of(filler, 50);
}

static void dispute_sample(struct tx_call *c)
{
    c->dispute.block = span_of(filler, c->kind == TX_CHALLENGE ? 0 : 33);
    c->dispute.proof = span_of(filler, 20);
}

static struct tx envelope(enum tx_kind kind)
{
    struct tx tx = { .nonce = 7, .expiry = 4711, .tip = AMOUNT_OF(300), .call.kind = kind };
    memset(tx.from, 0x11, sizeof(tx.from));
    memset(tx.by, 0x22, sizeof(tx.by));
    memset(tx.sig, 0x33, sizeof(tx.sig));
    memset(tx.chain, 0x44, sizeof(tx.chain));
    return tx;
}

static void funds_sample(struct tx_call *c)
{
    c->funds.amount = AMOUNT_OF(1000000);
    memset(c->funds.worker, tx_group(c->kind) == TX_OF_WORK ? 0x88 : 0, 32);
}

static void merchant_sample(struct tx_call *c)
{
    if (c->kind == TX_MERCHANT_URLS)
        urls_sample(c);
    else if (c->kind != TX_MERCHANT_CLAIM)
        funds_sample(c);
}

static void work_sample(struct tx_call *c)
{
    if (c->kind == TX_WORKER_DEPOSIT || c->kind == TX_WORKER_WITHDRAW)
        funds_sample(c);
    else if (c->kind == TX_WORKER_SUCCEED)
        succeed_sample(c);
    else if (c->kind == TX_WORKER_REGISTER || c->kind == TX_WORKER_ATTEST || c->kind == TX_REPORT)
        evidence_sample(c);
    else
        dispute_sample(c);
}

/* One call of every kind, with every field set to something. */
static struct tx sample(enum tx_kind kind)
{
    struct tx tx = envelope(kind);
    struct tx_call *c = &tx.call;
    c->entry.amount = AMOUNT_OF(kind == TX_PREPAY ? 9 : 0);
    switch (tx_group(kind)) {
    case TX_OF_ACCOUNTS:
        money_sample(c);
        break;
    case TX_OF_MARKET:
        if (kind == TX_ORDER)
            order_sample(c);
        break;
    case TX_OF_MERCHANT:
        merchant_sample(c);
        break;
    case TX_OF_WORK:
        work_sample(c);
        break;
    case TX_OF_STAKING:
    case TX_OF_GROUP:
        stake_sample(c);
        break;
    case TX_OF_GOV:
        if (kind == TX_GOV_PROPOSE)
            proposal_sample(c);
        else
            stake_sample(c);
        break;
    case TX_OF_ATTEST:
        c->collateral.kind = 3;
        c->collateral.issuer = span_of(filler, 20);
        c->collateral.document = span_of(filler, 40);
        break;
    case TX_OF_BEACON:
        tx = (struct tx){ .call = { .kind = TX_BEACON, .beacon.slot = 12 } };
        memset(c->beacon.proof, 0x99, sizeof(c->beacon.proof));
        break;
    case TX_OF_NOBODY:
        break;
    }
    return tx;
}

/* A kind that was added and forgotten in the table has neither. chain/chain_test.c runs each. */
static void every_kind_has_a_name_and_a_group(void **state)
{
    (void)state;
    for (int kind = 0; kind < TX_KIND_COUNT; kind++) {
        const char *name = tx_name((enum tx_kind)kind);
        CHECK(name != NULL && tx_group((enum tx_kind)kind) != TX_OF_NOBODY);
        for (int other = 0; other < kind; other++)
            CHECK(strcmp(name, tx_name((enum tx_kind)other)) != 0);
    }
    CHECK(tx_group(TX_KIND_COUNT) == TX_OF_NOBODY);
    static const struct {
        const char *prefix;
        enum tx_group group;
    } rows[] = { { "merchant.", TX_OF_MERCHANT }, { "worker.", TX_OF_WORK },
                 { "stake.", TX_OF_STAKING },     { "group.", TX_OF_GROUP },
                 { "gov.", TX_OF_GOV },           { "beacon", TX_OF_BEACON },
                 { "collateral.", TX_OF_ATTEST } };
    for (int kind = 0; kind < TX_KIND_COUNT; kind++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const char *name = tx_name((enum tx_kind)kind);
            bool has = strncmp(name, rows[i].prefix, strlen(rows[i].prefix)) == 0;
            CHECK(!has || tx_group((enum tx_kind)kind) == rows[i].group);
        }
}

static size_t encode(uint8_t *out, size_t n, const struct tx *tx)
{
    struct writer w = writer_of(out, n);
    tx_encode(&w, tx);
    CHECK_OK(w.err);
    return w.len;
}

static void every_kind_round_trips(void **state)
{
    (void)state;
    for (int kind = 0; kind < TX_KIND_COUNT; kind++) {
        struct tx tx = sample((enum tx_kind)kind);
        uint8_t a[ROOM], b[ROOM];
        size_t n = encode(a, sizeof(a), &tx);
        struct tx back;
        CHECK_OK(cbor_validate(span_of(a, n), CBOR_STRICT)); /* any reader of DAG-CBOR takes it */
        CHECK_OK(tx_decode(&back, span_of(a, n)));
        CHECK(back.call.kind == (enum tx_kind)kind);
        CHECK_SPAN(span_of(b, encode(b, sizeof(b), &back)), span_of(a, n));
        CHECK(back.nonce == tx.nonce && back.expiry == tx.expiry);
        CHECK(amount_cmp(back.tip, tx.tip) == 0);
    }
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < TX_KIND_COUNT; kind++) {
        struct tx tx = sample((enum tx_kind)kind);
        uint8_t full[ROOM + 1] = { 0 };
        size_t len = encode(full, ROOM, &tx);
        for (size_t n = 0; n <= len + 1; n++) {
            uint8_t *exact = check_dup(full, n);
            struct tx back;
            enum err e = tx_decode(&back, span_of(exact, n));
            CHECK_ERR(e, n < len ? ERR_SHORT : n == len ? OK : ERR_TRAILING);
            free(exact);
        }
    }
}

/* A changed bit either is refused or gives another transaction that encodes to those very bytes. */
static void every_bit_flip_stays_canonical(void **state)
{
    (void)state;
    for (int kind = 0; kind < TX_KIND_COUNT; kind++) {
        struct tx tx = sample((enum tx_kind)kind);
        uint8_t bytes[ROOM], again[ROOM];
        size_t n = encode(bytes, sizeof(bytes), &tx);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct tx back;
            if (tx_decode(&back, span_of(bytes, n)) == OK)
                CHECK_SPAN(span_of(again, encode(again, sizeof(again), &back)), span_of(bytes, n));
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void signatures_cover_every_byte(void **state)
{
    (void)state;
    uint8_t seed[32] = { 5 };
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    struct tx tx = sample(TX_ORDER);
    uint8_t room[ROOM];
    struct span bytes;
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, &key));
    struct tx back;
    CHECK_OK(tx_decode(&back, bytes));
    CHECK_OK(tx_check_signature(&back, bytes));
    for (size_t bit = 0; bit < 8 * bytes.n; bit++) {
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (tx_decode(&back, bytes) == OK)
            CHECK_ERR(tx_check_signature(&back, bytes), ERR_SIGNATURE);
        room[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    struct span none;
    CHECK_ERR(tx_sign(&none, &tx, (struct mspan){ room, bytes.n - 1 }, &key), ERR_LIMIT);
    CHECK(none.p == NULL);
}

/* The hash is what anybody gets who drops "sig" from the map and hashes the rest. */
static void the_signing_hash_is_that_of_the_map_without_sig(void **state)
{
    (void)state;
    struct tx tx = sample(TX_TRANSFER);
    uint8_t full[ROOM], rest[ROOM], want[32], got[32];
    size_t n = encode(full, sizeof(full), &tx);
    uint8_t sig[4 + 2 + 64];
    memcpy(sig, "\x63sig\x58\x40", 6);
    memset(sig + 6, 0x33, 64);
    size_t at = 0;
    while (at + sizeof(sig) <= n && memcmp(full + at, sig, sizeof(sig)) != 0)
        at++;
    CHECK(at + sizeof(sig) <= n);
    memcpy(rest, full, at);
    memcpy(rest + at, full + at + sizeof(sig), n - at - sizeof(sig));
    CHECK(rest[0] == 0xa8);
    rest[0] = 0xa7;
    sha256(want, span_of(rest, n - sizeof(sig)));
    tx_signing_hash(got, span_of(full, n));
    CHECK(memcmp(want, got, 32) == 0);
}

/* The vector of docs/spec/governance.md 6. */
static void the_arguments_of_a_proposal(void **state)
{
    (void)state;
    static const char args[] = "\xa2\x66"
                               "cancel\x80\x67"
                               "changes\x81\x82\x68"
                               "fee_base\x62"
                               "17";
    struct tx tx = sample(TX_GOV_PROPOSE), back;
    uint8_t bytes[ROOM];
    tx.call.proposal.change_count = 1;
    tx.call.proposal.cancel_count = 0;
    size_t n = encode(bytes, sizeof(bytes), &tx);
    CHECK(memmem(bytes, n, args, sizeof(args) - 1) != NULL);
    /* One change too many, an empty name, a control character. */
    tx.call.proposal.change_count = TX_CHANGES_MAX;
    for (size_t i = 0; i < TX_CHANGES_MAX; i++)
        tx.call.proposal.changes[i] = tx.call.proposal.changes[0];
    n = encode(bytes, sizeof(bytes), &tx);
    CHECK_OK(tx_decode(&back, span_of(bytes, n)));
    CHECK(back.call.proposal.change_count == TX_CHANGES_MAX);
    tx.call.proposal.changes[3].name = span_str("");
    n = encode(bytes, sizeof(bytes), &tx);
    CHECK_ERR(tx_decode(&back, span_of(bytes, n)), ERR_FORMAT);
    tx.call.proposal.changes[3].name = span_str("fee\nbase");
    n = encode(bytes, sizeof(bytes), &tx);
    CHECK_ERR(tx_decode(&back, span_of(bytes, n)), ERR_FORMAT);
    tx.call.proposal.changes[3].name = span_str("a_name_of_more_than_forty_bytes_is_refused");
    n = encode(bytes, sizeof(bytes), &tx);
    CHECK_ERR(tx_decode(&back, span_of(bytes, n)), ERR_LIMIT);
}

/* docs/spec/attest.md 11.12 */
static void the_arguments_of_a_post(void **state)
{
    (void)state;
    static const char want[] = "a3646b696e64036669737375657242787968646f63756d656e7443646f63";
    struct tx tx = envelope(TX_COLLATERAL_POST);
    tx.call.collateral =
        (struct tx_collateral){ .kind = 3, .issuer = span_str("xy"), .document = span_str("doc") };
    uint8_t buf[512], args[64];
    size_t n = encode(buf, sizeof(buf), &tx), size = (sizeof(want) - 1) / 2;
    CHECK_OK(hex_parse(args, size, want));
    bool found = false;
    for (size_t at = 0; at + size <= n; at++)
        found = found || memcmp(buf + at, args, size) == 0;
    CHECK(found);
    static uint8_t long_bytes[TX_DOCUMENT_MAX + 1], room[TX_DOCUMENT_MAX + 1024];
    struct tx back;
    tx.call.collateral.document = span_of(long_bytes, TX_DOCUMENT_MAX);
    n = encode(room, sizeof(room), &tx);
    CHECK_OK(tx_decode(&back, span_of(room, n)));
    tx.call.collateral.document.n++;
    n = encode(room, sizeof(room), &tx);
    CHECK_ERR(tx_decode(&back, span_of(room, n)), ERR_LIMIT);
    tx.call.collateral.document.n = 1;
    tx.call.collateral.issuer = span_of(long_bytes, TX_ISSUER_MAX + 1);
    n = encode(room, sizeof(room), &tx);
    CHECK_ERR(tx_decode(&back, span_of(room, n)), ERR_LIMIT);
}

/* The vector of docs/spec/transactions.md 7. */
static void the_vector_of_the_specification(void **state)
{
    (void)state;
    static const char want[] =
        "a862627958203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
        "637369675840de47db9d5acfd54eb15a02d14af6034dcca63671f9074c50872b8261ca27b01e"
        "53a585a27223cc5ee1c0243f63c6a75a7bbd2afdf5e8a2d6991947dbf7db1501637469704064"
        "63616c6c82687472616e73666572a262746f5820020202020202020202020202020202020202"
        "020202020202020202020202020266616d6f756e7445e8d4a510006466726f6d58203b6a27bc"
        "ceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da2965636861696e58207c0f"
        "38f5d75ab0429aba2ee4becdad0a7c6df1119480f23abf7164760c755461656e6f6e63650366"
        "6578706972791864";
    static const char want_id[] =
        "583de2dd1c2bd2439f7e74c1b74c9857e9cf0ec4dc100e59c7a5a6d1cea42d5c";
    uint8_t seed[32] = { 0 };
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    struct tx tx = { .nonce = 3, .expiry = 100, .call.kind = TX_TRANSFER };
    memcpy(tx.from, key.public_key, 32);
    sha256(tx.chain, span_str("crust-test"));
    memset(tx.call.transfer.to, 2, 32);
    tx.call.transfer.amount = AMOUNT_OF(1000000000000);
    uint8_t room[ROOM], id[32];
    struct span bytes;
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, &key));
    tx_id(id, bytes);
    char text[2 * ROOM];
    hex_format(text, bytes);
    CHECK(strcmp(text, want) == 0);
    hex_format(text, span_of(id, 32));
    CHECK(strcmp(text, want_id) == 0);
}

static void limits_hold_on_both_sides(void **state)
{
    (void)state;
    size_t size = TX_SIZE_MAX + 4096;
    uint8_t *bytes = malloc(size);
    uint8_t *block = calloc(1, TX_BLOCK_MAX + 1);
    CHECK(bytes != NULL && block != NULL);
    struct tx back;
    struct tx tx = sample(TX_REFUTE);
    tx.call.dispute.block = span_of(block, TX_BLOCK_MAX);
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))));
    tx.call.dispute.block.n++;
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_LIMIT);
    tx = sample(TX_REPORT);
    tx.call.report = span_of(block, TX_REPORT_MAX);
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))));
    tx.call.report.n++;
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_LIMIT);
    tx = sample(TX_ORDER);
    char origin[TX_ORIGIN_SIZE_MAX + 2];
    memset(origin, 'a', sizeof(origin));
    tx.call.order.origins[0] = span_of(origin, TX_ORIGIN_SIZE_MAX);
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))));
    tx.call.order.origins[0].n++;
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_LIMIT);
    tx.call.order.origins[0] = span_of("a\x7f", 2);
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_FORMAT);
    tx.call.order.origins[0] = span_of("", 0);
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_FORMAT);
    tx = sample(TX_ORDER);
    tx.call.order.key.codec = CID_CODEC_LIBP2P_KEY;
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, size, &tx))), ERR_FORMAT);
    free(bytes);
    free(block);
}

static void urls_are_few_short_and_plain(void **state)
{
    (void)state;
    uint8_t bytes[ROOM];
    char text[TX_URL_SIZE_MAX + 1];
    struct tx back, tx = sample(TX_MERCHANT_URLS);
    struct tx_urls *u = &tx.call.urls;
    memset(text, 'a', sizeof(text));
    *u = (struct tx_urls){ .count = TX_URLS_MAX };
    for (size_t i = 0; i < TX_URLS_MAX; i++)
        u->urls[i] = span_of(text, TX_URL_SIZE_MAX);
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))));
    CHECK(back.call.urls.count == TX_URLS_MAX);
    CHECK_SPAN(back.call.urls.urls[3], u->urls[3]);
    u->urls[3].n++;
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))), ERR_LIMIT);
    u->urls[3] = span_of("", 0);
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))), ERR_FORMAT);
    u->urls[3] = span_str("http://a\n");
    CHECK_ERR(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))), ERR_FORMAT);
    *u = (struct tx_urls){ .count = 0 };
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))));
    CHECK(back.call.urls.count == 0);
    /* A fifth, by hand: the count's byte and one more text. */
    tx = sample(TX_MERCHANT_URLS);
    size_t n = encode(bytes, sizeof(bytes), &tx);
    uint8_t *list = memmem(bytes, n, "durls\x82", 6);
    CHECK(list != NULL);
    list[5] = 0x85;
    CHECK_ERR(tx_decode(&back, span_of(bytes, n)), ERR_LIMIT);
}

static void an_envelope_fits_its_call(void **state)
{
    (void)state;
    struct tx tx = sample(TX_BEACON);
    uint8_t bytes[ROOM];
    struct tx back;
    /* A signed call without its envelope: { "call": ["merchant.claim", {}] }. */
    static const char bare[] = "\xa1\x64"
                               "call\x82\x6e"
                               "merchant.claim\xa0";
    CHECK_ERR(tx_decode(&back, span_of(bare, sizeof(bare) - 1)), ERR_FORMAT);
    static const char unknown[] = "\xa1\x64"
                                  "call\x82\x64"
                                  "mint\xa0";
    CHECK_ERR(tx_decode(&back, span_of(unknown, sizeof(unknown) - 1)), ERR_FORMAT);
    CHECK_OK(tx_decode(&back, span_of(bytes, encode(bytes, sizeof(bytes), &tx))));
    CHECK_OK(tx_check_signature(&back, span_of(bytes, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_name_and_a_group),
        cmocka_unit_test(every_kind_round_trips),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_bit_flip_stays_canonical),
        cmocka_unit_test(signatures_cover_every_byte),
        cmocka_unit_test(the_signing_hash_is_that_of_the_map_without_sig),
        cmocka_unit_test(the_arguments_of_a_post),
        cmocka_unit_test(the_vector_of_the_specification),
        cmocka_unit_test(the_arguments_of_a_proposal),
        cmocka_unit_test(limits_hold_on_both_sides),
        cmocka_unit_test(urls_are_few_short_and_plain),
        cmocka_unit_test(an_envelope_fits_its_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
