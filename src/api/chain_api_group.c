/* Groups: docs/guide/chain-api.md. A network without staking answers 404. */
#include "api/chain_api_call.h"
#include "chain/group.h"
#include "chain/staking.h"

/* The owner of the group that the account of the path owns or is in. */
static bool begin(struct chain_api_call *call, uint8_t id[32], uint8_t owner[32])
{
    struct ledger *l = &call->chain.ledger;
    struct staking_now now;
    struct group g;
    if (!chain_api_account(call, id, "address", call->segments[0]))
        return false;
    if (!staking_get_now(l, &now)) {
        chain_api_refuse(call, 404, "", "this network has no staking", "");
        return false;
    }
    if (group_get(l, &g, id)) {
        memcpy(owner, id, 32);
        return true;
    }
    if (group_owner(l, owner, id))
        return true;
    chain_api_refuse(call, 404, "address", "the account owns no group and is in none", "");
    return false;
}

/* An account, with what its own workers come to. */
static void write_account(struct chain_api_call *call, const uint8_t account[32])
{
    struct json_out *j = &call->j;
    struct group_own own;
    group_own(&call->chain.ledger, &own, account);
    chain_api_member_account(j, "account", account);
    json_out_member_u64(j, "workers", own.workers);
    json_out_member_u64_text(j, "power", own.power);
}

static void group_one(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct group g;
    uint8_t id[32], owner[32];
    if (!begin(call, id, owner))
        return;
    group_get(&call->chain.ledger, &g, owner);
    json_out_object(j);
    write_account(call, id);
    json_out_member_str(j, "role", memcmp(id, owner, 32) == 0 ? "owner" : "member");
    chain_api_member_account(j, "owner", owner);
    json_out_member_u64(j, "members", g.members);
    json_out_member_u64(j, "members_max", call->chain.params.group_size_max);
    json_out_member_u64(j, "allowed", g.allowed);
    json_out_member_u64_text(j, "workload", g.workload);
    json_out_object_end(j);
}

/* Accounts at the end of the keys letter | owner | account. The cursor is the last account. */
static void list(struct chain_api_call *call, enum state_store store, uint8_t letter)
{
    uint8_t id[32], prefix[33];
    uint32_t limit = chain_api_param_limit(call), count = 0;
    struct chain_index_key at, head = { .n = sizeof(prefix) };
    if (call->failed || !begin(call, id, prefix + 1))
        return;
    prefix[0] = letter;
    memcpy(head.b, prefix, sizeof(prefix));
    if (!chain_api_cursor(call, &at, &head))
        return;
    const struct state_range range = { .store = store, .prefix = span_of(prefix, sizeof(prefix)) };
    struct span key = chain_index_span(&at), value;
    bool after = at.n > head.n, more;
    chain_api_page_begin(call);
    while ((more = state_next(&call->chain.st, &key, &value, range, key, after) && key.n == 65) &&
           count < limit) {
        memcpy(at.b, key.p, key.n);
        at.n = key.n;
        json_out_object(&call->j);
        write_account(call, at.b + 33);
        json_out_object_end(&call->j);
        count++;
        key = chain_index_span(&at);
        after = true;
    }
    chain_api_page_end(call, span_of(at.b + 33, more ? at.n - 33 : 0));
}

static void members(struct chain_api_call *call)
{
    list(call, STATE_INDEX, GROUP_INDEX_MEMBER);
}

static void allowed(struct chain_api_call *call)
{
    list(call, STATE_STAKING, GROUP_KEY_ALLOWED);
}

const struct chain_api_handler chain_api_handlers_group[] = {
    { "GET /v1/groups/{address}", { NULL }, group_one },
    { "GET /v1/groups/{address}/members", { "after", "limit", NULL }, members },
    { "GET /v1/groups/{address}/allowed", { "after", "limit", NULL }, allowed },
    { NULL, { NULL }, NULL },
};
