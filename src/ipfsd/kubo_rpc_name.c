/* Names and their keys: name/publish, name/resolve, and the commands of key. */
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/name_publish.h"

#include <stdio.h>

static const char *option_text(const struct kubo_call *c, enum kubo_option o, const char *otherwise)
{
    const struct kubo_value *v = &c->plan->options[o];
    return v->given ? v->text : otherwise;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static enum err id_text(struct kubo_call *c, char out[PEER_ID_TEXT_MAX], const struct peer_id *id)
{
    const char *base = option_text(c, KUBO_OPT_IPNS_BASE, "base36");
    if (strcmp(base, "base36") == 0)
        peer_id_format_cid(out, id);
    else if (strcmp(base, "b58mh") == 0)
        peer_id_format(out, id);
    else
        return kubo_call_fail(c, ERR_UNSUPPORTED, "ipns-base: base36 or b58mh");
    return OK;
}

static enum err write_key(struct kubo_text *t, const struct name_key *k)
{
    char id[PEER_ID_TEXT_MAX];
    TRY(id_text(t->c, id, &k->id));
    json_out_object(&t->j);
    json_out_member_str(&t->j, "Name", k->name);
    json_out_member_str(&t->j, "Id", id);
    json_out_object_end(&t->j);
    return OK;
}

static enum err explain(struct kubo_call *c, enum err e, const char *key, const char *other)
{
    switch ((int)e) {
    case OK:
        return OK;
    case ERR_NOT_FOUND:
        return kubo_call_fail(c, e, "no key by the given name was found: \"%.64s\"", key);
    case ERR_EXISTS:
        return kubo_call_fail(c, e, "key with name '%.64s' already exists", other);
    case ERR_FORMAT:
        return kubo_call_fail(c, e, "\"%.64s\" is no name of a key", other);
    case ERR_DENIED:
        return kubo_call_fail(c, e, "cannot change the key with name 'self'");
    default:
        return e;
    }
}

enum err kubo_call_key_gen(struct kubo_call *c)
{
    struct kubo_text t;
    struct name_key k;
    const char *name = c->plan->args[0];
    if (strcmp(option_text(c, KUBO_OPT_TYPE, "ed25519"), "ed25519") != 0)
        return kubo_call_fail(c, ERR_UNSUPPORTED, "keys of this node are of type ed25519");
    TRY(explain(c, name_keys_make(c->node->name_keys, &k, name, NULL), name, name));
    kubo_text_init(&t, c);
    TRY(write_key(&t, &k));
    return kubo_text_line(&t);
}

static void open_list(struct kubo_text *t)
{
    json_out_object(&t->j);
    json_out_key(&t->j, "Keys");
    json_out_array(&t->j);
}

static enum err close_list(struct kubo_text *t)
{
    json_out_array_end(&t->j);
    json_out_object_end(&t->j);
    return kubo_text_line(t);
}

enum err kubo_call_key_list(struct kubo_call *c)
{
    struct kubo_text t;
    struct name_key k;
    kubo_text_init(&t, c);
    open_list(&t);
    for (size_t i = 0; name_keys_at(c->node->name_keys, &k, i) == OK; i++)
        TRY(write_key(&t, &k));
    return close_list(&t);
}

enum err kubo_call_key_rename(struct kubo_call *c)
{
    struct kubo_text t;
    struct name_key k;
    char id[PEER_ID_TEXT_MAX];
    bool replaced, force = kubo_rpc_option(c->plan, KUBO_OPT_FORCE, 0) != 0;
    const char *from = c->plan->args[0], *to = c->plan->args[1];
    TRY(explain(c, name_keys_rename(c->node->name_keys, &k, &replaced, from, to, force), from, to));
    TRY(id_text(c, id, &k.id));
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Was", from);
    json_out_member_str(&t.j, "Now", to);
    json_out_member_str(&t.j, "Id", id);
    json_out_member_bool(&t.j, "Overwrite", replaced);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

enum err kubo_call_key_rm(struct kubo_call *c)
{
    struct kubo_text t;
    struct name_key k;
    kubo_text_init(&t, c);
    open_list(&t);
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        const char *name = c->plan->args[i];
        TRY(explain(c, name_keys_remove(c->node->name_keys, &k, name), name, name));
        name_publish_forget(c->node->name_publish, &k.id);
        TRY(write_key(&t, &k));
    }
    return close_list(&t);
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Seconds of an option that is given in milliseconds. */
static enum err seconds(struct kubo_call *c, uint32_t *out, enum kubo_option o, uint32_t otherwise)
{
    uint64_t ms = kubo_rpc_option(c->plan, o, (uint64_t)otherwise * 1000);
    if (ms / 1000 > NAME_KEYS_LIFETIME_MAX_S)
        return kubo_call_fail(c, ERR_RANGE, "a record is valid for at most a hundred years");
    *out = (uint32_t)(ms / 1000);
    return OK;
}

enum err kubo_call_name_publish(struct kubo_call *c)
{
    const struct settings *s = &c->node->settings;
    const char *key = option_text(c, KUBO_OPT_KEY, "self"), *arg = c->plan->args[0];
    char path[NAME_KEYS_VALUE_MAX], id[PEER_ID_TEXT_MAX];
    struct name_published done;
    struct name_wish w;
    struct kubo_text t;
    struct cid cid;
    uint32_t ttl_s;
    (void)snprintf(path, sizeof(path), "%s%.4000s", arg[0] == '/' ? "" : "/ipfs/", arg);
    TRY(seconds(c, &w.lifetime_s, KUBO_OPT_LIFETIME, s->name_lifetime_s));
    TRY(seconds(c, &ttl_s, KUBO_OPT_TTL, s->name_ttl_s));
    if (kubo_rpc_option(c->plan, KUBO_OPT_RESOLVE, 1) != 0)
        TRY(kubo_call_resolve(c, &cid, path));
    w.value = span_str(path);
    w.ttl_ns = (uint64_t)ttl_s * 1000000000;
    enum err e = name_publish(c->node->name_publish, &done, key, &w);
    if (e == ERR_FORMAT)
        return kubo_call_fail(c, e, "invalid path \"%.100s\"", path);
    if (e == ERR_RANGE)
        return kubo_call_fail(c, e, "a record is valid for at least a minute");
    TRY(explain(c, e, key, key));
    TRY(id_text(c, id, &done.record.id));
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Name", id);
    json_out_member_str(&t.j, "Value", path);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

enum err kubo_call_name_resolve(struct kubo_call *c)
{
    char path[KUBO_RPC_PATH_MAX], name[KUBO_RPC_PATH_MAX], self[PEER_ID_TEXT_MAX];
    struct kubo_text t;
    struct name_key k;
    const char *arg = self;
    if (c->plan->arg_count > 0) {
        arg = c->plan->args[0];
    } else {
        TRY(explain(c, name_keys_find(c->node->name_keys, &k, "self"), "self", ""));
        peer_id_format_cid(self, &k.id);
    }
    bool whole = strncmp(arg, "/ipns/", 6) == 0;
    bool below = kubo_rpc_option(c->plan, KUBO_OPT_RECURSIVE, 1) != 0;
    (void)snprintf(name, sizeof(name), "%s%.3000s", whole ? "" : "/ipns/", arg);
    TRY(kubo_call_name(c, path, name, !below));
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Path", path);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}
