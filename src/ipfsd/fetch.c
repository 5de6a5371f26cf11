#include "ipfsd/fetch_impl.h"

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

/* At the end: what is under way names sources by their places. */
enum err fetch_add(struct fetch *f, struct span url)
{
    struct fetch_source s;
    TRY(fetch_source_parse(&s, url));
    for (uint32_t i = 0; i < f->source_count; i++) {
        if (strcmp(f->sources[i].url, s.url) == 0)
            return OK;
    }
    if (f->source_count == FETCH_SOURCES_MAX)
        return ERR_LIMIT;
    f->sources[f->source_count++] = s;
    return OK;
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
    f->hedge_ms = or_default(o->hedge_ms, FETCH_HEDGE_MS);
    f->backoff_ms = or_default(o->backoff_ms, FETCH_BACKOFF_MS);
    f->get_ms = or_default(o->get_ms, FETCH_GET_MS);
    f->only_cached = o->only_cached;
    if (o->source_count > FETCH_SOURCES_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < o->source_count; i++)
        TRY(add_source(f, o->sources[i]));
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
    fetch_set_fini(&f->set);
    fetch_hub_free(f->hub);
    free(f);
}

void fetch_cancel(struct fetch *f)
{
    atomic_store(&f->cancelled, true);
    fetch_hub_signal(f->hub);
}

enum err fetch_alive(struct fetch *f)
{
    return atomic_load(&f->cancelled) ? ERR_CLOSED : f->over;
}

enum err fetch_account(struct fetch *f, const struct content_key *key, struct span block)
{
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

void fetch_why(struct fetch *f, char out[FETCH_WHY_MAX])
{
    size_t at = 0;
    if (f->source_count == 0)
        snprintf(out, FETCH_WHY_MAX, "no source is known");
    for (uint32_t i = 0; i < f->source_count && at < FETCH_WHY_MAX - 1; i++) {
        char words[96];
        fetch_source_why(words, sizeof(words), &f->sources[i]);
        int n = snprintf(out + at, FETCH_WHY_MAX - at, "%s%s %s", i == 0 ? "" : "; ",
                         f->sources[i].url, words);
        at += n > 0 ? (size_t)n : 0;
    }
}
