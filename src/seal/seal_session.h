/* seal_session: sealing one DAG, in memory that does not depend on its size.
 * Spec: docs/spec/seal.md sections 3 to 6; why the check is sound: docs/spec/completeness.md. Pure.
 *
 *   OPEN --block, close--> OPEN --first record--> RECORDS --end--> ENDED
 *                                                    |
 *                              a record or the sums are wrong --> BROKEN
 * BROKEN and ENDED answer nothing more; resume starts again from a checkpoint. */
#ifndef CRUST_SEAL_SEAL_SESSION_H
#define CRUST_SEAL_SEAL_SESSION_H

#include "codec/enclave_reply.h"
#include "crypto/aes_ctr.h"
#include "crypto/hmac.h"
#include "proof/content.h"
#include "seal/seal_keys.h"

enum seal_session_phase {
    SEAL_SESSION_OPEN,
    SEAL_SESSION_RECORDS,
    SEAL_SESSION_BROKEN,
    SEAL_SESSION_ENDED,
};

enum {
    SEAL_SESSION_HEADROOM = 16, /* bytes before a block that its cipher may overwrite */
    SEAL_SESSION_CHECKPOINT = 24 + 8 + 36 + 3 * 32 + 8 + 8 + 4 + 32 * 32 + 16,
};

/* A number mod 2^256, least significant limb first. */
struct seal_sum {
    uint64_t limb[4];
};

/* Where a session stands; what a checkpoint holds. */
struct seal_session_core {
    uint64_t number;
    struct content_key root;
    struct secret key; /* of F and F' */
    struct seal_sum a; /* F(root) + F of every link of every block */
    struct seal_sum d; /* F' of every block */
    uint64_t blocks;   /* sealed, in closed segments once a checkpoint is made */
    uint64_t bytes;
    uint32_t segments;  /* closed */
    struct merkle tree; /* over the closed segments */
};

struct seal_session {
    bool used;
    enum seal_session_phase phase;
    struct seal_session_core core;
    struct hmac f, f_record; /* keyed, with their tags taken in */
    /* the open segment */
    bool segment_open;
    uint32_t segment_length;
    struct secret segment_key;
    struct aes_ctr aes; /* its heap part lives as long as the process */
    /* the records phase */
    struct content_data data;
    struct seal_sum a_records, d_records;
};

typedef void (*seal_entropy)(void *out, size_t n);

/* seal_session_begin starts one; key: 32 fresh random bytes.
 * ERR_UNSUPPORTED: the root's codec is none of raw, dag-pb, dag-cbor. */
NODISCARD enum err seal_session_begin(struct seal_session *s, uint64_t number,
                                      const struct content_key *root, const struct secret *key);

/* seal_session_wipe ends it and wipes its keys; the cipher context stays for the next. */
void seal_session_wipe(struct seal_session *s);

/* seal_session_block checks a block, takes its links and encrypts it in place. block[-1 ..
 * -SEAL_SESSION_HEADROOM] are overwritten.
 * Returns: OK; ERR_STATE (not OPEN), ERR_LIMIT (longer than a block may be), ERR_FULL (the segment
 *          has no room: close it first), ERR_CORRUPT (not its digest), ERR_UNSUPPORTED (codec, or
 *          a link to what cannot be stored), or what links_init returns. Nothing changes then. */
NODISCARD enum err seal_session_block(struct seal_session *s, struct enclave_seal_block_reply *out,
                                      const struct content_key *key, struct mspan block,
                                      seal_entropy entropy);

/* seal_session_close wraps the open segment's key, forgets it, and writes the checkpoint to record,
 * which out borrows. With no segment open it closes an empty one if there is none yet. ERR_STATE
 * otherwise. */
NODISCARD enum err seal_session_close(struct seal_session *s, struct enclave_seal_close_reply *out,
                                      uint8_t record[SEAL_SESSION_CHECKPOINT],
                                      const struct seal_keys *keys, seal_entropy entropy);

/* seal_session_resume continues from a checkpoint of this lineage. ERR_SIGNATURE; ERR_FORMAT. */
NODISCARD enum err seal_session_resume(struct seal_session *s, struct span checkpoint,
                                       const struct seal_keys *keys);

/* seal_session_records takes the next records, ENCLAVE_COUNTED_SIZE bytes each. ERR_STATE (a
 * segment is open, or none is closed yet, or BROKEN); otherwise a refused record breaks the
 * session: ERR_FORMAT (order, in-degree 0, a length of counted), ERR_UNSUPPORTED, ERR_RANGE. */
NODISCARD enum err seal_session_records(struct seal_session *s, struct span counted);

/* seal_session_end compares the sums and gives what the file leaf holds.
 * ERR_STATE (not in RECORDS); ERR_CORRUPT: the records are not those of exactly this DAG, complete.
 */
NODISCARD enum err seal_session_end(struct seal_session *s, struct content_commitment *commitment,
                                    uint8_t seal_root[32]);

/* The segment tree's leaf, which binds a wrapped key to its replica. */
void seal_session_segment_leaf(uint8_t out[32], uint32_t segment, uint32_t length,
                               const uint8_t wrapped[ENCLAVE_WRAPPED_SIZE]);

extern const struct merkle_tags seal_session_tags; /* of that tree */

/* seal_session_open_block decrypts a block in place with an unwrapped segment key and releases it
 * only when it has its digest: OK, or ERR_CORRUPT and the block wiped. Headroom as above. */
NODISCARD enum err seal_session_open_block(struct aes_ctr *aes, const struct secret *key,
                                           uint32_t offset, struct mspan block,
                                           const uint8_t digest[32]);

#endif
