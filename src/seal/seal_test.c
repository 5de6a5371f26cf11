#include "seal/seal.h"

#include "attest/attest.h"
#include "crypto/random.h"
#include "proof/opening.h"
#include "seal/fake_direct_test.h"
#include "seal/fake_volume_test.h"

struct world {
    struct direct enclave;
    struct fake_host host;
    struct fake_volume volumes[2];
    struct fake_replica files[4];
    struct fake_extent extents[2];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    struct seal_config config = { .provider = &seal_provider_software,
                                  .release = span_str("test"),
                                  .entropy = random_bytes };
    memset(config.sealing.b, 7, sizeof(config.sealing.b));
    CHECK_OK(seal_init(&w->enclave.seal, &config));
    CHECK_OK(seal_job_init(&w->enclave.job));
    w->host.call = direct_call;
    w->host.ctx = &w->enclave;
    memset(w->host.chain, 9, 32);
    CHECK_OK(fake_start(&w->host));
    for (size_t i = 0; i < 4; i++)
        fake_dag_file(&w->files[i].dag, i + 1, 5, 3000 + 1000 * i);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    seal_fini(&w->enclave.seal);
    seal_job_fini(&w->enclave.job);
    for (size_t i = 0; i < 4; i++)
        fake_replica_free(&w->files[i]);
    for (size_t i = 0; i < 2; i++)
        free(w->extents[i].bytes);
    free(w);
    return 0;
}

/* As after a crash of the enclave: everything in its memory is gone. */
static void restart(struct world *w)
{
    seal_reset(&w->enclave.seal);
    CHECK_OK(fake_start(&w->host));
}

static void test_sealed_file_has_the_commitment_of_its_content(void **state)
{
    struct world *w = *state;
    struct fake_replica *f = &w->files[0];
    CHECK_OK(fake_seal(&w->host, f, 2));
    struct content_data data;
    struct content_commitment c;
    size_t order[FAKE_BLOCKS];
    fake_dag_sort(&f->dag, order);
    content_data_init(&data);
    for (size_t i = 0; i < f->dag.count; i++)
        CHECK_OK(content_data_add(&data, &f->dag.blocks[order[i]].record));
    CHECK_OK(content_data_finish(&c, &data));
    struct report_file leaf = seal_state_leaf_decode(f->leaf);
    CHECK(leaf.size == c.size && memcmp(leaf.data_root, c.data_root, 32) == 0);
    CHECK(cid_key_cmp(&leaf.key, fake_dag_root(&f->dag)) == 0);
    uint8_t leaves[FAKE_SEGMENTS][32], root[32];
    for (uint32_t i = 0; i < f->segment_count; i++)
        seal_session_segment_leaf(leaves[i], i, f->segments[i].length, f->segments[i].wrapped);
    merkle_root_of(root, &seal_session_tags, (const uint8_t(*)[32])leaves, f->segment_count);
    CHECK(f->segment_count == 3 && memcmp(leaf.seal_root, root, 32) == 0);
}

static enum err unseal(struct world *w, const struct fake_replica *f, size_t i, struct span *out)
{
    const struct fake_block *b = &f->dag.blocks[i];
    const struct fake_segment *s = &f->segments[b->segment];
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_UNSEAL };
    m.u.unseal = (struct enclave_unseal){ .content = *fake_dag_root(&f->dag),
                                          .segment = b->segment,
                                          .length = s->length,
                                          .offset = b->offset };
    memcpy(m.u.unseal.wrapped, s->wrapped, sizeof(s->wrapped));
    memcpy(m.u.unseal.digest, b->record.key.digest, 32);
    return fake_ask(&w->host, &r, out, &m, span_of(s->bytes + b->offset, b->record.length));
}

static void test_unseal_gives_every_block_back(void **state)
{
    struct world *w = *state;
    CHECK_OK(fake_seal(&w->host, &w->files[1], 3));
    restart(w);
    for (size_t i = 0; i < w->files[1].dag.count; i++) {
        const struct fake_block *b = &w->files[1].dag.blocks[i];
        struct span out;
        CHECK_OK(unseal(w, &w->files[1], i, &out));
        CHECK_SPAN(out, span_of(b->bytes, b->record.length));
        CHECK(memcmp(w->files[1].segments[b->segment].bytes + b->offset, b->bytes, 32) != 0);
    }
}

static void test_unseal_releases_nothing_but_the_block_asked_for(void **state)
{
    struct world *w = *state;
    struct fake_replica *f = &w->files[1];
    struct span out;
    CHECK_OK(fake_seal(&w->host, f, 3));
    f->segments[0].bytes[5] ^= 1;
    CHECK_ERR(unseal(w, f, 0, &out), ERR_CORRUPT);
    CHECK(out.n == 0);
    f->segments[0].bytes[5] ^= 1;
    f->segments[0].wrapped[40] ^= 1;
    CHECK_ERR(unseal(w, f, 0, &out), ERR_SIGNATURE);
    f->segments[0].wrapped[40] ^= 1;
    f->segments[0].length++;
    CHECK_ERR(unseal(w, f, 0, &out), ERR_SIGNATURE);
    f->segments[0].length--;
    f->dag.blocks[0].offset++;
    CHECK(unseal(w, f, 0, &out) != OK);
    f->dag.blocks[0].offset--;
    CHECK_OK(unseal(w, f, 0, &out));
}

static void test_a_crash_keeps_what_a_checkpoint_acknowledged(void **state)
{
    struct world *w = *state;
    struct fake_replica *f = &w->files[2];
    struct enclave_reply r;
    CHECK_OK(fake_seal_begin(&w->host, f));
    for (size_t i = 0; i < 2; i++)
        CHECK_OK(fake_seal_block(&w->host, f, i));
    CHECK_OK(fake_seal_close(&w->host, f));
    CHECK_OK(fake_seal_block(&w->host, f, 2)); /* lost: its segment is open */
    restart(w);
    CHECK_ERR(fake_seal_block(&w->host, f, 2), ERR_NOT_FOUND);
    CHECK_OK(fake_seal_resume(&w->host, f, &r));
    CHECK(r.u.resume.segments == 1 && r.u.resume.blocks == 2 && r.u.resume.number == f->number);
    for (size_t i = 2; i < f->dag.count; i++)
        CHECK_OK(fake_seal_block(&w->host, f, i));
    CHECK_OK(fake_seal_close(&w->host, f));
    CHECK_OK(fake_seal_end(&w->host, f));
}

static void test_a_dag_of_empty_blocks_has_one_empty_segment(void **state)
{
    struct world *w = *state;
    struct fake_replica f = { 0 };
    fake_dag_add(&f.dag, CID_CODEC_RAW, (struct span){ NULL, 0 });
    f.dag.blocks[0].degree = 1;
    CHECK_OK(fake_seal(&w->host, &f, 1));
    struct report_file leaf = seal_state_leaf_decode(f.leaf);
    CHECK(leaf.size == 0 && f.segment_count == 1 && f.segments[0].length == 0);
    struct fake_replica *list[] = { &f };
    CHECK_OK(fake_add_files(&w->host, &w->volumes[0], 0, 0, list, 1));
    fake_replica_free(&f);
}

static void test_extent_is_what_its_root_says_and_cannot_be_made_again(void **state)
{
    struct world *w = *state;
    CHECK_OK(fake_fill(&w->host, &w->extents[0], 2 << 20));
    CHECK_OK(fake_fill(&w->host, &w->extents[1], 2 << 20));
    uint8_t root[32];
    chunk_tree_root(root, &chunk_tree_srd, span_of(w->extents[0].bytes, 2 << 20));
    CHECK(memcmp(root, w->extents[0].root, 32) == 0);
    CHECK(memcmp(w->extents[0].root, w->extents[1].root, 32) != 0);
    for (size_t i = 0; i < SEAL_FILLS_MAX; i++)
        CHECK(!w->enclave.seal.fills[i].used);
}

/* Adds the first three files and an extent, and cuts. */
static void populate(struct world *w, struct enclave_reply *cut)
{
    struct fake_replica *pair[] = { &w->files[0], &w->files[1] }, *one[] = { &w->files[2] };
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(fake_seal(&w->host, &w->files[i], 3));
    CHECK_OK(fake_fill(&w->host, &w->extents[0], 2 << 20));
    CHECK_OK(fake_add_files(&w->host, &w->volumes[0], 0, 0, pair, 2));
    CHECK_OK(fake_add_files(&w->host, &w->volumes[0], 0, 2, one, 1)); /* becomes one operation */
    CHECK_OK(fake_add_extent(&w->host, &w->volumes[1], 1, 7, &w->extents[0]));
    struct enclave_request m = { .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&w->host, cut, NULL, &m, (struct span){ NULL, 0 }));
    fake_keep(&w->host, cut->u.cut.record);
}

static void test_cut_gives_the_step_that_the_chain_will_apply(void **state)
{
    struct world *w = *state;
    struct enclave_reply cut;
    populate(w, &cut);
    struct work_state s;
    struct report_step step;
    work_state_init(&s, w->host.lineage);
    CHECK_OK(report_step_decode(&step, cut.u.cut.step));
    CHECK(step.op_count == 2 && step.leaf_count == 4 && step.seq == 1);
    CHECK_OK(work_state_step(&s, &step));
    uint8_t hash[32];
    work_state_hash(hash, &s);
    CHECK(memcmp(hash, cut.u.cut.s, 32) == 0);
    struct merkle_sum root = fake_tree_node(&w->volumes[0].files, SUMTREE_DEPTH, 0);
    CHECK(merkle_sum_eq(&s.volumes[0].files.root, &root) && s.volumes[0].files.count == 3);
    struct enclave_request m = { .type = ENCLAVE_CUT };
    CHECK_ERR(fake_ask(&w->host, &cut, NULL, &m, (struct span){ NULL, 0 }), ERR_STATE);
}

static void test_state_survives_a_restart_through_its_record(void **state)
{
    struct world *w = *state;
    struct enclave_reply cut;
    populate(w, &cut);
    CHECK_OK(fake_remove_file(&w->host, &w->volumes[0], 0, 1));
    struct work_state now = w->enclave.seal.state.now;
    CHECK(w->enclave.seal.state.pending.count == 1);
    restart(w);
    CHECK(memcmp(&now, &w->enclave.seal.state.now, sizeof(now)) == 0);
    CHECK(w->enclave.seal.state.pending.count == 1 && w->enclave.seal.state.pending.leaves == 1);
    struct enclave_request m = { .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&w->host, &cut, NULL, &m, (struct span){ NULL, 0 }));
    CHECK(w->enclave.seal.state.base.seq == 2);
}

static void test_ticket_is_used_once(void **state)
{
    struct world *w = *state;
    struct enclave_reply cut;
    populate(w, &cut);
    struct fake_replica *again[] = { &w->files[0] };
    CHECK_ERR(fake_add_files(&w->host, &w->volumes[0], 0, 3, again, 1), ERR_EXISTS);
    CHECK_ERR(fake_add_files(&w->host, &w->volumes[1], 1, 0, again, 1), ERR_EXISTS);
    CHECK_ERR(fake_add_extent(&w->host, &w->volumes[1], 1, 8, &w->extents[0]), ERR_EXISTS);
    restart(w);
    CHECK_ERR(fake_add_files(&w->host, &w->volumes[0], 0, 3, again, 1), ERR_EXISTS);
    /* Its checkpoint is dead as well: no second ticket for the same segments. */
    CHECK_ERR(fake_seal_resume(&w->host, &w->files[0], &cut), ERR_EXISTS);
    CHECK_OK(fake_seal(&w->host, &w->files[3], 9));
    struct fake_replica *twice[] = { &w->files[3], &w->files[3] };
    CHECK_ERR(fake_add_files(&w->host, &w->volumes[0], 0, 3, twice, 2), ERR_EXISTS);
}

static void test_wrong_paths_change_nothing(void **state)
{
    struct world *w = *state;
    struct enclave_reply cut;
    populate(w, &cut);
    CHECK_OK(fake_seal(&w->host, &w->files[3], 9));
    struct fake_replica *list[] = { &w->files[3] };
    const struct work_state before = w->enclave.seal.state.now;
    struct fake_volume stale = { 0 };
    CHECK(fake_add_files(&w->host, &stale, 0, 3, list, 1) != OK);
    CHECK(fake_add_files(&w->host, &w->volumes[0], 1, 0, list, 1) != OK); /* of another volume */
    CHECK(fake_add_files(&w->host, &w->volumes[0], 0, 2, list, 1) != OK); /* taken */
    CHECK(memcmp(&before, &w->enclave.seal.state.now, sizeof(before)) == 0);
    CHECK_OK(fake_add_files(&w->host, &w->volumes[0], 0, 3, list, 1));
}

static void test_full_step_asks_for_a_cut(void **state)
{
    struct world *w = *state;
    struct enclave_request m = { .type = ENCLAVE_DROP_VOLUME, .u.volume.volume = 5 };
    enum err e = OK;
    size_t n = 0;
    for (; e == OK && n < 1000; n++)
        e = fake_change(&w->host, &m);
    CHECK_ERR(e, ERR_FULL);
    CHECK(n - 1 == REPORT_STEP_LEAVES_MAX);
    struct enclave_reply cut;
    m = (struct enclave_request){ .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&w->host, &cut, NULL, &m, (struct span){ NULL, 0 }));
    CHECK(cut.u.cut.step.n <= ENCLAVE_STEP_MAX);
}

static void entry(uint8_t out[ENCLAVE_ENTRY_SIZE], uint64_t slot, const uint8_t beacon[32],
                  uint16_t suspended, uint8_t volume)
{
    store_le64(out, slot);
    memcpy(out + 8, beacon, 32);
    store_le16(out + 40, suspended);
    out[42] = volume;
}

struct report_case {
    uint8_t cut[ENCLAVE_CUT_SIZE], beacon[32], entries[2 * ENCLAVE_ENTRY_SIZE];
    size_t entry_count;
    bool (*miss)(const uint8_t info[ENCLAVE_DRAW_SIZE]);
};

static struct enclave_request begin_request(const struct report_case *c)
{
    struct enclave_request m = { .type = ENCLAVE_REPORT_BEGIN };
    struct enclave_report_begin *b = &m.u.report_begin;
    *b = (struct enclave_report_begin){ .slot = 12,
                                        .draws_files = 2,
                                        .draws_srd = 2,
                                        .draws_return = 20,
                                        .base = span_of(c->cut, sizeof(c->cut)),
                                        .entries = span_of(c->entries,
                                                           c->entry_count * ENCLAVE_ENTRY_SIZE) };
    memcpy(b->beacon, c->beacon, 32);
    memset(b->account, 3, 32);
    return m;
}

/* Runs a report to its end; the bytes stay in the job. */
static struct span run_report(struct world *w, const struct report_case *c, uint32_t *draws)
{
    struct enclave_reply r;
    struct enclave_request m = begin_request(c);
    CHECK_OK(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }));
    *draws = r.u.report_begin.draws;
    for (uint32_t i = 0; i < *draws; i++) {
        uint8_t info[ENCLAVE_DRAW_SIZE];
        struct span bulk = { NULL, 0 };
        m = (struct enclave_request){ .type = ENCLAVE_REPORT_DRAWS, .u.report_draws = { i, 1 } };
        CHECK_OK(fake_ask(&w->host, &r, NULL, &m, bulk));
        memcpy(info, r.u.report_draws.draws.p, sizeof(info));
        if (c->miss != NULL && c->miss(info)) {
            m = (struct enclave_request){ .type = ENCLAVE_REPORT_MISS, .u.report_miss.draw = i };
        } else {
            m = fake_answer(w->volumes, i, info, &bulk);
        }
        CHECK_OK(fake_ask(&w->host, &r, NULL, &m, bulk));
        CHECK(r.u.report_next.next == i + 1);
    }
    m = (struct enclave_request){ .type = ENCLAVE_REPORT_END };
    struct span bytes;
    CHECK_OK(fake_ask(&w->host, &r, &bytes, &m, (struct span){ NULL, 0 }));
    return bytes;
}

static void check_signed(const struct world *w, struct report *report, struct span bytes)
{
    uint8_t input[REPORT_SIGNING_SIZE];
    CHECK_OK(report_decode(report, bytes));
    report_signing_input(input, report->has_step ? report->step_bytes : (struct span){ NULL, 0 },
                         report->attempt_bytes);
    CHECK_OK(ed25519_verify(report->signature, span_of(input, sizeof(input)), w->host.worker));
    CHECK(memcmp(report->attempt.worker, w->host.worker, 32) == 0);
    CHECK(memcmp(report->attempt.chain, w->host.chain, 32) == 0);
}

/* Whether the report names S of the state that a cut record holds, or of the first one. */
static bool names_state_of(const struct report *report, const struct world *w, const uint8_t *cut)
{
    struct work_state s;
    uint8_t hash[32];
    work_state_init(&s, w->host.worker);
    if (cut != NULL)
        CHECK_OK(work_state_decode(&s, span_of(cut, WORK_STATE_SIZE)));
    work_state_hash(hash, &s);
    return memcmp(report->attempt.state, hash, sizeof(hash)) == 0;
}

static void test_report_opens_what_the_chain_draws(void **state)
{
    struct world *w = *state;
    static struct report report;
    struct enclave_reply cut;
    struct report_case c = { .entry_count = 2 };
    static const uint8_t owed[32] = { 77 };
    uint32_t draws;
    populate(w, &cut);
    memcpy(c.cut, cut.u.cut.cut, sizeof(c.cut));
    memset(c.beacon, 5, 32);
    entry(c.entries, 11, owed, 0, ENCLAVE_NO_VOLUME);
    entry(c.entries + ENCLAVE_ENTRY_SIZE, 12, c.beacon, 0, ENCLAVE_NO_VOLUME);
    struct work_state s;
    CHECK_OK(work_state_decode(&s, span_of(c.cut, WORK_STATE_SIZE)));
    check_signed(w, &report, run_report(w, &c, &draws));
    CHECK(draws == 8 + 2 * draw_private_count(&s, 0) && draws == 8 + 2 * 66);
    CHECK(!report.has_step && report.attempt.failed == 0 && report.attempt.entry_count == 2);
    CHECK(names_state_of(&report, w, c.cut) && !names_state_of(&report, w, NULL));
    for (size_t i = 0; i < 2; i++) {
        const struct report_entry *e = &report.attempt.entries[i];
        const struct draw_seed seed = { w->host.chain, e->beacon, w->host.lineage, e->slot };
        struct draw_list list;
        draw_slot(&list, &seed, &s, 0, (struct draw_counts){ 2, 2 });
        CHECK(e->count == 4 && opening_matches(&list, e));
        for (size_t j = 0; j < 4; j++)
            CHECK_OK(opening_check(&s, &list.draws[j], &e->answers[j]));
    }
}

static bool miss_public_and_private_of_srd(const uint8_t info[ENCLAVE_DRAW_SIZE])
{
    return info[2] == 1;
}

static void test_missing_data_is_said(void **state)
{
    struct world *w = *state;
    static struct report report;
    struct enclave_reply cut;
    struct report_case c = { .entry_count = 1, .miss = miss_public_and_private_of_srd };
    uint32_t draws;
    populate(w, &cut);
    memcpy(c.cut, cut.u.cut.cut, sizeof(c.cut));
    entry(c.entries, 12, c.beacon, 0, ENCLAVE_NO_VOLUME);
    check_signed(w, &report, run_report(w, &c, &draws));
    CHECK(report.attempt.failed == 2);
    const struct report_entry *e = &report.attempt.entries[0];
    CHECK(e->count == 4 && !e->answers[0].miss && !e->answers[1].miss);
    CHECK(e->answers[2].miss && e->answers[3].miss);
}

static void test_return_answers_its_draws_in_a_report_of_its_own(void **state)
{
    struct world *w = *state;
    static struct report report;
    struct enclave_reply cut;
    struct report_case c = { .entry_count = 1 };
    uint32_t draws;
    populate(w, &cut);
    memcpy(c.cut, cut.u.cut.cut, sizeof(c.cut));
    entry(c.entries, 12, c.beacon, 0, 0);
    check_signed(w, &report, run_report(w, &c, &draws));
    CHECK(draws == 20 && report.attempt.entries[0].count == 20);
    for (size_t i = 0; i < 20; i++)
        CHECK(report.attempt.entries[0].answers[i].kind == REPORT_ANSWER_RETURN_FILE);
}

static void test_step_is_signed_as_it_was_cut(void **state)
{
    struct world *w = *state;
    static struct report report;
    struct enclave_reply r;
    struct report_case c = { .entry_count = 0 };
    static uint8_t step[ENCLAVE_STEP_MAX];
    uint8_t mac[32];
    populate(w, &r);
    size_t n = r.u.cut.step.n;
    memcpy(step, r.u.cut.step.p, n);
    memcpy(mac, r.u.cut.step_mac, 32);
    memcpy(c.cut, r.u.cut.cut, sizeof(c.cut));
    struct enclave_request m = begin_request(&c), end = { .type = ENCLAVE_REPORT_END };
    m.u.report_begin.step = span_of(step, n);
    m.u.report_begin.step_mac = span_of(mac, 32);
    struct span bytes;
    /* SPEC seal 10.1: "A step MUST start from that state, and the attempt names its S." */
    CHECK_ERR(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }), ERR_STATE);
    m.u.report_begin.base = (struct span){ NULL, 0 };
    CHECK_OK(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }));
    CHECK(r.u.report_begin.draws == 0);
    CHECK_OK(fake_ask(&w->host, &r, &bytes, &end, (struct span){ NULL, 0 }));
    check_signed(w, &report, bytes);
    CHECK(report.has_step && names_state_of(&report, w, NULL));
    CHECK_SPAN(report.step_bytes, span_of(step, n));
    CHECK_ERR(fake_ask(&w->host, &r, NULL, &end, (struct span){ NULL, 0 }), ERR_STATE);
    step[n - 1] ^= 1;
    CHECK_ERR(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }), ERR_SIGNATURE);
    CHECK_ERR(fake_ask(&w->host, &r, NULL, &end, (struct span){ NULL, 0 }), ERR_STATE);
    step[n - 1] ^= 1;
    /* So it must when the report opens something, too. */
    m = begin_request(&c);
    m.u.report_begin.step = span_of(step, n);
    m.u.report_begin.step_mac = span_of(mac, 32);
    entry(c.entries, 12, c.beacon, 0, ENCLAVE_NO_VOLUME);
    m.u.report_begin.entries = span_of(c.entries, ENCLAVE_ENTRY_SIZE);
    CHECK_ERR(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }), ERR_STATE);
}

static void test_evidence_binds_account_and_block(void **state)
{
    struct world *w = *state;
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_EVIDENCE };
    uint8_t release_id[32];
    memset(m.u.evidence.account, 4, 32);
    memset(m.u.evidence.block_hash, 5, 32);
    CHECK_OK(fake_ask(&w->host, &r, NULL, &m, (struct span){ NULL, 0 }));
    attest_release_id(release_id, span_str("test"));
    struct attest_context c = { .binding = { w->host.worker, m.u.evidence.account, w->host.chain,
                                             release_id, m.u.evidence.block_hash, NULL, NULL },
                                .allow_software = true };
    struct attest_verdict v;
    CHECK_OK(attest_verify(&v, r.u.evidence.evidence, &c));
    m.u.evidence.account[0] ^= 1;
    CHECK_ERR(attest_verify(&v, r.u.evidence.evidence, &c), ERR_SIGNATURE);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sealed_file_has_the_commitment_of_its_content, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_unseal_gives_every_block_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unseal_releases_nothing_but_the_block_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_crash_keeps_what_a_checkpoint_acknowledged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_dag_of_empty_blocks_has_one_empty_segment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_extent_is_what_its_root_says_and_cannot_be_made_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_gives_the_step_that_the_chain_will_apply, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_state_survives_a_restart_through_its_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ticket_is_used_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_paths_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_step_asks_for_a_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_report_opens_what_the_chain_draws, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_data_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_return_answers_its_draws_in_a_report_of_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_step_is_signed_as_it_was_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_evidence_binds_account_and_block, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
