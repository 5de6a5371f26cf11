/* fetch_leg: one HTTP transfer of a fetch, run by the loop and read by another thread; or one block
 * asked of peers, which looks the same. Private to ipfsd/fetch.
 *
 * The loop only moves bytes: into a ring that the reader empties (a stream; a full ring pauses the
 * sender), or into a buffer of at most one block. Whoever opens legs waits on their hub. Closing
 * never waits for the loop: what the loop still holds is freed when it comes to it. */
#ifndef CRUST_IPFSD_FETCH_LEG_H
#define CRUST_IPFSD_FETCH_LEG_H

#include "base/err.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FETCH_LEG_URL_MAX = 384,
    FETCH_LEG_RING = 1 << 20, /* several of libcurl's chunks of 64 KiB */
};

struct loop;
struct http_client;
struct content_key;
struct fetch_hub;
struct fetch_leg;
struct fetch_peers;

/* What the legs of one fetch share: a lock, and a signal that something has happened. */
NODISCARD struct fetch_hub *fetch_hub_new(void); /* NULL: out of memory */
void fetch_hub_free(struct fetch_hub *h);        /* lives on until the last leg is gone */
void fetch_hub_lock(struct fetch_hub *h);
void fetch_hub_unlock(struct fetch_hub *h);
/* fetch_hub_wait gives the lock up until a signal or until wait_ms have passed; under the lock. */
void fetch_hub_wait(struct fetch_hub *h, uint64_t wait_ms);
void fetch_hub_signal(struct fetch_hub *h); /* without the lock; any thread */
/* The number of signals so far, and waiting until it differs from `seen`; both without the lock. */
uint64_t fetch_hub_count(struct fetch_hub *h);
void fetch_hub_wait_since(struct fetch_hub *h, uint64_t seen, uint64_t wait_ms);

struct fetch_leg_options {
    struct loop *loop;        /* kept until the leg has ended or the loop has */
    struct http_client *http; /* kept likewise */
    const char *url;          /* copied */
    const char *accept;       /* kept: a literal */
    const char *want_type;    /* what the Content-Type must begin with; NULL: anything. A literal */
    bool only_cached;         /* send Cache-Control: only-if-cached */
    bool stream;              /* a ring; else a buffer for one block */
    uint32_t idle_ms;         /* without a byte */
    uint32_t connect_ms;
    uint32_t total_ms; /* 0: as long as it takes */
};

/* fetch_leg_open asks the loop to start. ERR_MEMORY, ERR_LIMIT (URL). Not under the lock. */
NODISCARD enum err fetch_leg_open(struct fetch_leg **out, struct fetch_hub *h,
                                  const struct fetch_leg_options *o);
/* fetch_leg_peers asks peers (copied) for a block. ERR_MEMORY, and as their ask. Not under the
 * lock.
 */
NODISCARD enum err fetch_leg_peers(struct fetch_leg **out, struct fetch_hub *h,
                                   const struct fetch_peers *peers, const struct content_key *key);
void fetch_leg_close(struct fetch_leg *l); /* NULL is fine; not under the lock */

/* What is known. Under the hub's lock. */
struct fetch_leg_state {
    bool replied; /* headers are in */
    bool ended;
    enum err err;     /* of an ended one: OK, or why it failed; as http_client.h, and ERR_NOT_FOUND,
                         ERR_BUSY, ERR_IO for what the status says, ERR_UNSUPPORTED for another type */
    uint16_t status;  /* 0: no answer */
    uint64_t bytes;   /* received so far */
    struct span data; /* stream: what can be read now in one piece; block: all that came */
};
void fetch_leg_look(struct fetch_leg *l, struct fetch_leg_state *out);

/* fetch_leg_take frees the first n bytes of the ring. Not under the lock. */
void fetch_leg_take(struct fetch_leg *l, size_t n);

#endif
