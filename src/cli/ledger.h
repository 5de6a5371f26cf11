/* ledger: talking to the chain's HTTP API: the URLs of [cli] chain, in order of preference. When
 * [cli] genesis is set (crust network use), a node of another genesis is not talked to. */
#ifndef CRUST_CLI_LEDGER_H
#define CRUST_CLI_LEDGER_H

#include "api/chain_client_tx.h"
#include "cli/cli.h"
#include "codec/tx.h"

enum {
    LEDGER_BODY_MAX = 4 << 20, /* longest answer taken */
    LEDGER_EXPIRY_BLOCKS = 300,
};

/* An answer; free it with ledger_free. */
struct ledger_reply {
    struct mspan body;
    uint16_t status;
};
void ledger_free(struct ledger_reply *r);

/* ledger_get asks every URL in turn until one answers. On failure (nobody answers, or a status of
 * 400 and above) it has told the user; 404 gives CLI_NOT_FOUND without telling. */
enum cli_exit ledger_get(const struct cli *c, struct ledger_reply *out, const char *path);

/* ledger_quiet is ledger_get without messages, for asking again and again: OK with status 200,
 * ERR_NOT_FOUND, ERR_CLOSED (nobody answers), ERR_STATE (another status). */
NODISCARD enum err ledger_quiet(const struct cli *c, struct ledger_reply *out, const char *path);

/* ledger_json is ledger_get with the answer parsed: given, json_decref. */
enum cli_exit ledger_json(const struct cli *c, json_t **out, const char *path);

/* ledger_end frees an answer that has been decoded, with e; when it could not be, tells the user.
 */
enum cli_exit ledger_end(const struct cli *c, struct ledger_reply *r, enum err e);

/* The common questions. CLI_NOT_FOUND (no such order or account) comes without telling. */
enum cli_exit ledger_status(const struct cli *c, struct chain_client_status *out);
enum cli_exit ledger_params(const struct cli *c, struct params *out);
enum cli_exit ledger_price(const struct cli *c, struct chain_client_price *out, uint64_t size,
                           uint32_t replicas);
enum cli_exit ledger_order(const struct cli *c, struct chain_client_order *out,
                           const uint8_t id[32]);
enum cli_exit ledger_account(const struct cli *c, struct chain_client_account *out,
                             const uint8_t id[32]);

/* ledger_send signs a call with key, sends it and waits until it is in a block. Fills nonce, chain
 * and expiry. CLI_OK: done with code 0; else it has told the user, with the chain's own reason. */
enum cli_exit ledger_send(struct cli *c, struct chain_client_tx *out, const struct tx_call *call,
                          const struct ed25519_key *key);

/* ledger_confirm asks on the terminal; without one, --yes must have been given. The verb has the
 * option "yes". what: "pay 3 CRU". */
enum cli_exit ledger_confirm(const struct cli *c, const char *what);

/* ledger_print_tx prints the outcome of ledger_send: done, or as JSON {what, tx, height, fee}. */
enum cli_exit ledger_print_tx(const struct cli *c, const struct chain_client_tx *tx,
                              const char *done);

/* "12.5 CRU" from base units. */
void ledger_amount(char out[AMOUNT_TEXT_MAX + 8], struct amount a);
/* An amount of the command line, which must be more than nothing. what names it in the message. */
enum cli_exit ledger_parse_amount(const struct cli *c, struct amount *out, const char *what,
                                  const char *text);

/* An address as the user gives it: SS58, or the name of a key. On failure it has told the user. */
enum cli_exit ledger_address(const struct cli *c, uint8_t out[32], const char *text);

#endif
