#include "ipfsd/p2p_ask.h"
#include "ipfsd/p2p_ask_talk.h"

#include "codec/json_out.h"
#include "codec/node_p2p.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 512 };

/* ---- life of a question ---------------------------------------------------------------------- */

static struct p2p_ask_talk *talk_new(struct p2p_ask *a, struct call *c, uint64_t ms)
{
    for (size_t i = 0; i < P2P_ASK_TALKS; i++) {
        struct p2p_ask_talk *t = &a->talks[i];
        if (t->call != NULL || t->resolving != 0)
            continue;
        memset(t, 0, sizeof(*t));
        t->of = a;
        t->call = c;
        t->pinged = GATE_NONE;
        t->deadline_ms = p2p_ask_now(a) + ms;
        return t;
    }
    (void)!call_fail(c, ERR_BUSY, NULL, "too many such questions are under way");
    return NULL;
}

static void talk_end(struct p2p_ask_talk *t)
{
    struct call *c = t->call;
    if (t->asking)
        routing_end(t->of->o.routing, t->question);
    t->asking = false;
    t->call = NULL;
    call_finish(c);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void target_over(struct p2p_ask_target *d, bool good, const char *reason)
{
    struct p2p_ask *a = d->talk->of;
    d->state = P2P_ASK_OVER;
    d->good = good;
    d->took_ms = (uint32_t)(p2p_ask_now(a) - d->begun_ms);
    (void)snprintf(d->reason, sizeof(d->reason), "%s", reason);
}

static void add_target(struct p2p_ask_talk *t, const struct multiaddr *a,
                       const struct peer_id *peer, bool named)
{
    for (size_t i = 0; i < t->target_count; i++)
        if (multiaddr_eq(&t->targets[i].address, a))
            return;
    if (t->target_count == P2P_ASK_TARGETS)
        return;
    t->targets[t->target_count++] = (struct p2p_ask_target){ .talk = t,
                                                             .address = *a,
                                                             .peer = *peer,
                                                             .named = named,
                                                             .connection = GATE_NONE,
                                                             .begun_ms = p2p_ask_now(t->of) };
}

static void on_resolved(void *ctx, const struct resolved *found)
{
    struct p2p_ask_target *d = ctx;
    struct p2p_ask_talk *t = d->talk;
    char words[P2P_ASK_REASON_MAX];
    t->resolving--;
    if (t->call == NULL)
        return; /* it has been answered meanwhile */
    (void)snprintf(words, sizeof(words), "its name stands for %zu addresses", found->count);
    target_over(d, false,
                found->count != 0               ? words
                : found->err == ERR_UNSUPPORTED ? "not an address for TCP"
                : found->err == ERR_NOT_FOUND   ? "the DNS does not know this name"
                                                : "the DNS does not answer");
    for (size_t i = 0; i < found->count; i++)
        add_target(t, &found->list[i], &d->peer, true);
}

/* What the swarm remembers of the last dial to the same place; NULL: nothing. */
static const char *last_reason(const struct p2p_ask_target *d)
{
    static struct swarm_dial_record list[SWARM_DIALS]; /* the loop's only */
    struct multiaddr_tcp t;
    size_t n = swarm_dials(d->talk->of->o.swarm, list, SWARM_DIALS);
    if (multiaddr_tcp_of(&t, &d->address) != OK)
        return NULL;
    struct multiaddr at = multiaddr_of_ip(span_of(t.ip, t.host == MULTIADDR_IP4 ? 4 : 16), t.port);
    for (size_t i = 0; i < n; i++)
        if (multiaddr_eq(&list[i].address, &at) && list[i].over && list[i].why != OK)
            return swarm_dial_reason(&list[i]);
    return NULL;
}

static bool is_number(const struct multiaddr *a)
{
    struct multiaddr_tcp t;
    return multiaddr_tcp_of(&t, a) == OK && (t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6);
}

/* The address with the name of the peer that must answer there. */
static struct multiaddr with_peer(const struct p2p_ask_target *d)
{
    struct multiaddr_tcp t;
    struct multiaddr a = d->address;
    if (d->peer.size != 0 && multiaddr_tcp_of(&t, &a) == OK && t.peer.size == 0)
        (void)!multiaddr_add(&a, MULTIADDR_P2P, peer_id_span(&d->peer));
    return a;
}

static void dial(struct p2p_ask_target *d)
{
    struct p2p_ask *a = d->talk->of;
    uint64_t retry, now = p2p_ask_now(a);
    char words[P2P_ASK_REASON_MAX];
    const struct multiaddr to = with_peer(d);
    enum err e = swarm_dial(a->o.swarm, &to, &d->connection, &retry);
    if (e == OK || e == ERR_EXISTS) {
        d->state = P2P_ASK_DIALLED;
    } else if (e == ERR_BUSY && retry < d->talk->deadline_ms && last_reason(d) == NULL) {
        return; /* dials are spaced: in a moment */
    } else if (e == ERR_BUSY) {
        const char *last = last_reason(d);
        (void)snprintf(words, sizeof(words), "%s; it is not dialled again for %llu s",
                       last == NULL ? "it failed lately" : last,
                       (unsigned long long)((retry - now) / 1000 + 1));
        target_over(d, false, words);
    } else if (e == ERR_DENIED) {
        target_over(d, false, "not dialled: no global address, or refused by a rule");
    } else {
        target_over(d, false, e == ERR_UNSUPPORTED ? "not an address for TCP" : err_text(e));
    }
}

static void target_step(struct p2p_ask_target *d)
{
    struct p2p_ask *a = d->talk->of;
    if (d->state == P2P_ASK_DIALLED && swarm_conn(a->o.swarm, d->connection) != NULL)
        target_over(d, true, "connected");
    if (d->state != P2P_ASK_WAITS)
        return;
    if (d->peer.size != 0 && swarm_find(a->o.swarm, &d->peer) != GATE_NONE) {
        target_over(d, true, "connected with this peer");
    } else if (is_number(&d->address)) {
        dial(d);
    } else if (resolve_start(a->o.resolver, &d->address, on_resolved, d) == OK) {
        d->state = P2P_ASK_RESOLVES;
        d->talk->resolving++;
    }
}

/* ---- questions to routing ---------------------------------------------------------------------
 */

static void on_note(void *ctx, const struct routing_note *n)
{
    struct p2p_ask_talk *t = ctx;
    if (t->note_count == P2P_ASK_NOTES) {
        t->notes_more++;
        return;
    }
    struct p2p_ask_note *note = &t->notes[t->note_count++];
    *note = (struct p2p_ask_note){
        .result = n->result, .providers = n->providers, .closer = n->closer, .took_ms = n->took_ms
    };
    (void)snprintf(note->source, sizeof(note->source), "%s", n->source);
    (void)snprintf(note->who, sizeof(note->who), "%s", n->who);
    (void)snprintf(note->where, sizeof(note->where), "%s", n->where);
}

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct p2p_ask_talk *t = ctx;
    if (peer_id_eq(&p->peer, &t->of->o.self))
        return;
    for (size_t i = 0; i < p->addr_count; i++)
        add_target(t, &p->addrs[i], &p->peer, false);
    for (size_t i = 0; i < t->provider_count; i++)
        if (peer_id_eq(&t->providers[i].peer, &p->peer))
            return;
    if (t->provider_count == P2P_ASK_PROVIDERS) {
        t->providers_more++;
        return;
    }
    struct p2p_ask_provider *out = &t->providers[t->provider_count++];
    *out = (struct p2p_ask_provider){ .peer = p->peer, .addr_count = p->addr_count };
    (void)snprintf(out->source, sizeof(out->source), "%s", p->source);
}

static void on_over(void *ctx)
{
    ((struct p2p_ask_talk *)ctx)->asking = false;
}

static void ask_routing(struct p2p_ask_talk *t, enum routing_kind kind)
{
    const struct routing_question q = { .kind = kind,
                                        .cid = t->cid,
                                        .peer = t->peer,
                                        .ctx = t,
                                        .found = on_found,
                                        .note = on_note,
                                        .over = on_over };
    struct routing *r = t->of->o.routing;
    t->asking = r != NULL && routing_begin(r, &t->question, &q) == OK;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static bool any_good(const struct p2p_ask_talk *t)
{
    for (size_t i = 0; i < t->target_count; i++)
        if (t->targets[i].good)
            return true;
    return false;
}

/* In words, for who wanted to connect. */
static void explain_failure(struct p2p_ask_talk *t)
{
    char text[TEXT_MAX] = "";
    size_t n = 0;
    for (size_t i = 0; i < t->target_count && n < sizeof(text) - 1; i++) {
        char address[MULTIADDR_TEXT_MAX];
        const struct p2p_ask_target *d = &t->targets[i];
        multiaddr_format(address, &d->address);
        int got = snprintf(text + n, sizeof(text) - n, "%s%s: %s", n == 0 ? "" : "; ", address,
                           d->state == P2P_ASK_OVER ? d->reason : "no answer yet");
        n += got > 0 ? (size_t)got : 0;
    }
    (void)!call_fail(t->call, ERR_NOT_FOUND, NULL, "%s",
                     t->target_count == 0 ? "nobody knows an address of this peer" : text);
}

static void talk_step(struct p2p_ask_talk *t)
{
    bool open = t->asking || t->resolving != 0;
    bool late = p2p_ask_now(t->of) >= t->deadline_ms || call_gone(t->call);
    if (t->call->type == NODE_P2P_PING) {
        if (late) {
            (void)!call_fail(t->call, ERR_TIMEOUT, NULL, "the peer does not answer");
            talk_end(t);
        }
        return;
    }
    for (size_t i = 0; i < t->target_count; i++) {
        target_step(&t->targets[i]);
        open = open || t->targets[i].state != P2P_ASK_OVER;
    }
    bool connects = t->call->type == NODE_P2P_CONNECT;
    if (open && !late && !(connects && any_good(t)))
        return;
    if (connects && !any_good(t))
        explain_failure(t);
    else
        p2p_ask_answer_talk(t);
    talk_end(t);
}

static void on_timer(void *ctx)
{
    struct p2p_ask *a = ctx;
    for (size_t i = 0; i < P2P_ASK_TALKS; i++)
        if (a->talks[i].call != NULL)
            talk_step(&a->talks[i]);
}

/* ---- the questions --------------------------------------------------------------------------- */

static enum err text_of(char out[TEXT_MAX], const struct call *c)
{
    struct node_bytes m;
    TRY(node_msg_decode_bytes(&m, c->body));
    if (m.bytes.n == 0 || m.bytes.n >= TEXT_MAX || !cbor_text_valid(m.bytes) ||
        memchr(m.bytes.p, '\0', m.bytes.n) != NULL)
        return ERR_FORMAT;
    memcpy(out, m.bytes.p, m.bytes.n);
    out[m.bytes.n] = '\0';
    return OK;
}

/* An address, or a peer whose address others may know. */
static struct p2p_ask_talk *start_connect(struct p2p_ask *a, struct call *c, const char *text)
{
    struct multiaddr address;
    struct peer_id peer = { 0 };
    bool is_id = peer_id_parse(&peer, span_str(text)) == OK;
    if (!is_id && multiaddr_parse(&address, span_str(text)) != OK) {
        (void)!call_fail(c, ERR_FORMAT, NULL, "\"%.100s\" is no address and no peer id", text);
        return NULL;
    }
    struct p2p_ask_talk *t = talk_new(a, c, P2P_ASK_CONNECT_MS);
    if (t == NULL)
        return NULL;
    if (!is_id) {
        add_target(t, &address, &peer, false);
        return t;
    }
    t->peer = peer;
    if (swarm_find(a->o.swarm, &peer) == GATE_NONE) {
        ask_routing(t, ROUTING_PEER);
        return t;
    }
    if (swarm_remote(a->o.swarm, swarm_find(a->o.swarm, &peer), &address) == OK)
        add_target(t, &address, &peer, false);
    return t;
}

static struct p2p_ask_talk *start_ping(struct p2p_ask *a, struct call *c, const char *text)
{
    struct peer_id peer;
    if (peer_id_parse(&peer, span_str(text)) != OK) {
        (void)!call_fail(c, ERR_FORMAT, NULL, "\"%.100s\" is no peer id", text);
        return NULL;
    }
    uint32_t connection = swarm_find(a->o.swarm, &peer);
    if (connection == GATE_NONE) {
        (void)!call_fail(c, ERR_NOT_FOUND, "crust swarm connect ADDRESS",
                         "this node is not connected with that peer");
        return NULL;
    }
    struct p2p_ask_talk *t = talk_new(a, c, P2P_ASK_PING_MS);
    enum err e = t == NULL ? OK : swarm_ping(a->o.swarm, connection);
    if (t == NULL)
        return NULL;
    t->pinged = connection;
    if (e == OK)
        return t;
    t->call = NULL;
    (void)!call_fail(c, e, NULL, "no ping can be sent now: %s", err_text(e));
    return NULL;
}

static struct p2p_ask_talk *start_explain(struct p2p_ask *a, struct call *c, const char *text)
{
    struct cid cid;
    if (cid_parse(&cid, span_str(text)) != OK) {
        (void)!call_fail(c, ERR_FORMAT, NULL, "\"%.100s\" is no CID", text);
        return NULL;
    }
    struct p2p_ask_talk *t = talk_new(a, c, P2P_ASK_EXPLAIN_MS);
    struct swarm_figures f;
    if (t == NULL)
        return NULL;
    t->cid = cid;
    swarm_figures(a->o.swarm, &f);
    t->connected = f.ready;
    ask_routing(t, ROUTING_PROVIDERS);
    return t;
}

void p2p_ask_start(struct p2p_ask *a, struct call *c)
{
    char text[TEXT_MAX];
    struct p2p_ask_talk *t = NULL;
    bool plain = c->type == NODE_P2P_ID || c->type == NODE_P2P_PEERS || c->type == NODE_P2P_DHT;
    enum err e = plain ? node_msg_decode_none(c->body) : text_of(text, c);
    if (a->stopped)
        e = ERR_CLOSED;
    if (e != OK)
        c->result = e;
    else if (c->type == NODE_P2P_ID)
        p2p_ask_answer_id(a, c);
    else if (c->type == NODE_P2P_PEERS)
        p2p_ask_answer_peers(a, c);
    else if (c->type == NODE_P2P_DHT)
        p2p_ask_answer_dht(a, c);
    else if (c->type == NODE_P2P_CONNECT)
        t = start_connect(a, c, text);
    else if (c->type == NODE_P2P_PING)
        t = start_ping(a, c, text);
    else
        t = start_explain(a, c, text);
    if (t == NULL)
        call_finish(c);
}

/* ---- from the swarm -------------------------------------------------------------------------- */

void p2p_ask_agent(char out[P2P_ASK_AGENT_MAX], struct span text)
{
    size_t n = text.n < P2P_ASK_AGENT_MAX - 1 ? text.n : P2P_ASK_AGENT_MAX - 1;
    for (size_t i = 0; i < n; i++) {
        uint8_t b = text.p[i];
        out[i] = b > ' ' && b <= '~' && b != '"' && b != '\\' ? (char)b : '_';
    }
    out[n] = '\0';
}

void p2p_ask_tales(struct p2p_ask *a, struct fetch_tales *t)
{
    a->tales = t;
}

void p2p_ask_peer(struct p2p_ask *a, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    if (a != NULL)
        a->about[connection] = (struct p2p_ask_about){
            .used = true, .inbound = inbound, .peer = *peer, .since_ms = p2p_ask_now(a)
        };
}

void p2p_ask_identity(struct p2p_ask *a, uint32_t connection, const struct identify *id)
{
    if (a != NULL)
        p2p_ask_agent(a->about[connection].agent, id->agent_version);
}

void p2p_ask_gone(struct p2p_ask *a, uint32_t connection)
{
    if (a == NULL)
        return;
    a->about[connection].used = false;
    for (size_t i = 0; i < P2P_ASK_TALKS; i++) {
        struct p2p_ask_talk *t = &a->talks[i];
        for (size_t k = 0; t->call != NULL && k < t->target_count; k++) {
            struct p2p_ask_target *d = &t->targets[k];
            if (d->state != P2P_ASK_DIALLED || d->connection != connection)
                continue;
            const char *why = last_reason(d);
            target_over(d, false, why == NULL ? "the connection ended" : why);
        }
    }
}

void p2p_ask_pong(struct p2p_ask *a, uint32_t connection, uint32_t took_us)
{
    for (size_t i = 0; a != NULL && i < P2P_ASK_TALKS; i++) {
        struct p2p_ask_talk *t = &a->talks[i];
        struct writer w;
        if (t->call == NULL || t->call->type != NODE_P2P_PING || t->pinged != connection)
            continue;
        if (p2p_ask_begin_json(t->call, &w)) {
            struct json_out j = json_out_to(&w);
            json_out_object(&j);
            json_out_member_u64(&j, "us", took_us);
            json_out_object_end(&j);
            p2p_ask_end_json(t->call, &w);
        }
        talk_end(t);
        return;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

enum err p2p_ask_open(struct p2p_ask **out, const struct p2p_ask_options *o)
{
    struct p2p_ask *a = calloc(1, sizeof(*a));
    *out = NULL;
    if (a == NULL)
        return ERR_MEMORY;
    a->o = *o;
    a->about = calloc(o->connections, sizeof(*a->about));
    a->timer = loop_timer_new(o->loop, on_timer, a);
    if (a->about == NULL || a->timer == NULL) {
        p2p_ask_close(a);
        return ERR_MEMORY;
    }
    loop_timer_start(a->timer, P2P_ASK_TICK_MS, P2P_ASK_TICK_MS);
    *out = a;
    return OK;
}

void p2p_ask_stop(struct p2p_ask *a)
{
    if (a == NULL || a->stopped)
        return;
    a->stopped = true;
    for (size_t i = 0; i < P2P_ASK_TALKS; i++) {
        struct p2p_ask_talk *t = &a->talks[i];
        if (t->call == NULL)
            continue;
        t->call->result = ERR_CLOSED;
        talk_end(t);
    }
}

void p2p_ask_close(struct p2p_ask *a)
{
    if (a == NULL)
        return;
    p2p_ask_stop(a);
    loop_timer_free(a->timer);
    free(a->about);
    free(a);
}
