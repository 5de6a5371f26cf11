/* session: seals one replica: blocks in, each once and in any order; segments, their records and a
 * checkpoint for each closed segment on a volume; in the end the ticket for the volume's tree. What
 * is closed is not sealed again after a crash: session_resume goes on behind the newest checkpoint.
 * Design: docs/design/host.md 3; files: docs/spec/node-host.md 3 and 6. One thread. */
#ifndef CRUST_IPFSD_SESSION_H
#define CRUST_IPFSD_SESSION_H

#include "ipfsd/host.h"
#include "ipfsd/placements.h"
#include "ipfsd/session_file.h"

enum {
    SESSION_BATCH_BLOCKS = 8,
    SESSION_BATCH_BYTES =
        4 << 20, /* in flight to the enclave: half of what a connection may have */
};

struct session {
    struct host *host;        /* kept */
    struct placements *links; /* kept: where each block went */
    uint32_t segment_max;     /* bytes */
    uint32_t starts;          /* of the enclave, when this session began or went on */
    bool begun;               /* the enclave has it, under file.number */
    bool kept;                /* a checkpoint is on the volume */
    bool disk_failed;         /* the last error is the volume's */
    uint32_t volume;
    struct replica_at at;
    struct session_file file; /* key, number, closed segments, checkpoint */
    struct volume_segment segment;
    bool segment_open;
    uint64_t segment_length; /* of the open one, with what is in the batch */
    uint32_t parts;          /* written, of the open segment */
    uint32_t part_count;     /* records in part */
    uint8_t *part;           /* SESSION_FILE_PART_RECORDS */
    uint32_t resumed;        /* segments that were closed before */
    size_t batch_count, batch_bytes;
    struct enclave_item items[SESSION_BATCH_BLOCKS];
    struct content_key keys[SESSION_BATCH_BLOCKS];
    uint8_t *in, *out; /* SESSION_BATCH_BYTES each */
    struct enclave_answer answer;
};

/* session_init takes memory (ERR_MEMORY); session_fini gives it back. A zeroed object is fine. */
NODISCARD enum err session_init(struct session *s, struct host *h, struct placements *links);
void session_fini(struct session *s);

/* session_begin starts one of this content on a volume. The caller has claimed the content
 * (ipfsd/sessions.h), here as in session_resume. ERR_CLOSED, ERR_BUSY, ERR_LIMIT. */
NODISCARD enum err session_begin(struct session *s, const struct content_key *key, uint32_t volume);

/* Takes a block that is in a closed segment; data is the block, or none when it cannot have links
 * (raw). Called in the order of sealing, before the block's place is put into links. */
typedef enum err (*session_again)(void *ctx, const struct content_record *record, struct span data);

/* session_resume goes on with a session that was kept. ERR_CLOSED: the enclave is gone;
 * ERR_BUSY, ERR_MEMORY: later; what again returned; everything else: it cannot be resumed. */
NODISCARD enum err session_resume(struct session *s, const struct sessions_entry *e,
                                  session_again again, void *ctx);

/* session_block seals a block. The enclave's or the volume's error. */
NODISCARD enum err session_block(struct session *s, const struct content_key *key,
                                 struct span data);

/* session_finish closes the last segment and shows the enclave all records; session_end gives what
 * host_add_file wants, and the replica's head is on the volume. */
NODISCARD enum err session_finish(struct session *s);
NODISCARD enum err session_end(struct session *s, struct host_new_file *out);

/* One of these four ends a session that was begun. session_done: the replica is in the tree.
 * session_wait: it is to go on later; what is in the open segment is kept when that is worth a
 * segment; false: nothing is kept, and the session was discarded. session_discard: nothing stays.
 */
void session_done(struct session *s);
bool session_wait(struct session *s);
void session_discard(struct session *s);
void session_leave(struct session *s);

/* True when the enclave that had this session is gone. */
bool session_lost(const struct session *s);

/* session_drop gives up a session that was kept, which the caller has claimed; ends the claim. */
void session_drop(struct host *h, const struct sessions_entry *e);

#endif
