#include "api/pin_tokens.h"

#include "codec/json.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <strings.h>

#define TAG "crust/pin-token/1"

bool pin_tokens_name_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
        if (!ok)
            return false;
    }
    return n > 0 && n <= PIN_TOKENS_NAME_MAX;
}

static void read_token(struct pin_tokens *out, struct json_value v)
{
    static const char *const fields[] = {
        "name", "hash", "account", "cap", "until_ms", "replicas"
    };
    struct pin_token t = { .until_ms = 0 };
    json_fields(v, fields, sizeof(fields) / sizeof(fields[0]));
    struct json_value name = json_get(v, "name");
    const char *text = json_text(name);
    if (!pin_tokens_name_ok(text))
        json_fail(name, ERR_FORMAT, "no name of a token");
    else
        (void)snprintf(t.name, sizeof(t.name), "%s", text);
    json_hex(json_get(v, "hash"), t.hash, sizeof(t.hash));
    json_hex(json_get(v, "account"), t.account, sizeof(t.account));
    t.cap = json_amount(json_get(v, "cap"));
    t.until_ms = json_u64(json_get(v, "until_ms"), INT64_MAX);
    t.replicas = (uint32_t)json_u64(json_get(v, "replicas"), UINT32_MAX);
    if (pin_tokens_named(out, t.name) != NULL || pin_tokens_find(out, t.hash) != NULL)
        json_fail(v, ERR_FORMAT, "it is there twice");
    if (v.doc->err == OK)
        out->tokens[out->count++] = t;
}

enum err pin_tokens_parse(struct pin_tokens *out, char why[PIN_TOKENS_WHY_MAX], struct span file)
{
    static const char *const fields[] = { "version", "tokens" };
    struct json doc;
    *out = (struct pin_tokens){ 0 };
    why[0] = '\0';
    if (json_open(&doc, file, PIN_TOKENS_FILE_MAX) == OK) {
        struct json_value root = json_root(&doc), version, list;
        json_fields(root, fields, 2);
        version = json_get(root, "version");
        if (json_u64(version, UINT32_MAX) != 1)
            json_fail(version, ERR_FORMAT, "not 1");
        list = json_get(root, "tokens");
        size_t n = json_count(list);
        if (n > PIN_TOKENS_MAX)
            json_fail(list, ERR_LIMIT, "more than 128");
        for (size_t i = 0; i < n && doc.err == OK; i++)
            read_token(out, json_at(list, i));
    }
    enum err e = doc.err;
    if (e != OK) {
        (void)snprintf(why, PIN_TOKENS_WHY_MAX, "%.*s", PIN_TOKENS_WHY_MAX - 1, doc.what);
        *out = (struct pin_tokens){ 0 };
    }
    json_close(&doc);
    return e;
}

void pin_tokens_format(struct writer *w, const struct pin_tokens *tokens)
{
    struct json_out j = json_out_to(w);
    json_out_object(&j);
    json_out_member_u64(&j, "version", 1);
    json_out_key(&j, "tokens");
    json_out_array(&j);
    for (size_t i = 0; i < tokens->count; i++) {
        const struct pin_token *t = &tokens->tokens[i];
        json_out_object(&j);
        json_out_member_str(&j, "name", t->name);
        json_out_member_hex(&j, "hash", span_of(t->hash, sizeof(t->hash)));
        json_out_member_hex(&j, "account", span_of(t->account, sizeof(t->account)));
        json_out_member_amount(&j, "cap", t->cap);
        json_out_member_u64_text(&j, "until_ms", t->until_ms);
        json_out_member_u64(&j, "replicas", t->replicas);
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_object_end(&j);
    write_u8(w, '\n');
}

void pin_tokens_hash(uint8_t out[32], struct span token)
{
    sha256_tagged(out, TAG, &token, 1);
}

const struct pin_token *pin_tokens_find(const struct pin_tokens *tokens, const uint8_t hash[32])
{
    const struct pin_token *found = NULL;
    for (size_t i = 0; i < tokens->count; i++) {
        uint8_t differ = 0;
        for (size_t k = 0; k < 32; k++)
            differ |= tokens->tokens[i].hash[k] ^ hash[k];
        if (differ == 0)
            found = &tokens->tokens[i];
    }
    return found;
}

const struct pin_token *pin_tokens_named(const struct pin_tokens *tokens, const char *name)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->tokens[i].name, name) == 0)
            return &tokens->tokens[i];
    return NULL;
}

bool pin_tokens_bearer(struct span *token, const char *header)
{
    static const char scheme[] = "bearer ";
    *token = (struct span){ 0 };
    if (header == NULL || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
        return false;
    const char *at = header + sizeof(scheme) - 1;
    while (*at == ' ')
        at++;
    *token = span_str(at);
    return token->n > 0 && token->n <= PIN_TOKENS_SECRET_MAX;
}
