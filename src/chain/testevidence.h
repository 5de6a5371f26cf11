/* testevidence: a chain in memory whose genesis trusts a made vendor, its documents in posts, and
 * workers on its machines. For the tests of evidence on chain. */
#ifndef CRUST_CHAIN_TESTEVIDENCE_H
#define CRUST_CHAIN_TESTEVIDENCE_H

#include "attest/testmachine.h"
#include "base/hex.h"
#include "chain/testops.h"
#include "chain/work_evidence.h"

enum { DAY = 86400, GOOD = 7 /* SVN of a machine that is up to date */ };

static struct world w;
static struct tworker t;
static struct vendor v;
static const uint64_t start = 1767225600; /* 2026-01-01, when everything begins */

static inline int make_vendor(void **state)
{
    (void)state;
    vendor_init(&v, start - DAY, start + 3000ull * DAY);
    return 0;
}

static inline int free_vendor(void **state)
{
    (void)state;
    vendor_fini(&v);
    return 0;
}

/* ---- the world ------------------------------------------------------------------------------- */

static inline void repeated(char out[65], const char *digits)
{
    for (int i = 0; i < 32; i++)
        memcpy(out + 2 * (size_t)i, digits, 2);
    out[64] = '\0';
}

/* The row that makes program 9 a release, retiring at a height (0: never). */
static inline const char *release_text(uint64_t retires)
{
    static char text[512];
    char program[65], signer[65];
    repeated(program, "09");
    repeated(signer, "bb");
    (void)snprintf(text, sizeof(text),
                   "kind=sgx measurement=%s version=test from=0 retires=%llu signer=%s product=0 "
                   "svn=0",
                   program, (unsigned long long)retires, signer);
    return text;
}

/* A devnet whose genesis names the made root and releases program 9. */
static inline void begin(const char *params)
{
    static char members[8192];
    char root[2 * 2048 + 1];
    hex_format(root, v.root_cert);
    (void)snprintf(members, sizeof(members),
                   ",\"attest\":{\"releases\":[\"%s\"],\"roots\":{\"intel\":\"%s\"}}",
                   release_text(0), root);
    world_members = members;
    tw_start(&w, params);
    world_members = "";
    tw_init(&t, &w, 1, 'W');
    w.chain.time_ms = start * 1000;
    CHECK_OK(world_block(&w, NULL, NULL, 0));
}

static inline uint64_t now(void)
{
    return w.chain.ledger.time_ms / 1000;
}

/* Seconds pass with the next block. */
static inline void wait_for(uint64_t seconds)
{
    w.chain.time_ms += seconds * 1000;
    CHECK_OK(world_block(&w, NULL, NULL, 0));
}

static inline void next_slot(void)
{
    tw_to(&w, w.chain.ledger.slot + 1, 1);
}

/* ---- documents ------------------------------------------------------------------------------- */

static inline struct tx_call post_of(enum collateral_kind kind, struct span document,
                                     struct span issuer)
{
    struct tx_call call = { .kind = TX_COLLATERAL_POST };
    call.collateral.kind = kind;
    call.collateral.document = document;
    call.collateral.issuer = issuer;
    return call;
}

static inline enum tx_result post(enum collateral_kind kind, struct span document,
                                  struct span issuer)
{
    struct tx_call call = post_of(kind, document, issuer);
    return tw_do(&w, 2, &call);
}

static inline enum tx_result post_root_crl(uint64_t issued, uint64_t next)
{
    uint8_t room[1024];
    const struct testcert_list list = { VENDOR_ROOT, &v.root, issued, next, NULL, 0 };
    return post(COLLATERAL_ROOT_CRL, testcert_crl(room, sizeof(room), &list),
                (struct span){ NULL, 0 });
}

static inline enum tx_result post_pck_crl(uint64_t issued, uint64_t next, const long *serials,
                                          size_t n)
{
    uint8_t room[1024];
    const struct testcert_list list = { VENDOR_CA, &v.ca, issued, next, serials, n };
    return post(COLLATERAL_PCK_CRL, testcert_crl(room, sizeof(room), &list), v.ca_cert);
}

static inline enum tx_result post_tcb_info(uint64_t issued, uint64_t next, unsigned evaluation,
                                           unsigned good)
{
    char room[VENDOR_DOCUMENT_MAX];
    return post(COLLATERAL_TCB_INFO, vendor_tcb_info(&v, room, issued, next, evaluation, good),
                v.signer_cert);
}

static inline enum tx_result post_qe_identity(uint64_t issued, uint64_t next, unsigned evaluation)
{
    char room[VENDOR_DOCUMENT_MAX];
    return post(COLLATERAL_QE_IDENTITY, vendor_qe_identity(&v, room, issued, next, evaluation),
                v.signer_cert);
}

/* Everything that a machine needs, for thirty days. */
static inline void post_all(void)
{
    uint64_t to = start + 30 * DAY;
    CHECK(post_root_crl(start, to) == RESULT_OK);
    CHECK(post_pck_crl(start, to, NULL, 0) == RESULT_OK);
    CHECK(post_tcb_info(start, to, 20, GOOD) == RESULT_OK);
    CHECK(post_qe_identity(start, to, 20) == RESULT_OK);
}

/* ---- machines -------------------------------------------------------------------------------- */

static const struct vendor_machine good_machine = { .number = 1, .program = 9, .svn = GOOD };

static inline struct tx_call shows(struct tworker *who, enum tx_kind kind,
                                   const struct vendor_machine *m, uint8_t room[VENDOR_QUOTE_MAX])
{
    struct tx_call call = { .kind = kind };
    struct tx_worker_register *r = &call.worker_register;
    uint8_t hash[32] = { (uint8_t)w.chain.height };
    r->block = w.chain.height;
    memcpy(r->worker, who->m.key.public_key, 32);
    attest_release_id(r->release, span_str("test"));
    const struct attest_binding b = { .worker = r->worker,
                                      .account = who->account_key,
                                      .chain = w.chain_hash,
                                      .release_id = r->release,
                                      .block_hash = hash };
    r->evidence = machine_evidence(&v, room, m, &b);
    return call;
}

static inline enum tx_result show(struct tworker *who, enum tx_kind kind,
                                  const struct vendor_machine *m)
{
    static uint8_t room[VENDOR_QUOTE_MAX];
    struct tx_call call = shows(who, kind, m, room);
    return tw_do(&w, who->account, &call);
}

static inline enum tx_result registers(const struct vendor_machine *m)
{
    return show(&t, TX_WORKER_REGISTER, m);
}

static inline struct work_standing standing(void)
{
    return tw_record(&t, &w).standing;
}

static inline enum work_class class_now(void)
{
    struct work_worker rec = tw_record(&t, &w);
    return work_class_of(&w.chain.params, &rec);
}

#endif
