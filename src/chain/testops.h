/* testops: operations of the workers of chain/testworker.h, and the world around them. For tests.
 */
#ifndef CRUST_CHAIN_TESTOPS_H
#define CRUST_CHAIN_TESTOPS_H

#include "chain/testworker.h"

static uint8_t tw_state_bytes[64 * 1024 * 1024];
static _Alignas(16) uint8_t tw_memory_bytes[16 * 1024 * 1024];

static inline void tw_start(struct world *w, const char *params)
{
    CHECK(chain_memory_size() <= sizeof(tw_memory_bytes));
    CHECK_OK(world_init(w, (struct mspan){ tw_state_bytes, sizeof(tw_state_bytes) },
                        tw_memory_bytes, params, "1000000000000000"));
    w->chain.work = &work_module;
    CHECK_OK(world_block(w, NULL, NULL, 0));
    CHECK_OK(world_block(w, NULL, NULL, 0));
}

/* Runs to the block before the given offset of the slot, so that the next block is there. */
static inline void tw_to(struct world *w, uint64_t slot, uint64_t offset)
{
    world_run_to(w, slot * w->chain.params.slot_blocks + offset - 1);
    CHECK(w->chain.ledger.slot == slot && w->chain.ledger.offset == offset);
}

/* An operation on one place of a tree, whose leaf is w's bytes. */
static inline void tw_op(struct tworker *t, enum report_op_kind kind, uint8_t volume,
                         uint32_t index, const struct writer *w)
{
    uint8_t path[SUMTREE_PATH_SIZE_MAX];
    const bool srd = kind == REPORT_OP_ADD_EXTENTS;
    const struct report_op op = {
        .kind = kind,
        .volume = volume,
        .index = index,
        .count = 1,
        .leaves = writer_span(w),
        .path = model_path_bytes(path, srd ? &t->m.srd[volume] : &t->m.files[volume], index),
    };
    model_op(&t->m, &op);
}

static inline void tw_add_leaf(struct tworker *t, uint8_t volume, uint32_t index,
                               const struct report_file *file, uint32_t id)
{
    uint8_t leaf[256];
    struct merkle_sum node;
    struct writer w = writer_of(leaf, sizeof(leaf));
    report_file_encode(&w, file);
    tw_op(t, REPORT_OP_ADD_FILES, volume, index, &w);
    sumtree_file_leaf(&node, file);
    model_insert(&t->m.files[volume], index, &node, id);
}

static inline void tw_add_file(struct tworker *t, uint8_t volume, uint32_t index, uint32_t id)
{
    tw_add_leaf(t, volume, index, &tw_files[id].leaf, id);
}

static inline void tw_remove_file(struct tworker *t, uint8_t volume, uint32_t index, uint32_t id)
{
    uint8_t leaf[256];
    struct writer w = writer_of(leaf, sizeof(leaf));
    report_file_encode(&w, &tw_files[id].leaf);
    tw_op(t, REPORT_OP_REMOVE_FILE, volume, index, &w);
    model_remove(&t->m.files[volume], index);
}

static inline void tw_add_extent(struct tworker *t, uint8_t volume, uint32_t index, uint32_t seed)
{
    uint8_t leaf[64];
    uint8_t root[32];
    struct report_extent extent;
    struct merkle_sum node;
    struct writer w = writer_of(leaf, sizeof(leaf));
    model_extent(&extent, root, tw_row, seed);
    report_extent_encode(&w, &extent);
    tw_op(t, REPORT_OP_ADD_EXTENTS, volume, index, &w);
    sumtree_extent_leaf(&node, &extent);
    model_insert(&t->m.srd[volume], index, &node, seed);
}

static inline void tw_drop(struct tworker *t, uint8_t volume)
{
    const struct report_op op = { .kind = REPORT_OP_DROP_VOLUME, .volume = volume };
    model_op(&t->m, &op);
    t->m.files[volume].count = t->m.srd[volume].count = 0;
}

/* A plain report in the next block. */
static inline enum tx_result tw_report_now(struct tworker *t, struct world *w)
{
    tw_begin(t, w, REPORT_NO_VOLUME);
    return tw_send(t, w, tw_finish(t));
}

static inline struct work_worker tw_record(const struct tworker *t, struct world *w)
{
    struct work_worker rec;
    CHECK(work_get(&w->chain.ledger, &rec, t->m.key.public_key));
    return rec;
}

/* Orders file id for account, with its data_root or without; gives the order's id. */
static inline void tw_order(struct world *w, size_t account, uint32_t id, bool with_root,
                            uint8_t order[32])
{
    struct tx_call call = { .kind = TX_ORDER };
    const struct report_file *f = &tw_files[id].leaf;
    call.order.key = f->key;
    call.order.size = f->size;
    call.order.tip = AMOUNT_OF(1000000000000); /* income worth charging */
    call.order.has_data_root = with_root;
    if (with_root)
        memcpy(call.order.data_root, f->data_root, 32);
    CHECK(tw_do(w, account, &call) == RESULT_OK);
    market_order_id(order, &f->key, f->size, with_root ? f->data_root : NULL);
}

static inline struct market_order tw_get_order(struct world *w, const uint8_t order[32])
{
    struct market_order o;
    CHECK(market_order(&w->chain.ledger, &o, order));
    return o;
}

static inline void tw_sound(struct world *w)
{
    const char *what;
    enum err e = chain_check_invariants(&w->chain, &what);
    if (e != OK)
        print_message("invariant: %s\n", what == NULL ? "kv" : what);
    CHECK_OK(e);
}

/* Twelve files of different sizes. */
static inline void tw_files_make(void)
{
    for (uint32_t i = 0; i < 12; i++)
        model_file_make(&tw_files[i], i + 1, 1 + i % MODEL_BLOCKS, 600 + 350 * i);
}

/* Takes a fresh worker to the start of slot 3, with a verified file on volume 0, ordered by account
 * 3, and SRD on volume 1. */
static inline void tw_grow(struct tworker *t, struct world *w, uint8_t order[32])
{
    tw_to(w, 1, 1);
    CHECK(tw_register(t, w) == RESULT_OK);
    tw_order(w, 3, 8, true, order);
    tw_begin(t, w, REPORT_NO_VOLUME);
    tw_add_file(t, 0, 0, 8);
    tw_add_extent(t, 1, 0, 4);
    CHECK(tw_send(t, w, tw_finish(t)) == RESULT_OK);
    tw_to(w, 2, 1);
    CHECK(tw_report_now(t, w) == RESULT_OK);
    tw_to(w, 3, 1);
    CHECK(tw_get_order(w, order).replicas == 1);
}

#endif
