#include "ipfsd/fetch_impl.h"
#include "ipfsd/find_http.h"
#include "rt/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value == 0 ? otherwise : value;
}

/* Insertion keeps the caller's order among equals. A source named twice is taken once. */
static enum err add_source(struct fetch *f, struct span url)
{
    struct fetch_source s;
    TRY(fetch_source_parse(&s, url));
    for (uint32_t i = 0; i < f->source_count; i++) {
        if (strcmp(f->sources[i].url, s.url) == 0)
            return OK;
    }
    uint32_t rank = fetch_rank_of(f->ranks, fetch_source_host(&s));
    uint32_t at = f->source_count;
    while (at > 0 && fetch_rank_of(f->ranks, fetch_source_host(&f->sources[at - 1])) > rank)
        at--;
    memmove(f->sources + at + 1, f->sources + at, (f->source_count - at) * sizeof(s));
    f->sources[at] = s;
    f->source_count++;
    return OK;
}

/* Ranks of the race: the best gateway, the peers, other gateways; who failed before comes last. */
enum { ORDER_STEP = 10, ORDER_PEERS = 15, ORDER_LATER = 500, ORDER_FAILED = 1000 };

static enum err join_race(struct fetch *f, uint32_t order, bool searches)
{
    uint32_t number;
    TRY(race_add(&f->race, &number, order, searches));
    ASSERT(number + 1 == f->race.count);
    return OK;
}

static bool has_place(const struct fetch *f)
{
    return f->source_count < FETCH_SOURCES_MAX + (f->peers.ask != NULL);
}

/* At the end: what is under way names sources by their places. */
enum err fetch_add(struct fetch *f, struct span url)
{
    struct fetch_source s;
    TRY(fetch_source_parse(&s, url));
    for (uint32_t i = 0; i < f->source_count; i++) {
        if (strcmp(f->sources[i].url, s.url) == 0)
            return OK;
    }
    if (!has_place(f))
        return ERR_LIMIT;
    TRY(join_race(f, ORDER_STEP * (f->source_count + 1) + ORDER_LATER, false));
    f->sources[f->source_count++] = s;
    return OK;
}

static enum err add_all(struct fetch *f, const struct fetch_options *o)
{
    if (o->source_count > FETCH_SOURCES_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < o->source_count; i++)
        TRY(add_source(f, o->sources[i]));
    for (uint32_t i = 0; i < f->source_count; i++) {
        bool failed = fetch_rank_of(f->ranks, fetch_source_host(&f->sources[i])) > 1;
        TRY(join_race(f, ORDER_STEP * (i + 1) + (failed ? ORDER_FAILED : 0), false));
    }
    if (f->peers.ask == NULL)
        return OK;
    f->sources[f->source_count++] = (struct fetch_source){ .url = "peers", .peers = true };
    return join_race(f, o->peers_first ? 0 : ORDER_PEERS, true);
}

static enum err fill(struct fetch *f, const struct fetch_options *o)
{
    f->loop = o->loop;
    f->http = o->http;
    f->ranks = o->ranks;
    f->root = o->root;
    f->size_max = o->size_max;
    f->first_ms = or_default(o->first_ms, FETCH_FIRST_MS);
    f->idle_ms = or_default(o->idle_ms, FETCH_IDLE_MS);
    f->get_ms = or_default(o->get_ms, FETCH_GET_MS);
    f->only_cached = o->only_cached;
    f->loose = o->loose;
    f->peers = o->peers;
    f->gone = o->gone;
    f->gone_ctx = o->gone_ctx;
    f->find = o->find;
    race_init(&f->race);
    f->race.stagger_ms = or_default(o->hedge_ms, f->race.stagger_ms);
    f->race.stall_ms = or_default(o->stall_ms, f->race.stall_ms);
    f->race.backoff_ms = or_default(o->backoff_ms, f->race.backoff_ms);
    f->race.searching = f->find != NULL;
    f->opened_ms = clock_mono_ms();
    TRY(add_all(f, o));
    TRY(fetch_set_want(&f->set, &f->root));
    f->hub = fetch_hub_new();
    return f->hub == NULL ? ERR_MEMORY : OK;
}

enum err fetch_open(struct fetch **out, const struct fetch_options *o)
{
    *out = NULL;
    struct fetch *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return ERR_MEMORY;
    enum err e = fill(f, o);
    if (e != OK) {
        fetch_close(f);
        return e;
    }
    *out = f;
    return OK;
}

void fetch_close(struct fetch *f)
{
    if (f == NULL)
        return;
    fetch_stream_close(f);
    fetch_asks_close(f);
    if (f->find_state == FIND_ASKED)
        find_http_end(f->find, f->find_ticket);
    fetch_set_fini(&f->set);
    fetch_hub_free(f->hub);
    free(f);
}

bool fetch_peers_only(const struct fetch *f)
{
    return f->source_count == 1 && f->sources[0].peers;
}

void fetch_cancel(struct fetch *f)
{
    atomic_store(&f->cancelled, true);
    fetch_hub_signal(f->hub);
}

enum err fetch_alive(struct fetch *f)
{
    if (f->over == OK && f->gone != NULL && f->gone(f->gone_ctx))
        return ERR_CLOSED;
    return atomic_load(&f->cancelled) ? ERR_CLOSED : f->over;
}

void fetch_served(struct fetch *f, uint32_t source, size_t size)
{
    struct fetch_source *s = &f->sources[source];
    fetch_source_good(s, s->peers ? NULL : f->ranks, size);
    f->usual = f->usual == 0 ? size : f->usual - f->usual / 8 + size / 8;
    if (f->first_block_ms == 0) {
        f->first_block_ms = clock_mono_ms();
        f->first_source = source;
    }
}

enum err fetch_account(struct fetch *f, const struct content_key *key, struct span block)
{
    if (f->loose) {
        atomic_fetch_add(&f->bytes, block.n);
        atomic_fetch_add(&f->blocks, 1);
        return OK;
    }
    enum fetch_mark mark = fetch_set_look(&f->set, key);
    if (mark == FETCH_COME)
        return OK;
    if (mark == FETCH_WANTED)
        fetch_set_came(&f->set, key);
    uint64_t bytes = atomic_load(&f->bytes);
    if (block.n > f->size_max - bytes) {
        f->over = ERR_LIMIT;
        return ERR_LIMIT;
    }
    atomic_store(&f->bytes, bytes + block.n);
    atomic_fetch_add(&f->blocks, 1);
    enum err e = fetch_set_want_links(&f->set, key->codec, block);
    /* A malformed block is the caller's to judge: its bytes are those of its CID. */
    if (e == ERR_MEMORY || f->set.used == FETCH_SET_MAX)
        f->over = e == ERR_MEMORY ? ERR_MEMORY : ERR_LIMIT;
    return f->over;
}

struct fetch_leg_options fetch_leg_base(const struct fetch *f, const char *url)
{
    return (struct fetch_leg_options){
        .loop = f->loop,
        .http = f->http,
        .url = url,
        .idle_ms = f->idle_ms,
        .connect_ms = f->first_ms,
        .only_cached = f->only_cached,
    };
}

struct fetch_stat fetch_stat(struct fetch *f)
{
    return (struct fetch_stat){ .bytes = atomic_load(&f->bytes),
                                .blocks = atomic_load(&f->blocks) };
}

static void add_text(char *out, size_t max, size_t *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add_text(char *out, size_t max, size_t *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out + *at, max - *at, format, args);
    va_end(args);
    *at += n > 0 ? (size_t)n : 0;
    *at = *at < max ? *at : max - 1;
}

void fetch_why(struct fetch *f, char out[FETCH_WHY_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    if (f->source_count == 0)
        add_text(out, FETCH_WHY_MAX, &at, "no source is known");
    for (uint32_t i = 0; i < f->source_count; i++) {
        char words[96];
        fetch_source_why(words, sizeof(words), &f->sources[i]);
        add_text(out, FETCH_WHY_MAX, &at, "%s%s %s", i == 0 ? "" : "; ", f->sources[i].url, words);
    }
}

void fetch_story(struct fetch *f, char out[FETCH_STORY_MAX])
{
    size_t at = 0;
    out[0] = '\0';
    if (f->first_block_ms != 0)
        add_text(out, FETCH_STORY_MAX, &at, "first after %llu ms: %s",
                 (unsigned long long)(f->first_block_ms - f->opened_ms),
                 f->sources[f->first_source].url);
    for (uint32_t i = 0; i < f->source_count; i++) {
        const struct fetch_source *s = &f->sources[i];
        char words[96];
        if (s->blocks > 0)
            add_text(out, FETCH_STORY_MAX, &at, "; %s gave %llu blocks (%llu bytes)", s->url,
                     (unsigned long long)s->blocks, (unsigned long long)s->bytes);
        if (s->blocks > 0 && s->fault == FETCH_FAULT_NONE)
            continue;
        fetch_source_why(words, sizeof(words), s);
        add_text(out, FETCH_STORY_MAX, &at, "%s%s %s", at == 0 ? "" : "; ", s->url, words);
    }
}

uint32_t fetch_source_urls(const struct fetch *f, const char *out[FETCH_SOURCES_MAX],
                           bool *peers_won)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->source_count && count < FETCH_SOURCES_MAX; i++)
        if (!f->sources[i].peers)
            out[count++] = f->sources[i].url;
    *peers_won = f->first_block_ms != 0 && f->sources[f->first_source].peers;
    return count;
}
