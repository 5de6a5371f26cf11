/* Nodes on one loop over loopback, of which some ask and some dial back; and servers that lie. What
 * only addresses of the world show is in tests/e2e/p2p_wan. */
#include "ipfsd/autonat_node.h"

#include "base/check.h"
#include "codec/varint_frame.h"
#include "ipfsd/autonat_impl.h"
#include "rt/clock.h"

enum { NODES = 3, PATIENCE_MS = 60000, LIE_MAX = 64 };

struct member {
    struct ed25519_key identity;
    struct peer_id id;
    struct swarm *swarm;
    struct autonat_node *node; /* NULL: one that lies */
    struct multiaddr address;
    size_t asks_for; /* addresses to ask for */
    struct multiaddr list[REACH_ADDRESSES];
    uint8_t lie[LIE_MAX]; /* what it answers, with its length; none: it resets */
    size_t lie_size;
    uint32_t asked, ready, gone;
    uint32_t changes;
    enum reach_verdict all;
};

static struct loop *loop;
static struct member members[NODES];

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    struct member *m = ctx;
    (void)inbound;
    m->ready++;
    autonat_node_peer(m->node, connection, peer);
}

static void on_identity(void *ctx, uint32_t connection, const struct identify *id)
{
    const struct member *m = ctx;
    autonat_node_identity(m->node, connection, id);
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    struct member *m = ctx;
    (void)why;
    m->gone++;
    autonat_node_gone(m->node, connection);
}

static void on_back(void *ctx, uint32_t connection, enum err why)
{
    const struct member *m = ctx;
    autonat_node_back(m->node, connection, why);
}

static void on_changed(void *ctx, enum reach_verdict all)
{
    struct member *m = ctx;
    m->changes++;
    m->all = all;
}

static size_t addresses(void *ctx, struct multiaddr *out, size_t max)
{
    const struct member *m = ctx;
    CHECK(m->asks_for <= max);
    memcpy(out, m->list, m->asks_for * sizeof(*out));
    return m->asks_for;
}

static void lie(void *ctx, uint32_t connection, const struct conn_event *ev)
{
    struct member *m = ctx;
    size_t taken = 0;
    struct conn *c = swarm_conn(m->swarm, connection);
    if (c == NULL || (ev->what & YAMUX_RESET) != 0 || conn_peek(c, ev->stream).n == 0)
        return;
    conn_drop(c, ev->stream, conn_peek(c, ev->stream).n);
    m->asked++;
    if (m->lie_size != 0)
        CHECK_OK(
            swarm_write(m->swarm, connection, ev->stream, span_of(m->lie, m->lie_size), &taken));
    swarm_end(m->swarm, connection, ev->stream, m->lie_size != 0);
}

/* ip: the last byte of 127.0.0.x where it listens. */
static void start(size_t i, uint8_t ip, bool liar)
{
    struct member *m = &members[i];
    const uint8_t seed[32] = { (uint8_t)(i + 1), 77 }, at[4] = { 127, 0, 0, ip };
    size_t protocols[AUTONAT_NODE_PROTOCOLS] = { 0, 1 };
    ed25519_keypair(&m->identity, seed);
    struct peer_key key = peer_key_of(&m->identity);
    m->id = peer_id_of(&key);
    struct swarm_options o = { .identity = &m->identity,
                               .listen = { multiaddr_of_ip(span_of(at, 4), 0) },
                               .listen_count = 1,
                               .limits = gate_defaults(),
                               .buffers = 24,
                               .chunks = 512,
                               .streams = 256,
                               .noise = true,
                               .early_muxer = true,
                               .allow_private = true,
                               .agent = "crust-test",
                               .on_peer = on_peer,
                               .on_identity = on_identity,
                               .on_gone = on_gone,
                               .on_back = on_back,
                               .ctx = m };
    const struct autonat_node_options a = { .loop = loop,
                                            .connections = o.limits.connections,
                                            .allow_private = true,
                                            .addresses = addresses,
                                            .changed = on_changed,
                                            .ctx = m };
    if (liar) {
        o.protocols[0] = (struct swarm_protocol){ AUTONAT_REQUEST_ID, lie, m };
        o.protocol_count = 1;
    } else {
        CHECK_OK(autonat_node_open(&m->node, &a));
        for (size_t k = 0; k < AUTONAT_NODE_PROTOCOLS; k++)
            o.protocols[k] = autonat_node_protocol(m->node, k);
        o.protocol_count = AUTONAT_NODE_PROTOCOLS;
    }
    CHECK_OK(swarm_open(&m->swarm, loop, &o));
    if (m->node != NULL)
        autonat_node_attach(m->node, m->swarm, protocols);
    CHECK_OK(swarm_address(m->swarm, 0, &m->address));
}

static void begin(void)
{
    memset(members, 0, sizeof(members));
    CHECK_OK(loop_new(&loop, 0));
}

static void end(void)
{
    for (size_t i = 0; i < NODES; i++) {
        autonat_node_stop(members[i].node);
        swarm_close(members[i].swarm);
        autonat_node_close(members[i].node);
    }
    loop_free(loop);
}

static bool run_until(bool (*condition)(void))
{
    uint64_t by = clock_mono_ms() + PATIENCE_MS;
    while (!condition()) {
        if (clock_mono_ms() >= by)
            return false;
        loop_run_once(loop, 10);
    }
    return true;
}

/* Member i asks for its own port at 127.0.0.ip. */
static void ask_for(size_t i, uint8_t ip, uint16_t port)
{
    struct member *m = &members[i];
    const uint8_t at[4] = { 127, 0, 0, ip };
    m->list[m->asks_for++] = multiaddr_of_ip(span_of(at, 4), port);
}

static uint16_t port_of(size_t i)
{
    struct multiaddr_tcp t;
    CHECK_OK(multiaddr_tcp_of(&t, &members[i].address));
    return t.port;
}

static void connect_with(size_t from, size_t to)
{
    uint32_t connection;
    uint64_t retry;
    CHECK_OK(swarm_dial(members[from].swarm, &members[to].address, &connection, &retry));
}

static const struct reach_address *known(size_t address)
{
    return &members[1].node->reach.list[address];
}

static bool has_an_outcome(void)
{
    return members[1].node->reach.count == 1 && known(0)->count == 1;
}

static void an_address_is_dialled_back(void **state)
{
    (void)state;
    begin();
    start(0, 1, false);
    start(1, 1, false);
    ask_for(1, 1, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(has_an_outcome));
    CHECK(known(0)->outcomes[0].good && peer_id_eq(&known(0)->outcomes[0].who, &members[0].id));
    /* One network is not enough for a verdict. */
    CHECK(members[1].changes == 0 && !autonat_node_may_tell(members[1].node, &members[1].list[0]));
    /* The one that dials back is another, whom nobody asks anything. */
    CHECK(members[0].ready == 1 && swarm_find(members[0].swarm, &members[1].id) != GATE_NONE);
    end();
}

static void another_ip_address_is_paid_for(void **state)
{
    (void)state;
    begin();
    start(0, 1, false);
    start(1, 2, false); /* it dials from 127.0.0.1 */
    ask_for(1, 2, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(has_an_outcome));
    CHECK(known(0)->outcomes[0].good);
    struct swarm_figures f;
    swarm_figures(members[1].swarm, &f);
    CHECK(f.bytes_out > AUTONAT_SERVE_PAY_MIN);
    end();
}

static void a_closed_port_is_none(void **state)
{
    (void)state;
    begin();
    start(0, 1, false);
    start(1, 1, false);
    ask_for(1, 1, 1); /* nobody listens at tcpmux */
    connect_with(1, 0);
    CHECK(run_until(has_an_outcome));
    CHECK(!known(0)->outcomes[0].good);
    struct swarm_figures f;
    swarm_figures(members[0].swarm, &f);
    CHECK(f.dials_failed == 0); /* it was not our own */
    end();
}

/* Somebody else's port: the peer there is not the one that asked. */
static void another_peer_is_not_taken_for_the_asker(void **state)
{
    (void)state;
    begin();
    start(0, 1, false);
    start(1, 1, false);
    start(2, 1, false);
    ask_for(1, 1, port_of(2));
    connect_with(1, 0);
    CHECK(run_until(has_an_outcome));
    CHECK(!known(0)->outcomes[0].good);
    CHECK(members[2].ready == 0);
    end();
}

static bool question_is_over(void)
{
    const struct member *m = &members[1];
    uint32_t open = 0;
    for (size_t i = 0; i < AUTONAT_NODE_ASKS; i++)
        open += m->node->asks[i].used;
    return members[0].asked != 0 && open == 0;
}

static void say(struct member *m, const struct autonat_message *answer)
{
    uint8_t buf[VARINT_FRAME_HEAD_MAX + LIE_MAX];
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, LIE_MAX);
    autonat_write(&w, answer);
    CHECK_OK(w.err);
    struct span frame = varint_frame_close(buf, w.len);
    memcpy(m->lie, frame.p, frame.n);
    m->lie_size = frame.n;
}

static void a_yes_without_the_nonce_tells_nothing(void **state)
{
    (void)state;
    const struct autonat_message yes = { .kind = AUTONAT_RESPONSE,
                                         .status = AUTONAT_DONE,
                                         .dial = AUTONAT_REACHED };
    begin();
    start(0, 1, true);
    start(1, 1, false);
    say(&members[0], &yes);
    ask_for(1, 1, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(question_is_over));
    CHECK(known(0)->count == 0 && known(0)->asking == 0);
    end();
}

static void a_server_that_resets_tells_nothing(void **state)
{
    (void)state;
    begin();
    start(0, 1, true);
    start(1, 1, false);
    ask_for(1, 1, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(question_is_over));
    CHECK(known(0)->count == 0 && members[0].asked == 1);
    end();
}

static bool is_asked(void)
{
    return members[0].asked != 0;
}

static bool has_gone(void)
{
    return members[1].gone != 0;
}

/* The asker goes while its address is being dialled: nothing is left of it. */
static bool serves_somebody(void)
{
    for (size_t i = 0; i < AUTONAT_NODE_SERVES; i++)
        if (members[0].node->serves[i].used)
            return true;
    return false;
}

static bool serves_nobody(void)
{
    return !serves_somebody();
}

static void an_asker_that_goes_leaves_nothing(void **state)
{
    (void)state;
    begin();
    start(0, 1, false);
    start(1, 2, false);
    ask_for(1, 2, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(serves_somebody));
    swarm_drop(members[1].swarm, swarm_find(members[1].swarm, &members[0].id), ERR_CLOSED);
    CHECK(run_until(has_gone));
    CHECK(run_until(serves_nobody));
    CHECK(known(0)->count == 0);
    end();
}

static void a_server_may_be_closed_at_any_time(void **state)
{
    (void)state;
    begin();
    start(0, 1, true);
    start(1, 1, false);
    ask_for(1, 1, port_of(1));
    connect_with(1, 0);
    CHECK(run_until(is_asked));
    end(); /* with a question under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_dialled_back),
        cmocka_unit_test(another_ip_address_is_paid_for),
        cmocka_unit_test(a_closed_port_is_none),
        cmocka_unit_test(another_peer_is_not_taken_for_the_asker),
        cmocka_unit_test(a_yes_without_the_nonce_tells_nothing),
        cmocka_unit_test(a_server_that_resets_tells_nothing),
        cmocka_unit_test(an_asker_that_goes_leaves_nothing),
        cmocka_unit_test(a_server_may_be_closed_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
