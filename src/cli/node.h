/* node: what the verbs know about this machine's programs without changing anything: the running
 * crust-ipfsd, its disks, its gateway. Used by disk list, status and doctor. */
#ifndef CRUST_CLI_NODE_H
#define CRUST_CLI_NODE_H

#include "api/chain_client.h"
#include "cli/local.h"

enum { NODE_PATH_MAX = 512 };

/* A disk of [ipfsd] disks, and what crust-ipfsd says of it. */
struct node_place {
    char path[NODE_PATH_MAX];
    uint64_t limit;       /* of the configuration; 0: all of its file system */
    bool there;           /* a folder that can be written to */
    uint64_t free, total; /* of its file system */
    bool running;         /* crust-ipfsd uses it: what follows is set */
    char state[96];       /* "ok", or a word, a colon and why */
    uint32_t volume;
    uint64_t replicas, extents; /* bytes of each */
};

/* node_places reads the disks of crust.conf and, when status is given, those that the daemon has
 * besides; at most NODE_DISKS_MAX. */
enum cli_exit node_places(const struct cli *c, struct node_place out[NODE_DISKS_MAX], size_t *count,
                          const struct node_status *status);

/* node_place_parse reads "PATH" or "PATH:CAPACITY"; relative paths are below home. False: the
 * capacity is no size, or the path is too long. */
bool node_place_parse(const struct cli *c, struct node_place *out, const char *text);
/* node_place_look fills in there, free and total. */
void node_place_look(struct node_place *p);

/* node_ask asks a connected daemon for its status; spans live until its next question. */
NODISCARD enum err node_ask(struct ipc_sink *daemon, struct node_status *out);

/* node_is_fork: an enclave at step seq with state s is not where the chain knows its worker to be:
 * an older copy was put back, or another copy has reported. It can report no more. */
bool node_is_fork(uint64_t seq, const uint8_t s[32], const struct chain_client_worker *w);

/* node_gateway_answers: a gateway is at this URL and serves blocks. */
bool node_gateway_answers(const char *url);

/* node_space: bytes free and in all on the file system of a folder. */
NODISCARD enum err node_space(uint64_t *free, uint64_t *total, const char *path);

#endif
