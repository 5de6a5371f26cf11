#include "engine/abci_app.h"

#include "base/hex.h"
#include "chain/prove.h"
#include "chain/result.h"
#include "codec/json.h"
#include "crypto/sha256.h"
#include "engine/abci_block.h"
#include "engine/abci_params.h"
#include "engine/verified.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CANDIDATES_MAX = 3 * CHAIN_BLOCK_TXS_MAX, /* looked at for one proposal */
    CONTRIBUTION_MAX = 1024,                  /* a beacon transaction is about 200 bytes */
    AHEAD_TX_MAX = 1024,                      /* what a larger one costs is not the signature */
    RESULT_ITEM_MAX = 96,                     /* one ExecTxResult of ours, encoded */
    UPDATE_ITEM_MAX = 64,
    QUERY_PATH_MAX = 64,
};

/* Answers to Query: docs/spec/abci.md 3. */
enum { QUERY_OK, QUERY_NO_RECORD, QUERY_NO_PATH, QUERY_NOT_SERVED, QUERY_NO_PROOF };

struct abci_app {
    struct abci_app_options o;
    struct engine_app app;
    struct verified *verified;
    /* Transactions that were looked at and may be admitted against the last commit, in the order
     * in which they will be asked about, from ahead_at on. */
    uint8_t ahead[ABCI_APP_AHEAD_MAX][TX_ID_SIZE];
    size_t ahead_at, ahead_count;
    /* The block between FinalizeBlock and Commit. */
    struct abci_decided next;
    bool finalized;
    /* The memory of an answer's lists and texts, until the next one. */
    uint8_t *room;
    size_t room_size;
    struct chain_candidate *candidates;
    uint8_t contribution[CONTRIBUTION_MAX];
    uint8_t key_types[ABCI_PARAMS_ROOM];
    char error[ABCI_APP_ERROR_MAX];
};

enum err abci_app_open(struct abci_app **out, const struct abci_app_options *o)
{
    *out = NULL;
    struct abci_app *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return ERR_MEMORY;
    a->o = *o;
    a->app = *o->app;
    a->verified = verified_new();
    if (a->verified == NULL) {
        free(a);
        return ERR_MEMORY;
    }
    *out = a;
    return OK;
}

void abci_app_close(struct abci_app *a)
{
    if (a == NULL)
        return;
    abci_decided_free(&a->next);
    verified_free(a->verified);
    free(a->room);
    free(a->candidates);
    free(a);
}

void abci_app_exception(struct abci_app *a, struct abci_response *out, const char *text)
{
    snprintf(a->error, sizeof(a->error), "%s", text);
    *out = (struct abci_response){ .kind = ABCI_EXCEPTION };
    out->exception.error = span_str(a->error);
}

static enum err refuse(struct abci_app *a, struct abci_response *out, const char *text)
{
    abci_app_exception(a, out, text);
    return ERR_STATE;
}

static enum err room_take(struct abci_app *a, struct writer *w, size_t n)
{
    if (a->room_size < n) {
        uint8_t *p = realloc(a->room, n);
        if (p == NULL)
            return ERR_MEMORY;
        a->room = p;
        a->room_size = n;
    }
    *w = writer_of(a->room, a->room_size);
    return OK;
}

/* Against the last commit; the signature only when it was not found good before. */
static void check(struct abci_app *a, struct chain_check *out, struct span tx)
{
    uint8_t id[TX_ID_SIZE];
    tx_id(id, tx);
    a->app.check_tx(a->app.ctx, out, tx, verified_has(a->verified, id));
    if (out->code == RESULT_OK)
        verified_add(a->verified, id);
}

/* Cheapest first here too: what is refused without its signature is not worth looking at. */
static bool is_worth_a_look(struct abci_app *a, struct span tx)
{
    struct chain_check result;
    if (tx.n > AHEAD_TX_MAX)
        return false;
    a->app.check_tx(a->app.ctx, &result, tx, true);
    return result.code == RESULT_OK;
}

void abci_app_ahead(struct abci_app *a, const struct span *txs, size_t count)
{
    struct span list[ABCI_APP_AHEAD_MAX];
    uint8_t ids[ABCI_APP_AHEAD_MAX][TX_ID_SIZE];
    bool ok[ABCI_APP_AHEAD_MAX];
    size_t kept = 0;
    ASSERT(count <= ABCI_APP_AHEAD_MAX);
    a->ahead_at = a->ahead_count = 0;
    if (a->app.info(a->app.ctx).fresh)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!is_worth_a_look(a, txs[i]))
            continue;
        tx_id(ids[kept], txs[i]);
        ok[kept] = verified_has(a->verified, ids[kept]);
        list[kept++] = txs[i];
    }
    sigpool_check(a->o.sigs, ok, list, kept);
    for (size_t i = 0; i < kept; i++) {
        if (!ok[i])
            continue;
        verified_add(a->verified, ids[i]);
        memcpy(a->ahead[a->ahead_count++], ids[i], TX_ID_SIZE);
    }
}

/* Whether this one was looked at and found good. */
static bool was_ahead(struct abci_app *a, struct span tx)
{
    uint8_t id[TX_ID_SIZE];
    if (a->ahead_at == a->ahead_count)
        return false;
    tx_id(id, tx);
    if (memcmp(a->ahead[a->ahead_at], id, TX_ID_SIZE) != 0)
        return false;
    a->ahead_at++;
    return true;
}

/* ---- Info, InitChain, Query, CheckTx ---- */

static void answer_info(struct abci_app *a, struct abci_response *out)
{
    const struct engine_info info = a->app.info(a->app.ctx);
    out->info.data = span_str("crust");
    out->info.version = span_str("1");
    out->info.app_version = ABCI_APP_VERSION;
    if (info.fresh || info.height == 0)
        return;
    struct writer w;
    if (room_take(a, &w, 32) != OK)
        return;
    write_bytes(&w, info.app_hash, 32);
    out->info.height = (int64_t)info.height;
    out->info.app_hash = writer_span(&w);
}

/* app_state: a genesis file, or the hash of one. */
static bool genesis_reference(uint8_t hash[32], struct span app_state)
{
    AUTO(json_close) struct json doc;
    if (json_open(&doc, app_state, CHAIN_GENESIS_MAX) != OK)
        return false;
    struct json_value v = json_find(json_root(&doc), "genesis");
    if (v.of == NULL)
        return false;
    json_hex(v, hash, 32);
    return doc.err == OK;
}

static enum err validators_take(struct engine_validator **out, size_t *count, struct abci_list l)
{
    struct abci_validator_update u;
    *out = calloc(l.count + 1u, sizeof(**out));
    *count = 0;
    if (*out == NULL)
        return ERR_MEMORY;
    while (abci_list_next(&u, ABCI_VALIDATOR_UPDATE, &l)) {
        struct engine_validator *v = &(*out)[(*count)++];
        v->power = u.power < 0 ? 0 : (uint64_t)u.power;
        if (u.key.ed25519.n == sizeof(v->key)) /* another key is none of genesis */
            memcpy(v->key, u.key.ed25519.p, sizeof(v->key));
    }
    return OK;
}

static enum err answer_init_chain(struct abci_app *a, struct abci_response *out,
                                  const struct abci_request *in)
{
    char what[CHAIN_WHAT_MAX] = "";
    struct engine_genesis g = { .chain_id = in->init_chain.chain_id };
    const bool reference = genesis_reference(g.hash, in->init_chain.app_state);
    struct engine_info info = a->app.info(a->app.ctx);
    if (!reference)
        sha256(g.hash, in->init_chain.app_state);
    if (in->init_chain.initial_height > 1 || (!info.fresh && info.height != 0))
        return refuse(a, out, "InitChain: the chain has begun, or is to begin above height 1");
    const char *wrong = abci_params_check(&in->init_chain.params, ABCI_APP_VERSION);
    if (wrong != NULL)
        return refuse(a, out, wrong);
    if (info.fresh && reference)
        return refuse(a, out, "InitChain: app_state names a genesis file; give it by --genesis");
    if (info.fresh) {
        enum err e = a->app.init_chain(a->app.ctx, in->init_chain.app_state, what);
        if (e == ERR_FORMAT || e == ERR_RANGE || e == ERR_LIMIT)
            return refuse(a, out, what);
        TRY(e);
        info = a->app.info(a->app.ctx);
    }
    struct engine_validator *validators;
    TRY(validators_take(&validators, &g.validator_count, in->init_chain.validators));
    g.validators = validators;
    enum err e = a->app.check_genesis(a->app.ctx, &g, what);
    free(validators);
    if (e == ERR_STATE)
        return refuse(a, out, what);
    TRY(e);
    struct writer w;
    TRY(room_take(a, &w, 32));
    write_bytes(&w, info.app_hash, 32);
    out->init_chain.app_hash = writer_span(&w);
    abci_params_of(&out->init_chain.params, a->app.params(a->app.ctx, false), ABCI_APP_VERSION,
                   a->key_types);
    return OK;
}

/* "/store/NAME" out of "/store/NAME" and "/store/NAME/key". */
static void query_path(char out[QUERY_PATH_MAX], struct span path)
{
    const struct span tail = span_str("/key");
    if (path.n > tail.n && span_eq(span_sub(path, path.n - tail.n, tail.n), tail))
        path.n -= tail.n;
    if (path.n >= QUERY_PATH_MAX)
        path.n = 0;
    memcpy(out, path.p == NULL ? (const uint8_t *)"" : path.p, path.n);
    out[path.n] = '\0';
}

/* SPEC abci 3.6: "With prove, a store without proofs is answered with code 4." */
static uint32_t query_code(enum err e)
{
    switch ((int)e) {
    case OK:
        return QUERY_OK;
    case ERR_NOT_FOUND:
    case ERR_LIMIT: /* longer than any key */
        return QUERY_NO_RECORD;
    case ERR_UNSUPPORTED:
        return QUERY_NO_PROOF;
    default:
        return QUERY_NO_PATH;
    }
}

/* The record with ProofOps; of a record that is not there, the proof of that. */
static enum err query_prove(struct abci_app *a, struct abci_response *out, const char *path,
                            struct span key)
{
    struct writer w;
    struct span value;
    TRY(room_take(a, &w, PROVE_OPS_MAX));
    enum err e = a->app.prove(a->app.ctx, &value, &w, path, key);
    out->query.code = query_code(e);
    if (e != OK)
        return e;
    out->query.value = value;
    out->query.proof.present = true;
    out->query.proof.ops = abci_list_of(writer_span(&w), PROVE_OPS_COUNT);
    if (value.p != NULL)
        return OK;
    out->query.code = QUERY_NO_RECORD;
    return ERR_NOT_FOUND;
}

static enum err answer_query(struct abci_app *a, struct abci_response *out,
                             const struct abci_request *in)
{
    const struct engine_info info = a->app.info(a->app.ctx);
    const struct span filter = span_str("/p2p/filter/");
    char path[QUERY_PATH_MAX];
    struct span value = { NULL, 0 };
    enum err e;
    if (span_eq(span_sub(in->query.path, 0, filter.n), filter))
        return OK;
    out->query.height = (int64_t)info.height;
    out->query.key = in->query.data;
    if (in->query.height != 0 && in->query.height != (int64_t)info.height) {
        out->query.code = QUERY_NOT_SERVED;
        out->query.log = span_str("only the last height is served");
        return OK;
    }
    query_path(path, in->query.path);
    if (in->query.prove) {
        e = query_prove(a, out, path, in->query.data);
    } else {
        e = a->app.query(a->app.ctx, &value, path, in->query.data);
        out->query.code = query_code(e);
        out->query.value = value;
    }
    if (e != OK)
        out->query.log = span_str(err_text(e));
    return e == ERR_IO || e == ERR_CORRUPT || e == ERR_MEMORY ? e : OK;
}

static enum err answer_check_tx(struct abci_app *a, struct abci_response *out,
                                const struct abci_request *in)
{
    struct chain_check result;
    if (a->app.info(a->app.ctx).fresh)
        return refuse(a, out, "CheckTx before InitChain");
    if (was_ahead(a, in->check_tx.tx))
        return OK;
    check(a, &result, in->check_tx.tx);
    out->check_tx.code = (uint32_t)result.code;
    if (result.code != RESULT_OK) {
        out->check_tx.log = span_str(result_text((unsigned)result.code));
        out->check_tx.codespace = span_str("crust");
    }
    return OK;
}

/* ---- proposals ---- */

static void candidate_add(struct abci_app *a, size_t *count, struct span tx)
{
    struct chain_candidate *c = &a->candidates[*count];
    if (*count == CANDIDATES_MAX)
        return;
    c->bytes = tx;
    check(a, &c->check, tx);
    if (c->check.code == RESULT_OK)
        (*count)++;
}

/* CometBFT's transactions, ours that wait, and our contribution to the beacon. */
static size_t candidates_gather(struct abci_app *a, struct abci_list txs)
{
    struct mempool *pool = intake_pool(a->o.intake);
    struct mempool_entry entry;
    struct mempool_cursor cursor = { 0 };
    size_t count = 0;
    struct span tx;
    if (a->o.contribution != NULL &&
        a->o.contribution(a->o.contribution_ctx, &tx,
                          (struct mspan){ a->contribution, sizeof(a->contribution) }) == OK)
        candidate_add(a, &count, tx);
    while (count < CANDIDATES_MAX && mempool_next(pool, &entry, &cursor))
        if (entry.durable)
            a->candidates[count++] =
                (struct chain_candidate){ .bytes = entry.bytes, .check = entry.check };
    while (count < CANDIDATES_MAX && abci_list_bytes(&tx, &txs)) {
        uint8_t id[TX_ID_SIZE];
        tx_id(id, tx);
        if (!mempool_get(pool, &entry, id) || !entry.durable)
            candidate_add(a, &count, tx);
    }
    return count;
}

static enum err answer_prepare(struct abci_app *a, struct abci_response *out,
                               const struct abci_request *in)
{
    int64_t max = in->prepare.max_tx_bytes;
    if (a->app.info(a->app.ctx).fresh || max < 0)
        return refuse(a, out, "PrepareProposal before InitChain, or without room");
    if (a->candidates == NULL)
        a->candidates = calloc(CANDIDATES_MAX, sizeof(*a->candidates));
    if (a->candidates == NULL)
        return ERR_MEMORY;
    size_t count = candidates_gather(a, in->prepare.block.txs), bytes = 0;
    a->app.prepare(a->app.ctx, a->candidates, &count, (size_t)max);
    for (size_t i = 0; i < count; i++)
        bytes += abci_list_add_size(a->candidates[i].bytes.n);
    struct writer w;
    TRY(room_take(a, &w, bytes));
    for (size_t i = 0; i < count; i++)
        abci_list_add_bytes(&w, a->candidates[i].bytes);
    ASSERT(w.err == OK && w.len <= (size_t)max);
    out->prepare.txs = abci_list_of(writer_span(&w), (uint32_t)count);
    return OK;
}

static enum err answer_process(struct abci_app *a, struct abci_response *out,
                               const struct abci_request *in)
{
    const struct engine_info info = a->app.info(a->app.ctx);
    struct abci_decided d;
    out->process.status = ABCI_REJECT;
    if (info.fresh)
        return refuse(a, out, "ProcessProposal before InitChain");
    enum err e = abci_decided_fill(&d, &in->block, &a->app, &info);
    if (e == ERR_LIMIT)
        return OK;
    TRY(e);
    const struct engine_block block = abci_decided_block(&d);
    if (a->app.process(a->app.ctx, &block))
        out->process.status = ABCI_ACCEPT;
    abci_decided_free(&d);
    return OK;
}

/* ---- decided blocks ---- */

static void signatures_known(struct abci_app *a)
{
    for (size_t i = 0; i < a->next.tx_count; i++) {
        uint8_t id[TX_ID_SIZE];
        tx_id(id, a->next.txs[i]);
        a->next.signatures[i] = verified_has(a->verified, id);
    }
}

static enum err results_write(struct abci_app *a, struct abci_response *out,
                              const struct chain_output *o)
{
    struct writer w;
    TRY(room_take(a, &w,
                  32 + a->next.tx_count * RESULT_ITEM_MAX +
                      o->update_count * (size_t)UPDATE_ITEM_MAX));
    for (size_t i = 0; i < a->next.tx_count; i++) {
        unsigned code = (unsigned)a->next.results[i].code;
        struct abci_tx_result r = { .code = code };
        if (code != RESULT_OK) {
            r.log = span_str(result_name(code));
            r.codespace = span_str("crust");
        }
        abci_list_add(&w, ABCI_TX_RESULT, &r);
    }
    out->finalize.tx_results = abci_list_of(writer_span(&w), (uint32_t)a->next.tx_count);
    size_t from = w.len;
    for (uint32_t i = 0; i < o->update_count; i++) {
        ASSERT(o->updates[i].power <= INT64_MAX / 8);
        const struct abci_validator_update u = { .key.ed25519 = span_of(o->updates[i].key, 32),
                                                 .power = (int64_t)o->updates[i].power };
        abci_list_add(&w, ABCI_VALIDATOR_UPDATE, &u);
    }
    out->finalize.validator_updates =
        abci_list_of(span_of(w.p + from, w.len - from), o->update_count);
    from = w.len;
    write_bytes(&w, o->app_hash, 32);
    ASSERT(w.err == OK);
    out->finalize.app_hash = span_of(w.p + from, 32);
    return OK;
}

static enum err finalize_run(struct abci_app *a, struct abci_response *out)
{
    struct chain_output *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return ERR_MEMORY;
    signatures_known(a);
    sigpool_check(a->o.sigs, a->next.signatures, a->next.txs, a->next.tx_count);
    const struct engine_block block = abci_decided_block(&a->next);
    enum err e = a->app.finalize(a->app.ctx, o, a->next.results, &block);
    if (e == OK)
        e = results_write(a, out, o);
    if (e == OK)
        abci_params_change(&out->finalize.params, a->app.params(a->app.ctx, false),
                           a->app.params(a->app.ctx, true));
    free(o);
    a->finalized = e == OK;
    return e == ERR_STATE ? ERR_CORRUPT : e;
}

static enum err answer_finalize(struct abci_app *a, struct abci_response *out,
                                const struct abci_request *in)
{
    const struct engine_info info = a->app.info(a->app.ctx);
    abci_decided_free(&a->next);
    a->finalized = false;
    /* SPEC abci 3.4: "FinalizeBlock for another height, Commit without FinalizeBlock, and any call
     * about blocks before InitChain are calls out of order." */
    if (info.fresh || in->block.height < 1 || (uint64_t)in->block.height != info.height + 1)
        return refuse(a, out, "FinalizeBlock: not the height after the last commit");
    enum err e = abci_decided_fill(&a->next, &in->block, &a->app, &info);
    if (e == OK)
        e = abci_decided_keep(&a->next);
    if (e == ERR_LIMIT)
        return refuse(a, out, "FinalizeBlock: more than a block may hold");
    return e != OK ? e : finalize_run(a, out);
}

static enum err commit_rows(struct abci_app *a, const struct intake_rows *gone)
{
    uint8_t key[8];
    struct statedb_row *rows = calloc(gone->count + 1, sizeof(*rows));
    if (rows == NULL)
        return ERR_MEMORY;
    store_be64(key, a->next.header.height);
    rows[0] = (struct statedb_row){ .table = STATEDB_BLOCKS,
                                    .key = span_of(key, sizeof(key)),
                                    .value = span_of(a->next.record.p, a->next.record.n) };
    if (gone->count != 0)
        memcpy(rows + 1, gone->rows, gone->count * sizeof(*rows));
    enum err e = a->app.commit(a->app.ctx, rows, gone->count + 1);
    free(rows);
    return e;
}

static enum err answer_commit(struct abci_app *a, struct abci_response *out)
{
    if (!a->finalized)
        return refuse(a, out, "Commit without FinalizeBlock");
    AUTO(intake_rows_free) struct intake_rows gone;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by AUTO */
    TRY(intake_rows_of(&gone, a->o.intake, a->next.txs, a->next.tx_count));
    TRY(commit_rows(a, &gone));
    uint64_t height = a->next.header.height;
    size_t tx_count = a->next.tx_count;
    intake_committed(a->o.intake, a->next.txs, tx_count);
    abci_decided_free(&a->next);
    a->finalized = false;
    if (a->o.retain_blocks != 0 && height > a->o.retain_blocks)
        out->commit.retain_height = (int64_t)(height - a->o.retain_blocks);
    if (a->o.committed != NULL)
        a->o.committed(a->o.committed_ctx, height, tx_count);
    return OK;
}

/* ---- snapshots ---- */

static enum err answer_snapshots(struct abci_app *a, struct abci_response *out,
                                 const struct abci_request *in)
{
    struct snapshots *s = a->o.snapshots;
    if (in->kind == ABCI_LIST_SNAPSHOTS)
        return s == NULL ? OK : snapshots_list(s, out);
    if (in->kind == ABCI_LOAD_SNAPSHOT_CHUNK)
        return s == NULL ? OK : snapshots_load(s, out, in);
    if (in->kind == ABCI_OFFER_SNAPSHOT) {
        out->offer_snapshot.result = ABCI_OFFER_ABORT;
        return s == NULL ? OK : snapshots_offer(s, out, in);
    }
    out->apply_chunk.result = ABCI_APPLY_ABORT;
    return s == NULL ? OK : snapshots_apply(s, out, in);
}

/* ---- all of them ---- */

/* A call about a block that another release has to make: it waits until this process ends. So the
 * engine goes no further, and still gives its peers the last blocks. */
static bool is_beyond(const struct abci_app *a, enum abci_kind kind)
{
    bool about_block = kind == ABCI_PREPARE_PROPOSAL || kind == ABCI_PROCESS_PROPOSAL ||
                       kind == ABCI_FINALIZE_BLOCK;
    return about_block && a->o.halt_height != 0 &&
           a->app.info(a->app.ctx).height >= a->o.halt_height;
}

enum err abci_app_answer(struct abci_app *a, struct abci_response *out,
                         const struct abci_request *in)
{
    *out = (struct abci_response){ .kind = in->kind };
    if (is_beyond(a, in->kind))
        return ERR_BUSY;
    if (in->kind != ABCI_CHECK_TX && in->kind != ABCI_FLUSH)
        a->ahead_at = a->ahead_count; /* the state may be another afterwards */
    switch (in->kind) {
    case ABCI_ECHO:
        out->echo.message = in->echo.message;
        return OK;
    case ABCI_INFO:
        answer_info(a, out);
        return OK;
    case ABCI_INIT_CHAIN:
        return answer_init_chain(a, out, in);
    case ABCI_QUERY:
        return answer_query(a, out, in);
    case ABCI_CHECK_TX:
        return answer_check_tx(a, out, in);
    case ABCI_PREPARE_PROPOSAL:
        return answer_prepare(a, out, in);
    case ABCI_PROCESS_PROPOSAL:
        return answer_process(a, out, in);
    case ABCI_FINALIZE_BLOCK:
        return answer_finalize(a, out, in);
    case ABCI_COMMIT:
        return answer_commit(a, out);
    case ABCI_VERIFY_VOTE_EXTENSION:
        out->process.status = in->verify.extension.n == 0 ? ABCI_ACCEPT : ABCI_REJECT;
        return OK;
    case ABCI_OFFER_SNAPSHOT:
    case ABCI_APPLY_SNAPSHOT_CHUNK:
    case ABCI_LIST_SNAPSHOTS:
    case ABCI_LOAD_SNAPSHOT_CHUNK:
        return answer_snapshots(a, out, in);
    case ABCI_INSERT_TX:
        out->insert_tx.code = RESULT_UNSUPPORTED;
        return OK;
    case ABCI_FLUSH:
    case ABCI_EXTEND_VOTE:
    case ABCI_REAP_TXS:
        return OK; /* empty answers */
    case ABCI_EXCEPTION:
    case ABCI_KIND_COUNT:
        break;
    }
    return refuse(a, out, "unknown request");
}
