#include "codec/routing_v1.h"

#include "codec/json.h"

#include <stdio.h>

/* SPEC kad 5.8: "Routers are told what this node can use" */
#define FILTERS                                                                                    \
    "?filter-addrs=tcp,unknown,!p2p-circuit,!ws,!wss"                                              \
    "&filter-protocols=transport-bitswap,transport-ipfs-gateway-http,unknown"

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void read_protocols(struct routing_v1_peer *p, struct json_value list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        struct json_value v = json_at(list, i);
        if (json_kind(v) != JSON_KIND_TEXT)
            continue;
        const char *name = json_text(v);
        p->bitswap = p->bitswap || is(name, "transport-bitswap");
        p->http = p->http || is(name, "transport-ipfs-gateway-http");
    }
}

/* SPEC kad 5.3: "An address that we cannot read is left out, the rest is kept" */
static void read_addrs(struct routing_v1_peer *p, struct json_value list)
{
    for (size_t i = 0; i < json_count(list) && p->addr_count < ROUTING_V1_ADDRS_MAX; i++) {
        struct json_value v = json_at(list, i);
        if (json_kind(v) != JSON_KIND_TEXT)
            continue;
        if (multiaddr_parse(&p->addrs[p->addr_count], span_str(json_text(v))) == OK)
            p->addr_count++;
    }
}

/* The schema "peer", and "bitswap", which it has replaced. */
static bool read_record(struct routing_v1_peer *p, struct json_value v)
{
    struct json_value schema = json_find(v, "Schema"), id = json_find(v, "ID");
    *p = (struct routing_v1_peer){ 0 };
    if (json_kind(schema) != JSON_KIND_TEXT || json_kind(id) != JSON_KIND_TEXT)
        return false;
    bool old = is(json_text(schema), "bitswap");
    if (!old && !is(json_text(schema), "peer"))
        return false;
    if (peer_id_parse(&p->id, span_str(json_text(id))) != OK)
        return false;
    struct json_value protocols = json_find(v, "Protocols"), addrs = json_find(v, "Addrs");
    if (protocols.of != NULL && !json_nil(protocols))
        read_protocols(p, protocols);
    p->bitswap = p->bitswap || old;
    if (addrs.of != NULL && !json_nil(addrs))
        read_addrs(p, addrs);
    return true;
}

static void take(struct routing_v1_list *out, struct json_value v)
{
    struct json *doc = v.doc;
    if (out->count == out->max || out->count == ROUTING_V1_RECORDS_MAX)
        return;
    if (read_record(&out->list[out->count], v) && doc->err == OK)
        out->count++;
    else
        out->skipped++;
}

static enum err decode_json(struct routing_v1_list *out, struct span body)
{
    struct json doc;
    enum err e = json_open(&doc, body, ROUTING_V1_BODY_MAX);
    if (e == OK) {
        struct json_value list = json_find(json_root(&doc), "Providers");
        if (list.of == NULL)
            list = json_find(json_root(&doc), "Peers");
        if (list.of == NULL)
            json_fail(json_root(&doc), ERR_FORMAT, "neither Providers nor Peers");
        /* Go writes an empty list as null. */
        size_t count = list.of == NULL || json_nil(list) ? 0 : json_count(list);
        for (size_t i = 0; doc.err == OK && i < count; i++)
            take(out, json_at(list, i));
        e = doc.err;
    }
    json_close(&doc);
    return e;
}

static void decode_line(struct routing_v1_list *out, struct span line)
{
    struct json doc;
    if (json_open(&doc, line, ROUTING_V1_LINE_MAX) == OK)
        take(out, json_root(&doc));
    else
        out->skipped++;
    json_close(&doc);
}

static struct span next_line(struct span *rest)
{
    const uint8_t *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
    size_t n = end == NULL ? rest->n : (size_t)(end - rest->p);
    struct span line = span_sub(*rest, 0, n);
    *rest = span_sub(*rest, n + 1, rest->n);
    return line;
}

enum err routing_v1_decode(struct routing_v1_list *out, struct span body, bool ndjson)
{
    out->count = out->skipped = 0;
    if (body.n > ROUTING_V1_BODY_MAX)
        return ERR_LIMIT;
    if (!ndjson) {
        enum err e = decode_json(out, body);
        if (e != OK)
            out->count = 0;
        return e;
    }
    while (body.n > 0 && out->skipped < ROUTING_V1_RECORDS_MAX) {
        struct span line = next_line(&body);
        if (line.n > 0)
            decode_line(out, line);
    }
    return OK;
}

void routing_v1_write(struct json_out *j, const struct routing_v1_peer *p)
{
    char id[PEER_ID_TEXT_MAX], addr[MULTIADDR_TEXT_MAX];
    peer_id_format(id, &p->id);
    json_out_object(j);
    json_out_key(j, "Addrs");
    json_out_array(j);
    for (uint32_t i = 0; i < p->addr_count; i++) {
        multiaddr_format(addr, &p->addrs[i]);
        json_out_str(j, addr);
    }
    json_out_array_end(j);
    json_out_member_str(j, "ID", id);
    json_out_key(j, "Protocols");
    json_out_array(j);
    if (p->bitswap)
        json_out_str(j, "transport-bitswap");
    if (p->http)
        json_out_str(j, "transport-ipfs-gateway-http");
    json_out_array_end(j);
    json_out_member_str(j, "Schema", "peer");
    json_out_object_end(j);
}

void routing_v1_providers_path(char out[ROUTING_V1_PATH_MAX], const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    int n = snprintf(out, ROUTING_V1_PATH_MAX, "/routing/v1/providers/%s" FILTERS, text);
    ASSERT(n > 0 && n < ROUTING_V1_PATH_MAX);
}

void routing_v1_peers_path(char out[ROUTING_V1_PATH_MAX], const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    peer_id_format_cid(text, id);
    int n = snprintf(out, ROUTING_V1_PATH_MAX, "/routing/v1/peers/%s" FILTERS, text);
    ASSERT(n > 0 && n < ROUTING_V1_PATH_MAX);
}
