#include "codec/json.h"

#include "base/hex.h"

#include <jansson.h>
#include <stdio.h>

/* jansson follows 2048 levels by recursion; we stop far earlier, before it starts. */
static bool too_deep(struct span in)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < in.n; i++) {
        uint8_t b = in.p[i];
        if (in_text) {
            if (b == '\\')
                i++;
            in_text = b != '"';
        } else if (b == '"') {
            in_text = true;
        } else if (b == '[' || b == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if ((b == ']' || b == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

enum err json_open(struct json *doc, struct span in, size_t size_max)
{
    *doc = (struct json){ 0 };
    if (in.n > size_max || too_deep(in)) {
        doc->err = ERR_LIMIT;
        snprintf(doc->what, sizeof(doc->what), "JSON: %s",
                 in.n > size_max ? "too large" : "nested too deeply");
        return ERR_LIMIT;
    }
    json_error_t error;
    const char *text = in.n == 0 ? "" : (const char *)in.p;
    doc->root = json_loadb(text, in.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (doc->root != NULL)
        return OK;
    doc->err = ERR_FORMAT;
    snprintf(doc->what, sizeof(doc->what), "JSON, line %d: %.100s", error.line, error.text);
    return ERR_FORMAT;
}

void json_close(struct json *doc)
{
    json_decref(doc->root);
    doc->root = NULL;
}

bool json_nil(struct json_value v)
{
    return v.of != NULL && json_is_null((const json_t *)v.of);
}

struct json_value json_root(struct json *doc)
{
    return (struct json_value){ .doc = doc, .of = doc->root };
}

enum json_kind json_kind(struct json_value v)
{
    const json_t *of = v.of;
    if (of == NULL)
        return JSON_KIND_NONE;
    if (json_is_boolean(of))
        return JSON_KIND_BOOL;
    if (json_is_integer(of))
        return JSON_KIND_NUMBER;
    return json_is_string(of) ? JSON_KIND_TEXT : JSON_KIND_OTHER;
}

void json_fail(struct json_value at, enum err e, const char *reason)
{
    if (at.doc->err != OK)
        return;
    at.doc->err = e;
    snprintf(at.doc->what, sizeof(at.doc->what), "%.56s: %.100s",
             at.path[0] == '\0' ? "JSON" : at.path, reason);
}

static bool is_object(struct json_value v)
{
    return v.of != NULL && v.doc->err == OK && json_is_object((const json_t *)v.of);
}

static struct json_value child(struct json_value parent, const char *name, const void *of)
{
    struct json_value v = { .doc = parent.doc, .of = of };
    snprintf(v.path, sizeof(v.path), "%.60s%s%.34s", parent.path,
             parent.path[0] == '\0' || name[0] == '[' ? "" : ".", name);
    return v;
}

/* jansson's getters take a pointer to non-const for some calls; nothing is changed through it. */
static json_t *mutable(const void *of)
{
    union {
        const void *in;
        json_t *out;
    } u = { .in = of };
    return u.out;
}

void json_fields(struct json_value object, const char *const *names, size_t count)
{
    if (!is_object(object)) {
        json_fail(object, ERR_FORMAT, "not an object");
        return;
    }
    for (void *it = json_object_iter(mutable(object.of)); it != NULL;
         it = json_object_iter_next(mutable(object.of), it)) {
        const char *key = json_object_iter_key(it);
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(key, names[i]) == 0;
        if (!known) {
            json_fail(child(object, key, NULL), ERR_FORMAT, "unknown field");
            return;
        }
    }
}

void json_each(struct json_value object,
               void (*fn)(void *ctx, const char *name, struct json_value v), void *ctx)
{
    if (object.of != NULL && !is_object(object))
        json_fail(object, ERR_FORMAT, "not an object");
    if (!is_object(object))
        return;
    for (void *it = json_object_iter(mutable(object.of)); it != NULL;
         it = json_object_iter_next(mutable(object.of), it)) {
        const char *key = json_object_iter_key(it);
        fn(ctx, key, child(object, key, json_object_iter_value(it)));
    }
}

struct json_value json_find(struct json_value object, const char *name)
{
    if (object.of != NULL && !is_object(object))
        json_fail(object, ERR_FORMAT, "not an object");
    const void *of = is_object(object) ? json_object_get(object.of, name) : NULL;
    return child(object, name, of);
}

struct json_value json_get(struct json_value object, const char *name)
{
    struct json_value v = json_find(object, name);
    if (v.of == NULL)
        json_fail(v, ERR_FORMAT, "missing");
    return v;
}

size_t json_count(struct json_value array)
{
    if (array.of == NULL || array.doc->err != OK)
        return 0;
    if (!json_is_array((const json_t *)array.of))
        json_fail(array, ERR_FORMAT, "not an array");
    return json_array_size(array.of);
}

struct json_value json_at(struct json_value array, size_t index)
{
    if (index >= json_count(array))
        return child(array, "[]", NULL);
    char label[24];
    snprintf(label, sizeof(label), "[%zu]", index);
    return child(array, label, json_array_get(array.of, index));
}

const char *json_text(struct json_value v)
{
    if (v.doc->err == OK && v.of != NULL && json_is_string((const json_t *)v.of))
        return json_string_value(v.of);
    json_fail(v, ERR_FORMAT, "not a string");
    return "";
}

bool json_bool(struct json_value v)
{
    if (v.doc->err == OK && v.of != NULL && json_is_boolean((const json_t *)v.of))
        return json_is_true((const json_t *)v.of);
    json_fail(v, ERR_FORMAT, "neither true nor false");
    return false;
}

struct amount json_amount(struct json_value v)
{
    struct amount a = AMOUNT_ZERO;
    if (v.doc->err != OK)
        return a;
    if (v.of != NULL && json_is_integer((const json_t *)v.of)) {
        json_int_t n = json_integer_value(v.of);
        if (n < 0)
            json_fail(v, ERR_RANGE, "negative");
        return n < 0 ? a : AMOUNT_OF((u128)n);
    }
    if (v.of == NULL || !json_is_string((const json_t *)v.of) ||
        amount_parse_units(&a, json_string_value(v.of)) != OK)
        json_fail(v, ERR_FORMAT, "not a whole number");
    return v.doc->err == OK ? a : AMOUNT_ZERO;
}

uint64_t json_u64(struct json_value v, uint64_t max)
{
    struct amount a = json_amount(v);
    if (a.units <= max)
        return (uint64_t)a.units;
    json_fail(v, ERR_RANGE, "too large");
    return 0;
}

void json_hex(struct json_value v, uint8_t *out, size_t n)
{
    memset(out, 0, n);
    const char *text = json_text(v);
    if (v.doc->err == OK && hex_parse(out, n, text) != OK)
        json_fail(v, ERR_FORMAT, "not hexadecimal of the right length");
}
