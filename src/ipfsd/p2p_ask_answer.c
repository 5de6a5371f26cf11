/* Answers, in JSON. docs/spec/node-ipc.md 8. */
#include "codec/json_out.h"
#include "codec/node_p2p.h"
#include "ipfsd/autonat_node.h"
#include "ipfsd/fetch_tales.h"
#include "ipfsd/p2p_ask_talk.h"

#include <stdlib.h>

enum { JSON_MAX = 1 << 20 };

bool p2p_ask_begin_json(struct call *c, struct writer *w)
{
    c->reply_bulk.p = malloc(JSON_MAX);
    *w = writer_of(c->reply_bulk.p, JSON_MAX);
    if (c->reply_bulk.p != NULL)
        return true;
    c->result = ERR_MEMORY;
    return false;
}

void p2p_ask_end_json(struct call *c, const struct writer *w)
{
    c->reply_bulk.n = w->len;
    if (w->err != OK)
        (void)!call_fail(c, w->err, NULL, "the answer is too long");
    else
        call_reply_none(c);
}

static void out_peer(struct json_out *j, const char *key, const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX] = "";
    if (id->size != 0)
        peer_id_format(text, id);
    json_out_member_str(j, key, text);
}

static void out_address(struct json_out *j, const struct multiaddr *a)
{
    char text[MULTIADDR_TEXT_MAX];
    multiaddr_format(text, a);
    json_out_str(j, text);
}

void p2p_ask_answer_id(struct p2p_ask *a, struct call *c)
{
    struct multiaddr list[SWARM_ANNOUNCE_MAX];
    size_t count = swarm_addresses(a->o.swarm, list, SWARM_ANNOUNCE_MAX, false);
    struct writer w;
    if (!p2p_ask_begin_json(c, &w))
        return;
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    out_peer(&j, "id", &a->o.self);
    json_out_member_str(&j, "agent", a->o.agent);
    json_out_key(&j, "addresses");
    json_out_array(&j);
    for (size_t i = 0; i < count; i++)
        if (multiaddr_add(&list[i], MULTIADDR_P2P, peer_id_span(&a->o.self)) == OK)
            out_address(&j, &list[i]);
    json_out_array_end(&j);
    if (a->o.autonat != NULL)
        autonat_node_write(a->o.autonat, &j);
    json_out_object_end(&j);
    p2p_ask_end_json(c, &w);
}

void p2p_ask_answer_dht(struct p2p_ask *a, struct call *c)
{
    struct writer w;
    if (!p2p_ask_begin_json(c, &w))
        return;
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    a->o.write_dht(a->o.ctx, &j);
    json_out_object_end(&j);
    p2p_ask_end_json(c, &w);
}

void p2p_ask_answer_peers(struct p2p_ask *a, struct call *c)
{
    struct writer w;
    if (!p2p_ask_begin_json(c, &w))
        return;
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_key(&j, "peers");
    json_out_array(&j);
    for (uint32_t i = 0; i < a->o.connections; i++) {
        const struct p2p_ask_about *b = &a->about[i];
        struct multiaddr at;
        if (!b->used || swarm_remote(a->o.swarm, i, &at) != OK)
            continue;
        json_out_object(&j);
        out_peer(&j, "peer", &b->peer);
        json_out_key(&j, "address");
        out_address(&j, &at);
        json_out_member_str(&j, "agent", b->agent);
        json_out_member_bool(&j, "inbound", b->inbound);
        json_out_member_u64(&j, "seconds", (p2p_ask_now(a) - b->since_ms) / 1000);
        a->o.write_standing(a->o.ctx, &j, &b->peer);
        json_out_object_end(&j);
    }
    json_out_array_end(&j);
    json_out_object_end(&j);
    p2p_ask_end_json(c, &w);
}

static void out_notes(struct json_out *j, const struct p2p_ask_talk *t)
{
    json_out_key(j, "asked");
    json_out_array(j);
    for (size_t i = 0; i < t->note_count; i++) {
        const struct p2p_ask_note *n = &t->notes[i];
        json_out_object(j);
        json_out_member_str(j, "source", n->source);
        json_out_member_str(j, "who", n->who);
        json_out_member_str(j, "where", n->where);
        json_out_member_bool(j, "answered", n->result == OK);
        json_out_member_str(j, "result", n->result == OK ? "answered" : err_text(n->result));
        json_out_member_u64(j, "providers", n->providers);
        json_out_member_u64(j, "closer", n->closer);
        json_out_member_u64(j, "ms", n->took_ms);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_member_u64(j, "asked_more", t->notes_more);
}

static void out_providers(struct json_out *j, const struct p2p_ask_talk *t)
{
    json_out_key(j, "providers");
    json_out_array(j);
    for (size_t i = 0; i < t->provider_count; i++) {
        const struct p2p_ask_provider *p = &t->providers[i];
        json_out_object(j);
        out_peer(j, "peer", &p->peer);
        json_out_member_str(j, "source", p->source);
        json_out_member_u64(j, "addresses", p->addr_count);
        json_out_member_bool(j, "connected", swarm_find(t->of->o.swarm, &p->peer) != GATE_NONE);
        json_out_object_end(j);
    }
    json_out_array_end(j);
    json_out_member_u64(j, "providers_more", t->providers_more);
}

static void out_targets(struct json_out *j, const struct p2p_ask_talk *t)
{
    json_out_key(j, "dials");
    json_out_array(j);
    for (size_t i = 0; i < t->target_count; i++) {
        const struct p2p_ask_target *d = &t->targets[i];
        json_out_object(j);
        out_peer(j, "peer", &d->peer);
        json_out_key(j, "address");
        out_address(j, &d->address);
        json_out_member_bool(j, "connected", d->good);
        json_out_member_str(j, "result", d->state == P2P_ASK_OVER ? d->reason : "not finished");
        json_out_member_u64(j, "ms", d->took_ms);
        json_out_object_end(j);
    }
    json_out_array_end(j);
}

/* How this node fetched it the last time. */
static void out_fetched(struct json_out *j, const struct p2p_ask_talk *t)
{
    char tale[FETCH_STORY_MAX];
    struct content_key key;
    uint64_t ago_ms;
    if (cid_key(&key, &t->cid) != OK || !fetch_tales_get(t->of->tales, tale, &ago_ms, &key))
        return;
    json_out_key(j, "fetched");
    json_out_object(j);
    json_out_member_u64(j, "seconds_ago", ago_ms / 1000);
    json_out_member_str(j, "story", tale);
    json_out_object_end(j);
}

void p2p_ask_answer_talk(struct p2p_ask_talk *t)
{
    struct writer w;
    char text[CID_TEXT_MAX];
    if (!p2p_ask_begin_json(t->call, &w))
        return;
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    if (t->call->type == NODE_P2P_EXPLAIN) {
        cid_format(text, &t->cid);
        json_out_member_str(&j, "cid", text);
        json_out_member_u64(&j, "connected", t->connected);
        out_notes(&j, t);
        out_providers(&j, t);
        t->of->o.write_chain(t->of->o.ctx, &j, &t->cid);
        out_fetched(&j, t);
    }
    out_targets(&j, t);
    json_out_object_end(&j);
    p2p_ask_end_json(t->call, &w);
}
