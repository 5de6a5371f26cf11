/* Fetching a DAG from gateways that lie, stall, break off and so on. */
#include "ipfs/race.h"
#include "ipfsd/fetch_life_test.h"
#include "rt/clock.h"

enum { NODES = 4, LEAVES = 8, LEAF = 40000, PATIENCE_MS = 300 };

struct run {
    struct world *w;
    struct fetch *f;
    char urls[4][FETCH_URL_MAX];
    uint32_t url_count;
    bool have[WORLD_BLOCKS_MAX];
    size_t streamed; /* blocks that came by the stream */
    enum err end;    /* of the stream */
};

/* ways: "honest" on the first server, "1:honest" on the second. */
static struct run *run_new(struct world *w, const char *const *ways, uint32_t count,
                           uint64_t size_max)
{
    struct run *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    struct fetch_options o = { .loop = w->loop,
                               .http = w->http,
                               .root = w->blocks[0].key,
                               .size_max = size_max,
                               .source_count = count,
                               .ranks = w->ranks,
                               .first_ms = PATIENCE_MS,
                               .idle_ms = 400,
                               .hedge_ms = 150,
                               .backoff_ms = 20 };
    for (uint32_t i = 0; i < count; i++) {
        bool second = ways[i][0] == '1';
        snprintf(r->urls[i], sizeof(r->urls[i]), "http://127.0.0.1:%u/%s",
                 http_server_port(w->servers[second]), ways[i] + (second ? 2 : 0));
        o.sources[i] = span_str(r->urls[i]);
    }
    r->w = w;
    CHECK_OK(fetch_open(&r->f, &o));
    return r;
}

static void run_free(struct run *r)
{
    fetch_close(r->f);
    free(r);
}

static size_t index_of(const struct world *w, const struct content_key *key)
{
    for (size_t i = 0; i < w->count; i++) {
        if (cid_key_cmp(&w->blocks[i].key, key) == 0)
            return i;
    }
    return w->count;
}

static void drain(struct run *r)
{
    struct fetch_block b;
    while ((r->end = fetch_next(r->f, &b)) == OK) {
        size_t i = index_of(r->w, &b.key);
        CHECK(i < r->w->count); /* nothing strange comes through */
        CHECK(!r->have[i]);     /* and nothing twice */
        CHECK_SPAN(b.data, span_of(r->w->blocks[i].p, r->w->blocks[i].n));
        r->have[i] = true;
        r->streamed++;
    }
}

/* Gets what the stream has not brought; the first error. */
static enum err complete(struct run *r)
{
    static uint8_t buf[BLOCK_SIZE_MAX];
    for (size_t i = 0; i < r->w->count; i++) {
        size_t n;
        if (r->have[i])
            continue;
        TRY(fetch_get(r->f, &n, (struct mspan){ buf, sizeof(buf) }, &r->w->blocks[i].key));
        CHECK_SPAN(span_of(buf, n), span_of(r->w->blocks[i].p, r->w->blocks[i].n));
        r->have[i] = true;
    }
    return OK;
}

static bool why_says(struct run *r, const char *words)
{
    char why[FETCH_WHY_MAX];
    fetch_why(r->f, why);
    if (strstr(why, words) != NULL)
        return true;
    print_message("why: %s\n", why);
    return false;
}

/* One source that is bad in one way, alone: how far it gets, and what is said about it. */
static const struct {
    const char *way;
    bool whole;        /* everything comes, by stream or block by block */
    bool all_streamed; /* and by the stream alone */
    const char *words; /* in fetch_why */
    enum err failure;  /* of the first block that cannot be had */
} alone[] = {
    { "honest", true, true, "served well", OK },
    { "moved", true, true, "served well", OK },
    { "busy", true, true, "is busy (503)", OK },
    { "vanish", true, false, "broke off", OK },
    { "short", true, false, "its archive ended early", OK },
    { "stallmid", true, false, "stopped sending", OK },
    { "nocar", true, false, "answered 400", OK },
    { "repeat", true, false, "sent the same blocks again and again", OK },
    { "strange", false, false, "sent blocks that the content does not link to", ERR_NOT_FOUND },
    { "lie", false, false, "sent bytes that do not match their CID", ERR_NOT_FOUND },
    { "garbage", false, false, "sent what is not an archive", ERR_NOT_FOUND },
    { "html", false, false, "sent bytes that do not match their CID", ERR_NOT_FOUND },
    { "huge", true, true, "", OK },
    { "missing", false, false, "has not got it (404)", ERR_NOT_FOUND },
    { "inside", false, false, "its address is not a public one", ERR_NOT_FOUND },
};

static void each_fault_alone(void **state)
{
    (void)state;
    struct world *w = world_new(NODES, LEAVES, LEAF, true);
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        uint64_t began = clock_mono_ms();
        struct run *r = run_new(w, &alone[i].way, 1, w->bytes);
        w->busy = 0;
        drain(r);
        CHECK_ERR(r->end, ERR_NOT_FOUND);
        enum err e = complete(r);
        print_message("%-10s %2zu streamed, %s, %u ms\n", alone[i].way, r->streamed, err_name(e),
                      (unsigned)(clock_mono_ms() - began));
        CHECK_ERR(e, alone[i].failure);
        CHECK((e == OK) == alone[i].whole);
        CHECK((r->streamed == w->count) == alone[i].all_streamed);
        CHECK(why_says(r, alone[i].words));
        if (alone[i].whole) {
            CHECK(fetch_stat(r->f).bytes == w->bytes);
            CHECK(fetch_stat(r->f).blocks == w->count);
        }
        run_free(r);
    }
    world_free(w);
}

/* Whatever one source does, an honest one beside it brings everything. */
static void an_honest_source_is_enough(void **state)
{
    (void)state;
    struct world *w = world_new(NODES, LEAVES, LEAF, true);
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        const char *ways[] = { alone[i].way, "1:honest" };
        struct run *r = run_new(w, ways, 2, w->bytes);
        w->busy = 0;
        drain(r);
        CHECK_ERR(r->end, ERR_NOT_FOUND);
        CHECK_OK(complete(r));
        CHECK(fetch_stat(r->f).bytes == w->bytes);
        run_free(r);
    }
    world_free(w);
}

static void a_stalled_source_is_overtaken(void **state)
{
    (void)state;
    const char *ways[] = { "stall", "1:nocar" };
    struct world *w = world_new(1, 4, LEAF, true);
    struct run *r = run_new(w, ways, 2, w->bytes);
    uint64_t began = clock_mono_ms();
    CHECK_OK(complete(r)); /* block by block at once: raced */
    CHECK(clock_mono_ms() - began < 20000);
    run_free(r);
    world_free(w);
}

static void a_dripping_source_is_given_up(void **state)
{
    (void)state;
    const char *ways[] = { "drip", "1:honest" };
    struct world *w = world_new(1, 4, LEAF, true);
    struct run *r = run_new(w, ways, 2, w->bytes);
    drain(r);
    CHECK_OK(complete(r));
    /* On a busy machine its drops may come so late that it seems to have stopped. */
    CHECK(why_says(r, "was too slow") || why_says(r, "stopped sending"));
    run_free(r);
    world_free(w);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    const char *ways[] = { "honest" };
    struct world *w = world_new(NODES, LEAVES, LEAF, true);
    struct run *r = run_new(w, ways, 1, w->bytes - 1);
    static uint8_t buf[BLOCK_SIZE_MAX];
    size_t n;
    drain(r);
    CHECK_ERR(r->end, ERR_LIMIT);
    CHECK(r->streamed == w->count - 1);
    CHECK_ERR(fetch_get(r->f, &n, (struct mspan){ buf, sizeof(buf) }, &w->blocks[w->count - 1].key),
              ERR_LIMIT);
    run_free(r);
    world_free(w);
}

static void private_addresses_are_not_dialled(void **state)
{
    (void)state;
    const char *ways[] = { "honest" };
    struct world *w = world_new(1, 2, LEAF, false);
    struct run *r = run_new(w, ways, 1, w->bytes);
    drain(r);
    CHECK_ERR(r->end, ERR_NOT_FOUND);
    CHECK_ERR(complete(r), ERR_NOT_FOUND);
    CHECK(why_says(r, "its address is not a public one"));
    CHECK(w->requests == 0);
    run_free(r);
    world_free(w);
}

/* A reader that does not read stops the sender. */
static void a_slow_reader_slows_the_sender(void **state)
{
    (void)state;
    const char *ways[] = { "honest" };
    struct world *w = world_new(1, 40, 1 << 20, true);
    struct run *r = run_new(w, ways, 1, w->bytes);
    struct fetch_block b;
    CHECK_OK(fetch_next(r->f, &b));
    usleep(700000); /* longer than idle_ms: being slow ourselves is not the source's fault */
    CHECK(w->sent < w->car_size / 2);
    r->have[0] = true;
    drain(r);
    CHECK(r->streamed == w->count - 1);
    CHECK(why_says(r, "served well"));
    run_free(r);
    world_free(w);
}

static void *cancel_soon(void *ctx)
{
    usleep(100000);
    fetch_cancel(ctx);
    return NULL;
}

static void cancel_ends_every_wait(void **state)
{
    (void)state;
    const char *ways[] = { "stall" };
    struct world *w = world_new(1, 2, LEAF, true);
    for (int single = 0; single < 2; single++) {
        struct run *r = run_new(w, ways, 1, w->bytes);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, cancel_soon, r->f) == 0);
        if (single == 0)
            drain(r);
        else
            r->end = complete(r);
        CHECK_ERR(r->end, ERR_CLOSED);
        pthread_join(thread, NULL);
        CHECK_ERR(complete(r), ERR_CLOSED);
        run_free(r);
    }
    world_free(w);
}

static void what_is_foretold_is_fetched_ahead(void **state)
{
    (void)state;
    const char *ways[] = { "nocar" };
    struct world *w = world_new(1, 8, LEAF, true);
    struct run *r = run_new(w, ways, 1, w->bytes);
    static uint8_t buf[BLOCK_SIZE_MAX];
    struct content_key keys[8];
    size_t n;
    for (size_t i = 0; i < 8; i++)
        keys[i] = w->blocks[2 + i].key;
    fetch_prefetch(r->f, keys, 8);
    for (int i = 0; i < 100 && w->raws < 1; i++)
        usleep(10000);
    CHECK(w->raws == 1); /* one block for who has given none yet */
    CHECK_OK(fetch_get(r->f, &n, (struct mspan){ buf, sizeof(buf) }, &w->blocks[2].key));
    r->have[2] = true;
    for (int i = 0; i < 100 && w->raws < 1 + RACE_WINDOW_FIRST; i++)
        usleep(10000);
    CHECK(w->raws == 1 + RACE_WINDOW_FIRST);
    CHECK_OK(complete(r));
    CHECK(w->raws == w->count); /* nothing was asked twice */
    run_free(r);
    world_free(w);
}

/* ---- peers of the swarm beside gateways ---- */

/* Peers that have the world's DAG: each block comes after a while, on a thread; or never. */
struct swarm {
    struct world *w;
    struct fetch_peers peers;
    uint32_t after_ms;
    bool silent, empty;
    atomic_uint asked, cancelled;
    pthread_mutex_t lock;
    struct swarm_ask {
        uint64_t id; /* 0: free */
        uint64_t at_ms;
        const struct world_block *block;
        void (*over)(void *ctx, enum err e, struct mspan data);
        void *ctx;
    } asks[64];
    uint64_t ids;
    atomic_bool stop;
    pthread_t thread;
};

static enum err swarm_ask(void *ctx, uint64_t *id, const struct block_key *key,
                          void (*over)(void *, enum err, struct mspan), void *over_ctx)
{
    struct swarm *s = ctx;
    size_t i = 0, k = 0;
    atomic_fetch_add(&s->asked, 1);
    pthread_mutex_lock(&s->lock);
    while (memcmp(s->w->blocks[i].key.digest, key->digest, sizeof(key->digest)) != 0)
        i++;
    while (s->asks[k].id != 0)
        k++;
    CHECK(i < s->w->count && k < 64);
    *id = ++s->ids;
    s->asks[k] =
        (struct swarm_ask){ *id, clock_mono_ms() + s->after_ms, &s->w->blocks[i], over, over_ctx };
    pthread_mutex_unlock(&s->lock);
    return OK;
}

static bool swarm_cancel(void *ctx, uint64_t id)
{
    struct swarm *s = ctx;
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t k = 0; k < 64 && !found; k++) {
        found = s->asks[k].id == id;
        if (found)
            s->asks[k].id = 0;
    }
    pthread_mutex_unlock(&s->lock);
    s->cancelled += found;
    return found;
}

static void swarm_answer(const struct swarm *s, struct swarm_ask *a)
{
    const struct swarm_ask was = *a;
    a->id = 0;
    if (s->empty) {
        was.over(was.ctx, ERR_NOT_FOUND, (struct mspan){ NULL, 0 });
        return;
    }
    uint8_t *copy = malloc(was.block->n);
    CHECK(copy != NULL);
    memcpy(copy, was.block->p, was.block->n);
    was.over(was.ctx, OK, (struct mspan){ copy, was.block->n });
}

static void *swarm_main(void *ctx)
{
    struct swarm *s = ctx;
    while (!atomic_load(&s->stop)) {
        usleep(2000);
        pthread_mutex_lock(&s->lock);
        for (size_t k = 0; k < 64; k++)
            if (s->asks[k].id != 0 && !s->silent && clock_mono_ms() >= s->asks[k].at_ms)
                swarm_answer(s, &s->asks[k]);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static struct swarm *swarm_new(struct world *w, uint32_t after_ms)
{
    struct swarm *s = calloc(1, sizeof(*s));
    CHECK(s != NULL);
    s->w = w;
    s->after_ms = after_ms;
    s->peers = (struct fetch_peers){ .ctx = s, .ask = swarm_ask, .cancel = swarm_cancel };
    pthread_mutex_init(&s->lock, NULL);
    CHECK(pthread_create(&s->thread, NULL, swarm_main, s) == 0);
    return s;
}

static void swarm_free(struct swarm *s)
{
    for (size_t k = 0; k < 64; k++)
        CHECK(s->asks[k].id == 0); /* nobody is asked for what nobody wants any more */
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    free(s);
}

/* As sealing does: the stream, with its end foretold; then what is missing, foretold too. */
static void take_all(struct run *r)
{
    struct content_key keys[WORLD_BLOCKS_MAX];
    struct fetch_block b;
    size_t left = r->w->count;
    while (left > 0 && (r->end = fetch_next(r->f, &b)) == OK) {
        size_t i = index_of(r->w, &b.key), count = 0;
        CHECK(i < r->w->count && !r->have[i]);
        CHECK_SPAN(b.data, span_of(r->w->blocks[i].p, r->w->blocks[i].n));
        r->have[i] = true;
        r->streamed += !b.beside;
        left--;
        for (size_t k = r->w->count; k-- > 0 && fetch_shares(r->f);)
            if (!r->have[k])
                keys[count++] = r->w->blocks[k].key;
        if (count > 0)
            fetch_prefetch(r->f, keys, count);
    }
    CHECK(left == 0 || r->end == ERR_NOT_FOUND);
    CHECK_OK(complete(r));
}

static struct run *run_with(struct world *w, struct swarm *s, const char *const *ways,
                            uint32_t count)
{
    struct run *r = run_new(w, ways, count, w->bytes);
    struct fetch_options o = { .loop = w->loop,
                               .http = w->http,
                               .root = w->blocks[0].key,
                               .size_max = w->bytes,
                               .source_count = count,
                               .ranks = w->ranks,
                               .peers = s->peers,
                               .hedge_ms = 100,
                               .stall_ms = 500 };
    for (uint32_t i = 0; i < count; i++)
        o.sources[i] = span_str(r->urls[i]);
    fetch_close(r->f);
    CHECK_OK(fetch_open(&r->f, &o));
    return r;
}

static void peers_give_what_a_gateway_withholds(void **state)
{
    (void)state;
    static const char *const ways[] = { "stall", "stallmid", "vanish", "lie", "missing", "drip" };
    struct world *w = world_new(NODES, LEAVES, LEAF, true);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct swarm *s = swarm_new(w, 5);
        struct run *r = run_with(w, s, &ways[i], 1);
        uint64_t began = clock_mono_ms();
        char story[FETCH_STORY_MAX];
        take_all(r);
        fetch_story(r->f, story);
        print_message("%-8s %u ms: %s\n", ways[i], (unsigned)(clock_mono_ms() - began), story);
        CHECK(clock_mono_ms() - began < 9000); /* and not its patience of 10 s */
        CHECK(strcmp(ways[i], "vanish") == 0 || strstr(story, "peers gave") != NULL);
        CHECK(fetch_stat(r->f).bytes == w->bytes);
        run_free(r);
        swarm_free(s);
    }
    world_free(w);
}

static void silent_or_empty_peers_cost_nothing(void **state)
{
    (void)state;
    static const char *const ways[] = { "honest", "nocar" };
    struct world *w = world_new(NODES, LEAVES, LEAF, true);
    for (size_t i = 0; i < 4; i++) {
        struct swarm *s = swarm_new(w, 0);
        s->silent = i < 2;
        s->empty = i >= 2;
        struct run *r = run_with(w, s, &ways[i % 2], 1);
        uint64_t began = clock_mono_ms();
        take_all(r);
        CHECK(clock_mono_ms() - began < 9000);
        CHECK(fetch_stat(r->f).bytes == w->bytes);
        run_free(r);
        swarm_free(s);
    }
    world_free(w);
}

/* Nobody is asked for everything: each gives a part, and no block is asked of three. */
static void both_give_a_part(void **state)
{
    (void)state;
    const char *ways[] = { "slow" };
    struct world *w = world_new(NODES, 30, LEAF, true);
    struct swarm *s = swarm_new(w, 30);
    struct run *r = run_with(w, s, ways, 1);
    char story[FETCH_STORY_MAX];
    take_all(r);
    fetch_story(r->f, story);
    print_message("%s; %u asked of peers, %u taken back\n", story, s->asked, s->cancelled);
    CHECK(r->streamed > 0 && r->streamed < w->count);
    CHECK(strstr(story, "peers gave") != NULL);
    CHECK(s->asked <= w->count + 1);
    run_free(r);
    swarm_free(s);
    world_free(w);
}

static bool is_gone(void *ctx)
{
    const uint64_t *until = ctx;
    return clock_mono_ms() >= *until;
}

static void nobody_waits_for_who_has_gone(void **state)
{
    (void)state;
    static uint8_t buf[BLOCK_SIZE_MAX];
    struct world *w = world_new(1, 2, LEAF, true);
    struct swarm *s = swarm_new(w, 0);
    uint64_t until = clock_mono_ms() + 100;
    struct fetch *f;
    size_t n;
    const struct fetch_options o = { .loop = w->loop,
                                     .http = w->http,
                                     .root = w->blocks[0].key,
                                     .peers = s->peers,
                                     .loose = true,
                                     .gone = is_gone,
                                     .gone_ctx = &until };
    s->silent = true;
    CHECK_OK(fetch_open(&f, &o));
    CHECK_ERR(fetch_get(f, &n, (struct mspan){ buf, sizeof(buf) }, &w->blocks[0].key), ERR_CLOSED);
    CHECK(clock_mono_ms() < until + 9000);
    fetch_close(f);
    swarm_free(s);
    world_free(w);
}

static void liars_are_asked_last_next_time(void **state)
{
    (void)state;
    const char *ways[] = { "lie", "1:honest" };
    struct world *w = world_new(1, 4, LEAF, true);
    struct run *r = run_new(w, ways, 2, w->bytes);
    drain(r);
    CHECK_OK(complete(r));
    run_free(r);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", http_server_port(w->servers[0]));
    CHECK(fetch_rank_look(w->ranks, span_str(url)).cost >= FETCH_RANK_LIED);
    CHECK(fetch_rank_of(w->ranks, span_str(url)) > 1);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", http_server_port(w->servers[1]));
    CHECK(fetch_rank_of(w->ranks, span_str(url)) == 0);
    CHECK(fetch_rank_of(w->ranks, span_str("http://stranger")) == 1);
    unsigned before = w->requests;
    r = run_new(w, ways, 2, w->bytes);
    drain(r);
    CHECK(r->streamed == w->count);
    CHECK(w->requests == before + 1); /* the liar was not asked at all */
    CHECK(why_says(r, "was not asked"));
    run_free(r);
    world_free(w);
}

static void urls_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum err want;
    } rows[] = {
        { "http://example.org", OK },
        { "https://example.org:8443/gateway/", OK },
        { "http://[2001:db8::1]:80/ipfs/bafkqaaa", OK },
        { "", ERR_FORMAT },
        { "http://", ERR_FORMAT },
        { "http:///ipfs/x", ERR_FORMAT },
        { "ftp://example.org", ERR_FORMAT },
        { "file:///etc/passwd", ERR_FORMAT },
        { "example.org", ERR_FORMAT },
        { "http://user@example.org", ERR_FORMAT },
        { "http://example.org/?a", ERR_FORMAT },
        { "http://example.org/#a", ERR_FORMAT },
        { "http://exa mple.org", ERR_FORMAT },
        { "http://example.org/\r\nHost: x", ERR_FORMAT },
    };
    struct world *w = world_new(1, 1, 10, true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fetch *f;
        struct fetch_options o = { .loop = w->loop,
                                   .http = w->http,
                                   .source_count = 1,
                                   .sources = { span_str(rows[i].url) } };
        CHECK_ERR(fetch_open(&f, &o), rows[i].want);
        fetch_close(f);
    }
    char text[FETCH_URL_MAX + 2];
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://", 7);
    struct fetch *f;
    struct fetch_options o = { .loop = w->loop,
                               .http = w->http,
                               .source_count = 1,
                               .sources = { span_of(text, FETCH_URL_MAX + 1) } };
    CHECK_ERR(fetch_open(&f, &o), ERR_LIMIT);
    o.source_count = FETCH_SOURCES_MAX + 1;
    CHECK_ERR(fetch_open(&f, &o), ERR_LIMIT);
    o.source_count = 0;
    CHECK_OK(fetch_open(&f, &o));
    struct fetch_block b;
    char why[FETCH_WHY_MAX];
    CHECK_ERR(fetch_next(f, &b), ERR_NOT_FOUND);
    fetch_why(f, why);
    CHECK(strcmp(why, "no source is known") == 0);
    fetch_close(f);
    world_free(w);
}

int main(void)
{
    log_init("fetch-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_alone),
        cmocka_unit_test(an_honest_source_is_enough),
        cmocka_unit_test(a_stalled_source_is_overtaken),
        cmocka_unit_test(a_dripping_source_is_given_up),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(private_addresses_are_not_dialled),
        cmocka_unit_test(a_slow_reader_slows_the_sender),
        cmocka_unit_test(cancel_ends_every_wait),
        cmocka_unit_test(what_is_foretold_is_fetched_ahead),
        cmocka_unit_test(peers_give_what_a_gateway_withholds),
        cmocka_unit_test(silent_or_empty_peers_cost_nothing),
        cmocka_unit_test(both_give_a_part),
        cmocka_unit_test(nobody_waits_for_who_has_gone),
        cmocka_unit_test(liars_are_asked_last_next_time),
        cmocka_unit_test(urls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
