#include "chain/params.h"

#include "codec/cbor.h"

#include <stddef.h>

enum field_kind { FIELD_U32, FIELD_U64, FIELD_BOOL, FIELD_AMOUNT, FIELD_POWER };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

/* In the canonical order of map keys: by length, then by bytes (a test checks it). */
static const struct field fields[] = {
    { "block_ms", FIELD_U32, offsetof(struct params, block_ms) },
    { "fee_base", FIELD_AMOUNT, offsetof(struct params, fee_base) },
    { "fee_byte", FIELD_AMOUNT, offsetof(struct params, fee_byte) },
    { "draws_srd", FIELD_U32, offsetof(struct params, draws_srd) },
    { "era_slots", FIELD_U32, offsetof(struct params, era_slots) },
    { "claim_bond", FIELD_AMOUNT, offsetof(struct params, claim_bond) },
    { "era_ms_min", FIELD_U64, offsetof(struct params, era_ms_min) },
    { "power_unit", FIELD_AMOUNT, offsetof(struct params, power_unit) },
    { "price_base", FIELD_AMOUNT, offsetof(struct params, price_base) },
    { "price_byte", FIELD_AMOUNT, offsetof(struct params, price_byte) },
    { "price_keys", FIELD_AMOUNT, offsetof(struct params, price_keys) },
    { "weight_sgx", FIELD_U32, offsetof(struct params, weight_sgx) },
    { "weight_tdx", FIELD_U32, offsetof(struct params, weight_tdx) },
    { "draws_files", FIELD_U32, offsetof(struct params, draws_files) },
    { "gov_deposit", FIELD_AMOUNT, offsetof(struct params, gov_deposit) },
    { "power_steps", FIELD_POWER, offsetof(struct params, power_steps) },
    { "slot_blocks", FIELD_U32, offsetof(struct params, slot_blocks) },
    { "weight_none", FIELD_U32, offsetof(struct params, weight_none) },
    { "attest_kinds", FIELD_U32, offsetof(struct params, attest_kinds) },
    { "bonding_eras", FIELD_U32, offsetof(struct params, bonding_eras) },
    { "free_reports", FIELD_U32, offsetof(struct params, free_reports) },
    { "history_eras", FIELD_U32, offsetof(struct params, history_eras) },
    { "replicas_max", FIELD_U32, offsetof(struct params, replicas_max) },
    { "return_draws", FIELD_U32, offsetof(struct params, return_draws) },
    { "absence_slots", FIELD_U32, offsetof(struct params, absence_slots) },
    { "file_size_max", FIELD_U64, offsetof(struct params, file_size_max) },
    { "report_blocks", FIELD_U32, offsetof(struct params, report_blocks) },
    { "allow_software", FIELD_BOOL, offsetof(struct params, allow_software) },
    { "attest_clients", FIELD_BOOL, offsetof(struct params, attest_clients) },
    { "attest_grace_s", FIELD_U64, offsetof(struct params, attest_grace_s) },
    { "attest_valid_s", FIELD_U64, offsetof(struct params, attest_valid_s) },
    { "challenge_bond", FIELD_AMOUNT, offsetof(struct params, challenge_bond) },
    { "group_size_max", FIELD_U32, offsetof(struct params, group_size_max) },
    { "market_enabled", FIELD_BOOL, offsetof(struct params, market_enabled) },
    { "price_base_max", FIELD_AMOUNT, offsetof(struct params, price_base_max) },
    { "price_base_min", FIELD_AMOUNT, offsetof(struct params, price_base_min) },
    { "price_byte_max", FIELD_AMOUNT, offsetof(struct params, price_byte_max) },
    { "price_byte_min", FIELD_AMOUNT, offsetof(struct params, price_byte_min) },
    { "price_keys_max", FIELD_AMOUNT, offsetof(struct params, price_keys_max) },
    { "price_keys_min", FIELD_AMOUNT, offsetof(struct params, price_keys_min) },
    { "stake_per_byte", FIELD_AMOUNT, offsetof(struct params, stake_per_byte) },
    { "validators_max", FIELD_U32, offsetof(struct params, validators_max) },
    { "validators_min", FIELD_U32, offsetof(struct params, validators_min) },
    { "worker_deposit", FIELD_AMOUNT, offsetof(struct params, worker_deposit) },
    { "attest_snp_vlek", FIELD_BOOL, offsetof(struct params, attest_snp_vlek) },
    { "attest_snp_vmpl", FIELD_U32, offsetof(struct params, attest_snp_vmpl) },
    { "attest_statuses", FIELD_U32, offsetof(struct params, attest_statuses) },
    { "block_bytes_max", FIELD_U32, offsetof(struct params, block_bytes_max) },
    { "market_pot_eras", FIELD_U32, offsetof(struct params, market_pot_eras) },
    { "misbehaviour_ms", FIELD_U64, offsetof(struct params, misbehaviour_ms) },
    { "offline_percent", FIELD_U32, offsetof(struct params, offline_percent) },
    { "price_base_fall", FIELD_U32, offsetof(struct params, price_base_fall) },
    { "price_base_rise", FIELD_U32, offsetof(struct params, price_base_rise) },
    { "price_byte_fall", FIELD_U32, offsetof(struct params, price_byte_fall) },
    { "price_byte_rise", FIELD_U32, offsetof(struct params, price_byte_rise) },
    { "price_keys_fall", FIELD_U32, offsetof(struct params, price_keys_fall) },
    { "price_keys_rise", FIELD_U32, offsetof(struct params, price_keys_rise) },
    { "queue_per_block", FIELD_U32, offsetof(struct params, queue_per_block) },
    { "srd_extent_size", FIELD_U64, offsetof(struct params, srd_extent_size) },
    { "staking_percent", FIELD_U32, offsetof(struct params, staking_percent) },
    { "storage_percent", FIELD_U32, offsetof(struct params, storage_percent) },
    { "weight_software", FIELD_U32, offsetof(struct params, weight_software) },
    { "attest_per_block", FIELD_U32, offsetof(struct params, attest_per_block) },
    { "attest_snp_genoa", FIELD_U64, offsetof(struct params, attest_snp_genoa) },
    { "attest_snp_milan", FIELD_U64, offsetof(struct params, attest_snp_milan) },
    { "attest_snp_turin", FIELD_U64, offsetof(struct params, attest_snp_turin) },
    { "collateral_ratio", FIELD_U32, offsetof(struct params, collateral_ratio) },
    { "gov_enact_blocks", FIELD_U32, offsetof(struct params, gov_enact_blocks) },
    { "replicas_default", FIELD_U32, offsetof(struct params, replicas_default) },
    { "reward_start_era", FIELD_U32, offsetof(struct params, reward_start_era) },
    { "reward_year_eras", FIELD_U32, offsetof(struct params, reward_year_eras) },
    { "slash_defer_eras", FIELD_U32, offsetof(struct params, slash_defer_eras) },
    { "weight_snp_genoa", FIELD_U32, offsetof(struct params, weight_snp_genoa) },
    { "weight_snp_milan", FIELD_U32, offsetof(struct params, weight_snp_milan) },
    { "weight_snp_turin", FIELD_U32, offsetof(struct params, weight_snp_turin) },
    { "beacon_miss_slots", FIELD_U32, offsetof(struct params, beacon_miss_slots) },
    { "beacon_misses_max", FIELD_U32, offsetof(struct params, beacon_misses_max) },
    { "expiry_max_blocks", FIELD_U32, offsetof(struct params, expiry_max_blocks) },
    { "power_cap_percent", FIELD_U32, offsetof(struct params, power_cap_percent) },
    { "reward_first_year", FIELD_AMOUNT, offsetof(struct params, reward_first_year) },
    { "attest_td_required", FIELD_U64, offsetof(struct params, attest_td_required) },
    { "beacon_members_min", FIELD_U32, offsetof(struct params, beacon_members_min) },
    { "block_report_bytes", FIELD_U32, offsetof(struct params, block_report_bytes) },
    { "claim_settle_slots", FIELD_U32, offsetof(struct params, claim_settle_slots) },
    { "collateral_fresh_s", FIELD_U64, offsetof(struct params, collateral_fresh_s) },
    { "miss_penalty_slots", FIELD_U32, offsetof(struct params, miss_penalty_slots) },
    { "platform_bytes_max", FIELD_U64, offsetof(struct params, platform_bytes_max) },
    { "power_ready_blocks", FIELD_U32, offsetof(struct params, power_ready_blocks) },
    { "attest_snp_firmware", FIELD_U32, offsetof(struct params, attest_snp_firmware) },
    { "attest_snp_platform", FIELD_U64, offsetof(struct params, attest_snp_platform) },
    { "attest_snp_products", FIELD_U32, offsetof(struct params, attest_snp_products) },
    { "attest_snp_required", FIELD_U64, offsetof(struct params, attest_snp_required) },
    { "attest_td_forbidden", FIELD_U64, offsetof(struct params, attest_td_forbidden) },
    { "benefits_quota_rate", FIELD_U32, offsetof(struct params, benefits_quota_rate) },
    { "existential_deposit", FIELD_AMOUNT, offsetof(struct params, existential_deposit) },
    { "guarantors_rewarded", FIELD_U32, offsetof(struct params, guarantors_rewarded) },
    { "misbehaviour_blocks", FIELD_U32, offsetof(struct params, misbehaviour_blocks) },
    { "order_refund_blocks", FIELD_U32, offsetof(struct params, order_refund_blocks) },
    { "weight_sgx_outdated", FIELD_U32, offsetof(struct params, weight_sgx_outdated) },
    { "weight_tdx_outdated", FIELD_U32, offsetof(struct params, weight_tdx_outdated) },
    { "attest_snp_forbidden", FIELD_U64, offsetof(struct params, attest_snp_forbidden) },
    { "fee_treasury_percent", FIELD_U32, offsetof(struct params, fee_treasury_percent) },
    { "file_duration_blocks", FIELD_U32, offsetof(struct params, file_duration_blocks) },
    { "price_interval_slots", FIELD_U32, offsetof(struct params, price_interval_slots) },
    { "price_keys_threshold", FIELD_U32, offsetof(struct params, price_keys_threshold) },
    { "weight_sgx_hardening", FIELD_U32, offsetof(struct params, weight_sgx_hardening) },
    { "weight_tdx_hardening", FIELD_U32, offsetof(struct params, weight_tdx_hardening) },
    { "workers_per_platform", FIELD_U32, offsetof(struct params, workers_per_platform) },
    { "allow_private_origins", FIELD_BOOL, offsetof(struct params, allow_private_origins) },
    { "attest_evaluation_min", FIELD_U32, offsetof(struct params, attest_evaluation_min) },
    { "attest_grace_statuses", FIELD_U32, offsetof(struct params, attest_grace_statuses) },
    { "attest_snp_genoa_bits", FIELD_U64, offsetof(struct params, attest_snp_genoa_bits) },
    { "attest_snp_milan_bits", FIELD_U64, offsetof(struct params, attest_snp_milan_bits) },
    { "attest_snp_turin_bits", FIELD_U64, offsetof(struct params, attest_snp_turin_bits) },
    { "price_base_fall_above", FIELD_U32, offsetof(struct params, price_base_fall_above) },
    { "price_base_rise_below", FIELD_U32, offsetof(struct params, price_base_rise_below) },
    { "srd_power_max_percent", FIELD_U32, offsetof(struct params, srd_power_max_percent) },
    { "attest_sweep_per_block", FIELD_U32, offsetof(struct params, attest_sweep_per_block) },
    { "benefits_waived_percent", FIELD_U32, offsetof(struct params, benefits_waived_percent) },
    { "evidence_max_age_blocks", FIELD_U32, offsetof(struct params, evidence_max_age_blocks) },
    { "weight_sgx_configuration", FIELD_U32, offsetof(struct params, weight_sgx_configuration) },
    { "weight_tdx_configuration", FIELD_U32, offsetof(struct params, weight_tdx_configuration) },
    { "storage_reference_percent", FIELD_U32, offsetof(struct params, storage_reference_percent) },
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* Places in the record, by the table above. */
static const void *place(const struct params *p, const struct field *f)
{
    return (const uint8_t *)p + f->offset;
}

static void *place_mut(struct params *p, const struct field *f)
{
    return (uint8_t *)p + f->offset;
}

static uint32_t get_u32(const struct params *p, const struct field *f)
{
    uint32_t v;
    memcpy(&v, place(p, f), sizeof(v));
    return v;
}

static uint64_t get_u64(const struct params *p, const struct field *f)
{
    uint64_t v;
    memcpy(&v, place(p, f), sizeof(v));
    return v;
}

static bool get_bool(const struct params *p, const struct field *f)
{
    bool v;
    memcpy(&v, place(p, f), sizeof(v));
    return v;
}

static struct amount get_amount(const struct params *p, const struct field *f)
{
    struct amount v;
    memcpy(&v, place(p, f), sizeof(v));
    return v;
}

/* ---- the record on chain ---- */

static void power_encode(struct writer *w, const struct params *p)
{
    cbor_write_array(w, p->power_step_count);
    for (uint32_t i = 0; i < p->power_step_count; i++) {
        cbor_write_array(w, 2);
        cbor_write_uint(w, p->power_steps[i].replicas);
        cbor_write_uint(w, p->power_steps[i].permille);
    }
}

static void power_decode(struct cbor_reader *c, struct params *p)
{
    size_t count = cbor_read_array(c);
    cbor_require(c, count <= PARAMS_POWER_STEPS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        p->power_steps[i].replicas = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        p->power_steps[i].permille = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    }
    p->power_step_count = c->r.err == OK ? (uint32_t)count : 0;
}

void params_encode(struct writer *w, const struct params *p)
{
    cbor_write_map(w, FIELD_COUNT);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *f = &fields[i];
        cbor_write_str(w, f->name);
        switch (f->kind) {
        case FIELD_U32:
            cbor_write_uint(w, get_u32(p, f));
            break;
        case FIELD_U64:
            cbor_write_uint(w, get_u64(p, f));
            break;
        case FIELD_BOOL:
            cbor_write_bool(w, get_bool(p, f));
            break;
        case FIELD_AMOUNT:
            cbor_write_amount(w, get_amount(p, f));
            break;
        case FIELD_POWER:
            power_encode(w, p);
            break;
        }
    }
}

static void field_decode(struct cbor_reader *c, struct params *p, const struct field *f)
{
    cbor_read_key(c, f->name);
    switch (f->kind) {
    case FIELD_U32: {
        uint32_t v = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        memcpy(place_mut(p, f), &v, sizeof(v));
        break;
    }
    case FIELD_U64: {
        uint64_t v = cbor_read_uint(c);
        memcpy(place_mut(p, f), &v, sizeof(v));
        break;
    }
    case FIELD_BOOL: {
        bool v = cbor_read_bool(c);
        memcpy(place_mut(p, f), &v, sizeof(v));
        break;
    }
    case FIELD_AMOUNT: {
        struct amount v = cbor_read_amount(c);
        memcpy(place_mut(p, f), &v, sizeof(v));
        break;
    }
    case FIELD_POWER:
        power_decode(c, p);
        break;
    }
}

enum err params_decode(struct params *out, struct span in)
{
    *out = (struct params){ 0 };
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_map_of(&c, FIELD_COUNT);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        field_decode(&c, out, &fields[i]);
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct params){ 0 };
    return e;
}

/* ---- fields as text ---- */

size_t params_count(void)
{
    return FIELD_COUNT;
}

const char *params_name(size_t index)
{
    ASSERT(index < FIELD_COUNT);
    return fields[index].name;
}

static void write_amount(struct writer *w, struct amount a)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, a);
    write_span(w, span_str(text));
}

static void write_number(struct writer *w, uint64_t v)
{
    write_amount(w, AMOUNT_OF(v));
}

void params_format(struct writer *w, const struct params *p, size_t index)
{
    ASSERT(index < FIELD_COUNT);
    const struct field *f = &fields[index];
    switch (f->kind) {
    case FIELD_U32:
        write_number(w, get_u32(p, f));
        break;
    case FIELD_U64:
        write_number(w, get_u64(p, f));
        break;
    case FIELD_BOOL:
        write_span(w, span_str(get_bool(p, f) ? "true" : "false"));
        break;
    case FIELD_AMOUNT:
        write_amount(w, get_amount(p, f));
        break;
    case FIELD_POWER:
        for (uint32_t i = 0; i < p->power_step_count; i++) {
            if (i > 0)
                write_u8(w, ',');
            write_number(w, p->power_steps[i].replicas);
            write_u8(w, ':');
            write_number(w, p->power_steps[i].permille);
        }
        break;
    }
}

/* Decimal digits up to one of the two stops; *text moves behind it. */
static enum err number_until(uint32_t *out, const char **text, char stop)
{
    uint64_t v = 0;
    const char *s = *text;
    if (*s < '0' || *s > '9')
        return ERR_FORMAT;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint64_t)(*s - '0');
        if (v > UINT32_MAX)
            return ERR_RANGE;
    }
    if (*s != stop && *s != '\0')
        return ERR_FORMAT;
    *text = *s == '\0' ? s : s + 1;
    *out = (uint32_t)v;
    return OK;
}

static enum err power_set(struct params *p, const char *text)
{
    struct params_power_step steps[PARAMS_POWER_STEPS_MAX] = { 0 };
    uint32_t count = 0;
    for (; *text != '\0'; count++) {
        if (count == PARAMS_POWER_STEPS_MAX)
            return ERR_RANGE;
        TRY(number_until(&steps[count].replicas, &text, ':'));
        TRY(number_until(&steps[count].permille, &text, ','));
    }
    memcpy(p->power_steps, steps, sizeof(steps));
    p->power_step_count = count;
    return OK;
}

static enum err number_set(struct params *p, const struct field *f, const char *text)
{
    struct amount v;
    TRY(amount_parse_units(&v, text));
    if (f->kind == FIELD_AMOUNT) {
        memcpy(place_mut(p, f), &v, sizeof(v));
        return OK;
    }
    if (v.units > (f->kind == FIELD_U32 ? UINT32_MAX : UINT64_MAX))
        return ERR_RANGE;
    uint64_t wide = (uint64_t)v.units;
    uint32_t narrow = (uint32_t)wide;
    if (f->kind == FIELD_U32)
        memcpy(place_mut(p, f), &narrow, sizeof(narrow));
    else
        memcpy(place_mut(p, f), &wide, sizeof(wide));
    return OK;
}

enum err params_set(struct params *p, const char *name, const char *text)
{
    const struct field *f = NULL;
    for (size_t i = 0; i < FIELD_COUNT && f == NULL; i++)
        if (strcmp(name, fields[i].name) == 0)
            f = &fields[i];
    if (f == NULL)
        return ERR_NOT_FOUND;
    if (f->kind == FIELD_POWER)
        return power_set(p, text);
    if (f->kind != FIELD_BOOL)
        return number_set(p, f, text);
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return ERR_FORMAT;
    memcpy(place_mut(p, f), &yes, sizeof(yes));
    return OK;
}

uint32_t params_power_permille(const struct params *p, uint32_t replicas)
{
    uint32_t permille = 1000;
    for (uint32_t i = 0; i < p->power_step_count && p->power_steps[i].replicas <= replicas; i++)
        permille = p->power_steps[i].permille;
    return permille;
}
