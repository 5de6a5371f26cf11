#include "engine/abci_params.h"

#include "codec/tx.h"

/* SPEC abci 6.1: "`block.max_bytes` is `block_bytes_max`, one transaction of the largest size, the
 * evidence's bytes and 1 MiB for header and votes." */
static struct abci_block_params block_of(const struct params *p)
{
    int64_t bytes = (int64_t)p->block_bytes_max + TX_SIZE_MAX + ABCI_PARAMS_EVIDENCE_BYTES +
                    ABCI_PARAMS_OVERHEAD;
    return (struct abci_block_params){
        .present = true,
        .max_bytes = bytes < ABCI_PARAMS_BLOCK_LIMIT ? bytes : ABCI_PARAMS_BLOCK_LIMIT,
        .max_gas = -1,
    };
}

/* SPEC abci 6.2: "Evidence is taken as long as the ledger holds stake back for it: its ages are
 * `misbehaviour_blocks` and `misbehaviour_ms`." CometBFT wants both above 0. */
static struct abci_evidence_params evidence_of(const struct params *p)
{
    uint64_t ms = p->misbehaviour_ms > 0 ? p->misbehaviour_ms : 1;
    return (struct abci_evidence_params){
        .present = true,
        .max_age_blocks = p->misbehaviour_blocks > 0 ? p->misbehaviour_blocks : 1,
        .max_age = { .seconds = (int64_t)(ms / 1000), .nanos = (int32_t)(ms % 1000 * 1000000) },
        .max_bytes = ABCI_PARAMS_EVIDENCE_BYTES,
    };
}

void abci_params_of(struct abci_params *out, const struct params *p, uint64_t app,
                    uint8_t room[ABCI_PARAMS_ROOM])
{
    struct writer w = writer_of(room, ABCI_PARAMS_ROOM);
    abci_list_add_bytes(&w, span_str("ed25519"));
    ASSERT(w.err == OK);
    *out = (struct abci_params){
        .present = true,
        .block = block_of(p),
        .evidence = evidence_of(p),
        .validator = { .present = true, .key_types = abci_list_of(writer_span(&w), 1) },
        .version = { .present = true, .app = app },
    };
}

void abci_params_change(struct abci_params *out, const struct params *before,
                        const struct params *after)
{
    const struct abci_block_params was = block_of(before), block = block_of(after);
    const struct abci_evidence_params old = evidence_of(before), evidence = evidence_of(after);
    *out = (struct abci_params){ .present = false };
    if (was.max_bytes != block.max_bytes)
        out->block = block;
    if (old.max_age_blocks != evidence.max_age_blocks ||
        old.max_age.seconds != evidence.max_age.seconds ||
        old.max_age.nanos != evidence.max_age.nanos)
        out->evidence = evidence;
    out->present = out->block.present || out->evidence.present;
}

static bool has_ed25519(struct abci_list types)
{
    struct span type;
    while (abci_list_bytes(&type, &types))
        if (span_eq(type, span_str("ed25519")))
            return true;
    return false;
}

/* SPEC abci 6.3: "InitChain MUST be refused when the genesis names vote extensions, another
 * application version than ours, or validators' key types without ed25519." */
const char *abci_params_check(const struct abci_params *given, uint64_t app)
{
    if (given->abci.present && given->abci.vote_extensions_height != 0)
        return "consensus_params.abci.vote_extensions_enable_height: must be 0, the ledger has no "
               "vote extensions";
    if (given->version.present && given->version.app != 0 && given->version.app != app)
        return "consensus_params.version.app: the genesis is of another version of the ledger";
    if (given->validator.present && !has_ed25519(given->validator.key_types))
        return "consensus_params.validator.pub_key_types: must name ed25519";
    return NULL;
}
