#include "chain/gov.h"

#include "chain/registry.h"
#include "chain/releases.h"
#include "chain/staking_store.h"
#include "chain/work_evidence.h"
#include "codec/cbor.h"

enum { SWEEP_PER_BLOCK = 32 };

/* In the store `gov`: 'p' | id -> proposal; 'v' | id | stash -> the weight of its yes; 'n' ->
 * [number of proposals, [ids of the open ones]]. */
struct key {
    uint8_t bytes[41];
    size_t n;
};

static struct key key_of(uint8_t letter, uint64_t id, const uint8_t *account)
{
    struct key k = { .bytes = { letter }, .n = 9 };
    store_be64(k.bytes + 1, id);
    if (account != NULL) {
        memcpy(k.bytes + 9, account, 32);
        k.n = 41;
    }
    return k;
}

static struct span key_span(const struct key *k)
{
    return span_of(k->bytes, k->n);
}

/* ---- records ---- */

struct book {
    uint64_t count;
    uint32_t open_count;
    uint64_t open[GOV_OPEN_MAX];
};

static void book_get(struct ledger *l, struct book *b)
{
    struct span value;
    *b = (struct book){ 0 };
    if (!state_get(l->st, &value, STATE_GOV, span_str("n")))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    b->count = cbor_read_uint(&c);
    size_t open = cbor_read_array(&c);
    cbor_require(&c, open <= GOV_OPEN_MAX, ERR_LIMIT);
    for (size_t i = 0; i < open && c.r.err == OK; i++)
        b->open[i] = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    b->open_count = (uint32_t)open;
}

static void book_put(struct ledger *l, const struct book *b)
{
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, b->count);
    cbor_write_array(&w, b->open_count);
    for (uint32_t i = 0; i < b->open_count; i++)
        cbor_write_uint(&w, b->open[i]);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_GOV, span_str("n"), writer_span(&w));
}

uint64_t gov_count(struct ledger *l)
{
    struct book b;
    book_get(l, &b);
    return b.count;
}

static void text_read(struct cbor_reader *c, char *out, uint32_t *size, size_t max)
{
    struct span text = cbor_read_text(c);
    cbor_require(c, text.n <= max, ERR_LIMIT);
    if (c->r.err != OK)
        return;
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    *size = (uint32_t)text.n;
}

static void changes_read(struct cbor_reader *c, struct gov_proposal *p)
{
    uint32_t unused;
    size_t changes = cbor_read_array(c);
    cbor_require(c, changes <= TX_CHANGES_MAX, ERR_LIMIT);
    for (size_t i = 0; i < changes && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        text_read(c, p->changes[i].name, &unused, TX_CHANGE_NAME_MAX);
        text_read(c, p->changes[i].value.bytes, &p->changes[i].value.size, TX_CHANGE_VALUE_MAX);
    }
    p->change_count = (uint32_t)changes;
    size_t cancels = cbor_read_array(c);
    cbor_require(c, cancels <= TX_CANCELS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < cancels && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        p->cancels[i].era = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        cbor_read_bytes_of(c, p->cancels[i].stash, 32);
    }
    p->cancel_count = (uint32_t)cancels;
}

bool gov_get(struct ledger *l, struct gov_proposal *out, uint64_t id)
{
    struct key k = key_of('p', id, NULL);
    struct span value;
    memset(out, 0, sizeof(*out));
    if (!state_get(l->st, &value, STATE_GOV, key_span(&k)))
        return false;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 10);
    cbor_read_bytes_of(&c, out->proposer, 32);
    out->deposit = cbor_read_amount(&c);
    out->height = cbor_read_uint(&c);
    out->era = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->state = (enum gov_state)cbor_read_uint_max(&c, GOV_FAILED);
    out->due = cbor_read_uint(&c);
    out->yes = cbor_read_amount(&c);
    out->stake = cbor_read_amount(&c);
    changes_read(&c, out);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    return true;
}

static void proposal_put(struct ledger *l, uint64_t id, const struct gov_proposal *p)
{
    uint8_t buf[STATE_VALUE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 10);
    cbor_write_bytes(&w, span_of(p->proposer, 32));
    cbor_write_amount(&w, p->deposit);
    cbor_write_uint(&w, p->height);
    cbor_write_uint(&w, p->era);
    cbor_write_uint(&w, p->state);
    cbor_write_uint(&w, p->due);
    cbor_write_amount(&w, p->yes);
    cbor_write_amount(&w, p->stake);
    cbor_write_array(&w, p->change_count);
    for (uint32_t i = 0; i < p->change_count; i++) {
        cbor_write_array(&w, 2);
        cbor_write_str(&w, p->changes[i].name);
        cbor_write_str(&w, p->changes[i].value.bytes);
    }
    cbor_write_array(&w, p->cancel_count);
    for (uint32_t i = 0; i < p->cancel_count; i++) {
        cbor_write_array(&w, 2);
        cbor_write_uint(&w, p->cancels[i].era);
        cbor_write_bytes(&w, span_of(p->cancels[i].stash, 32));
    }
    ASSERT(w.err == OK);
    struct key k = key_of('p', id, NULL);
    state_put(l->st, STATE_GOV, key_span(&k), writer_span(&w));
}

const char *gov_state_name(enum gov_state state)
{
    static const char *const names[] = { "voting", "accepted", "rejected", "enacted", "failed" };
    return names[state];
}

/* ---- proposing ---- */

static bool is_fixed(const char *name)
{
    /* SPEC governance 1.4: "`slot_blocks` and `srd_extent_size` cannot change: slots are counted
     * from genesis, and extents stand on disks." */
    return strcmp(name, "slot_blocks") == 0 || strcmp(name, "srd_extent_size") == 0;
}

/* The parameters with the changes; rows of lists are only looked at. */
static enum tx_result changed(struct ledger *l, struct params *out, const struct params *present,
                              const struct gov_proposal *p)
{
    const char *what;
    *out = *present;
    for (uint32_t i = 0; i < p->change_count; i++) {
        const char *name = p->changes[i].name;
        const char *text = p->changes[i].value.bytes;
        if (is_fixed(name))
            return RESULT_PROPOSAL_FIXED;
        if (releases_is_list(name) ? !releases_check(name, text)
                                   : params_set(out, name, text) != OK)
            return RESULT_PROPOSAL_INVALID;
    }
    /* SPEC governance 5.6: "A network with roots of its own stays one that takes software evidence"
     */
    if (!out->allow_software && registry_has_roots(l))
        return RESULT_PROPOSAL_INVALID;
    return params_check(out, &what) == OK ? RESULT_OK : RESULT_PROPOSAL_INVALID;
}

static void copy_text(char *out, struct span text)
{
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

static void proposal_of(struct gov_proposal *p, const struct tx_proposal *want)
{
    memset(p, 0, sizeof(*p));
    p->change_count = want->change_count;
    for (uint32_t i = 0; i < want->change_count; i++) {
        copy_text(p->changes[i].name, want->changes[i].name);
        copy_text(p->changes[i].value.bytes, want->changes[i].value);
        p->changes[i].value.size = (uint32_t)want->changes[i].value.n;
    }
    p->cancel_count = want->cancel_count;
    for (uint32_t i = 0; i < want->cancel_count; i++) {
        p->cancels[i].era = want->cancels[i].era;
        memcpy(p->cancels[i].stash, want->cancels[i].stash, 32);
    }
}

static enum tx_result check_propose(struct ledger *l, const struct ledger_call *call)
{
    struct gov_proposal p;
    struct params params;
    struct book b;
    book_get(l, &b);
    proposal_of(&p, &call->tx->call.proposal);
    if (p.change_count + p.cancel_count == 0)
        return RESULT_PROPOSAL_EMPTY;
    if (b.open_count >= GOV_OPEN_MAX)
        return RESULT_TOO_MANY_PROPOSALS;
    enum tx_result r = changed(l, &params, l->params, &p);
    if (r != RESULT_OK)
        return r;
    for (uint32_t i = 0; i < p.cancel_count; i++)
        if (!staking_has_unapplied(l, p.cancels[i].era, p.cancels[i].stash))
            return RESULT_PROPOSAL_INVALID;
    return amount_cmp(accounts_usable(l, call->from), l->params->gov_deposit) < 0
               ? RESULT_INSUFFICIENT_BALANCE
               : RESULT_OK;
}

static void emit(struct ledger *l, const char *type, uint64_t id, const struct gov_proposal *p)
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_uint(&ev, "proposal", id);
    ledger_event_account(&ev, "account", p->proposer);
    ledger_event_uint(&ev, "era", p->era);
    ledger_event_amount(&ev, "yes", p->yes);
    ledger_event_end(l, &ev);
}

static void apply_propose(struct ledger *l, const struct ledger_call *call)
{
    struct gov_proposal p;
    struct staking_now now;
    struct book b;
    book_get(l, &b);
    staking_get_now(l, &now);
    proposal_of(&p, &call->tx->call.proposal);
    memcpy(p.proposer, call->from, 32);
    p.deposit = l->params->gov_deposit;
    p.height = l->height;
    p.era = now.era + 1;
    accounts_hold(l, call->from, HOLD_DEPOSIT, p.deposit);
    uint64_t id = b.count++;
    b.open[b.open_count++] = id;
    book_put(l, &b);
    proposal_put(l, id, &p);
    emit(l, "proposal.made", id, &p);
}

/* ---- voting ---- */

/* Who votes: a stash by itself or by its controller. */
static void voter_of(struct ledger *l, uint8_t stash[32], const uint8_t from[32])
{
    if (!staking_stash_of(l, stash, from))
        memcpy(stash, from, 32);
}

static enum tx_result check_vote(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct gov_proposal p;
    struct staking_now now;
    uint8_t stash[32];
    if (!gov_get(l, &p, a->proposal))
        return RESULT_PROPOSAL_UNKNOWN;
    staking_get_now(l, &now);
    if (p.state != GOV_VOTING || p.era != now.era)
        return RESULT_NOT_VOTING;
    voter_of(l, stash, call->from);
    if (amount_is_zero(staking_weight(l, stash)))
        return RESULT_NO_STAKE;
    struct key k = key_of('v', a->proposal, stash);
    return state_has(l->st, STATE_GOV, key_span(&k)) == a->yes ? RESULT_VOTE_REPEATED : RESULT_OK;
}

/* SPEC governance 2.4: "Accepted is a proposal as soon as three times the yes stake is more than
 * twice all effective stake of the era." */
static bool is_enough(struct amount yes, struct amount all)
{
    struct amount three, two;
    return amount_mul(&three, yes, 3) == OK && amount_mul(&two, all, 2) == OK &&
           amount_cmp(three, two) > 0;
}

static void accept(struct ledger *l, uint64_t id, struct gov_proposal *p)
{
    p->state = GOV_ACCEPTED;
    p->due = l->height + l->params->gov_enact_blocks;
    accounts_release(l, p->proposer, HOLD_DEPOSIT, p->deposit);
    emit(l, "proposal.accepted", id, p);
}

static void apply_vote(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_stake *a = &call->tx->call.stake;
    struct gov_proposal p;
    struct staking_now now;
    uint8_t stash[32];
    uint8_t bytes[AMOUNT_BYTES_MAX];
    if (!gov_get(l, &p, a->proposal))
        return; /* only when the kv has failed */
    staking_get_now(l, &now);
    voter_of(l, stash, call->from);
    struct key k = key_of('v', a->proposal, stash);
    struct span value;
    struct amount weight = staking_weight(l, stash);
    p.stake = now.stake;
    if (a->yes) {
        state_put(l->st, STATE_GOV, key_span(&k), span_of(bytes, amount_bytes(bytes, weight)));
        p.yes = amount_sat_add(p.yes, weight);
    } else if (state_get(l->st, &value, STATE_GOV, key_span(&k))) {
        enum err e = amount_of_bytes(&weight, value);
        ASSERT(e == OK);
        p.yes = amount_sat_sub(p.yes, weight);
        state_del(l->st, STATE_GOV, key_span(&k));
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, "proposal.vote");
    ledger_event_uint(&ev, "proposal", a->proposal);
    ledger_event_account(&ev, "account", stash);
    ledger_event_text(&ev, "yes", span_str(a->yes ? "true" : "false"));
    ledger_event_amount(&ev, "weight", weight);
    ledger_event_end(l, &ev);
    if (is_enough(p.yes, p.stake))
        accept(l, a->proposal, &p);
    proposal_put(l, a->proposal, &p);
}

enum tx_result gov_check(struct ledger *l, const struct ledger_call *call)
{
    struct staking_now now;
    if (!staking_get_now(l, &now))
        return RESULT_STAKING_OFF;
    return call->tx->call.kind == TX_GOV_PROPOSE ? check_propose(l, call) : check_vote(l, call);
}

void gov_apply(struct ledger *l, const struct ledger_call *call)
{
    if (call->tx->call.kind == TX_GOV_PROPOSE)
        apply_propose(l, call);
    else
        apply_vote(l, call);
}

/* ---- the end of a slot ---- */

/* Rows of lists, and what changes of parameters mean to workers that are there. */
static void enact_evidence(struct ledger *l, const struct gov_proposal *p)
{
    bool all = false;
    for (uint32_t i = 0; i < p->change_count; i++) {
        const char *name = p->changes[i].name;
        if (releases_is_list(name))
            releases_apply(l, name, p->changes[i].value.bytes);
        else
            all = all || strncmp(name, "attest_", 7) == 0 || strncmp(name, "weight_", 7) == 0 ||
                  strcmp(name, "allow_software") == 0;
    }
    if (all)
        work_evidence_sweep_all(l);
}

/* True: *params changed. */
static bool enact(struct ledger *l, uint64_t id, struct gov_proposal *p, struct params *params)
{
    struct params next;
    /* SPEC governance 3.2: "Changes that no longer hold together then fail as a whole" */
    if (changed(l, &next, params, p) != RESULT_OK) {
        p->state = GOV_FAILED;
        emit(l, "proposal.failed", id, p);
        return false;
    }
    for (uint32_t i = 0; i < p->cancel_count; i++)
        staking_cancel(l, p->cancels[i].era, p->cancels[i].stash);
    enact_evidence(l, p);
    p->state = GOV_ENACTED;
    *params = next;
    emit(l, "proposal.enacted", id, p);
    return p->change_count > 0;
}

static void reject(struct ledger *l, uint64_t id, struct gov_proposal *p)
{
    p->state = GOV_REJECTED;
    accounts_take_held(l, p->proposer, HOLD_DEPOSIT, accounts_pot(POT_TREASURY), p->deposit);
    emit(l, "proposal.rejected", id, p);
}

/* Votes on proposals before all open ones are of no more use. */
static void sweep_votes(struct ledger *l, const struct book *b)
{
    const uint8_t prefix[1] = { 'v' };
    const struct state_range range = { .store = STATE_GOV, .prefix = span_of(prefix, 1) };
    uint64_t keep = b->open_count > 0 ? b->open[0] : b->count;
    struct span k, value;
    for (uint32_t i = 0; i < SWEEP_PER_BLOCK; i++) {
        if (!state_next(l->st, &k, &value, range, range.prefix, false) ||
            load_be64(k.p + 1) >= keep)
            return;
        struct key copy = { .n = k.n };
        ASSERT(k.n == sizeof(copy.bytes));
        memcpy(copy.bytes, k.p, k.n);
        state_del(l->st, STATE_GOV, key_span(&copy));
    }
}

bool gov_block_end(struct ledger *l, struct params *params)
{
    struct staking_now now;
    struct gov_proposal p;
    struct book b;
    uint32_t kept = 0;
    bool new_params = false;
    *params = *l->params;
    if (!staking_get_now(l, &now))
        return false;
    book_get(l, &b);
    sweep_votes(l, &b);
    if (l->offset != l->params->slot_blocks - 1 || b.open_count == 0)
        return false;
    for (uint32_t i = 0; i < b.open_count; i++) {
        uint64_t id = b.open[i];
        if (!gov_get(l, &p, id))
            return false; /* only when the kv has failed */
        bool ends = p.state == GOV_VOTING && now.era > p.era;
        if (ends)
            reject(l, id, &p);
        bool due = p.state == GOV_ACCEPTED && p.due <= l->height;
        if (due)
            new_params = enact(l, id, &p, params) || new_params;
        if (ends || due)
            proposal_put(l, id, &p);
        else
            b.open[kept++] = id;
    }
    b.open_count = kept;
    book_put(l, &b);
    return new_params;
}
