/* gateways: blocks that are not on this machine, over HTTP from those who keep them (the trustless
 * gateway protocol), each checked against its digest: as a CAR stream of what the reader has said
 * it will read (gateways_expect), and one at a time (`?format=raw`), perhaps from somebody else,
 * where a stream lacks a block, holds a false one or cannot be had.
 *
 * Who is asked: the holders that the chain names for the content, the origins of its order, then
 * [cli] gateway. Private addresses of the first two are dialled only where the network's parameters
 * allow it. One thread. */
#ifndef CRUST_CLI_GATEWAYS_H
#define CRUST_CLI_GATEWAYS_H

#include "cli/carpull.h"
#include "cli/cli.h"
#include "codec/cid.h"
#include "ipfs/blockio.h"

enum {
    GATEWAYS_MAX = 32,
    GATEWAYS_URL_MAX = 256,
    GATEWAYS_FAILURES_MAX = 2, /* in a row: then it is not asked again */
    GATEWAYS_CUTS_MAX = 3,
    GATEWAYS_KEPT = 2, /* blocks of the network that are kept: a reader looks twice */
};

struct gateways_one {
    char url[GATEWAYS_URL_MAX]; /* without '/' at the end */
    bool allow_private;
    uint32_t failures;
    uint32_t cuts; /* streams that it broke off; GATEWAYS_CUTS_MAX: only single blocks are asked */
};

/* A block that came lately. */
struct gateways_kept {
    struct block_key key;
    uint8_t *data; /* NULL: none */
    size_t size;
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
    bool expects;
    struct carpull_want want; /* what is read next, when expects */
    struct carpull *stream;   /* or NULL */
    size_t stream_of;         /* whose it is */
    struct gateways_kept kept[GATEWAYS_KEPT];
    size_t kept_next;
    uint64_t blocks, bytes; /* that came over the network */
    uint64_t requests;      /* for them */
};

void gateways_init(struct gateways *g, const struct cli *c, const struct block_source *local);
void gateways_close(struct gateways *g);

/* The content that is read from now on. */
void gateways_root(struct gateways *g, const struct cid *root);

/* gateways_expect says what will be read next, in depth-first order. A stream that is under way
 * goes on; when there is none (it ended, or its gateway failed) the next block that is not here
 * begins one of this. */
void gateways_expect(struct gateways *g, const struct carpull_want *want);

/* gateways_turn ends the stream: what is read next does not follow in it. */
void gateways_turn(struct gateways *g);

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
