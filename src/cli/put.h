/* put: paying others to keep content: quote, order, and following it until it is kept. Used by
 * `crust put` and by the devnet's run. */
#ifndef CRUST_CLI_PUT_H
#define CRUST_CLI_PUT_H

#include "cli/import.h"
#include "cli/ledger.h"

struct put {
    struct cid root;
    struct content_key key;
    uint64_t files, bytes; /* of what was read; 0 for a CID */
    struct content_commitment commitment;
    uint8_t order[32];
    uint32_t replicas; /* 0: the network's default */
    struct amount tip;
    uint32_t origin_count;
    char origins[TX_ORIGINS_MAX][TX_ORIGIN_SIZE_MAX + 1];
    struct chain_client_price price;
    uint32_t staking_percent, storage_percent; /* of the chain's parameters, by put_quote */
    bool stands; /* the chain had this order before: nothing was paid */
    struct chain_client_tx tx;
};

/* put_add imports a path into the local store with its commitment, and takes the running
 * crust-ipfsd's gateway as origin unless origins are there. Without either p->origin_count is 0. */
enum cli_exit put_add(struct cli *c, struct put *p, const char *path,
                      const struct import_options *o);

/* put_known takes content that is whole in the local store already. */
enum cli_exit put_known(struct cli *c, struct put *p, const struct cid *root);

/* put_quote asks for the price; put_price_split tells where it goes. */
enum cli_exit put_quote(struct cli *c, struct put *p);
struct put_split {
    struct amount total, staking, storage, reserve, tip;
};
void put_price_split(struct put_split *out, const struct put *p);

/* put_place sends the order, or finds that it stands already (p->stands). */
enum cli_exit put_place(struct cli *c, struct put *p, const struct ed25519_key *key);

/* What put_follow tells; each holder once per step. */
enum put_step { PUT_REPORTED, PUT_VERIFIED };
typedef void (*put_tell)(void *ctx, enum put_step step, const struct chain_client_holder *holder,
                         uint64_t height);

/* What has been told already. */
struct put_progress {
    uint8_t marks[1 << 16];
};

/* put_follow_once asks the chain once: CLI_OK when as many replicas as wanted are verified, else
 * CLI_UNREACHABLE. *order is what the chain said last, unchanged when it did not answer. */
enum cli_exit put_follow_once(struct cli *c, const struct put *p, struct chain_client_order *order,
                              struct put_progress *progress, put_tell tell, void *ctx);

/* put_follow asks until as many replicas as wanted are verified. CLI_UNREACHABLE after patience_ms.
 * *order is what the chain said last. */
enum cli_exit put_follow(struct cli *c, const struct put *p, struct chain_client_order *order,
                         uint64_t patience_ms, put_tell tell, void *ctx);

#endif
