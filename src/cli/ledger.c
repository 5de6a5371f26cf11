#include "cli/ledger.h"
#include "base/hex.h"
#include "cli/keyring.h"
#include "codec/ss58.h"
#include "rt/clock.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ASK_TIMEOUT_MS = 10000,
    BLOCK_PATIENCE_MS = 60000, /* ten blocks of the slowest network */
    POLL_MS = 100,
    TX_ROOM = 128 * 1024,
};

void ledger_free(struct ledger_reply *r)
{
    free(r->body.p);
    *r = (struct ledger_reply){ 0 };
}

/* One request to one URL. */
static enum err ask(struct ledger_reply *out, const char *base, const char *path, struct span post)
{
    char url[HTTP_URL_MAX];
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    int len = snprintf(url, sizeof(url), "%.*s%s", (int)n, base, path);
    if (len < 0 || (size_t)len >= sizeof(url))
        return ERR_LIMIT;
    struct http_header type = { "Content-Type", CHAIN_CLIENT_TX_MEDIA };
    struct http_fetch_options o = { .method = post.n == 0 ? HTTP_GET : HTTP_POST,
                                    .url = url,
                                    .headers = &type,
                                    .header_count = post.n == 0 ? 0 : 1,
                                    .body = post,
                                    .total_timeout_ms = ASK_TIMEOUT_MS,
                                    .size_max = LEDGER_BODY_MAX };
    return http_fetch_text(&out->body, &o, true, &out->status);
}

/* Whether a node is of the network that is pinned in crust.conf. Asked once for each URL. */
static enum err of_our_network(const struct cli *c, const char *url, size_t index)
{
    enum { REMEMBERED = 32 };
    static bool good[REMEMBERED];
    const char *pinned = config_text(&c->config, "genesis");
    if (pinned[0] == '\0' || (index < REMEMBERED && good[index]))
        return OK;
    struct ledger_reply r = { 0 };
    static struct chain_client_status status;
    char hash[65];
    enum err e = ask(&r, url, CHAIN_CLIENT_STATUS, span_of(NULL, 0));
    if (e == OK)
        e = chain_client_decode_status(&status, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    if (e != OK)
        return ERR_CLOSED;
    hex_format(hash, span_of(status.genesis, 32));
    if (strcmp(hash, pinned) != 0)
        return ERR_DENIED;
    if (index < REMEMBERED)
        good[index] = true;
    return OK;
}

/* Every URL in turn. ERR_CLOSED when none answers, ERR_DENIED when one is of another network and no
 * other answers. */
static enum err ask_all(const struct cli *c, struct ledger_reply *out, const char *path,
                        struct span post)
{
    char url[HTTP_URL_MAX];
    const char *cursor = config_text(&c->config, "chain");
    enum err worst = ERR_CLOSED;
    for (size_t i = 0; config_list_next(url, sizeof(url), &cursor); i++) {
        *out = (struct ledger_reply){ 0 };
        enum err e = of_our_network(c, url, i);
        if (e == ERR_DENIED)
            worst = e;
        if (e == OK)
            e = ask(out, url, path, post);
        if (e == OK)
            return OK;
        ledger_free(out);
    }
    return worst;
}

static enum cli_exit unreachable(const struct cli *c, enum err e)
{
    if (e == ERR_DENIED)
        return cli_fail(c, CLI_REFUSED, "crust network use URL",
                        "the chain at %s is another network: its genesis is not %.16s..., which "
                        "crust.conf names",
                        config_text(&c->config, "chain"), config_text(&c->config, "genesis"));
    return cli_fail(c, CLI_UNREACHABLE, "crust network use URL, or crust devnet up",
                    "no chain node answers at %s", config_text(&c->config, "chain"));
}

static struct span body_of(const struct ledger_reply *r)
{
    return span_of(r->body.p, r->body.n);
}

enum err ledger_quiet(const struct cli *c, struct ledger_reply *out, const char *path)
{
    TRY(ask_all(c, out, path, span_of(NULL, 0)));
    if (out->status == 200)
        return OK;
    enum err e = out->status == 404 ? ERR_NOT_FOUND : ERR_STATE;
    ledger_free(out);
    return e;
}

enum cli_exit ledger_get(const struct cli *c, struct ledger_reply *out, const char *path)
{
    enum err e = ask_all(c, out, path, span_of(NULL, 0));
    if (e != OK)
        return unreachable(c, e);
    if (out->status == 200)
        return CLI_OK;
    enum cli_exit exit = CLI_NOT_FOUND;
    struct chain_client_error error;
    if (out->status != 404 &&
        chain_client_decode_error(&error, span_of(out->body.p, out->body.n)) == OK)
        exit = cli_fail(c, CLI_FAILED, error.next[0] == '\0' ? NULL : error.next,
                        "the chain refuses the question: %s %s", error.field, error.reason);
    else if (out->status != 404)
        exit = cli_fail(c, CLI_FAILED, NULL, "the chain answers with status %d", out->status);
    ledger_free(out);
    return exit;
}

enum cli_exit ledger_json(const struct cli *c, json_t **out, const char *path)
{
    struct ledger_reply r = { 0 };
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit != CLI_OK)
        return exit;
    *out = json_loadb((const char *)r.body.p, r.body.n, JSON_REJECT_DUPLICATES, NULL);
    ledger_free(&r);
    return *out != NULL
               ? CLI_OK
               : cli_fail(c, CLI_FAILED, NULL, "the chain's answer to %s is no JSON", path);
}

enum cli_exit ledger_end(const struct cli *c, struct ledger_reply *r, enum err e)
{
    ledger_free(r);
    return e == OK ? CLI_OK
                   : cli_fail(c, CLI_FAILED, NULL, "%s does not answer as a Crust chain: %s",
                              config_text(&c->config, "chain"), err_text(e));
}

enum cli_exit ledger_status(const struct cli *c, struct chain_client_status *out)
{
    struct ledger_reply r = { 0 };
    enum cli_exit exit = ledger_get(c, &r, CHAIN_CLIENT_STATUS);
    return exit != CLI_OK ? exit : ledger_end(c, &r, chain_client_decode_status(out, body_of(&r)));
}

enum cli_exit ledger_params(const struct cli *c, struct params *out)
{
    struct ledger_reply r = { 0 };
    enum cli_exit exit = ledger_get(c, &r, CHAIN_CLIENT_PARAMS);
    return exit != CLI_OK ? exit : ledger_end(c, &r, chain_client_decode_params(out, body_of(&r)));
}

enum cli_exit ledger_price(const struct cli *c, struct chain_client_price *out, uint64_t size,
                           uint32_t replicas)
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    chain_client_price_path(path, size, replicas);
    enum cli_exit exit = ledger_get(c, &r, path);
    return exit != CLI_OK ? exit : ledger_end(c, &r, chain_client_decode_price(out, body_of(&r)));
}

enum cli_exit ledger_order(const struct cli *c, struct chain_client_order *out,
                           const uint8_t id[32])
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    chain_client_order_path(path, id);
    enum cli_exit exit = ledger_get(c, &r, path);
    return exit != CLI_OK ? exit : ledger_end(c, &r, chain_client_decode_order(out, body_of(&r)));
}

enum cli_exit ledger_account(const struct cli *c, struct chain_client_account *out,
                             const uint8_t id[32])
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    chain_client_account_path(path, id);
    enum cli_exit exit = ledger_get(c, &r, path);
    return exit != CLI_OK ? exit : ledger_end(c, &r, chain_client_decode_account(out, body_of(&r)));
}

void ledger_amount(char out[AMOUNT_TEXT_MAX + 8], struct amount a)
{
    char number[AMOUNT_TEXT_MAX];
    amount_format(number, a);
    (void)snprintf(out, AMOUNT_TEXT_MAX + 8, "%s CRU", number);
}

enum cli_exit ledger_parse_amount(const struct cli *c, struct amount *out, const char *what,
                                  const char *text)
{
    enum err e = amount_parse(out, text);
    if (e == ERR_RANGE)
        return cli_usage(c, "%s: \"%s\" is more CRU than there can be", what, text);
    if (e != OK)
        return cli_usage(c, "%s: \"%s\" is no amount in CRU, such as 0.5", what, text);
    if (amount_is_zero(*out))
        return cli_usage(c, "%s: nothing is no amount", what);
    return CLI_OK;
}

enum cli_exit ledger_confirm(const struct cli *c, const char *what)
{
    char answer[16];
    if (cli_has(c, "yes"))
        return CLI_OK;
    if (c->json || isatty(STDIN_FILENO) != 1)
        return cli_usage(c, "without a terminal to ask on, --yes is needed to %s", what);
    printf("%s? [y/N] ", what);
    fflush(stdout);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return CLI_OK;
    return cli_fail(c, CLI_CANCELLED, NULL, "nothing was done");
}

enum cli_exit ledger_print_tx(const struct cli *c, const struct chain_client_tx *tx,
                              const char *done)
{
    char hash[65], fee[AMOUNT_TEXT_MAX + 8], units[AMOUNT_TEXT_MAX];
    hex_format(hash, span_of(tx->hash, 32));
    ledger_amount(fee, tx->fee);
    amount_format_units(units, tx->fee);
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s, s:I, s:s}", "type", tx->type, "tx", hash,
                                        "height", (json_int_t)tx->height, "fee", units));
    printf("%s in block %llu; the fee was %s\ntx    %s\n", done, (unsigned long long)tx->height,
           fee, hash);
    return CLI_OK;
}

enum cli_exit ledger_address(const struct cli *c, uint8_t out[32], const char *text)
{
    enum err e = ss58_parse(out, span_str(text));
    if (e == OK)
        return CLI_OK;
    if (keyring_exists(c, text)) {
        struct keystore k;
        enum cli_exit exit = keyring_read(c, &k, text);
        memcpy(out, k.public_key, 32);
        return exit;
    }
    if (e == ERR_CORRUPT)
        return cli_usage(c, "\"%s\" has a typing error: its checksum is wrong", text);
    if (e == ERR_UNSUPPORTED)
        return cli_usage(c, "\"%s\" is an address of another network", text);
    return cli_usage(c, "\"%s\" is neither an address (cT...) nor the name of a key", text);
}

/* ---- transactions --------------------------------------------------------------------------- */

static enum cli_exit refused(const struct cli *c, const struct chain_client_tx *tx)
{
    return cli_fail(
        c, CLI_REFUSED, strcmp(tx->name, "INSUFFICIENT_BALANCE") == 0 ? "crust balance" : NULL,
        "the chain refuses it: %s%s%s", tx->name, tx->log[0] == '\0' ? "" : ": ", tx->log);
}

static enum cli_exit post(struct cli *c, struct chain_client_tx *out, struct span tx)
{
    struct ledger_reply r = { 0 };
    enum err e = ask_all(c, &r, CHAIN_CLIENT_SUBMIT, tx);
    if (e != OK)
        return unreachable(c, e);
    enum cli_exit exit = CLI_OK;
    struct chain_client_error error;
    struct span body = span_of(r.body.p, r.body.n);
    if (chain_client_decode_tx(out, body) == OK) {
        if (out->state == CHAIN_CLIENT_TX_REFUSED)
            exit = refused(c, out);
    } else if (chain_client_decode_error(&error, body) == OK) {
        exit = cli_fail(c, CLI_REFUSED, error.next[0] == '\0' ? NULL : error.next,
                        "the chain does not take it: %s %s", error.field, error.reason);
    } else {
        exit = cli_fail(c, CLI_FAILED, NULL, "the chain answers with status %d", r.status);
    }
    ledger_free(&r);
    return exit;
}

/* Waits until the transaction is in a block. */
static enum cli_exit wait_for(struct cli *c, struct chain_client_tx *tx)
{
    char path[CHAIN_CLIENT_PATH_MAX], hash[65];
    uint8_t id[32];
    memcpy(id, tx->hash, 32);
    chain_client_tx_path(path, id);
    uint64_t deadline = clock_deadline(BLOCK_PATIENCE_MS);
    while (tx->state == CHAIN_CLIENT_TX_PENDING && clock_left(deadline) > 0) {
        struct ledger_reply r = { 0 };
        clock_sleep_ms(POLL_MS);
        if (ledger_quiet(c, &r, path) != OK)
            continue;
        if (chain_client_decode_tx(tx, span_of(r.body.p, r.body.n)) != OK)
            tx->state = CHAIN_CLIENT_TX_PENDING;
        ledger_free(&r);
    }
    if (tx->state == CHAIN_CLIENT_TX_DONE && tx->code == 0)
        return CLI_OK;
    if (tx->state != CHAIN_CLIENT_TX_PENDING)
        return refused(c, tx);
    hex_format(hash, span_of(id, 32));
    return cli_fail(c, CLI_UNREACHABLE, "crust chain tx HASH",
                    "the transaction %s was taken, but is in no block yet", hash);
}

enum cli_exit ledger_send(struct cli *c, struct chain_client_tx *out, const struct tx_call *call,
                          const struct ed25519_key *key)
{
    static uint8_t room[TX_ROOM];
    struct chain_client_status status;
    struct chain_client_account account;
    enum cli_exit exit = ledger_status(c, &status);
    if (exit == CLI_OK)
        exit = ledger_account(c, &account, key->public_key);
    if (exit != CLI_OK)
        return exit;
    struct tx tx = { .nonce = account.nonce_next,
                     .expiry = status.height + LEDGER_EXPIRY_BLOCKS,
                     .call = *call };
    memcpy(tx.from, key->public_key, 32);
    memcpy(tx.chain, status.chain, 32);
    struct span encoded;
    enum err e = tx_sign(&encoded, &tx, (struct mspan){ room, sizeof(room) }, key);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "the transaction cannot be made: %s", err_text(e));
    exit = post(c, out, encoded);
    return exit == CLI_OK ? wait_for(c, out) : exit;
}
