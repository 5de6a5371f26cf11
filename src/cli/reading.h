/* reading: "CID/path" for cat, get, ls and their kin: out of this machine's store, and for those
 * that go on to the network (reading_open_far), from those who keep it. */
#ifndef CRUST_CLI_READING_H
#define CRUST_CLI_READING_H

#include "cli/gateways.h"
#include "cli/local.h"
#include "codec/cid.h"
#include "ipfs/unixfs_path.h"
#include "ipfs/unixfs_read.h"

struct reading {
    struct local local;
    struct block_source source; /* what is read from: the local one, or with the network behind */
    bool far;
    struct gateways gateways; /* when far */
    struct mspan memory;      /* UNIXFS_READ_MEMORY bytes, for the walk of the moment */
    struct mspan block;       /* BLOCK_SIZE_MAX bytes, for single blocks */
};

/* A parsed "[/ipfs/]CID[/path]"; path borrows from the text. */
struct reading_name {
    struct cid cid;
    struct span path;
};

enum cli_exit reading_parse(const struct cli *c, struct reading_name *out, const char *text);

/* reading_open opens the store; reading_open_far goes on to the network from there, unless the
 * verb's --offline is given. reading_close accepts one that was never opened. *out does not move
 * while it is open. */
enum cli_exit reading_open_far(const struct cli *c, struct reading *out);
enum cli_exit reading_open(const struct cli *c, struct reading *out);
void reading_close(struct reading *r);

/* reading_expect says what is read next, so that it comes as one stream where it is not here: the
 * bytes [from, to) of a file (to UINT64_MAX: its end), or a folder, with all below it or without.
 * reading_turn: what is read next is not what follows in that. */
void reading_expect(struct reading *r, const struct cid *cid, enum carpull_scope scope,
                    uint64_t from, uint64_t to);
void reading_turn(struct reading *r);

/* reading_resolve follows the path to its target; on failure it has told the user. */
enum cli_exit reading_resolve(const struct cli *c, struct reading *r, struct cid *out,
                              const char *text);

/* reading_stat fetches the block of cid into r->block and describes it. */
enum cli_exit reading_stat(const struct cli *c, struct reading *r, struct unixfs_read_stat *out,
                           const struct cid *cid);

/* reading_failed says why the content below cid cannot be read. r may be NULL. */
enum cli_exit reading_failed(const struct cli *c, const struct reading *r, enum err e,
                             const struct cid *cid);

#endif
