/* sealing: carries out one order: gathers the content's blocks, has each sealed once, writes the
 * segments to a volume, and puts the replica into the volume's tree. Design: docs/design/host.md 3.
 * Runs on a sealing thread, straight through; the link to the enclave is shared batch by batch. */
#ifndef CRUST_IPFSD_SEALING_H
#define CRUST_IPFSD_SEALING_H

#include "ipfsd/call.h"

/* sealing_run does the order and fills *out; a content that is sealed here already is OK. What
 * fails is explained with call_fail. What was sealed until then stays when the same order can
 * succeed later (the enclave, the source or the asker went away), and is not sealed again then;
 * else nothing is left behind. */
NODISCARD enum err sealing_run(struct call *c, const struct node_seal *order,
                               struct node_sealed *out);

#endif
