/* What a request to the routing door waits for on a thread: the store, the chain, names. */
#include "base/hex.h"
#include "codec/holder_url.h"
#include "crypto/sha256.h"
#include "ipfs/blockio.h"
#include "ipfsd/routing_door_impl.h"
#include "rt/clock.h"

#include <stdlib.h>

void routing_door_etag(char out[2 * 32 + 3], struct span bytes)
{
    uint8_t digest[32];
    sha256(digest, bytes);
    out[0] = '"';
    hex_format(out + 1, span_of(digest, sizeof(digest)));
    memcpy(out + 65, "\"", 2);
}

/* ---- the chain ----------------------------------------------------------------------------------
 */

static bool in_list(const struct routing_v1_peer *p, const struct multiaddr *a)
{
    for (uint32_t i = 0; i < p->addr_count; i++)
        if (multiaddr_eq(&p->addrs[i], a))
            return true;
    return false;
}

/* SPEC routing-v1 4.3: "else by its account's key" */
static struct peer_id name_of(const struct chain_client_holder *h)
{
    struct peer_key key = { .type = PEER_KEY_ED25519, .size = 32 };
    memcpy(key.data, h->account, 32);
    for (uint32_t i = 0; i < h->url_count; i++) {
        struct holder_url url;
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind == HOLDER_URL_PEER)
            return url.peer;
    }
    return peer_id_of(&key);
}

static struct routing_v1_peer *record_of(struct routing_door_slot *s, const struct peer_id *id)
{
    for (size_t i = 0; i < s->chain_count; i++)
        if (peer_id_eq(&s->chain[i].id, id))
            return &s->chain[i];
    if (s->chain_count == ROUTING_DOOR_CHAIN)
        return NULL;
    s->chain[s->chain_count] = (struct routing_v1_peer){ .id = *id };
    return &s->chain[s->chain_count++];
}

static void add_address(const struct routing_door *d, struct routing_v1_peer *p,
                        const struct multiaddr *a)
{
    if (p->addr_count < ROUTING_V1_ADDRS_MAX && routing_door_tells(d, a) && !in_list(p, a))
        p->addrs[p->addr_count++] = *a;
}

static void add_holder(struct routing_door_slot *s, const struct chain_client_holder *h)
{
    const struct peer_id id = name_of(h);
    struct routing_v1_peer *p = record_of(s, &id);
    for (uint32_t i = 0; p != NULL && i < h->url_count; i++) {
        struct holder_url url;
        struct multiaddr a;
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind == HOLDER_URL_PEER && peer_id_eq(&url.peer, &id)) {
            p->bitswap = true;
            if (url.address.size == 0)
                continue;
            a = routing_door_bare(&url.address, &id);
            add_address(s->of, p, &a);
        } else if (url.kind == HOLDER_URL_GATEWAY && multiaddr_of_url(&a, h->urls[i]) == OK) {
            add_address(s->of, p, &a);
            p->http = p->http || in_list(p, &a);
        }
    }
}

/* Those who have proven to hold it come first. */
static void ask_chain(struct routing_door_slot *s)
{
    struct content_key key;
    size_t count = 0;
    if (s->of->o.chain == NULL || cid_key(&key, &s->q.cid) != OK)
        return;
    struct chain_client_order *orders = calloc(CHAIN_READ_PAGE_MAX, sizeof(*orders));
    if (orders == NULL || chain_read_orders_of(s->of->o.chain, orders, &count, &key) != OK)
        count = 0;
    for (int verified = 1; verified >= 0; verified--)
        for (size_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < orders[i].holder_count; k++)
                if (orders[i].holders[k].verified == (verified == 1))
                    add_holder(s, &orders[i].holders[k]);
    free(orders);
}

static bool is_here(const struct routing_door_slot *s)
{
    struct content_key key;
    struct span inlined;
    if (cid_inlined(&inlined, &s->q.cid) || cid_key(&key, &s->q.cid) != OK)
        return false;
    struct block_key k = { .codec = key.codec };
    memcpy(k.digest, key.digest, sizeof(k.digest));
    return block_source_has(s->of->o.local, &k) == OK;
}

/* ---- names --------------------------------------------------------------------------------------
 */

static void get_name(struct routing_door_slot *s)
{
    const struct routing_door_options *o = &s->of->o;
    if (o->mode == SETTINGS_SERVE_ALL)
        names_find(o->names, &s->q.peer);
    s->result = names_record(o->names, &s->record_size,
                             (struct mspan){ s->record, sizeof(s->record) }, &s->q.peer);
}

/* Whether a record is good and not older than the one that is known here. It is told to the DHT and
 * not kept: what strangers send does not fill the table of this node. */
static enum err check_record(struct routing_door_slot *s)
{
    uint8_t bytes[IPNS_RECORD_MAX];
    size_t size;
    struct ipns_record record, known;
    TRY(ipns_decode(&record, span_of(s->record, s->record_size)));
    TRY(ipns_verify(&record, &s->q.peer, (int64_t)(clock_wall_ms() / 1000)));
    bool there = names_record(s->of->o.names, &size, (struct mspan){ bytes, sizeof(bytes) },
                              &s->q.peer) == OK &&
                 ipns_decode(&known, span_of(bytes, size)) == OK;
    return there && ipns_compare(&record, &known) < 0 ? ERR_STATE : OK;
}

static void put_name(struct routing_door_slot *s)
{
    const struct routing_door_options *o = &s->of->o;
    s->result = check_record(s);
    if (s->result != OK)
        return;
    s->published = true;
    s->result = o->publish(o->ctx, &s->q.peer, span_of(s->record, s->record_size));
}

void routing_door_work(struct jobs_item *item)
{
    struct routing_door_slot *s =
        (struct routing_door_slot *)(void *)((uint8_t *)item -
                                             offsetof(struct routing_door_slot, job));
    if (s->put) {
        put_name(s);
    } else if (s->q.what == ROUTING_SERVE_IPNS) {
        get_name(s);
    } else {
        s->own = is_here(s);
        if (s->of->o.mode == SETTINGS_SERVE_ALL)
            ask_chain(s);
    }
    pthread_mutex_lock(&s->of->lock);
    s->job_over = true;
    pthread_mutex_unlock(&s->of->lock);
    loop_post_event(s->of->o.loop, &s->event);
}
