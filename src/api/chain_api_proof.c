/* Records of the state with their proofs. */
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
                         "accounts, orders, work, params, beacon or meta");
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

const struct chain_api_handler chain_api_handlers_proof[] = {
    { "GET /v1/proof/{store}/{key}", { NULL }, proof },
    { NULL, { NULL }, NULL },
};
