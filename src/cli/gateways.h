/* gateways: blocks that are not on this machine, over HTTP from those who keep them, one at a time
 * by `GET /ipfs/CID?format=raw` (the trustless gateway protocol), each checked against its digest.
 *
 * Who is asked: the holders that the chain names for the content, the origins of its order, then
 * [cli] gateway. Private addresses of the first two are dialled only where the network's parameters
 * allow it. One thread. */
#ifndef CRUST_CLI_GATEWAYS_H
#define CRUST_CLI_GATEWAYS_H

#include "cli/cli.h"
#include "codec/cid.h"
#include "ipfs/blockio.h"

enum {
    GATEWAYS_MAX = 32,
    GATEWAYS_URL_MAX = 256,
    GATEWAYS_FAILURES_MAX = 2, /* in a row: then it is not asked again */
};

struct gateways_one {
    char url[GATEWAYS_URL_MAX]; /* without '/' at the end */
    bool allow_private;
    uint32_t failures;
};

struct gateways {
    const struct cli *c;
    struct block_source local; /* asked first */
    struct cid root;           /* whose holders are asked; version 0: not known yet */
    bool has_root;
    bool listed;
    size_t count;
    size_t good; /* who answered last is asked first */
    struct gateways_one list[GATEWAYS_MAX];
    uint64_t blocks, bytes; /* that came over the network */
};

void gateways_init(struct gateways *g, const struct cli *c, const struct block_source *local);

/* The content that is read from now on. */
void gateways_root(struct gateways *g, const struct cid *root);

/* The source: local blocks first, then the network. Valid while g does not move. */
struct block_source gateways_source(struct gateways *g);

/* gateways_list finds out who can be asked, if that has not been done. */
void gateways_list(struct gateways *g);

/* Whether the network's parameters let us dial private addresses that the chain names. */
bool gateways_private_allowed(const struct cli *c);

/* gateways_fetch asks one of them for a block. OK; ERR_NOT_FOUND (it has not got it), ERR_CORRUPT
 * (other bytes), ERR_CLOSED, ERR_DENIED (a private address), ERR_TIMEOUT, ERR_IO. */
NODISCARD enum err gateways_fetch(struct gateways_one *one, size_t *size, struct mspan buf,
                                  const struct cid *cid);

#endif
