/* seal_report: one work report under way: the draws, the answers checked one by one, the signature.
 * Spec: docs/spec/seal.md section 10; the report's format: docs/spec/report.md. Pure.
 *
 * The host cannot choose what is signed: every field is rebuilt here from the request's named
 * fields, from records that this enclave made, and from openings that it has verified. */
#ifndef CRUST_SEAL_SEAL_REPORT_H
#define CRUST_SEAL_SEAL_REPORT_H

#include "codec/enclave_msg.h"
#include "crypto/aes_ctr.h"
#include "proof/draw.h"
#include "seal/seal_keys.h"

/* Room for the answers, encoded: as much as a report of a return can hold. */
enum { SEAL_REPORT_ANSWERS = REPORT_RETURN_SIZE_MAX };

struct seal_report_entry {
    uint64_t slot;
    uint8_t beacon[32];
    uint16_t suspended;
    uint8_t volume; /* of a return, or ENCLAVE_NO_VOLUME */
    uint32_t private_count;
    struct draw_list list;
};

struct seal_report {
    bool open;
    uint8_t chain[32], account[32], beacon[32];
    uint64_t slot;
    uint8_t suspend, return_;
    uint16_t failed;
    struct work_state base;
    uint8_t state[32]; /* S of base */
    uint32_t entry_count;
    struct seal_report_entry entries[ENCLAVE_ENTRIES_MAX];
    uint32_t public_count;
    uint32_t draw_count;
    uint32_t next; /* the draw that must be answered now */
    size_t step_size;
    uint8_t step[ENCLAVE_STEP_MAX];
    uint32_t entries_open;  /* whose heads are written */
    uint32_t answers_begun; /* public draws of those */
    struct writer answers;  /* the entries of the attempt, in memory */
    uint8_t memory[SEAL_REPORT_ANSWERS];
};

/* A draw by its number: the public draws of all entries, then the private ones. */
struct seal_report_draw {
    uint8_t entry;
    bool is_private;
    struct draw draw; /* j: within its entry and kind, or the number of the private draw */
};

/* seal_report_begin throws away a report under way and starts one.
 * ERR_SIGNATURE (base or step are not ours), ERR_STATE (the step does not follow the base that is
 * opened), ERR_RANGE (volume, number of draws), ERR_FORMAT (entries). */
NODISCARD enum err seal_report_begin(struct seal_report *r, const struct seal_keys *keys,
                                     const uint8_t chain[32], const struct enclave_report_begin *m);

/* ERR_RANGE: no such draw; ERR_STATE: no report is open. */
NODISCARD enum err seal_report_draw_at(struct seal_report_draw *out, const struct seal_report *r,
                                       const struct seal_keys *keys, uint32_t number);

/* seal_report_answer takes a REPORT_FILE, REPORT_EXTENT or REPORT_MISS, strictly in order. data is
 * decrypted in place, with headroom as seal_session_open_block says. A wrong answer changes
 * nothing: ERR_STATE (not this draw's turn, or the other kind), ERR_RANGE, ERR_CORRUPT, ERR_FORMAT,
 * ERR_SIGNATURE (the wrapped key), ERR_LIMIT (the openings outgrow a report). */
NODISCARD enum err seal_report_answer(struct seal_report *r, const struct seal_keys *keys,
                                      struct aes_ctr *aes, const struct enclave_request *m,
                                      struct mspan data);

/* seal_report_end writes and signs the report. ERR_STATE: a draw is not answered yet; ERR_LIMIT:
 * longer than a report may be, which only a step can bring about: begin without it. scratch holds
 * the attempt meanwhile. */
NODISCARD enum err seal_report_end(struct seal_report *r, struct writer *out, struct mspan scratch,
                                   const struct seal_keys *keys);

#endif
