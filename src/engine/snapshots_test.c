/* A state goes from one ledger to another as CometBFT carries it: snapshots written, listed,
 * loaded, offered and applied, with all that may go wrong on the way. */
#include "engine/snapshots.h"

#include "base/check.h"
#include "chain/snapshot.h"
#include "crypto/random.h"
#include "engine/abci_driver_test.h"
#include "engine/abci_link_test.h"
#include "rt/log.h"

enum { CHUNKS_MAX = 64 };

/* A snapshot as it was carried. */
struct carried {
    uint64_t height;
    uint32_t count;
    uint8_t app_hash[32], hash[32];
    uint8_t *metadata;
    size_t metadata_size;
    uint8_t *chunks[CHUNKS_MAX];
    size_t sizes[CHUNKS_MAX];
};

static void carried_free(struct carried *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        free(c->chunks[i]);
    free(c->metadata);
}

static void decide(struct driver_link *k, uint8_t hash[32], int64_t height)
{
    uint8_t list[1024], tx[512];
    struct writer w = writer_of(list, sizeof(list));
    abci_list_add_bytes(&w, driver_transfer(k->d, tx, (uint64_t)height - 1));
    driver_decide(k, hash, height, writer_span(&w), 1);
}

static void take(struct driver *d)
{
    struct statedb_snapshot *s;
    CHECK_OK(statedb_snapshot_open(&s, d->db));
    CHECK_OK(snapshots_write(d->snapshot_dir, s));
    CHECK_ERR(snapshots_write(d->snapshot_dir, s), ERR_EXISTS);
    statedb_snapshot_close(s);
}

/* The newest snapshot of a node, over its ABCI. */
static void carry(struct carried *c, struct driver_link *k)
{
    struct abci_request m = { .kind = ABCI_LIST_SNAPSHOTS };
    struct abci_response r = link_call(k, &m);
    struct abci_snapshot s;
    *c = (struct carried){ 0 };
    while (abci_list_next(&s, ABCI_SNAPSHOT, &r.list_snapshots.snapshots)) {
        if (s.height <= c->height)
            continue;
        free(c->metadata);
        c->height = s.height;
        c->count = s.chunks;
        c->metadata = check_dup(s.metadata.p, s.metadata.n);
        c->metadata_size = s.metadata.n;
        CHECK(s.format == SNAPSHOT_FORMAT && s.hash.n == 32 && s.chunks <= CHUNKS_MAX);
        memcpy(c->hash, s.hash.p, 32);
    }
    CHECK(c->height != 0);
    m.kind = ABCI_LOAD_SNAPSHOT_CHUNK;
    m.load_chunk.height = c->height;
    m.load_chunk.format = SNAPSHOT_FORMAT;
    for (m.load_chunk.chunk = 0; m.load_chunk.chunk < c->count; m.load_chunk.chunk++) {
        r = link_call(k, &m);
        CHECK(r.load_chunk.chunk.n != 0);
        c->chunks[m.load_chunk.chunk] = check_dup(r.load_chunk.chunk.p, r.load_chunk.chunk.n);
        c->sizes[m.load_chunk.chunk] = r.load_chunk.chunk.n;
    }
    CHECK(link_call(k, &m).load_chunk.chunk.n == 0); /* behind the last one */
    m.load_chunk.chunk = 0;
    m.load_chunk.format = SNAPSHOT_FORMAT + 1;
    CHECK(link_call(k, &m).load_chunk.chunk.n == 0);
}

static struct abci_request offer_of(const struct carried *c)
{
    struct abci_request m = { .kind = ABCI_OFFER_SNAPSHOT };
    m.offer_snapshot.snapshot =
        (struct abci_snapshot){ .present = true,
                                .height = c->height,
                                .format = SNAPSHOT_FORMAT,
                                .chunks = c->count,
                                .hash = span_of(c->hash, 32),
                                .metadata = span_of(c->metadata, c->metadata_size) };
    m.offer_snapshot.app_hash = span_of(c->app_hash, 32);
    return m;
}

static int32_t offer(struct driver_link *k, const struct abci_request *m)
{
    return link_call(k, m).offer_snapshot.result;
}

static struct abci_response apply(struct driver_link *k, uint32_t index, struct span chunk)
{
    struct abci_request m = { .kind = ABCI_APPLY_SNAPSHOT_CHUNK };
    m.apply_chunk.index = index;
    m.apply_chunk.chunk = chunk;
    m.apply_chunk.sender = span_str("peer7");
    return link_call(k, &m);
}

static int32_t apply_good(struct driver_link *k, const struct carried *c, uint32_t i)
{
    return apply(k, i, span_of(c->chunks[i], c->sizes[i])).apply_chunk.result;
}

/* A node that has the genesis state and nothing else, as at its start. */
static void genesis(struct driver *d)
{
    char what[CHAIN_WHAT_MAX];
    CHECK_OK(d->calls.init_chain(d->calls.ctx, span_str(d->genesis), what));
}

static struct driver source, target;
static struct driver_link from, to;
static struct carried snapshot;

static int set_up(void **state)
{
    (void)state;
    driver_make(&source);
    link_open(&from, &source);
    driver_start(&from);
    for (int64_t h = 1; h <= 5; h++)
        decide(&from, snapshot.app_hash, h);
    uint8_t hash[32];
    memcpy(hash, snapshot.app_hash, 32);
    take(&source);
    carry(&snapshot, &from);
    memcpy(snapshot.app_hash, hash, 32);
    CHECK(snapshot.height == 5);
    driver_make(&target);
    genesis(&target);
    link_open(&to, &target);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    link_close(&from);
    link_close(&to);
    driver_remove(&source);
    driver_remove(&target);
    carried_free(&snapshot);
    snapshot = (struct carried){ 0 };
    return 0;
}

static void check_equal(void)
{
    const struct abci_request m = { .kind = ABCI_INFO };
    struct abci_response r = link_call(&to, &m);
    CHECK(r.info.height == 5 && memcmp(r.info.app_hash.p, snapshot.app_hash, 32) == 0);
    const struct engine_info a = source.calls.info(source.calls.ctx);
    const struct engine_info b = target.calls.info(target.calls.ctx);
    CHECK(memcmp(&a, &b, sizeof(a)) == 0);
    uint8_t want[32], hash[32], chain_hash[32];
    for (int64_t h = 6; h <= 8; h++) {
        decide(&from, want, h);
        decide(&to, hash, h);
        CHECK(memcmp(want, hash, 32) == 0);
    }
    CHECK(app_genesis_hash(target.ledger, chain_hash));
    CHECK(memcmp(chain_hash, target.genesis_hash, 32) == 0);
    const char *what;
    CHECK_OK(chain_check_invariants(app_chain(target.ledger), &what));
}

static void a_state_goes_over_and_goes_on(void **state)
{
    (void)state;
    const struct abci_request m = offer_of(&snapshot);
    CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
    for (uint32_t i = 0; i < snapshot.count; i++)
        CHECK(apply_good(&to, &snapshot, i) == ABCI_APPLY_ACCEPT);
    check_equal();
    /* What has blocks takes nothing over, and stays as it is. */
    CHECK(offer(&to, &m) == ABCI_OFFER_ABORT);
    CHECK(apply_good(&to, &snapshot, 0) == ABCI_APPLY_ABORT);
    link_close(&to);
    driver_close(&target);
    driver_open(&target);
    link_open(&to, &target);
    CHECK(target.calls.info(target.calls.ctx).height == 8);
    /* And it gives the same snapshot as the source: byte for byte. */
    struct carried a, b;
    take(&source);
    take(&target);
    carry(&a, &from);
    carry(&b, &to);
    CHECK(a.height == 8 && memcmp(a.hash, b.hash, 32) == 0 && a.count == b.count);
    for (uint32_t i = 0; i < a.count; i++)
        CHECK_SPAN(span_of(a.chunks[i], a.sizes[i]), span_of(b.chunks[i], b.sizes[i]));
    carried_free(&a);
    carried_free(&b);
}

static void wrong_offers_are_refused(void **state)
{
    (void)state;
    const struct abci_request good = offer_of(&snapshot);
    struct abci_request m = good;
    uint8_t hash[32];
    memcpy(hash, snapshot.app_hash, 32);
    hash[0] ^= 1; /* what the light client says */
    m.offer_snapshot.app_hash = span_of(hash, 32);
    CHECK(offer(&to, &m) == ABCI_OFFER_REJECT_SENDER);
    m = good;
    m.offer_snapshot.snapshot.format = 2;
    CHECK(offer(&to, &m) == ABCI_OFFER_REJECT_FORMAT);
    m = good;
    m.offer_snapshot.snapshot.chunks++;
    CHECK(offer(&to, &m) == ABCI_OFFER_REJECT_SENDER);
    m = good;
    m.offer_snapshot.snapshot.height++;
    CHECK(offer(&to, &m) == ABCI_OFFER_REJECT_SENDER);
    m = good;
    m.offer_snapshot.app_hash.n = 31;
    CHECK(offer(&to, &m) == ABCI_OFFER_REJECT);
    for (size_t i = 0; i < snapshot.metadata_size; i += 7) {
        snapshot.metadata[i] ^= 0x10;
        CHECK(offer(&to, &good) != ABCI_OFFER_ACCEPT);
        snapshot.metadata[i] ^= 0x10;
    }
    CHECK(apply_good(&to, &snapshot, 0) == ABCI_APPLY_ABORT);
    /* Nothing of it has touched the genesis state. */
    const struct engine_info info = target.calls.info(target.calls.ctx);
    CHECK(!info.fresh && info.height == 0);
}

static void check_asked_again(const struct abci_response *r, uint32_t index)
{
    struct abci_list senders = r->apply_chunk.reject_senders;
    struct span sender;
    CHECK(r->apply_chunk.result == ABCI_APPLY_RETRY);
    CHECK(r->apply_chunk.refetch.n == 1 && r->apply_chunk.refetch.p[0] == index);
    CHECK(abci_list_bytes(&sender, &senders) && span_eq(sender, span_str("peer7")));
}

static void lying_chunks_are_asked_for_again(void **state)
{
    (void)state;
    const struct abci_request m = offer_of(&snapshot);
    CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
    for (uint32_t i = 0; i < snapshot.count; i++) {
        uint8_t *p = snapshot.chunks[i];
        size_t n = snapshot.sizes[i];
        struct abci_response r;
        for (size_t at = 0; at < n; at += n / 11 + 1) {
            p[at] ^= 1;
            r = apply(&to, i, span_of(p, n));
            p[at] ^= 1;
            check_asked_again(&r, i);
        }
        r = apply(&to, i, span_of(p, n - 1));
        check_asked_again(&r, i);
        r = apply(&to, i, span_of(p, 0));
        check_asked_again(&r, i);
        uint32_t other = (i + 1) % snapshot.count;
        r = apply(&to, i, span_of(snapshot.chunks[other], snapshot.sizes[other]));
        check_asked_again(&r, i);
        CHECK(apply_good(&to, &snapshot, i) == ABCI_APPLY_ACCEPT);
    }
    check_equal();
}

static void a_missing_chunk_ends_it(void **state)
{
    (void)state;
    const struct abci_request m = offer_of(&snapshot);
    CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
    CHECK(apply_good(&to, &snapshot, 0) == ABCI_APPLY_ACCEPT);
    CHECK(apply_good(&to, &snapshot, 2) == ABCI_APPLY_ABORT);
    /* A new offer begins anew. */
    CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
    for (uint32_t i = 0; i < snapshot.count; i++)
        CHECK(apply_good(&to, &snapshot, i) == ABCI_APPLY_ACCEPT);
    check_equal();
}

static void a_kill_in_the_middle_starts_over(void **state)
{
    (void)state;
    const struct abci_request m = offer_of(&snapshot);
    for (uint32_t stop = 0; stop < snapshot.count; stop += 3) {
        CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
        for (uint32_t i = 0; i < stop; i++)
            CHECK(apply_good(&to, &snapshot, i) == ABCI_APPLY_ACCEPT);
        link_close(&to);
        driver_close(&target);
        driver_open(&target);
        CHECK(target.calls.info(target.calls.ctx).fresh);
        genesis(&target);
        link_open(&to, &target);
    }
    CHECK(offer(&to, &m) == ABCI_OFFER_ACCEPT);
    for (uint32_t i = 0; i < snapshot.count; i++)
        CHECK(apply_good(&to, &snapshot, i) == ABCI_APPLY_ACCEPT);
    check_equal();
}

static void only_the_newest_are_kept(void **state)
{
    (void)state;
    uint8_t hash[32];
    for (int64_t h = 6; h <= 9; h++) {
        decide(&from, hash, h);
        take(&source);
    }
    const struct abci_request m = { .kind = ABCI_LIST_SNAPSHOTS };
    struct abci_response r = link_call(&from, &m);
    struct abci_snapshot s;
    CHECK(r.list_snapshots.snapshots.count == SNAPSHOTS_KEPT);
    while (abci_list_next(&s, ABCI_SNAPSHOT, &r.list_snapshots.snapshots))
        CHECK(s.height >= 8);
    /* A writer that was killed leaves nothing for the next start. */
    char part[128];
    snprintf(part, sizeof(part), "%s/.part/x", source.snapshot_dir);
    CHECK_OK(path_make_dirs(part, 0700));
    link_close(&from);
    driver_close(&source);
    driver_open(&source);
    link_open(&from, &source);
    CHECK(!path_exists(part));
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    log_init("snapshots-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_state_goes_over_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_offers_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lying_chunks_are_asked_for_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_chunk_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kill_in_the_middle_starts_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_newest_are_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
