/* releases: which programs the network lets in, and which machines and programs it does not: lists
 * that governance changes like parameters, by a name and a text. Spec: docs/spec/governance.md 5.
 * Pure.
 *
 * In the store `attest`: 'r' | kind | measurement | release id -> a release; 'd' | list | value ->
 * nothing; 'a' | advisory -> nothing; 't' -> the agreed MRCONFIGID. */
#ifndef CRUST_CHAIN_RELEASES_H
#define CRUST_CHAIN_RELEASES_H

#include "attest/policy.h"
#include "chain/ledger.h"

enum {
    RELEASES_VERSION_MAX = 32, /* bytes of a version text */
    RELEASES_TEXT_MAX = 512,   /* a row as text, as TX_CHANGE_VALUE_MAX */
};

struct releases_row {
    struct attest_release release;
    uint8_t id[32]; /* attest_release_id of the version */
    char version[RELEASES_VERSION_MAX + 1];
};

/* True for the names of lists: attest_release, attest_deny, attest_advisory, attest_td_config. */
bool releases_is_list(const char *name);

/* releases_check: may this text be enacted under this name (one of those above)? */
bool releases_check(const char *name, const char *text);

/* releases_apply enacts a text that releases_check takes, and has workers judged anew whom it
 * concerns. */
void releases_apply(struct ledger *l, const char *name, const char *text);

/* The texts that give the lists, one after the other: the next one after *place, which is all zero
 * at first. False at the end. text: RELEASES_TEXT_MAX + 1 bytes. */
struct releases_place {
    uint8_t key[STATE_KEY_MAX];
    size_t size;
};
bool releases_next(struct ledger *l, struct releases_place *place, const char **name, char *text);

/* The policy for a verdict: parameters, and of the lists what concerns it. *room is what it points
 * to. release: the release id that the evidence binds. */
struct releases_policy {
    struct attest_policy policy;
    struct attest_release releases[1];
    uint8_t device[1][32];
    uint8_t measurement[1][ATTEST_MEASUREMENT_MAX];
    uint8_t fmspc[1][6];
    const char *advisories[STATUS_ADVISORIES_MAX];
};
void releases_policy(struct ledger *l, struct releases_policy *room,
                     const struct attest_verdict *verdict, const uint8_t release[32]);

#endif
