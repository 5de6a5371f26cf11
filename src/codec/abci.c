#include "codec/abci.h"

#include "codec/abci_wire.h"
#include "codec/pb.h"

/* ---- the tables: field numbers of CometBFT v0.38 proto/tendermint/abci/types.proto ---- */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TABLE(name)                                                                                \
    static const struct abci_wire_message name = { name##_fields, COUNT(name##_fields) }
#define FIELDS(name) static const struct abci_wire_field name##_fields[]

/* clang-format off */
FIELDS(time_) = {
    { 1, ABCI_WIRE_I64, offsetof(struct abci_time, seconds), NULL },
    { 2, ABCI_WIRE_I32, offsetof(struct abci_time, nanos), NULL },
};
TABLE(time_);
FIELDS(block_params) = {
    { 1, ABCI_WIRE_I64, offsetof(struct abci_block_params, max_bytes), NULL },
    { 2, ABCI_WIRE_I64, offsetof(struct abci_block_params, max_gas), NULL },
};
TABLE(block_params);
FIELDS(evidence_params) = {
    { 1, ABCI_WIRE_I64, offsetof(struct abci_evidence_params, max_age_blocks), NULL },
    { 2, ABCI_WIRE_VALUE, offsetof(struct abci_evidence_params, max_age), &time_ },
    { 3, ABCI_WIRE_I64, offsetof(struct abci_evidence_params, max_bytes), NULL },
};
TABLE(evidence_params);
FIELDS(validator_params) = {
    { 1, ABCI_WIRE_LIST, offsetof(struct abci_validator_params, key_types), NULL },
};
TABLE(validator_params);
FIELDS(version_params) = {
    { 1, ABCI_WIRE_U64, offsetof(struct abci_version_params, app), NULL },
};
TABLE(version_params);
FIELDS(abci_params) = {
    { 1, ABCI_WIRE_I64, offsetof(struct abci_abci_params, vote_extensions_height), NULL },
};
TABLE(abci_params);
FIELDS(params) = {
    { 1, ABCI_WIRE_MESSAGE, offsetof(struct abci_params, block), &block_params },
    { 2, ABCI_WIRE_MESSAGE, offsetof(struct abci_params, evidence), &evidence_params },
    { 3, ABCI_WIRE_MESSAGE, offsetof(struct abci_params, validator), &validator_params },
    { 4, ABCI_WIRE_MESSAGE, offsetof(struct abci_params, version), &version_params },
    { 5, ABCI_WIRE_MESSAGE, offsetof(struct abci_params, abci), &abci_params },
};
TABLE(params);
FIELDS(validator) = {
    { 1, ABCI_WIRE_BYTES, offsetof(struct abci_validator, address), NULL },
    { 3, ABCI_WIRE_I64, offsetof(struct abci_validator, power), NULL },
};
TABLE(validator);
FIELDS(vote) = {
    { 1, ABCI_WIRE_VALUE, offsetof(struct abci_vote, validator), &validator },
    { 3, ABCI_WIRE_I32, offsetof(struct abci_vote, flag), NULL },
};
TABLE(vote);
FIELDS(extended_vote) = {
    { 1, ABCI_WIRE_VALUE, offsetof(struct abci_extended_vote, validator), &validator },
    { 3, ABCI_WIRE_BYTES, offsetof(struct abci_extended_vote, extension), NULL },
    { 4, ABCI_WIRE_BYTES, offsetof(struct abci_extended_vote, signature), NULL },
    { 5, ABCI_WIRE_I32, offsetof(struct abci_extended_vote, flag), NULL },
};
TABLE(extended_vote);
FIELDS(misbehavior) = {
    { 1, ABCI_WIRE_I32, offsetof(struct abci_misbehavior, type), NULL },
    { 2, ABCI_WIRE_VALUE, offsetof(struct abci_misbehavior, validator), &validator },
    { 3, ABCI_WIRE_I64, offsetof(struct abci_misbehavior, height), NULL },
    { 4, ABCI_WIRE_VALUE, offsetof(struct abci_misbehavior, time), &time_ },
    { 5, ABCI_WIRE_I64, offsetof(struct abci_misbehavior, total_power), NULL },
};
TABLE(misbehavior);
FIELDS(public_key) = {
    { 1, ABCI_WIRE_BYTES, offsetof(struct abci_public_key, ed25519), NULL },
    { 2, ABCI_WIRE_BYTES, offsetof(struct abci_public_key, secp256k1), NULL },
};
TABLE(public_key);
FIELDS(validator_update) = {
    { 1, ABCI_WIRE_VALUE, offsetof(struct abci_validator_update, key), &public_key },
    { 2, ABCI_WIRE_I64, offsetof(struct abci_validator_update, power), NULL },
};
TABLE(validator_update);
FIELDS(attribute) = {
    { 1, ABCI_WIRE_BYTES, offsetof(struct abci_attribute, key), NULL },
    { 2, ABCI_WIRE_BYTES, offsetof(struct abci_attribute, value), NULL },
    { 3, ABCI_WIRE_BOOL, offsetof(struct abci_attribute, index), NULL },
};
TABLE(attribute);
FIELDS(event) = {
    { 1, ABCI_WIRE_BYTES, offsetof(struct abci_event, type), NULL },
    { 2, ABCI_WIRE_LIST, offsetof(struct abci_event, attributes), &attribute },
};
TABLE(event);
FIELDS(tx_result) = {
    { 1, ABCI_WIRE_U32, offsetof(struct abci_tx_result, code), NULL },
    { 2, ABCI_WIRE_BYTES, offsetof(struct abci_tx_result, data), NULL },
    { 3, ABCI_WIRE_BYTES, offsetof(struct abci_tx_result, log), NULL },
    { 4, ABCI_WIRE_BYTES, offsetof(struct abci_tx_result, info), NULL },
    { 5, ABCI_WIRE_I64, offsetof(struct abci_tx_result, gas_wanted), NULL },
    { 6, ABCI_WIRE_I64, offsetof(struct abci_tx_result, gas_used), NULL },
    { 7, ABCI_WIRE_LIST, offsetof(struct abci_tx_result, events), &event },
    { 8, ABCI_WIRE_BYTES, offsetof(struct abci_tx_result, codespace), NULL },
};
TABLE(tx_result);
FIELDS(snapshot) = {
    { 1, ABCI_WIRE_U64, offsetof(struct abci_snapshot, height), NULL },
    { 2, ABCI_WIRE_U32, offsetof(struct abci_snapshot, format), NULL },
    { 3, ABCI_WIRE_U32, offsetof(struct abci_snapshot, chunks), NULL },
    { 4, ABCI_WIRE_BYTES, offsetof(struct abci_snapshot, hash), NULL },
    { 5, ABCI_WIRE_BYTES, offsetof(struct abci_snapshot, metadata), NULL },
};
TABLE(snapshot);
FIELDS(proof_op) = {
    { 1, ABCI_WIRE_BYTES, offsetof(struct abci_proof_op, type), NULL },
    { 2, ABCI_WIRE_BYTES, offsetof(struct abci_proof_op, key), NULL },
    { 3, ABCI_WIRE_BYTES, offsetof(struct abci_proof_op, data), NULL },
};
TABLE(proof_op);
FIELDS(commit_info) = {
    { 1, ABCI_WIRE_I32, offsetof(struct abci_commit_info, round), NULL },
    { 2, ABCI_WIRE_LIST, offsetof(struct abci_commit_info, votes), &vote },
};
TABLE(commit_info);
FIELDS(extended_commit_info) = {
    { 1, ABCI_WIRE_I32, offsetof(struct abci_commit_info, round), NULL },
    { 2, ABCI_WIRE_LIST, offsetof(struct abci_commit_info, votes), &extended_vote },
};
TABLE(extended_commit_info);

/* ---- requests ---- */

#define RQ(m) offsetof(struct abci_request, m)
static const struct abci_wire_message nothing = { NULL, 0 };
FIELDS(rq_echo) = {
    { 1, ABCI_WIRE_BYTES, RQ(echo.message), NULL },
};
TABLE(rq_echo);
FIELDS(rq_info) = {
    { 1, ABCI_WIRE_BYTES, RQ(info.version), NULL },
    { 2, ABCI_WIRE_U64, RQ(info.block_version), NULL },
    { 3, ABCI_WIRE_U64, RQ(info.p2p_version), NULL },
    { 4, ABCI_WIRE_BYTES, RQ(info.abci_version), NULL },
};
TABLE(rq_info);
FIELDS(rq_init_chain) = {
    { 1, ABCI_WIRE_VALUE, RQ(init_chain.time), &time_ },
    { 2, ABCI_WIRE_BYTES, RQ(init_chain.chain_id), NULL },
    { 3, ABCI_WIRE_MESSAGE, RQ(init_chain.params), &params },
    { 4, ABCI_WIRE_LIST, RQ(init_chain.validators), &validator_update },
    { 5, ABCI_WIRE_BYTES, RQ(init_chain.app_state), NULL },
    { 6, ABCI_WIRE_I64, RQ(init_chain.initial_height), NULL },
};
TABLE(rq_init_chain);
FIELDS(rq_query) = {
    { 1, ABCI_WIRE_BYTES, RQ(query.data), NULL },
    { 2, ABCI_WIRE_BYTES, RQ(query.path), NULL },
    { 3, ABCI_WIRE_I64, RQ(query.height), NULL },
    { 4, ABCI_WIRE_BOOL, RQ(query.prove), NULL },
};
TABLE(rq_query);
FIELDS(rq_check_tx) = {
    { 1, ABCI_WIRE_BYTES, RQ(check_tx.tx), NULL },
    { 2, ABCI_WIRE_I32, RQ(check_tx.type), NULL },
};
TABLE(rq_check_tx);
FIELDS(rq_offer_snapshot) = {
    { 1, ABCI_WIRE_MESSAGE, RQ(offer_snapshot.snapshot), &snapshot },
    { 2, ABCI_WIRE_BYTES, RQ(offer_snapshot.app_hash), NULL },
};
TABLE(rq_offer_snapshot);
FIELDS(rq_load_chunk) = {
    { 1, ABCI_WIRE_U64, RQ(load_chunk.height), NULL },
    { 2, ABCI_WIRE_U32, RQ(load_chunk.format), NULL },
    { 3, ABCI_WIRE_U32, RQ(load_chunk.chunk), NULL },
};
TABLE(rq_load_chunk);
FIELDS(rq_apply_chunk) = {
    { 1, ABCI_WIRE_U32, RQ(apply_chunk.index), NULL },
    { 2, ABCI_WIRE_BYTES, RQ(apply_chunk.chunk), NULL },
    { 3, ABCI_WIRE_BYTES, RQ(apply_chunk.sender), NULL },
};
TABLE(rq_apply_chunk);
FIELDS(rq_prepare) = {
    { 1, ABCI_WIRE_I64, RQ(prepare.max_tx_bytes), NULL },
    { 2, ABCI_WIRE_LIST, RQ(prepare.block.txs), NULL },
    { 3, ABCI_WIRE_VALUE, RQ(prepare.block.last_commit), &extended_commit_info },
    { 4, ABCI_WIRE_LIST, RQ(prepare.block.misbehavior), &misbehavior },
    { 5, ABCI_WIRE_I64, RQ(prepare.block.height), NULL },
    { 6, ABCI_WIRE_VALUE, RQ(prepare.block.time), &time_ },
    { 7, ABCI_WIRE_BYTES, RQ(prepare.block.next_validators_hash), NULL },
    { 8, ABCI_WIRE_BYTES, RQ(prepare.block.proposer), NULL },
};
TABLE(rq_prepare);
FIELDS(rq_block) = { /* ProcessProposal and FinalizeBlock */
    { 1, ABCI_WIRE_LIST, RQ(block.txs), NULL },
    { 2, ABCI_WIRE_VALUE, RQ(block.last_commit), &commit_info },
    { 3, ABCI_WIRE_LIST, RQ(block.misbehavior), &misbehavior },
    { 4, ABCI_WIRE_BYTES, RQ(block.hash), NULL },
    { 5, ABCI_WIRE_I64, RQ(block.height), NULL },
    { 6, ABCI_WIRE_VALUE, RQ(block.time), &time_ },
    { 7, ABCI_WIRE_BYTES, RQ(block.next_validators_hash), NULL },
    { 8, ABCI_WIRE_BYTES, RQ(block.proposer), NULL },
};
TABLE(rq_block);
FIELDS(rq_extend) = {
    { 1, ABCI_WIRE_BYTES, RQ(block.hash), NULL },
    { 2, ABCI_WIRE_I64, RQ(block.height), NULL },
    { 3, ABCI_WIRE_VALUE, RQ(block.time), &time_ },
    { 4, ABCI_WIRE_LIST, RQ(block.txs), NULL },
    { 5, ABCI_WIRE_VALUE, RQ(block.last_commit), &commit_info },
    { 6, ABCI_WIRE_LIST, RQ(block.misbehavior), &misbehavior },
    { 7, ABCI_WIRE_BYTES, RQ(block.next_validators_hash), NULL },
    { 8, ABCI_WIRE_BYTES, RQ(block.proposer), NULL },
};
TABLE(rq_extend);
FIELDS(rq_verify) = {
    { 1, ABCI_WIRE_BYTES, RQ(verify.hash), NULL },
    { 2, ABCI_WIRE_BYTES, RQ(verify.validator), NULL },
    { 3, ABCI_WIRE_I64, RQ(verify.height), NULL },
    { 4, ABCI_WIRE_BYTES, RQ(verify.extension), NULL },
};
TABLE(rq_verify);
FIELDS(rq_insert_tx) = {
    { 1, ABCI_WIRE_BYTES, RQ(insert_tx.tx), NULL },
};
TABLE(rq_insert_tx);
FIELDS(rq_reap_txs) = {
    { 1, ABCI_WIRE_U64, RQ(reap_txs.max_bytes), NULL },
    { 2, ABCI_WIRE_U64, RQ(reap_txs.max_gas), NULL },
};
TABLE(rq_reap_txs);

/* ---- responses ---- */

#define RS(m) offsetof(struct abci_response, m)
FIELDS(rs_exception) = {
    { 1, ABCI_WIRE_BYTES, RS(exception.error), NULL },
};
TABLE(rs_exception);
FIELDS(rs_echo) = {
    { 1, ABCI_WIRE_BYTES, RS(echo.message), NULL },
};
TABLE(rs_echo);
FIELDS(rs_info) = {
    { 1, ABCI_WIRE_BYTES, RS(info.data), NULL },
    { 2, ABCI_WIRE_BYTES, RS(info.version), NULL },
    { 3, ABCI_WIRE_U64, RS(info.app_version), NULL },
    { 4, ABCI_WIRE_I64, RS(info.height), NULL },
    { 5, ABCI_WIRE_BYTES, RS(info.app_hash), NULL },
};
TABLE(rs_info);
FIELDS(rs_init_chain) = {
    { 1, ABCI_WIRE_MESSAGE, RS(init_chain.params), &params },
    { 2, ABCI_WIRE_LIST, RS(init_chain.validators), &validator_update },
    { 3, ABCI_WIRE_BYTES, RS(init_chain.app_hash), NULL },
};
TABLE(rs_init_chain);
FIELDS(proof_ops) = {
    { 1, ABCI_WIRE_LIST, RS(query.proof.ops) - RS(query.proof), &proof_op },
};
TABLE(proof_ops);
FIELDS(rs_query) = {
    { 1, ABCI_WIRE_U32, RS(query.code), NULL },
    { 3, ABCI_WIRE_BYTES, RS(query.log), NULL },
    { 4, ABCI_WIRE_BYTES, RS(query.info), NULL },
    { 5, ABCI_WIRE_I64, RS(query.index), NULL },
    { 6, ABCI_WIRE_BYTES, RS(query.key), NULL },
    { 7, ABCI_WIRE_BYTES, RS(query.value), NULL },
    { 8, ABCI_WIRE_MESSAGE, RS(query.proof), &proof_ops },
    { 9, ABCI_WIRE_I64, RS(query.height), NULL },
    { 10, ABCI_WIRE_BYTES, RS(query.codespace), NULL },
};
TABLE(rs_query);
FIELDS(rs_check_tx) = {
    { 1, ABCI_WIRE_U32, RS(check_tx.code), NULL },
    { 2, ABCI_WIRE_BYTES, RS(check_tx.data), NULL },
    { 3, ABCI_WIRE_BYTES, RS(check_tx.log), NULL },
    { 4, ABCI_WIRE_BYTES, RS(check_tx.info), NULL },
    { 5, ABCI_WIRE_I64, RS(check_tx.gas_wanted), NULL },
    { 6, ABCI_WIRE_I64, RS(check_tx.gas_used), NULL },
    { 7, ABCI_WIRE_LIST, RS(check_tx.events), &event },
    { 8, ABCI_WIRE_BYTES, RS(check_tx.codespace), NULL },
};
TABLE(rs_check_tx);
FIELDS(rs_commit) = {
    { 3, ABCI_WIRE_I64, RS(commit.retain_height), NULL },
};
TABLE(rs_commit);
FIELDS(rs_list_snapshots) = {
    { 1, ABCI_WIRE_LIST, RS(list_snapshots.snapshots), &snapshot },
};
TABLE(rs_list_snapshots);
FIELDS(rs_offer_snapshot) = {
    { 1, ABCI_WIRE_I32, RS(offer_snapshot.result), NULL },
};
TABLE(rs_offer_snapshot);
FIELDS(rs_load_chunk) = {
    { 1, ABCI_WIRE_BYTES, RS(load_chunk.chunk), NULL },
};
TABLE(rs_load_chunk);
FIELDS(rs_apply_chunk) = {
    { 1, ABCI_WIRE_I32, RS(apply_chunk.result), NULL },
    { 2, ABCI_WIRE_PACKED, RS(apply_chunk.refetch), NULL },
    { 3, ABCI_WIRE_LIST, RS(apply_chunk.reject_senders), NULL },
};
TABLE(rs_apply_chunk);
FIELDS(rs_prepare) = {
    { 1, ABCI_WIRE_LIST, RS(prepare.txs), NULL },
};
TABLE(rs_prepare);
FIELDS(rs_process) = {
    { 1, ABCI_WIRE_I32, RS(process.status), NULL },
};
TABLE(rs_process);
FIELDS(rs_extend) = {
    { 1, ABCI_WIRE_BYTES, RS(extend.extension), NULL },
};
TABLE(rs_extend);
FIELDS(rs_finalize) = {
    { 1, ABCI_WIRE_LIST, RS(finalize.events), &event },
    { 2, ABCI_WIRE_LIST, RS(finalize.tx_results), &tx_result },
    { 3, ABCI_WIRE_LIST, RS(finalize.validator_updates), &validator_update },
    { 4, ABCI_WIRE_MESSAGE, RS(finalize.params), &params },
    { 5, ABCI_WIRE_BYTES, RS(finalize.app_hash), NULL },
};
TABLE(rs_finalize);
FIELDS(rs_insert_tx) = {
    { 1, ABCI_WIRE_U32, RS(insert_tx.code), NULL },
};
TABLE(rs_insert_tx);
FIELDS(rs_reap_txs) = {
    { 1, ABCI_WIRE_LIST, RS(reap_txs.txs), NULL },
};
TABLE(rs_reap_txs);

/* By kind: the name, and number and members of request and response. Number 0: there is none. */
static const struct {
    const char *name;
    uint32_t request_number, response_number;
    const struct abci_wire_message *request, *response;
} kinds[ABCI_KIND_COUNT] = {
    [ABCI_EXCEPTION] = { "Exception", 0, 1, NULL, &rs_exception },
    [ABCI_ECHO] = { "Echo", 1, 2, &rq_echo, &rs_echo },
    [ABCI_FLUSH] = { "Flush", 2, 3, &nothing, &nothing },
    [ABCI_INFO] = { "Info", 3, 4, &rq_info, &rs_info },
    [ABCI_INIT_CHAIN] = { "InitChain", 5, 6, &rq_init_chain, &rs_init_chain },
    [ABCI_QUERY] = { "Query", 6, 7, &rq_query, &rs_query },
    [ABCI_CHECK_TX] = { "CheckTx", 8, 9, &rq_check_tx, &rs_check_tx },
    [ABCI_COMMIT] = { "Commit", 11, 12, &nothing, &rs_commit },
    [ABCI_LIST_SNAPSHOTS] = { "ListSnapshots", 12, 13, &nothing, &rs_list_snapshots },
    [ABCI_OFFER_SNAPSHOT] = { "OfferSnapshot", 13, 14, &rq_offer_snapshot, &rs_offer_snapshot },
    [ABCI_LOAD_SNAPSHOT_CHUNK] = { "LoadSnapshotChunk", 14, 15, &rq_load_chunk, &rs_load_chunk },
    [ABCI_APPLY_SNAPSHOT_CHUNK] = { "ApplySnapshotChunk", 15, 16, &rq_apply_chunk, &rs_apply_chunk },
    [ABCI_PREPARE_PROPOSAL] = { "PrepareProposal", 16, 17, &rq_prepare, &rs_prepare },
    [ABCI_PROCESS_PROPOSAL] = { "ProcessProposal", 17, 18, &rq_block, &rs_process },
    [ABCI_EXTEND_VOTE] = { "ExtendVote", 18, 19, &rq_extend, &rs_extend },
    [ABCI_VERIFY_VOTE_EXTENSION] = { "VerifyVoteExtension", 19, 20, &rq_verify, &rs_process },
    [ABCI_FINALIZE_BLOCK] = { "FinalizeBlock", 20, 21, &rq_block, &rs_finalize },
    [ABCI_INSERT_TX] = { "InsertTx", 21, 22, &rq_insert_tx, &rs_insert_tx },
    [ABCI_REAP_TXS] = { "ReapTxs", 22, 23, &rq_reap_txs, &rs_reap_txs },
};

static const struct {
    size_t size;
    const struct abci_wire_message *m;
} items[] = {
    [ABCI_VOTE] = { sizeof(struct abci_vote), &vote },
    [ABCI_EXTENDED_VOTE] = { sizeof(struct abci_extended_vote), &extended_vote },
    [ABCI_MISBEHAVIOR] = { sizeof(struct abci_misbehavior), &misbehavior },
    [ABCI_VALIDATOR_UPDATE] = { sizeof(struct abci_validator_update), &validator_update },
    [ABCI_ATTRIBUTE] = { sizeof(struct abci_attribute), &attribute },
    [ABCI_EVENT] = { sizeof(struct abci_event), &event },
    [ABCI_TX_RESULT] = { sizeof(struct abci_tx_result), &tx_result },
    [ABCI_SNAPSHOT] = { sizeof(struct abci_snapshot), &snapshot },
    [ABCI_PROOF_OP] = { sizeof(struct abci_proof_op), &proof_op },
};
/* clang-format on */

const char *abci_name(enum abci_kind kind)
{
    return (unsigned)kind < ABCI_KIND_COUNT ? kinds[kind].name : "?";
}

/* ---- frames ---- */

enum err abci_frame_next(struct span *message, struct span *in, size_t max)
{
    struct reader r = reader_of(*in);
    *message = (struct span){ NULL, 0 };
    uint64_t size = pb_read_varint(&r);
    /* SPEC abci 1.2: "A longer one MUST be refused before its bytes are waited for." */
    if (r.err == OK && size > max)
        return ERR_LIMIT;
    if (r.err != OK)
        return r.err;
    if (size > r.n)
        return ERR_SHORT;
    *message = read_span(&r, (size_t)size);
    *in = span_of(r.p, r.n);
    return OK;
}

/* ---- messages: one field, whose number says which ---- */

static enum err decode(void *out, enum abci_kind *kind, struct span in, bool request)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    bool found = false;
    while (pb_next(&r, &f)) {
        for (size_t k = 0; k < ABCI_KIND_COUNT; k++) {
            uint32_t number = request ? kinds[k].request_number : kinds[k].response_number;
            if (number != f.number)
                continue;
            /* SPEC abci 1.5: "A frame with two MUST be refused." */
            reader_require(&r, !found, ERR_FORMAT);
            pb_expect(&r, &f, PB_BYTES);
            struct reader sub = reader_of(f.bytes);
            if (r.err == OK)
                abci_wire_read(&sub, out, request ? kinds[k].request : kinds[k].response);
            reader_require(&r, sub.err == OK, sub.err);
            *kind = (enum abci_kind)k;
            found = true;
        }
    }
    enum err e = reader_finish(&r);
    return e == OK && !found ? ERR_UNSUPPORTED : e;
}

enum err abci_request_kind(enum abci_kind *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    *out = ABCI_EXCEPTION;
    if (pb_next(&r, &f)) {
        for (size_t k = 0; k < ABCI_KIND_COUNT; k++) {
            if (kinds[k].request_number != f.number)
                continue;
            *out = (enum abci_kind)k;
            return OK;
        }
    }
    return r.err == OK ? ERR_UNSUPPORTED : r.err;
}

enum err abci_request_decode(struct abci_request *out, struct span in)
{
    memset(out, 0, sizeof(*out));
    enum err e = decode(out, &out->kind, in, true);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

enum err abci_response_decode(struct abci_response *out, struct span in)
{
    memset(out, 0, sizeof(*out));
    enum err e = decode(out, &out->kind, in, false);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

static void encode(struct writer *w, const void *in, uint32_t number,
                   const struct abci_wire_message *m)
{
    ASSERT(m != NULL);
    size_t n = abci_wire_size(in, m);
    pb_write_varint(w, pb_bytes_size(number, n));
    pb_write_message(w, number, n);
    abci_wire_write(w, in, m);
}

void abci_request_encode(struct writer *w, const struct abci_request *m)
{
    encode(w, m, kinds[m->kind].request_number, kinds[m->kind].request);
}

void abci_response_encode(struct writer *w, const struct abci_response *m)
{
    encode(w, m, kinds[m->kind].response_number, kinds[m->kind].response);
}

size_t abci_request_size(const struct abci_request *m)
{
    size_t n = abci_wire_size(m, kinds[m->kind].request);
    n = pb_bytes_size(kinds[m->kind].request_number, n);
    return pb_varint_size(n) + n;
}

size_t abci_response_size(const struct abci_response *m)
{
    size_t n = abci_wire_size(m, kinds[m->kind].response);
    n = pb_bytes_size(kinds[m->kind].response_number, n);
    return pb_varint_size(n) + n;
}

/* ---- lists ---- */

enum { LIST_NUMBER = 1 }; /* of the lists we build; they are written under their field's own */

bool abci_list_bytes(struct span *item, struct abci_list *l)
{
    return abci_wire_next(item, l);
}

bool abci_list_next(void *item, enum abci_item kind, struct abci_list *l)
{
    struct span bytes;
    memset(item, 0, items[kind].size);
    if (!abci_wire_next(&bytes, l))
        return false;
    struct reader r = reader_of(bytes);
    abci_wire_read(&r, item, items[kind].m);
    ASSERT(r.err == OK); /* the message's decoding has read it before */
    return true;
}

void abci_list_add_bytes(struct writer *w, struct span item)
{
    pb_write_bytes(w, LIST_NUMBER, item);
}

size_t abci_list_add_size(size_t bytes)
{
    return pb_bytes_size(LIST_NUMBER, bytes);
}

void abci_list_add(struct writer *w, enum abci_item kind, const void *item)
{
    pb_write_message(w, LIST_NUMBER, abci_wire_size(item, items[kind].m));
    abci_wire_write(w, item, items[kind].m);
}

struct abci_list abci_list_of(struct span body, uint32_t count)
{
    return (struct abci_list){ .body = body, .number = LIST_NUMBER, .count = count };
}
