#include "ipfsd/exchange_read.h"

#include "ipfsd/jobs.h"
#include "rt/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = EXCHANGE_READ_BLOCKS + EXCHANGE_READ_SIZES };

struct slot {
    struct jobs_item item; /* first: the thread finds the slot by it */
    struct exchange_read *reads;
    bool used, taken;
    bool again;      /* it has come since the reading began */
    uint8_t *buffer; /* NULL: for a length alone */
    struct block_key key;
    atomic_bool done; /* what follows is the thread's until then */
    enum err result;
    size_t size;
    uint64_t done_ms;
};

struct exchange_read {
    struct loop *loop;
    const struct block_source *source;
    struct loop_event *wake;
    struct jobs jobs;
    bool stopped;
    uint8_t *memory;
    struct slot slots[SLOTS];
};

static void run(struct jobs_item *item)
{
    struct slot *s = (struct slot *)item;
    const struct block_source *from = s->reads->source;
    if (s->buffer != NULL)
        s->result =
            block_source_get(from, &s->size, (struct mspan){ s->buffer, BLOCK_SIZE_MAX }, &s->key);
    else
        s->result = from->size(from->ctx, &s->size, &s->key);
    s->done_ms = clock_mono_ms();
    struct exchange_read *r = s->reads;
    atomic_store(&s->done, true);
    loop_post_event(r->loop, r->wake);
}

static void begin(struct slot *s, const struct block_key *key)
{
    s->used = true;
    s->taken = s->again = false;
    s->key = *key;
    s->size = 0;
    atomic_store(&s->done, false);
    jobs_add(&s->reads->jobs, &s->item);
}

static struct slot *find(struct exchange_read *r, const struct block_key *key, bool whole)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &r->slots[i];
        if (s->used && (s->buffer != NULL) == whole &&
            memcmp(s->key.digest, key->digest, sizeof(key->digest)) == 0)
            return s;
    }
    return NULL;
}

/* A slot to read into: a free one, or else what somebody has taken already or nobody came for. */
static struct slot *place(struct exchange_read *r, bool whole)
{
    struct slot *oldest = NULL;
    uint64_t now = clock_mono_ms();
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &r->slots[i];
        if ((s->buffer != NULL) != whole)
            continue;
        if (!s->used)
            return s;
        if (!atomic_load(&s->done) || (!s->taken && now < s->done_ms + EXCHANGE_READ_KEPT_MS))
            continue;
        if (oldest == NULL || s->done_ms < oldest->done_ms)
            oldest = s;
    }
    return oldest;
}

/* OK: *out has been read. ERR_BUSY: not yet. */
static enum err look(struct exchange_read *r, struct slot **out, const struct block_key *key,
                     bool whole)
{
    struct slot *s = find(r, key, whole);
    *out = s;
    if (r->stopped)
        return ERR_BUSY;
    if (s != NULL) {
        if (!atomic_load(&s->done))
            return ERR_BUSY;
        if (s->result == ERR_NOT_FOUND && s->again) {
            begin(s, key);
            return ERR_BUSY;
        }
        if (s->result != ERR_BUSY)
            return OK;
        if (clock_mono_ms() >= s->done_ms + EXCHANGE_READ_AGAIN_MS)
            begin(s, key);
        return ERR_BUSY;
    }
    s = place(r, whole);
    if (s != NULL)
        begin(s, key);
    return ERR_BUSY;
}

static enum err read_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct slot *s;
    *size = 0;
    TRY(look(ctx, &s, key, true));
    s->taken = true;
    if (s->result != OK) {
        s->used = false; /* it is looked for anew when somebody asks again */
        return s->result;
    }
    *size = s->size;
    if (s->size > buf.n)
        return ERR_LIMIT;
    if (s->size > 0)
        memcpy(buf.p, s->buffer, s->size);
    return OK;
}

static enum err read_size(void *ctx, size_t *size, const struct block_key *key)
{
    struct exchange_read *r = ctx;
    struct slot *s = find(r, key, true);
    size_t n;
    if (s != NULL && !atomic_load(&s->done))
        return ERR_BUSY;
    if (s == NULL || s->result != OK) {
        TRY(look(r, &s, key, false));
        s->used = false;
    }
    n = s->size;
    TRY(s->result);
    if (size != NULL)
        *size = n;
    return OK;
}

static enum err read_has(void *ctx, const struct block_key *key)
{
    return read_size(ctx, NULL, key);
}

struct block_source exchange_read_source(struct exchange_read *r)
{
    return (struct block_source){ .ctx = r, .get = read_get, .has = read_has, .size = read_size };
}

void exchange_read_came(struct exchange_read *r, const uint8_t *digest)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &r->slots[i];
        if (digest == NULL || memcmp(s->key.digest, digest, BLOCK_DIGEST_SIZE) == 0)
            s->again = true;
    }
}

enum err exchange_read_open(struct exchange_read **out, struct loop *l,
                            const struct block_source *source, struct loop_event *wake)
{
    *out = NULL;
    ASSERT(source->size != NULL);
    struct exchange_read *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_MEMORY;
    r->loop = l;
    r->source = source;
    r->wake = wake;
    r->memory = malloc((size_t)EXCHANGE_READ_BLOCKS * BLOCK_SIZE_MAX);
    for (size_t i = 0; i < SLOTS; i++) {
        r->slots[i].item.run = run;
        r->slots[i].reads = r;
        if (i < EXCHANGE_READ_BLOCKS && r->memory != NULL)
            r->slots[i].buffer = r->memory + i * BLOCK_SIZE_MAX;
    }
    enum err e = r->memory == NULL ? ERR_MEMORY : jobs_start(&r->jobs, EXCHANGE_READ_THREADS);
    if (e == OK)
        *out = r;
    else
        exchange_read_close(r);
    return e;
}

void exchange_read_stop(struct exchange_read *r)
{
    r->stopped = true;
    jobs_stop(&r->jobs);
}

void exchange_read_close(struct exchange_read *r)
{
    if (r == NULL)
        return;
    jobs_stop(&r->jobs);
    free(r->memory);
    free(r);
}
