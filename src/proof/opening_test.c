#include "proof/opening.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/ed25519.h"
#include "proof/model_worker.h"

#include <jansson.h>

static json_t *life;

static int load_life(void **state)
{
    (void)state;
    json_error_t error;
    life = json_load_file("tests/vectors/oracle/life.json", 0, &error);
    return life == NULL ? -1 : 0;
}

static int free_life(void **state)
{
    (void)state;
    json_decref(life);
    return 0;
}

/* The bytes of a hex string of the vectors; freed by the caller. */
static uint8_t *bytes_of(struct span *out, const json_t *text)
{
    size_t n = json_string_length(text) / 2;
    uint8_t *p = malloc(n + 1);
    CHECK(p != NULL);
    CHECK_OK(hex_parse(p, n, json_string_value(text)));
    *out = span_of(p, n);
    return p;
}

static void hash_of(uint8_t out[32], const json_t *object, const char *key)
{
    CHECK_OK(hex_parse(out, 32, json_string_value(json_object_get(object, key))));
}

/* The state after `steps` steps of the vector's worker, each result compared. */
static void live(struct work_state *s, size_t steps)
{
    uint8_t worker[32];
    hash_of(worker, life, "worker");
    work_state_init(s, worker);
    for (size_t i = 0; i <= steps; i++) {
        const json_t *want = json_array_get(json_object_get(life, "states"), i);
        uint8_t hash[32];
        uint8_t got[32];
        hash_of(hash, want, "S");
        work_state_hash(got, s);
        CHECK(memcmp(hash, got, 32) == 0);
        CHECK(s->seq == i);
        const json_t *volumes = json_object_get(want, "volumes");
        if (volumes != NULL) {
            struct span v;
            uint8_t bytes[WORK_STATE_SIZE];
            struct work_state again;
            uint8_t *p = bytes_of(&v, volumes);
            work_state_encode(bytes, s);
            CHECK_SPAN(span_of(bytes + 40, sizeof(bytes) - 40), v);
            CHECK_OK(work_state_decode(&again, span_of(bytes, sizeof(bytes))));
            CHECK(memcmp(again.volumes, s->volumes, sizeof(s->volumes)) == 0);
            free(p);
        }
        if (i == steps)
            break;
        struct span step;
        struct report_step decoded;
        uint8_t *p = bytes_of(&step, json_array_get(json_object_get(life, "steps"), i));
        CHECK_OK(report_step_decode(&decoded, step));
        CHECK_OK(work_state_step(s, &decoded));
        /* A second time it is stale. */
        CHECK_ERR(work_state_step(s, &decoded), ERR_STATE);
        free(p);
    }
}

static void oracle_steps(void **state)
{
    (void)state;
    struct work_state s;
    live(&s, json_array_size(json_object_get(life, "steps")));
    CHECK(s.seq >= 3);
}

/* Any changed bit of a step makes it undecodable, stale or wrong, and leaves the state alone. */
static void every_bit_of_a_step_counts(void **state)
{
    (void)state;
    struct work_state s;
    for (size_t i = 0; i < 3; i++) {
        live(&s, i);
        const struct work_state before = s;
        struct span step;
        uint8_t *p = bytes_of(&step, json_array_get(json_object_get(life, "steps"), i));
        for (size_t bit = 0; bit < step.n * 8; bit++) {
            struct report_step decoded;
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (report_step_decode(&decoded, step) == OK)
                CHECK(work_state_step(&s, &decoded) != OK);
            CHECK(memcmp(&s, &before, sizeof(s)) == 0);
            p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(p);
    }
}

/* The slot of the vector: which state its draws are over is said by the total. */
static void oracle_report_opens_its_draws(void **state)
{
    (void)state;
    static const char *const names[] = { "report", "report_with_step" };
    for (size_t i = 0; i < 2; i++) {
        static struct report report;
        struct span in;
        uint8_t input[REPORT_SIGNING_SIZE];
        uint8_t *p = bytes_of(&in, json_object_get(life, names[i]));
        CHECK_OK(report_decode(&report, in));
        CHECK(report.has_step == (i == 1));
        report_signing_input(input, report.step_bytes, report.attempt_bytes);
        CHECK_OK(
            ed25519_verify(report.signature, span_of(input, sizeof(input)), report.attempt.worker));
        const struct report_attempt *a = &report.attempt;
        CHECK(a->entry_count == 1);
        struct work_state s;
        live(&s, 3);
        struct draw_list draws;
        struct draw_seed seed = { a->chain, a->beacon, s.lineage, a->slot };
        draw_slot(&draws, &seed, &s, 0, (struct draw_counts){ 2, 2 });
        const json_t *want = json_object_get(life, "draws");
        CHECK(draws.count == json_array_size(want));
        for (uint32_t k = 0; k < draws.count; k++) {
            const json_t *d = json_array_get(want, k);
            u128 total = draw_total(&s, 0, draws.draws[k].place.srd);
            CHECK((json_int_t)total == json_integer_value(json_object_get(d, "total")));
            CHECK((json_int_t)draws.draws[k].kind ==
                  json_integer_value(json_object_get(d, "kind")));
            CHECK((json_int_t)draws.draws[k].place.volume ==
                  json_integer_value(json_object_get(d, "volume")));
        }
        CHECK(opening_matches(&draws, &a->entries[0]));
        for (uint32_t k = 0; k < draws.count; k++)
            CHECK_OK(opening_check(&s, &draws.draws[k], &a->entries[0].answers[k]));
        free(p);
    }
}

static void oracle_draws(void **state)
{
    (void)state;
    json_error_t error;
    json_t *misc = json_load_file("tests/vectors/oracle/misc.json", 0, &error);
    CHECK(misc != NULL);
    uint8_t chain[32];
    uint8_t beacon[32];
    uint8_t lineage[32];
    hash_of(chain, misc, "chain");
    hash_of(beacon, misc, "beacon_in");
    hash_of(lineage, misc, "lineage");
    const json_t *list = json_object_get(misc, "draws");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        struct draw_seed seed = { chain, beacon, lineage,
                                  (uint64_t)json_integer_value(json_object_get(d, "slot")) };
        u128 got =
            draw_offset(&seed, (enum draw_kind)json_integer_value(json_object_get(d, "kind")),
                        (uint32_t)json_integer_value(json_object_get(d, "j")),
                        (u128)json_integer_value(json_object_get(d, "total")));
        CHECK(got == (u128)json_integer_value(json_object_get(d, "offset")));
    }
    uint8_t key[32];
    hash_of(key, misc, "inspect_key");
    list = json_object_get(misc, "private");
    CHECK(json_array_size(list) >= 2);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *d = json_array_get(list, i);
        struct work_state s = { 0 };
        struct draw_place place;
        const struct draw_secret secret = {
            key, beacon, (uint64_t)json_integer_value(json_object_get(d, "slot"))
        };
        /* One volume of files, so that the place is the offset. */
        s.volumes[3].files.root.sum = (uint64_t)json_integer_value(json_object_get(d, "total"));
        draw_private(&place, &secret, (uint32_t)json_integer_value(json_object_get(d, "i")), &s, 0);
        CHECK(place.volume == 3 && !place.srd);
        CHECK(place.offset == (uint64_t)json_integer_value(json_object_get(d, "offset")));
    }
    json_decref(misc);
}

static void draws_run_through_the_volumes(void **state)
{
    (void)state;
    struct work_state s = { 0 };
    struct draw_place p;
    s.volumes[1].files.root.sum = 10;
    s.volumes[4].files.root.sum = 5;
    s.volumes[15].files.root.sum = UINT64_MAX;
    s.volumes[4].srd.root.sum = 7;
    CHECK_OK(draw_locate(&p, &s, 0, false, 9));
    CHECK(p.volume == 1 && p.offset == 9 && !p.srd);
    CHECK_OK(draw_locate(&p, &s, 0, false, 10));
    CHECK(p.volume == 4 && p.offset == 0);
    CHECK_OK(draw_locate(&p, &s, 1 << 1, false, 4));
    CHECK(p.volume == 4 && p.offset == 4);
    CHECK_OK(draw_locate(&p, &s, 0, false, (u128)UINT64_MAX + 14));
    CHECK(p.volume == 15 && p.offset == UINT64_MAX - 1);
    CHECK_ERR(draw_locate(&p, &s, 0, false, (u128)UINT64_MAX + 15), ERR_RANGE);
    CHECK_ERR(draw_locate(&p, &s, 1 << 4, true, 0), ERR_RANGE);
    const uint8_t zero[32] = { 0 };
    const struct draw_seed seed = { zero, zero, zero, 1 };
    struct draw_list list;
    draw_slot(&list, &seed, &s, 1 << 4, (struct draw_counts){ 2, 2 });
    CHECK(list.count == 2); /* no SRD outside volume 4 */
    draw_slot(&list, &seed, &s, 0xffff, (struct draw_counts){ 2, 2 });
    CHECK(list.count == 0);
    draw_return(&list, &seed, &s, 4, 20);
    CHECK(list.count == 20);
    int files = 0;
    for (uint32_t i = 0; i < 20; i++) {
        CHECK(list.draws[i].place.volume == 4 && list.draws[i].j == i);
        CHECK(list.draws[i].place.offset < (list.draws[i].place.srd ? 7u : 5u));
        CHECK(list.draws[i].kind ==
              (list.draws[i].place.srd ? REPORT_ANSWER_RETURN_SRD : REPORT_ANSWER_RETURN_FILE));
        files += !list.draws[i].place.srd;
    }
    CHECK(files > 0 && files < 20);
    CHECK(draw_private_count(&s, 0) == 64);
    s.volumes[1].files.count = 17;
    CHECK(draw_private_count(&s, 0) == 64 + 5);
    s.volumes[4].srd.count = 8;
    CHECK(draw_private_count(&s, 0) == 64 + 5);
    CHECK(draw_private_count(&s, 1 << 1) == 64 + 3);
    CHECK(draw_private_count(&s, 0xffff) == 0);
}

static void first_reports_are_spread(void **state)
{
    (void)state;
    uint32_t used[6] = { 0 };
    for (uint8_t i = 0; i < 200; i++) {
        const uint8_t lineage[32] = { i };
        uint32_t at = draw_send_offset(lineage, 5, 8);
        CHECK(at < 6);
        used[at]++;
        CHECK(draw_send_offset(lineage, 5, 1) == 0);
    }
    for (int i = 0; i < 6; i++)
        CHECK(used[i] > 10);
}

static struct model_tree tree;
static struct model_file files[MODEL_FILES];
static uint8_t row[SRD_ROW_SIZE];

/* A random tree of random files. */
static void grow(struct merkle_sum *root, struct prng *g, uint32_t count)
{
    tree.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct merkle_sum leaf;
        uint32_t n = 1 + (uint32_t)prng_below(g, MODEL_BLOCKS);
        uint32_t length = MODEL_BLOCKS + (uint32_t)prng_below(g, MODEL_BLOCK_SIZE - MODEL_BLOCKS);
        model_file_make(&files[i], prng_below(g, 1 << 20), n, length);
        sumtree_file_leaf(&leaf, &files[i].leaf);
        model_insert(&tree, i * 4 + (uint32_t)prng_below(g, 4), &leaf, i);
    }
    model_root(root, &tree);
}

static void random_bytes_of_random_trees_open(void **state)
{
    (void)state;
    struct prng g;
    prng_init(&g, 9);
    for (int round = 0; round < 40; round++) {
        struct merkle_sum root;
        grow(&root, &g, 1 + (uint32_t)prng_below(&g, 20));
        for (int i = 0; i < 10; i++) {
            struct report_file_opening o;
            struct model_buffer b;
            uint64_t offset = prng_below(&g, root.sum);
            model_open_file(&o, &b, &tree, files, offset);
            CHECK_OK(opening_file(&root, offset, &o));
            /* The same opening serves its own chunk only. */
            uint64_t other = prng_below(&g, root.sum);
            struct report_file_opening o2;
            struct model_buffer b2;
            model_open_file(&o2, &b2, &tree, files, other);
            bool same = span_eq(o.chunk, o2.chunk);
            CHECK((opening_file(&root, other, &o) == OK) == same);
            CHECK(opening_file(&root, root.sum, &o) != OK);
            struct merkle_sum wrong = root;
            wrong.sum ^= 1;
            CHECK(opening_file(&wrong, offset, &o) != OK);
        }
    }
}

/* Encodes an attempt with one answer, flips each bit, and requires that what still decodes as the
 * same kind is false. */
static void check_flips(const struct merkle_sum *root, uint64_t offset,
                        const struct report_answer *answer)
{
    static struct report_attempt a;
    static uint8_t bytes[REPORT_SIZE_MAX];
    const uint8_t zero[32] = { 0 };
    memset(&a, 0, sizeof(a));
    a.chain = a.state = a.beacon = a.account = a.worker = zero;
    a.return_volume = a.suspend_volume = REPORT_NO_VOLUME;
    a.entry_count = 1;
    a.entries[0].beacon = zero;
    a.entries[0].count = 1;
    a.entries[0].answers[0] = *answer;
    struct writer w = writer_of(bytes, sizeof(bytes));
    report_attempt_encode(&w, &a);
    CHECK_OK(w.err);
    bool file = answer->kind == REPORT_ANSWER_FILE;
    const uint8_t key[] = { 0x67, 'a', 'n', 's', 'w', 'e', 'r', 's' };
    const uint8_t *start = memmem(bytes, w.len, key, sizeof(key));
    CHECK(start != NULL);
    /* From the opening's own first byte: [slot, beacon, [[kind, j, opening]]]. */
    size_t at = (size_t)(start - bytes) + sizeof(key) + 1 + 2 + 34 + 1 + 3;
    for (size_t bit = at * 8; bit < (w.len - 9) * 8; bit++) {
        static struct report_attempt got;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (report_attempt_decode(&got, writer_span(&w)) == OK) {
            const struct report_answer *g = &got.entries[0].answers[0];
            CHECK(got.entries[0].count == 1 && g->kind == answer->kind && !g->miss);
            enum err e = file ? opening_file(root, offset, &g->u.file)
                              : opening_srd(root, offset, &g->u.srd);
            CHECK(e != OK);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK_OK(report_attempt_decode(&a, writer_span(&w)));
    CHECK_OK(file ? opening_file(root, offset, &a.entries[0].answers[0].u.file)
                  : opening_srd(root, offset, &a.entries[0].answers[0].u.srd));
}

static void every_bit_of_an_opening_counts(void **state)
{
    (void)state;
    struct prng g;
    struct merkle_sum root;
    struct model_buffer b;
    struct report_answer a = { .kind = REPORT_ANSWER_FILE };
    prng_init(&g, 10);
    grow(&root, &g, 12);
    uint64_t offset = prng_below(&g, root.sum);
    model_open_file(&a.u.file, &b, &tree, files, offset);
    check_flips(&root, offset, &a);

    tree.count = 0;
    for (uint32_t i = 0; i < 5; i++) {
        struct report_extent e;
        struct merkle_sum leaf;
        uint8_t extent_root[32];
        model_extent(&e, extent_root, row, i);
        sumtree_extent_leaf(&leaf, &e);
        model_insert(&tree, i * 2, &leaf, i);
    }
    model_root(&root, &tree);
    a = (struct report_answer){ .kind = REPORT_ANSWER_SRD };
    for (int i = 0; i < 20; i++) {
        offset = prng_below(&g, root.sum);
        model_open_srd(&a.u.srd, &b, &tree, row, offset);
        CHECK_OK(opening_srd(&root, offset, &a.u.srd));
        CHECK(opening_srd(&root, (offset + CHUNK_SIZE) % root.sum, &a.u.srd) != OK);
    }
    check_flips(&root, offset, &a);
}

/* Longer, shorter, or with a neighbour's parts. */
static void an_opening_has_one_form(void **state)
{
    (void)state;
    struct prng g;
    struct merkle_sum root;
    struct model_buffer b;
    struct model_buffer b2;
    struct report_file_opening o;
    struct report_file_opening o2;
    prng_init(&g, 11);
    grow(&root, &g, 12);
    uint64_t offset = root.sum - 1;
    model_open_file(&o, &b, &tree, files, offset);
    model_open_file(&o2, &b2, &tree, files, 0);
    struct report_file_opening bad = o;
    bad.chunk_path.n += 32;
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.record_path.n += CONTENT_NODE_SIZE;
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.tree_path.n += 1;
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.chunk = span_sub(o.chunk, 0, o.chunk.n - 1);
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.leaf = o2.leaf;
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.index = o2.index;
    CHECK(opening_file(&root, offset, &bad) != OK);
    bad = o;
    bad.record = o2.record;
    CHECK(opening_file(&root, offset, &bad) != OK);
    CHECK_ERR(opening_file(&root, offset, &o2), ERR_RANGE); /* true, but of another place */
    CHECK_OK(opening_file(&root, offset, &o));
}

/* Missing share m of the bytes is drawn with probability m: 1 - (1 - m)^k over k draws. */
static void draws_find_what_is_missing(void **state)
{
    (void)state;
    static const struct {
        double share;
        double sigma3; /* three standard deviations over 10,000 slots, as a rate */
    } rows[] = { { 0.005, 0.003 }, { 0.01, 0.0042 }, { 0.05, 0.0089 }, { 0.5, 0.013 } };
    const uint8_t beacon[32] = { 7 };
    struct work_state s = { 0 };
    s.volumes[0].files.root.sum = 1000000;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        uint64_t missing = (uint64_t)(rows[r].share * 1e6);
        int caught = 0;
        for (uint64_t slot = 0; slot < 10000; slot++) {
            struct draw_list list;
            const struct draw_seed seed = { beacon, beacon, beacon, slot };
            draw_slot(&list, &seed, &s, 0, (struct draw_counts){ 2, 2 });
            CHECK(list.count == 2);
            caught += list.draws[0].place.offset < missing || list.draws[1].place.offset < missing;
        }
        double want = 1 - (1 - rows[r].share) * (1 - rows[r].share);
        double got = caught / 10000.0;
        CHECK(got > want - rows[r].sigma3 && got < want + rows[r].sigma3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_steps),
        cmocka_unit_test(every_bit_of_a_step_counts),
        cmocka_unit_test(oracle_report_opens_its_draws),
        cmocka_unit_test(oracle_draws),
        cmocka_unit_test(draws_run_through_the_volumes),
        cmocka_unit_test(first_reports_are_spread),
        cmocka_unit_test(random_bytes_of_random_trees_open),
        cmocka_unit_test(every_bit_of_an_opening_counts),
        cmocka_unit_test(an_opening_has_one_form),
        cmocka_unit_test(draws_find_what_is_missing),
    };
    return cmocka_run_group_tests(tests, load_life, free_life);
}
