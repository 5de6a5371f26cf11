/* push: content that nobody could fetch, because no crust-ipfsd serves it, is sent to the nodes
 * that would take its order first. Protocol: docs/spec/car-push.md; who is first: api/rendezvous.h.
 */
#ifndef CRUST_CLI_PUSH_H
#define CRUST_CLI_PUSH_H

#include "api/rendezvous.h"
#include "cli/put.h"

enum {
    PUSH_WORKERS_MAX = 500, /* that are ranked: a page of the chain's list */
    PUSH_NODES_MAX = 16,    /* that are tried */
    PUSH_ANSWER_MAX = 256,
};

/* A worker, as the rank needs it. */
struct push_worker {
    uint8_t worker[32];
    uint8_t account[32];
    uint64_t weight;
    struct rendezvous_score score; /* push_rank's */
};

struct push_node {
    uint8_t account[32];
    char url[CHAIN_CLIENT_ORIGIN_MAX];
};

struct push {
    uint32_t wanted;   /* nodes that are to get it; 0: enough hold it already */
    size_t node_count; /* who is asked, first one first */
    struct push_node nodes[PUSH_NODES_MAX];
    bool allow_private;
    uint8_t chain[32];
};

/* push_rank sorts workers by rendezvous for key, keeps the first of each account, and returns how
 * many are left. Pure. */
size_t push_rank(struct push_worker *workers, size_t count, const uint8_t genesis[32],
                 const struct content_key *key);

/* push_answer makes one line for people of what a node answered, without control characters,
 * whatever body is. Pure. */
void push_answer(char out[PUSH_ANSWER_MAX], uint16_t status, struct span body);

/* push_find asks the chain who is to get p, before it is ordered. On failure it has told the user:
 * no node has a URL, or the order stands and is of an account other than key's. */
enum cli_exit push_find(struct cli *c, struct push *out, const struct put *p,
                        const struct ed25519_key *key);

/* push_run sends p, which has been ordered, to them: each that refuses is told, and the next one
 * asked. CLI_OK when at least one has taken it, as the others can fetch it there. */
enum cli_exit push_run(struct cli *c, const struct push *push, const struct put *p,
                       const struct ed25519_key *key);

#endif
