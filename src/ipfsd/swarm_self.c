/* What the node says of itself: its addresses, the identify message, the signed record, and who has
 * been told. docs/spec/p2p-streams.md 2.7 to 2.10. */
#include "codec/peer_record.h"
#include "ipfsd/swarm_impl.h"
#include "p2p/ping.h"
#include "rt/clock.h"
#include "rt/netif.h"

static enum netaddr_class class_of(struct span ip)
{
    return ip.n == 4 ? netaddr_class_v4(ip.p) : netaddr_class_v6(ip.p);
}

/* ---- which addresses ---------------------------------------------------------------------------
 */

static void add(struct swarm_self *me, const struct multiaddr *a, enum netaddr_class class)
{
    for (size_t i = 0; i < me->count; i++)
        if (multiaddr_eq(&me->addresses[i], a))
            return;
    if (me->count == SWARM_ANNOUNCE_MAX)
        return;
    me->addresses[me->count] = *a;
    me->classes[me->count++] = class;
}

/* SPEC p2p-streams 2.7: "Never told are unspecified, link-local, multicast and reserved addresses"
 */
static void add_ip(struct swarm_self *me, struct span ip, uint16_t port, int rank)
{
    static const int ranks[] = {
        [NETADDR_GLOBAL] = 0,       [NETADDR_UNSPECIFIED] = -1, [NETADDR_LOOPBACK] = 2,
        [NETADDR_PRIVATE] = 1,      [NETADDR_SHARED] = 1,       [NETADDR_LINK_LOCAL] = -1,
        [NETADDR_UNIQUE_LOCAL] = 1, [NETADDR_MULTICAST] = -1,   [NETADDR_RESERVED] = -1,
    };
    enum netaddr_class class = class_of(ip);
    struct multiaddr a = multiaddr_of_ip(ip, port);
    if (ranks[class] == rank)
        add(me, &a, class);
}

/* SPEC autonat 4.4: "An address that others see is told only once it can be reached" */
static bool may_tell(const struct swarm *s, const struct observed_address *o)
{
    struct multiaddr a = multiaddr_of_ip(span_of(o->ip, o->size), o->port);
    return s->o.may_tell == NULL || s->o.may_tell(s->o.ctx, &a);
}

/* Those of one rank: what more peers can reach comes first, and is what is left when there are too
 * many. */
static void add_rank(struct swarm *s, struct swarm_self *me, const struct netif *ifs, size_t n,
                     int rank)
{
    struct observed_address seen[SWARM_ANNOUNCE_MAX];
    size_t confirmed =
        observed_confirmed(&s->observed, seen, SWARM_ANNOUNCE_MAX, loop_now_ms(s->loop));
    for (size_t i = 0; i < s->o.listen_count; i++) {
        struct multiaddr_tcp t;
        if (multiaddr_tcp_of(&t, &s->listeners[i].address) != OK)
            continue;
        uint8_t size = t.host == MULTIADDR_IP4 ? 4 : 16;
        struct span ip = span_of(t.ip, size);
        bool all = class_of(ip) == NETADDR_UNSPECIFIED;
        if (!all)
            add_ip(me, ip, t.port, rank);
        for (size_t k = 0; k < n && all; k++)
            if (ifs[k].size == size)
                add_ip(me, span_of(ifs[k].ip, size), t.port, rank);
        for (size_t k = 0; k < confirmed; k++)
            if (seen[k].size == size && may_tell(s, &seen[k]))
                add_ip(me, span_of(seen[k].ip, size), seen[k].port, rank);
    }
}

static void add_announced(const struct swarm *s, struct swarm_self *me)
{
    for (size_t i = 0; i < s->o.announce_count; i++) {
        struct multiaddr_tcp t;
        const struct multiaddr *a = &s->o.announce[i];
        enum netaddr_class class = NETADDR_GLOBAL; /* of a name the operator knows best */
        if (multiaddr_tcp_of(&t, a) == OK && t.host == MULTIADDR_IP4)
            class = netaddr_class_v4(t.ip);
        else if (t.host == MULTIADDR_IP6)
            class = netaddr_class_v6(t.ip);
        add(me, a, class);
    }
}

/* SPEC p2p-streams 2.8: "A signed record holds no loopback address, and the one for peers at global
 * addresses holds global ones only" */
static void sign(struct swarm *s, struct swarm_self *me)
{
    uint64_t now = clock_wall_ms();
    me->seq = now > me->seq ? now : me->seq + 1;
    for (size_t k = 0; k < 2; k++) {
        struct multiaddr list[SWARM_ANNOUNCE_MAX];
        struct swarm_record *r = &me->records[k];
        struct writer w = writer_of(r->bytes, sizeof(r->bytes));
        size_t n = 0;
        for (size_t i = 0; i < me->count; i++)
            if (me->classes[i] == NETADDR_GLOBAL || (k == 0 && me->classes[i] != NETADDR_LOOPBACK))
                list[n++] = me->addresses[i];
        if (n > 0)
            peer_record_seal(&w, s->o.identity, me->seq, list, n);
        r->size = w.err == OK ? w.len : 0;
    }
}

static bool differs(const struct swarm_self *a, const struct swarm_self *b)
{
    if (a->count != b->count)
        return true;
    for (size_t i = 0; i < a->count; i++)
        if (!multiaddr_eq(&a->addresses[i], &b->addresses[i]))
            return true;
    return false;
}

static void look(struct swarm *s)
{
    struct netif ifs[NETIF_MAX];
    struct swarm_self *me = &s->about, *next = &s->next;
    *next = (struct swarm_self){ .version = me->version + 1, .seq = me->seq };
    if (s->o.announce_count != 0) {
        add_announced(s, next);
    } else {
        size_t n = netif_list(ifs, NETIF_MAX);
        for (int rank = 0; rank <= 2; rank++)
            add_rank(s, next, ifs, n, rank);
    }
    if (me->version == 0 || differs(me, next)) {
        sign(s, next);
        *me = *next;
    }
    me->looked_ms = loop_now_ms(s->loop);
}

size_t swarm_addresses(const struct swarm *s, struct multiaddr *out, size_t max, bool global)
{
    const struct swarm_self *me = &s->about;
    size_t n = 0;
    for (size_t i = 0; i < me->count && n < max; i++)
        if (me->classes[i] == NETADDR_GLOBAL || (!global && me->classes[i] != NETADDR_LOOPBACK))
            out[n++] = me->addresses[i];
    for (size_t i = 0; !global && n == 0 && i < me->count && i < max; i++)
        out[n++] = me->addresses[i];
    return n;
}

static bool holds(const struct multiaddr *list, size_t n, const struct multiaddr *a)
{
    for (size_t i = 0; i < n; i++)
        if (multiaddr_eq(&list[i], a))
            return true;
    return false;
}

size_t swarm_reach_addresses(const struct swarm *s, struct multiaddr *out, size_t max)
{
    struct observed_address seen[SWARM_ANNOUNCE_MAX];
    const struct swarm_self *me = &s->about;
    size_t n = 0, confirmed = observed_confirmed(&s->observed, seen, SWARM_ANNOUNCE_MAX,
                                                 loop_now_ms(s->loop));
    for (size_t i = 0; i < me->count && n < max; i++) {
        struct multiaddr_tcp t;
        if (me->classes[i] == NETADDR_GLOBAL && multiaddr_tcp_of(&t, &me->addresses[i]) == OK &&
            (t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6))
            out[n++] = me->addresses[i];
    }
    /* Where the operator announces, what others see is of no use. */
    for (size_t i = 0; i < confirmed && s->o.announce_count == 0 && n < max; i++) {
        struct multiaddr a = multiaddr_of_ip(span_of(seen[i].ip, seen[i].size), seen[i].port);
        if (!holds(out, n, &a))
            out[n++] = a;
    }
    return n;
}

/* ---- the message -------------------------------------------------------------------------------
 */

/* SPEC p2p-streams 2.7: "A peer at a global address is told global addresses only, one of a local
 * network no loopback addresses" */
static bool may_know(enum netaddr_class ours, enum netaddr_class theirs)
{
    if (theirs == NETADDR_LOOPBACK || ours == NETADDR_GLOBAL)
        return true;
    return theirs != NETADDR_GLOBAL && ours != NETADDR_LOOPBACK;
}

static void list_ourselves(const struct swarm *s, const struct swarm_peer *p, struct identify *id)
{
    enum netaddr_class theirs = class_of(p->target.ip);
    const struct swarm_self *me = &s->about;
    for (size_t i = 0; i < SWARM_OWN + s->o.protocol_count; i++)
        if (i < SWARM_OWN || s->ids[i] != s->ids[SWARM_PING])
            id->protocols[id->protocol_count++] = span_str(s->ids[i]);
    if (s->label[0] != '\0')
        id->protocols[id->protocol_count++] = span_str(s->label);
    for (size_t i = 0; i < me->count; i++)
        if (may_know(me->classes[i], theirs))
            id->addrs[id->addr_count++] = multiaddr_span(&me->addresses[i]);
    const struct swarm_record *r = &me->records[theirs == NETADDR_GLOBAL];
    id->signed_record = span_of(r->bytes, r->size);
}

bool swarm_self_write(struct swarm *s, struct swarm_service *v)
{
    uint8_t key[PEER_KEY_SIZE_MAX], text[IDENTIFY_OURS_MAX], length[5];
    struct peer_key public_key = peer_key_of(s->o.identity);
    struct swarm_peer *p = &s->peers[v->connection];
    struct writer k = writer_of(key, sizeof(key)), w = writer_of(text, sizeof(text));
    struct writer n = writer_of(length, sizeof(length));
    peer_key_write(&k, &public_key);
    struct multiaddr observed = multiaddr_of_ip(p->target.ip, p->target.port);
    struct identify id = { .public_key = writer_span(&k),
                           .observed_addr = multiaddr_span(&observed),
                           .protocol_version = span_str("ipfs/0.1.0"),
                           .agent_version = span_str(s->o.agent) };
    list_ourselves(s, p, &id);
    identify_write(&w, &id);
    if (w.err != OK) { /* names as long as names may be: the record says the same again */
        id.signed_record = (struct span){ 0 };
        w = writer_of(text, sizeof(text));
        identify_write(&w, &id);
    }
    write_uvarint(&n, w.len);
    bool good = k.err == OK && w.err == OK && ring_write(&v->out, writer_span(&n)) &&
                ring_write(&v->out, writer_span(&w));
    if (good)
        p->told = s->about.version;
    return good;
}

/* ---- telling, and hearing ----------------------------------------------------------------------
 */

void swarm_serve(struct swarm *s, size_t i, bool on)
{
    ASSERT(i < s->o.protocol_count);
    /* The first of equal ids is found, so this place is never reached while it is that of ping. */
    const char *id = on ? s->o.protocols[i].id : s->ids[SWARM_PING];
    if (s->ids[SWARM_OWN + i] == id)
        return;
    s->ids[SWARM_OWN + i] = id;
    s->about.version++;
}

void swarm_label(struct swarm *s, const char *label)
{
    size_t n = strlen(label);
    ASSERT(n <= SWARM_LABEL_MAX);
    if (strcmp(s->label, label) == 0)
        return;
    memcpy(s->label, label, n + 1);
    s->about.version++;
}

/* SPEC p2p-streams 2.10: "Who has been told something else, and takes pushes, is told again" */
static void push(struct swarm *s)
{
    for (uint32_t i = 0; i < s->o.limits.connections; i++) {
        struct swarm_peer *p = &s->peers[i];
        if (!p->hears || p->told == 0 || p->told == s->about.version || swarm_conn(s, i) == NULL)
            continue;
        if (!swarm_peer_ask(p, SWARM_PUSH))
            return; /* at the next tick */
        p->told = s->about.version;
    }
}

void swarm_self_tick(struct swarm *s)
{
    if (s->about.version == 0 || loop_now_ms(s->loop) >= s->about.looked_ms + SWARM_LOOK_MS)
        look(s);
    push(s);
}

/* SPEC p2p-streams 2.9: "Of a connection that we dialled only the IP address counts, with the port
 * of a listener: its own port is used up by it" */
static void hear_observed(struct swarm *s, const struct swarm_peer *p, struct span bytes)
{
    struct multiaddr a;
    struct multiaddr_tcp seen, l;
    if (multiaddr_decode(&a, bytes) != OK || multiaddr_tcp_of(&seen, &a) != OK ||
        (seen.host != MULTIADDR_IP4 && seen.host != MULTIADDR_IP6))
        return;
    struct observed_address o = { .size = seen.host == MULTIADDR_IP4 ? 4 : 16, .port = seen.port };
    memcpy(o.ip, seen.ip, o.size);
    if (class_of(span_of(o.ip, o.size)) != NETADDR_GLOBAL ||
        class_of(p->target.ip) != NETADDR_GLOBAL)
        return;
    for (size_t i = 0; i < s->o.listen_count; i++) {
        if (multiaddr_tcp_of(&l, &s->listeners[i].address) != OK || l.host != seen.host)
            continue;
        o.port = p->inbound ? o.port : l.port;
        observed_note(&s->observed, &o, p->target.ip, loop_now_ms(s->loop));
        return;
    }
}

void swarm_self_heard(struct swarm *s, uint32_t connection, const struct identify *id)
{
    struct swarm_peer *p = &s->peers[connection];
    p->hears = identify_speaks(id, span_str(IDENTIFY_PUSH_ID));
    hear_observed(s, p, id->observed_addr);
}
