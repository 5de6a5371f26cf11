/* settings: what crust.conf and flags say to crust-agentd. docs/guide/merchant.md. */
#ifndef CRUST_AGENTD_SETTINGS_H
#define CRUST_AGENTD_SETTINGS_H

#include "agentd/plan_order.h"
#include "agentd/plan_room.h"
#include "agentd/plan_worker.h"
#include "crypto/ed25519.h"
#include "rt/config.h"

enum {
    SETTINGS_PATH_MAX = 512,
    SETTINGS_PASSWORD_MAX = 256,
};

struct settings {
    char home[SETTINGS_PATH_MAX];
    char folder[SETTINGS_PATH_MAX]; /* agent/ */
    char ipfsd[SETTINGS_PATH_MAX];  /* the socket of crust-ipfsd */
    char key_file[SETTINGS_PATH_MAX];
    char password_file[SETTINGS_PATH_MAX]; /* "": CRUST_PASSWORD */
    char beacon_file[SETTINGS_PATH_MAX];   /* "": not beside a validator */
    char documents[SETTINGS_PATH_MAX];     /* collateral-folder; "": none */
    char chain_id[64];                     /* "": whatever the chain node serves */
    struct config_urls chains;
    struct config_urls gateways;      /* asked for the data of orders after their own origins */
    char url_file[SETTINGS_PATH_MAX]; /* "": none */
    char release[64];                 /* version text of the enclave's release */
    char http_host[64];
    struct config_port http_port;
    bool http;
    struct plan_worker_rules worker;
    struct plan_order_rules orders;
    struct plan_room_rules room;
};

extern const struct config_table settings_table;

/* settings_load reads c. ERR_FORMAT, ERR_LIMIT: error says in one line what is wrong. */
NODISCARD enum err settings_load(struct settings *out, const struct config *c,
                                 char error[CONFIG_ERROR_MAX]);

/* settings_unlock opens the operator's key with the password. On failure error says in one line
 * what is wrong. Wipe the key with ed25519_wipe. */
NODISCARD enum err settings_unlock(struct ed25519_key *out, const struct settings *s,
                                   char error[CONFIG_ERROR_MAX]);

#endif
