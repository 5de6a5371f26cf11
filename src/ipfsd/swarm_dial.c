/* Sockets of the swarm that begin: listeners, what they accept, and what we dial. */
#include "ipfsd/swarm_impl.h"
#include "rt/netaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_EACH = 16 };

/* ---- what became of dials
 * ----------------------------------------------------------------------- */

static struct swarm_dial_record *record_begin(struct swarm *s, const struct gate_target *t,
                                              uint64_t now)
{
    struct swarm_dial_record *r = &s->dials[s->dial_count % SWARM_DIALS];
    *r = (struct swarm_dial_record){ .number = ++s->dial_count,
                                     .peer = t->peer,
                                     .address = multiaddr_of_ip(t->ip, t->port),
                                     .at_ms = now };
    return r;
}

void swarm_dial_over(struct swarm_peer *p, enum err why)
{
    struct swarm *s = p->swarm;
    struct swarm_dial_record *r = &s->dials[(p->dial - 1) % SWARM_DIALS];
    if (p->dial == 0 || r->number != p->dial)
        return; /* newer ones have taken its place */
    r->over = true;
    r->why = why;
    r->took_ms = (uint32_t)(loop_now_ms(s->loop) - r->at_ms);
    r->reached = !p->connecting;
    r->os_error = p->os_error;
}

size_t swarm_dials(const struct swarm *s, struct swarm_dial_record *out, size_t max)
{
    size_t n = 0;
    for (uint64_t k = s->dial_count; k > 0 && n < max && n < SWARM_DIALS; k--)
        out[n++] = s->dials[(k - 1) % SWARM_DIALS];
    return n;
}

const char *swarm_dial_reason(const struct swarm_dial_record *r)
{
    if (!r->over)
        return "under way";
    if (r->why == OK)
        return "connected";
    if (r->os_error == ECONNREFUSED)
        return "nobody listens there";
    if (r->os_error == EHOSTUNREACH || r->os_error == ENETUNREACH)
        return "there is no way to this address";
    if (!r->reached)
        return r->why == ERR_TIMEOUT ? "no answer" : "the connection could not be made";
    switch ((int)r->why) {
    case ERR_DENIED:
        return "another peer answers there, or a rule refuses it";
    case ERR_EXISTS:
        return "that is this node itself";
    case ERR_TIMEOUT:
        return "it did not finish the handshake in time";
    case ERR_CLOSED:
        return "it closed the connection during the handshake";
    case ERR_LIMIT:
        return "there are connections enough with it";
    default:
        return "it does not speak libp2p with Noise or TLS and yamux as we do";
    }
}

/* ---- sockets
 * ------------------------------------------------------------------------------------- */

/* The address inside a sockaddr, an IPv4 one in IPv6 clothes unwrapped. */
static struct span sockaddr_ip(const struct sockaddr_storage *sa, uint16_t *port)
{
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        *port = ntohs(in->sin_port);
        return span_of(&in->sin_addr, 4);
    }
    const struct sockaddr_in6 *in6 = (const void *)sa;
    *port = ntohs(in6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return span_of(in6->sin6_addr.s6_addr + 12, 4);
    return span_of(&in6->sin6_addr, 16);
}

static socklen_t sockaddr_make(struct sockaddr_storage *sa, struct span ip, uint16_t port)
{
    memset(sa, 0, sizeof(*sa));
    if (ip.n == 4) {
        struct sockaddr_in *in = (void *)sa;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip.p, 4);
        return sizeof(*in);
    }
    struct sockaddr_in6 *in6 = (void *)sa;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    memcpy(&in6->sin6_addr, ip.p, 16);
    return sizeof(*in6);
}

static void target_set(struct swarm_peer *p, struct span ip, uint16_t port)
{
    memcpy(p->ip, ip.p, ip.n);
    p->target.ip = span_of(p->ip, ip.n);
    p->target.port = port;
}

static void on_accept(void *ctx, int events)
{
    (void)events;
    struct swarm_listener *l = ctx;
    struct swarm *s = l->swarm;
    for (int i = 0; i < ACCEPTS_EACH; i++) {
        struct sockaddr_storage sa;
        socklen_t n = sizeof(sa);
        uint32_t index, late;
        uint16_t port;
        int fd = accept4(l->fd, (struct sockaddr *)&sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct span ip = sockaddr_ip(&sa, &port);
        if (gate_admit(&s->gate, &index, &late, ip, loop_now_ms(s->loop)) != OK) {
            s->figures.refused++;
            close(fd);
            continue;
        }
        if (late != GATE_NONE)
            swarm_drop(s, late, ERR_TIMEOUT);
        struct swarm_peer *p = swarm_peer_take(s, index, fd, true);
        if (p == NULL)
            continue;
        s->figures.accepted++;
        target_set(p, ip, port);
        swarm_peer_begin(p);
    }
}

enum err swarm_listen_at(struct swarm *s, struct swarm_listener *l, const struct multiaddr *a)
{
    struct multiaddr_tcp t;
    struct sockaddr_storage sa;
    int one = 1;
    l->swarm = s;
    l->fd = -1;
    if (multiaddr_tcp_of(&t, a) != OK || (t.host != MULTIADDR_IP4 && t.host != MULTIADDR_IP6))
        return ERR_UNSUPPORTED;
    socklen_t n = sockaddr_make(&sa, span_of(t.ip, t.host == MULTIADDR_IP4 ? 4 : 16), t.port);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ERR_IO;
    l->fd = fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&sa, n) != 0)
        return errno == EADDRINUSE ? ERR_EXISTS : errno == EACCES ? ERR_DENIED : ERR_IO;
    n = sizeof(sa);
    uint16_t port;
    if (listen(fd, 256) != 0 || getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
        return ERR_IO;
    struct span ip = sockaddr_ip(&sa, &port);
    l->address = multiaddr_of_ip(ip, port);
    l->watch = loop_fd_new(s->loop, fd, on_accept, l);
    if (l->watch == NULL)
        return ERR_MEMORY;
    loop_fd_set(l->watch, LOOP_READ);
    return OK;
}

static bool may_dial(const struct swarm *s, enum netaddr_class class, bool local)
{
    bool ours =
        class == NETADDR_PRIVATE || class == NETADDR_SHARED || class == NETADDR_UNIQUE_LOCAL;
    return s->o.allow_private || class == NETADDR_GLOBAL || (local && ours);
}

static enum err dial(struct swarm *s, const struct multiaddr *a, bool local, uint32_t *connection,
                     uint64_t *retry_ms)
{
    struct multiaddr_tcp t;
    struct sockaddr_storage sa;
    *connection = GATE_NONE;
    *retry_ms = 0;
    if (multiaddr_tcp_of(&t, a) != OK || (t.host != MULTIADDR_IP4 && t.host != MULTIADDR_IP6))
        return ERR_UNSUPPORTED;
    const struct gate_target target = { .ip = { t.ip, t.host == MULTIADDR_IP4 ? 4 : 16 },
                                        .port = t.port,
                                        .peer = t.peer };
    socklen_t n = sockaddr_make(&sa, target.ip, t.port);
    if (!may_dial(s, netaddr_classify((const struct sockaddr *)&sa, n), local))
        return ERR_DENIED;
    uint64_t now = loop_now_ms(s->loop);
    TRY(gate_dial(&s->gate, connection, retry_ms, &target, now));
    uint32_t i = *connection;
    *connection = GATE_NONE;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool going = fd >= 0 && (connect(fd, (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS);
    if (!going) {
        struct swarm_dial_record *r = record_begin(s, &target, now);
        *r = (struct swarm_dial_record){ .number = r->number,
                                         .peer = r->peer,
                                         .address = r->address,
                                         .at_ms = now,
                                         .over = true,
                                         .why = ERR_IO,
                                         .os_error = errno };
        if (fd >= 0)
            close(fd);
        gate_closed(&s->gate, i);
        gate_dial_result(&s->gate, &target, false, now);
        s->figures.dials_failed++;
        return ERR_IO;
    }
    struct swarm_peer *p = swarm_peer_take(s, i, fd, false);
    if (p == NULL)
        return ERR_MEMORY;
    s->figures.dialled++;
    p->dial = record_begin(s, &target, now)->number;
    target_set(p, target.ip, t.port);
    p->target.peer = t.peer;
    p->connecting = true;
    p->deadline_ms = now + SWARM_DIAL_MS;
    swarm_peer_watch(p);
    *connection = i;
    return OK;
}

enum err swarm_dial_back(struct swarm *s, const struct multiaddr *a, const struct peer_id *peer,
                         uint32_t *connection)
{
    struct multiaddr_tcp t;
    struct sockaddr_storage sa;
    uint64_t now = loop_now_ms(s->loop);
    uint32_t i;
    *connection = GATE_NONE;
    if (multiaddr_tcp_of(&t, a) != OK || (t.host != MULTIADDR_IP4 && t.host != MULTIADDR_IP6))
        return ERR_UNSUPPORTED;
    const struct gate_target target = { .ip = { t.ip, t.host == MULTIADDR_IP4 ? 4 : 16 },
                                        .port = t.port,
                                        .peer = *peer };
    socklen_t n = sockaddr_make(&sa, target.ip, t.port);
    if (!may_dial(s, netaddr_classify((const struct sockaddr *)&sa, n), false))
        return ERR_DENIED;
    TRY(gate_dial_back(&s->gate, &i, &target, now));
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, (struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS)) {
        if (fd >= 0)
            close(fd);
        gate_closed(&s->gate, i);
        return ERR_IO;
    }
    struct swarm_peer *p = swarm_peer_take(s, i, fd, false);
    if (p == NULL)
        return ERR_MEMORY;
    target_set(p, target.ip, t.port);
    p->target.peer = *peer;
    p->back = true;
    p->connecting = true;
    p->deadline_ms = now + SWARM_DIAL_MS;
    swarm_peer_watch(p);
    *connection = i;
    return OK;
}

enum err swarm_dial(struct swarm *s, const struct multiaddr *a, uint32_t *connection,
                    uint64_t *retry_ms)
{
    return dial(s, a, false, connection, retry_ms);
}

enum err swarm_dial_local(struct swarm *s, const struct multiaddr *a, uint32_t *connection,
                          uint64_t *retry_ms)
{
    return dial(s, a, true, connection, retry_ms);
}
