/* release_cert: the governance's word that a program is a release: what an enclave asks for before
 * it hands its keys to a successor. Format: docs/spec/handover.md 1. Pure.
 *
 * It is signed by k of n governance keys, which an enclave gets as an argument that is part of its
 * measurement (handover.md 1.5). */
#ifndef CRUST_CODEC_RELEASE_CERT_H
#define CRUST_CODEC_RELEASE_CERT_H

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/ed25519.h"

enum {
    RELEASE_CERT_KEYS_MAX = 16,
    RELEASE_CERT_PROGRAMS_MAX = 4, /* one for each kind of evidence, or two of one */
    RELEASE_CERT_PRODUCTS = 3,     /* generations of AMD's processors: enum snp_product */
    RELEASE_CERT_SIZE_MAX = 2048,
    RELEASE_CERT_TEXT_MAX = 8 + RELEASE_CERT_KEYS_MAX * 65, /* of a set of keys */
    RELEASE_CERT_KIND_TDX = 2,
    RELEASE_CERT_KIND_END = 4, /* kinds are those of enum attest_kind */
};

/* The governance keys that may sign; needed 0: none may. */
struct release_cert_keys {
    uint8_t needed, count;
    uint8_t keys[RELEASE_CERT_KEYS_MAX][32]; /* ascending */
};

struct release_cert_program {
    uint8_t kind;
    uint8_t measurement[48]; /* zero-filled; all zero for software */
    uint8_t rtmr[3][48];     /* of a TDX guest; else zero */
};

struct release_cert {
    uint8_t chain[32];
    uint32_t number;         /* goes up with each release: base/release.h */
    uint64_t issued;         /* seconds since 1970 */
    uint8_t release_id[32];  /* what evidence of the release binds */
    uint32_t evaluation_min; /* of Intel's documents */
    uint8_t snp_min[RELEASE_CERT_PRODUCTS]
                   [5];    /* fmc, boot loader, tee, snp, microcode; 0: not set */
    uint8_t program_count; /* at least 1 */
    struct release_cert_program programs[RELEASE_CERT_PROGRAMS_MAX];
    struct span body; /* what is signed; borrows from the input */
    uint8_t signature_count;
    uint8_t signers[RELEASE_CERT_KEYS_MAX];           /* indexes of keys, strictly ascending */
    const uint8_t *signatures[RELEASE_CERT_KEYS_MAX]; /* 64 bytes each; borrow from the input */
};

/* release_cert_decode reads exactly one certificate. Out: *out, zeroed on failure. Returns: OK;
 * ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT, ERR_RANGE (a kind or an index that cannot be).
 * Canonical: at most one byte string decodes to a given certificate. */
NODISCARD enum err release_cert_decode(struct release_cert *out, struct span in);

/* release_cert_encode_body writes all but the signatures; release_cert_hash gives what is signed. A
 * whole certificate is the body, the number of signatures and those: index u8 | 64 bytes. */
void release_cert_encode_body(struct writer *w, const struct release_cert *c);
void release_cert_hash(uint8_t out[32], struct span body);

/* release_cert_check: OK when enough of the keys have signed it, each once, and no signature is
 * wrong. ERR_DENIED (too few, or no keys at all), ERR_SIGNATURE. */
NODISCARD enum err release_cert_check(const struct release_cert *c,
                                      const struct release_cert_keys *keys);

/* A set of keys as text: "2:hex,hex,hex", needed first, keys ascending. ERR_FORMAT; *out is zeroed
 * on failure. */
NODISCARD enum err release_cert_keys_parse(struct release_cert_keys *out, struct span text);

/* SHA-256("crust/release-keys/1" | needed u8 | count u8 | keys): what is pinned. */
void release_cert_keys_hash(uint8_t out[32], const struct release_cert_keys *keys);

#endif
