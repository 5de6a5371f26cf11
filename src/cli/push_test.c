/* Who gets content pushed, in which order, and what is made of a node's answer. */
#include "base/check.h"
#include "cli/push.h"

#include <stdio.h>

enum { WORKERS = 40 };

static void workers_come_in_rendezvous_order(void **unused)
{
    (void)unused;
    static struct push_worker w[WORKERS];
    uint8_t genesis[32] = { 9 };
    struct content_key key = { .codec = CID_CODEC_RAW };
    for (uint32_t round = 0; round < 50; round++) {
        store_le32(key.digest, round);
        for (uint32_t i = 0; i < WORKERS; i++) {
            w[i] = (struct push_worker){ .weight = (uint64_t)i << 20 };
            store_le32(w[i].worker, i + 1);
            store_le32(w[i].account, i + 1);
        }
        CHECK(push_rank(w, WORKERS, genesis, &key) == WORKERS);
        for (uint32_t i = 0; i + 1 < WORKERS; i++) {
            struct rendezvous_score a = rendezvous_score(genesis, &key, w[i].worker, w[i].weight);
            struct rendezvous_score b =
                rendezvous_score(genesis, &key, w[i + 1].worker, w[i + 1].weight);
            CHECK(!rendezvous_before(&b, &a));
        }
    }
}

static void an_account_comes_once_where_its_first_worker_stands(void **unused)
{
    (void)unused;
    static struct push_worker all[WORKERS], few[WORKERS];
    uint8_t genesis[32] = { 9 };
    struct content_key key = { .codec = CID_CODEC_RAW };
    for (uint32_t i = 0; i < WORKERS; i++) {
        all[i].weight = 5;
        store_le32(all[i].worker, i + 1);
        store_le32(all[i].account, i % 7);
    }
    memcpy(few, all, sizeof(all));
    CHECK(push_rank(few, WORKERS, genesis, &key) == 7);
    /* Ranked as if each had its own account, then the firsts picked by hand. */
    for (uint32_t i = 0; i < WORKERS; i++)
        store_le32(all[i].account + 8, load_le32(all[i].worker));
    CHECK(push_rank(all, WORKERS, genesis, &key) == WORKERS);
    uint32_t seen = 0;
    size_t next = 0;
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint32_t bit = 1u << load_le32(all[i].account);
        if ((seen & bit) == 0)
            CHECK_SPAN(span_of(few[next++].worker, 32), span_of(all[i].worker, 32));
        seen |= bit;
    }
    CHECK(next == 7);
    CHECK(push_rank(all, 0, genesis, &key) == 0);
}

static void check_answer(uint16_t status, const char *body, const char *want)
{
    char out[PUSH_ANSWER_MAX];
    push_answer(out, status, span_str(body));
    CHECK_SPAN(span_str(out), span_str(want));
}

static void an_answer_becomes_one_line(void **unused)
{
    (void)unused;
    check_answer(403, "{\"error\":{\"code\":\"closed\",\"reason\":\"the order has expired\"}}",
                 "403 closed: the order has expired");
    check_answer(502, "<html>bad gateway</html>", "HTTP status 502");
    check_answer(500, "", "HTTP status 500");
    check_answer(500, "{\"error\":{\"code\":3,\"reason\":\"x\"}}", "HTTP status 500");
    check_answer(500, "[]", "HTTP status 500");
    check_answer(400, "{\"error\":{\"code\":\"a\\n\\u001b[2J\",\"reason\":\"\\u007f\"}}",
                 "400 a??[2J: ?");
    char body[1000], out[PUSH_ANSWER_MAX];
    (void)snprintf(body, sizeof(body), "{\"error\":{\"code\":\"c\",\"reason\":\"%0500d\"}}", 0);
    push_answer(out, 400, span_str(body));
    CHECK(strlen(out) == PUSH_ANSWER_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_come_in_rendezvous_order),
        cmocka_unit_test(an_account_comes_once_where_its_first_worker_stands),
        cmocka_unit_test(an_answer_becomes_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
