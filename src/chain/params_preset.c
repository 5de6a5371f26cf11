/* The two presets and the relations between parameters. docs/spec/params.md says why each value. */
#include "chain/params.h"

#include "codec/tx.h"

static const uint64_t mib_bytes = (uint64_t)1024 * 1024;

/* One CRU is 10^12 base units. */
static const u128 cru = 1000000000000;

/* The table of the reference network's second generation: from 1x to 10x. */
static const struct params_power_step power_table[] = {
    { 1, 1050 },   { 9, 1200 },   { 17, 1500 },  { 25, 2000 },   { 33, 2600 },
    { 41, 3300 },  { 49, 4000 },  { 56, 5000 },  { 66, 6000 },   { 75, 7000 },
    { 84, 8000 },  { 93, 8500 },  { 101, 8800 }, { 116, 9000 },  { 128, 9200 },
    { 143, 9400 }, { 158, 9600 }, { 168, 9800 }, { 183, 10000 },
};

static void prices_init(struct params *p)
{
    p->price_base = AMOUNT_OF(1000000000);
    p->price_base_min = AMOUNT_OF(100000000);
    p->price_base_max = AMOUNT_OF(50000000000);
    p->price_byte = AMOUNT_OF(10000);
    p->price_byte_min = AMOUNT_OF(1000);
    p->price_byte_max = AMOUNT_OF(1000000);
    p->price_keys = AMOUNT_OF(1000000);
    p->price_keys_min = AMOUNT_OF(1000);
    p->price_keys_max = AMOUNT_OF(10000000);
    p->price_base_rise_below = 10;
    p->price_base_fall_above = 30;
    p->price_base_rise = p->price_byte_rise = p->price_keys_rise = 3300000;
    p->price_base_fall = p->price_byte_fall = p->price_keys_fall = 3000000;
    p->price_keys_threshold = 5000000;
    p->price_interval_slots = 1;
    p->storage_reference_percent = 50;
    p->staking_percent = 72;
    p->storage_percent = 18;
}

static void production_init(struct params *p)
{
    p->block_ms = 6000;
    p->slot_blocks = 600;
    p->report_blocks = 480;
    p->expiry_max_blocks = 14400;
    p->srd_extent_size = (uint64_t)1024 * 1024 * 1024;
    p->draws_files = p->draws_srd = 2;
    p->return_draws = 20;
    p->miss_penalty_slots = 4;
    p->absence_slots = 168;
    p->srd_power_max_percent = 20;
    p->claim_settle_slots = 24;
    p->free_reports = 8;
    p->evidence_max_age_blocks = 600;
    p->workers_per_platform = 16;
    p->platform_bytes_max = (uint64_t)1 << 51;
    p->worker_deposit = AMOUNT_OF(10 * cru);
    p->claim_bond = AMOUNT_OF(cru);
    p->challenge_bond = AMOUNT_OF(cru);
    p->existential_deposit = AMOUNT_OF(100000000);
    p->fee_base = AMOUNT_OF(250000000);
    p->fee_byte = AMOUNT_OF(100000);
    p->fee_treasury_percent = 80;
    p->market_enabled = true;
    p->file_size_max = 8589934592;
    p->file_duration_blocks = 2592000;
    p->order_refund_blocks = 43200;
    p->replicas_default = 4;
    p->replicas_max = PARAMS_REPLICAS_LIMIT;
    p->collateral_ratio = 1;
    p->power_ready_blocks = 1296000;
    p->block_bytes_max = 1024 * 1024;
    p->block_report_bytes = 512 * 1024;
    p->queue_per_block = 500;
}

static void attest_init(struct params *p)
{
    p->attest_kinds = 14;
    p->attest_valid_s = 259200;
    p->attest_per_block = 100;
    p->attest_sweep_per_block = 20;
    p->attest_statuses = 3;
    p->attest_grace_statuses = 65552;
    p->attest_grace_s = 2592000;
    p->attest_evaluation_min = 0;
    p->attest_clients = false;
    p->attest_td_required = 268435456;
    p->attest_td_forbidden = 0x80000000a00000ff;
    p->attest_snp_products = 6;
    p->attest_snp_vmpl = 0;
    p->attest_snp_vlek = false;
    p->attest_snp_required = 131072;
    p->attest_snp_forbidden = 786432;
    p->attest_snp_platform = 32;
    p->attest_snp_firmware = 0;
    p->attest_snp_milan = 0;
    p->attest_snp_genoa = 0;
    p->attest_snp_turin = 0;
    p->attest_snp_milan_bits = 0;
    p->attest_snp_genoa_bits = 0;
    p->attest_snp_turin_bits = 0;
    p->collateral_fresh_s = 86400;
    p->weight_none = 200;
    p->weight_software = 200;
    p->weight_sgx = 1000;
    p->weight_sgx_hardening = 1000;
    p->weight_sgx_configuration = 800;
    p->weight_sgx_outdated = 500;
    p->weight_tdx = 1000;
    p->weight_tdx_hardening = 1000;
    p->weight_tdx_configuration = 800;
    p->weight_tdx_outdated = 500;
    p->weight_snp_milan = 200;
    p->weight_snp_genoa = 1000;
    p->weight_snp_turin = 1000;
}

static void staking_init(struct params *p)
{
    p->era_slots = 6;
    p->era_ms_min = 19440000;
    p->bonding_eras = 112;
    p->slash_defer_eras = 108;
    p->history_eras = 84;
    p->misbehaviour_blocks = 777600;
    p->misbehaviour_ms = 2332800000;
    p->validators_max = 100;
    p->validators_min = 4;
    p->stake_per_byte = AMOUNT_OF(1);
    p->power_unit = AMOUNT_OF(1000000000000);
    p->power_cap_percent = 10;
    p->guarantors_rewarded = 64;
    p->group_size_max = 1000;
    p->reward_first_year = AMOUNT_OF(5000000000000000000);
    p->reward_start_era = 0;
    p->reward_year_eras = 1461;
    p->market_pot_eras = 60;
    p->offline_percent = 50;
    p->beacon_members_min = 21;
    p->beacon_miss_slots = 24;
    p->beacon_misses_max = 3;
    p->benefits_quota_rate = 2000000;
    p->benefits_waived_percent = 100;
    p->gov_deposit = AMOUNT_OF(100000000000000);
    p->gov_enact_blocks = 14400;
}

static void staking_devnet(struct params *p)
{
    p->era_slots = 3;
    p->era_ms_min = 0;
    p->bonding_eras = 4;
    p->slash_defer_eras = 2;
    p->misbehaviour_blocks = 40;
    p->misbehaviour_ms = 10000;
    p->validators_max = 16;
    p->validators_min = 1;
    p->stake_per_byte = AMOUNT_OF(1000000);
    p->power_unit = AMOUNT_OF(1000000000);
    p->power_cap_percent = 100;
    p->group_size_max = 100;
    p->market_pot_eras = 5;
    p->gov_deposit = AMOUNT_OF(1000000000000);
    p->gov_enact_blocks = 5;
}

void params_init(struct params *out, enum params_preset preset)
{
    *out = (struct params){ 0 };
    production_init(out);
    prices_init(out);
    attest_init(out);
    staking_init(out);
    out->power_step_count = sizeof(power_table) / sizeof(power_table[0]);
    memcpy(out->power_steps, power_table, sizeof(power_table));
    if (preset == PARAMS_PRODUCTION)
        return;
    out->block_ms = 1000;
    out->slot_blocks = 10;
    out->report_blocks = 7;
    out->expiry_max_blocks = 3600;
    out->srd_extent_size = (uint64_t)16 * 1024 * 1024;
    out->absence_slots = 60;
    out->srd_power_max_percent = 100;
    out->workers_per_platform = 64;
    out->allow_software = true;
    out->weight_software = 1000;
    out->worker_deposit = AMOUNT_OF(cru);
    out->allow_private_origins = true;
    out->file_duration_blocks = 86400;
    out->order_refund_blocks = 300;
    out->replicas_default = 3;
    out->collateral_ratio = 0;
    out->power_ready_blocks = 60;
    staking_devnet(out);
}

static const char *check_time(const struct params *p)
{
    if (p->block_ms < 50 || p->block_ms > 600000)
        return "block_ms: must be from 50 to 600000";
    if (p->slot_blocks < 4 || p->slot_blocks > 100000)
        return "slot_blocks: must be from 4 to 100000";
    if (p->report_blocks < 1 || p->report_blocks > p->slot_blocks - 2)
        return "report_blocks: must leave at least two blocks of the slot to the beacon";
    if (p->expiry_max_blocks < 10 || p->expiry_max_blocks > 1000000)
        return "expiry_max_blocks: must be from 10 to 1000000";
    if (p->evidence_max_age_blocks < 1 || p->evidence_max_age_blocks > 100000)
        return "evidence_max_age_blocks: must be from 1 to 100000";
    if (p->queue_per_block < 10 || p->queue_per_block > 10000)
        return "queue_per_block: must be from 10 to 10000";
    return NULL;
}

static const char *check_work(const struct params *p)
{
    uint64_t mib = p->srd_extent_size / mib_bytes;
    if (mib == 0 || p->srd_extent_size % mib_bytes != 0 || (mib & (mib - 1)) != 0 || mib > 4096)
        return "srd_extent_size: must be a power of two times 1 MiB, at most 4 GiB";
    if (p->draws_files < 1 || p->draws_files > 4 || p->draws_srd < 1 || p->draws_srd > 4)
        return "draws_files, draws_srd: must be from 1 to 4";
    /* SPEC report 6.3: "Parameters MUST NOT ask for more than 7 draws a slot" */
    if (p->draws_files + p->draws_srd > 7)
        return "draws_files, draws_srd: must be at most 7 together";
    if (p->return_draws < 1 || p->return_draws > 20)
        return "return_draws: must be from 1 to 20";
    if (p->absence_slots < 2 || p->absence_slots > 10000)
        return "absence_slots: must be from 2 to 10000";
    if (p->miss_penalty_slots > 1000)
        return "miss_penalty_slots: must be at most 1000";
    if (p->srd_power_max_percent > 100)
        return "srd_power_max_percent: must be at most 100";
    if (p->claim_settle_slots < 1 || p->claim_settle_slots > 10000)
        return "claim_settle_slots: must be from 1 to 10000";
    if (p->free_reports < 1 || p->free_reports > 64)
        return "free_reports: must be from 1 to 64";
    if (p->workers_per_platform < 1)
        return "workers_per_platform: must be at least 1";
    struct amount largest;
    if (amount_mul(&largest, p->fee_byte, TX_SIZE_MAX) != OK ||
        amount_cmp(p->challenge_bond, amount_sat_add(largest, p->fee_base)) < 0)
        return "challenge_bond: must cover the fee of the largest transaction";
    return NULL;
}

static const char *check_attest(const struct params *p)
{
    const uint32_t weights[] = {
        p->weight_none,          p->weight_software,          p->weight_sgx,
        p->weight_sgx_hardening, p->weight_sgx_configuration, p->weight_sgx_outdated,
        p->weight_tdx,           p->weight_tdx_hardening,     p->weight_tdx_configuration,
        p->weight_tdx_outdated,  p->weight_snp_milan,         p->weight_snp_genoa,
        p->weight_snp_turin
    };
    /* SPEC work 2.4: "no parameter lets a worker in without evidence" */
    if ((p->attest_kinds & ~14u) != 0)
        return "attest_kinds: bits 1 to 3";
    if (p->attest_snp_products > 7)
        return "attest_snp_products: bits 0 to 2";
    if (p->attest_valid_s < 60 || p->attest_valid_s > (uint64_t)365 * 86400)
        return "attest_valid_s: must be from a minute to a year";
    if (p->attest_grace_s > (uint64_t)3650 * 86400)
        return "attest_grace_s: must be at most ten years";
    if (p->attest_per_block < 1 || p->attest_per_block > 1000)
        return "attest_per_block: must be from 1 to 1000";
    if (p->attest_sweep_per_block < 1 || p->attest_sweep_per_block > 1000)
        return "attest_sweep_per_block: must be from 1 to 1000";
    /* Bit 8 is Revoked alone: refused before any policy. */
    if (((p->attest_statuses | p->attest_grace_statuses) >> 8 & 1) != 0)
        return "attest_statuses, attest_grace_statuses: Revoked is never taken";
    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
        if (weights[i] > 1000)
            return "weight_*: must be at most 1000 thousandths";
    return NULL;
}

static const char *check_split(const struct params *p)
{
    if (p->fee_treasury_percent > 100)
        return "fee_treasury_percent: must be at most 100";
    if (p->staking_percent > 100 || p->storage_percent > 100 - p->staking_percent)
        return "staking_percent, storage_percent: must not be over 100 together";
    if (p->storage_percent == 0)
        return "storage_percent: must be at least 1";
    if (p->storage_reference_percent > 100)
        return "storage_reference_percent: must be at most 100";
    return NULL;
}

static const char *check_market(const struct params *p)
{
    if (p->file_size_max < mib_bytes || p->file_size_max > (uint64_t)1 << 50)
        return "file_size_max: must be from 1 MiB to 1 PiB";
    if (p->file_duration_blocks < p->slot_blocks)
        return "file_duration_blocks: must be at least a slot";
    if (p->order_refund_blocks < 2 * p->slot_blocks)
        return "order_refund_blocks: must be at least two slots";
    if (p->replicas_max < 1 || p->replicas_max > PARAMS_REPLICAS_LIMIT)
        return "replicas_max: must be from 1 to 200";
    if (p->replicas_default < 1 || p->replicas_default > p->replicas_max)
        return "replicas_default: must be from 1 to replicas_max";
    if (p->power_ready_blocks < 1)
        return "power_ready_blocks: must be at least 1";
    for (uint32_t i = 0; i < p->power_step_count; i++) {
        const struct params_power_step *s = &p->power_steps[i];
        if (s->permille < 1000 || s->permille > 200000)
            return "power_steps: a multiplier must be from 1000 to 200000 thousandths";
        if (s->replicas == 0 ||
            (i > 0 && (s->replicas <= s[-1].replicas || s->permille < s[-1].permille)))
            return "power_steps: must rise";
    }
    return NULL;
}

static bool price_is_sound(struct amount first, struct amount low, struct amount high)
{
    /* 10^24 base units, a million million CRU: products with sizes stay far inside 128 bits. */
    return amount_cmp(low, first) <= 0 && amount_cmp(first, high) <= 0 &&
           amount_cmp(high, AMOUNT_OF(cru * cru)) <= 0;
}

static const char *check_prices(const struct params *p)
{
    if (!price_is_sound(p->price_base, p->price_base_min, p->price_base_max))
        return "price_base: must lie between price_base_min and price_base_max";
    if (!price_is_sound(p->price_byte, p->price_byte_min, p->price_byte_max))
        return "price_byte: must lie between price_byte_min and price_byte_max";
    if (!price_is_sound(p->price_keys, p->price_keys_min, p->price_keys_max))
        return "price_keys: must lie between price_keys_min and price_keys_max";
    if (p->price_base_rise_below >= p->price_base_fall_above)
        return "price_base_rise_below: must be below price_base_fall_above";
    const uint32_t ratios[] = { p->price_base_rise, p->price_base_fall, p->price_byte_rise,
                                p->price_byte_fall, p->price_keys_rise, p->price_keys_fall };
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
        if (ratios[i] > PERBILL)
            return "price_*_rise, price_*_fall: must be at most 1000000000";
    /* The hooks run 3 and 22 blocks before the end of an interval; V05 gives the numbers. */
    if (p->price_interval_slots < 1 || p->price_interval_slots > 10000)
        return "price_interval_slots: must be from 1 to 10000";
    return NULL;
}

static const char *check_blocks(const struct params *p)
{
    if (p->block_bytes_max < 4 * TX_SIZE_SMALL_MAX || p->block_bytes_max > 24 * 1024 * 1024)
        return "block_bytes_max: must be from 512 KiB to 24 MiB";
    if (p->block_report_bytes < TX_SIZE_SMALL_MAX ||
        p->block_report_bytes > p->block_bytes_max - TX_SIZE_SMALL_MAX)
        return "block_report_bytes: must leave 128 KiB of a block, and be at least that";
    return NULL;
}

static const char *check_eras(const struct params *p)
{
    if (p->era_slots < 1 || p->era_slots > 10000)
        return "era_slots: must be from 1 to 10000";
    if (p->era_ms_min > (uint64_t)30 * 86400 * 1000)
        return "era_ms_min: must be at most 30 days";
    if (p->bonding_eras < 1 || p->bonding_eras > 1000)
        return "bonding_eras: must be from 1 to 1000";
    if (p->slash_defer_eras >= p->bonding_eras)
        return "slash_defer_eras: must be below bonding_eras";
    if (p->history_eras < 1 || p->history_eras > 1000)
        return "history_eras: must be from 1 to 1000";
    /* CometBFT takes no 0 for either. */
    if (p->misbehaviour_blocks < 1)
        return "misbehaviour_blocks: must be at least 1";
    if (p->misbehaviour_ms < 1)
        return "misbehaviour_ms: must be at least 1";
    if (p->misbehaviour_ms > (uint64_t)365 * 86400 * 1000)
        return "misbehaviour_ms: must be at most a year";
    if (p->reward_year_eras < 1)
        return "reward_year_eras: must be at least 1";
    if (p->benefits_quota_rate > PERBILL)
        return "benefits_quota_rate: must be at most 1000000000";
    if (p->benefits_waived_percent > 100)
        return "benefits_waived_percent: must be at most 100";
    if (p->market_pot_eras < 1 || p->market_pot_eras > 500)
        return "market_pot_eras: must be from 1 to 500";
    return NULL;
}

static const char *check_stake(const struct params *p)
{
    if (p->validators_max < 1 || p->validators_max > PARAMS_VALIDATORS_LIMIT)
        return "validators_max: must be from 1 to 128";
    if (p->validators_min < 1 || p->validators_min > p->validators_max)
        return "validators_min: must be from 1 to validators_max";
    if (amount_is_zero(p->power_unit))
        return "power_unit: must be at least 1";
    if (p->power_cap_percent < 1 || p->power_cap_percent > 100)
        return "power_cap_percent: must be from 1 to 100";
    if (p->guarantors_rewarded > PARAMS_GUARANTORS_LIMIT)
        return "guarantors_rewarded: must be at most 256";
    if (p->group_size_max < 1)
        return "group_size_max: must be at least 1";
    /* 2^80: a product with any number of bytes fits 128 bits only below 2^64. */
    if (p->stake_per_byte.units >> 64 != 0 || p->reward_first_year.units >> 100 != 0)
        return "stake_per_byte, reward_first_year: too large";
    if (p->offline_percent < 1 || p->offline_percent > 100)
        return "offline_percent: must be from 1 to 100";
    return NULL;
}

static const char *check_beacon(const struct params *p)
{
    if (p->beacon_members_min < 1 || p->beacon_members_min > PARAMS_VALIDATORS_LIMIT)
        return "beacon_members_min: must be from 1 to 128";
    if (p->beacon_misses_max < 1 || p->beacon_misses_max > PARAMS_MISSES_LIMIT)
        return "beacon_misses_max: must be from 1 to 64";
    if (p->beacon_miss_slots < p->beacon_misses_max || p->beacon_miss_slots > 100000)
        return "beacon_miss_slots: must be from beacon_misses_max to 100000";
    return NULL;
}

enum err params_check(const struct params *p, const char **what)
{
    const char *(*const checks[])(const struct params *) = {
        check_time,   check_work, check_split, check_market, check_prices,
        check_blocks, check_eras, check_stake, check_beacon, check_attest
    };
    /* SPEC params 1.2: "The relations in the table's last column and in `params_check` MUST hold
     * for a record to be taken." */
    *what = NULL;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && *what == NULL; i++)
        *what = checks[i](p);
    return *what == NULL ? OK : ERR_RANGE;
}
