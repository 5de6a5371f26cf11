#include "ipfsd/p2p_self.h"

#include "codec/worker_label.h"
#include "ipfsd/host.h"
#include "rt/netaddr.h"

#include <pthread.h>
#include <stdlib.h>

struct p2p_self {
    const struct settings *settings;
    struct peer_id id;
    struct swarm *swarm;
    struct host *host; /* NULL: no storage */
    struct loop_timer *tick;
    pthread_mutex_t lock; /* of texts */
    struct p2p_self_texts texts;
};

/* ---- where it is ------------------------------------------------------------------------------
 */

static void add(struct p2p_self_texts *out, const struct multiaddr *a, const struct peer_id *id)
{
    char text[HOLDER_URL_MAX + 1];
    if (out->count == P2P_SELF_TEXTS || holder_url_of_peer(text, a, id) != OK)
        return; /* longer than a text may be: the name alone is left */
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->texts[i], text) == 0)
            return;
    memcpy(out->texts[out->count++], text, sizeof(text));
}

/* The host of the gateway's URL with the port at which peers are listened for. A URL of an address
 * that is not global is not for the world. */
static bool at_gateway(struct multiaddr *out, const char *url, const struct multiaddr *listen)
{
    struct multiaddr a;
    struct multiaddr_tcp port;
    struct multiaddr_part host;
    uint8_t bytes[2];
    *out = (struct multiaddr){ 0 };
    if (listen == NULL || multiaddr_of_url(&a, url) != OK ||
        multiaddr_tcp_of(&port, listen) != OK || port.port == 0)
        return false;
    struct reader r = reader_of(multiaddr_span(&a));
    if (!multiaddr_next(&r, &host))
        return false;
    if ((host.code == MULTIADDR_IP4 && netaddr_class_v4(host.value.p) != NETADDR_GLOBAL) ||
        (host.code == MULTIADDR_IP6 && netaddr_class_v6(host.value.p) != NETADDR_GLOBAL) ||
        span_eq(host.value, span_str("localhost")))
        return false;
    store_be16(bytes, port.port);
    return multiaddr_add(out, host.code, host.value) == OK &&
           multiaddr_add(out, MULTIADDR_TCP, span_of(bytes, 2)) == OK;
}

void p2p_self_choose(struct p2p_self_texts *out, const struct peer_id *id,
                     const struct multiaddr *addresses, size_t count, const char *url,
                     const struct multiaddr *listen)
{
    struct multiaddr a;
    *out = (struct p2p_self_texts){ 0 };
    for (size_t i = 0; i < count; i++)
        add(out, &addresses[i], id);
    if (out->count == 0 && at_gateway(&a, url, listen))
        add(out, &a, id);
    if (out->count == 0)
        add(out, NULL, id);
}

/* ---- once a second ----------------------------------------------------------------------------
 */

static void on_tick(void *ctx)
{
    struct p2p_self *p = ctx;
    struct multiaddr list[SWARM_ANNOUNCE_MAX], listen;
    struct p2p_self_texts texts;
    char label[WORKER_LABEL_MAX] = "";
    uint8_t lineage[32];
    if (p->host != NULL && host_lineage(p->host, lineage))
        worker_label_format(label, lineage);
    swarm_label(p->swarm, label);
    /* Where private addresses may be dialled, they are addresses like others. */
    bool global = !p->settings->allow_private_origins;
    size_t count = swarm_addresses(p->swarm, list, SWARM_ANNOUNCE_MAX, global);
    bool listens = swarm_address(p->swarm, 0, &listen) == OK;
    p2p_self_choose(&texts, &p->id, list, count, p->settings->url, listens ? &listen : NULL);
    pthread_mutex_lock(&p->lock);
    p->texts = texts;
    pthread_mutex_unlock(&p->lock);
}

void p2p_self_get(struct p2p_self *p, struct p2p_self_texts *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->texts;
    pthread_mutex_unlock(&p->lock);
}

void p2p_self_host(struct p2p_self *p, struct host *host)
{
    p->host = host;
}

enum err p2p_self_open(struct p2p_self **out, struct loop *l, const struct settings *s,
                       const struct peer_id *id, struct swarm *swarm)
{
    struct p2p_self *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL)
        return ERR_MEMORY;
    p->settings = s;
    p->id = *id;
    p->swarm = swarm;
    pthread_mutex_init(&p->lock, NULL);
    p->tick = loop_timer_new(l, on_tick, p);
    if (p->tick == NULL) {
        p2p_self_close(p);
        return ERR_MEMORY;
    }
    loop_timer_start(p->tick, P2P_SELF_TICK_MS, P2P_SELF_TICK_MS);
    *out = p;
    return OK;
}

void p2p_self_close(struct p2p_self *p)
{
    if (p == NULL)
        return;
    loop_timer_free(p->tick);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
