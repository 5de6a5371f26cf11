/* tx_stake: the arguments of the calls stake.*, group.* and gov.* of codec/tx.h.
 * Format: docs/spec/transactions.md 3.16 to 3.25. Pure. Decoded structs borrow. */
#ifndef CRUST_CODEC_TX_STAKE_H
#define CRUST_CODEC_TX_STAKE_H

#include "base/amount.h"
#include "base/span.h"
#include "base/writer.h"

enum {
    TX_CHANGES_MAX = 16, /* parameters that one proposal changes */
    TX_CHANGE_NAME_MAX = 40,
    TX_CHANGE_VALUE_MAX = 512,
    TX_CANCELS_MAX = 16, /* slashes that one proposal cancels */
};

/* The calls stake.*, group.* and gov.vote: each uses the members that its row of the
 * specification names. */
struct tx_stake {
    struct amount amount;
    bool has_account;    /* payee alone may say none */
    uint8_t account[32]; /* controller, target, payee, stash, owner or member */
    uint8_t key[32];     /* CometBFT's Ed25519 key of a validator; or its beacon key */
    uint8_t proof[64];   /* by that key, spec staking 3 */
    uint8_t vrf[80];     /* by the beacon key, spec beacon 3 */
    uint32_t era;
    uint32_t fee; /* parts per 10^9 of the reward that guarantors share */
    bool yes;
    uint64_t proposal;
};

/* gov.propose {cancel, changes}: what would change when it is accepted. */
struct tx_proposal {
    uint32_t change_count;
    struct {
        struct span name;  /* borrowed; of a parameter */
        struct span value; /* borrowed; as params_set reads it */
    } changes[TX_CHANGES_MAX];
    uint32_t cancel_count;
    struct {
        uint32_t era; /* in which it was reported */
        uint8_t stash[32];
    } cancels[TX_CANCELS_MAX];
};

struct cbor_reader;
struct tx_call;

/* Used by tx.c: the map of arguments of call->kind. Failures stick to the reader or writer. */
void tx_stake_decode(struct cbor_reader *c, struct tx_call *call);
void tx_stake_encode(struct writer *w, const struct tx_call *call);
void tx_proposal_decode(struct cbor_reader *c, struct tx_proposal *p);
void tx_proposal_encode(struct writer *w, const struct tx_proposal *p);

/* Not empty, and without control characters. */
bool tx_text_is_plain(struct span s);

#endif
