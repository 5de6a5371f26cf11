/* race: of whom the blocks of one content are asked, and when. The numbers:
 * docs/design/fetching.md.
 *
 * Sources are numbers, best ranked first; a want is one block. Who runs the race asks and is told:
 *
 *   effect = race_step(&race, &want, now, urgent);
 *     RACE_ASK   ask effect.source; say race_asked
 *     RACE_DROP  stop asking in effect.leg; say race_lost(..., RACE_STALLED)
 *     RACE_WAIT  look again in effect.wait_ms, or when something has happened
 *     RACE_FAIL  nobody has it (ERR_NOT_FOUND), or nobody gives it now (ERR_TIMEOUT)
 *   and what became of a leg by race_heard, race_came or race_lost.
 *
 * The best is asked first, the next when that one is silent for a moment or fails; the first answer
 * wins. Never are more than RACE_LEGS asked for one block. Who has delivered gets further blocks as
 * far as its window goes, the soonest first; who stalls is passed over and left alone for a while
 * that doubles; who lies is out. Pure: the clock is passed in; one thread. */
#ifndef CRUST_IPFS_RACE_H
#define CRUST_IPFS_RACE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RACE_SOURCES = 32,
    RACE_LEGS = 2,          /* asked for one block at a time */
    RACE_WINDOW_FIRST = 4,  /* blocks at a time of a source that has delivered one */
    RACE_WINDOW_MAX = 16,   /* it grows by one with each that comes */
    RACE_STAGGER_MS = 300,  /* silence, before the next source is asked too */
    RACE_SLOW_MS = 2000,    /* the longest silence that a quick source is allowed before that */
    RACE_STALL_MS = 2500,   /* silence, after which a source is passed over if another is left */
    RACE_SEARCH_MS = 10000, /* the same for one that looks for others itself */
    RACE_CRAWL_MS = 10000,  /* a block that comes, but so slowly, is asked of another too */
    RACE_TRIAL_MS = 1000,   /* how often one that has not delivered gets a block beside others */
    RACE_AWAY_MS = 1000,    /* how long one that failed is left alone; doubles */
    RACE_AWAY_DOUBLINGS = 5,
    RACE_LATE = 2,         /* times in a row that another had to be asked, and was quicker */
    RACE_MISSES = 3,       /* blocks in a row that it has not got, before it counts as failing */
    RACE_BACKOFF_MS = 500, /* before all are asked again; doubles */
    RACE_ROUNDS = 3,
};

enum race_loss {
    RACE_CANCELLED, /* another was quicker, or nobody wants it any more */
    RACE_MISSING,   /* it says that it has not got it */
    RACE_BROKE,     /* not reachable, cut, an error of its own: may pass */
    RACE_STALLED,
    RACE_LIED, /* wrong bytes */
};

struct race_source {
    uint32_t order;  /* smaller is asked first, as long as nobody has delivered */
    bool searches;   /* it asks many, and looks for others: it may be silent for longer */
    bool banned;     /* it has lied */
    bool proven;     /* it has delivered, and not failed since */
    uint32_t active; /* blocks asked of it */
    uint32_t window;
    uint32_t failures, misses, late; /* in a row */
    uint64_t away_until_ms;
    uint64_t trial_ms;  /* when it was tried last beside others */
    uint64_t pace_us;   /* time for a block, its others beside it taken into account; smoothed */
    uint64_t block_ms;  /* from asking to having it; smoothed */
    uint64_t won, lost; /* blocks; legs that stalled or failed */
};

struct race {
    struct race_source sources[RACE_SOURCES];
    uint32_t count;
    uint32_t stagger_ms, stall_ms, backoff_ms; /* 0 at race_init: the defaults */
    bool searching; /* others are being looked for: nobody left is no failure yet */
};

struct race_leg {
    bool on;
    uint32_t source;
    uint32_t beside; /* of the source's blocks when it was asked, itself included */
    uint64_t begun_ms, heard_ms;
    bool heard; /* bytes have come */
};

struct race_want {
    struct race_leg legs[RACE_LEGS];
    uint32_t tried, gone; /* bits of sources: in this round; that have not got it */
    uint32_t round;
    uint32_t beside; /* sources that are asked for it otherwise (a stream): they count as legs */
    uint64_t again_ms;
};

enum race_do { RACE_WAIT, RACE_ASK, RACE_DROP, RACE_FAIL };

struct race_effect {
    enum race_do what;
    uint32_t source, leg;
    uint64_t wait_ms; /* UINT64_MAX: until something happens */
    enum err err;
};

void race_init(struct race *r);

/* race_add adds a source and gives its number. ERR_LIMIT. */
NODISCARD enum err race_add(struct race *r, uint32_t *source, uint32_t order, bool searches);

/* urgent: somebody waits for this very block, so that no window keeps it back. */
struct race_effect race_step(const struct race *r, struct race_want *w, uint64_t now_ms,
                             bool urgent);

/* race_asked: source is asked in a leg that is off. Returns the leg. */
uint32_t race_asked(struct race *r, struct race_want *w, uint32_t source, uint64_t now_ms);
void race_heard(struct race_want *w, uint32_t leg, uint64_t now_ms);
/* race_came: the leg has brought the block. The other legs stay on until they are cancelled. */
void race_came(struct race *r, struct race_want *w, uint32_t leg, uint64_t now_ms);
void race_lost(struct race *r, struct race_want *w, uint32_t leg, enum race_loss how,
               uint64_t now_ms);

/* Whether anybody but those in `without` (bits) has delivered. */
bool race_proven(const struct race *r, uint32_t without);

#endif
