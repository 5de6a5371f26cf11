#include "ipfsd/routing.h"

#include <stdio.h>
#include <stdlib.h>

struct open_question {
    uint32_t id;      /* 0: free; never used twice in a row */
    uint32_t waiting; /* a bit for each source that is not through */
    uint32_t refused; /* a bit for each that could not begin: to be told */
    enum err why[ROUTING_SOURCES_MAX];
    struct routing_question q;
};

struct routing {
    struct loop *loop;
    struct loop_event event; /* ends those that nobody answers */
    uint32_t next_id;
    size_t source_count;
    struct routing_source sources[ROUTING_SOURCES_MAX];
    struct open_question open[ROUTING_QUESTIONS_MAX];
};

static struct open_question *find(struct routing *r, uint32_t id)
{
    for (size_t i = 0; i < ROUTING_QUESTIONS_MAX && id != 0; i++)
        if (r->open[i].id == id)
            return &r->open[i];
    return NULL;
}

/* The callback may begin another question in this place. */
static void finish(struct open_question *o)
{
    const struct routing_question q = o->q;
    *o = (struct open_question){ 0 };
    q.over(q.ctx);
}

/* What could not be told from within routing_begin. The callbacks may end the question. */
static void tell_refused(struct routing *r, struct open_question *o)
{
    uint32_t id = o->id;
    for (size_t i = 0; i < r->source_count && o->id == id && o->refused != 0; i++) {
        struct routing_note n = { .result = o->why[i] };
        if ((o->refused >> i & 1) == 0)
            continue;
        o->refused &= ~(1u << i);
        (void)snprintf(n.who, sizeof(n.who), "%s", r->sources[i].name);
        routing_note(r, i, id, &n);
    }
    if (o->id == id && o->waiting == 0)
        finish(o);
}

static void on_event(void *ctx)
{
    struct routing *r = ctx;
    for (size_t i = 0; i < ROUTING_QUESTIONS_MAX; i++)
        if (r->open[i].id != 0 && (r->open[i].refused != 0 || r->open[i].waiting == 0))
            tell_refused(r, &r->open[i]);
}

enum err routing_open(struct routing **out, struct loop *l)
{
    struct routing *r = calloc(1, sizeof(*r));
    *out = r;
    if (r == NULL)
        return ERR_MEMORY;
    r->loop = l;
    r->event = (struct loop_event){ .fn = on_event, .ctx = r };
    return OK;
}

void routing_close(struct routing *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < ROUTING_QUESTIONS_MAX; i++)
        routing_end(r, r->open[i].id);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (r->event.queued)
        loop_run_once(r->loop, 0);
    free(r);
}

enum err routing_add(struct routing *r, const struct routing_source *s, size_t *index)
{
    *index = r->source_count;
    if (r->source_count == ROUTING_SOURCES_MAX)
        return ERR_LIMIT;
    r->sources[r->source_count++] = *s;
    return OK;
}

enum err routing_begin(struct routing *r, uint32_t *question, const struct routing_question *q)
{
    struct open_question *o = NULL;
    *question = 0;
    for (size_t i = 0; i < ROUTING_QUESTIONS_MAX && o == NULL; i++)
        if (r->open[i].id == 0)
            o = &r->open[i];
    if (o == NULL)
        return ERR_LIMIT;
    if (++r->next_id == 0)
        r->next_id = 1;
    *o = (struct open_question){ .id = r->next_id, .q = *q };
    *question = o->id;
    for (size_t i = 0; i < r->source_count; i++) {
        const struct routing_source *s = &r->sources[i];
        if (q->direct && s->relays)
            continue;
        enum err e = s->begin(s->ctx, o->id, &o->q);
        o->why[i] = e;
        *(e == OK ? &o->waiting : &o->refused) |= 1u << i;
    }
    if (o->waiting == 0 || o->refused != 0)
        loop_post_event(r->loop, &r->event);
    return OK;
}

void routing_end(struct routing *r, uint32_t question)
{
    struct open_question *o = find(r, question);
    if (o == NULL)
        return;
    uint32_t waiting = o->waiting;
    *o = (struct open_question){ 0 };
    for (size_t i = 0; i < r->source_count; i++)
        if ((waiting >> i & 1) != 0)
            r->sources[i].cancel(r->sources[i].ctx, question);
}

void routing_found(struct routing *r, size_t source, uint32_t question, struct routing_provider *p)
{
    const struct open_question *o = find(r, question);
    if (o == NULL)
        return;
    p->source = r->sources[source].name;
    o->q.found(o->q.ctx, p);
}

void routing_note(struct routing *r, size_t source, uint32_t question, struct routing_note *n)
{
    const struct open_question *o = find(r, question);
    if (o == NULL || o->q.note == NULL)
        return;
    n->source = r->sources[source].name;
    o->q.note(o->q.ctx, n);
}

void routing_done(struct routing *r, size_t source, uint32_t question)
{
    struct open_question *o = find(r, question);
    if (o == NULL)
        return;
    o->waiting &= ~(1u << source);
    if (o->waiting == 0 && o->refused == 0)
        finish(o);
}
