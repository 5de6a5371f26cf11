#include "agentd/orders.h"

const char *orders_step_text(enum order_step s)
{
    static const char *const texts[ORDER_STEP_COUNT] = {
        "seen",     "waiting",  "declined", "taken", "sealing",  "sealed",    "reported",
        "verified", "retrying", "given up", "over",  "removing", "forgotten",
    };
    return (unsigned)s < ORDER_STEP_COUNT ? texts[s] : "?";
}

const char *orders_reason_text(enum order_reason r)
{
    static const char *const texts[ORDER_REASON_COUNT] = {
        "",
        "this worker is not registered yet",
        "enough nodes have reported it already",
        "others come first in the rendezvous order; it is taken if they do not",
        "it is larger than this node takes (order-size-max)",
        "there is no room for it on this node's disks",
        "it pays less than this node asks (price-min)",
        "it names no data_root, and this node wants one (require-data-root)",
        "holders disagree about its content",
        "it has ended on chain",
        "this node takes no orders now (take-orders)",
        "this node keeps the same content already",
        "nobody gave us the data",
        "the data is not what the order says, or cannot be sealed",
        "crust-ipfsd or its disks failed",
        "this node is among the first in the rendezvous order",
        "those before us in the rendezvous order have not taken it",
        "the chain counts our replica for nothing",
        "another member of our group, or another worker of ours, keeps it already",
    };
    return (unsigned)r < ORDER_REASON_COUNT ? texts[r] : "?";
}

void orders_init(struct orders *o, struct order *rows, uint32_t *slots)
{
    *o = (struct orders){ .rows = rows, .slots = slots };
}

static uint32_t home(const struct content_key *key)
{
    return load_le32(key->digest) % ORDERS_SLOTS;
}

static bool same_key(const struct content_key *a, const struct content_key *b)
{
    return a->codec == b->codec && memcmp(a->digest, b->digest, 32) == 0;
}

uint32_t orders_find_key(const struct orders *o, const struct content_key *key, uint32_t after)
{
    bool passed = after == ORDERS_NONE;
    for (uint32_t at = home(key); o->slots[at] != 0; at = (at + 1) % ORDERS_SLOTS) {
        uint32_t row = o->slots[at] - 1;
        if (!same_key(&o->rows[row].key, key))
            continue;
        if (passed)
            return row;
        passed = row == after;
    }
    return ORDERS_NONE;
}

uint32_t orders_find(const struct orders *o, const uint8_t id[32], const struct content_key *key)
{
    uint32_t row = orders_find_key(o, key, ORDERS_NONE);
    while (row != ORDERS_NONE && memcmp(o->rows[row].id, id, 32) != 0)
        row = orders_find_key(o, key, row);
    return row;
}

uint32_t orders_find_id(const struct orders *o, const uint8_t id[32])
{
    for (uint32_t i = 0; i < o->count; i++)
        if (memcmp(o->rows[i].id, id, 32) == 0)
            return i;
    return ORDERS_NONE;
}

static void slot_put(struct orders *o, uint32_t row)
{
    uint32_t at = home(&o->rows[row].key);
    while (o->slots[at] != 0)
        at = (at + 1) % ORDERS_SLOTS;
    o->slots[at] = row + 1;
}

/* Linear probing without tombstones: all slots are made anew, which happens once per reused row. */
static void slots_rebuild(struct orders *o)
{
    memset(o->slots, 0, ORDERS_SLOTS * sizeof(*o->slots));
    for (uint32_t i = 0; i < o->count; i++)
        slot_put(o, i);
}

static bool reusable(const struct order *row)
{
    return !row->held && !row->mine && !row->note &&
           (row->step == ORDER_DECLINED || row->step == ORDER_FORGOTTEN ||
            row->step == ORDER_GIVEN_UP);
}

/* The reusable row that was decided longest ago. */
static uint32_t oldest(const struct orders *o)
{
    uint32_t best = ORDERS_NONE;
    for (uint32_t i = 0; i < o->count; i++)
        if (reusable(&o->rows[i]) &&
            (best == ORDERS_NONE || o->rows[i].decided_at < o->rows[best].decided_at))
            best = i;
    return best;
}

uint32_t orders_add(struct orders *o, const uint8_t id[32], const struct content_key *key)
{
    uint32_t row = orders_find(o, id, key);
    if (row != ORDERS_NONE)
        return row;
    bool fresh = o->count < ORDERS_MAX;
    row = fresh ? o->count++ : oldest(o);
    if (row == ORDERS_NONE)
        return row;
    o->rows[row] = (struct order){ .key = *key, .look = true };
    memcpy(o->rows[row].id, id, 32);
    if (fresh)
        slot_put(o, row);
    else
        slots_rebuild(o);
    return row;
}

void orders_see(struct order *row, const struct chain_client_order *in, const struct orders_us *us,
                uint64_t height)
{
    row->known = true;
    row->gone = false;
    row->gone_since = 0;
    row->size = in->size;
    row->has_data_root = in->has_data_root;
    memcpy(row->data_root, in->data_root, 32);
    row->state = in->state;
    row->disputed = in->disputed;
    row->wanted = in->replicas_wanted;
    row->have = in->replicas_all;
    row->placed_at = in->placed_at;
    row->expires_at = in->expires_at;
    row->amount = in->amount;
    row->rate = in->rate;
    if (us == NULL)
        return;
    row->looked_at = height;
    row->look = false;
    row->mine = row->verified = row->ours = false;
    for (uint32_t i = 0; i < in->holder_count; i++) {
        const struct chain_client_holder *h = &in->holders[i];
        if (memcmp(h->lineage, us->lineage, 32) == 0) {
            row->mine = true;
            row->verified = h->verified;
        } else if (memcmp(h->owner, us->owner, 32) == 0) {
            row->ours = true;
        }
    }
}

void orders_set(struct order *row, enum order_step step, enum order_reason reason, uint64_t height)
{
    if (row->step == step && row->reason == reason)
        return;
    row->step = step;
    row->reason = reason;
    row->decided_at = height;
    row->note = true;
}
