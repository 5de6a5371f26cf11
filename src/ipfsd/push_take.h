/* push_take: a CAR from a stranger, verified and stored block by block. Private to ipfsd/push. */
#ifndef CRUST_IPFSD_PUSH_TAKE_H
#define CRUST_IPFSD_PUSH_TAKE_H

#include "codec/car.h"
#include "ipfsd/fetch_set.h"

enum { PUSH_TAKE_REASON_MAX = 160 };

struct storer;

/* What is told to the client. */
struct push_take_result {
    uint16_t status; /* 0: none yet */
    const char *code;
    char reason[PUSH_TAKE_REASON_MAX];
};

struct push_take {
    struct storer *storer; /* kept */
    uint64_t client;       /* towards the storer */
    struct content_key root;
    uint64_t size_max;
    uint8_t *memory; /* CAR_SECTION_MAX */
    struct car_parser parser;
    struct fetch_set set;
    uint64_t bytes, blocks, repeats;
};

/* ERR_MEMORY. */
NODISCARD enum err push_take_open(struct push_take *t, struct storer *storer, uint64_t client,
                                  const struct content_key *root, uint64_t size_max);
void push_take_close(struct push_take *t); /* gives up what is not finished */

/* Both: true to go on; else *r says why not. */
bool push_take_feed(struct push_take *t, struct push_take_result *r, struct span in);
/* The archive has ended: is it whole? Then it is pinned and durable, and *r is a 201. */
void push_take_finish(struct push_take *t, struct push_take_result *r);

__attribute__((format(printf, 4, 5))) void push_take_refuse(struct push_take_result *r,
                                                            uint16_t status, const char *code,
                                                            const char *fmt, ...);

/* push_take_release takes the pin away that a push of key has left, if there is one; pins of
 * others stay. For whoever has sealed the content. Not the loop's or the storer's thread. */
NODISCARD enum err push_take_release(struct storer *s, const struct content_key *key);

#endif
