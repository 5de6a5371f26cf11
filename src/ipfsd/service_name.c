/* Names over the local protocol: docs/spec/node-ipc.md 9. */
#include "codec/json_out.h"
#include "codec/node_name.h"
#include "crypto/secret.h"
#include "ipfsd/name_path.h"
#include "ipfsd/name_publish.h"
#include "ipfsd/service.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { JSON_MAX = 256 << 10, VALUE_SHOWN = 512 };

static void text_of(char *out, size_t size, struct span in)
{
    (void)snprintf(out, size, "%.*s", (int)in.n, in.n == 0 ? "" : (const char *)in.p);
}

/* ---- answers --------------------------------------------------------------------------------- */

static enum err begin_json(struct call *c, struct writer *w)
{
    c->reply_bulk.p = malloc(JSON_MAX);
    *w = writer_of(c->reply_bulk.p, JSON_MAX);
    return c->reply_bulk.p == NULL ? ERR_MEMORY : OK;
}

static enum err end_json(struct call *c, const struct writer *w)
{
    c->reply_bulk.n = w->len;
    if (w->err != OK)
        return call_fail(c, w->err, NULL, "the answer is too long");
    call_reply_none(c);
    return OK;
}

static void write_key(struct json_out *j, const struct name_key *k)
{
    char id[PEER_ID_TEXT_MAX];
    peer_id_format_cid(id, &k->id);
    json_out_member_str(j, "key", k->name);
    json_out_member_str(j, "name", id);
}

static void write_record(struct json_out *j, const struct name_signed *s)
{
    struct ipns_record r;
    char until[CLOCK_TEXT_MAX];
    if (ipns_decode(&r, span_of(s->bytes, s->size)) != OK)
        return;
    clock_format(until, (uint64_t)s->until_s * 1000);
    json_out_key(j, "value");
    json_out_text(j, span_sub(r.value, 0, VALUE_SHOWN));
    json_out_member_u64_text(j, "sequence", s->sequence);
    json_out_member_str(j, "until", until);
    json_out_member_u64(j, "lifetime", s->lifetime_s);
}

static enum err answer_key(struct call *c, const struct name_key *k)
{
    struct writer w;
    TRY(begin_json(c, &w));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    write_key(&j, k);
    json_out_object_end(&j);
    return end_json(c, &w);
}

/* ---- reasons --------------------------------------------------------------------------------- */

static enum err say(struct call *c, enum err e, const char *key, const char *other)
{
    switch ((int)e) {
    case OK:
        return OK;
    case ERR_NOT_FOUND:
        return call_fail(c, e, "crust name key list", "there is no key \"%.64s\"%s", key,
                         strcmp(key, "self") == 0 ? ": it is the peer key, with p2p = true" : "");
    case ERR_EXISTS:
        return call_fail(c, e, "crust name key list",
                         "there is a key of that name, or that key under another: \"%.64s\"",
                         other);
    case ERR_FORMAT:
        return call_fail(c, e, NULL,
                         "\"%.64s\" is no name of a key: letters, digits, '.', '_' and '-', at "
                         "most 64",
                         other);
    case ERR_DENIED:
        return call_fail(c, e, NULL, "\"self\" is the key of the node itself: it stays");
    case ERR_LIMIT:
        return call_fail(c, e, NULL, "a node has at most %d keys", NAME_KEYS_MAX);
    case ERR_CORRUPT:
        return call_fail(c, e, NULL,
                         "the last record of \"%.64s\" cannot be read, so its number is not known: "
                         "see the guide on names",
                         key);
    case ERR_RANGE:
        return call_fail(c, e, NULL, "a lifetime is a minute to a hundred years");
    default:
        return call_fail(c, e, NULL, "%s", err_text(e));
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

struct texts {
    struct node_name m;
    char key[NODE_NAME_KEY_MAX + 1], value[NODE_NAME_VALUE_MAX + 1];
};

static enum err take(struct texts *t, const struct call *c)
{
    TRY(node_name_decode(&t->m, c->body));
    text_of(t->key, sizeof(t->key), t->m.key);
    text_of(t->value, sizeof(t->value), t->m.value);
    return OK;
}

enum err service_name_publish(struct call *c)
{
    const struct settings *s = &c->node->settings;
    struct name_published done;
    struct texts t;
    struct name_key k;
    struct writer w;
    TRY(take(&t, c));
    const char *key = t.key[0] == '\0' ? "self" : t.key;
    uint64_t lifetime = t.m.lifetime_s == 0 ? s->name_lifetime_s : t.m.lifetime_s;
    uint64_t ttl = t.m.ttl_s == 0 ? s->name_ttl_s : t.m.ttl_s;
    if (lifetime > NAME_KEYS_LIFETIME_MAX_S || ttl > NAME_KEYS_LIFETIME_MAX_S)
        return say(c, ERR_RANGE, key, "");
    const struct name_wish wish = { .value = t.m.value,
                                    .lifetime_s = (uint32_t)lifetime,
                                    .ttl_ns = ttl * 1000000000 };
    enum err e = name_publish(c->node->name_publish, &done, key, &wish);
    if (e == ERR_FORMAT)
        return call_fail(c, e, NULL, "\"%.100s\" is no path: /ipfs/CID or /ipns/NAME", t.value);
    TRY(say(c, e, key, ""));
    TRY(say(c, name_keys_find(c->node->name_keys, &k, key), key, ""));
    TRY(begin_json(c, &w));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    write_key(&j, &k);
    write_record(&j, &done.record);
    json_out_member_u64(&j, "nodes", done.told.nodes);
    json_out_member_u64(&j, "routers", done.told.routers);
    json_out_object_end(&j);
    return end_json(c, &w);
}

enum err service_name_resolve(struct call *c)
{
    char path[NAME_PATH_MAX], out[NAME_PATH_MAX], id[PEER_ID_TEXT_MAX], why[NAME_PATH_WHY_MAX] = "";
    struct texts t;
    struct name_key k;
    struct writer w;
    TRY(take(&t, c));
    const char *name = t.value[0] == '\0' ? "self" : t.value;
    if (strncmp(name, "/ipns/", 6) == 0)
        name += 6;
    if (name_keys_find(c->node->name_keys, &k, name) == OK) { /* the name of a key of ours */
        peer_id_format_cid(id, &k.id);
        name = id;
    }
    (void)snprintf(path, sizeof(path), "/ipns/%.4000s", name);
    enum err e = name_path_follow(c->node->names, out, path, true, t.m.flag, why);
    if (e != OK)
        return call_fail(c, e, NULL, "%s", why[0] != '\0' ? why : err_text(e));
    TRY(begin_json(c, &w));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_member_str(&j, "name", path);
    json_out_member_str(&j, "path", out);
    json_out_object_end(&j);
    return end_json(c, &w);
}

enum err service_name_list(struct call *c)
{
    struct name_signed last;
    struct texts t;
    struct name_key k;
    struct writer w;
    TRY(take(&t, c));
    TRY(begin_json(c, &w));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_key(&j, "keys");
    json_out_array(&j);
    for (size_t i = 0; name_keys_at(c->node->name_keys, &k, i) == OK; i++) {
        json_out_object(&j);
        write_key(&j, &k);
        if (name_keys_last(c->node->name_keys, &last, k.name) == OK)
            write_record(&j, &last);
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_object_end(&j);
    return end_json(c, &w);
}

enum err service_name_gen(struct call *c)
{
    struct texts t;
    struct name_key k;
    TRY(take(&t, c));
    TRY(say(c, name_keys_make(c->node->name_keys, &k, t.key, NULL), t.key, t.key));
    return answer_key(c, &k);
}

enum err service_name_import(struct call *c)
{
    struct ed25519_key pair;
    struct texts t;
    struct name_key k;
    TRY(take(&t, c));
    enum err e = peer_key_private_decode(&pair, t.m.secret);
    secret_wipe_bytes(c->memory, c->body.n); /* the body stands first */
    if (e != OK)
        return call_fail(c, e, NULL, "this is no Ed25519 key");
    e = name_keys_make(c->node->name_keys, &k, t.key, &pair);
    ed25519_wipe(&pair);
    TRY(say(c, e, t.key, t.key));
    return answer_key(c, &k);
}

enum err service_name_rename(struct call *c)
{
    struct texts t;
    struct name_key k;
    bool replaced;
    TRY(take(&t, c));
    TRY(say(c, name_keys_rename(c->node->name_keys, &k, &replaced, t.key, t.value, t.m.flag), t.key,
            t.value));
    return answer_key(c, &k);
}

enum err service_name_rm(struct call *c)
{
    struct texts t;
    struct name_key k;
    TRY(take(&t, c));
    TRY(say(c, name_keys_remove(c->node->name_keys, &k, t.key), t.key, t.key));
    name_publish_forget(c->node->name_publish, &k.id);
    return answer_key(c, &k);
}
