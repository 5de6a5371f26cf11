/* What evidence costs a block: a registration verified and judged by documents that the chain
 * keeps, the same out of the memo, a post of a TCB info, and a worker judged anew. Processor time,
 * one core. */
#include "chain/memo.h"
#include "chain/testevidence.h"
#include "chain/work_store.h"

#include <time.h>

enum { ROUNDS = 500 };

static double seconds(void)
{
    struct timespec s;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &s);
    return (double)s.tv_sec + (double)s.tv_nsec / 1e9;
}

static void tell(const char *what, double began)
{
    printf("%-44s %.3f ms\n", what, (seconds() - began) * 1e3 / ROUNDS);
}

static void bench_check(const struct ledger_call *call, const char *what)
{
    double began = seconds();
    for (int i = 0; i < ROUNDS; i++)
        CHECK(work_check_register(&w.chain.ledger, call) == RESULT_OK);
    tell(what, began);
}

static void bench_post(void)
{
    char text[VENDOR_DOCUMENT_MAX];
    uint64_t issued = start + 1;
    struct tx tx = { .call.kind = TX_COLLATERAL_POST };
    tx.call.collateral.kind = COLLATERAL_TCB_INFO;
    tx.call.collateral.document = vendor_tcb_info(&v, text, issued, start + 30 * DAY, 20, GOOD);
    tx.call.collateral.issuer = v.signer_cert;
    const struct ledger_call call = { .tx = &tx, .from = t.account_key };
    double began = seconds();
    for (int i = 0; i < ROUNDS; i++)
        CHECK(registry_check_post(&w.chain.ledger, &call) == RESULT_OK);
    tell("a post of a TCB info, checked", began);
}

static void bench_sweep(void)
{
    double began = seconds();
    for (int i = 0; i < ROUNDS; i++) {
        work_evidence_sweep_number(&w.chain.ledger, WORK_TAG_KIND, ATTEST_SGX);
        w.chain.ledger.judged = 0;
        uint8_t entry[66] = { WORK_DUE_JUDGE, WORK_TAG_KIND, ATTEST_SGX };
        CHECK(work_evidence_due(&w.chain.ledger, span_of(entry, sizeof(entry))) > 1);
    }
    tell("a worker judged anew, with its records", began);
}

int main(void)
{
    static struct memo memo;
    static uint8_t room[VENDOR_QUOTE_MAX];
    make_vendor(NULL);
    begin("");
    post_all();
    struct tx tx = { .call = shows(&t, TX_WORKER_REGISTER, &good_machine, room) };
    const struct ledger_call call = { .tx = &tx, .from = t.account_key };
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    bench_check(&call, "a registration, checked");
    w.chain.ledger.memo = &memo;
    bench_check(&call, "the same, remembered");
    w.chain.ledger.memo = NULL;
    bench_post();
    CHECK(tw_do(&w, 1, &tx.call) == RESULT_OK);
    bench_sweep();
    free_vendor(NULL);
    return 0;
}
