/* dht: the node in the DHTs of libp2p, Amino (`/ipfs/kad/1.0.0`, global addresses) and that of its
 * local network (`/ipfs/lan/kad/1.0.0`, all others): tables, look-ups, answers to others, over the
 * swarm. docs/spec/kad.md; the machines are p2p/kad_*. Design: docs/design/dht.md.
 *
 * On the loop's thread. Memory is fixed when it is opened but for messages under way, which are
 * bounded by DHT_ASKS and DHT_STREAMS. */
#ifndef CRUST_IPFSD_DHT_H
#define CRUST_IPFSD_DHT_H

#include "ipfsd/routing.h"
#include "ipfsd/settings.h"
#include "ipfsd/swarm.h"
#include "p2p/kad_table.h"
#include "p2p/reach.h"

enum { DHT_LAN, DHT_WAN, DHT_NETS }; /* numbers of the two */

enum {
    DHT_ASKS = 48,     /* requests to others under way */
    DHT_LOOKS = 24,    /* look-ups under way */
    DHT_STREAMS = 128, /* of others who ask us */
    DHT_STREAMS_EACH = 4,
    DHT_REQUEST_MAX = 16384, /* bytes of what others ask; a value is 10,240 */
    DHT_SEEDS = 128,         /* nodes of an earlier life that are asked again */
    DHT_RECORDS = 32768,     /* provider records of others, 250 bytes each */
    DHT_VALUES = 2048,       /* records of names, of a net */
    DHT_VALUE_CHUNKS = 4096, /* and their room: 2 MiB */
    DHT_REACHED = 2,         /* strangers from outside, of different networks, make a server */
    DHT_TICK_MS = 250,
    DHT_SAVE_MS = 600 * 1000,
};

struct dht;

struct dht_options {
    struct loop *loop;       /* kept */
    struct routing *routing; /* kept; the sources "dht" and "dht-lan" are added to it */
    struct peer_id self;
    enum dht_mode mode;
    bool lan, wan;        /* which of the two */
    bool loopback;        /* addresses of this machine count in the local network (tests) */
    const char *file;     /* kept: where tables are kept between lives; NULL: nowhere */
    const char *values;   /* the same for records of names */
    uint32_t connections; /* of the swarm: numbers are below */
};

/* ERR_MEMORY, ERR_LIMIT (routing). */
NODISCARD enum err dht_open(struct dht **out, const struct dht_options *o);

/* What the swarm is to be opened with for one of the two, and afterwards the swarm and the index
 * of the protocol of each in its options. */
struct swarm_protocol dht_protocol(struct dht *d, size_t net);
void dht_attach(struct dht *d, struct swarm *s, const size_t protocols[DHT_NETS]);

/* From the swarm's callbacks. */
void dht_peer(struct dht *d, uint32_t connection, const struct peer_id *peer, bool inbound);
void dht_identity(struct dht *d, uint32_t connection, const struct identify *id);
void dht_gone(struct dht *d, uint32_t connection, enum err why);

struct dht_figures {
    struct {
        bool on, serving;
        uint32_t nodes;   /* in the table */
        uint32_t records; /* kept for others: of providers */
        uint32_t values;  /* and of names */
    } nets[DHT_NETS];
    uint32_t looks, asks, streams; /* under way */
    uint64_t looked, asked, failed, served, refused;
    enum reach_verdict reach; /* as dht_reach has told */
    enum dht_mode mode;
};
void dht_figures(const struct dht *d, struct dht_figures *out);

/* dht_reach: whether the world can reach this node, as far as is known; decides in the mode auto.
 */
void dht_reach(struct dht *d, enum reach_verdict all);

/* dht_stop: nothing more is asked or answered, the tables are written; before the swarm closes.
 * dht_close afterwards, when routing asks nothing any more. NULL is fine. */
void dht_stop(struct dht *d);
void dht_close(struct dht *d);

#endif
