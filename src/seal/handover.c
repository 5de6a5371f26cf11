#include "seal/handover.h"

#include "attest/attest.h"
#include "attest/policy.h"
#include "codec/succession.h"
#include "crypto/aead.h"
#include "crypto/hmac.h"
#include "crypto/x25519.h"

enum {
    PLAIN_SIZE = 68, /* nmk 32 | lineage 32 | epoch u32 */
    SEALED_SIZE = PLAIN_SIZE + AEAD_TAG_SIZE,
    SIGNED_SIZE = X25519_SIZE + SEALED_SIZE,
    TIME_MAX_S = 1 << 30, /* over a certificate's date: 34 years, so that sums cannot overflow */
};

_Static_assert(ENCLAVE_ENVELOPE_SIZE == SIGNED_SIZE + ED25519_SIGNATURE_SIZE,
               "size of an envelope");
_Static_assert((int)RELEASE_CERT_PRODUCTS == (int)SNP_PRODUCTS, "AMD's generations");

/* ---- the envelope -------------------------------------------------------------------------- */

/* Who gives to whom, and for which chain. Every member points to 32 bytes. */
struct parties {
    const uint8_t *chain, *predecessor, *successor, *exchange, *ephemeral;
};

static struct span context(uint8_t buf[192], const char *tag, const struct parties *p)
{
    struct writer w = writer_of(buf, 192);
    write_span(&w, span_str(tag));
    write_bytes(&w, p->chain, 32);
    write_bytes(&w, p->predecessor, 32);
    write_bytes(&w, p->successor, 32);
    write_bytes(&w, p->exchange, 32);
    write_bytes(&w, p->ephemeral, 32);
    ASSERT(w.err == OK);
    return writer_span(&w);
}

static enum err envelope_key(struct secret *out, const uint8_t secret[32], const uint8_t theirs[32],
                             const struct parties *p)
{
    uint8_t info[192];
    AUTO(secret_wipe) struct secret shared = { { 0 } };
    TRY(x25519_shared(&shared, secret, theirs));
    hmac_hkdf((struct mspan){ out->b, SECRET_SIZE }, (struct span){ NULL, 0 },
              span_of(shared.b, SECRET_SIZE), context(info, "crust/handover-key/1", p));
    return OK;
}

/* What the predecessor signs: that the sealed bytes are its own, for this successor. */
static void signed_hash(uint8_t out[32], const uint8_t *envelope, const struct parties *p)
{
    uint8_t buf[192];
    const struct span parts[] = { context(buf, "", p), span_of(envelope, SIGNED_SIZE) };
    sha256_tagged(out, "crust/handover/1", parts, 2);
}

static enum err seal_envelope(uint8_t out[ENCLAVE_ENVELOPE_SIZE], const struct handover_giver *g,
                              const struct enclave_hand_over *m)
{
    static const uint8_t once[AEAD_NONCE_SIZE]; /* the key is for this one message */
    uint8_t plain[PLAIN_SIZE], ephemeral[32], ad[192], hash[32];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    AUTO(secret_wipe) struct secret secret, key = { { 0 } };
    g->entropy(secret.b, SECRET_SIZE);
    x25519_public(ephemeral, secret.b);
    const struct parties p = { g->chain, g->keys->worker.public_key, m->successor, m->exchange,
                               ephemeral };
    TRY(envelope_key(&key, secret.b, m->exchange, &p));
    memcpy(plain, g->keys->nmk.b, 32);
    memcpy(plain + 32, g->keys->lineage, 32);
    store_le32(plain + 64, g->keys->epoch);
    memcpy(out, ephemeral, 32);
    const struct aead a = { key.b, once, context(ad, "crust/handover-seal/1", &p) };
    aead_seal(out + 32, &a, span_of(plain, sizeof(plain)));
    signed_hash(hash, out, &p);
    ed25519_sign(out + SIGNED_SIZE, span_of(hash, 32), &g->keys->worker);
    return OK;
}

enum err handover_take(struct seal_keys *keys, uint8_t signature[64],
                       const struct enclave_take_over *m, const uint8_t chain[32])
{
    static const uint8_t once[AEAD_NONCE_SIZE];
    uint8_t plain[PLAIN_SIZE], exchange[32], ad[192], hash[32];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { plain, sizeof(plain) };
    AUTO(secret_wipe) struct secret box = { { 0 } }, key = { { 0 } };
    seal_keys_exchange(&box, exchange, keys);
    const struct parties p = { chain, m->predecessor, keys->worker.public_key, exchange,
                               m->envelope };
    /* SPEC handover 3.6: "The successor MUST refuse an envelope that the predecessor its evidence
     * names has not signed" */
    signed_hash(hash, m->envelope, &p);
    TRY(ed25519_verify(m->envelope + SIGNED_SIZE, span_of(hash, 32), m->predecessor));
    TRY(envelope_key(&key, box.b, m->envelope, &p));
    const struct aead a = { key.b, once, context(ad, "crust/handover-seal/1", &p) };
    TRY(aead_open(plain, &a, span_of(m->envelope + 32, SEALED_SIZE)));
    struct secret nmk;
    memcpy(nmk.b, plain, 32);
    seal_keys_inherit(keys, &nmk, plain + 32, load_le32(plain + 64));
    secret_wipe(&nmk);
    const struct succession s = { chain, m->account, m->predecessor, keys->worker.public_key };
    succession_taken(hash, &s);
    ed25519_sign(signature, span_of(hash, 32), &keys->worker);
    return OK;
}

/* ---- the judgement ------------------------------------------------------------------------- */

static enum err check_certificate(struct release_cert *c, const struct handover_giver *g,
                                  const struct enclave_hand_over *m)
{
    uint8_t pin[32];
    release_cert_keys_hash(pin, g->release_keys);
    /* SPEC handover 3.3: "the governance keys MUST be those that the worker was made under" */
    if (memcmp(pin, g->keys->pin, 32) != 0)
        return ERR_DENIED;
    TRY(release_cert_decode(c, m->certificate));
    TRY(release_cert_check(c, g->release_keys));
    /* SPEC handover 3.3: "Its number MUST NOT be lower than the giver's own, its date MUST NOT be
     * before that of a certificate seen earlier" */
    if (memcmp(c->chain, g->chain, 32) != 0 || c->number < g->number || c->issued < g->floor)
        return ERR_DENIED;
    /* SPEC handover 3.4: "The host's time MUST NOT be before the certificate's date" */
    return m->time >= c->issued && m->time - c->issued <= TIME_MAX_S ? OK : ERR_RANGE;
}

static enum err read_documents(struct attest_collateral *out, struct span documents)
{
    struct span *const at[HANDOVER_DOCUMENTS] = {
        &out->tcb_info, &out->qe_identity, &out->tcb_signer, &out->root_crl,
        &out->pck_crl,  &out->snp_leaf,    &out->snp_ca,     &out->snp_crl,
    };
    struct reader r = reader_of(documents);
    *out = (struct attest_collateral){ 0 };
    for (size_t i = 0; i < HANDOVER_DOCUMENTS && documents.n > 0; i++)
        *at[i] = read_span(&r, read_le32(&r));
    return reader_finish(&r);
}

enum err handover_judge(const struct release_cert *c, const struct attest_verdict *v, bool hardware,
                        uint64_t time)
{
    struct attest_release releases[RELEASE_CERT_PROGRAMS_MAX] = { 0 };
    struct attest_policy p = *attest_policy_default();
    bool named = false;
    for (uint8_t i = 0; i < c->program_count; i++) {
        const struct release_cert_program *from = &c->programs[i];
        releases[i].kind = (enum attest_kind)from->kind;
        releases[i].with_rtmrs = from->kind == RELEASE_CERT_KIND_TDX;
        memcpy(releases[i].measurement, from->measurement, sizeof(from->measurement));
        memcpy(releases[i].rtmr, from->rtmr, sizeof(from->rtmr));
        named |= from->kind == (uint8_t)v->kind;
    }
    p.releases = releases;
    p.release_count = c->program_count;
    if (!hardware)
        p.kinds |= 1u << ATTEST_SOFTWARE;
    if (c->evaluation_min > p.evaluation_min)
        p.evaluation_min = c->evaluation_min;
    for (size_t i = 0; i < RELEASE_CERT_PRODUCTS; i++) {
        const uint8_t *s = c->snp_min[i];
        p.snp_min[i] = (struct snp_tcb){ s[0], s[1], s[2], s[3], s[4] };
    }
    const struct attest_situation now = { .time = time };
    return named && attest_policy_refusals(&p, v, &now) == 0 ? OK : ERR_DENIED;
}

static enum err check_evidence(const struct release_cert *c, const struct handover_giver *g,
                               const struct enclave_hand_over *m, struct span documents)
{
    struct attest_collateral collateral;
    struct attest_verdict verdict;
    TRY(read_documents(&collateral, documents));
    const struct attest_inputs inputs = { attest_vendor_roots(), &collateral, m->time };
    const struct attest_context context = {
        .binding = { .worker = m->successor,
                     .account = m->account,
                     .chain = g->chain,
                     .release_id = c->release_id,
                     .block_hash = m->block_hash,
                     .predecessor = g->keys->worker.public_key,
                     .exchange = m->exchange },
        .allow_software = !g->hardware,
        .inputs = &inputs,
    };
    TRY(attest_verify(&verdict, m->evidence, &context));
    return handover_judge(c, &verdict, g->hardware, m->time);
}

enum err handover_give(struct handover_given *out, const struct handover_giver *g,
                       const struct enclave_hand_over *m, struct span documents)
{
    struct release_cert c;
    uint8_t hash[32];
    *out = (struct handover_given){ 0 };
    TRY(check_certificate(&c, g, m));
    TRY(check_evidence(&c, g, m, documents));
    TRY(seal_envelope(out->envelope, g, m));
    const struct succession s = { g->chain, m->account, g->keys->worker.public_key, m->successor };
    succession_given(hash, &s);
    ed25519_sign(out->signature, span_of(hash, 32), &g->keys->worker);
    out->issued = c.issued;
    return OK;
}
