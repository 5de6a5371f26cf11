/* Events out of a text/event-stream. */
#include "agentd/sse.h"

#include "base/check.h"

#include <stdio.h>

static struct sse s;
static char seen[4096];

static void see(void *ctx, const struct sse_event *ev)
{
    size_t n = strlen(seen);
    (void)ctx;
    snprintf(seen + n, sizeof(seen) - n, "[%s|%s|%.*s%s]", ev->id, ev->type,
             (int)(ev->data.n < 100 ? ev->data.n : 100), (const char *)ev->data.p,
             ev->cut ? "..." : "");
}

static void feed(const char *text)
{
    sse_feed(&s, span_str(text), see, NULL);
}

static int setup(void **unused)
{
    (void)unused;
    sse_init(&s);
    seen[0] = '\0';
    return 0;
}

static void check_seen(const char *want)
{
    CHECK(strcmp(seen, want) == 0);
}

static void events_end_with_an_empty_line(void **unused)
{
    (void)unused;
    feed("id: 5.0\nevent: block\ndata: {\"a\":1}\n");
    check_seen("");
    feed("\n");
    check_seen("[5.0|block|{\"a\":1}]");
    feed("data: x\n\n");
    check_seen("[5.0|block|{\"a\":1}][5.0|message|x]"); /* the id stays, the type does not */
}

static void lines_are_joined_and_comments_left_out(void **unused)
{
    (void)unused;
    feed(": keep\n\ndata:a\ndata: b\ndata\nother: c\n: more\n\n");
    check_seen("[|message|a\nb\n]");
}

static void all_line_ends_are_taken(void **unused)
{
    (void)unused;
    feed("data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n");
    check_seen("[|message|1][|message|2][|message|3]");
    setup(unused);
    feed("data: 1\r");
    feed("\n\r");
    feed("\ndata: 2\n\n");
    check_seen("[|message|1][|message|2]");
}

static void an_event_without_data_is_none(void **unused)
{
    (void)unused;
    feed("event: block\nid: 7\n\n\n\ndata: x\n\n");
    check_seen("[7|message|x]");
}

static void what_is_too_long_is_cut_and_says_so(void **unused)
{
    (void)unused;
    static char text[SSE_DATA_MAX + 200];
    memset(text, 'y', sizeof(text) - 1);
    memcpy(text, "data: ", 6);
    feed(text);
    feed("\n\ndata: z\n\n");
    CHECK(strstr(seen, "...]") != NULL);
    CHECK(strstr(seen, "[|message|z]") != NULL);
    setup(unused);
    char name[2 * SSE_NAME_MAX + 16];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name, "event: ", 7);
    feed(name);
    feed("\ndata: q\n\n");
    CHECK(strlen(seen) == SSE_NAME_MAX - 1 + strlen("[||q]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_end_with_an_empty_line, setup),
        cmocka_unit_test_setup(lines_are_joined_and_comments_left_out, setup),
        cmocka_unit_test_setup(all_line_ends_are_taken, setup),
        cmocka_unit_test_setup(an_event_without_data_is_none, setup),
        cmocka_unit_test_setup(what_is_too_long_is_cut_and_says_so, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
