/* verify: a record or a receipt, checked up to signatures of validators. */
#include "base/hex.h"
#include "chain/accounts.h"
#include "chain/market.h"
#include "cli/order.h"
#include "cli/verify.h"
#include "codec/cid.h"
#include "codec/ss58.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { DRIFT_SECONDS = 10 };

/* Shorter than evidence of a wrong signature counts, so that signing wrongly costs. */
static const char trusting_default[] = "7d";

/* ---- trust ---- */

static enum cli_exit take_block(const struct cli *c, struct verify_trust *out, const char *text)
{
    char height[24];
    const char *colon = strchr(text, ':');
    size_t n = colon == NULL ? sizeof(height) : (size_t)(colon - text);
    out->by_block = true;
    if (n < sizeof(height)) {
        memcpy(height, text, n);
        height[n] = '\0';
        if (config_number(&out->height, CONFIG_U64, height) == OK && out->height != 0 &&
            hex_parse(out->hash, sizeof(out->hash), colon + 1) == OK)
            return CLI_OK;
    }
    return cli_usage(c, "--trust: \"%s\" is no HEIGHT:HASH of a block", text);
}

static enum cli_exit take_trust(const struct cli *c, struct verify_trust *out)
{
    const char *block = cli_value(c, "trust"), *genesis = cli_value(c, "genesis-hash");
    const char *period = cli_value(c, "trusting-period");
    uint64_t period_ms, now_ms = clock_wall_ms();
    *out = (struct verify_trust){ .no_signatures = cli_has(c, "no-signatures") };
    if (config_number(&period_ms, CONFIG_DURATION, period == NULL ? trusting_default : period) !=
        OK)
        return cli_usage(c, "--trusting-period: \"%s\" is no time such as 7d", period);
    out->clock = (struct light_clock){
        .now = { .seconds = (int64_t)(now_ms / 1000),
                 .nanos = (uint32_t)(now_ms % 1000) * 1000000 },
        .trusting_seconds = period_ms / 1000,
        .drift_seconds = DRIFT_SECONDS,
    };
    if (block != NULL)
        return take_block(c, out, block);
    if (genesis == NULL)
        genesis = config_text(&c->config, "genesis");
    if (genesis[0] == '\0')
        return cli_usage(c, "there is nothing to start from: give --trust HEIGHT:HASH or "
                            "--genesis-hash HASH, or choose a network with crust network use URL");
    if (hex_parse(out->hash, sizeof(out->hash), genesis) != OK)
        return cli_usage(c, "--genesis-hash: a hash has 64 hex digits");
    return CLI_OK;
}

/* ---- what was found ---- */

static void print_account(const struct verify_report *r)
{
    char address[SS58_TEXT_MAX], free_text[AMOUNT_TEXT_MAX + 8], all[AMOUNT_TEXT_MAX + 8];
    struct account a;
    ss58_format(address, r->id);
    printf("account   %s\n", address);
    if (!r->proof.there) {
        printf("record    there is none: no money, no transactions\n");
        return;
    }
    if (accounts_decode(&a, span_of(r->proof.value, r->proof.value_size)) != OK) {
        printf("record    %zu bytes of a form that this version does not know\n",
               r->proof.value_size);
        return;
    }
    ledger_amount(free_text, a.free);
    ledger_amount(all, accounts_total(&a));
    printf("record    %s free, %s in all; next transaction has number %llu\n", free_text, all,
           (unsigned long long)a.nonce);
}

static void print_order(const struct verify_report *r)
{
    char id[65], cid[CID_TEXT_MAX], amount[AMOUNT_TEXT_MAX + 8];
    struct market_order o;
    hex_format(id, span_of(r->id, 32));
    printf("order     %s\n", id);
    if (!r->proof.there) {
        printf("record    there is none\n");
        return;
    }
    if (market_order_decode(&o, span_of(r->proof.value, r->proof.value_size)) != OK) {
        printf("record    %zu bytes of a form that this version does not know\n",
               r->proof.value_size);
        return;
    }
    const struct cid of_key = cid_of_key(&o.key);
    cid_format(cid, &of_key);
    ledger_amount(amount, o.amount);
    printf("content   %s, %llu bytes\n", cid, (unsigned long long)o.size);
    printf("record    %u replicas proven of %u wanted, %s to be earned, ", o.replicas,
           o.replicas_wanted, amount);
    if (o.expired_at == 0)
        printf("nobody has proven one yet\n");
    else
        printf("paid until block %llu\n", (unsigned long long)o.expired_at);
}

static void print_tx(const struct verify_report *r)
{
    char id[65];
    hex_format(id, span_of(r->id, 32));
    printf("tx        %s\nreceipt   number %u of block %llu, ", id, r->tx_index,
           (unsigned long long)r->tx_height);
    if (r->tx_code == 0)
        printf("done\n");
    else
        printf("code %u (docs/spec/results.md)\n", r->tx_code);
}

static void print_backing(const struct verify_report *r, const struct verify_trust *trust)
{
    char hash[65], trusted[65], time[CLOCK_TEXT_MAX];
    if (!r->is_signed) {
        printf("height    %llu\nsigned    by nobody: one node alone makes this chain, and only its "
               "word backs the app hash\n",
               (unsigned long long)r->proof.height);
        return;
    }
    hex_format(hash, span_of(r->signed_hash, 32));
    hex_format(trusted, span_of(r->trusted_hash, 32));
    clock_format(time, r->signed_seconds < 0 ? 0 : (uint64_t)r->signed_seconds * 1000);
    if (r->kind != VERIFY_TX)
        printf("state     after block %llu, signed with block %llu\n",
               (unsigned long long)r->proof.height, (unsigned long long)r->signed_height);
    printf("signed    %s by %u of %u validators with %llu of %llu of the power\n", time,
           r->signers.count, r->validator_count, (unsigned long long)r->signers.power,
           (unsigned long long)r->validator_power);
    printf("block     %llu:%s\n", (unsigned long long)r->signed_height, hash);
    if (trust->by_block)
        printf("trusted   block %llu, %s\n", (unsigned long long)r->trusted_height, trusted);
    else
        printf("trusted   the validators of the genesis file of %s\n", r->chain_id);
    printf("followed  %u %s from there\n", r->steps, r->steps == 1 ? "block" : "blocks");
}

static json_t *report_json(const struct verify_report *r)
{
    char id[65], hash[65], app_hash[65], trusted[65];
    hex_format(id, span_of(r->id, 32));
    hex_format(hash, span_of(r->signed_hash, 32));
    hex_format(trusted, span_of(r->trusted_hash, 32));
    hex_format(app_hash, span_of(r->proof.app_hash, 32));
    json_t *out = json_pack("{s:s, s:s, s:b}", "kind", verify_kind_name(r->kind), "id", id,
                            "signed", r->is_signed);
    if (r->is_signed) {
        json_t *by = json_pack(
            "{s:s, s:I, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "chain_id", r->chain_id, "block",
            (json_int_t)r->signed_height, "block_hash", hash, "trusted_block",
            (json_int_t)r->trusted_height, "trusted_hash", trusted, "steps", (json_int_t)r->steps,
            "signers", (json_int_t)r->signers.count, "validators", (json_int_t)r->validator_count,
            "signed_power", (json_int_t)r->signers.power, "power", (json_int_t)r->validator_power);
        (void)json_object_update_new(out, by);
    }
    if (r->kind == VERIFY_TX) {
        json_t *receipt = json_pack("{s:I, s:I, s:I}", "height", (json_int_t)r->tx_height, "index",
                                    (json_int_t)r->tx_index, "code", (json_int_t)r->tx_code);
        (void)json_object_update_new(out, receipt);
        return out;
    }
    char *value = malloc(2 * r->proof.value_size + 1);
    if (value != NULL)
        hex_format(value, span_of(r->proof.value, r->proof.value_size));
    json_t *record =
        json_pack("{s:I, s:s, s:o}", "height", (json_int_t)r->proof.height, "app_hash", app_hash,
                  "value", r->proof.there && value != NULL ? json_string(value) : json_null());
    (void)json_object_update_new(out, record);
    free(value);
    return out;
}

static enum cli_exit print_report(const struct cli *c, const struct verify_report *r,
                                  const struct verify_trust *trust)
{
    if (c->json)
        return cli_print_json(report_json(r));
    if (r->kind == VERIFY_ACCOUNT)
        print_account(r);
    else if (r->kind == VERIFY_ORDER)
        print_order(r);
    else
        print_tx(r);
    print_backing(r, trust);
    return CLI_OK;
}

/* ---- the verb ---- */

static enum cli_exit check(const struct cli *c, struct span bundle,
                           const struct verify_trust *trust)
{
    static struct verify_room room;
    static struct verify_report report;
    char what[VERIFY_WHAT_MAX];
    enum err e = verify_bundle(&report, what, &room, bundle, trust);
    if (e == OK)
        return print_report(c, &report, trust);
    const char *next = NULL;
    if (e == ERR_TIMEOUT)
        next = "crust verify --trust HEIGHT:HASH, with a recent block that you know to be right";
    else if (e == ERR_SIGNATURE && !report.has_blocks && report.kind != VERIFY_TX)
        next = "crust verify --no-signatures, to take the node's word";
    return cli_fail(c, CLI_FAILED, next, "not verified: %s", what);
}

static enum cli_exit check_file(const struct cli *c, const struct verify_trust *trust)
{
    struct mspan file = { NULL, 0 };
    enum err e = path_read_file(&file, c->args[0], VERIFY_BUNDLE_MAX);
    if (e != OK)
        return cli_fail(c, e == ERR_NOT_FOUND ? CLI_NOT_FOUND : CLI_FAILED, NULL, "%s: %s",
                        c->args[0], err_text(e));
    enum cli_exit exit = check(c, span_of(file.p, file.n), trust);
    free(file.p);
    return exit;
}

static enum cli_exit check_online(struct cli *c, enum verify_kind kind, const uint8_t id[32],
                                  const struct verify_trust *trust)
{
    json_t *bundle;
    const char *save = cli_value(c, "save");
    enum cli_exit exit = verify_collect(c, &bundle, kind, id, trust);
    if (exit != CLI_OK)
        return exit;
    char *text = json_dumps(bundle, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(bundle);
    if (text == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    exit = check(c, span_str(text), trust);
    if (exit == CLI_OK && save != NULL) {
        enum err e = path_write_file(save, span_str(text), 0644);
        if (e != OK)
            exit = cli_fail(c, CLI_FAILED, NULL, "%s: %s", save, err_text(e));
        else if (!c->json)
            printf("written   %s; crust verify %s checks it anywhere\n", save, save);
    }
    free(text);
    return exit;
}

/* By its id, or by the CID of its content, which the chain is asked about. */
static enum cli_exit order_id(const struct cli *c, uint8_t id[32], const char *text)
{
    struct order_found found;
    if (hex_parse(id, 32, text) == OK)
        return CLI_OK;
    enum cli_exit exit = order_one(c, &found, text);
    if (exit == CLI_OK)
        memcpy(id, found.orders[0].id, 32);
    order_free(&found);
    return exit;
}

enum cli_exit cmd_verify(struct cli *c)
{
    struct verify_trust trust;
    uint8_t id[32];
    enum cli_exit exit = take_trust(c, &trust);
    if (exit != CLI_OK)
        return exit;
    if (c->arg_count == 1)
        return check_file(c, &trust);
    for (int k = VERIFY_ACCOUNT; k <= VERIFY_TX; k++) {
        enum verify_kind kind = (enum verify_kind)k;
        if (strcmp(c->args[0], verify_kind_name(kind)) != 0)
            continue;
        if (kind == VERIFY_ACCOUNT)
            exit = ledger_address(c, id, c->args[1]);
        else if (kind == VERIFY_ORDER)
            exit = order_id(c, id, c->args[1]);
        else if (hex_parse(id, sizeof(id), c->args[1]) != OK)
            return cli_usage(c, "\"%s\" is no id of 64 hex digits", c->args[1]);
        return exit == CLI_OK ? check_online(c, kind, id, &trust) : exit;
    }
    return cli_usage(c, "verify account ADDRESS, order ID, tx HASH, or a file");
}
