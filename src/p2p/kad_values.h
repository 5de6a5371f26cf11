/* kad_values: the records of names that a DHT server keeps for others: the newest of each name, in
 * memory of fixed size that no network can fill alone. docs/spec/kad.md 8. Pure; memory is the
 * caller's; one thread. */
#ifndef CRUST_P2P_KAD_VALUES_H
#define CRUST_P2P_KAD_VALUES_H

#include "codec/ipns.h"
#include "p2p/kad_contact.h"

enum {
    KAD_VALUES_CHUNK = 512,                /* most records need one */
    KAD_VALUES_SHARE = 8,                  /* a network has at most one eighth of all */
    KAD_VALUES_KEY = 6 + PEER_ID_SIZE_MAX, /* "/ipns/" and a name */
    KAD_VALUES_KEEP_S = 48 * 3600,         /* without being told again */
    KAD_VALUES_NONE = 0xffff,              /* no number of an entry, a chunk, a network */
    KAD_VALUES_MAX = 4096,                 /* of entries, and so of networks */
    KAD_VALUES_CHUNKS_MAX = 2 * 4096,
};

struct kad_value {
    int64_t until_s; /* Unix seconds; 0: free */
    uint16_t network, first, size;
    uint8_t key_size;
    uint8_t key[KAD_VALUES_KEY];
};

/* Who brought records, and how many. */
struct kad_values_network {
    uint64_t group;
    uint16_t entries, chunks; /* entries 0: free */
};

struct kad_values_chunk {
    uint16_t next;
    uint8_t bytes[KAD_VALUES_CHUNK];
};

struct kad_values_memory {
    struct kad_value *entries;
    struct kad_values_network *networks; /* as many as entries */
    size_t count;                        /* KAD_VALUES_SHARE to KAD_VALUES_MAX */
    struct kad_values_chunk *chunks;
    size_t chunk_count; /* at least 20 times KAD_VALUES_SHARE, at most KAD_VALUES_CHUNKS_MAX */
};

struct kad_values {
    struct kad_values_memory m;
    size_t used, chunks_used, touched; /* chunks from touched on have never been used */
    size_t expire_at;
    uint16_t free; /* the first of the chunks that were used */
};

/* The memory is kept, and zeroed: what is never used is never touched. */
void kad_values_init(struct kad_values *v, const struct kad_values_memory *memory);

/* kad_values_put takes a record. group names the network that brings it. The first who brought a
 * name stays the one it counts for. now_s: Unix seconds.
 *
 * Returns: OK, also for the record that is kept already, which is kept longer then;
 *          ERR_UNSUPPORTED (a key other than /ipns/NAME); ERR_EXISTS (a better one is kept);
 *          ERR_TIMEOUT (it has ended); what ipns_decode and ipns_verify say. */
NODISCARD enum err kad_values_put(struct kad_values *v, struct span key, struct span value,
                                  uint64_t group, int64_t now_s);

/* As kad_values_put, for what was kept until until_s in an earlier life. */
NODISCARD enum err kad_values_load(struct kad_values *v, struct span key, struct span value,
                                   uint64_t group, int64_t until_s, int64_t now_s);

/* ERR_NOT_FOUND, ERR_LIMIT (buf). */
NODISCARD enum err kad_values_get(const struct kad_values *v, size_t *size, struct mspan buf,
                                  struct span key, int64_t now_s);

/* kad_values_expire looks at the next so many entries and frees what has ended. */
void kad_values_expire(struct kad_values *v, size_t count, int64_t now_s);

/* The next entry from *at on, which moves behind it; NULL: there is no other. */
const struct kad_value *kad_values_next(const struct kad_values *v, size_t *at);
uint64_t kad_values_group(const struct kad_values *v, const struct kad_value *e);
void kad_values_write(const struct kad_values *v, struct writer *w, const struct kad_value *e);

/* The name that a key stands for. ERR_UNSUPPORTED: it is none. */
NODISCARD enum err kad_values_name(struct peer_id *out, struct span key);

#endif
