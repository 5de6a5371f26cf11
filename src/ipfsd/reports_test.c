/* Reports when the enclave will not have the step, and after any other refusal. */
#include "ipfsd/reports.h"

#include "ipfsd/fake_seal_test.h"
#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "proof/work_state.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>

static struct ipfsd node; /* these are large for a stack */
static struct call call;
static struct node_report ask;
static uint8_t report[REPORTS_SIZE_MAX], state[WORK_STATE_SIZE];
static char dir[64];

static enum err hash_node(struct treestore_node *out, const struct treestore_node *left,
                          const struct treestore_node *right)
{
    (void)right;
    *out = *left;
    return OK;
}

/* A host whose chain stores S_0 and to which one step is to be sent. */
static int setup(void **test)
{
    (void)test;
    struct host *h = calloc(1, sizeof(*h));
    struct work_state empty;
    char path[96];
    CHECK(h != NULL && pthread_mutex_init(&h->lock, NULL) == 0);
    memset(&fake_seal, 0, sizeof(fake_seal));
    memset(&call, 0, sizeof(call));
    snprintf(dir, sizeof(dir), "/tmp/crust-reports-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/trees.mdb", dir);
    const struct treestore_config trees = { .path = path, .hash = hash_node };
    CHECK_OK(treestore_open(&h->trees, &trees));
    memset(h->lineage, 5, 1);
    work_state_init(&empty, h->lineage);
    work_state_encode(state, &empty);
    work_state_hash(h->log.base.s, &empty);
    h->log.steps[0] = (struct host_log_step){ .seq = 1, .size = 3, .bytes = { 1, 2, 3 } };
    memcpy(h->log.steps[0].prev, h->log.base.s, 32);
    h->log.step_count = 1;
    atomic_store(&h->link.up, true);
    node.host = h;
    call.node = &node;
    ask = (struct node_report){ .slot = 7,
                                .first = true,
                                .step = true,
                                .suspend_volume = NODE_VOLUME_NONE,
                                .return_volume = NODE_VOLUME_NONE };
    ask.state = span_of(state, sizeof(state));
    return 0;
}

static int teardown(void **test)
{
    (void)test;
    treestore_close(node.host->trees);
    pthread_mutex_destroy(&node.host->lock);
    free(node.host);
    node.host = NULL;
    CHECK_OK(path_remove_tree(dir));
    return 0;
}

static enum err make(size_t *size)
{
    return reports_make(&call, &ask, report, size);
}

static void a_step_that_fits_goes_with_the_answers(void **test)
{
    (void)test;
    size_t size;
    CHECK_OK(make(&size));
    CHECK(size == 1 && report[0] == 1 && fake_seal.report_begins == 1);
}

static void answers_go_without_a_step_that_has_no_room(void **test)
{
    (void)test;
    size_t size;
    fake_seal.end_error = ERR_LIMIT;
    fake_seal.draws = 3;
    CHECK_OK(make(&size));
    CHECK(size == 1 && report[0] == 0);
    /* Every draw was answered in both. */
    CHECK(fake_seal.report_begins == 2 && fake_seal.report_misses == 6);
    /* The step is still there, and goes in a report of its own. */
    CHECK(node.host->log.step_count == 1);
    fake_seal.end_error = OK;
    fake_seal.draws = 0;
    ask.first = false;
    CHECK_OK(make(&size));
    CHECK(size == 1 && report[0] == 1);
}

static void answers_go_without_a_step_that_is_refused(void **test)
{
    (void)test;
    size_t size;
    fake_seal.begin_error = ERR_SIGNATURE;
    CHECK_OK(make(&size));
    CHECK(size == 1 && report[0] == 0);
    /* A report of nothing but that step is no report. */
    ask.first = false;
    CHECK_ERR(make(&size), ERR_SIGNATURE);
    CHECK(size == 0);
}

static void every_refusal_leaves_the_next_report_possible(void **test)
{
    (void)test;
    static const enum err refusals[] = { ERR_STATE, ERR_FORMAT, ERR_RANGE, ERR_MEMORY,
                                         ERR_CORRUPT };
    size_t size;
    fake_seal.draws = 2;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        fake_seal.end_error = refusals[i];
        CHECK_ERR(make(&size), refusals[i]);
        fake_seal.end_error = OK;
        fake_seal.miss_error = refusals[i];
        CHECK_ERR(make(&size), refusals[i]);
        fake_seal.miss_error = OK;
        CHECK_OK(make(&size));
        CHECK(size == 1 && report[0] == 1);
    }
}

/* The enclave goes at any call; it is there again for the next report. */
static void a_lost_enclave_leaves_the_next_report_possible(void **test)
{
    (void)test;
    size_t size;
    fake_seal.draws = 2;
    for (uint64_t at = 1; at <= 5; at++) {
        fake_seal.die_at = at;
        CHECK_ERR(make(&size), ERR_CLOSED);
        CHECK_ERR(make(&size), ERR_CLOSED);
        CHECK_OK(enclave_link_start(&node.host->link));
        CHECK_OK(make(&size));
        CHECK(size == 1 && report[0] == 1);
    }
}

static void an_unknown_state_is_said_in_words(void **test)
{
    (void)test;
    size_t size;
    state[39] ^= 1; /* seq */
    CHECK_ERR(make(&size), ERR_NOT_FOUND);
    CHECK(strstr(call.what, "does not know") != NULL && fake_seal.report_begins == 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    log_init("test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        T(a_step_that_fits_goes_with_the_answers),
        T(answers_go_without_a_step_that_has_no_room),
        T(answers_go_without_a_step_that_is_refused),
        T(every_refusal_leaves_the_next_report_possible),
        T(a_lost_enclave_leaves_the_next_report_possible),
        T(an_unknown_state_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
