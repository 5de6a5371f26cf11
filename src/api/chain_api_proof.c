/* Records of the state with their proofs, and where to ask for what backs the app hash. */
#include "api/chain_api_call.h"
#include "base/hex.h"
#include "chain/prove.h"

static void proof(struct chain_api_call *call)
{
    enum state_store store;
    uint8_t key[STATE_KEY_MAX], ops[PROVE_OPS_MAX];
    size_t digits = strlen(call->segments[1]);
    if (!prove_store(&store, span_str(call->segments[0]))) {
        chain_api_refuse(call, 404, "store", "there is no store of this name",
                         "accounts, attest, beacon, gov, meta, orders, params, staking or work");
        return;
    }
    if (digits / 2 > sizeof(key) || digits % 2 != 0 ||
        hex_parse(key, digits / 2, call->segments[1]) != OK) {
        chain_api_refuse(call, 400, "key", "must be at most 120 bytes in hexadecimal", "");
        return;
    }
    struct span value, k = span_of(key, digits / 2);
    struct writer w = writer_of(ops, sizeof(ops));
    enum err e = prove_record(&call->chain.st, &w, &value, store, k);
    if (e == ERR_UNSUPPORTED) {
        chain_api_refuse(call, 400, "store", "its records have no proofs", "");
        return;
    }
    if (e != OK) {
        chain_api_broken(call, e);
        return;
    }
    struct json_out *j = &call->j;
    json_out_object(j);
    json_out_member_u64(j, "height", call->src->height);
    chain_api_member_hash(j, "app_hash", call->src->app_hash);
    json_out_member_str(j, "store", state_store_name(store));
    json_out_member_hex(j, "key", k);
    json_out_key(j, "value");
    if (value.p != NULL)
        json_out_hex(j, value);
    else
        json_out_null(j);
    json_out_member_hex(j, "ops", writer_span(&w));
    json_out_object_end(j);
}

static void genesis(struct chain_api_call *call)
{
    call->plan->kind = CHAIN_API_GENESIS;
}

/* The engine signs a block soon after it is made: the height after the last commit may be there. */
static void light(struct chain_api_call *call)
{
    uint64_t height;
    if (!chain_api_u64(call, &height, "height", call->segments[0]))
        return;
    if (height == 0 || height > call->src->height + 1) {
        chain_api_refuse(call, 404, "height", "there is no such block yet", "");
        return;
    }
    call->plan->kind = CHAIN_API_LIGHT;
    call->plan->position.height = height;
}

const struct chain_api_handler chain_api_handlers_proof[] = {
    { "GET /v1/genesis", { NULL }, genesis },
    { "GET /v1/light/{height}", { NULL }, light },
    { "GET /v1/proof/{store}/{key}", { NULL }, proof },
    { NULL, { NULL }, NULL },
};
