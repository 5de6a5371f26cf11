/* memo: what checking dear signatures has found, kept between a transaction's way into the mempool
 * and into a block. A genuine verdict is a pure function of evidence, documents, roots and time,
 * and of time only through the ends of validities: one that was found at a time holds until it
 * lapses. So the memo changes what is computed and never what comes out. Pure; belongs to one
 * thread. */
#ifndef CRUST_CHAIN_MEMO_H
#define CRUST_CHAIN_MEMO_H

#include "attest/attest.h"
#include "attest/collateral.h"

enum { MEMO_VERDICTS = 32, MEMO_POSTS = 32 };

struct memo_verdict {
    bool used;
    uint8_t key[32];
    uint64_t time; /* at which it was found */
    struct attest_verdict verdict;
};

struct memo_post {
    bool used;
    uint8_t key[32];
    uint64_t time;
    struct collateral_entry entry;
};

/* About 90 KiB. All zero is empty. */
struct memo {
    struct memo_verdict verdicts[MEMO_VERDICTS];
    struct memo_post posts[MEMO_POSTS];
    uint32_t next_verdict, next_post;
    uint64_t hits, misses;
};

/* memo_verify is attest_verify; memo may be NULL. */
NODISCARD enum err memo_verify(struct memo *memo, struct attest_verdict *out, struct span evidence,
                               const struct attest_context *context);

/* memo_check_post is collateral_check; memo may be NULL. */
NODISCARD enum err memo_check_post(struct memo *memo, struct collateral_entry *out,
                                   const struct collateral_post *post,
                                   const struct attest_roots *roots, struct span root_crl,
                                   uint64_t time);

#endif
