/* A hostile libp2p peer on one connection, over a plain socket, for tests of what a node does with
 * one. It sends COUNT of something as fast as it is taken:
 *
 *   p2p_storm MULTIADDR FROM MODE COUNT SECONDS
 *
 *   wants      wants for contents that nobody has, each another, in messages of almost 4 MiB
 *   small      the same, each in a message of its own
 *   urgent     the same as wants, each more urgent than the one before
 *   cancels    wants, each with its cancel behind it
 *   blocks     blocks of 256 KiB that nobody has asked for
 *   presences  HAVE for blocks that nobody has asked for
 *   providers  ADD_PROVIDER for keys that nobody looks for
 *   resets     streams that are opened and reset at once
 *   asks       streams that ask who the node is and are reset before it can answer
 *   opens      streams that are opened, and nothing more
 *   pings      of yamux
 *   updates    of the window of a stream, by nothing
 *
 * FROM is the IPv4 address to connect from. At the end of what goes by bitswap it asks for the
 * block of no bytes, which every node gives, and the DHT gets a ping: the answer proves that all
 * before it has been read. One line of JSON tells how many were sent, the bytes of answers, whether
 * it was thrown out, and in what time. */
#include "codec/bitswap.h"
#include "codec/kad.h"
#include "codec/multiaddr.h"
#include "codec/varint_frame.h"
#include "crypto/random.h"
#include "p2p/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    STREAMS = 64,
    CHUNKS = 2048,
    BLOCK = 256 * 1024,
    ENTRIES = 88000, /* of 46 bytes: almost BITSWAP_MESSAGE_MAX */
    SMALL = 4000,    /* messages that are made at a time */
    LAG = 8,         /* streams that are open before the first is reset */
    MESSAGE = BITSWAP_MESSAGE_MAX + 64,
};

enum mode {
    WANTS,
    SMALL_WANTS,
    URGENT,
    CANCELS,
    BLOCKS,
    PRESENCES,
    PROVIDERS,
    RESETS,
    ASKS,
    OPENS,
    PINGS,
    UPDATES,
    MODES
};
static const char *const modes[MODES] = { "wants",  "small",     "urgent",    "cancels",
                                          "blocks", "presences", "providers", "resets",
                                          "asks",   "opens",     "pings",     "updates" };
static const char *const served[] = { BITSWAP_ID };

static struct {
    struct conn c;
    struct ring net_in, net_out;
    struct yamux_pool pool;
    int fd;
    enum mode mode;
    uint64_t wanted, sent, made, answered, opened;
    uint32_t stream, in_stream;
    bool asked, open, last, done;
    struct bitswap_reader reader;
    uint8_t run[8]; /* random: what tells its contents from those of others */
    size_t at, size;
    uint64_t entries; /* in the message */
    uint8_t message[MESSAGE];
    uint8_t memory[4][UPGRADE_NET_SIZE];
    struct yamux_chunk chunks[CHUNKS];
    struct yamux_stream streams[STREAMS];
} f;

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

/* ---- messages ---- */

static void next_cid(uint8_t out[36])
{
    memset(out, 0, 36);
    memcpy(out, "\x01\x55\x12\x20", 4);
    memcpy(out + 4, f.run, 8);
    store_le64(out + 12, f.made++);
}

static void wantlist(struct writer *w, const struct bitswap_entry *entries, size_t count)
{
    static uint8_t body[MESSAGE];
    struct writer b = writer_of(body, sizeof(body));
    bitswap_write_wantlist(&b, entries, count, false);
    write_uvarint(w, b.len);
    write_bytes(w, b.p, b.len);
    ASSERT(b.err == OK && b.len <= BITSWAP_MESSAGE_MAX);
}

/* Messages with count entries in all, each at most `each`. */
static void write_wants(struct writer *w, size_t count, size_t each)
{
    static uint8_t cids[ENTRIES][36];
    static struct bitswap_entry entries[ENTRIES];
    for (size_t i = 0; i < count; i++) {
        bool again = f.mode == CANCELS && i % 2 == 1;
        if (again)
            memcpy(cids[i], cids[i - 1], 36);
        else
            next_cid(cids[i]);
        entries[i] = (struct bitswap_entry){ .cid = span_of(cids[i], 36),
                                             .priority = f.mode == URGENT ? (int32_t)f.made : 1,
                                             .cancel = again,
                                             .have = i % 4 < 2,
                                             .send_dont_have = i % 8 < 4 };
    }
    for (size_t i = 0; i < count; i += each)
        wantlist(w, entries + i, count - i < each ? count - i : each);
}

static void write_last(struct writer *w)
{
    static const uint8_t empty[36] = { 0x01, 0x55, 0x12, 0x20, 0xe3, 0xb0, 0xc4, 0x42, 0x98,
                                       0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f,
                                       0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93,
                                       0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 };
    const struct bitswap_entry e = { .cid = span_of(empty, 36), .priority = INT32_MAX };
    if (f.mode == PROVIDERS) {
        uint8_t body[16];
        struct writer b = writer_of(body, sizeof(body));
        kad_write(&b, KAD_PING, (struct span){ NULL, 0 });
        write_uvarint(w, b.len);
        write_bytes(w, b.p, b.len);
        return;
    }
    wantlist(w, &e, 1);
}

static void write_block(struct writer *w)
{
    static uint8_t block[BLOCK];
    uint8_t head[BITSWAP_BLOCK_OVERHEAD];
    const struct cid cid = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    struct writer h = writer_of(head, sizeof(head));
    store_le64(block, f.made++);
    bitswap_write_block_head(&h, &cid, BLOCK);
    write_uvarint(w, h.len + BLOCK);
    write_bytes(w, h.p, h.len);
    write_bytes(w, block, BLOCK);
}

static void write_presences(struct writer *w)
{
    uint8_t cid[36];
    size_t each = bitswap_presence_size(span_of(f.message, 36)) - 2; /* HAVE is not written */
    write_uvarint(w, SMALL * each);
    for (size_t i = 0; i < SMALL; i++) {
        next_cid(cid);
        bitswap_write_presence(w, span_of(cid, 36), true);
    }
}

static void write_providers(struct writer *w, const struct peer_id *self)
{
    uint8_t body[512], key[36];
    const struct multiaddr at = multiaddr_of_ip(span_of((const uint8_t *)"\x7f\0\0\1", 4), 4001);
    struct kad_peer p = { .id = peer_id_span(self),
                          .addr_count = 1,
                          .addrs = { multiaddr_span(&at) } };
    for (size_t i = 0; i < SMALL; i++) {
        struct writer b = writer_of(body, sizeof(body));
        next_cid(key);
        kad_write(&b, KAD_ADD_PROVIDER, span_of(key + 2, 34));
        kad_write_peer(&b, KAD_PROVIDERS, &p);
        write_uvarint(w, b.len);
        write_bytes(w, b.p, b.len);
        ASSERT(b.err == OK);
    }
}

/* ---- frames, past the machine ---- */

static void frame(struct writer *w, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    write_u8(w, 0);
    write_u8(w, type);
    write_be16(w, flags);
    write_be32(w, id);
    write_be32(w, length);
}

static void write_frames(struct writer *w)
{
    static const char hello[] = "\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n";
    for (size_t i = 0; i < 256; i++) {
        uint32_t id = (uint32_t)(1001 + 2 * f.opened);
        if (f.mode == PINGS) {
            frame(w, 2, 1, 0, (uint32_t)i);
            continue;
        }
        if (f.mode == UPDATES) {
            if (f.opened == 0)
                frame(w, 1, 1, id, 0);
            f.opened = 1;
            frame(w, 1, 0, 1001, 0);
            continue;
        }
        f.opened++;
        frame(w, 1, 1, id, 0);
        if (f.mode == RESETS)
            frame(w, 1, 8, id, 0);
        if (f.mode == ASKS) {
            frame(w, 0, 0, id, sizeof(hello) - 1);
            write_bytes(w, hello, sizeof(hello) - 1);
            if (f.opened > LAG)
                frame(w, 1, 8, id - 2 * LAG, 0);
        }
    }
}

/* ---- what goes out ---- */

static void fill(const struct peer_id *self)
{
    struct writer w = writer_of(f.message, sizeof(f.message));
    uint64_t left = f.wanted < f.sent ? 0 : f.wanted - f.sent;
    size_t count = left < ENTRIES ? (size_t)left : ENTRIES;
    f.at = 0;
    f.entries = SMALL;
    if (left == 0) {
        write_last(&w);
        f.entries = 0;
        f.last = true;
    } else if (f.mode == SMALL_WANTS) {
        write_wants(&w, f.entries = count < SMALL ? count : SMALL, 1);
    } else if (f.mode <= CANCELS) {
        write_wants(&w, f.entries = count, ENTRIES);
    } else if (f.mode == BLOCKS) {
        write_block(&w);
        f.entries = 1;
    } else if (f.mode == PRESENCES) {
        write_presences(&w);
    } else if (f.mode == PROVIDERS) {
        write_providers(&w, self);
    } else {
        write_frames(&w);
        f.entries = 256;
    }
    ASSERT(w.err == OK);
    f.size = w.len;
}

/* All of a message, or what there is room for. */
static size_t push(struct span rest)
{
    size_t taken = 0;
    if (f.mode < RESETS) {
        if (!f.open || conn_write(&f.c, f.stream, rest, &taken) != OK)
            return 0;
        return taken;
    }
    if (ring_room(&f.c.app_out) >= rest.n) /* whole frames, so that the machine's own stay whole */
        taken = ring_put(&f.c.app_out, rest);
    return taken;
}

static void pump(const struct peer_id *self)
{
    while (!f.done) {
        if (f.at == f.size) {
            f.sent += f.entries;
            f.entries = 0;
            if (f.sent >= f.wanted && (f.last || f.mode >= RESETS)) {
                f.done = f.mode >= RESETS;
                return;
            }
            fill(self);
        }
        size_t taken = push(span_of(f.message + f.at, f.size - f.at));
        f.at += taken;
        if (taken == 0)
            return;
    }
}

/* ---- what comes in ---- */

/* Returns how much of in is done with. */
static size_t read_answers(struct span in)
{
    static uint8_t memory[BITSWAP_BLOCK_MAX];
    struct bitswap_item it;
    size_t taken, all = 0;
    do {
        if (bitswap_read(&f.reader, span_sub(in, all, in.n), &taken, &it) != OK)
            return in.n;
        all += taken;
        if (it.what == BITSWAP_MEMORY)
            bitswap_reader_memory(&f.reader, memory);
        if (it.what == BITSWAP_BLOCK && it.block_size == 0 && f.last)
            f.done = true;
    } while (it.what != BITSWAP_MORE);
    return all;
}

/* Answers on our own stream: the DHT gives them there. */
static void on_replies(void)
{
    for (struct span in = conn_peek(&f.c, f.stream); f.open && in.n > 0;
         in = conn_peek(&f.c, f.stream)) {
        f.answered += in.n;
        conn_drop(&f.c, f.stream, in.n);
        f.done |= f.last && f.mode == PROVIDERS;
    }
}

/* The node's stream of answers; what is cut in the middle of an item waits for the rest. */
static void on_answers(void)
{
    static uint8_t kept[1 << 16];
    static size_t have;
    for (struct span in = conn_peek(&f.c, f.in_stream); in.n > 0;
         in = conn_peek(&f.c, f.in_stream)) {
        size_t n = in.n < sizeof(kept) - have ? in.n : sizeof(kept) - have;
        memcpy(kept + have, in.p, n);
        conn_drop(&f.c, f.in_stream, n);
        f.answered += n;
        have += n;
        size_t read = read_answers(span_of(kept, have));
        memmove(kept, kept + read, have - read);
        have -= read;
    }
}

static void on_event(const struct conn_event *ev)
{
    if (ev->kind == CONN_AGREED && ev->stream == f.stream)
        f.open = true;
    else if (ev->kind == CONN_REFUSED && ev->stream == f.stream)
        f.asked = f.open = false;
    else if (ev->kind == CONN_OPENED) {
        f.in_stream = ev->stream;
        bitswap_reader_init(&f.reader);
    }
    if (ev->kind == CONN_STREAM && ev->stream == f.stream &&
        (ev->what & (YAMUX_RESET | YAMUX_FINISHED)) != 0) {
        conn_reset(&f.c, f.stream); /* the node has had enough of this stream: another one */
        f.asked = f.open = false;
        f.at = 0;
        f.opened++;
    }
    on_answers();
    on_replies();
}

static const char *protocol(void)
{
    return f.mode == PROVIDERS ? "/ipfs/lan/kad/1.0.0" : BITSWAP_ID;
}

/* ---- the connection ---- */

static enum err turn(const struct peer_id *self)
{
    struct conn_event ev;
    for (int i = 0; i < 4; i++) {
        TRY(conn_step(&f.c, &f.net_in, &f.net_out, now_ms()));
        while (conn_event(&f.c, &ev))
            on_event(&ev);
        if (!conn_ready(&f.c))
            continue;
        if (!f.asked && f.mode < RESETS)
            f.asked = conn_open(&f.c, protocol(), &f.stream) == OK;
        pump(self);
    }
    return conn_step(&f.c, &f.net_in, &f.net_out, now_ms());
}

/* *moved: more may be done at once. */
static enum err move(bool *moved)
{
    *moved = false;
    while (ring_used(&f.net_out) != 0) {
        struct span s = ring_peek(&f.net_out);
        ssize_t n = send(f.fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return ERR_CLOSED;
        if (n < 0)
            break;
        ring_drop(&f.net_out, (size_t)n);
        *moved = true;
    }
    struct mspan space = ring_space(&f.net_in, 0);
    if (space.n == 0)
        return OK;
    ssize_t n = recv(f.fd, space.p, space.n, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return ERR_CLOSED;
    if (n > 0)
        ring_commit(&f.net_in, (size_t)n);
    *moved |= n > 0;
    return OK;
}

static bool connect_from(const char *from, const struct multiaddr *to)
{
    struct sockaddr_in a = { .sin_family = AF_INET }, b = { .sin_family = AF_INET };
    struct multiaddr_tcp t;
    int one = 1;
    f.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inet_pton(AF_INET, from, &a.sin_addr) != 1 || multiaddr_tcp_of(&t, to) != OK ||
        t.host != MULTIADDR_IP4)
        return false;
    memcpy(&b.sin_addr, t.ip, 4);
    b.sin_port = htons(t.port);
    (void)setsockopt(f.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return bind(f.fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
           connect(f.fd, (struct sockaddr *)&b, sizeof(b)) == 0;
}

static void begin(const struct ed25519_key *identity)
{
    uint8_t random[UPGRADE_RANDOM_SIZE];
    struct conn_config o = { .upgrade = { .dialer = true,
                                          .noise = true,
                                          .early_muxer = true,
                                          .identity = identity,
                                          .unix_s = time(NULL),
                                          .deadline_ms = now_ms() + UPGRADE_TIMEOUT_MS },
                             .yamux = yamux_defaults(true),
                             .pool = &f.pool,
                             .served = served,
                             .served_count = 1 };
    random_bytes(random, sizeof(random));
    random_bytes(f.run, sizeof(f.run));
    yamux_pool_init(&f.pool, f.chunks, CHUNKS, f.streams, STREAMS, 1 << 24);
    conn_init(&f.c, &o, random);
    f.net_in = ring_of(f.memory[0], UPGRADE_NET_SIZE);
    f.net_out = ring_of(f.memory[1], UPGRADE_NET_SIZE);
    f.c.app_in = ring_of(f.memory[2], UPGRADE_APP_SIZE);
    f.c.app_out = ring_of(f.memory[3], UPGRADE_APP_SIZE);
    f.in_stream = f.stream = YAMUX_NONE;
}

int main(int argc, char **argv)
{
    struct multiaddr target;
    struct ed25519_key identity;
    uint8_t seed[32];
    if (argc != 6 || random_init() != OK || multiaddr_parse(&target, span_str(argv[1])) != OK)
        return 2;
    while (f.mode < MODES && strcmp(modes[f.mode], argv[3]) != 0)
        f.mode++;
    f.wanted = strtoull(argv[4], NULL, 10);
    if (f.mode == MODES || f.wanted == 0 || !connect_from(argv[2], &target))
        return 2;
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(&identity, seed);
    struct peer_key key = peer_key_of(&identity);
    struct peer_id self = peer_id_of(&key);
    uint64_t start = now_ms(), end = start + 1000 * strtoull(argv[5], NULL, 10);
    begin(&identity);
    enum err e = OK;
    while (e == OK && !f.done && now_ms() < end) {
        e = turn(&self);
        bool moved;
        enum err m = move(&moved);
        e = e == OK ? m : e;
        struct pollfd p = { .fd = f.fd, .events = POLLIN };
        p.events |= (short)(ring_used(&f.net_out) != 0 ? POLLOUT : 0);
        if (e == OK && !f.done && !moved)
            (void)poll(&p, 1, 50);
    }
    printf("{\"sent\":%llu,\"answered\":%llu,\"cut_off\":%llu,\"thrown_out\":%s,\"done\":%s,"
           "\"why\":\"%s\","
           "\"ms\":%llu}\n",
           (unsigned long long)f.sent, (unsigned long long)f.answered,
           (unsigned long long)(f.mode < RESETS ? f.opened : 0), e == OK ? "false" : "true",
           f.done ? "true" : "false", err_name(e), (unsigned long long)(now_ms() - start));
    conn_fini(&f.c);
    close(f.fd);
    return 0;
}
