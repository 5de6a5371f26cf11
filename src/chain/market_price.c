/* Prices: docs/spec/market.md 2. The formulas are the reference network's, to the unit. */
#include "chain/market.h"
#include "codec/cbor.h"

static const char price_key[] = "price";
enum { MIB = 1024 * 1024, BASE_HOOK_OFFSET = 22, BYTE_HOOK_OFFSET = 3 };

void market_price(struct ledger *l, struct market_price *out)
{
    struct span value;
    *out = (struct market_price){ .base = l->params->price_base,
                                  .byte = l->params->price_byte,
                                  .keys = l->params->price_keys };
    if (!state_get(l->st, &value, STATE_META, span_str(price_key)))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 9);
    out->base = cbor_read_amount(&c);
    out->byte = cbor_read_amount(&c);
    out->keys = cbor_read_amount(&c);
    out->orders = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->files_added = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->files = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->has_new_order = cbor_read_bool(&c);
    out->stored_bytes = cbor_read_uint(&c);
    out->free_bytes = cbor_read_uint(&c);
    ASSERT(cbor_finish(&c) == OK); /* we wrote it */
}

void market_price_put(struct ledger *l, const struct market_price *p)
{
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 9);
    cbor_write_amount(&w, p->base);
    cbor_write_amount(&w, p->byte);
    cbor_write_amount(&w, p->keys);
    cbor_write_uint(&w, p->orders);
    cbor_write_uint(&w, p->files_added);
    cbor_write_uint(&w, p->files);
    cbor_write_bool(&w, p->has_new_order);
    cbor_write_uint(&w, p->stored_bytes);
    cbor_write_uint(&w, p->free_bytes);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_META, span_str(price_key), writer_span(&w));
}

/* Min first, then max: where they contradict each other max wins. */
static struct amount clamp(struct amount v, struct amount low, struct amount high)
{
    return amount_min(amount_max(v, low), high);
}

static struct amount part_of(uint32_t ratio, struct amount v)
{
    return AMOUNT_OF(ratio_mul(ratio, PERBILL, v.units));
}

static struct amount fall(struct amount v, uint32_t ratio)
{
    return amount_sat_sub(v, part_of(ratio, v));
}

/* At least one unit, so that a small price can rise again. */
static struct amount rise(struct amount v, uint32_t ratio)
{
    return amount_sat_add(v, amount_max(part_of(ratio, v), AMOUNT_OF(1)));
}

void market_price_update_base(struct market_price *price, const struct params *p)
{
    uint32_t added = price->files_added;
    uint32_t orders = price->orders;
    price->files_added = price->orders = 0;
    struct amount next = price->base;
    /* SPEC market 2.3: "O = 0 or A / O > fall_above: falls." */
    if (orders == 0 || added / orders > p->price_base_fall_above)
        next = fall(next, p->price_base_fall);
    else if (added / orders < p->price_base_rise_below)
        next = amount_sat_add(next, part_of(p->price_base_rise, next));
    price->base = clamp(next, p->price_base_min, p->price_base_max);
}

void market_price_update_byte(struct market_price *price, const struct params *p)
{
    u128 files = price->stored_bytes;
    u128 capacity = files + price->free_bytes;
    bool roomy = files * PERCENT <= capacity * p->storage_reference_percent;
    struct amount next =
        roomy ? fall(price->byte, p->price_byte_fall) : rise(price->byte, p->price_byte_rise);
    price->byte = clamp(next, p->price_byte_min, p->price_byte_max);
}

void market_price_update_keys(struct market_price *price, const struct params *p)
{
    struct amount next = price->files > p->price_keys_threshold
                             ? rise(price->keys, p->price_keys_rise)
                             : fall(price->keys, p->price_keys_fall);
    price->keys = clamp(next, p->price_keys_min, p->price_keys_max);
}

void market_block_begin(struct ledger *l)
{
    uint64_t interval = (uint64_t)l->params->price_interval_slots * l->params->slot_blocks;
    bool byte_hook = (l->height + BYTE_HOOK_OFFSET) % interval == 0;
    bool base_hook = (l->height + BASE_HOOK_OFFSET) % interval == 0;
    if (!byte_hook && !base_hook)
        return;
    struct market_price price;
    market_price(l, &price);
    if (byte_hook && price.has_new_order) {
        market_price_update_byte(&price, l->params);
        market_price_update_keys(&price, l->params);
        price.has_new_order = false;
    }
    if (base_hook)
        market_price_update_base(&price, l->params);
    market_price_put(l, &price);
    struct ledger_event ev;
    ledger_event_begin(&ev, "price.changed");
    ledger_event_amount(&ev, "base", price.base);
    ledger_event_amount(&ev, "byte", price.byte);
    ledger_event_amount(&ev, "keys", price.keys);
    ledger_event_end(l, &ev);
}

/* More or fewer replicas than the default: the byte part in proportion, rounded up. */
static struct amount bytes_price(const struct market_price *price, const struct params *p,
                                 uint64_t size, uint32_t replicas)
{
    uint64_t mib = size / MIB + (size % MIB != 0);
    struct amount v;
    if (amount_mul(&v, price->byte, mib) != OK)
        return AMOUNT_ZERO; /* as the reference has it; params_check keeps prices far from here */
    if (replicas == p->replicas_default)
        return v;
    if (amount_mul(&v, v, replicas) != OK)
        return AMOUNT_ZERO;
    /* SPEC market 2.1: "multiplied by replicas / replicas_default, rounded up" */
    return AMOUNT_OF(v.units / p->replicas_default + (v.units % p->replicas_default != 0));
}

void market_quote(struct market_quote *out, const struct market_price *price,
                  const struct params *p, uint64_t size, uint32_t replicas)
{
    out->base = price->base;
    out->amount = amount_sat_add(bytes_price(price, p, size, replicas), price->keys);
    out->staking = part_of(PERBILL / PERCENT * p->staking_percent, out->amount);
    out->storage = part_of(PERBILL / PERCENT * p->storage_percent, out->amount);
    out->total = amount_sat_add(out->base, out->amount);
    out->reserved = amount_sat_sub(amount_sat_sub(out->total, out->staking), out->storage);
}
