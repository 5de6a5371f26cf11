/* Commands of the Kubo RPC about the network. What they ask is known on the loop's thread: they
 * post a question there and wait for its answer. */
#include "base/release.h"
#include "codec/multibase.h"
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/routing.h"
#include "ipfsd/swarm_list.h"
#include "rt/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 50, /* between two looks at what is under way */
    FIND_MS = 60 * 1000,
    PROVIDERS_DEFAULT = 20, /* as Kubo */
    CONNECT_MS = 30 * 1000, /* for a connection, without a timeout of the request */
    ANSWER = 512 << 10,     /* some 1,000 peers with long addresses */
    PROTOCOLS = 32,
    ADDRESSES = 64,
};

/* A question to the loop. It lives as long as one of the two threads knows of it. */
struct ask {
    atomic_uint refs;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool done;
    struct ipfsd *node;
    void (*run)(struct ask *a);
    enum err result;
    struct multiaddr address; /* connect, disconnect */
    struct peer_id peer;
    uint64_t since; /* the number of the newest dial before ours */
    bool begun;
    bool direction;         /* peers: tell it */
    enum routing_kind kind; /* find */
    struct cid cid;
    uint32_t question;
    bool asking;
    char why[KUBO_RPC_WHY_MAX];
    struct writer w;
    struct json_out j;
    uint8_t text[ANSWER];
};

static void ask_drop(struct ask *a)
{
    if (a == NULL || atomic_fetch_sub(&a->refs, 1) != 1)
        return;
    pthread_cond_destroy(&a->news);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

static void ask_end(struct ask **a)
{
    ask_drop(*a);
}

static struct ask *ask_new(struct kubo_call *c)
{
    struct ask *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return NULL;
    atomic_init(&a->refs, 1);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    a->node = c->node;
    a->w = writer_of(a->text, sizeof(a->text));
    a->j = json_out_to(&a->w);
    return a;
}

static void on_loop(void *ctx)
{
    struct ask *a = ctx;
    pthread_mutex_lock(&a->lock);
    if (atomic_load(&a->node->stopping))
        a->result = ERR_CLOSED;
    else
        a->run(a);
    a->done = true;
    pthread_cond_signal(&a->news);
    pthread_mutex_unlock(&a->lock);
    ask_drop(a);
}

/* Waits a little; under the lock. */
static void pause_ms(struct ask *a, uint32_t ms)
{
    uint64_t at = clock_mono_ms() + ms;
    struct timespec until = { .tv_sec = (time_t)(at / 1000),
                              .tv_nsec = (long)(at % 1000) * 1000000 };
    pthread_cond_timedwait(&a->news, &a->lock, &until);
}

/* Runs run(a) on the loop and waits for it. ERR_CLOSED: we stop. */
static enum err ask_run(struct kubo_call *c, struct ask *a, void (*run)(struct ask *a))
{
    if (c->node->p2p == NULL)
        return kubo_call_fail(c, ERR_UNSUPPORTED,
                              "this action must be run in online mode: crust-ipfsd runs without "
                              "--p2p");
    a->run = run;
    a->done = false;
    a->result = OK;
    atomic_fetch_add(&a->refs, 1);
    if (loop_post(c->node->loop, on_loop, a) != OK) {
        ask_drop(a);
        return ERR_BUSY;
    }
    pthread_mutex_lock(&a->lock);
    while (!a->done && kubo_io_alive(c->io) && !atomic_load(&c->node->stopping))
        pause_ms(a, LOOK_MS);
    enum err e = a->done ? a->result : ERR_CLOSED;
    pthread_mutex_unlock(&a->lock);
    return e;
}

static enum err tell(struct kubo_call *c, struct ask *a)
{
    write_u8(&a->w, '\n');
    return a->w.err != OK ? ERR_LIMIT : kubo_io_write(c->io, writer_span(&a->w));
}

static enum err ask_and_tell(struct kubo_call *c, void (*run)(struct ask *a))
{
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    TRY(ask_run(c, a, run));
    return tell(c, a);
}

/* ---- who we are ---- */

static void member_peer(struct json_out *j, const char *name, const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    peer_id_format(text, id);
    json_out_member_str(j, name, text);
}

/* Our addresses as a JSON array. */
static void addresses(struct ask *a, bool with_id)
{
    static const char nowhere[] = "";
    struct swarm *s = p2p_node_swarm(a->node->p2p);
    struct multiaddr *list = calloc(ADDRESSES, sizeof(*list));
    char id[PEER_ID_TEXT_MAX], text[MULTIADDR_TEXT_MAX + PEER_ID_TEXT_MAX + 8];
    peer_id_format(id, swarm_list_self(s));
    json_out_array(&a->j);
    size_t n = list == NULL ? 0 : swarm_addresses(s, list, ADDRESSES, false);
    for (size_t i = 0; i < n; i++) {
        multiaddr_format(text, &list[i]);
        size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s%s", with_id ? "/p2p/" : nowhere,
                       with_id ? id : nowhere);
        json_out_str(&a->j, text);
    }
    json_out_array_end(&a->j);
    free(list);
}

static void run_id(struct ask *a)
{
    const struct swarm *s = p2p_node_swarm(a->node->p2p);
    const char *protocols[PROTOCOLS];
    uint8_t key_bytes[64];
    char text[MULTIBASE_TEXT_MAX(sizeof(key_bytes))];
    struct peer_key key;
    struct writer w = writer_of(key_bytes, sizeof(key_bytes));
    member_peer(&a->j, "ID", swarm_list_self(s));
    enum err e = peer_id_key(&key, swarm_list_self(s));
    ASSERT(e == OK); /* ours is of Ed25519 and stands in the id */
    peer_key_write(&w, &key);
    e = multibase_format_bare(text, sizeof(text), MULTIBASE_64, writer_span(&w));
    ASSERT(e == OK);
    json_out_member_str(&a->j, "PublicKey", text);
    json_out_key(&a->j, "Addresses");
    addresses(a, true);
    json_out_member_str(&a->j, "AgentVersion", "crust/" RELEASE);
    json_out_key(&a->j, "Protocols");
    json_out_array(&a->j);
    size_t n = swarm_list_protocols(s, protocols, PROTOCOLS);
    for (size_t i = 0; i < n; i++)
        json_out_str(&a->j, protocols[i]);
    json_out_array_end(&a->j);
}

static void run_own_id(struct ask *a)
{
    const struct swarm *s = p2p_node_swarm(a->node->p2p);
    if (a->peer.size != 0 && !peer_id_eq(&a->peer, swarm_list_self(s))) {
        a->result = ERR_UNSUPPORTED;
        return;
    }
    json_out_object(&a->j);
    run_id(a);
    json_out_object_end(&a->j);
}

enum err kubo_call_id(struct kubo_call *c)
{
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    if (c->plan->arg_count > 0 && peer_id_parse(&a->peer, span_str(c->plan->args[0])) != OK)
        return kubo_call_fail(c, ERR_FORMAT, "invalid peer id");
    enum err e = ask_run(c, a, run_own_id);
    if (e == ERR_UNSUPPORTED && c->why[0] == '\0')
        return kubo_call_fail(c, e, "this node tells of itself only");
    TRY(e);
    return tell(c, a);
}

static void run_addrs_local(struct ask *a)
{
    json_out_object(&a->j);
    json_out_key(&a->j, "Strings");
    addresses(a, false);
    json_out_object_end(&a->j);
}

enum err kubo_call_swarm_addrs_local(struct kubo_call *c)
{
    return ask_and_tell(c, run_addrs_local);
}

static void run_config(struct ask *a)
{
    char text[96];
    const struct settings *s = &a->node->settings;
    struct blockstore_stat st = { 0 };
    (void)!blockstore_stat(a->node->repo.store, &st);
    json_out_object(&a->j);
    json_out_key(&a->j, "Identity");
    json_out_object(&a->j);
    if (a->node->p2p != NULL)
        member_peer(&a->j, "PeerID", swarm_list_self(p2p_node_swarm(a->node->p2p)));
    json_out_object_end(&a->j);
    json_out_key(&a->j, "Datastore");
    json_out_object(&a->j);
    uint64_t max = st.quota_bytes != 0 ? st.quota_bytes : st.disk_bytes + st.free_bytes;
    (void)snprintf(text, sizeof(text), "%lluB", (unsigned long long)max);
    json_out_member_str(&a->j, "StorageMax", text);
    json_out_object_end(&a->j);
    json_out_key(&a->j, "Addresses");
    json_out_object(&a->j);
    json_out_key(&a->j, "Swarm");
    if (a->node->p2p != NULL) {
        addresses(a, false);
    } else {
        json_out_array(&a->j);
        json_out_array_end(&a->j);
    }
    (void)snprintf(text, sizeof(text), "/ip4/127.0.0.1/tcp/%u", s->kubo_port.port);
    json_out_member_str(&a->j, "API", text);
    json_out_object_end(&a->j);
    json_out_object_end(&a->j);
}

/* Without libp2p there is nothing that the loop alone knows. */
enum err kubo_call_config_show(struct kubo_call *c)
{
    if (c->node->p2p != NULL)
        return ask_and_tell(c, run_config);
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    run_config(a);
    return tell(c, a);
}

/* ---- peers ---- */

static void run_peers(struct ask *a)
{
    const struct swarm *s = p2p_node_swarm(a->node->p2p);
    struct swarm_list_peer p;
    char text[MULTIADDR_TEXT_MAX];
    json_out_object(&a->j);
    json_out_key(&a->j, "Peers");
    json_out_array(&a->j);
    for (uint32_t i = 0; i < swarm_list_size(s); i++) {
        if (!swarm_list_peer(s, i, &p))
            continue;
        multiaddr_format(text, &p.address);
        json_out_object(&a->j);
        json_out_member_str(&a->j, "Addr", text);
        member_peer(&a->j, "Peer", &p.peer);
        if (a->direction)
            json_out_member_u64(&a->j, "Direction", p.inbound ? 1 : 2);
        json_out_object_end(&a->j);
    }
    json_out_array_end(&a->j);
    json_out_object_end(&a->j);
}

enum err kubo_call_swarm_peers(struct kubo_call *c)
{
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    a->direction = kubo_rpc_option(c->plan, KUBO_OPT_DIRECTION, 0) != 0;
    TRY(ask_run(c, a, run_peers));
    return tell(c, a);
}

/* The peer that an address names at its end. */
static enum err peer_of(struct kubo_call *c, struct ask *a, const char *text)
{
    struct reader r;
    struct multiaddr_part part;
    if (multiaddr_parse(&a->address, span_str(text)) != OK)
        return kubo_call_fail(c, ERR_FORMAT, "invalid peer address \"%.100s\"", text);
    r = reader_of(multiaddr_span(&a->address));
    a->peer = (struct peer_id){ 0 };
    while (multiaddr_next(&r, &part)) {
        if (part.code == MULTIADDR_P2P)
            TRY(peer_id_decode(&a->peer, part.value));
    }
    return a->peer.size != 0
               ? OK
               : kubo_call_fail(c, ERR_FORMAT, "\"%.100s\" does not end in /p2p/PEER", text);
}

/* How the last dial of this peer ended, if it has, after ours began. */
static bool dial_failed(struct ask *a, const struct swarm *s)
{
    struct swarm_dial_record *list = calloc(SWARM_DIALS, sizeof(*list));
    size_t n = list == NULL ? 0 : swarm_dials(s, list, SWARM_DIALS);
    bool failed = false;
    if (!a->begun)
        a->since = n == 0 ? 0 : list[0].number;
    for (size_t i = 0; i < n && !failed; i++) {
        const struct swarm_dial_record *d = &list[i];
        failed = d->number > a->since && d->over && d->why != OK && peer_id_eq(&d->peer, &a->peer);
        if (failed)
            (void)snprintf(a->why, sizeof(a->why), "%s", swarm_dial_reason(d));
    }
    free(list);
    return failed;
}

/* OK: connected. ERR_BUSY: under way. */
static void run_connect(struct ask *a)
{
    struct swarm *s = p2p_node_swarm(a->node->p2p);
    uint32_t connection;
    uint64_t retry;
    a->result = OK;
    if (swarm_find(s, &a->peer) != GATE_NONE)
        return;
    if (dial_failed(a, s)) {
        a->result = ERR_CLOSED;
        return;
    }
    a->begun = true;
    enum err e = swarm_dial(s, &a->address, &connection, &retry);
    a->result = e == OK || e == ERR_EXISTS ? ERR_BUSY : e;
    if (a->result != ERR_BUSY)
        (void)snprintf(a->why, sizeof(a->why), "%s",
                       e == ERR_DENIED        ? "a rule, or an address that is not global: see "
                                                "allow-private-origins"
                       : e == ERR_UNSUPPORTED ? "only /ip4 and /ip6 with /tcp are dialled"
                                              : err_text(e));
}

static enum err strings(struct kubo_call *c, const struct ask *a, const char *what, bool first,
                        bool last)
{
    struct kubo_text t;
    char id[PEER_ID_TEXT_MAX], text[PEER_ID_TEXT_MAX + 32];
    peer_id_format(id, &a->peer);
    (void)snprintf(text, sizeof(text), "%s %s success", what, id);
    kubo_text_init(&t, c);
    if (first) {
        json_out_object(&t.j);
        json_out_key(&t.j, "Strings");
        json_out_array(&t.j);
    }
    t.j.comma = !first;
    json_out_str(&t.j, text);
    if (!last)
        return kubo_text_flush(&t);
    json_out_array_end(&t.j);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

static enum err connect_one(struct kubo_call *c, struct ask *a)
{
    char id[PEER_ID_TEXT_MAX];
    uint64_t give_up = clock_deadline(CONNECT_MS);
    a->begun = false;
    for (;;) {
        enum err e = ask_run(c, a, run_connect);
        if (e != ERR_BUSY) {
            if (e == OK || a->why[0] == '\0')
                return e;
            peer_id_format(id, &a->peer);
            return kubo_call_fail(c, e, "connect %.60s failure: %.100s", id, a->why);
        }
        bool late =
            c->deadline_ms != 0 ? clock_left(c->deadline_ms) == 0 : clock_left(give_up) == 0;
        if (late)
            return ERR_TIMEOUT;
        pthread_mutex_lock(&a->lock);
        pause_ms(a, LOOK_MS);
        pthread_mutex_unlock(&a->lock);
    }
}

static void run_disconnect(struct ask *a)
{
    struct swarm *s = p2p_node_swarm(a->node->p2p);
    uint32_t connection = swarm_find(s, &a->peer);
    if (connection == GATE_NONE)
        a->result = ERR_NOT_FOUND;
    else
        swarm_drop(s, connection, ERR_CLOSED);
}

static enum err disconnect_one(struct kubo_call *c, struct ask *a)
{
    char id[PEER_ID_TEXT_MAX];
    enum err e = ask_run(c, a, run_disconnect);
    peer_id_format(id, &a->peer);
    return e == ERR_NOT_FOUND ? kubo_call_fail(c, e, "disconnect %.60s failure: not connected", id)
                              : e;
}

static enum err each_peer(struct kubo_call *c, const char *what,
                          enum err (*one)(struct kubo_call *c, struct ask *a))
{
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        TRY(peer_of(c, a, c->plan->args[i]));
        TRY(one(c, a));
        TRY(strings(c, a, what, i == 0, i + 1 == c->plan->arg_count));
    }
    return OK;
}

enum err kubo_call_swarm_connect(struct kubo_call *c)
{
    return each_peer(c, "connect", connect_one);
}

enum err kubo_call_swarm_disconnect(struct kubo_call *c)
{
    return each_peer(c, "disconnect", disconnect_one);
}

/* ---- who has a content, where a peer is ---- */

enum { EVENT_PEER = 2, EVENT_PROVIDER = 4 }; /* go-libp2p's routing.QueryEventType */

static void on_provider(void *ctx, const struct routing_provider *p)
{
    struct ask *a = ctx;
    char text[MULTIADDR_TEXT_MAX];
    pthread_mutex_lock(&a->lock);
    size_t before = a->w.len;
    a->j.comma = false;
    json_out_object(&a->j);
    json_out_member_str(&a->j, "Extra", "");
    json_out_member_str(&a->j, "ID", "");
    json_out_key(&a->j, "Responses");
    json_out_array(&a->j);
    json_out_object(&a->j);
    member_peer(&a->j, "ID", &p->peer);
    json_out_key(&a->j, "Addrs");
    json_out_array(&a->j);
    for (size_t i = 0; i < p->addr_count; i++) {
        multiaddr_format(text, &p->addrs[i]);
        json_out_str(&a->j, text);
    }
    json_out_array_end(&a->j);
    json_out_object_end(&a->j);
    json_out_array_end(&a->j);
    json_out_member_u64(&a->j, "Type", a->kind == ROUTING_PEER ? EVENT_PEER : EVENT_PROVIDER);
    json_out_object_end(&a->j);
    write_u8(&a->w, '\n');
    if (a->w.err != OK) { /* nobody reads that fast: it is left out */
        a->w.err = OK;
        a->w.len = before;
    }
    pthread_cond_signal(&a->news);
    pthread_mutex_unlock(&a->lock);
}

static void on_over(void *ctx)
{
    struct ask *a = ctx;
    pthread_mutex_lock(&a->lock);
    a->asking = false;
    pthread_cond_signal(&a->news);
    pthread_mutex_unlock(&a->lock);
    ask_drop(a);
}

static void run_find(struct ask *a)
{
    const struct routing_question q = { .kind = a->kind,
                                        .cid = a->cid,
                                        .peer = a->peer,
                                        .ctx = a,
                                        .found = on_provider,
                                        .over = on_over };
    a->result = routing_begin(p2p_node_routing(a->node->p2p), &a->question, &q);
    a->asking = a->result == OK;
    if (a->asking)
        atomic_fetch_add(&a->refs, 1); /* the question's */
}

static void run_end_find(struct ask *a)
{
    if (!a->asking)
        return;
    routing_end(p2p_node_routing(a->node->p2p), a->question);
    a->asking = false;
    atomic_fetch_sub(&a->refs, 1); /* the one of this run is still there */
}

/* Passes on what has come; counts the lines. */
static enum err take_lines(struct kubo_call *c, struct ask *a, uint64_t *left, bool *asking)
{
    uint8_t *copy = NULL;
    size_t n = 0;
    pthread_mutex_lock(&a->lock);
    if (a->w.len == 0 && a->asking)
        pause_ms(a, LOOK_MS);
    *asking = a->asking;
    for (; n<a->w.len && * left> 0; n++)
        *left -= a->text[n] == '\n';
    if (n > 0 && (copy = malloc(n)) != NULL) {
        memcpy(copy, a->text, n);
        memmove(a->text, a->text + n, a->w.len - n);
        a->w.len -= n;
    }
    pthread_mutex_unlock(&a->lock);
    if (copy == NULL)
        return n == 0 ? OK : ERR_MEMORY;
    enum err e = kubo_io_write(c->io, span_of(copy, n));
    free(copy);
    kubo_io_push(c->io);
    return e;
}

/* Asks all, and tells until `left` have been named, all are through, or the time is over. */
static enum err find(struct kubo_call *c, struct ask *a, uint64_t left)
{
    bool asking = true;
    uint64_t give_up = c->deadline_ms != 0 ? c->deadline_ms : clock_deadline(FIND_MS);
    TRY(ask_run(c, a, run_find));
    enum err e = OK;
    while (e == OK && left > 0 && asking) {
        e = take_lines(c, a, &left, &asking);
        if (e == OK && (!kubo_io_alive(c->io) || atomic_load(&c->node->stopping)))
            e = ERR_CLOSED;
        if (e == OK && clock_left(give_up) == 0)
            break;
    }
    enum err ended = ask_run(c, a, run_end_find);
    return e == OK && ended == ERR_CLOSED ? ended : e;
}

enum err kubo_call_findprovs(struct kubo_call *c)
{
    uint64_t count = kubo_rpc_option(c->plan, KUBO_OPT_NUM_PROVIDERS, PROVIDERS_DEFAULT);
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    a->kind = ROUTING_PROVIDERS;
    if (count == 0)
        return kubo_call_fail(c, ERR_RANGE, "number of providers must be greater than 0");
    TRY(kubo_call_resolve(c, &a->cid, c->plan->args[0]));
    return find(c, a, count);
}

enum err kubo_call_findpeer(struct kubo_call *c)
{
    AUTO(ask_end) struct ask *a = ask_new(c);
    if (a == NULL)
        return ERR_MEMORY;
    a->kind = ROUTING_PEER;
    if (peer_id_parse(&a->peer, span_str(c->plan->args[0])) != OK)
        return kubo_call_fail(c, ERR_FORMAT, "invalid peer id");
    return find(c, a, 1);
}
