/* collateral: the vendors' documents between folders, the chain and the vendors' services, for
 * `crust attest collateral`. */
#ifndef CRUST_CLI_COLLATERAL_H
#define CRUST_CLI_COLLATERAL_H

#include "api/chain_client_attest.h"
#include "attest/needs.h"
#include "cli/ledger.h"

enum { COLLATERAL_ENTRIES_MAX = 2000, COLLATERAL_DOCUMENT_MAX = 64 << 10 };

/* What the chain has and trusts. Large: static. */
struct collateral_chain {
    size_t count;
    struct chain_client_document documents[COLLATERAL_ENTRIES_MAX];
    struct collateral_entry entries[COLLATERAL_ENTRIES_MAX]; /* the same */
    struct attest_roots roots;
    uint8_t roots_room[CHAIN_CLIENT_ROOTS_ROOM];
    struct span root_crl;
    uint8_t root_crl_room[COLLATERAL_DOCUMENT_MAX];
    uint64_t time; /* of the last block, seconds */
};

/* collateral_read asks the chain. On failure it has told the user. */
enum cli_exit collateral_read(const struct cli *c, struct collateral_chain *out);

/* The entry of this kind and id, or NULL. */
const struct chain_client_document *collateral_find(const struct collateral_chain *chain,
                                                    enum collateral_kind kind,
                                                    const uint8_t id[COLLATERAL_ID_SIZE]);

/* collateral_evidence reads a quote or report from a file; free out->p. */
enum cli_exit collateral_evidence(const struct cli *c, struct mspan *out, const char *path);

/* collateral_needs reads the evidence of a file and says what it is judged by. */
enum cli_exit collateral_needs(const struct cli *c, struct needs *out, const char *path);

/* collateral_fetch downloads what a machine needs, or --tee and --fmspc, --product say, into
 * --out. */
enum cli_exit collateral_fetch(struct cli *c);

/* collateral_gather puts together what a quote or report is judged by, for a program that judges it
 * itself: of what the chain has and what lies in folder (NULL: none), whatever fits best now. It
 * verifies under the chain's roots, or the user has been told what is missing. Out: *out as
 * handover.md 3.2 has it; free out->p. */
enum cli_exit collateral_gather(const struct cli *c, struct mspan *out, struct span evidence,
                                const char *folder);

/* collateral_pack: the same of --for into the file --out; the folder is an argument. */
enum cli_exit collateral_pack(struct cli *c);

/* cmd_collateral.c: the verb, for the table in cmd_attest.c. */
extern const struct cli_option cmd_collateral_options[];
enum cli_exit cmd_collateral(struct cli *c);

#endif
