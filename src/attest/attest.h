/* attest: evidence about an enclave -> verdict. What the chain asks before it registers a worker.
 * Spec: docs/spec/attest.md. Pure: no allocation of ours, no I/O, no clock.
 *
 * Evidence is canonical DAG-CBOR {"data": bytes, "kind": text}. Kinds: "software" (no hardware: the
 * worker key signs for itself, which proves nothing about the machine), "sgx", "tdx", "snp". Kinds
 * this build cannot verify are refused, never waved through. */
#ifndef CRUST_ATTEST_ATTEST_H
#define CRUST_ATTEST_ATTEST_H

#include "attest/attest_made.h"

enum {
    ATTEST_EVIDENCE_MAX = 16 << 10,
    ATTEST_MEASUREMENT_MAX = 48,
};

enum attest_kind {
    ATTEST_SOFTWARE = 0,
    ATTEST_SGX = 1,
    ATTEST_TDX = 2,
    ATTEST_SNP = 3,
};

/* What the verifier knows besides the evidence. */
struct attest_context {
    struct attest_binding binding;
    bool allow_software; /* a parameter of the chain: false on every network with value */
    uint64_t time_ms;    /* of the block that carries the registration; for certificates */
};

struct attest_verdict {
    enum attest_kind kind;
    uint8_t measurement[ATTEST_MEASUREMENT_MAX]; /* zeros for software */
    uint8_t measurement_size;                    /* 0 for software, else 32 or 48 */
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE];
    /* Names the machine, for caps on workers and bytes a machine. Software has none: it is then a
     * hash of the worker key, different for each worker. */
    uint8_t platform_id[32];
};

/* "software", "sgx", "tdx", "snp"; "?" otherwise. Static storage. */
const char *attest_kind_name(enum attest_kind kind);

/* attest_verify checks that the evidence is genuine and binds context->binding.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT (the bytes); ERR_UNSUPPORTED (a kind
 *          this build does not verify, or an unknown one); ERR_DENIED (software, not allowed);
 *          ERR_SIGNATURE (not genuine, or it binds something else).
 * Whether the measurement is an allowed one is the chain's question. */
NODISCARD enum err attest_verify(struct attest_verdict *out, struct span evidence,
                                 const struct attest_context *context);

#endif
