/* A libp2p peer over plain sockets, for tests against other implementations:
 *
 *   p2p_peer dial 127.0.0.1:PORT noise|tls|any early|plain [PEER-ID]
 *   p2p_peer listen 127.0.0.1:PORT noise|tls|any early|plain
 *
 * A dialer connects, asks who the peer is (identify), pings it five times and leaves: exit code 0.
 * A listener prints its address and serves one connection after the other, until standard input
 * ends. Both answer ping and identify. Each thing that happens is one line of JSON on standard
 * output. */
#include "codec/identify.h"
#include "codec/multiaddr.h"
#include "crypto/random.h"
#include "p2p/identify_read.h"
#include "p2p/ping.h"
#include "p2p/upgrade.h"
#include "p2p/yamux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS = 32, CHUNKS = 512, PINGS = 5, STREAM_RING = 8192, PATIENCE_MS = 30000 };

enum kind { KIND_NONE, KIND_SERVE, KIND_ASK_PING, KIND_ASK_ID };

struct stream {
    enum kind kind;
    uint32_t id;
    struct multistream m;
    struct ring in, out;
    struct ping ping;
    struct identify_read read;
    bool answered; /* our part of it is written */
    uint8_t memory[2][STREAM_RING], text[IDENTIFY_READ_MEMORY];
};

struct options {
    bool dial, noise, tls, early;
    struct sockaddr_in addr;
    struct peer_id expected;
};

struct node {
    struct options o;
    struct ed25519_key identity;
    struct tls_identity tls;
    struct multiaddr listen;
};

struct conn {
    const struct node *node;
    int fd;
    bool muxed, eof, done;
    struct upgrade u;
    struct yamux y;
    struct yamux_pool pool;
    struct ring rings[4];
    struct stream streams[STREAMS];
    size_t asked; /* questions of a dialer that are still open */
    uint8_t memory[4][UPGRADE_NET_SIZE];
    struct yamux_chunk chunks[CHUNKS];
    struct yamux_stream pool_streams[2 * STREAMS];
};

static struct conn conn;
static const char *const served[] = { PING_ID, IDENTIFY_ID, IDENTIFY_PUSH_ID };
static const char *const ask_ping[] = { PING_ID };
static const char *const ask_id[] = { IDENTIFY_ID };

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

static void say(const char *what, const char *value)
{
    printf("{\"%s\":\"%s\"}\n", what, value);
    fflush(stdout);
}

/* ---- streams --------------------------------------------------------------------------------- */

static struct stream *stream_new(struct conn *c, enum kind kind, uint32_t id)
{
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *s = &c->streams[i];
        if (s->kind != KIND_NONE)
            continue;
        s->kind = kind;
        s->id = id;
        s->answered = false;
        s->in = ring_of(s->memory[0], STREAM_RING);
        s->out = ring_of(s->memory[1], STREAM_RING);
        if (kind == KIND_SERVE)
            multistream_listen(&s->m, served, 3);
        else
            multistream_dial(&s->m, kind == KIND_ASK_PING ? ask_ping : ask_id, 1, true);
        ping_init(&s->ping);
        identify_read_init(&s->read, (struct mspan){ s->text, sizeof(s->text) }, now_ms());
        return s;
    }
    return NULL;
}

static enum err ask(struct conn *c, enum kind kind)
{
    uint32_t id;
    TRY(yamux_open(&c->y, &id));
    if (stream_new(c, kind, id) == NULL)
        return ERR_LIMIT;
    c->asked++;
    return OK;
}

/* Our description, in its frame. */
static void write_identify(struct conn *c, struct stream *s)
{
    uint8_t key[PEER_KEY_SIZE_MAX], text[IDENTIFY_OURS_MAX], size[4];
    struct peer_key public_key = peer_key_of(&c->node->identity);
    struct writer k = writer_of(key, sizeof(key)), w = writer_of(text, sizeof(text));
    struct writer n = writer_of(size, sizeof(size));
    peer_key_write(&k, &public_key);
    struct identify id = { .public_key = writer_span(&k),
                           .protocol_version = span_str("ipfs/0.1.0"),
                           .agent_version = span_str("crust-test"),
                           .protocol_count = 3 };
    for (size_t i = 0; i < 3; i++)
        id.protocols[i] = span_str(served[i]);
    if (c->node->listen.size != 0) {
        id.addr_count = 1;
        id.addrs[0] = multiaddr_span(&c->node->listen);
    }
    identify_write(&w, &id);
    write_uvarint(&n, w.len);
    if (k.err != OK || w.err != OK || !ring_write(&s->out, writer_span(&n)) ||
        !ring_write(&s->out, writer_span(&w)))
        abort();
}

static enum err serve(struct conn *c, struct stream *s)
{
    switch (multistream_chosen(&s->m)) {
    case 0:
        ping_answer(&s->in, &s->out);
        return OK;
    case 1:
        if (!s->answered)
            write_identify(c, s);
        s->answered = true;
        return OK;
    default:
        ring_drop(&s->in, ring_used(&s->in)); /* a push: taken and forgotten */
        return OK;
    }
}

/* One question of a dialer; *over when it is answered. */
static enum err question(struct conn *c, struct stream *s, bool *over)
{
    if (s->kind == KIND_ASK_PING) {
        uint8_t value[PING_SIZE];
        uint64_t before = s->ping.count;
        if (multistream_done(&s->m))
            TRY(ping_step(&s->ping, &s->in, now_ms()));
        if (s->ping.count != before)
            say("pong", "ok");
        *over = s->ping.count == PINGS;
        random_bytes(value, sizeof(value));
        if (!*over && !s->ping.asked)
            return ping_ask(&s->ping, &s->out, value, now_ms());
        return OK;
    }
    if (!multistream_done(&s->m))
        return OK;
    TRY(identify_read_step(&s->read, &s->in, yamux_at_end(&c->y, s->id), now_ms()));
    *over = s->read.done;
    if (*over) {
        char agent[128];
        struct span a = s->read.id.agent_version;
        (void)snprintf(agent, sizeof(agent), "%.*s", (int)(a.n < 120 ? a.n : 120),
                       (const char *)a.p);
        say("agent", agent);
    }
    return OK;
}

static enum err stream_step(struct conn *c, struct stream *s)
{
    bool over = false;
    struct span got = yamux_peek(&c->y, s->id);
    size_t taken = ring_put(&s->in, got);
    if (taken != 0)
        yamux_drop(&c->y, s->id, taken);
    enum err e = multistream_step(&s->m, &s->in, &s->out);
    if (e == OK && s->kind == KIND_SERVE && multistream_done(&s->m))
        e = serve(c, s);
    if (e == OK && s->kind != KIND_SERVE && multistream_may_send(&s->m))
        e = question(c, s, &over);
    if (e == OK && ring_used(&s->out) != 0) {
        e = yamux_write(&c->y, &c->rings[3], s->id, ring_peek(&s->out), &taken);
        ring_drop(&s->out, e == OK ? taken : 0);
    }
    if (s->answered && ring_used(&s->out) == 0)
        yamux_finish(&c->y, s->id);
    bool ended = s->kind == KIND_SERVE && yamux_at_end(&c->y, s->id) && ring_used(&s->out) == 0;
    if (e == OK && !over && !ended)
        return OK;
    if (e != OK)
        yamux_reset(&c->y, s->id, YAMUX_CODE_NORMAL);
    yamux_close(&c->y, s->id);
    enum kind kind = s->kind;
    s->kind = KIND_NONE;
    if (kind == KIND_SERVE)
        return OK; /* a stream that goes wrong is not the connection's end */
    c->asked--;
    return e;
}

/* ---- the connection -------------------------------------------------------------------------- */

static enum err on_ready(struct conn *c)
{
    char text[PEER_ID_TEXT_MAX];
    struct yamux_config config = yamux_defaults(c->node->o.dial);
    peer_id_format(text, upgrade_peer(&c->u));
    printf("{\"ready\":\"%s\",\"security\":\"%s\",\"early\":%s}\n", text,
           upgrade_security_name(&c->u), c->u.early ? "true" : "false");
    fflush(stdout);
    yamux_pool_init(&c->pool, c->chunks, CHUNKS, c->pool_streams, 2 * STREAMS, 0);
    TRY(yamux_init(&c->y, &c->pool, &config, now_ms()));
    c->muxed = true;
    if (!c->node->o.dial)
        return OK;
    TRY(ask(c, KIND_ASK_PING));
    return ask(c, KIND_ASK_ID);
}

static enum err mux(struct conn *c)
{
    struct yamux_event ev;
    TRY(yamux_step(&c->y, &c->rings[2], &c->rings[3], now_ms()));
    while (yamux_event(&c->y, &ev)) {
        if ((ev.what & YAMUX_OPENED) != 0 && stream_new(c, KIND_SERVE, ev.id) == NULL)
            yamux_reset(&c->y, ev.id, YAMUX_CODE_NORMAL);
        if ((ev.what & YAMUX_RESET) == 0)
            continue;
        for (size_t i = 0; i < STREAMS; i++)
            if (c->streams[i].kind == KIND_SERVE && c->streams[i].id == ev.id)
                c->streams[i].kind = KIND_NONE;
        yamux_close(&c->y, ev.id);
    }
    for (size_t i = 0; i < STREAMS; i++)
        if (c->streams[i].kind != KIND_NONE)
            TRY(stream_step(c, &c->streams[i]));
    c->done = c->node->o.dial && c->asked == 0;
    return OK;
}

/* Everything that can be done without the socket. */
static enum err turn(struct conn *c)
{
    const struct upgrade_rings r = { &c->rings[0], &c->rings[1], &c->rings[2], &c->rings[3] };
    for (int i = 0; i < 4; i++) {
        TRY(upgrade_step(&c->u, &r, now_ms()));
        if (upgrade_ready(&c->u) && !c->muxed)
            TRY(on_ready(c));
        if (c->muxed)
            TRY(mux(c));
    }
    return upgrade_step(&c->u, &r, now_ms());
}

static enum err flush(struct conn *c)
{
    while (ring_used(&c->rings[1]) != 0) {
        struct span s = ring_peek(&c->rings[1]);
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN ? OK : ERR_CLOSED;
        ring_drop(&c->rings[1], (size_t)n);
    }
    return OK;
}

static enum err fill(struct conn *c)
{
    struct mspan space = ring_space(&c->rings[0], 0);
    if (space.n == 0)
        return OK;
    ssize_t n = recv(c->fd, space.p, space.n, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN ? OK : ERR_CLOSED;
    ring_commit(&c->rings[0], (size_t)n);
    c->eof = n == 0;
    return OK;
}

static enum err connection_run(struct conn *c)
{
    uint64_t patience = now_ms() + PATIENCE_MS;
    while (!c->done && !c->eof) {
        struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = STDIN_FILENO } };
        if (ring_used(&c->rings[1]) != 0)
            p[0].events |= POLLOUT;
        p[1].events = c->node->o.dial ? 0 : POLLIN;
        (void)poll(p, 2, 100);
        if (!c->node->o.dial && (p[1].revents & (POLLIN | POLLHUP)) != 0)
            return OK;
        TRY(fill(c));
        TRY(turn(c));
        TRY(flush(c));
        if (c->node->o.dial && now_ms() > patience)
            return ERR_TIMEOUT;
    }
    return OK;
}

static enum err connection(const struct node *n, int fd)
{
    struct conn *c = &conn;
    uint8_t random[UPGRADE_RANDOM_SIZE];
    const struct options *o = &n->o;
    memset(c, 0, sizeof(*c));
    c->node = n;
    c->fd = fd;
    random_bytes(random, sizeof(random));
    for (size_t i = 0; i < 4; i++)
        c->rings[i] = ring_of(c->memory[i], UPGRADE_NET_SIZE);
    const struct upgrade_config config = { .dialer = o->dial,
                                           .noise = o->noise,
                                           .tls = o->tls,
                                           .early_muxer = o->early,
                                           .expected = o->expected,
                                           .identity = &n->identity,
                                           .tls_identity = &n->tls,
                                           .unix_s = time(NULL),
                                           .deadline_ms = now_ms() + UPGRADE_TIMEOUT_MS };
    upgrade_init(&c->u, &config, random);
    enum err e = turn(c);
    if (e == OK)
        e = flush(c);
    if (e == OK)
        e = connection_run(c);
    if (c->muxed)
        yamux_go_away(&c->y, YAMUX_CODE_NORMAL);
    if (e == OK)
        e = turn(c);
    upgrade_close(&c->u, &c->rings[1]);
    (void)flush(c);
    yamux_fini(&c->y);
    upgrade_fini(&c->u);
    close(fd);
    say("closed", err_name(e));
    return e;
}

static int dial(struct node *n)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&n->o.addr, sizeof(n->o.addr)) != 0) {
        perror("connect");
        return 1;
    }
    return connection(n, fd) == OK ? 0 : 1;
}

static int listen_and_serve(struct node *n)
{
    char id[PEER_ID_TEXT_MAX], address[MULTIADDR_TEXT_MAX];
    socklen_t size = sizeof(n->o.addr);
    struct peer_key key = peer_key_of(&n->identity);
    struct peer_id peer = peer_id_of(&key);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&n->o.addr, size) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&n->o.addr, &size) != 0) {
        perror("listen");
        return 1;
    }
    n->listen = multiaddr_of_ip(span_of(&n->o.addr.sin_addr, 4), ntohs(n->o.addr.sin_port));
    struct multiaddr whole = n->listen;
    if (multiaddr_add(&whole, MULTIADDR_P2P, peer_id_span(&peer)) != OK)
        return 1;
    peer_id_format(id, &peer);
    multiaddr_format(address, &whole);
    say("listening", address);
    for (;;) {
        struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
                               { .fd = STDIN_FILENO, .events = POLLIN } };
        if (poll(p, 2, -1) < 0 || (p[1].revents & (POLLIN | POLLHUP)) != 0)
            return 0;
        int peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (peer_fd >= 0)
            (void)connection(n, peer_fd);
    }
}

static bool options_parse(struct options *o, int argc, char **argv)
{
    char host[64];
    if (argc < 5 || argc > 6)
        return false;
    char *colon = strchr(argv[2], ':');
    if (colon == NULL || (size_t)(colon - argv[2]) >= sizeof(host))
        return false;
    memcpy(host, argv[2], (size_t)(colon - argv[2]));
    host[colon - argv[2]] = 0;
    o->dial = strcmp(argv[1], "dial") == 0;
    o->addr.sin_family = AF_INET;
    o->addr.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    o->noise = strcmp(argv[3], "tls") != 0;
    o->tls = strcmp(argv[3], "noise") != 0;
    o->early = strcmp(argv[4], "early") == 0;
    if (argc == 6 && peer_id_parse(&o->expected, span_str(argv[5])) != OK)
        return false;
    return inet_pton(AF_INET, host, &o->addr.sin_addr) == 1 &&
           (o->dial || strcmp(argv[1], "listen") == 0);
}

int main(int argc, char **argv)
{
    static struct node n;
    uint8_t seed[ED25519_SEED_SIZE];
    if (random_init() != OK || !options_parse(&n.o, argc, argv)) {
        fprintf(stderr,
                "usage: p2p_peer dial|listen IP:PORT noise|tls|any early|plain [PEER-ID]\n");
        return 2;
    }
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(&n.identity, seed);
    if (tls_identity_init(&n.tls, &n.identity, time(NULL)) != OK)
        return 1;
    int code = n.o.dial ? dial(&n) : listen_and_serve(&n);
    tls_identity_fini(&n.tls);
    return code;
}
