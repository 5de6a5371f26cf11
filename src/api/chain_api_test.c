#include "api/chain_api.h"

#include "api/chain_client_proof.h"
#include "api/chain_client_tx.h"
#include "api/chain_testlists.h"
#include "base/arena.h"
#include "base/check.h"
#include "base/hex.h"
#include "chain/market_store.h"
#include "codec/json.h"

#include <stdio.h>

static struct source *source;
static uint8_t body_room[1 << 20];

static struct span ask(struct chain_api_plan *plan, const char *target)
{
    return source_ask(source, plan, (struct mspan){ body_room, sizeof(body_room) }, target);
}

static struct span get(const char *target)
{
    struct chain_api_plan plan;
    struct span body = ask(&plan, target);
    if (plan.status != 200)
        fprintf(stderr, "%s: %u %.*s\n", target, plan.status, (int)body.n, (const char *)body.p);
    CHECK(plan.status == 200 && plan.kind == CHAIN_API_BODY);
    return body;
}

static void check_error(const char *target, uint16_t status, const char *field)
{
    struct chain_api_plan plan;
    struct chain_client_error e;
    CHECK_OK(chain_client_decode_error(&e, ask(&plan, target)));
    if (plan.status != status || strcmp(e.field, field) != 0)
        fprintf(stderr, "%s: %u %s: %s\n", target, plan.status, e.field, e.reason);
    CHECK(plan.status == status);
    CHECK(strcmp(e.field, field) == 0);
    CHECK(e.reason[0] != '\0' && e.code[0] != '\0');
}

/* ---- what the server writes, the client reads ---- */

static void status_and_chain(void **state)
{
    (void)state;
    struct chain_client_status s;
    CHECK_OK(chain_client_decode_status(&s, get(CHAIN_CLIENT_STATUS)));
    CHECK(strcmp(s.chain_id, "crust-test") == 0 && s.height == 2 && s.time_ms == 3000);
    CHECK(memcmp(s.app_hash, source->w.chain.app_hash, 32) == 0);
    CHECK(memcmp(s.chain, source->w.chain_hash, 32) == 0);
    CHECK(s.slot == 0 && s.slot_offset == 3 && s.slot_blocks == 10 && s.allow_software);
    CHECK(s.beacon[0] == 0xb0 && !s.beacon_weak && s.mempool_txs == 3);
    struct params p;
    CHECK_OK(chain_client_decode_params(&p, get("/v1/params")));
    for (size_t i = 0; i < params_count(); i++) {
        char a[2048] = { 0 }, b[2048] = { 0 };
        struct writer wa = writer_of((uint8_t *)a, sizeof(a)), wb = writer_of((uint8_t *)b, 2048);
        params_format(&wa, &p, i);
        params_format(&wb, &source->w.chain.params, i);
        CHECK_SPAN(writer_span(&wa), writer_span(&wb));
    }
    char path[CHAIN_CLIENT_PATH_MAX];
    struct chain_client_price price;
    chain_client_price_path(path, 1000000, 0);
    CHECK_OK(chain_client_decode_price(&price, get(path)));
    CHECK(price.size == 1000000 && price.replicas == 3 && price.duration_blocks > 0);
    CHECK(price.total.units == price.base.units + price.amount.units);
    struct chain_client_beacon beacon;
    chain_client_beacon_path(path, 0);
    CHECK_OK(chain_client_decode_beacon(&beacon, get(path)));
    CHECK(beacon.value[31] == 0xb0);
}

/* Every record of an account, and one that is not there, proved to a client. */
static void records_come_with_proofs(void **state)
{
    (void)state;
    static struct chain_client_proof proof;
    static uint8_t changed[1 << 16];
    char path[CHAIN_CLIENT_PROOF_PATH_MAX];
    uint8_t key[ACCOUNT_KEY_SIZE];
    for (int there = 0; there < 2; there++) {
        accounts_key(key, source->w.keys[0].public_key);
        key[7] ^= there ? 0 : 1;
        struct span k = span_of(key, sizeof(key));
        CHECK_OK(chain_client_proof_path(path, STATE_ACCOUNTS, k));
        struct span body = get(path);
        CHECK_OK(chain_client_decode_proof(&proof, body, STATE_ACCOUNTS, k));
        CHECK(proof.there == (there == 1) && proof.height == 2);
        CHECK(memcmp(proof.app_hash, source->w.chain.app_hash, 32) == 0);
        CHECK(chain_client_decode_proof(&proof, body, STATE_ORDERS, k) == ERR_FORMAT);
        CHECK(chain_client_decode_proof(&proof, body, STATE_ACCOUNTS, span_of(key, 5)) ==
              ERR_FORMAT);
        /* A digit of the proof is wrong. */
        CHECK(body.n < sizeof(changed));
        memcpy(changed, body.p, body.n);
        uint8_t *digit = changed + body.n - 10;
        *digit = *digit == '0' ? '1' : '0';
        CHECK_ERR(chain_client_decode_proof(&proof, span_of(changed, body.n), STATE_ACCOUNTS, k),
                  ERR_CORRUPT);
        CHECK(!proof.there && proof.height == 0);
    }
    check_error("/v1/proof/index/00", 400, "store");
    check_error("/v1/proof/nothing/00", 404, "store");
    check_error("/v1/proof/accounts/0", 400, "key");
    check_error("/v1/proof/accounts/zz", 400, "key");
}

static void blocks_and_transactions(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    struct chain_client_block b1, b2;
    chain_client_block_path(path, 1);
    CHECK_OK(chain_client_decode_block(&b1, get(path)));
    chain_client_block_path(path, 2);
    CHECK_OK(chain_client_decode_block(&b2, get(path)));
    CHECK(b1.tx_count == 2 && b2.tx_count == 0 && b2.height == 2);
    CHECK(memcmp(b2.parent, b1.hash, 32) == 0);
    CHECK(memcmp(b2.app_hash, source->w.chain.app_hash, 32) == 0);
    struct chain_client_tx tx;
    chain_client_tx_path(path, source->order_tx);
    CHECK_OK(chain_client_decode_tx(&tx, get(path)));
    CHECK(tx.state == CHAIN_CLIENT_TX_DONE && tx.code == 0 && tx.height == 1 && tx.index == 1);
    CHECK(strcmp(tx.type, "order") == 0 && !amount_is_zero(tx.fee));
    chain_client_tx_path(path, source->pending);
    CHECK_OK(chain_client_decode_tx(&tx, get(path)));
    CHECK(tx.state == CHAIN_CLIENT_TX_PENDING);
    chain_client_tx_path(path, source->dropped);
    CHECK_OK(chain_client_decode_tx(&tx, get(path)));
    CHECK(tx.state == CHAIN_CLIENT_TX_DROPPED && tx.code == RESULT_EXPIRED);
    const uint8_t nobody[32] = { 1 };
    struct chain_api_plan plan;
    chain_client_tx_path(path, nobody);
    CHECK_OK(chain_client_decode_tx(&tx, ask(&plan, path)));
    CHECK(plan.status == 404 && tx.state == CHAIN_CLIENT_TX_UNKNOWN);
}

static void accounts_and_orders(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    struct chain_client_account a;
    const uint8_t *who = source->w.keys[0].public_key;
    chain_client_account_path(path, who);
    CHECK_OK(chain_client_decode_account(&a, get(path)));
    CHECK(a.exists && a.nonce == 1 && a.nonce_next == 4);
    CHECK(memcmp(a.id, who, 32) == 0);
    CHECK(a.usable.units == world_free(&source->w, who).units && a.free.units >= a.usable.units);
    static struct chain_client_order o[4];
    struct chain_client_page page;
    chain_client_order_path(path, source->order);
    CHECK_OK(chain_client_decode_order(&o[0], get(path)));
    CHECK(o[0].state == CHAIN_CLIENT_OPEN && o[0].size == 1000000 && !o[0].has_data_root);
    CHECK(o[0].origin_count == 1 && strcmp(o[0].origins[0], "https://example.org/a") == 0);
    CHECK(memcmp(o[0].owner, source->w.keys[1].public_key, 32) == 0);
    CHECK(cid_key_cmp(&o[0].key, &source->key) == 0 && o[0].placed_at == 1);
    chain_client_orders_of_key_path(path, &source->key);
    CHECK_OK(chain_client_decode_orders(&page, o, 4, get(path)));
    CHECK(page.count == 1 && page.cursor[0] == '\0' && memcmp(o[0].id, source->order, 32) == 0);
    chain_client_account_orders_path(path, source->w.keys[1].public_key, "", 1);
    CHECK_OK(chain_client_decode_orders(&page, o, 4, get(path)));
    CHECK(page.count == 1);
    CHECK_ERR(chain_client_decode_orders(&page, o, 0, get(path)), ERR_LIMIT);
    chain_client_orders_path(path, CHAIN_CLIENT_OPEN, "", 10);
    CHECK_OK(chain_client_decode_orders(&page, o, 4, get(path)));
    CHECK(page.count == 1);
    chain_client_orders_path(path, CHAIN_CLIENT_LIVE, "", 10);
    CHECK_OK(chain_client_decode_orders(&page, o, 4, get(path)));
    CHECK(page.count == 0);
}

static void urls_of_holders_and_accounts(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    static struct chain_client_order o;
    struct chain_client_account a;
    struct ledger *l = &source->w.chain.ledger;
    const uint8_t *who = source->w.keys[2].public_key;
    static const uint8_t lineage[32] = { 0x51 };
    struct tx_urls urls = { .count = 2, .urls = { span_str("http://a"), span_str("https://b/c") } };
    struct market_replica r = {
        .volume = 3, .verified = true, .created_at = 9, .earned = AMOUNT_OF(77)
    };
    memcpy(r.account, who, 32);
    market_store_urls_put(l, who, &urls);
    market_store_replica_put(l, source->order, lineage, &r);
    chain_client_account_path(path, who);
    CHECK_OK(chain_client_decode_account(&a, get(path)));
    CHECK(a.url_count == 2 && strcmp(a.urls[0], "http://a") == 0);
    CHECK(strcmp(a.urls[1], "https://b/c") == 0);
    chain_client_order_path(path, source->order);
    CHECK_OK(chain_client_decode_order(&o, get(path)));
    CHECK(o.holder_count == 1 && memcmp(o.holders[0].lineage, lineage, 32) == 0);
    CHECK(o.holders[0].verified && o.holders[0].volume == 3 && o.holders[0].created_at == 9);
    CHECK(amount_cmp(o.holders[0].earned, AMOUNT_OF(77)) == 0);
    CHECK(o.holders[0].url_count == 2 && strcmp(o.holders[0].urls[1], "https://b/c") == 0);
    urls.count = 0;
    market_store_urls_put(l, who, &urls);
    CHECK_OK(chain_client_decode_order(&o, get(path)));
    CHECK(o.holder_count == 1 && o.holders[0].url_count == 0);
    market_store_replica_del(l, source->order, lineage, &r);
}

static void what_a_key_is_allowed(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    struct chain_client_allowance a;
    struct ledger *l = &source->w.chain.ledger;
    const uint8_t *who = source->w.keys[2].public_key, *key = source->w.keys[4].public_key;
    struct tx tx = { .call = { .kind = TX_ALLOW,
                               .allow = { .until = l->height + 50, .amount = AMOUNT_OF(900) } } };
    memcpy(tx.from, who, 32);
    memcpy(tx.call.allow.key, key, 32);
    chain_client_allowance_path(path, who, key);
    check_error(path, 404, "key");
    accounts_apply_allow(l, &(struct ledger_call){ .tx = &tx, .from = tx.from });
    CHECK_OK(chain_client_decode_allowance(&a, get(path)));
    CHECK(a.until == l->height + 50 && a.amount.units == 900);
    CHECK(a.nonce == l->height << 16 && a.nonce_next >= a.nonce);
}

static void holders_come_in_pages(void **state)
{
    (void)state;
    enum { COUNT = 70 };
    char path[CHAIN_CLIENT_PATH_MAX];
    static struct chain_client_order o;
    struct ledger *l = &source->w.chain.ledger;
    struct market_replica r = { .verified = true };
    uint8_t lineage[32] = { 0 }, after[32] = { 0 };
    memcpy(r.account, source->w.keys[2].public_key, 32);
    for (uint8_t i = 0; i < COUNT; i++) {
        lineage[0] = (uint8_t)(2 * i + 1);
        market_store_replica_put(l, source->order, lineage, &r);
    }
    uint32_t seen = 0;
    for (o.more_holders = true; o.more_holders;) {
        chain_client_order_holders_path(path, source->order, after);
        CHECK_OK(chain_client_decode_order(&o, get(path)));
        CHECK(o.holder_count == (seen == 64 ? COUNT - 64 : CHAIN_CLIENT_HOLDERS_MAX));
        for (uint32_t i = 0; i < o.holder_count; i++)
            CHECK(o.holders[i].lineage[0] == 2 * seen++ + 1);
        memcpy(after, o.holders[o.holder_count - 1].lineage, 32);
    }
    CHECK(seen == COUNT);
    /* From a lineage on: itself first, when it is a holder; else the next one. */
    for (uint8_t i = 1; i <= 2 * COUNT; i++) {
        lineage[0] = i;
        chain_client_order_holder_path(path, source->order, lineage);
        CHECK_OK(chain_client_decode_order(&o, get(path)));
        CHECK(i == 2 * COUNT ? o.holder_count == 0 : o.holders[0].lineage[0] == (i | 1));
        CHECK(o.more_holders == (2 * COUNT - i > 2 * CHAIN_CLIENT_HOLDERS_MAX));
    }
    for (uint8_t i = 0; i < COUNT; i++) {
        lineage[0] = (uint8_t)(2 * i + 1);
        market_store_replica_del(l, source->order, lineage, &r);
    }
}

static void workers_and_their_duty(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    uint8_t key[32];
    memset(key, 0x77, 32);
    struct chain_client_worker w[2];
    struct chain_client_page page;
    chain_client_worker_path(path, key);
    CHECK_OK(chain_client_decode_worker(&w[0], get(path)));
    CHECK(memcmp(w[0].worker, key, 32) == 0 && w[0].deposit.units == 5 && !w[0].faulted);
    CHECK(strcmp(w[0].provider, "software") == 0);
    chain_client_workers_path(path, source->w.keys[0].public_key);
    CHECK_OK(chain_client_decode_workers(&page, w, 2, get(path)));
    CHECK(page.count == 1 && memcmp(w[0].lineage, key, 32) == 0);
    CHECK_OK(chain_client_decode_workers(&page, w, 2, get("/v1/workers")));
    CHECK(page.count == 1);
    static struct chain_client_work work;
    chain_client_work_path(path, key);
    CHECK_OK(chain_client_decode_work(&work, get(path)));
    uint8_t hash[32];
    work_state_hash(hash, &work.volumes);
    CHECK(memcmp(hash, work.state, 32) == 0);
    CHECK(work.window_open && work.first_report && work.slot == 0 && work.height == 2);
    CHECK(work.beacon[3] == 0xb0 && work.due_count <= 2);
    struct chain_api_plan plan;
    CHECK(ask(&plan, "/v1/reports?slot=0").n != 0 && plan.status == 200);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    char target[512], address[SS58_TEXT_MAX], cursor[128] = "";
    ss58_format(address, source->w.keys[0].public_key);
    size_t total = 0;
    for (int round = 0; round < 4; round++) {
        AUTO(json_close) struct json doc;
        snprintf(target, sizeof(target), "/v1/accounts/%s/txs?limit=2%s%s", address,
                 cursor[0] == '\0' ? "" : "&after=", cursor);
        CHECK_OK(json_open(&doc, get(target), 1 << 20));
        struct json_value root = json_root(&doc), next = json_get(root, "next");
        size_t count = json_count(json_get(root, "items"));
        CHECK(count <= 2);
        total += count;
        if (json_kind(next) != JSON_KIND_TEXT)
            break;
        snprintf(cursor, sizeof(cursor), "%s", json_text(next));
    }
    CHECK(total == 5);
}

static void a_transaction_gives_its_bytes(void **state)
{
    (void)state;
    char target[128], hex[65];
    uint8_t bytes[4096], id[32];
    hex_format(hex, span_of(source->order_tx, 32));
    snprintf(target, sizeof(target), "/v1/tx/%s?bytes=1", hex);
    AUTO(json_close) struct json doc;
    CHECK_OK(json_open(&doc, get(target), 1 << 20));
    const char *text = json_text(json_get(json_root(&doc), "bytes"));
    size_t n = strlen(text) / 2;
    CHECK(n > 0 && n <= sizeof(bytes) && hex_parse(bytes, n, text) == OK);
    tx_id(id, span_of(bytes, n));
    CHECK(memcmp(id, source->order_tx, 32) == 0);
    snprintf(target, sizeof(target), "/v1/tx/%s", hex);
    AUTO(json_close) struct json plain;
    CHECK_OK(json_open(&plain, get(target), 1 << 20));
    CHECK(json_kind(json_find(json_root(&plain), "bytes")) != JSON_KIND_TEXT);
    snprintf(target, sizeof(target), "/v1/tx/%s?bytes=x", hex);
    check_error(target, 400, "bytes");
}

/* ---- events ---- */

static void events_as_a_list(void **state)
{
    (void)state;
    char path[CHAIN_CLIENT_PATH_MAX];
    static struct chain_client_event e[200];
    static uint8_t room[1 << 16];
    struct arena arena = arena_of(room, sizeof(room));
    size_t count;
    uint64_t next;
    chain_client_events_path(path, 1, 0);
    CHECK_OK(chain_client_decode_events(e, 200, &count, &next, &arena, get(path)));
    CHECK(next == 3 && count >= 2);
    bool placed = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(e[i].type, "order.placed") != 0)
            continue;
        placed = e[i].has_tx && memcmp(e[i].tx, source->order_tx, 32) == 0 && e[i].height == 1;
        CHECK(chain_client_event_attr(&e[i], "no such") == NULL);
    }
    CHECK(placed);
    struct arena tiny = arena_of(room, 16);
    CHECK_ERR(chain_client_decode_events(e, 200, &count, &next, &tiny, get(path)), ERR_LIMIT);
    chain_client_events_path(path, 3, 0);
    CHECK_OK(chain_client_decode_events(e, 200, &count, &next, &arena, get(path)));
    CHECK(count == 0 && next == 3);
}

/* The stream cut into pieces of any size is the same stream. */
static void a_stream_resumes_anywhere(void **state)
{
    (void)state;
    static uint8_t whole[1 << 16], part[1 << 16];
    struct writer w = writer_of(whole, sizeof(whole));
    struct chain_api_position at = { .height = 1 };
    CHECK_OK(chain_api_stream(&w, &at, &source->src));
    CHECK(at.height == 3 && at.number == 0 && w.len > 0);
    for (size_t room = 700; room < 2000; room += 97) {
        struct chain_api_position p = { .height = 1 };
        size_t got = 0;
        while (p.height <= 2) {
            struct writer piece = writer_of(part, room);
            CHECK_OK(chain_api_stream(&piece, &p, &source->src));
            CHECK(piece.len > 0 && got + piece.len <= w.len);
            CHECK(memcmp(whole + got, part, piece.len) == 0);
            got += piece.len;
        }
        CHECK(got == w.len);
    }
    struct writer none = writer_of(part, 10);
    struct chain_api_position p = { .height = 1 };
    CHECK_ERR(chain_api_stream(&none, &p, &source->src), ERR_LIMIT);
    p = (struct chain_api_position){ .height = 3 };
    CHECK_OK(chain_api_stream(&none, &p, &source->src));
    CHECK(none.len == 0);
}

static void the_last_event_id_wins_over_from(void **state)
{
    (void)state;
    struct chain_api_plan plan;
    struct writer w = writer_of(body_room, sizeof(body_room));
    struct chain_api_request rq = { .method = CHAIN_API_GET,
                                    .path = span_str("/v1/events"),
                                    .query = span_str("from=1"),
                                    .last_event_id = span_str("7.3") };
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.kind == CHAIN_API_STREAM && plan.position.height == 7 && plan.position.number == 4);
    static const char *const bad[] = { "7", "7.", ".3", "7.x", "-1.2", "7.4294967295", "7.3.1" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rq.last_event_id = span_str(bad[i]);
        CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
        CHECK(plan.kind == CHAIN_API_BODY && plan.status == 400);
    }
    rq.last_event_id = span_str("0.2"); /* there is no block 0: it begins with block 1 */
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.kind == CHAIN_API_STREAM && plan.position.height == 1 && plan.position.number == 0);
    rq.last_event_id = (struct span){ NULL, 0 };
    rq.query = span_str("");
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.kind == CHAIN_API_STREAM && plan.position.height == 3);
}

/* ---- refusals name the field ---- */

static void refusals_name_the_field(void **state)
{
    (void)state;
    check_error("/", 404, "path");
    check_error("/v1/status/", 404, "path");
    check_error("/v1/nothing", 404, "path");
    check_error("/v1/blocks/0", 404, "height");
    check_error("/v1/blocks/3", 404, "height");
    check_error("/v1/blocks/x", 400, "height");
    check_error("/v1/blocks/18446744073709551616", 400, "height");
    check_error("/v1/blocks?limit=0", 400, "limit");
    check_error("/v1/blocks?limit=501", 400, "limit");
    check_error("/v1/blocks?from=0", 400, "from");
    check_error("/v1/blocks?from=1&from=2", 400, "from");
    check_error("/v1/blocks?frm=1", 400, "frm");
    check_error("/v1/blocks?from=%zz", 400, "from");
    check_error("/v1/tx/abc", 400, "hash");
    check_error("/v1/accounts/cT", 400, "address");
    check_error("/v1/accounts/5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", 400, "address");
    check_error("/v1/accounts/00/orders", 400, "address");
    check_error("/v1/orders/notacid", 400, "order");
    check_error("/v1/orders?state=closed", 400, "state");
    check_error("/v1/orders?after=0", 400, "after");
    check_error("/v1/orders?after=zz", 400, "after");
    check_error("/v1/reports", 400, "worker");
    check_error("/v1/price", 400, "size");
    check_error("/v1/price?size=99999999999999", 400, "size");
    check_error("/v1/price?size=1&replicas=201", 400, "replicas");
    check_error("/v1/beacon/5", 404, "slot");
    check_error("/v1/events?format=xml", 400, "format");
    char target[200], key[65];
    memset(key, '0', 64);
    key[64] = '\0';
    snprintf(target, sizeof(target), "/v1/workers/%s", key);
    check_error(target, 404, "key");
    snprintf(target, sizeof(target), "/v1/orders/%s", key);
    check_error(target, 404, "order");
    memset(key, '7', 64);
    snprintf(target, sizeof(target), "/v1/workers/%s/work?slot=5", key);
    check_error(target, 400, "slot");
}

static void submissions(void **state)
{
    (void)state;
    struct chain_api_plan plan;
    struct chain_client_tx tx;
    struct chain_client_error error;
    struct writer w = writer_of(body_room, CHAIN_API_BODY_MIN);
    struct chain_api_request rq = { .method = CHAIN_API_POST, .path = span_str("/v1/tx") };
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.kind == CHAIN_API_BODY && plan.status == 400);
    rq.body = span_str("x");
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.kind == CHAIN_API_SUBMIT);
    rq.method = CHAIN_API_OTHER;
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.status == 405 && strcmp(plan.allow, "POST") == 0);
    struct chain_check check = { .code = RESULT_CANNOT_PAY_FEE, .id = { 5 } };
    chain_api_submitted(&plan, &w, CHAIN_API_REFUSED, &check);
    CHECK(plan.status == 422);
    CHECK_OK(chain_client_decode_tx(&tx, writer_span(&w)));
    CHECK(tx.state == CHAIN_CLIENT_TX_REFUSED && tx.code == RESULT_CANNOT_PAY_FEE);
    CHECK(tx.hash[0] == 5);
    CHECK_OK(chain_client_decode_error(&error, writer_span(&w)));
    CHECK(strcmp(error.code, "refused") == 0 && error.next[0] != '\0');
    chain_api_submitted(&plan, &w, CHAIN_API_ACCEPTED, &check);
    CHECK_OK(chain_client_decode_tx(&tx, writer_span(&w)));
    CHECK(plan.status == 200 && tx.state == CHAIN_CLIENT_TX_PENDING);
    chain_api_submitted(&plan, &w, CHAIN_API_CONFLICT, &check);
    CHECK(plan.status == 409);
    chain_api_submitted(&plan, &w, CHAIN_API_BUSY, &check);
    CHECK(plan.status == 503);
    CHECK(chain_api_known(&plan, &w, &source->src, source->transfer) && plan.status == 200);
    CHECK(!chain_api_known(&plan, &w, &source->src, source->pending));
}

static void an_answer_that_does_not_fit_is_said_so(void **state)
{
    (void)state;
    struct chain_api_plan plan;
    uint8_t small[CHAIN_API_BODY_MIN];
    char long_path[9000];
    /* The largest answer of this little chain. */
    size_t full = get("/v1/params").n;
    CHECK(full > 1000);
    const struct chain_api_request params = { .method = CHAIN_API_GET,
                                              .path = span_str("/v1/params") };
    for (size_t room = CHAIN_API_BODY_MIN; room < CHAIN_API_BODY_MIN + 2; room++) {
        struct writer w = writer_of(body_room, room);
        CHECK(chain_api_plan(&plan, &w, &source->src, &params) == (full <= room ? OK : ERR_LIMIT));
    }
    /* Every refusal fits into the smallest room, however long the request. */
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    const struct chain_api_request rq = { .method = CHAIN_API_GET,
                                          .path = span_of(long_path, sizeof(long_path)),
                                          .query = span_of(long_path, sizeof(long_path)) };
    struct writer w = writer_of(small, sizeof(small));
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &rq));
    CHECK(plan.status == 404);
    const struct chain_api_request known = { .method = CHAIN_API_GET,
                                             .path = span_str("/v1/status"),
                                             .query = span_of(long_path, sizeof(long_path)) };
    CHECK_OK(chain_api_plan(&plan, &w, &source->src, &known));
    CHECK(plan.status == 400);
}

/* Every strict prefix of an answer is refused by its decoder. */
static void cut_answers_are_refused(void **state)
{
    (void)state;
    struct chain_client_status s;
    struct span body = get(CHAIN_CLIENT_STATUS);
    uint8_t *copy = check_dup(body.p, body.n);
    for (size_t n = 0; n < body.n; n++) {
        CHECK(chain_client_decode_status(&s, span_of(copy, n)) != OK);
        CHECK(s.height == 0 && s.chain_id[0] == '\0');
    }
    CHECK_OK(chain_client_decode_status(&s, span_of(copy, body.n)));
    free(copy);
    CHECK_ERR(chain_client_decode_status(&s, span_str("{\"height\":1}")), ERR_FORMAT);
}

static int setup(void **state)
{
    (void)state;
    source = source_new();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_chain),
        cmocka_unit_test(records_come_with_proofs),
        cmocka_unit_test(blocks_and_transactions),
        cmocka_unit_test(accounts_and_orders),
        cmocka_unit_test(urls_of_holders_and_accounts),
        cmocka_unit_test(what_a_key_is_allowed),
        cmocka_unit_test(holders_come_in_pages),
        cmocka_unit_test(a_transaction_gives_its_bytes),
        cmocka_unit_test(workers_and_their_duty),
        cmocka_unit_test(lists_come_in_pages),
        cmocka_unit_test(events_as_a_list),
        cmocka_unit_test(a_stream_resumes_anywhere),
        cmocka_unit_test(the_last_event_id_wins_over_from),
        cmocka_unit_test(refusals_name_the_field),
        cmocka_unit_test(submissions),
        cmocka_unit_test(an_answer_that_does_not_fit_is_said_so),
        cmocka_unit_test(cut_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
