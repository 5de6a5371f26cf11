/* host_log: what the host must never lose, in the journal that is mirrored on every volume: the
 * enclave's sealed keys, its newest state record, and each step until the chain has it.
 * Format: docs/spec/node-host.md. One thread at a time (the host's lock). */
#ifndef CRUST_IPFSD_HOST_LOG_H
#define CRUST_IPFSD_HOST_LOG_H

#include "codec/enclave_types.h"
#include "store/journal.h"

enum {
    HOST_LOG_STEPS_MAX = 24,         /* that the chain has not accepted; more: no new cut */
    HOST_LOG_SNAPSHOT_AT = 16 << 20, /* bytes of log after which a new one begins */
};

/* A cut: the state after a step, and the step. */
struct host_log_step {
    uint64_t seq;
    uint64_t version; /* of the trees, as this state has them */
    uint8_t s[32];
    uint8_t prev[32];
    uint8_t mac[32];               /* of the step */
    uint8_t cut[ENCLAVE_CUT_SIZE]; /* base of reports once the chain stores s */
    size_t size;
    uint8_t bytes[ENCLAVE_STEP_MAX]; /* the step; none for the base */
};

struct host_log {
    struct journal *journal;
    size_t keys_size; /* 0: none yet */
    uint8_t keys[ENCLAVE_SEALED_KEYS_MAX];
    uint64_t version;   /* of the trees that belong to record */
    size_t record_size; /* 0: the empty state */
    uint8_t record[ENCLAVE_STATE_MAX];
    struct host_log_step base; /* what the chain stores; seq 0: S_0, the empty state */
    uint32_t step_count;
    struct host_log_step steps[HOST_LOG_STEPS_MAX]; /* after the base, in order */
};

/* host_log_open reads the journal in these folders (journal_open). l is large: not on a stack.
 * ERR_FORMAT: a record that we did not write. */
NODISCARD enum err host_log_open(struct host_log *l, const struct journal_config *config);
void host_log_close(struct host_log *l);

/* Each is durable when it returns OK. After a failure the caller loads the enclave anew. */
NODISCARD enum err host_log_keys(struct host_log *l, struct span keys);
NODISCARD enum err host_log_state(struct host_log *l, uint64_t version, struct span record);
/* step is filled by the caller; ERR_FULL when HOST_LOG_STEPS_MAX wait for the chain. */
NODISCARD enum err host_log_cut(struct host_log *l, const struct host_log_step *step,
                                struct span record);
/* The chain stores s: it becomes the base, the steps up to it go. ERR_NOT_FOUND: none of ours. */
NODISCARD enum err host_log_accepted(struct host_log *l, const uint8_t s[32]);

/* The cut with this S: the base or a step; NULL when it is none of ours. *next (may be NULL) is the
 * step that follows it, or NULL. */
const struct host_log_step *host_log_find(const struct host_log *l, const uint8_t s[32],
                                          const struct host_log_step **next);

#endif
