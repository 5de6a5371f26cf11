/* Groups as the chain API tells them. */
#include "api/chain_testsource.h"
#include "base/check.h"
#include "chain/group.h"
#include "codec/json.h"

#include <stdio.h>

static struct source *source;
static uint8_t body_room[1 << 16];

static const char *get(uint16_t status, const char *target)
{
    struct chain_api_plan plan;
    struct span body =
        source_ask(source, &plan, (struct mspan){ body_room, sizeof(body_room) }, target);
    if (plan.status != status)
        fprintf(stderr, "%s: %u %s\n", target, plan.status, (const char *)body.p);
    CHECK(plan.status == status && plan.kind == CHAIN_API_BODY);
    return (const char *)body.p;
}

static const char *target_of(size_t account, const char *rest)
{
    static char target[256];
    char address[SS58_TEXT_MAX];
    ss58_format(address, source->w.keys[account].public_key);
    (void)snprintf(target, sizeof(target), "/v1/groups/%s%s", address, rest);
    return target;
}

/* Does the body name the account? */
static bool names(const char *body, size_t account)
{
    char address[SS58_TEXT_MAX];
    ss58_format(address, source->w.keys[account].public_key);
    return strstr(body, address) != NULL;
}

static enum tx_result call_of(size_t from, enum tx_kind kind, size_t account)
{
    struct tx_call call = { .kind = kind };
    memcpy(call.stake.account, source->w.keys[account].public_key, 32);
    return world_do(&source->w, from, &call);
}

static void a_group_is_told(void **state)
{
    (void)state;
    struct ledger *l = &source->w.chain.ledger;
    CHECK(strstr(get(404, target_of(0, "")), "owns no group and is in none") != NULL);
    CHECK(call_of(0, TX_GROUP_CREATE, 0) == RESULT_OK);
    const char *body = get(200, target_of(0, ""));
    CHECK(strstr(body, "\"role\":\"owner\"") != NULL && strstr(body, "\"members\":0") != NULL);
    CHECK(strstr(get(200, target_of(0, "/members")), "{\"items\":[],\"next\":null}") != NULL);
    for (size_t i = 1; i < 4; i++) {
        group_add_worker(l, source->w.keys[i].public_key);
        group_power(l, source->w.keys[i].public_key, 0, 1000 * i);
        CHECK(call_of(0, TX_GROUP_ALLOW, i) == RESULT_OK);
    }
    CHECK(call_of(1, TX_GROUP_JOIN, 0) == RESULT_OK);
    CHECK(call_of(2, TX_GROUP_JOIN, 0) == RESULT_OK);
    body = get(200, target_of(2, ""));
    CHECK(strstr(body, "\"role\":\"member\"") != NULL && names(body, 0));
    CHECK(strstr(body, "\"workers\":1,\"power\":\"2000\"") != NULL);
    CHECK(strstr(body, "\"members\":2") != NULL && strstr(body, "\"allowed\":1") != NULL);
    CHECK(strstr(body, "\"workload\":\"3000\"") != NULL);
    body = get(200, target_of(0, "/allowed"));
    CHECK(names(body, 3) && !names(body, 1) && !names(body, 2));
}

static void members_come_in_pages(void **state)
{
    (void)state;
    char next[80], rest[160];
    const char *body = get(200, target_of(0, "/members?limit=1"));
    bool first = names(body, 1);
    const char *cursor = strstr(body, "\"next\":\"");
    CHECK(first != names(body, 2) && cursor != NULL);
    (void)snprintf(next, sizeof(next), "%.64s", cursor + strlen("\"next\":\""));
    (void)snprintf(rest, sizeof(rest), "/members?limit=1&after=%s", next);
    body = get(200, target_of(0, rest));
    CHECK(names(body, 2) == first && names(body, 1) != first);
    CHECK(strstr(body, "\"next\":null") != NULL);
    CHECK(call_of(1, TX_GROUP_QUIT, 0) == RESULT_OK);
    body = get(200, target_of(0, "/members"));
    CHECK(names(body, 2) && !names(body, 1));
    get(404, target_of(1, ""));
    get(400, target_of(0, "/members?after=zz"));
    get(400, "/v1/groups/nobody");
}

static int setup(void **state)
{
    (void)state;
    static struct source one;
    static _Alignas(16) uint8_t memory[SOURCE_MEMORY];
    static uint8_t kv_room[SOURCE_STATE];
    world_members = ",\"staking\":[]";
    CHECK(chain_memory_size() <= sizeof(memory));
    CHECK_OK(world_init(&one.w, (struct mspan){ kv_room, SOURCE_STATE }, memory, "",
                        "1000000000000000"));
    one.src.state = one.w.kv;
    source = &one;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_told),
        cmocka_unit_test(members_come_in_pages),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
