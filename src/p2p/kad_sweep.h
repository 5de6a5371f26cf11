/* kad_sweep: telling the DHT again and again what this node has, in an order that costs few
 * look-ups: the contents are sorted by their places, each has its time of the interval by its
 * place, and neighbours are told to the same nodes in one go. docs/spec/kad.md 7.
 *
 *   list_begin, list_add..., list_end: what the node has now
 *   while (kad_sweep_next(s, net, now, &i)):
 *       look up the nodes closest to keys[i]; kad_sweep_region says which keys they are good for;
 *       look up those of its last key too; tell each node the keys that are kad_sweep_assigned
 *       to it; kad_sweep_done for those that enough nodes took
 *
 * Pure; memory is the caller's; one thread. Times are Unix seconds, so that they outlive us. */
#ifndef CRUST_P2P_KAD_SWEEP_H
#define CRUST_P2P_KAD_SWEEP_H

#include "p2p/kad_contact.h"

enum {
    KAD_SWEEP_NETS = 2,
    KAD_SWEEP_INTERVAL_S = 22 * 3600, /* records live 48 hours */
    KAD_SWEEP_NODES = 2 * KAD_K,      /* of a region */
    KAD_SWEEP_REGION = 1024,          /* keys of a region */
    KAD_SWEEP_ENOUGH = 3,             /* nodes that have taken it make a key told */
    KAD_SWEEP_KEY = 34,               /* bytes of a sha2-256 multihash */
};

struct kad_sweep_key {
    uint8_t place[KAD_PLACE];
    uint8_t digest[32];
    uint32_t done_s[KAD_SWEEP_NETS]; /* when it was told; 0: never */
};

struct kad_sweep {
    struct kad_sweep_key *keys, *next; /* sorted by place; next: the list being made */
    size_t count, next_count, max;
    size_t cursor[KAD_SWEEP_NETS];
    uint32_t interval_s;
    size_t left_out; /* of the last list: more than max */
    bool loaded;     /* keys are only places, of kad_sweep_load: nothing is due */
};

/* a and b: memory for max keys each, kept. */
void kad_sweep_init(struct kad_sweep *s, struct kad_sweep_key *a, struct kad_sweep_key *b,
                    size_t max, uint32_t interval_s);

/* The list of what the node has, digests in any order, some twice. What was told stays told. */
void kad_sweep_list_begin(struct kad_sweep *s);
void kad_sweep_list_add(struct kad_sweep *s, const uint8_t digest[32]);
void kad_sweep_list_sort(struct kad_sweep *s); /* touches next alone: for another thread */
void kad_sweep_list_end(struct kad_sweep *s);  /* after list_sort */

/* kad_sweep_next finds a key that is due in a net, going on behind the last one. */
bool kad_sweep_next(struct kad_sweep *s, size_t net, uint32_t now_s, size_t *index);

/* The multihash of a key. */
void kad_sweep_multihash(uint8_t out[KAD_SWEEP_KEY], const struct kad_sweep_key *k);

/* kad_sweep_region: of the n nodes that are closest to keys[index], the closest first, all that
 * share a prefix with it are known.
 * Out: *first and *count, the keys of that prefix, at most KAD_SWEEP_REGION, index among them. */
void kad_sweep_region(const struct kad_sweep *s, size_t index, const struct kad_contact *nodes,
                      size_t n, size_t *first, size_t *count);

/* Whether node i is one of the KAD_K of these nodes that are closest to a place. */
bool kad_sweep_assigned(const uint8_t place[KAD_PLACE], const struct kad_contact *nodes, size_t n,
                        size_t i);

/* A key has been told. */
void kad_sweep_done(struct kad_sweep *s, size_t net, size_t index, uint32_t now_s);

/* How many keys are told and not due again. */
size_t kad_sweep_told(const struct kad_sweep *s, size_t net, uint32_t now_s);

/* What was told, between two lives: kad_sweep_save writes SIZE bytes for each key that was told in
 * any net; kad_sweep_load takes that before the first list. ERR_FORMAT, ERR_SHORT, ERR_LIMIT. */
enum { KAD_SWEEP_SAVED = 8 + 4 * KAD_SWEEP_NETS };
void kad_sweep_save(const struct kad_sweep *s, struct writer *w);
NODISCARD enum err kad_sweep_load(struct kad_sweep *s, struct span in);

#endif
