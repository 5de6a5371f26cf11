#include "ipfsd/lan.h"

#include "crypto/random.h"
#include "p2p/mdns.h"
#include "rt/log.h"
#include "rt/netif.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOPS = 255 }; /* RFC 6762 11: who is more than one hop away has another number */

static const uint8_t group[4] = { 224, 0, 0, 251 };

struct met {
    struct peer_id peer; /* size 0: a free place */
    uint64_t dialled_ms;
};

struct lan {
    struct loop *loop;
    struct swarm *swarm;
    struct peer_id self;
    char name[MDNS_NAME_SIZE + 1];
    int fd;
    struct loop_fd *watch;
    struct loop_timer *timer;
    size_t if_count;
    struct netif ifs[NETIF_MAX];                        /* those that we ask at */
    uint64_t joined_ms, ask_ms, answered_ms, answer_ms; /* answer_ms: when we answer; 0: not */
    uint64_t ask_every_ms;
    bool tell_types;
    struct met met[LAN_DIALS_MAX];
    struct lan_figures figures;
};

/* ---- interfaces ------------------------------------------------------------------------------ */

static void join(struct lan *n, uint64_t now)
{
    struct netif all[NETIF_MAX];
    size_t count = netif_list(all, NETIF_MAX);
    n->joined_ms = now;
    n->if_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct ip_mreqn m = { .imr_ifindex = (int)all[i].index };
        bool known = false;
        for (size_t k = 0; k < n->if_count; k++)
            known = known || n->ifs[k].index == all[i].index;
        if (all[i].size != 4 || !all[i].multicast || known)
            continue;
        memcpy(&m.imr_multiaddr, group, 4);
        if (setsockopt(n->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) == 0 ||
            errno == EADDRINUSE)
            n->ifs[n->if_count++] = all[i];
    }
}

static void send_at(struct lan *n, const struct netif *at, struct span message)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(MDNS_PORT) };
    struct ip_mreqn m = { .imr_ifindex = (int)at->index };
    memcpy(&to.sin_addr, group, 4);
    /* What cannot be sent now is asked again later. */
    if (setsockopt(n->fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) == 0)
        (void)!sendto(n->fd, message.p, message.n, MSG_DONTWAIT, (struct sockaddr *)&to,
                      sizeof(to));
}

/* ---- speaking -------------------------------------------------------------------------------- */

static void ask(struct lan *n, uint64_t now)
{
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    mdns_write_query(&w);
    ASSERT(w.err == OK);
    for (size_t i = 0; i < n->if_count; i++)
        send_at(n, &n->ifs[i], writer_span(&w));
    n->figures.questions++;
    n->ask_ms = now + n->ask_every_ms;
    n->ask_every_ms *= 2;
    if (n->ask_every_ms > LAN_ASK_LAST_MS)
        n->ask_every_ms = LAN_ASK_LAST_MS;
}

/* Our addresses that are numbers, with our name behind them. */
static size_t addresses(const struct lan *n, struct multiaddr *list, uint16_t *port)
{
    struct multiaddr all[SWARM_ANNOUNCE_MAX];
    size_t count = 0, found = swarm_addresses(n->swarm, all, SWARM_ANNOUNCE_MAX, false);
    for (size_t i = 0; i < found; i++) {
        struct multiaddr_tcp t;
        if (multiaddr_tcp_of(&t, &all[i]) != OK ||
            (t.host != MULTIADDR_IP4 && t.host != MULTIADDR_IP6))
            continue;
        list[count] = all[i];
        if (multiaddr_add(&list[count], MULTIADDR_P2P, peer_id_span(&n->self)) == OK)
            count++;
        *port = t.port;
    }
    return count;
}

static void answer(struct lan *n, uint64_t now)
{
    static uint8_t buf[DNS_MESSAGE_MAX];
    struct multiaddr list[SWARM_ANNOUNCE_MAX];
    struct mdns_self me = { .list = list };
    me.count = addresses(n, list, &me.port);
    memcpy(me.name, n->name, sizeof(me.name));
    for (size_t i = 0; i < n->if_count && me.count != 0; i++) {
        struct writer w = writer_of(buf, sizeof(buf));
        me.ip = span_of(n->ifs[i].ip, 4);
        mdns_write_answer(&w, &me);
        if (w.err == OK)
            send_at(n, &n->ifs[i], writer_span(&w));
        w = writer_of(buf, sizeof(buf));
        mdns_write_types(&w);
        if (w.err == OK && n->tell_types)
            send_at(n, &n->ifs[i], writer_span(&w));
    }
    n->figures.answers++;
    n->tell_types = false;
    n->answer_ms = 0;
    n->answered_ms = now;
}

static void on_timer(void *ctx)
{
    struct lan *n = ctx;
    uint64_t now = loop_now_ms(n->loop);
    if (now >= n->joined_ms + LAN_JOIN_MS)
        join(n, now);
    if (now >= n->ask_ms)
        ask(n, now);
    if (n->answer_ms != 0 && now >= n->answer_ms)
        answer(n, now);
}

/* ---- listening ------------------------------------------------------------------------------- */

/* The place of a peer: its own, else the one that was dialled longest ago; NULL: not again yet. */
static struct met *may_dial(struct lan *n, const struct peer_id *peer, uint64_t now)
{
    struct met *place = &n->met[0];
    for (size_t i = 0; i < LAN_DIALS_MAX; i++) {
        struct met *m = &n->met[i];
        if (m->peer.size != 0 && peer_id_eq(&m->peer, peer))
            return now >= m->dialled_ms + LAN_REDIAL_MS ? m : NULL;
        if (m->dialled_ms < place->dialled_ms)
            place = m;
    }
    bool full = place->peer.size != 0 && now < place->dialled_ms + LAN_REDIAL_MS;
    return full ? NULL : place;
}

/* SPEC mdns 3.2: "An address is dialled only when its IP is that of the packet's sender" */
static void meet(struct lan *n, const struct multiaddr *a, const struct in_addr *from)
{
    struct multiaddr_tcp t;
    uint32_t connection;
    uint64_t retry, now = loop_now_ms(n->loop);
    if (multiaddr_tcp_of(&t, a) != OK || t.host != MULTIADDR_IP4 || memcmp(t.ip, from, 4) != 0 ||
        t.peer.size == 0 || peer_id_eq(&t.peer, &n->self) ||
        swarm_find(n->swarm, &t.peer) != GATE_NONE)
        return;
    struct met *m = may_dial(n, &t.peer, now);
    if (m == NULL)
        return;
    enum err e = swarm_dial_local(n->swarm, a, &connection, &retry);
    if (e == ERR_BUSY || e == ERR_EXISTS)
        return; /* it is heard again */
    *m = (struct met){ t.peer, now };
    n->figures.dials++;
    char text[MULTIADDR_TEXT_MAX];
    multiaddr_format(text, a);
    log_info("peer-met", "address=%s result=\"%s\"", text, e == OK ? "dialled" : err_text(e));
}

static void hear(struct lan *n, struct span packet, const struct in_addr *from)
{
    static struct mdns_heard heard; /* the loop's only */
    uint64_t now = loop_now_ms(n->loop);
    uint8_t random;
    if (mdns_read(&heard, packet, n->name) != OK) {
        n->figures.refused++;
        return;
    }
    n->tell_types = n->tell_types || heard.asks_types;
    if ((heard.asks_peers || heard.asks_types) && n->answer_ms == 0) {
        random_bytes(&random, 1);
        n->answer_ms = now + 20 + random % (LAN_ANSWER_MS - 20);
        if (n->answered_ms != 0 && n->answer_ms < n->answered_ms + LAN_QUIET_MS)
            n->answer_ms = n->answered_ms + LAN_QUIET_MS;
    }
    for (size_t i = 0; i < heard.count; i++)
        meet(n, &heard.list[i], from);
}

/* Sent to the group, and by no router. */
static bool is_local(struct msghdr *h)
{
    bool to_group = false, hops = false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        struct in_pktinfo info;
        int ttl;
        if (c->cmsg_level != IPPROTO_IP)
            continue;
        if (c->cmsg_type == IP_PKTINFO) {
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            to_group = memcmp(&info.ipi_addr, group, 4) == 0;
        } else if (c->cmsg_type == IP_TTL) {
            memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
            hops = ttl == HOPS;
        }
    }
    return to_group && hops;
}

static void on_fd(void *ctx, int events)
{
    static uint8_t buf[DNS_MESSAGE_MAX];
    struct lan *n = ctx;
    (void)events;
    for (int i = 0; i < LAN_READS_EACH; i++) {
        struct sockaddr_in from;
        union {
            char bytes[256];
            struct cmsghdr align;
        } control;
        struct iovec part = { buf, sizeof(buf) };
        struct msghdr h = { .msg_name = &from,
                            .msg_namelen = sizeof(from),
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        ssize_t size = recvmsg(n->fd, &h, MSG_DONTWAIT);
        if (size < 0)
            return;
        n->figures.packets++;
        if ((h.msg_flags & MSG_TRUNC) != 0 || ntohs(from.sin_port) != MDNS_PORT || !is_local(&h))
            n->figures.refused++;
        else
            hear(n, span_of(buf, (size_t)size), &from.sin_addr);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum err open_socket(struct lan *n)
{
    int one = 1, hops = HOPS, none = 0;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(MDNS_PORT) };
    n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0)
        return ERR_IO;
    /* The port is that of all who speak mDNS on this machine. */
    if (setsockopt(n->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        setsockopt(n->fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) != 0 ||
        setsockopt(n->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)) != 0 ||
        setsockopt(n->fd, IPPROTO_IP, IP_MULTICAST_ALL, &none, sizeof(none)) != 0 ||
        setsockopt(n->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) != 0 ||
        setsockopt(n->fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)) != 0)
        return ERR_IO;
    if (bind(n->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        return errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;
    n->watch = loop_fd_new(n->loop, n->fd, on_fd, n);
    if (n->watch == NULL)
        return ERR_MEMORY;
    loop_fd_set(n->watch, LOOP_READ);
    return OK;
}

enum err lan_open(struct lan **out, struct loop *l, struct swarm *s, const struct peer_id *self)
{
    uint8_t random[MDNS_NAME_SIZE];
    struct lan *n = calloc(1, sizeof(*n));
    *out = NULL;
    if (n == NULL)
        return ERR_MEMORY;
    n->fd = -1;
    n->loop = l;
    n->swarm = s;
    n->self = *self;
    n->ask_every_ms = LAN_ASK_FIRST_MS;
    random_bytes(random, sizeof(random));
    mdns_name(n->name, random);
    enum err e = open_socket(n);
    n->timer = e == OK ? loop_timer_new(l, on_timer, n) : NULL;
    if (e == OK && n->timer == NULL)
        e = ERR_MEMORY;
    if (e != OK) {
        lan_close(n);
        return e;
    }
    join(n, loop_now_ms(l));
    loop_timer_start(n->timer, 0, LAN_TICK_MS);
    *out = n;
    return OK;
}

void lan_figures(const struct lan *n, struct lan_figures *out)
{
    *out = n->figures;
}

void lan_close(struct lan *n)
{
    if (n == NULL)
        return;
    loop_timer_free(n->timer);
    loop_fd_free(n->watch);
    if (n->fd >= 0)
        close(n->fd);
    free(n);
}
