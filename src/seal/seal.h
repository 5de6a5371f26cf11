/* seal: the enclave as one object: requests in, replies out. Spec: docs/spec/seal.md and
 * docs/spec/enclave-ipc.md. Pure: all memory is given at start and none of it grows with what is
 * stored; random bytes come from a function in the configuration.
 *
 *   START --HELLO--> GREETED --PROVISION--> KEYED --LOAD--> READY --HAND_OVER--> CLOSED
 *                                            |  TAKE_OVER stays KEYED
 *
 * CLOSED is also what LOAD leads to when the state belongs to another worker: blocks are unsealed,
 * the hand-over can be repeated for the same successor, and everything else is ERR_STATE.
 *
 * A request that its phase does not allow, or that does not decode, is a violation: the caller ends
 * the process (seal_decode says so). Everything else is answered, with a reply or an error.
 *
 * Threads: one caller decodes and handles. Jobs whose lane is not SEAL_LANE_ALONE may be handled by
 * other threads meanwhile, one per lane at a time; a job that is ALONE only when no other runs. */
#ifndef CRUST_SEAL_SEAL_H
#define CRUST_SEAL_SEAL_H

#include "attest/attest_made.h"
#include "codec/enclave_reply.h"
#include "proof/srd.h"
#include "seal/handover.h"
#include "seal/seal_provider.h"
#include "seal/seal_report.h"
#include "seal/seal_session.h"
#include "seal/seal_state.h"

enum {
    SEAL_SESSIONS_MAX = 8,
    SEAL_FILLS_MAX = 4,
    SEAL_FILL_SIZE_MAX = 1 << 30,
    SEAL_JOB_OUT = 64 << 10,
    SEAL_LANE_ALONE = -1,
    SEAL_LANE_FREE = -2, /* touches nothing but the keys: any number at a time */
    SEAL_LANES = SEAL_SESSIONS_MAX + SEAL_FILLS_MAX,
};

enum seal_phase { SEAL_START, SEAL_GREETED, SEAL_KEYED, SEAL_READY, SEAL_CLOSED };

struct seal_config {
    const struct seal_provider *provider;  /* kept */
    struct secret sealing;                 /* the provider's, for what the host keeps */
    struct span release;                   /* version text, kept */
    uint32_t number;                       /* of the release: base/release.h */
    struct release_cert_keys release_keys; /* who signs certificates; needed 0: no hand-over */
    uint32_t workers;                      /* said in HELLO */
    seal_entropy entropy;
};

struct seal_fill {
    bool used;
    uint64_t number;
    uint64_t size, done;
    struct aes_ctr aes;
    struct srd_extent extent;
};

struct seal {
    struct seal_config config;
    enum seal_phase phase;
    uint8_t chain[32];
    struct seal_keys keys;
    struct seal_state state;
    struct seal_session sessions[SEAL_SESSIONS_MAX];
    struct seal_fill fills[SEAL_FILLS_MAX];
    struct seal_report report;
};

/* One request with the memory to handle it. Its bulk is private memory: handlers work in place. */
struct seal_job {
    struct enclave_request request; /* borrows from body */
    struct enclave_reply reply;     /* borrows from out */
    struct span reply_bulk;         /* borrows from data */
    struct aes_ctr aes;             /* for unseal and inspect */
    size_t bulk_size;
    uint8_t body[ENCLAVE_BODY_MAX]; /* of the request */
    uint8_t out[SEAL_JOB_OUT];
    uint8_t data[SEAL_SESSION_HEADROOM + ENCLAVE_BLOCK_MAX + 1]; /* headroom, then the bulk */
};

/* seal_init takes the configuration; ERR_MEMORY: libcrypto has no memory for the ciphers. */
NODISCARD enum err seal_init(struct seal *s, const struct seal_config *config);
NODISCARD enum err seal_job_init(struct seal_job *j);

/* seal_reset wipes keys, state, open segments and reports: back to START, for a new connection. */
void seal_reset(struct seal *s);
void seal_fini(struct seal *s);
void seal_job_fini(struct seal_job *j);

/* seal_take copies a request into the job once; from here on only the copy is looked at.
 * Returns: OK; anything else is a violation: ERR_UNSUPPORTED (no such type), ERR_DENIED (not in
 *          this phase), ERR_LIMIT (too much bulk, or bulk where none belongs), or the decoder's. */
NODISCARD enum err seal_take(const struct seal *s, struct seal_job *j, uint16_t type,
                             struct span body, struct span bulk);

/* The lane of a job that was taken: SEAL_LANE_ALONE, SEAL_LANE_FREE, or one below SEAL_LANES. */
int seal_lane(struct seal *s, const struct seal_job *j);

/* seal_handle does it. OK: j->reply and j->reply_bulk are the answer; otherwise the error is, and
 * nothing but what the message's description says has changed. */
NODISCARD enum err seal_handle(struct seal *s, struct seal_job *j);

#endif
