#include "ipfsd/save.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/path.h"

#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX = 9000, PATIENCE_MS = 60000 };

static char folder[64], file[96];
static struct loop *loop;

/* Workers that do nothing until they are let go. */
enum { THREADS = 16 }; /* at least as many as libuv has */
static sem_t gate;
static int held; /* jobs that are with workers, or wait for one */

static void hold_run(void *ctx)
{
    (void)ctx;
    while (sem_wait(&gate) != 0)
        continue;
}

static void hold_done(void *ctx)
{
    (void)ctx;
    held--;
}

static void hold(int jobs)
{
    CHECK(sem_init(&gate, 0, 0) == 0);
    for (held = 0; held < jobs; held++)
        CHECK_OK(loop_work(loop, hold_run, hold_done, NULL));
}

static void let_go(void)
{
    for (int i = held; i > 0; i--)
        CHECK(sem_post(&gate) == 0);
    for (int waited = 0; held > 0; waited += 10) {
        CHECK(waited < PATIENCE_MS);
        loop_run_once(loop, 10);
    }
    CHECK(sem_destroy(&gate) == 0);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/crust-save-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof(file), "%s/state", folder);
    CHECK_OK(loop_new(&loop, 0));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (held > 0)
        let_go(); /* a check has failed */
    loop_free(loop);
    CHECK_OK(path_remove_tree(folder));
    return 0;
}

static struct save *opened(void)
{
    struct save *s;
    CHECK_OK(save_open(&s, loop, file, "state-not-written"));
    return s;
}

/* Contents that tell their number, each of another size. */
static size_t size_of(uint32_t number)
{
    return 4 + number * 7919 % (MAX - 4);
}

static void give(struct save *s, uint32_t number)
{
    struct save_content *c = save_content_new(MAX);
    CHECK(c != NULL && c->max == MAX && c->size == 0);
    c->size = size_of(number);
    memset(c->bytes, (int)number, c->size);
    store_be32(c->bytes, number);
    save_go(s, c);
}

/* The number of what stands in the file, which is whole; 0: there is none. */
static uint32_t standing(void)
{
    struct mspan got;
    enum err e = path_read_file(&got, file, MAX);
    if (e == ERR_NOT_FOUND)
        return 0;
    CHECK_OK(e);
    CHECK(got.n >= 4);
    uint32_t number = load_be32(got.p);
    CHECK(got.n == size_of(number));
    for (size_t i = 4; i < got.n; i++)
        CHECK(got.p[i] == (uint8_t)number);
    free(got.p);
    return number;
}

static void until(uint32_t number)
{
    for (int waited = 0; standing() != number; waited += 10) {
        CHECK(waited < PATIENCE_MS);
        loop_run_once(loop, 10);
    }
}

/* Until workers have nothing left to do. */
static void drain(void)
{
    loop_free(loop);
    CHECK_OK(loop_new(&loop, 0));
}

static void a_content_comes_to_the_file(void **state)
{
    (void)state;
    struct save *s = opened();
    give(s, 1);
    until(1);
    give(s, 2);
    until(2);
    save_close(s);
    CHECK(standing() == 2);
    save_close(NULL);
}

static void the_last_one_stands_when_it_is_closed(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 40; count += 6) {
        struct save *s = opened();
        for (uint32_t i = 1; i <= count; i++)
            give(s, 1000 * count + i);
        save_close(s);
        CHECK(standing() == 1000 * count + count);
    }
    /* What workers were at, or had before them, changes nothing any more. */
    drain();
    CHECK(standing() == 37037);
}

static void nothing_older_comes_after_it(void **state)
{
    (void)state;
    struct save *s = opened();
    uint32_t last = 0, given = 0;
    while (last < 300) {
        for (uint32_t n = 1 + given % 5; n > 0 && given < 300; n--)
            give(s, ++given);
        loop_run_once(loop, given < 300 ? 0 : 10);
        uint32_t now = standing();
        CHECK(now >= last && now <= given);
        last = now;
    }
    save_close(s);
    CHECK(standing() == 300);
}

/* The worker comes late, when a newer content was written by the loop, and even the next life. */
static void a_late_worker_writes_nothing_old(void **state)
{
    (void)state;
    for (uint32_t waiting = 0; waiting < 2; waiting++) {
        struct save *s = opened();
        hold(THREADS);
        give(s, 10);
        if (waiting != 0)
            give(s, 11);
        CHECK(standing() == 0);
        save_close(s);
        CHECK(standing() == 10 + waiting);
        CHECK_OK(path_write_file(file, span_str("next"), 0600));
        let_go();
        drain();
        struct mspan got;
        CHECK_OK(path_read_file(&got, file, MAX));
        CHECK_SPAN(span_of(got.p, got.n), span_str("next"));
        free(got.p);
        CHECK(unlink(file) == 0);
    }
}

static void when_no_worker_takes_it_the_loop_writes(void **state)
{
    (void)state;
    struct save *s = opened();
    hold(LOOP_JOBS_MAX);
    give(s, 7);
    CHECK(standing() == 7);
    give(s, 8);
    CHECK(standing() == 8);
    let_go();
    give(s, 9);
    until(9);
    save_close(s);
}

static void a_failure_leaves_what_was_there(void **state)
{
    (void)state;
    char moved[96];
    (void)snprintf(moved, sizeof(moved), "%s.away", folder);
    struct save *s = opened();
    give(s, 1);
    until(1);
    CHECK(rename(folder, moved) == 0);
    give(s, 2);
    for (int i = 0; i < 20; i++)
        loop_run_once(loop, 5);
    CHECK(standing() == 0);
    give(s, 3);
    save_close(s);
    CHECK(rename(moved, folder) == 0);
    CHECK(standing() == 1);
    s = opened();
    give(s, 4);
    save_close(s);
    CHECK(standing() == 4);
}

static void a_path_too_long_is_refused(void **state)
{
    (void)state;
    char path[PATH_TEXT_MAX + 1];
    struct save *s;
    memset(path, 'x', PATH_TEXT_MAX);
    path[PATH_TEXT_MAX] = '\0';
    CHECK_ERR(save_open(&s, loop, path, "state-not-written"), ERR_LIMIT);
    CHECK(s == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_content_comes_to_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_one_stands_when_it_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_older_comes_after_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_worker_writes_nothing_old, setup, teardown),
        cmocka_unit_test_setup_teardown(when_no_worker_takes_it_the_loop_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_leaves_what_was_there, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_too_long_is_refused, setup, teardown),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
