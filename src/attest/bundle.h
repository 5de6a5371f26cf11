/* bundle: documents and certificates of the vendors as somebody has them in files: told apart,
 * chosen for the evidence of a machine, and made into posts for a registry. Nothing here decides
 * anything: the verifier checks what it is given. Pure: the memory is the caller's. */
#ifndef CRUST_ATTEST_BUNDLE_H
#define CRUST_ATTEST_BUNDLE_H

#include "attest/attest.h"
#include "attest/collateral.h"
#include "base/writer.h"

enum {
    BUNDLE_MAX = 512, /* documents and certificates */
};

enum bundle_kind {
    BUNDLE_TCB_INFO,
    BUNDLE_QE_IDENTITY,
    BUNDLE_CERT,
    BUNDLE_CRL,
};

struct bundle_item {
    enum bundle_kind kind;
    struct span bytes;   /* in room */
    uint64_t from, to;   /* validity, seconds */
    uint32_t evaluation; /* of the two documents */
};

/* Zeroed, with room set, it is empty. */
struct bundle {
    struct bundle_item items[BUNDLE_MAX];
    size_t count;
    struct mspan room; /* kept: where the bytes are copied to */
    size_t used;
};

/* bundle_take reads one file: a document as the vendor sends it (JSON), DER or PEM; anything else
 * is passed over. Returns OK; ERR_LIMIT: no more room. One thread at a time in a process. */
NODISCARD enum err bundle_take(struct bundle *f, struct span content);

/* bundle_choose fills *out with what fits the evidence best at that time: valid then, of the
 * highest evaluation number, issued last. What is not there stays empty. */
void bundle_choose(struct attest_collateral *out, const struct bundle *f, struct span evidence,
                   const struct attest_roots *roots, uint64_t time);

/* bundle_encode writes the documents as a program that judges evidence itself is given them:
 * docs/spec/handover.md 3.2. */
void bundle_encode(struct writer *w, const struct attest_collateral *c);

/* bundle_post makes item i into a post, with its issuer; false: it is none, or its issuer is not
 * in the bundle. Borrows the bundle. */
bool bundle_post(struct collateral_post *out, const struct bundle *f, size_t i,
                 const struct attest_roots *roots);

/* What a registry has. */
struct bundle_kept {
    const struct collateral_entry *entries;
    size_t count;
    struct span root_crl; /* its bytes; empty: none */
};

/* What to post so that the registry has the newest of each, in this order. */
struct bundle_step {
    struct collateral_post post;
    struct collateral_entry entry;
};
struct bundle_plan {
    struct bundle_step steps[BUNDLE_MAX + 1];
    size_t count;
    size_t old; /* items that the registry has, or has newer */
    size_t bad; /* items that are not the vendor's, or not valid at that time */
};
/* About 40 microseconds to 1 ms for each item. Borrows the bundle. */
void bundle_plan(struct bundle_plan *out, const struct bundle *f, const struct bundle_kept *kept,
                 const struct attest_roots *roots, uint64_t time);

#endif
