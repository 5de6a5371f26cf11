#include "ipfsd/routing.h"

#include "base/check.h"

#include <stdio.h>

/* A source that notes what it is told. */
struct fake {
    struct routing *r;
    size_t index;
    enum err begin;
    uint32_t question, begun, cancelled, cancelled_question;
};

static enum err fake_begin(void *ctx, uint32_t question, const struct routing_question *q)
{
    struct fake *f = ctx;
    CHECK(q->over != NULL);
    f->question = question;
    f->begun++;
    return f->begin;
}

static void fake_cancel(void *ctx, uint32_t question)
{
    struct fake *f = ctx;
    f->cancelled_question = question;
    f->cancelled++;
}

/* Whoever asks. */
struct caller {
    struct routing *r;
    uint32_t question, found, notes, over;
    bool end_at_found;
    char last[ROUTING_WHO_MAX];
    const char *source;
    enum err result;
};

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct caller *c = ctx;
    c->found++;
    c->source = p->source;
    if (c->end_at_found)
        routing_end(c->r, c->question);
}

static void on_note(void *ctx, const struct routing_note *n)
{
    struct caller *c = ctx;
    c->notes++;
    (void)snprintf(c->last, sizeof(c->last), "%s", n->who);
    c->source = n->source;
    c->result = n->result;
}

static void on_over(void *ctx)
{
    struct caller *c = ctx;
    c->over++;
}

static struct routing_question question_of(struct caller *c)
{
    return (struct routing_question){
        .kind = ROUTING_PROVIDERS, .ctx = c, .found = on_found, .note = on_note, .over = on_over
    };
}

struct world {
    struct loop *loop;
    struct routing *r;
    struct fake a, b;
    struct caller c;
};

static void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    CHECK_OK(loop_new(&w->loop, 0));
    CHECK_OK(routing_open(&w->r, w->loop));
    w->a.r = w->b.r = w->c.r = w->r;
    const struct routing_source a = {
        .name = "a", .ctx = &w->a, .begin = fake_begin, .cancel = fake_cancel
    };
    const struct routing_source b = {
        .name = "b", .ctx = &w->b, .begin = fake_begin, .cancel = fake_cancel
    };
    CHECK_OK(routing_add(w->r, &a, &w->a.index));
    CHECK_OK(routing_add(w->r, &b, &w->b.index));
}

static void world_close(struct world *w)
{
    routing_close(w->r);
    loop_free(w->loop);
}

static void all_are_asked_and_it_ends_with_the_last(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    const struct routing_question q = question_of(&w.c);
    struct routing_provider p = { .addr_count = 0 };
    CHECK_OK(routing_begin(w.r, &w.c.question, &q));
    CHECK(w.a.begun == 1 && w.b.begun == 1 && w.a.question == w.c.question);
    routing_found(w.r, w.b.index, w.c.question, &p);
    CHECK(w.c.found == 1 && strcmp(w.c.source, "b") == 0);
    routing_done(w.r, w.b.index, w.c.question);
    CHECK(w.c.over == 0);
    struct routing_note n = { .who = "somebody", .result = ERR_TIMEOUT };
    routing_note(w.r, w.a.index, w.c.question, &n);
    CHECK(w.c.notes == 1 && strcmp(w.c.last, "somebody") == 0 && w.c.result == ERR_TIMEOUT);
    routing_done(w.r, w.a.index, w.c.question);
    CHECK(w.c.over == 1);
    /* Late words of a question that is no more. */
    routing_found(w.r, w.b.index, w.c.question, &p);
    routing_note(w.r, w.b.index, w.c.question, &n);
    routing_done(w.r, w.b.index, w.c.question);
    CHECK(w.c.found == 1 && w.c.notes == 1 && w.c.over == 1);
    world_close(&w);
}

static void who_asks_others_in_turn_is_left_out_of_direct_questions(void **state)
{
    (void)state;
    struct world w;
    struct fake c = { 0 };
    world_open(&w);
    c.r = w.r;
    const struct routing_source relay = {
        .name = "relay", .relays = true, .ctx = &c, .begin = fake_begin, .cancel = fake_cancel
    };
    CHECK_OK(routing_add(w.r, &relay, &c.index));
    struct routing_question q = question_of(&w.c);
    q.direct = true;
    CHECK_OK(routing_begin(w.r, &w.c.question, &q));
    CHECK(w.a.begun == 1 && w.b.begun == 1 && c.begun == 0);
    routing_done(w.r, w.a.index, w.c.question);
    routing_done(w.r, w.b.index, w.c.question);
    CHECK(w.c.over == 1 && w.c.notes == 0);
    q.direct = false;
    CHECK_OK(routing_begin(w.r, &w.c.question, &q));
    CHECK(w.a.begun == 2 && c.begun == 1);
    routing_end(w.r, w.c.question);
    CHECK(c.cancelled == 1);
    world_close(&w);
}

static void one_who_cannot_is_noted_at_the_next_turn(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    w.a.begin = ERR_BUSY;
    w.b.begin = ERR_UNSUPPORTED;
    const struct routing_question q = question_of(&w.c);
    CHECK_OK(routing_begin(w.r, &w.c.question, &q));
    CHECK(w.c.notes == 0 && w.c.over == 0);
    loop_run_once(w.loop, 10);
    CHECK(w.c.notes == 2 && w.c.over == 1 && w.c.result == ERR_UNSUPPORTED);
    CHECK(strcmp(w.c.last, "b") == 0);
    CHECK(w.a.cancelled == 0 && w.b.cancelled == 0);
    world_close(&w);
}

static void ending_cancels_who_is_not_through(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    w.c.end_at_found = true;
    const struct routing_question q = question_of(&w.c);
    struct routing_provider p = { .addr_count = 0 };
    CHECK_OK(routing_begin(w.r, &w.c.question, &q));
    routing_done(w.r, w.a.index, w.c.question);
    routing_found(w.r, w.b.index, w.c.question, &p);
    CHECK(w.a.cancelled == 0 && w.b.cancelled == 1 && w.c.over == 0);
    CHECK(w.b.cancelled_question == w.c.question);
    routing_end(w.r, w.c.question); /* a second time */
    CHECK(w.b.cancelled == 1);
    world_close(&w);
}

static void there_is_a_limit(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    const struct routing_question q = question_of(&w.c);
    uint32_t first, id;
    CHECK_OK(routing_begin(w.r, &first, &q));
    for (int i = 1; i < ROUTING_QUESTIONS_MAX; i++) {
        CHECK_OK(routing_begin(w.r, &id, &q));
        CHECK(id != first);
    }
    CHECK_ERR(routing_begin(w.r, &id, &q), ERR_LIMIT);
    CHECK(id == 0);
    routing_end(w.r, first);
    CHECK_OK(routing_begin(w.r, &id, &q));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_asked_and_it_ends_with_the_last),
        cmocka_unit_test(who_asks_others_in_turn_is_left_out_of_direct_questions),
        cmocka_unit_test(one_who_cannot_is_noted_at_the_next_turn),
        cmocka_unit_test(ending_cancels_who_is_not_through),
        cmocka_unit_test(there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
