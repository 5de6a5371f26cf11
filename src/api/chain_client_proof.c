#include "api/chain_client_proof.h"

#include "api/chain_client_read.h"
#include "base/writer.h"

enum err chain_client_proof_path(char out[CHAIN_CLIENT_PROOF_PATH_MAX], enum state_store store,
                                 struct span key)
{
    char digits[2 * STATE_KEY_MAX + 1];
    struct writer w = writer_of((uint8_t *)out, CHAIN_CLIENT_PROOF_PATH_MAX);
    if (key.n > STATE_KEY_MAX)
        return ERR_LIMIT;
    hex_format(digits, key);
    write_span(&w, span_str("/v1/proof/"));
    write_span(&w, span_str(state_store_name(store)));
    write_u8(&w, '/');
    write_span(&w, span_str(digits));
    write_u8(&w, 0);
    return w.err;
}

/* A member of hexadecimal text of any length up to room. */
static size_t hex_member(struct json_value at, uint8_t *out, size_t room)
{
    const char *text = json_text(at);
    size_t n = strlen(text) / 2;
    if (n > room) {
        json_fail(at, ERR_LIMIT, "too long");
        return 0;
    }
    if (hex_parse(out, n, text) != OK || 2 * n != strlen(text))
        json_fail(at, ERR_FORMAT, "not hexadecimal");
    return n;
}

void chain_client_read_proof(struct chain_client_proof *out, struct json_value v,
                             enum state_store store, struct span key)
{
    uint8_t asked[STATE_KEY_MAX], ops[PROVE_OPS_MAX];
    out->height = chain_client_read_u64(v, "height");
    chain_client_read_hash(v, "app_hash", out->app_hash);
    struct json_value named = json_get(v, "key"), name = json_get(v, "store");
    size_t n = hex_member(named, asked, sizeof(asked));
    if (!span_eq(span_of(asked, n), key) || strcmp(json_text(name), state_store_name(store)) != 0)
        json_fail(named, ERR_FORMAT, "is not the record that was asked for");
    struct json_value value = json_get(v, "value");
    out->there = json_kind(value) == JSON_KIND_TEXT;
    if (out->there)
        out->value_size = hex_member(value, out->value, sizeof(out->value));
    struct json_value at = json_get(v, "ops");
    size_t ops_size = hex_member(at, ops, sizeof(ops));
    if (v.doc->err != OK)
        return;
    const struct span found = span_of(out->value, out->value_size);
    const struct prove_claim claim = { state_store_name(store), key, out->there ? &found : NULL };
    enum err e = prove_check(out->app_hash, &claim, span_of(ops, ops_size));
    if (e != OK)
        json_fail(at, e, "does not prove the answer");
}

enum err chain_client_decode_proof(struct chain_client_proof *out, struct span body,
                                   enum state_store store, struct span key)
{
    CHAIN_CLIENT_DECODE(out, body, chain_client_read_proof(out, json_root(&doc), store, key));
}
