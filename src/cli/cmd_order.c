/* order list, renew, refund. */
#include "base/hex.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/order.h"
#include "codec/ss58.h"

#include <stdio.h>

/* ---- list ----------------------------------------------------------------------------------- */

enum { PAGE = 50 };

static void print_line(const struct chain_client_status *now, const struct chain_client_order *o)
{
    char cid[CID_TEXT_MAX], size[24], when[ORDER_WHEN_MAX] = "";
    order_cid(cid, o);
    cli_format_size(size, o->size);
    if (o->state == CHAIN_CLIENT_LIVE)
        order_when(when, now, o->expires_at);
    else if (o->state == CHAIN_CLIENT_OPEN)
        order_when(when, now, o->refund_at);
    printf("%s  %-7s  %u/%u proven  %9s%s%s%s\n", cid, order_state_text(o), o->replicas,
           o->replicas_wanted, size,
           when[0] == '\0'                 ? ""
           : o->state == CHAIN_CLIENT_OPEN ? "  refund from "
                                           : "  paid until ",
           when, o->disputed ? "  DISPUTED" : "");
}

/* One page; *cursor is "" when it was the last one. */
static enum cli_exit list_page(const struct cli *c, const struct chain_client_status *now,
                               const char *path, json_t *all, char cursor[CHAIN_CLIENT_CURSOR_MAX])
{
    static struct chain_client_order orders[PAGE];
    struct chain_client_page page;
    struct ledger_reply r = { 0 };
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit != CLI_OK)
        return exit;
    struct span body = span_of(r.body.p, r.body.n);
    enum err e = chain_client_decode_orders(&page, orders, PAGE, body);
    json_t *root = e == OK ? json_loadb((const char *)body.p, body.n, 0, NULL) : NULL;
    json_array_extend(all, json_object_get(root, "items"));
    json_decref(root);
    exit = ledger_end(c, &r, e);
    if (exit != CLI_OK)
        return exit;
    for (size_t i = 0; !c->json && i < page.count; i++)
        print_line(now, &orders[i]);
    memcpy(cursor, page.cursor, sizeof(page.cursor));
    return CLI_OK;
}

enum cli_exit cmd_order_list(struct cli *c)
{
    uint8_t id[32];
    char path[CHAIN_CLIENT_PATH_MAX], cursor[CHAIN_CLIENT_CURSOR_MAX] = "";
    struct chain_client_status now;
    bool everybody = cli_has(c, "open");
    if (everybody && c->arg_count > 0)
        return cli_usage(c, "--open lists everybody's orders; it takes no account");
    enum cli_exit exit = ledger_status(c, &now);
    if (exit == CLI_OK && !everybody)
        exit =
            ledger_address(c, id, c->arg_count > 0 ? c->args[0] : config_text(&c->config, "key"));
    if (exit != CLI_OK)
        return exit;
    json_t *all = json_array();
    do {
        if (everybody)
            chain_client_orders_path(path, CHAIN_CLIENT_OPEN, cursor, PAGE);
        else
            chain_client_account_orders_path(path, id, cursor, PAGE);
        exit = list_page(c, &now, path, all, cursor);
    } while (exit == CLI_OK && cursor[0] != '\0');
    size_t count = json_array_size(all);
    if (exit == CLI_OK && c->json)
        exit = cli_print_json(json_pack("{s:O}", "orders", all));
    else if (exit == CLI_OK && count == 0)
        printf("no orders; place one: crust put PATH\n");
    json_decref(all);
    return exit;
}

/* ---- renew, refund -------------------------------------------------------------------------- */

/* What is to be prepaid: --amount, or what --periods cost now beyond what is prepaid already. */
static enum cli_exit renewal(const struct cli *c, struct amount *out,
                             const struct chain_client_order *o, struct chain_client_price *price)
{
    uint64_t periods = 1;
    const char *amount = cli_value(c, "amount"), *text = cli_value(c, "periods");
    if (amount != NULL && text != NULL)
        return cli_usage(c, "give --amount or --periods, not both");
    if (text != NULL && (config_number(&periods, CONFIG_U64, text) != OK || periods == 0))
        return cli_usage(c, "--periods takes a number from 1 on, \"%s\" is none", text);
    enum cli_exit exit = ledger_price(c, price, o->size, o->replicas_wanted);
    if (exit != CLI_OK)
        return exit;
    if (amount != NULL)
        return ledger_parse_amount(c, out, "--amount", amount);
    if (amount_mul(out, price->total, periods) != OK)
        return cli_usage(c, "--periods: %s cost more CRU than there can be", text);
    *out = amount_sat_sub(*out, o->prepaid);
    return CLI_OK;
}

/* Prepays, and settles at once when the period is over already. */
static enum cli_exit renew(struct cli *c, const struct chain_client_order *o, struct amount amount)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct tx_call call = { .kind = TX_PREPAY, .entry = { .amount = amount } };
    struct chain_client_tx tx;
    memcpy(call.entry.order, o->id, 32);
    bool over = o->state == CHAIN_CLIENT_EXPIRED;
    enum cli_exit exit = keyring_unlock(c, &key, config_text(&c->config, "key"));
    if (exit == CLI_OK && !amount_is_zero(amount))
        exit = ledger_send(c, &tx, &call, &key);
    if (exit == CLI_OK && over) {
        call.kind = TX_SETTLE;
        exit = ledger_send(c, &tx, &call, &key);
    }
    return exit == CLI_OK ? ledger_print_tx(c, &tx, over ? "renewed" : "paid ahead for its renewal")
                          : exit;
}

enum cli_exit cmd_order_renew(struct cli *c)
{
    static struct order_found found;
    struct chain_client_price price = { 0 };
    struct amount amount = AMOUNT_ZERO;
    char text[AMOUNT_TEXT_MAX + 8], what[160];
    enum cli_exit exit = order_one(c, &found, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    const struct chain_client_order *o = &found.orders[0];
    exit = renewal(c, &amount, o, &price);
    ledger_amount(text, amount);
    (void)snprintf(what, sizeof(what), "pay %s ahead (a period is %u blocks)", text,
                   price.duration_blocks);
    if (exit == CLI_OK && amount_is_zero(amount) && o->state != CHAIN_CLIENT_EXPIRED) {
        ledger_amount(text, o->prepaid);
        exit = cli_fail(c, CLI_REFUSED, "crust order renew --periods N",
                        "%s are prepaid already, which is enough", text);
    }
    if (exit == CLI_OK)
        exit = ledger_confirm(c, what);
    if (exit == CLI_OK)
        exit = renew(c, o, amount);
    order_free(&found);
    return exit;
}

static enum cli_exit check_refund(const struct cli *c, const struct chain_client_order *o)
{
    struct chain_client_status now;
    char when[ORDER_WHEN_MAX];
    enum cli_exit exit = ledger_status(c, &now);
    if (exit != CLI_OK)
        return exit;
    if (o->state != CHAIN_CLIENT_OPEN)
        return cli_fail(c, CLI_REFUSED, NULL,
                        "it is kept: %u replicas are proven, so the money has been earned",
                        o->replicas);
    /* The call runs in the next block at the earliest. */
    if (now.height + 1 >= o->refund_at)
        return CLI_OK;
    order_when(when, &now, o->refund_at);
    return cli_fail(c, CLI_REFUSED, "wait, or crust order show CID",
                    "too early: the money can be taken back from %s", when);
}

enum cli_exit cmd_order_refund(struct cli *c)
{
    static struct order_found found;
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    struct tx_call call = { .kind = TX_REFUND };
    struct chain_client_tx tx;
    enum cli_exit exit = order_one(c, &found, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    memcpy(call.entry.order, found.orders[0].id, 32);
    exit = check_refund(c, &found.orders[0]);
    order_free(&found);
    if (exit == CLI_OK)
        exit = ledger_confirm(c, "take the money back and give the order up");
    if (exit == CLI_OK)
        exit = keyring_unlock(c, &key, config_text(&c->config, "key"));
    if (exit == CLI_OK)
        exit = ledger_send(c, &tx, &call, &key);
    return exit == CLI_OK ? ledger_print_tx(c, &tx, "refunded") : exit;
}
