/* The genesis file: docs/spec/params.md 3. */
#include "chain/beacon.h"
#include "chain/chain.h"
#include "chain/registry.h"
#include "chain/releases.h"
#include "chain/staking.h"
#include "chain/work.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/ss58.h"
#include "crypto/sha256.h"

#include <stdio.h>

static bool id_is_sound(const char *id)
{
    size_t n = strlen(id);
    for (size_t i = 0; i < n; i++) {
        bool plain = (id[i] >= 'a' && id[i] <= 'z') || (id[i] >= '0' && id[i] <= '9');
        if (!plain && (id[i] != '-' || i == 0))
            return false;
    }
    return n > 0 && n <= CHAIN_ID_MAX;
}

static void read_param(struct params *p, struct json_value object, const char *name)
{
    struct json_value v = json_find(object, name);
    if (v.of == NULL || v.doc->err != OK)
        return;
    char number[AMOUNT_TEXT_MAX];
    const char *text = number;
    switch (json_kind(v)) {
    case JSON_KIND_BOOL:
        text = json_bool(v) ? "true" : "false";
        break;
    case JSON_KIND_TEXT:
        text = json_text(v);
        break;
    case JSON_KIND_NUMBER:
        amount_format_units(number, json_amount(v));
        break;
    case JSON_KIND_NONE:
    case JSON_KIND_OTHER:
        json_fail(v, ERR_FORMAT, "not a number, a text, true or false");
        break;
    }
    if (v.doc->err == OK && params_set(p, name, text) != OK)
        json_fail(v, ERR_FORMAT, "not a value of this parameter");
}

static void read_params(struct params *p, struct json_value object)
{
    const char *names[192];
    size_t count = params_count();
    ASSERT(count < sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < count; i++)
        names[i] = params_name(i);
    names[count] = "preset";
    json_fields(object, names, count + 1);
    struct json_value preset = json_get(object, "preset");
    const char *name = json_text(preset);
    bool devnet = strcmp(name, "devnet") == 0;
    if (!devnet && strcmp(name, "production") != 0)
        json_fail(preset, ERR_FORMAT, "neither \"devnet\" nor \"production\"");
    params_init(p, devnet ? PARAMS_DEVNET : PARAMS_PRODUCTION);
    for (size_t i = 0; i < count; i++)
        read_param(p, object, names[i]);
    const char *what;
    if (object.doc->err == OK && params_check(p, &what) != OK)
        json_fail(object, ERR_RANGE, what);
}

static void read_address(struct json_value v, uint8_t out[32])
{
    memset(out, 0, 32);
    const char *text = json_text(v);
    if (v.doc->err == OK && ss58_parse(out, span_str(text)) != OK)
        json_fail(v, ERR_FORMAT, "not an address of this network");
}

static void read_balances(struct ledger *l, struct json_value list)
{
    static const char *const names[] = { "address", "amount" };
    size_t count = json_count(list);
    struct amount total = AMOUNT_ZERO;
    for (size_t i = 0; i < count && list.doc->err == OK; i++) {
        struct json_value row = json_at(list, i);
        json_fields(row, names, 2);
        uint8_t id[32];
        read_address(json_get(row, "address"), id);
        struct amount v = json_amount(json_get(row, "amount"));
        struct account there;
        if (list.doc->err != OK)
            return;
        if (accounts_is_pot(id) || accounts_get(l, &there, id))
            json_fail(row, ERR_FORMAT, "this account comes twice, or is the chain's own");
        else if (amount_cmp(v, l->params->existential_deposit) < 0)
            json_fail(row, ERR_RANGE, "below the existential deposit");
        else if (amount_add(&total, total, v) != OK || total.units >> 100 != 0)
            json_fail(row, ERR_RANGE, "the sum of all balances is too large");
        else
            accounts_mint(l, id, v);
    }
}

static void read_contributors(struct ledger *l, struct json_value root)
{
    struct json_value list = json_get(root, "contributors");
    uint8_t keys[BEACON_CONTRIBUTORS_MAX][32];
    uint8_t b0[32];
    json_hex(json_get(root, "beacon"), b0, sizeof(b0));
    size_t count = json_count(list);
    if (count > BEACON_CONTRIBUTORS_MAX)
        json_fail(list, ERR_LIMIT, "more than 256");
    for (size_t i = 0; i < count && root.doc->err == OK; i++) {
        struct json_value v = json_at(list, i);
        json_hex(v, keys[i], sizeof(keys[i]));
        if (root.doc->err == OK && ed25519_public_check(keys[i]) != OK)
            json_fail(v, ERR_FORMAT, "not a public key");
        for (size_t j = 0; j < i; j++)
            if (memcmp(keys[i], keys[j], sizeof(keys[i])) == 0)
                json_fail(v, ERR_FORMAT, "comes twice");
    }
    if (root.doc->err == OK)
        beacon_genesis(l, b0, (const uint8_t(*)[32])keys, count);
}

/* 'V' | key -> [power, account] in meta. */
static void validator_key(uint8_t out[33], const uint8_t key[32])
{
    out[0] = 'V';
    memcpy(out + 1, key, 32);
}

static void read_validators(struct ledger *l, struct json_value list)
{
    static const char *const names[] = { "key", "power", "address" };
    size_t count = json_count(list);
    if (count > CHAIN_VALIDATORS_MAX)
        json_fail(list, ERR_LIMIT, "more than 128");
    for (size_t i = 0; i < count && list.doc->err == OK; i++) {
        struct json_value row = json_at(list, i);
        json_fields(row, names, 3);
        uint8_t key[32], account[32], k[33], buf[64];
        json_hex(json_get(row, "key"), key, sizeof(key));
        uint64_t power = json_u64(json_get(row, "power"), INT64_MAX / 1024);
        read_address(json_get(row, "address"), account);
        validator_key(k, key);
        if (list.doc->err == OK &&
            (power == 0 || state_has(l->st, STATE_META, span_of(k, sizeof(k)))))
            json_fail(row, ERR_FORMAT, "comes twice, or has no power");
        struct writer w = writer_of(buf, sizeof(buf));
        cbor_write_array(&w, 2);
        cbor_write_uint(&w, power);
        cbor_write_bytes(&w, span_of(account, sizeof(account)));
        if (list.doc->err == OK)
            state_put(l->st, STATE_META, span_of(k, sizeof(k)), writer_span(&w));
    }
}

bool chain_validator(struct chain *c, uint8_t account[32], uint64_t *power, const uint8_t key[32])
{
    uint8_t k[33];
    validator_key(k, key);
    memset(account, 0, 32);
    *power = 0;
    struct span value;
    if (!state_get(&c->st, &value, STATE_META, span_of(k, sizeof(k))))
        return false;
    struct cbor_reader r = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&r, 2);
    *power = cbor_read_uint(&r);
    cbor_read_bytes_of(&r, account, 32);
    return cbor_finish(&r) == OK;
}

size_t chain_validator_count(struct chain *c)
{
    const uint8_t prefix[1] = { 'V' };
    const struct state_range range = { .store = STATE_META, .prefix = span_of(prefix, 1) };
    uint8_t from[33] = { 'V' };
    struct span k, value;
    size_t count = 0;
    while (state_next(&c->st, &k, &value, range, span_of(from, 33), count != 0)) {
        ASSERT(k.n == sizeof(from));
        memcpy(from, k.p, sizeof(from));
        count++;
    }
    return count;
}

bool chain_validator_account(struct chain *c, uint8_t account[32],
                             const uint8_t address[CHAIN_ADDRESS_SIZE])
{
    uint8_t key[32];
    bool banned;
    if (staking_key_of_address(&c->ledger, key, address))
        return staking_stash_of_key(&c->ledger, account, &banned, key);
    const uint8_t prefix[1] = { 'V' };
    const struct state_range range = { .store = STATE_META, .prefix = span_of(prefix, 1) };
    uint8_t from[33] = { 'V' };
    struct span k, value;
    memset(account, 0, 32);
    for (bool after = false; state_next(&c->st, &k, &value, range, span_of(from, 33), after);
         after = true) {
        uint8_t hash[32];
        uint64_t power;
        ASSERT(k.n == sizeof(from));
        memcpy(from, k.p, sizeof(from));
        sha256(hash, span_of(from + 1, 32));
        if (memcmp(hash, address, CHAIN_ADDRESS_SIZE) == 0)
            return chain_validator(c, account, &power, from + 1);
    }
    return false;
}

/* The validator of the file whose account is stash, if any. */
static bool find_validator(struct json_value validators, uint8_t key[32], const uint8_t stash[32])
{
    size_t count = json_count(validators);
    for (size_t i = 0; i < count && validators.doc->err == OK; i++) {
        struct json_value row = json_at(validators, i);
        uint8_t account[32];
        read_address(json_get(row, "address"), account);
        json_hex(json_get(row, "key"), key, 32);
        if (memcmp(account, stash, 32) == 0)
            return true;
    }
    return false;
}

static void read_bond(struct ledger *l, struct json_value row, struct json_value validators)
{
    static const char *const names[] = { "address", "bond", "fee" };
    uint8_t stash[32];
    json_fields(row, names, 3);
    read_address(json_get(row, "address"), stash);
    struct staking_ledger s = { .active = json_amount(json_get(row, "bond")) };
    s.fee = (uint32_t)json_u64(json_get(row, "fee"), PERBILL);
    s.validates = s.has_key = find_validator(validators, s.key, stash);
    if (row.doc->err == OK && staking_genesis_bond(l, stash, &s) != RESULT_OK)
        json_fail(row, ERR_RANGE, "bonded twice, too little, or more than the balance");
}

/* The genesis set as the engine has it: each validator has a bond of its own, and all power
 * together leaves room for what follows. */
static void read_set(struct ledger *l, struct json_value validators)
{
    size_t count = json_count(validators);
    uint64_t sum = 0;
    for (size_t i = 0; i < count && validators.doc->err == OK; i++) {
        struct json_value row = json_at(validators, i);
        struct staking_ledger s;
        uint8_t key[32], account[32];
        json_hex(json_get(row, "key"), key, 32);
        read_address(json_get(row, "address"), account);
        uint64_t power = json_u64(json_get(row, "power"), INT64_MAX / 1024);
        sum += power;
        if (!staking_get(l, &s, account) || !s.has_key || memcmp(s.key, key, 32) != 0)
            json_fail(row, ERR_FORMAT, "has no bond of its own in \"staking\"");
        else if (sum >> 53 != 0)
            json_fail(row, ERR_RANGE, "all power together must be below 2^53");
        else
            staking_genesis_set(l, key, account, power);
    }
}

/* SPEC params 3.5: "A genesis without it has no staking, for ever." */
static void read_staking(struct ledger *l, struct json_value list, struct json_value validators)
{
    if (list.of == NULL || list.doc->err != OK)
        return;
    staking_genesis(l);
    size_t count = json_count(list);
    for (size_t i = 0; i < count && list.doc->err == OK; i++)
        read_bond(l, json_at(list, i), validators);
    read_set(l, validators);
    if (list.doc->err == OK)
        staking_genesis_end(l);
}

/* Texts as governance enacts them. */
static void read_list(struct ledger *l, struct json_value list, const char *name)
{
    size_t count = list.of == NULL ? 0 : json_count(list);
    for (size_t i = 0; i < count && list.doc->err == OK; i++) {
        struct json_value v = json_at(list, i);
        const char *text = json_text(v);
        if (list.doc->err != OK)
            return;
        if (strlen(text) > RELEASES_TEXT_MAX || !releases_check(name, text))
            json_fail(v, ERR_FORMAT, "not a row of this list");
        else
            releases_apply(l, name, text);
    }
}

/* SPEC params 3.6: "roots of its own only where allow_software is true" */
static void read_roots(struct ledger *l, struct json_value roots)
{
    static const char *const names[REGISTRY_ROOTS] = { "intel", "milan", "genoa", "turin" };
    if (roots.of == NULL || roots.doc->err != OK)
        return;
    json_fields(roots, names, REGISTRY_ROOTS);
    if (!l->params->allow_software)
        json_fail(roots, ERR_RANGE, "only where allow_software is true");
    for (uint32_t i = 0; i < REGISTRY_ROOTS && roots.doc->err == OK; i++) {
        uint8_t der[X509_SIZE_MAX];
        struct json_value v = json_find(roots, names[i]);
        if (v.of == NULL)
            continue;
        size_t n = strlen(json_text(v)) / 2;
        if (n > sizeof(der)) {
            json_fail(v, ERR_LIMIT, "too large for a certificate");
            return;
        }
        json_hex(v, der, n);
        if (roots.doc->err == OK && registry_set_root(l, i, span_of(der, n)) != OK)
            json_fail(v, ERR_FORMAT, "not a root certificate, DER in hex");
    }
}

static void read_attest(struct ledger *l, struct json_value attest)
{
    static const char *const names[] = { "releases", "deny", "advisories", "td_config", "roots" };
    static const char *const usual[] = { "INTEL-SA-00289", "INTEL-SA-00334", "INTEL-SA-00615" };
    bool given = attest.of != NULL && attest.doc->err == OK;
    struct json_value advisories = { 0 };
    if (given) {
        json_fields(attest, names, sizeof(names) / sizeof(names[0]));
        advisories = json_find(attest, "advisories");
    }
    for (size_t i = 0; advisories.of == NULL && i < sizeof(usual) / sizeof(usual[0]); i++)
        releases_apply(l, "attest_advisory", usual[i]);
    if (!given || attest.doc->err != OK)
        return;
    read_list(l, advisories, "attest_advisory");
    read_list(l, json_find(attest, "releases"), "attest_release");
    read_list(l, json_find(attest, "deny"), "attest_deny");
    read_list(l, json_find(attest, "td_config"), "attest_td_config");
    read_roots(l, json_find(attest, "roots"));
}

static void read_genesis(struct chain *c, struct json_value root)
{
    static const char *const names[] = { "chain_id", "time_ms",      "params",
                                         "balances", "contributors", "validators",
                                         "beacon",   "staking",      "attest" };
    json_fields(root, names, sizeof(names) / sizeof(names[0]));
    struct json_value id = json_get(root, "chain_id");
    const char *text = json_text(id);
    if (!id_is_sound(text))
        json_fail(id, ERR_FORMAT, "1 to 50 of a-z, 0-9 and -, not beginning with -");
    c->time_ms = json_u64(json_get(root, "time_ms"), INT64_MAX);
    read_params(&c->params, json_get(root, "params"));
    if (root.doc->err != OK)
        return;
    memcpy(c->id, text, strlen(text) + 1);
    chain_store_params(c);
    read_balances(&c->ledger, json_get(root, "balances"));
    read_validators(&c->ledger, json_get(root, "validators"));
    read_staking(&c->ledger, json_find(root, "staking"), json_get(root, "validators"));
    read_contributors(&c->ledger, root);
    read_attest(&c->ledger, json_find(root, "attest"));
}

enum err chain_genesis(struct chain *c, const struct kv *kv, void *memory, struct span genesis,
                       char what[CHAIN_WHAT_MAX])
{
    *c = (struct chain){ .work = &work_module };
    what[0] = '\0';
    state_init(&c->st, kv, memory, CHAIN_NOTES);
    AUTO(json_close) struct json doc;
    if (json_open(&doc, genesis, CHAIN_GENESIS_MAX) == OK)
        read_genesis(c, json_root(&doc));
    if (doc.err != OK) {
        snprintf(what, CHAIN_WHAT_MAX, "%s", doc.what);
        return doc.err;
    }
    chain_store_head(c);
    if (c->st.err != OK)
        return ERR_IO;
    return chain_open(c, kv, memory);
}
