#include "chain/memo.h"

#include "crypto/sha256.h"

/* Parts one after the other would let bytes move from one into the next: each goes in by its own
 * hash. */
static void hash_parts(uint8_t out[32], const char *tag, const struct span *parts, size_t count)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_str(tag));
    for (size_t i = 0; i < count; i++) {
        uint8_t part[32];
        sha256(part, parts[i]);
        sha256_update(&h, span_of(part, sizeof(part)));
    }
    sha256_final(&h, out);
}

static void verdict_key(uint8_t out[32], struct span evidence, const struct attest_context *context)
{
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE];
    const struct attest_collateral *c = context->inputs->collateral;
    const struct attest_roots *r = context->inputs->roots;
    const uint8_t verified = c->verified;
    attest_report_data(report_data, &context->binding);
    const struct span parts[] = {
        evidence,      span_of(report_data, sizeof(report_data)),
        c->tcb_info,   c->qe_identity,
        c->tcb_signer, c->root_crl,
        c->pck_crl,    span_of(&verified, 1),
        c->pck_ca,     c->snp_leaf,
        c->snp_ca,     c->snp_crl,
        r->intel,      r->amd[0],
        r->amd[1],     r->amd[2],
    };
    hash_parts(out, "crust/memo-verdict/1", parts, sizeof(parts) / sizeof(parts[0]));
}

enum err memo_verify(struct memo *memo, struct attest_verdict *out, struct span evidence,
                     const struct attest_context *context)
{
    uint8_t key[32];
    if (memo == NULL || context->inputs == NULL)
        return attest_verify(out, evidence, context);
    uint64_t time = context->inputs->time;
    verdict_key(key, evidence, context);
    for (uint32_t i = 0; i < MEMO_VERDICTS; i++) {
        const struct memo_verdict *m = &memo->verdicts[i];
        /* What began before m->time has begun now, and what ends first ends at lapses. */
        if (!m->used || memcmp(m->key, key, 32) != 0 || time < m->time || time > m->verdict.lapses)
            continue;
        memo->hits++;
        *out = m->verdict;
        return OK;
    }
    memo->misses++;
    TRY(attest_verify(out, evidence, context));
    if (out->kind == ATTEST_SOFTWARE)
        return OK;
    struct memo_verdict *m = &memo->verdicts[memo->next_verdict];
    memo->next_verdict = (memo->next_verdict + 1) % MEMO_VERDICTS;
    *m = (struct memo_verdict){ .used = true, .time = time, .verdict = *out };
    memcpy(m->key, key, 32);
    return OK;
}

enum err memo_check_post(struct memo *memo, struct collateral_entry *out,
                         const struct collateral_post *post, const struct attest_roots *roots,
                         struct span root_crl, uint64_t time)
{
    uint8_t key[32];
    const uint8_t kind = (uint8_t)post->kind;
    if (memo == NULL)
        return collateral_check(out, NULL, post, roots, root_crl, time);
    const struct span parts[] = { span_of(&kind, 1), post->document, post->issuer,  root_crl,
                                  roots->intel,      roots->amd[0],  roots->amd[1], roots->amd[2] };
    hash_parts(key, "crust/memo-post/1", parts, sizeof(parts) / sizeof(parts[0]));
    for (uint32_t i = 0; i < MEMO_POSTS; i++) {
        const struct memo_post *m = &memo->posts[i];
        if (!m->used || memcmp(m->key, key, 32) != 0 || time < m->time ||
            time > m->entry.checked_to)
            continue;
        memo->hits++;
        *out = m->entry;
        return OK;
    }
    memo->misses++;
    TRY(collateral_check(out, NULL, post, roots, root_crl, time));
    struct memo_post *m = &memo->posts[memo->next_post];
    memo->next_post = (memo->next_post + 1) % MEMO_POSTS;
    *m = (struct memo_post){ .used = true, .time = time, .entry = *out };
    memcpy(m->key, key, 32);
    return OK;
}
