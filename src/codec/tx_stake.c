#include "codec/tx_stake.h"

#include "codec/cbor.h"
#include "codec/tx.h"

bool tx_text_is_plain(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

enum arg_kind {
    ARG_NONE,
    ARG_AMOUNT,
    ARG_ACCOUNT,
    ARG_PAYEE,
    ARG_KEY,
    ARG_PROOF,
    ARG_VRF,
    ARG_ERA,
    ARG_FEE,
    ARG_YES,
    ARG_PROPOSAL
};

struct stake_arg {
    const char *name;
    enum arg_kind kind;
};

enum { STAKE_ARGS_MAX = 2 };

/* Their arguments, in canonical order. What is not here has none. */
static const struct stake_arg stake_args[TX_KIND_COUNT][STAKE_ARGS_MAX] = {
    [TX_STAKE_BOND] = { { "amount", ARG_AMOUNT }, { "controller", ARG_ACCOUNT } },
    [TX_STAKE_BOND_EXTRA] = { { "amount", ARG_AMOUNT } },
    [TX_STAKE_UNBOND] = { { "amount", ARG_AMOUNT } },
    [TX_STAKE_REBOND] = { { "amount", ARG_AMOUNT } },
    [TX_STAKE_VALIDATE] = { { "fee", ARG_FEE } },
    [TX_STAKE_GUARANTEE] = { { "amount", ARG_AMOUNT }, { "target", ARG_ACCOUNT } },
    [TX_STAKE_CUT] = { { "amount", ARG_AMOUNT }, { "target", ARG_ACCOUNT } },
    [TX_STAKE_PAYEE] = { { "account", ARG_PAYEE } },
    [TX_STAKE_CONTROLLER] = { { "controller", ARG_ACCOUNT } },
    [TX_STAKE_KEY] = { { "key", ARG_KEY }, { "proof", ARG_PROOF } },
    [TX_STAKE_BEACON] = { { "key", ARG_KEY }, { "proof", ARG_VRF } },
    [TX_STAKE_PAYOUT] = { { "era", ARG_ERA }, { "stash", ARG_ACCOUNT } },
    [TX_GROUP_ALLOW] = { { "account", ARG_ACCOUNT } },
    [TX_GROUP_DISALLOW] = { { "account", ARG_ACCOUNT } },
    [TX_GROUP_JOIN] = { { "owner", ARG_ACCOUNT } },
    [TX_GROUP_KICK] = { { "account", ARG_ACCOUNT } },
    [TX_GOV_VOTE] = { { "yes", ARG_YES }, { "proposal", ARG_PROPOSAL } },
};

static size_t stake_arg_count(enum tx_kind kind)
{
    size_t n = 0;
    while (n < STAKE_ARGS_MAX && stake_args[kind][n].kind != ARG_NONE)
        n++;
    return n;
}

static void stake_arg_decode(struct cbor_reader *c, struct tx_stake *s, enum arg_kind kind)
{
    switch (kind) {
    case ARG_AMOUNT:
        s->amount = cbor_read_amount(c);
        break;
    case ARG_PAYEE:
        s->has_account = !cbor_try_null(c);
        if (s->has_account)
            cbor_read_bytes_of(c, s->account, sizeof(s->account));
        break;
    case ARG_ACCOUNT:
        cbor_read_bytes_of(c, s->account, sizeof(s->account));
        break;
    case ARG_KEY:
        cbor_read_bytes_of(c, s->key, sizeof(s->key));
        break;
    case ARG_PROOF:
        cbor_read_bytes_of(c, s->proof, sizeof(s->proof));
        break;
    case ARG_VRF:
        cbor_read_bytes_of(c, s->vrf, sizeof(s->vrf));
        break;
    case ARG_ERA:
        s->era = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        break;
    case ARG_FEE:
        s->fee = (uint32_t)cbor_read_uint_max(c, PERBILL);
        break;
    case ARG_YES:
        s->yes = cbor_read_bool(c);
        break;
    case ARG_PROPOSAL:
        s->proposal = cbor_read_uint_max(c, INT64_MAX);
        break;
    case ARG_NONE:
        break;
    }
}

void tx_stake_decode(struct cbor_reader *c, struct tx_call *call)
{
    size_t count = stake_arg_count(call->kind);
    cbor_read_map_of(c, count);
    for (size_t i = 0; i < count; i++) {
        cbor_read_key(c, stake_args[call->kind][i].name);
        stake_arg_decode(c, &call->stake, stake_args[call->kind][i].kind);
    }
}

static void stake_arg_encode(struct writer *w, const struct tx_stake *s, enum arg_kind kind)
{
    switch (kind) {
    case ARG_AMOUNT:
        cbor_write_amount(w, s->amount);
        break;
    case ARG_PAYEE:
        if (s->has_account)
            cbor_write_bytes(w, span_of(s->account, sizeof(s->account)));
        else
            cbor_write_null(w);
        break;
    case ARG_ACCOUNT:
        cbor_write_bytes(w, span_of(s->account, sizeof(s->account)));
        break;
    case ARG_KEY:
        cbor_write_bytes(w, span_of(s->key, sizeof(s->key)));
        break;
    case ARG_PROOF:
        cbor_write_bytes(w, span_of(s->proof, sizeof(s->proof)));
        break;
    case ARG_VRF:
        cbor_write_bytes(w, span_of(s->vrf, sizeof(s->vrf)));
        break;
    case ARG_ERA:
        cbor_write_uint(w, s->era);
        break;
    case ARG_FEE:
        cbor_write_uint(w, s->fee);
        break;
    case ARG_YES:
        cbor_write_bool(w, s->yes);
        break;
    case ARG_PROPOSAL:
        cbor_write_uint(w, s->proposal);
        break;
    case ARG_NONE:
        break;
    }
}

void tx_stake_encode(struct writer *w, const struct tx_call *call)
{
    size_t count = stake_arg_count(call->kind);
    cbor_write_map(w, count);
    for (size_t i = 0; i < count; i++) {
        cbor_write_str(w, stake_args[call->kind][i].name);
        stake_arg_encode(w, &call->stake, stake_args[call->kind][i].kind);
    }
}

static struct span short_text(struct cbor_reader *c, size_t max)
{
    struct span text = cbor_read_text(c);
    cbor_require(c, text.n <= max, ERR_LIMIT);
    cbor_require(c, c->r.err != OK || tx_text_is_plain(text), ERR_FORMAT);
    return c->r.err == OK ? text : (struct span){ NULL, 0 };
}

void tx_proposal_decode(struct cbor_reader *c, struct tx_proposal *p)
{
    cbor_read_map_of(c, 2);
    cbor_read_key(c, "cancel");
    size_t cancels = cbor_read_array(c);
    cbor_require(c, cancels <= TX_CANCELS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < cancels && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        p->cancels[i].era = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        cbor_read_bytes_of(c, p->cancels[i].stash, TX_KEY_SIZE);
    }
    p->cancel_count = c->r.err == OK ? (uint32_t)cancels : 0;
    cbor_read_key(c, "changes");
    size_t changes = cbor_read_array(c);
    cbor_require(c, changes <= TX_CHANGES_MAX, ERR_LIMIT);
    for (size_t i = 0; i < changes && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        p->changes[i].name = short_text(c, TX_CHANGE_NAME_MAX);
        p->changes[i].value = short_text(c, TX_CHANGE_VALUE_MAX);
    }
    p->change_count = c->r.err == OK ? (uint32_t)changes : 0;
}

void tx_proposal_encode(struct writer *w, const struct tx_proposal *p)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "cancel");
    cbor_write_array(w, p->cancel_count);
    for (uint32_t i = 0; i < p->cancel_count; i++) {
        cbor_write_array(w, 2);
        cbor_write_uint(w, p->cancels[i].era);
        cbor_write_bytes(w, span_of(p->cancels[i].stash, TX_KEY_SIZE));
    }
    cbor_write_str(w, "changes");
    cbor_write_array(w, p->change_count);
    for (uint32_t i = 0; i < p->change_count; i++) {
        cbor_write_array(w, 2);
        cbor_write_text(w, p->changes[i].name);
        cbor_write_text(w, p->changes[i].value);
    }
}
