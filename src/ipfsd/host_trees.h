/* host_trees: the host's copy of the trees and its index, which the journal, the enclave and the
 * disks can always replace: opened, brought to the journal's version, compared with what the
 * enclave says, and made anew from the disks' lists of leaves. Design: docs/design/host.md 8.
 * The main thread before other threads run; later under the host's lock. */
#ifndef CRUST_IPFSD_HOST_TREES_H
#define CRUST_IPFSD_HOST_TREES_H

#include "ipfsd/leaves.h"
#include "proof/work_state.h"
#include "store/treestore.h"

struct host;
struct settings;

/* host_trees_open opens enclave/trees.mdb; a damaged file is removed and a new one made. */
NODISCARD enum err host_trees_open(struct host *h);

/* host_trees_align brings trees and lists to the journal's version, and compares each state that
 * may still be asked for with the trees. When they differ, or are gone, they are made anew. What
 * cannot be (its disk is away) is in h->lost. */
NODISCARD enum err host_trees_align(struct host *h);

/* Makes the trees anew from the lists. ERR_IO ... of the store of trees; what no list gives shows
 * in host_trees_differ: the volumes whose roots are not those of the states (now may be NULL: not
 * known). */
NODISCARD enum err host_trees_rebuild(struct host *h);
uint16_t host_trees_differ(struct host *h, const struct work_state *now);

/* host_list_leaf writes the row of a change that is to be the next version, before the enclave is
 * asked; host_unlist_leaf takes it back. A removal succeeds also when the disk is away. */
NODISCARD enum err host_list_leaf(struct host *h, const struct treestore_set *set);
void host_unlist_leaf(struct host *h, uint64_t tree);

/* A disk is back: the trees follow its list when they were lost; once it is in use again, its list
 * follows the trees. */
void host_list_returned(struct host *h, uint32_t volume);
void host_list_follow(struct host *h, uint32_t volume);

/* The leaf that the bytes kept with it say. ERR_CORRUPT. */
NODISCARD enum err host_leaf_of(struct treestore_node *out, struct span data);

/* host_index_open opens enclave/replicas.mdb; a damaged file is removed and a new one made. */
NODISCARD enum err host_index_open(struct host *h);

/* host_rebuild makes trees.mdb anew without the enclave, compares it with the journal's steps, and
 * removes replicas.mdb, which the next start makes anew. What happened has been logged.
 * ERR_NOT_FOUND: no storage here. ERR_CORRUPT: a volume's trees could not be made. */
NODISCARD enum err host_rebuild(const struct settings *s);

#endif
