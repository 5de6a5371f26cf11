/* params: the one record of everything that can be adjusted. Written at genesis, later only by
 * governance. Spec: docs/spec/params.md. Pure.
 *
 * On chain it is one canonical CBOR map in the store `params`; in a genesis file it is a JSON
 * object: a preset and what differs from it. */
#ifndef CRUST_CHAIN_PARAMS_H
#define CRUST_CHAIN_PARAMS_H

#include "base/amount.h"
#include "base/err.h"
#include "base/writer.h"

enum {
    PARAMS_POWER_STEPS_MAX = 24,   /* rows of the power table */
    PARAMS_REPLICAS_LIMIT = 200,   /* bounds the work of one settlement */
    PARAMS_VALIDATORS_LIMIT = 128, /* as CHAIN_VALIDATORS_MAX */
    PARAMS_GUARANTORS_LIMIT = 256, /* of one validator; their list fits a record */
    PARAMS_MISSES_LIMIT = 64,
    PARAMS_ENCODED_MAX = 8192,
    PARAMS_NAME_MAX = 40,
};

/* From `replicas` verified replicas on, each is worth `permille`/1000 of its size. */
struct params_power_step {
    uint32_t replicas;
    uint32_t permille;
};

/* Lengths are in blocks unless the name says slots; sizes in bytes; ratios as named. */
struct params {
    /* time */
    uint32_t block_ms;
    uint32_t slot_blocks;
    uint32_t report_blocks;     /* the report part; the rest of the slot is the beacon window */
    uint32_t expiry_max_blocks; /* how far ahead a transaction's expiry may lie */
    /* work: docs/spec/work.md */
    uint64_t srd_extent_size;
    uint32_t draws_files;
    uint32_t draws_srd;
    uint32_t return_draws;
    uint32_t miss_penalty_slots;
    uint32_t absence_slots;
    uint32_t srd_power_max_percent;
    uint32_t claim_settle_slots;
    uint32_t free_reports;
    uint32_t evidence_max_age_blocks;
    uint32_t workers_per_platform;
    uint64_t platform_bytes_max;
    bool allow_software;
    struct amount worker_deposit;
    struct amount claim_bond;
    struct amount challenge_bond;
    /* evidence: docs/spec/work.md 2, docs/spec/attest.md 10 and 11 */
    uint32_t attest_kinds;
    uint64_t attest_valid_s;
    uint32_t attest_per_block;
    uint32_t attest_sweep_per_block;
    uint32_t attest_statuses;
    uint32_t attest_grace_statuses;
    uint64_t attest_grace_s;
    uint32_t attest_evaluation_min;
    bool attest_clients;
    uint64_t attest_td_required;
    uint64_t attest_td_forbidden;
    uint32_t attest_snp_products;
    uint32_t attest_snp_vmpl;
    bool attest_snp_vlek;
    uint64_t attest_snp_required;
    uint64_t attest_snp_forbidden;
    uint64_t attest_snp_platform;
    uint32_t attest_snp_firmware;
    uint64_t attest_snp_milan;
    uint64_t attest_snp_genoa;
    uint64_t attest_snp_turin;
    uint64_t attest_snp_milan_bits;
    uint64_t attest_snp_genoa_bits;
    uint64_t attest_snp_turin_bits;
    uint64_t collateral_fresh_s;
    /* power by class, in thousandths: docs/spec/work.md 7 */
    uint32_t weight_none;
    uint32_t weight_software;
    uint32_t weight_sgx;
    uint32_t weight_sgx_hardening;
    uint32_t weight_sgx_configuration;
    uint32_t weight_sgx_outdated;
    uint32_t weight_tdx;
    uint32_t weight_tdx_hardening;
    uint32_t weight_tdx_configuration;
    uint32_t weight_tdx_outdated;
    uint32_t weight_snp_milan;
    uint32_t weight_snp_genoa;
    uint32_t weight_snp_turin;
    /* accounts and fees */
    struct amount existential_deposit;
    struct amount fee_base;
    struct amount fee_byte;
    uint32_t fee_treasury_percent; /* the rest goes to the block's author */
    /* market: docs/spec/market.md */
    bool market_enabled;
    bool allow_private_origins;
    uint64_t file_size_max; /* exclusive */
    uint32_t file_duration_blocks;
    uint32_t order_refund_blocks;
    uint32_t replicas_default;
    uint32_t replicas_max;
    uint32_t staking_percent; /* of an order's byte and keys fee */
    uint32_t storage_percent;
    uint32_t
        collateral_ratio; /* a merchant's unclaimed reward times this fits into its collateral */
    uint32_t price_interval_slots;
    uint32_t storage_reference_percent;
    struct amount price_base, price_base_min, price_base_max; /* first value, per order */
    struct amount price_byte, price_byte_min, price_byte_max; /* per started MiB */
    struct amount price_keys, price_keys_min, price_keys_max; /* per order */
    uint32_t price_base_rise_below;                           /* replicas per order */
    uint32_t price_base_fall_above;
    uint32_t price_base_rise, price_base_fall; /* parts per 10^9 */
    uint32_t price_byte_rise, price_byte_fall;
    uint32_t price_keys_rise, price_keys_fall;
    uint32_t price_keys_threshold;
    uint32_t power_ready_blocks; /* a younger replica counts as its plain size */
    uint32_t power_step_count;
    struct params_power_step power_steps[PARAMS_POWER_STEPS_MAX];
    /* staking: docs/spec/staking.md; governance: docs/spec/governance.md */
    uint32_t era_slots;
    uint64_t era_ms_min;
    uint32_t bonding_eras;
    uint32_t slash_defer_eras;
    uint32_t history_eras;
    uint32_t misbehaviour_blocks;
    uint64_t misbehaviour_ms;
    uint32_t validators_max;
    uint32_t validators_min;
    struct amount stake_per_byte;
    struct amount power_unit;
    uint32_t power_cap_percent;
    uint32_t guarantors_rewarded;
    uint32_t group_size_max;
    struct amount reward_first_year;
    uint32_t reward_start_era;
    uint32_t reward_year_eras;
    uint32_t market_pot_eras;
    uint32_t offline_percent;
    uint32_t beacon_members_min;
    uint32_t beacon_miss_slots;
    uint32_t beacon_misses_max;
    uint32_t benefits_quota_rate; /* parts per 10^9: docs/spec/benefits.md */
    uint32_t benefits_waived_percent;
    struct amount gov_deposit;
    uint32_t gov_enact_blocks;
    /* blocks */
    uint32_t block_bytes_max;
    uint32_t block_report_bytes; /* of these, room kept for first reports */
    uint32_t queue_per_block;    /* due entries worked off per block */
};

enum params_preset { PARAMS_DEVNET, PARAMS_PRODUCTION };

void params_init(struct params *out, enum params_preset preset);

/* params_check: OK, or ERR_RANGE when a value or a relation between values is not allowed; *what
 * then names it ("report_blocks: must be below slot_blocks"). Static storage. */
NODISCARD enum err params_check(const struct params *p, const char **what);

/* The record on chain. Decoding is strict and does not run params_check. */
void params_encode(struct writer *w, const struct params *p);
NODISCARD enum err params_decode(struct params *out, struct span in);

/* One field as text, for APIs and genesis files: numbers and amounts (base units) in decimal,
 * "true"/"false"; the power table as "replicas:permille,...". */
size_t params_count(void);
const char *params_name(size_t index);
void params_format(struct writer *w, const struct params *p, size_t index);

/* params_set parses what params_format writes. ERR_NOT_FOUND (no such field), ERR_FORMAT,
 * ERR_RANGE (does not fit the field). */
NODISCARD enum err params_set(struct params *p, const char *name, const char *text);

/* The power multiplier for n verified replicas, in thousandths. */
uint32_t params_power_permille(const struct params *p, uint32_t replicas);

#endif
