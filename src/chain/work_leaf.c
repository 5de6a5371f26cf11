/* Leaves of file trees: which of them count, and for what. */
#include "chain/work_claim.h"

static void count_bytes(struct ledger *l, const uint8_t lineage[32], uint64_t added,
                        uint64_t removed)
{
    struct work_worker w;
    struct work_platform platform;
    struct work_totals totals;
    if (!work_get_lineage(l, &w, lineage))
        return;
    work_get_platform(l, &platform, w.platform);
    platform.bytes = platform.bytes + added - removed;
    work_put_platform(l, w.platform, &platform);
    w.bytes = w.bytes + added - removed;
    work_put(l, &w);
    work_get_totals(l, &totals);
    totals.file_bytes = totals.file_bytes + added - removed;
    work_put_totals(l, &totals);
}

/* Spec 5.4: each return of false is a reason for a leaf to be void. Fills *leaf. */
static bool counts(struct ledger *l, struct work_leaf *leaf, const uint8_t lineage[32],
                   const struct report_file *file)
{
    struct work_worker w;
    struct work_leaf present;
    struct work_platform platform;
    struct market_order o;
    struct work_claim claim = { .size = file->size };
    memcpy(claim.data_root, file->data_root, 32);
    /* SPEC work 5.4: "the worker is retired, or holds the content key already" */
    if (!work_get_lineage(l, &w, lineage) || w.faulted || w.retired)
        return false;
    if (work_get_leaf(l, &present, lineage, &file->key)) {
        if (present.incarnation == w.disks[present.volume].incarnation)
            return false; /* a duplicate */
        /* Void since its volume was: the sweep has not come by yet. */
        work_leaf_void(l, lineage, &present);
        work_del_leaf(l, lineage, &file->key, &present);
        if (!work_get_lineage(l, &w, lineage))
            return false;
    }
    if (!market_find(l, leaf->order, &file->key, file->size, file->data_root) ||
        !market_order(l, &o, leaf->order))
        return false; /* nobody pays for it */
    if (!work_claim_allows(l, leaf->order, &o, &claim))
        return false;
    work_get_platform(l, &platform, w.platform);
    if (file->size > l->params->platform_bytes_max - platform.bytes ||
        platform.bytes > l->params->platform_bytes_max)
        return false;
    const struct work_disk *d = &w.disks[leaf->volume];
    struct market_replica r = {
        .volume = leaf->volume,
        .generation = d->incarnation,
        .index = leaf->index,
        .proven = d->proven,
        .answered = d->answered,
    };
    memcpy(r.account, w.account, 32);
    if (!market_replica_add(l, &work_module.market, leaf->order, lineage, &r))
        return false; /* no place, or the account has one */
    leaf->incarnation = d->incarnation;
    leaf->placed_at = o.placed_at;
    leaf->size = file->size;
    if (!o.has_data_root) {
        work_claim_id(leaf->claim, &claim);
        work_claim_support(l, leaf->order, &o, &claim);
    }
    return true;
}

static void say_void(struct ledger *l, const uint8_t lineage[32], const struct content_key *key)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, "replica.void");
    ledger_event_hex(&ev, "worker", span_of(lineage, 32));
    ledger_event_uint(&ev, "codec", key->codec);
    ledger_event_hex(&ev, "digest", span_of(key->digest, 32));
    ledger_event_end(l, &ev);
}

void work_leaf_add(struct ledger *l, const uint8_t lineage[32], uint8_t volume, uint32_t index,
                   const struct report_file *file)
{
    struct work_leaf leaf = { .volume = volume, .index = index };
    if (!counts(l, &leaf, lineage, file)) {
        say_void(l, lineage, &file->key);
        return;
    }
    work_put_leaf(l, lineage, &file->key, &leaf);
    count_bytes(l, lineage, leaf.size, 0);
}

void work_leaf_void(struct ledger *l, const uint8_t lineage[32], struct work_leaf *leaf)
{
    static const uint8_t none[32];
    if (memcmp(leaf->order, none, 32) == 0)
        return;
    /* False when the order has ended before: the market has settled it then. */
    (void)market_replica_remove(l, &work_module.market, leaf->order, lineage);
    work_claim_leave(l, leaf);
    count_bytes(l, lineage, 0, leaf->size);
    memset(leaf->order, 0, 32);
    memset(leaf->claim, 0, 32);
}

void work_leaf_remove(struct ledger *l, const uint8_t lineage[32], uint8_t volume, uint32_t index,
                      const struct content_key *key)
{
    struct work_worker w;
    struct work_leaf leaf;
    /* Another place: the leaf that goes was a duplicate, void from its start. */
    if (!work_get_lineage(l, &w, lineage) || !work_get_leaf(l, &leaf, lineage, key) ||
        leaf.volume != volume || leaf.index != index ||
        leaf.incarnation != w.disks[volume].incarnation)
        return;
    work_leaf_void(l, lineage, &leaf);
    work_del_leaf(l, lineage, key, &leaf);
}
