#include "engine/abci_params.h"

#include "base/check.h"
#include "base/prng.h"
#include "codec/tx.h"

#include <stdio.h>

/* CometBFT's own rules (ConsensusParams.ValidateBasic), written from its documentation: what breaks
 * one of them stops every node. */
static void check_engine_takes(const struct abci_block_params *block,
                               const struct abci_evidence_params *evidence)
{
    CHECK(block->max_bytes > 0 && block->max_bytes <= 104857600);
    CHECK(block->max_gas == -1);
    CHECK(evidence->max_age_blocks > 0);
    CHECK(evidence->max_age.seconds > 0 ||
          (evidence->max_age.seconds == 0 && evidence->max_age.nanos > 0));
    CHECK(evidence->max_age.nanos >= 0 && evidence->max_age.nanos < 1000000000);
    CHECK(evidence->max_bytes >= 0 && evidence->max_bytes <= block->max_bytes);
}

static void both_presets_give_what_the_engine_takes(void **state)
{
    (void)state;
    for (int preset = PARAMS_DEVNET; preset <= PARAMS_PRODUCTION; preset++) {
        struct params p;
        struct abci_params out;
        uint8_t room[ABCI_PARAMS_ROOM];
        struct span type = { NULL, 0 };
        params_init(&p, (enum params_preset)preset);
        abci_params_of(&out, &p, 7, room);
        check_engine_takes(&out.block, &out.evidence);
        CHECK(out.present && out.version.present && out.version.app == 7 && !out.abci.present);
        struct abci_list types = out.validator.key_types;
        CHECK(out.validator.present);
        CHECK(abci_list_bytes(&type, &types));
        CHECK(span_eq(type, span_str("ed25519")) && !abci_list_bytes(&type, &types));
        /* A full block, a dispute, all evidence and the votes of 128 validators find room. */
        CHECK(out.block.max_bytes >= (int64_t)p.block_bytes_max + TX_SIZE_MAX + 6 +
                                         out.evidence.max_bytes + 11 + 626 + 94 + 128 * 111);
        CHECK(abci_params_check(&out, 7) == NULL);
    }
    struct params p;
    struct abci_params out;
    uint8_t room[ABCI_PARAMS_ROOM];
    params_init(&p, PARAMS_PRODUCTION);
    abci_params_of(&out, &p, 1, room);
    CHECK(out.evidence.max_age_blocks == 777600);
    CHECK(out.evidence.max_age.seconds == 27 * 86400 && out.evidence.max_age.nanos == 0);
    CHECK(out.block.max_bytes == 1048576 + 2162688 + 524288 + 1048576);
}

/* Whatever governance may decide: every record that params_check takes. */
static void no_decision_gives_what_the_engine_refuses(void **state)
{
    (void)state;
    static const char *const names[] = { "block_bytes_max", "block_report_bytes",
                                         "misbehaviour_blocks", "misbehaviour_ms" };
    struct prng rng;
    struct params before;
    uint32_t taken = 0, changed = 0;
    prng_init(&rng, 20);
    params_init(&before, PARAMS_PRODUCTION);
    for (int i = 0; i < 20000; i++) {
        struct params p = before;
        struct abci_params all, change;
        uint8_t room[ABCI_PARAMS_ROOM];
        const char *what;
        char value[24];
        uint64_t number = prng_u64(&rng) >> prng_below(&rng, 64);
        snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
        if (params_set(&p, names[prng_below(&rng, 4)], value) != OK ||
            params_check(&p, &what) != OK)
            continue;
        taken++;
        abci_params_of(&all, &p, 1, room);
        check_engine_takes(&all.block, &all.evidence);
        abci_params_change(&change, &before, &p);
        CHECK(!change.validator.present && !change.version.present && !change.abci.present);
        CHECK(change.present == (change.block.present || change.evidence.present));
        CHECK(change.block.present == (p.block_bytes_max != before.block_bytes_max));
        CHECK(change.evidence.present == (p.misbehaviour_blocks != before.misbehaviour_blocks ||
                                          p.misbehaviour_ms != before.misbehaviour_ms));
        if (change.block.present)
            CHECK(change.block.max_bytes == all.block.max_bytes && change.block.max_gas == -1);
        if (change.evidence.present)
            CHECK(change.evidence.max_age_blocks == (int64_t)p.misbehaviour_blocks);
        changed += change.present;
        before = p;
    }
    CHECK(taken > 1000 && changed > 500);
}

static void what_cannot_be_reconciled_is_named(void **state)
{
    (void)state;
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof(room));
    abci_list_add_bytes(&w, span_str("secp256k1"));
    struct abci_params g = { .present = true };
    CHECK(abci_params_check(&g, 1) == NULL); /* nothing is said */
    g.version.present = true;
    CHECK(abci_params_check(&g, 1) == NULL); /* version 0: an engine that sets none */
    g.version.app = 2;
    CHECK(strstr(abci_params_check(&g, 1), "version.app") != NULL);
    g.version.app = 1;
    g.abci = (struct abci_abci_params){ .present = true, .vote_extensions_height = 1 };
    CHECK(strstr(abci_params_check(&g, 1), "vote_extensions") != NULL);
    g.abci.vote_extensions_height = 0;
    g.validator.present = true;
    CHECK(strstr(abci_params_check(&g, 1), "ed25519") != NULL);
    g.validator.key_types = abci_list_of(writer_span(&w), 1);
    CHECK(strstr(abci_params_check(&g, 1), "ed25519") != NULL);
    abci_list_add_bytes(&w, span_str("ed25519"));
    g.validator.key_types = abci_list_of(writer_span(&w), 2);
    CHECK(abci_params_check(&g, 1) == NULL);
    g.block = (struct abci_block_params){ .present = true, .max_bytes = 1 }; /* is put right */
    CHECK(abci_params_check(&g, 1) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_presets_give_what_the_engine_takes),
        cmocka_unit_test(no_decision_gives_what_the_engine_refuses),
        cmocka_unit_test(what_cannot_be_reconciled_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
