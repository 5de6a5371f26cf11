#include "cli/peers.h"

enum { BODY_MAX = 1024 };

enum err peers_ask(struct ipc_sink *daemon, json_t **answer, uint16_t type, const char *text)
{
    uint8_t body[BODY_MAX];
    struct ipc_msg reply;
    struct writer w = writer_of(body, sizeof(body));
    const struct node_bytes m = { .bytes = span_str(text == NULL ? "" : text) };
    *answer = NULL;
    if (text == NULL)
        node_msg_encode_none(&w);
    else
        node_msg_encode_bytes(&w, &m);
    TRY(w.err);
    TRY(ipc_sink_call(daemon, &reply, type, writer_span(&w)));
    *answer = json_loadb((const char *)reply.bulk.p, reply.bulk.n, 0, NULL);
    return json_is_object(*answer) ? OK : ERR_FORMAT;
}

enum err peers_try(struct ipc_sink *daemon, uint64_t *size, const struct cid *cid)
{
    uint8_t body[BODY_MAX];
    struct ipc_msg reply;
    struct content_key key;
    struct node_size out;
    struct writer w = writer_of(body, sizeof(body));
    struct node_block m = { 0 };
    *size = 0;
    TRY(cid_key(&key, cid));
    m.codec = key.codec;
    memcpy(m.digest, key.digest, sizeof(m.digest));
    node_msg_encode_block(&w, &m);
    TRY(ipc_sink_call(daemon, &reply, NODE_P2P_TRY, writer_span(&w)));
    TRY(node_msg_decode_size(&out, reply.body));
    *size = out.size;
    return OK;
}

const char *peers_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

uint64_t peers_number(const json_t *object, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(object, name));
    return n < 0 ? 0 : (uint64_t)n;
}

bool peers_is_at(const char *address, const json_t *entry)
{
    const char *at = peers_text(entry, "address");
    size_t n = strlen(at);
    return n != 0 && strncmp(address, at, n) == 0 &&
           (address[n] == '\0' || strncmp(address + n, "/p2p/", 5) == 0);
}

size_t peers_reached(const json_t *entry)
{
    size_t i, good = 0;
    const json_t *o;
    json_array_foreach(json_object_get(entry, "asked"), i, o) good +=
        json_is_true(json_object_get(o, "reached"));
    return good;
}
