/* comet: crust-chaind behind CometBFT: the ABCI server, and the way of our own transactions into
 * CometBFT's mempool. Why and how: docs/design/cometbft.md. Loop thread. */
#ifndef CRUST_CHAIND_COMET_H
#define CRUST_CHAIND_COMET_H

#include "chaind/node.h"

struct comet;

/* comet_open starts listening for CometBFT; n->intake is set. Errors are logged. */
NODISCARD enum err comet_open(struct comet **out, struct node *n);
void comet_close(struct comet *c);

/* comet_kick hands what is durable and new to CometBFT. */
void comet_kick(struct comet *c);

/* Whom to ask for headers and votes. Loop. */
struct http_client;
struct http_client *comet_http(struct comet *c);
const char *comet_rpc(const struct comet *c);

#endif
