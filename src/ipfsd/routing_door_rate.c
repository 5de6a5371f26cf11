#include "ipfsd/routing_door_rate.h"

#include "crypto/sha256.h"
#include "rt/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { PREFIX_V6 = 7, ADDRESS_MAX = 64, UNLIMITED = ROUTING_DOOR_NETWORKS };

static uint64_t id_of(const void *bytes, size_t n)
{
    uint8_t hash[32];
    sha256(hash, span_of(bytes, n));
    return load_le64(hash) | 1;
}

static uint64_t id_v4(const uint8_t ip[4])
{
    return netaddr_class_v4(ip) == NETADDR_LOOPBACK ? 0 : id_of(ip, 4);
}

static uint64_t id_v6(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (memcmp(ip, mapped, sizeof(mapped)) == 0)
        return id_v4(ip + 12);
    return netaddr_class_v6(ip) == NETADDR_LOOPBACK ? 0 : id_of(ip, PREFIX_V6);
}

/* The last address that a proxy of this machine has added; 0: none that can be read. */
static uint64_t id_forwarded(const char *list)
{
    char text[ADDRESS_MAX];
    uint8_t ip[16];
    const char *last = strrchr(list, ',');
    last = last == NULL ? list : last + 1;
    last += strspn(last, " \t");
    size_t n = strcspn(last, " \t");
    if (n >= sizeof(text))
        return 0;
    memcpy(text, last, n);
    text[n] = '\0';
    if (inet_pton(AF_INET, text, ip) == 1)
        return id_v4(ip);
    return inet_pton(AF_INET6, text, ip) == 1 ? id_v6(ip) : 0;
}

uint64_t routing_door_network(const struct sockaddr *peer, const char *behind)
{
    uint64_t id = 0;
    if (peer != NULL && peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof(in));
        id = id_v4((const uint8_t *)&in.sin_addr);
    } else if (peer != NULL && peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, peer, sizeof(in));
        id = id_v6(in.sin6_addr.s6_addr);
    }
    return id == 0 && behind != NULL ? id_forwarded(behind) : id;
}

/* Its place, or one that nobody needs any more; NULL: all are in use. */
static struct routing_door_network *place_of(struct routing_door_rate *r, uint64_t id)
{
    struct routing_door_network *best = NULL;
    for (size_t i = 0; i < ROUTING_DOOR_NETWORKS; i++) {
        struct routing_door_network *n = &r->list[i];
        if (n->id == id)
            return n;
        if (n->open == 0 && (best == NULL || n->full_ms < best->full_ms))
            best = n;
    }
    if (best != NULL)
        *best = (struct routing_door_network){ .id = id };
    return best;
}

enum err routing_door_enter(struct routing_door_rate *r, uint32_t *place, uint64_t *wait_ms,
                            uint64_t id, uint64_t now_ms)
{
    const uint64_t burst_ms = (uint64_t)ROUTING_DOOR_BURST * ROUTING_DOOR_AGAIN_MS;
    *place = UNLIMITED;
    *wait_ms = 1000;
    if (id == 0)
        return OK;
    struct routing_door_network *n = place_of(r, id);
    if (n == NULL || n->open == ROUTING_DOOR_EACH)
        return ERR_BUSY;
    uint64_t full = n->full_ms > now_ms ? n->full_ms : now_ms;
    if (full + ROUTING_DOOR_AGAIN_MS > now_ms + burst_ms) {
        *wait_ms = full + ROUTING_DOOR_AGAIN_MS - now_ms - burst_ms;
        return ERR_BUSY;
    }
    n->full_ms = full + ROUTING_DOOR_AGAIN_MS;
    n->open++;
    *place = (uint32_t)(n - r->list);
    return OK;
}

void routing_door_leave(struct routing_door_rate *r, uint32_t place)
{
    if (place == UNLIMITED)
        return;
    ASSERT(r->list[place].open > 0);
    r->list[place].open--;
}
