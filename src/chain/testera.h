/* testera: blocks, eras and worlds for the tests of staking and governance. */
#ifndef CRUST_CHAIN_TESTERA_H
#define CRUST_CHAIN_TESTERA_H

#include "chain/teststake.h"

/* An empty block with what the engine says about it. */
static inline void ts_block(struct world *w, const struct chain_block *says)
{
    struct chain_block block = { .height = w->chain.height + 1,
                                 .time_ms = w->chain.time_ms + 1000 };
    if (says != NULL) {
        block.author = says->author;
        block.votes = says->votes;
        block.vote_count = says->vote_count;
        block.misbehaviour = says->misbehaviour;
        block.misbehaviour_count = says->misbehaviour_count;
    }
    block.hash[0] = (uint8_t)block.height;
    CHECK_OK(chain_finalize(&w->chain, &ts_out, NULL, &block, NULL));
}

static inline void ts_to_era(struct world *w, uint32_t era)
{
    for (int i = 0; i < 100000 && ts_now(w).era < era; i++)
        ts_block(w, NULL);
    CHECK(ts_now(w).era == era);
}

static inline void ts_sound(struct world *w)
{
    const char *what;
    enum err e = chain_check_invariants(&w->chain, &what);
    if (e != OK)
        print_message("invariant: %s\n", what == NULL ? "kv" : what);
    CHECK_OK(e);
}

/* Sets what differs from the profile: "name=value name=value". */
static inline void ts_set(struct world *w, const char *more)
{
    char name[64], value[64];
    int n;
    const char *what;
    for (; *more != '\0'; more += n) {
        size_t name_size = strcspn(more, "=");
        size_t value_size = strcspn(more + name_size + 1, " ");
        CHECK(name_size < sizeof(name) && value_size < sizeof(value));
        snprintf(name, sizeof(name), "%.*s", (int)name_size, more);
        snprintf(value, sizeof(value), "%.*s", (int)value_size, more + name_size + 1);
        CHECK_OK(params_set(&w->chain.params, name, value));
        n = (int)(name_size + 1 + value_size);
        n += more[n] == ' ';
    }
    CHECK_OK(params_check(&w->chain.params, &what));
}

/* A world with staking on and nobody bonded; every account has balance. */
static inline void ts_start(struct world *w, const char *more, const char *balance)
{
    world_members = ",\"staking\":[]";
    CHECK_OK(world_init(w, (struct mspan){ ts_state, sizeof(ts_state) }, ts_memory, ts_profile,
                        balance));
    world_members = "";
    w->silent = true;
    ts_set(w, more);
}

#endif
