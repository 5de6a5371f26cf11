/* Staking and governance: docs/guide/chain-api.md. A network without staking answers 404. */
#include "api/chain_api_call.h"
#include "chain/beacon.h"
#include "chain/gov.h"
#include "chain/group.h"
#include "chain/staking.h"

static bool begin(struct chain_api_call *call, struct staking_now *now)
{
    if (staking_get_now(&call->chain.ledger, now))
        return true;
    chain_api_refuse(call, 404, "", "this network has no staking", "");
    return false;
}

static void staking(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct staking_now now;
    struct staking_elected elected;
    if (!begin(call, &now))
        return;
    staking_get_elected(&call->chain.ledger, &elected);
    json_out_object(j);
    json_out_member_u64(j, "era", now.era);
    json_out_member_u64(j, "era_height", now.era_height);
    json_out_member_u64(j, "era_ms", now.era_ms);
    json_out_member_u64(j, "validators", elected.count);
    json_out_member_amount(j, "stake", now.stake);
    json_out_member_amount(j, "issuance", accounts_issuance(&call->chain.ledger));
    json_out_member_amount(j, "limit", now.limit_all);
    json_out_member_u64_text(j, "workload", now.workload_all);
    json_out_member_u64(j, "stage", now.stage_two ? 2 : 1);
    json_out_member_bool(j, "electing", now.phase == STAKING_ELECTING);
    json_out_object_end(j);
}

static void write_edges(struct json_out *j, const char *name, const struct staking_edge *edges,
                        uint32_t count)
{
    json_out_key(j, name);
    json_out_array(j);
    for (uint32_t i = 0; i < count; i++) {
        json_out_object(j);
        chain_api_member_account(j, "account", edges[i].who);
        json_out_member_amount(j, "amount", edges[i].value);
        json_out_object_end(j);
    }
    json_out_array_end(j);
}

static void write_chunks(struct json_out *j, const struct staking_ledger *s)
{
    json_out_key(j, "unbonding");
    json_out_array(j);
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        json_out_object(j);
        json_out_member_amount(j, "amount", s->chunks[i].value);
        json_out_member_u64(j, "era", s->chunks[i].era);
        json_out_object_end(j);
    }
    json_out_array_end(j);
}

static void write_role(struct json_out *j, const struct staking_ledger *s)
{
    const char *role = s->validates ? "candidate" : s->target_count > 0 ? "guarantor" : "idle";
    json_out_member_str(j, "role", role);
    json_out_key(j, "key");
    if (s->has_key)
        json_out_hex(j, span_of(s->key, 32));
    else
        json_out_null(j);
    if (s->pays_account) {
        chain_api_member_account(j, "payee", s->payee);
    } else {
        json_out_key(j, "payee");
        json_out_null(j);
    }
    json_out_member_u64(j, "fee", s->fee);
}

/* Of a stash, or of the stash that a controller speaks for. */
static void write_key(struct json_out *j, const char *name, bool there, const uint8_t key[32])
{
    if (there) {
        chain_api_member_hash(j, name, key);
        return;
    }
    json_out_key(j, name);
    json_out_null(j);
}

/* docs/spec/beacon.md 3 and 8. */
static void write_beacon(struct chain_api_call *call, const uint8_t stash[32], uint32_t era)
{
    struct json_out *j = &call->j;
    struct ledger *l = &call->chain.ledger;
    struct beacon_keys keys;
    uint32_t asked, missed;
    beacon_keys_get(l, &keys, stash, era);
    beacon_counts(l, stash, &asked, &missed);
    json_out_key(j, "beacon");
    json_out_object(j);
    write_key(j, "key", keys.active, keys.key);
    write_key(j, "next_key", keys.next, keys.next_key);
    json_out_member_u64(j, "next_era", keys.next_era);
    json_out_member_u64(j, "asked", asked);
    json_out_member_u64(j, "missed", missed);
    json_out_member_bool(j, "jailed", beacon_is_jailed(l, stash));
    json_out_object_end(j);
}

static void stash_one(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct ledger *l = &call->chain.ledger;
    struct staking_now now;
    struct staking_ledger s;
    struct staking_exposure x;
    uint8_t id[32], stash[32];
    if (!chain_api_account(call, id, "address", call->segments[0]) || !begin(call, &now))
        return;
    if (staking_get(l, &s, id))
        memcpy(stash, id, 32);
    else if (!staking_stash_of(l, stash, id) || !staking_get(l, &s, stash)) {
        chain_api_refuse(call, 404, "address", "the account has nothing bonded", "");
        return;
    }
    staking_get_exposure(l, &x, now.election, stash);
    json_out_object(j);
    chain_api_member_account(j, "stash", stash);
    chain_api_member_account(j, "controller", s.controller);
    json_out_member_amount(j, "total", s.total);
    json_out_member_amount(j, "active", s.active);
    json_out_member_amount(j, "guaranteed", s.guaranteed);
    write_role(j, &s);
    write_chunks(j, &s);
    write_edges(j, "targets", s.targets, s.target_count);
    json_out_member_u64_text(j, "workload", group_workload(l, stash));
    json_out_member_amount(j, "limit", staking_limit(l, &now, stash));
    json_out_member_amount(j, "effective", x.total);
    json_out_member_amount(j, "own", x.own);
    write_edges(j, "guarantors", x.others, x.count);
    json_out_member_u64(j, "slashes_pending", s.pending);
    write_beacon(call, stash, now.era);
    json_out_object_end(j);
}

static void validators(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct ledger *l = &call->chain.ledger;
    struct staking_now now;
    struct staking_elected elected;
    if (!begin(call, &now))
        return;
    staking_get_elected(l, &elected);
    json_out_object(j);
    json_out_member_u64(j, "era", now.era);
    json_out_key(j, "elected");
    json_out_array(j);
    for (uint32_t i = 0; i < elected.count; i++) {
        json_out_object(j);
        chain_api_member_account(j, "stash", elected.rows[i].stash);
        chain_api_member_hash(j, "key", elected.rows[i].key);
        json_out_member_amount(j, "stake", elected.rows[i].stake);
        json_out_member_u64(j, "points", elected.rows[i].points);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_key(j, "set");
    json_out_array(j);
    uint8_t key[32] = { 0 }, stash[32];
    for (uint64_t power; staking_next_row(l, key, stash, &power);) {
        json_out_object(j);
        chain_api_member_account(j, "stash", stash);
        chain_api_member_hash(j, "key", key);
        json_out_member_u64_text(j, "power", power);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

static void era_one(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct staking_now now;
    struct staking_era e;
    uint64_t era;
    if (!chain_api_u64(call, &era, "era", call->segments[0]) || !begin(call, &now))
        return;
    if (era > now.era || !staking_get_era(&call->chain.ledger, &e, (uint32_t)era)) {
        chain_api_refuse(call, 404, "era", "it has not begun, or is no longer kept", "");
        return;
    }
    json_out_object(j);
    json_out_member_u64(j, "era", era);
    json_out_member_u64(j, "height", e.height);
    json_out_member_u64(j, "time_ms", e.time_ms);
    json_out_member_u64(j, "elected", e.elected);
    json_out_member_amount(j, "stake", e.stake);
    json_out_member_bool(j, "ended", e.ended);
    json_out_member_amount(j, "authoring", e.authoring);
    json_out_member_amount(j, "staking", e.staking);
    json_out_member_u64(j, "points", e.points);
    json_out_object_end(j);
}

static void write_proposal(struct json_out *j, uint64_t id, const struct gov_proposal *p)
{
    json_out_object(j);
    json_out_member_u64(j, "proposal", id);
    json_out_member_str(j, "state", gov_state_name(p->state));
    chain_api_member_account(j, "account", p->proposer);
    json_out_member_u64(j, "height", p->height);
    json_out_member_u64(j, "era", p->era);
    json_out_member_u64(j, "due", p->due);
    json_out_member_amount(j, "deposit", p->deposit);
    json_out_member_amount(j, "yes", p->yes);
    json_out_member_amount(j, "stake", p->stake);
    json_out_key(j, "changes");
    json_out_array(j);
    for (uint32_t i = 0; i < p->change_count; i++) {
        json_out_object(j);
        json_out_member_str(j, "name", p->changes[i].name);
        json_out_member_str(j, "value", p->changes[i].value.bytes);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_key(j, "cancel");
    json_out_array(j);
    for (uint32_t i = 0; i < p->cancel_count; i++) {
        json_out_object(j);
        json_out_member_u64(j, "era", p->cancels[i].era);
        chain_api_member_account(j, "stash", p->cancels[i].stash);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_object_end(j);
}

/* The newest first, below `before`. */
static void proposals(struct chain_api_call *call)
{
    struct json_out *j = &call->j;
    struct ledger *l = &call->chain.ledger;
    struct staking_now now;
    uint64_t before = chain_api_param_u64(call, "before", UINT64_MAX);
    uint32_t limit = chain_api_param_limit(call);
    if (call->failed || !begin(call, &now))
        return;
    uint64_t id = gov_count(l) < before ? gov_count(l) : before;
    struct gov_proposal p;
    json_out_object(j);
    json_out_key(j, "items");
    json_out_array(j);
    for (; id > 0 && limit > 0; limit--)
        if (gov_get(l, &p, --id))
            write_proposal(j, id, &p);
    json_out_array_end(j);
    json_out_key(j, "next");
    if (id > 0)
        json_out_u64(j, id);
    else
        json_out_null(j);
    json_out_object_end(j);
}

static void proposal_one(struct chain_api_call *call)
{
    struct gov_proposal p;
    struct staking_now now;
    uint64_t id;
    if (!chain_api_u64(call, &id, "proposal", call->segments[0]) || !begin(call, &now))
        return;
    if (gov_get(&call->chain.ledger, &p, id))
        write_proposal(&call->j, id, &p);
    else
        chain_api_refuse(call, 404, "proposal", "no such proposal", "");
}

const struct chain_api_handler chain_api_handlers_staking[] = {
    { "GET /v1/staking", { NULL }, staking },
    { "GET /v1/staking/{address}", { NULL }, stash_one },
    { "GET /v1/validators", { NULL }, validators },
    { "GET /v1/eras/{era}", { NULL }, era_one },
    { "GET /v1/proposals", { "before", "limit", NULL }, proposals },
    { "GET /v1/proposals/{proposal}", { NULL }, proposal_one },
    { NULL, { NULL }, NULL },
};
