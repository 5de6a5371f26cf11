/* light: what a light client needs from a node: the genesis file, and blocks as the engine signed
 * them. API: docs/guide/chain-api.md. Called on HTTP threads. */
#ifndef CRUST_CHAIND_LIGHT_H
#define CRUST_CHAIND_LIGHT_H

#include "chaind/node.h"

/* light_genesis answers with the genesis file if it is this chain's: 404 when the folder holds
 * none.
 */
void light_genesis(struct node *n, struct http_request *rq, const uint8_t hash[32]);

/* light_block answers with header, commit and validators of a height, asked from CometBFT on the
 * loop; with the embedded engine, that there are none. */
void light_block(struct node *n, struct http_request *rq, uint64_t height);

#endif
