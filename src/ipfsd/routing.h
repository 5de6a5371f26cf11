/* routing: who has a content, where a peer is: one question to everyone whom this node can ask (the
 * DHT, delegated routers, the local network), the answers as they come, and for each who was asked
 * how it went. Design: docs/design/dht.md.
 *
 * Sources register once; whoever asks gives callbacks. All on the loop's thread. A callback may end
 * its own question (routing_end) and begin others. */
#ifndef CRUST_IPFSD_ROUTING_H
#define CRUST_IPFSD_ROUTING_H

#include "codec/cid.h"
#include "codec/multiaddr.h"
#include "rt/loop.h"

enum {
    ROUTING_SOURCES_MAX = 8,
    ROUTING_QUESTIONS_MAX = 64, /* at a time, of all who ask */
    ROUTING_ADDRS_MAX = 8,      /* of a peer; more are left out */
    ROUTING_WHO_MAX = 128,      /* with its NUL; longer is cut */
};

struct routing;

/* Somebody who is said to have it, or the peer that was asked for. */
struct routing_provider {
    const char *source; /* "dht", "dht-lan", "mdns", a router's URL; kept by the source */
    struct peer_id peer;
    size_t addr_count; /* 0: only its name is known; routing_find_peer may tell more */
    struct multiaddr addrs[ROUTING_ADDRS_MAX]; /* as they came, without /p2p at the end or with */
};

/* One who was asked, and how that went. */
struct routing_note {
    const char *source;          /* as above */
    char who[ROUTING_WHO_MAX];   /* a peer id, a URL */
    char where[ROUTING_WHO_MAX]; /* the address that it was asked at, or "" */
    enum err result;             /* OK: it answered */
    uint32_t providers;          /* that its answer named, of it those that were new included */
    uint32_t closer;             /* others to ask that it named */
    uint32_t took_ms;
};

enum routing_kind {
    ROUTING_PROVIDERS,
    ROUTING_PEER,
    ROUTING_CLOSEST, /* nodes of the DHT that are closest to the multihash of cid */
};

struct routing_question {
    enum routing_kind kind;
    bool direct;         /* not by those who ask others in turn: two nodes would ask each other */
    struct cid cid;      /* of ROUTING_PROVIDERS, ROUTING_CLOSEST */
    struct peer_id peer; /* of ROUTING_PEER */
    void *ctx;
    /* An answer; borrowed. The same peer may come again, from another source or with more
     * addresses. */
    void (*found)(void *ctx, const struct routing_provider *p);
    void (*note)(void *ctx, const struct routing_note *n); /* may be NULL */
    void (*over)(void *ctx); /* all sources are through; the question is no more */
};

/* One who can be asked. */
struct routing_source {
    const char *name; /* kept */
    bool relays;      /* it asks others who ask others: routers */
    void *ctx;
    /* Begins to look. OK: it calls routing_found and routing_note as it goes and routing_done at
     * last, not from within begin. Else it is not asked, and a note says why. q is kept until then.
     */
    enum err (*begin)(void *ctx, uint32_t question, const struct routing_question *q);
    /* Nobody waits any more: it says nothing further of this question. */
    void (*cancel)(void *ctx, uint32_t question);
};

/* ERR_MEMORY. */
NODISCARD enum err routing_open(struct routing **out, struct loop *l);

/* When no question is open any more, of those that callers began; sources have been told to cancel
 * what is. NULL is fine. */
void routing_close(struct routing *r);

/* routing_add registers a source; ERR_LIMIT. *index names it to the calls below. */
NODISCARD enum err routing_add(struct routing *r, const struct routing_source *s, size_t *index);

/* routing_begin asks all sources. q is copied. Nothing is called back before the next turn.
 * Returns: OK and *question; ERR_LIMIT (ROUTING_QUESTIONS_MAX). Without a source it is over at
 * the next turn. */
NODISCARD enum err routing_begin(struct routing *r, uint32_t *question,
                                 const struct routing_question *q);

/* routing_end: no further callbacks of it. A question that is over is ignored. */
void routing_end(struct routing *r, uint32_t question);

/* For sources. source of what is passed is set here. Of a question that is no more: ignored. */
void routing_found(struct routing *r, size_t source, uint32_t question, struct routing_provider *p);
void routing_note(struct routing *r, size_t source, uint32_t question, struct routing_note *n);
void routing_done(struct routing *r, size_t source, uint32_t question);

#endif
