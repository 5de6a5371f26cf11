/* peers: what the running crust-ipfsd says about its libp2p peers. docs/spec/node-ipc.md 8. */
#ifndef CRUST_CLI_PEERS_H
#define CRUST_CLI_PEERS_H

#include "cli/local.h"
#include "codec/node_p2p.h"

/* peers_ask asks a question of a kind NODE_P2P_* that is answered in JSON; text (NULL: none) is its
 * subject. Out: *answer, given: json_decref. The daemon's error is the return value; daemon->what
 * explains it. ERR_FORMAT: no JSON. */
NODISCARD enum err peers_ask(struct ipc_sink *daemon, json_t **answer, uint16_t type,
                             const char *text);

/* peers_try asks connected peers for one block by bitswap; it may take 20 s. OK and *size. */
NODISCARD enum err peers_try(struct ipc_sink *daemon, uint64_t *size, const struct cid *cid);

/* A member of an answer: "" or 0 when it is not there. Borrowed from it. */
const char *peers_text(const json_t *object, const char *name);
uint64_t peers_number(const json_t *object, const char *name);

/* Whether an address, with or without /p2p/ID, is the one of an entry of "reach". */
bool peers_is_at(const char *address, const json_t *entry);

/* How many of an entry's "asked" have reached it. */
size_t peers_reached(const json_t *entry);

#endif
