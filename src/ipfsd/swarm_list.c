#include "ipfsd/swarm_list.h"

#include "ipfsd/swarm_impl.h"

const struct peer_id *swarm_list_self(const struct swarm *s)
{
    return &s->self;
}

uint32_t swarm_list_size(const struct swarm *s)
{
    return s->o.limits.connections;
}

bool swarm_list_peer(const struct swarm *s, uint32_t i, struct swarm_list_peer *out)
{
    const struct swarm_peer *p = &s->peers[i];
    *out = (struct swarm_list_peer){ .inbound = p->inbound };
    if (!p->used || p->back || !p->begun || p->drop != OK || !conn_ready(&p->conn))
        return false;
    out->peer = *upgrade_peer(&p->conn.upgrade);
    out->address = multiaddr_of_ip(p->target.ip, p->target.port);
    return true;
}

size_t swarm_list_protocols(const struct swarm *s, const char **out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < SWARM_OWN + s->o.protocol_count && n < max; i++) {
        /* One that is not served now has the place of ping. */
        if (i == SWARM_PING || s->ids[i] != s->ids[SWARM_PING])
            out[n++] = s->ids[i];
    }
    return n;
}
