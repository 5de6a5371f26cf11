/* host: the enclave's host: process, journal, trees, index and disks of a storage node, and every
 * change of what the node claims to hold. Design: docs/design/host.md.
 *
 * Order of durability: sealed data, then the trees, then the journal with the enclave's new state
 * record, then the acknowledgement (design/host.md 2). A change takes the lock from the request to
 * the enclave until the journal is on the disks, so that records are journalled in their order.
 *
 * Threads: all calls from any thread but the loop's, except open and close. */
#ifndef CRUST_IPFSD_HOST_H
#define CRUST_IPFSD_HOST_H

#include "codec/node_msg.h"
#include "ipfsd/disks.h"
#include "ipfsd/enclave_link.h"
#include "ipfsd/handover_file.h"
#include "ipfsd/host_log.h"
#include "ipfsd/host_trees.h"
#include "ipfsd/replica.h"
#include "ipfsd/replicas.h"
#include "ipfsd/sessions.h"
#include "proof/work_state.h"
#include "store/treestore.h"

enum { HOST_PATH_MAX = SETTINGS_PATH_MAX + 32 };

/* What status pages show, as it was after the last change: published by who holds the lock, read by
 * anybody without it. */
struct host_numbers {
    uint64_t seq;
    uint8_t s[32];
    uint32_t pending;
    uint64_t files, file_bytes, extents, extent_bytes;
    uint8_t worker[32], predecessor[32], lineage[32];
};

struct host {
    const struct settings *settings; /* kept */
    struct enclave_link link;
    struct disks disks;
    struct host_log log;     /* under lock, as all that follows */
    struct treestore *trees; /* readers need no lock */
    struct replicas index;   /* readers need no lock */
    struct leaves leaves[DISKS_MAX];
    uint16_t lost;            /* volumes whose trees are not those that the enclave knows */
    bool index_stale;         /* to be made anew at start, and when a disk comes back */
    bool index_partial;       /* what could not be read was left out */
    bool index_behind;        /* a change is not in it; its version stays that of before */
    struct sessions sessions; /* has a lock of its own, taken last */
    pthread_mutex_t lock;
    struct handover_file handover;
    uint8_t chain[32], worker[32], lineage[32];
    uint8_t release_id[32]; /* of the enclave's program */
    char provider[17];
    bool is_volatile; /* the worker ends with the enclave's process */
    uint8_t s[32];    /* after the last cut */
    uint32_t pending_leaves;
    struct work_state now; /* with the pending operations */
    struct enclave_answer answer;
    atomic_uint starts; /* of the enclave: what it held for an earlier one is gone */
    atomic_ullong segments_sealed, segments_resumed;
    pthread_mutex_t numbers_lock;
    struct host_numbers numbers;
    atomic_uint unseals;      /* threads inside host_unseal */
    atomic_uint next_scratch; /* names of scratch files */
    char socket[HOST_PATH_MAX], key[HOST_PATH_MAX], token[HOST_PATH_MAX];
};

/* host_open starts the enclave and brings it to where the journal says; made by calloc, freed by
 * host_close. What went wrong has been logged. The main thread. */
NODISCARD enum err host_open(struct host **out, const struct settings *s);
void host_close(struct host *h); /* NULL is fine */

/* host_open_log opens the journal, on the disks that are there. Used by host_trees.c. */
NODISCARD enum err host_open_log(struct host *h);

/* host_index_whole: the index lists everything that is sealed here. Any thread. */
bool host_index_whole(struct host *h);

/* host_index_align makes the index anew when it is not that of the trees, or left things out. Under
 * the lock. */
NODISCARD enum err host_index_align(struct host *h);

/* host_index_commit ends a transaction of the index. Its version becomes the journal's only when
 * nothing is missing, for whoever finds both equal takes the index for complete. Under the lock. */
NODISCARD enum err host_index_commit(struct host *h, struct replicas_txn *t);

/* host_start starts the enclave's program and brings it to where the journal says; when a hand-over
 * is given, the successor's, which takes over first. Under the lock. */
NODISCARD enum err host_start(struct host *h);

/* host_revive starts the enclave again when it has gone. */
NODISCARD enum err host_revive(struct host *h);

/* The number of a tree in the store of trees. Under the lock. */
uint64_t host_tree(const struct host *h, uint32_t volume, bool srd);
uint64_t host_tree_of(uint32_t volume, bool srd, uint32_t generation);

/* ---- changes; each is durable when it returns OK ---- */

/* host_begin_seal, host_begin_fill give the number of a new sealing session or fill; host_abort
 * gives it up. ERR_CLOSED: the enclave is not there. */
NODISCARD enum err host_begin_seal(struct host *h, uint64_t *number, const struct content_key *key);
NODISCARD enum err host_begin_fill(struct host *h, uint64_t *number, uint64_t size);
void host_abort(struct host *h, uint64_t number);

/* A replica or an extent whose files are durable, and the ticket that lets it in. */
struct host_new_file {
    struct replicas_entry entry; /* index is set by host_add_file */
    uint8_t leaf[ENCLAVE_LEAF_SIZE];
    uint8_t ticket[ENCLAVE_FILE_TICKET_SIZE];
};
/* ERR_FULL: the step has no room and HOST_LOG_STEPS_MAX steps wait for the chain. */
NODISCARD enum err host_add_file(struct host *h, struct host_new_file *f);

struct host_new_extent {
    uint32_t volume;
    uint32_t number; /* of its file */
    uint8_t root[32];
    uint64_t size;
    uint8_t ticket[ENCLAVE_EXTENT_TICKET_SIZE];
};
NODISCARD enum err host_add_extent(struct host *h, const struct host_new_extent *x);

/* The leaf goes; the data stays until the chain has accepted that. ERR_NOT_FOUND. */
NODISCARD enum err host_remove_file(struct host *h, const struct content_key *key);
/* Removes the last extent of the volume with the least free space; *size is its size.
 * ERR_NOT_FOUND: there is none. */
NODISCARD enum err host_remove_extent(struct host *h, uint64_t *size);
/* The volume's generation goes up; what is on the disk goes when the chain has accepted that. */
NODISCARD enum err host_drop_volume(struct host *h, uint32_t volume);

/* host_stop_disk lets a disk rest: it is read until the chain has suspended its volume
 * (host_suspended), then not touched any more. host_resume_disk takes it back in: its bytes are
 * checked first. ERR_NOT_FOUND, ERR_STATE, ERR_IO. */
NODISCARD enum err host_stop_disk(struct host *h, uint32_t volume);
NODISCARD enum err host_resume_disk(struct host *h, uint32_t volume);
void host_suspended(struct host *h, uint16_t volumes);

/* The volume to suspend with the next report: it counts there, and its disk cannot be trusted or
 * read now. NODE_VOLUME_NONE. state is that of the chain, suspended its mask. */
uint32_t host_to_suspend(struct host *h, const struct work_state *state, uint16_t suspended);

/* host_wipe_dropped empties the disks of dropped volumes that the chain knows of. Any thread. */
void host_wipe_dropped(struct host *h);

/* host_cut makes a step of what is pending. ERR_STATE: nothing is. Under the lock. */
NODISCARD enum err host_cut(struct host *h);

/* The chain stores s: older trees and the data that only they held are freed. ERR_NOT_FOUND. */
NODISCARD enum err host_accepted(struct host *h, const uint8_t s[32]);

/* ---- questions ---- */

/* host_status waits neither for the lock nor for a disk. Spans borrow from h and from *out. */
struct host_view {
    struct node_status status;
    char texts[DISKS_MAX][DISKS_TEXT_MAX];
};
void host_status(struct host *h, struct host_view *out);
/* The lineage of the enclave's worker; false: there is none yet. */
bool host_lineage(struct host *h, uint8_t out[32]);

/* Publishes the numbers. Under the lock, after each change. */
void host_publish(struct host *h);
NODISCARD enum err host_sealed(struct host *h, struct node_sealed *out,
                               const struct replicas_entry *e);

/* host_evidence writes what registration needs into out. */
NODISCARD enum err host_evidence(struct host *h, uint8_t out[ENCLAVE_EVIDENCE_MAX], size_t *size,
                                 const struct node_register *m);

/* host_unseal copies a block out of any sealed replica that has it, checked by the enclave and
 * here. ERR_NOT_FOUND, ERR_LIMIT (*size says what is needed), ERR_BUSY, ERR_CLOSED, ERR_CORRUPT. */
NODISCARD enum err host_unseal(struct host *h, size_t *size, struct mspan buf,
                               const uint8_t digest[32]);
NODISCARD enum err host_sealed_size(struct host *h, size_t *size, const uint8_t digest[32]);

/* One block of one replica, unsealed into buf, which has room for it, and checked. */
struct host_block {
    const struct replica_at *at;
    const struct replica_head *head;
    const struct replica_record *record;
};
NODISCARD enum err host_unseal_block(struct host *h, struct enclave_answer *answer,
                                     struct mspan buf, const struct host_block *b);

/* A path for a scratch file that is nobody else's. */
void host_scratch(struct host *h, char out[HOST_PATH_MAX + 16]);

/* Used between host's files: what an enclave's answer says of the state; under the lock. */
NODISCARD enum err host_refresh(struct host *h);

/* The bytes kept with a leaf in the store of trees: replica id | leaf 108, or extent number u32 |
 * root | size u64. */
enum { HOST_FILE_DATA = VOLUME_REPLICA_SIZE + ENCLAVE_LEAF_SIZE, HOST_EXTENT_DATA = 44 };

#endif
