/* The devnet with CometBFT: what its validators have at stake, and their part in the beacon. */
#include "chain/params.h"
#include "cli/devnet.h"
#include "codec/ss58.h"
#include "rt/clock.h"
#include "rt/http_client.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ASK_MS = 2000,
    REGISTER_PATIENCE_MS = 90000,
    STAKING_MAX = 64 * 1024,
    /* A laptop that sleeps, or a busy one, is no offender: only who misses nearly all is. */
    OFFLINE_PERCENT = 90,
    BEACON_MISSES_MAX = 24, /* of as many slots */
};

/* What guarantors get of a validator's income, in parts per 10^9. */
static const json_int_t fee = 500000000;

uint32_t devnet_stake_strangers(const struct devnet *d)
{
    return d->validators > d->nodes ? d->validators - d->nodes : 0;
}

void devnet_stake_home(const struct devnet *d, uint32_t validator, char out[24])
{
    (void)snprintf(out, 24, "%s%u", validator < d->nodes ? "node" : "validator", validator + 1);
}

json_t *devnet_stake_params(const struct devnet *d)
{
    json_t *p = json_pack("{s:s}", "preset", "devnet");
    if (d->validators == 0)
        return p;
    /* The first validators stay until all who can have proven storage: else the first one to prove
     * it would for a while be the only one. */
    uint32_t least = d->validators - devnet_stake_strangers(d);
    json_object_set_new(p, "validators_min", json_integer(least));
    json_object_set_new(p, "offline_percent", json_integer(OFFLINE_PERCENT));
    json_object_set_new(p, "beacon_misses_max", json_integer(BEACON_MISSES_MAX));
    return p;
}

json_t *devnet_stake_bonds(const struct devnet *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->validators; i++) {
        char address[SS58_TEXT_MAX], bond[32];
        ss58_format(address, d->stashes[i]);
        (void)snprintf(bond, sizeof(bond), "%u000000000000", (unsigned)DEVNET_BOND_CRU);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I}", "address", address, "bond", bond, "fee", fee));
    }
    return list;
}

/* ---- beacon keys ---- */

/* Has this validator's stash a beacon key, in force or waiting? */
static enum err is_registered(const struct devnet *d, uint32_t i, bool *yes)
{
    char address[SS58_TEXT_MAX], url[DEVNET_URL_MAX + SS58_TEXT_MAX + 16];
    struct mspan body = { 0 };
    uint16_t status = 0;
    ss58_format(address, d->stashes[i]);
    (void)snprintf(url, sizeof(url), "%s/v1/staking/%s", d->members[0].url, address);
    const struct http_fetch_options o = {
        .method = HTTP_GET, .url = url, .total_timeout_ms = ASK_MS, .size_max = STAKING_MAX
    };
    *yes = false;
    enum err e = http_fetch_text(&body, &o, true, &status);
    if (e == OK && status == 200) {
        json_t *j = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
        json_t *beacon = json_object_get(j, "beacon");
        *yes = json_is_string(json_object_get(beacon, "key")) ||
               json_is_string(json_object_get(beacon, "next_key"));
        json_decref(j);
    }
    free(body.p);
    return e;
}

static enum err register_begin(const struct devnet *d, uint32_t i, struct process *p)
{
    char program[DEVNET_PATH_MAX], key[DEVNET_PATH_MAX], home[DEVNET_PATH_MAX], name[24];
    char password[DEVNET_PATH_MAX], below[48];
    TRY(path_join(program, sizeof(program), d->programs, "crust"));
    devnet_stake_home(d, i, name);
    TRY(path_join(home, sizeof(home), d->dir, name));
    (void)snprintf(below, sizeof(below), "validator%u/beacon.key", i + 1);
    TRY(path_join(key, sizeof(key), d->dir, below));
    TRY(path_join(password, sizeof(password), d->dir, "password"));
    const char *argv[] = { program,           "stake",           "beacon-key", key,
                           "--yes",           "--home",          home,         "--chain",
                           d->members[0].url, "--password-file", password,     NULL };
    const struct process_options o = {
        .path = program, .argv = argv, .fds = { { 2, 2 } }, .fd_count = 1
    };
    return process_spawn(p, &o);
}

enum cli_exit devnet_stake_register(struct devnet *d)
{
    struct process helpers[DEVNET_VALIDATORS_MAX];
    bool started[DEVNET_VALIDATORS_MAX] = { false };
    enum err e = OK;
    for (uint32_t i = 0; e == OK && i < d->validators; i++) {
        bool there;
        e = is_registered(d, i, &there);
        if (e == OK && !there)
            e = register_begin(d, i, &helpers[i]);
        started[i] = e == OK && !there;
    }
    uint64_t deadline = clock_deadline(REGISTER_PATIENCE_MS);
    for (uint32_t i = 0; i < d->validators; i++) {
        if (!started[i])
            continue;
        enum err ended = process_wait(&helpers[i], clock_left(deadline));
        if (ended != OK)
            process_stop(&helpers[i], 0);
        if (e == OK && (ended != OK || helpers[i].exit_code != 0))
            e = ended != OK ? ended : ERR_STATE;
        process_fini(&helpers[i]);
    }
    return e == OK ? CLI_OK
                   : cli_fail(d->c, CLI_FAILED, NULL,
                              "the validators' beacon keys cannot be registered: %s", err_text(e));
}

/* ---- words ---- */

void devnet_stake_print(const struct devnet *d)
{
    for (uint32_t i = 0; i < d->validators; i++) {
        char address[SS58_TEXT_MAX], home[24];
        ss58_format(address, d->stashes[i]);
        devnet_stake_home(d, i, home);
        printf("  validator%u  %u CRU bonded by %s (CRUST_HOME=%s/%s)\n", i + 1,
               (unsigned)DEVNET_BOND_CRU, address, d->dir, home);
    }
    if (devnet_stake_strangers(d) != 0)
        printf("  The last %u prove no storage: they leave the set once the others have (--storage "
               "%u gives each a node).\n",
               devnet_stake_strangers(d), d->validators);
}
