#include "base/hex.h"
#include "cli/devnet.h"
#include "cli/keyring.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "crypto/sha256.h"
#include "rt/clock.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PASSWORD_BYTES = 16,
    KEY_KIB = 8 * 1024, /* these keys protect play money: opening them shall be quick */
    KEY_PASSES = 1,
    GENESIS_MAX = 16 * 1024,
};

/* What the accounts own at genesis, in CRU. */
#define USER_CRU     1000000
#define OPERATOR_CRU 100000

static enum cli_exit failed(const struct devnet *d, const char *what, enum err e)
{
    return cli_fail(d->c, CLI_FAILED, NULL, "cannot make %s: %s", what, err_text(e));
}

static enum err join(const struct devnet *d, char out[DEVNET_PATH_MAX], const char *name)
{
    return path_join(out, DEVNET_PATH_MAX, d->dir, name);
}

/* One password for all keys of the devnet, in a file that env names. */
static enum err make_password(const struct devnet *d, char out[2 * PASSWORD_BYTES + 1])
{
    char path[DEVNET_PATH_MAX];
    uint8_t secret[PASSWORD_BYTES];
    TRY(join(d, path, "password"));
    random_bytes(secret, sizeof(secret));
    hex_format(out, span_of(secret, sizeof(secret)));
    return path_write_file(path, span_str(out), 0600);
}

/* A fresh key in HOME/keys/default.key. */
static enum err make_key(const struct devnet *d, const char *home, const char *password,
                         uint8_t public_key[32])
{
    char name[64], path[DEVNET_PATH_MAX], text[KEYSTORE_TEXT_MAX];
    AUTO(ed25519_wipe) struct ed25519_key key;
    AUTO(secret_wipe) struct secret seed;
    struct keystore k = { .passes = KEY_PASSES, .kib = KEY_KIB };
    random_bytes(&seed, sizeof(seed));
    random_bytes(k.salt, sizeof(k.salt));
    random_bytes(k.nonce, sizeof(k.nonce));
    ed25519_keypair(&key, seed.b);
    memcpy(public_key, key.public_key, 32);
    TRY(keystore_seal(&k, &key, span_str(password)));
    (void)snprintf(name, sizeof(name), "%s/keys", home);
    TRY(join(d, path, name));
    TRY(path_make_dirs(path, 0700));
    (void)snprintf(name, sizeof(name), "%s/keys/default.key", home);
    TRY(join(d, path, name));
    size_t n = keystore_format(text, &k);
    return path_write_file(path, span_of(text, n), 0600);
}

/* The key that signs releases here: release/governor.seed, and release/keys, what enclaves are
 * told. It stays as long as the devnet: workers are made under it. */
static enum err make_release_key(const struct devnet *d)
{
    char path[DEVNET_PATH_MAX], text[80] = "1:";
    AUTO(ed25519_wipe) struct ed25519_key key;
    TRY(join(d, path, "release"));
    TRY(path_make_dirs(path, 0700));
    TRY(join(d, path, "release/governor.seed"));
    enum err e = seed_file_make(&key, path);
    if (e == ERR_EXISTS) /* of a start that was cut */
        e = seed_file_read(&key, path);
    TRY(e);
    hex_format(text + 2, span_of(key.public_key, sizeof(key.public_key)));
    TRY(join(d, path, "release/keys"));
    return path_write_file(path, span_str(text), 0600);
}

static enum err read_release_keys(struct devnet *d)
{
    char path[DEVNET_PATH_MAX];
    struct mspan text;
    TRY(join(d, path, "release/keys"));
    enum err e = path_read_file(&text, path, sizeof(d->release_keys) - 1);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    memcpy(d->release_keys, text.p, text.n);
    d->release_keys[text.n] = '\0';
    free(text.p);
    return OK;
}

/* Runs crust-chaind to make a key of beacon contributions, HOME/beacon.key; its public half goes to
 * out. */
static enum err make_beacon_key(const struct devnet *d, const char *home, char out[65])
{
    char program[DEVNET_PATH_MAX], key[DEVNET_PATH_MAX], printed[DEVNET_PATH_MAX], name[48];
    TRY(path_join(program, sizeof(program), d->programs, "crust-chaind"));
    (void)snprintf(name, sizeof(name), "%s/beacon.key", home);
    TRY(join(d, key, name));
    (void)snprintf(name, sizeof(name), "%s/beacon.pub", home);
    TRY(join(d, printed, name));
    AUTO(path_close) int fd = open(printed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    const char *argv[] = { program, "--make-beacon-key", key, NULL };
    struct process p;
    struct process_options o = {
        .path = program, .argv = argv, .fds = { { fd, 1 }, { 2, 2 } }, .fd_count = 2
    };
    enum { PATIENCE_MS = 10000 };
    TRY(process_spawn(&p, &o));
    enum err e = process_wait(&p, PATIENCE_MS);
    bool good = e == OK && p.exit_code == 0;
    if (e != OK)
        process_stop(&p, 0);
    process_fini(&p);
    if (!good || pread(fd, out, 64, 0) != 64)
        return ERR_IO;
    out[64] = '\0';
    return OK;
}

static json_t *balance(const uint8_t account[32], unsigned cru)
{
    char address[SS58_TEXT_MAX], amount[32];
    ss58_format(address, account);
    (void)snprintf(amount, sizeof(amount), "%u000000000000", cru);
    return json_pack("{s:s, s:s}", "address", address, "amount", amount);
}

static json_t *balances_of(const struct devnet *d, const uint8_t user[32])
{
    json_t *list = json_array();
    json_array_append_new(list, balance(user, USER_CRU));
    for (uint32_t i = 0; i < d->nodes; i++)
        json_array_append_new(list, balance(d->accounts[i], OPERATOR_CRU));
    for (uint32_t i = d->nodes; i < d->validators; i++)
        json_array_append_new(list, balance(d->stashes[i], OPERATOR_CRU));
    return list;
}

/* One for the embedded engine, one of each validator of CometBFT. */
static json_t *contributors_of(const struct devnet *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i == 0 || i < d->validators; i++)
        json_array_append_new(list, json_string(d->contributors[i]));
    return list;
}

static json_t *genesis_of(const struct devnet *d, const uint8_t user[32], const char *beacon,
                          uint64_t now_ms)
{
    json_t *genesis =
        json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:s}", "chain_id", d->chain_id, "time_ms",
                  (json_int_t)now_ms, "params", devnet_stake_params(d), "balances",
                  balances_of(d, user), "contributors", contributors_of(d), "validators",
                  devnet_comet_validators(d), "beacon", beacon);
    if (d->validators != 0)
        json_object_set_new(genesis, "staking", devnet_stake_bonds(d));
    return genesis;
}

static enum err write_genesis(struct devnet *d, const uint8_t user[32])
{
    uint8_t random[32];
    char path[DEVNET_PATH_MAX], beacon[65];
    random_bytes(random, sizeof(random));
    hex_format(beacon, span_of(random, sizeof(random)));
    (void)snprintf(d->chain_id, sizeof(d->chain_id), "crust-devnet-%.8s", beacon);
    uint64_t now_ms = clock_wall_ms();
    json_t *genesis = genesis_of(d, user, beacon, now_ms);
    char *text = json_dumps(genesis, JSON_INDENT(1)), hash_text[65];
    uint8_t hash[32];
    json_decref(genesis);
    if (text == NULL)
        return ERR_MEMORY;
    sha256(hash, span_str(text));
    hex_format(hash_text, span_of(hash, sizeof(hash)));
    enum err e = devnet_comet_genesis(d, hash_text, now_ms + 1);
    if (e == OK)
        e = join(d, path, "chain/genesis.json");
    /* Last: what is there after a crash is whole. */
    if (e == OK)
        e = path_write_file(path, span_str(text), 0600);
    free(text);
    return e;
}

/* The chain id of a devnet that was made before. */
static enum err read_genesis(struct devnet *d)
{
    char path[DEVNET_PATH_MAX];
    struct mspan text;
    TRY(join(d, path, "chain/genesis.json"));
    TRY(path_read_file(&text, path, GENESIS_MAX));
    json_t *genesis = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    free(text.p);
    const char *id = json_string_value(json_object_get(genesis, "chain_id"));
    size_t balances = json_array_size(json_object_get(genesis, "balances"));
    size_t validators = json_array_size(json_object_get(genesis, "validators"));
    bool good = id != NULL && strlen(id) < sizeof(d->chain_id) &&
                balances == 1 + d->nodes + devnet_stake_strangers(d) && validators == d->validators;
    if (good)
        (void)snprintf(d->chain_id, sizeof(d->chain_id), "%s", id);
    for (uint32_t i = 0; good && i + 1 < balances; i++) {
        const json_t *b = json_array_get(json_object_get(genesis, "balances"), i + 1);
        const char *address = json_string_value(json_object_get(b, "address"));
        uint8_t *out = i < d->nodes ? d->accounts[i] : d->stashes[i];
        good = address != NULL && ss58_parse(out, span_str(address)) == OK;
        if (good && i < d->validators)
            memmove(d->stashes[i], out, 32);
    }
    json_decref(genesis);
    return good ? OK : ERR_FORMAT;
}

/* Keys of the user and of each node; of each validator, its stash's included. */
static enum err make_keys(struct devnet *d, uint8_t user[32])
{
    char home[24], password[2 * PASSWORD_BYTES + 1];
    TRY(make_password(d, password));
    TRY(make_key(d, "user", password, user));
    for (uint32_t i = 0; i < d->nodes; i++) {
        (void)snprintf(home, sizeof(home), "node%u", i + 1);
        TRY(make_key(d, home, password, d->accounts[i]));
        if (i < d->validators)
            memcpy(d->stashes[i], d->accounts[i], 32);
    }
    TRY(make_release_key(d));
    TRY(devnet_comet_keys(d));
    for (uint32_t i = 0; i < d->validators; i++) {
        (void)snprintf(home, sizeof(home), "validator%u", i + 1);
        if (i >= d->nodes)
            TRY(make_key(d, home, password, d->stashes[i]));
        TRY(make_beacon_key(d, home, d->contributors[i]));
    }
    return d->validators != 0 ? OK : make_beacon_key(d, "chain", d->contributors[0]);
}

enum cli_exit devnet_files_make(struct devnet *d)
{
    char path[DEVNET_PATH_MAX];
    uint8_t user[32];
    enum err e = read_genesis(d);
    if (e == OK)
        e = read_release_keys(d);
    if (e == OK)
        return CLI_OK;
    if (e != ERR_NOT_FOUND)
        return cli_fail(d->c, CLI_FAILED, "another --dir, or remove it",
                        "%s holds another devnet, or one of another size", d->dir);
    e = join(d, path, "chain");
    if (e == OK)
        e = path_make_dirs(path, 0700);
    if (e == OK)
        e = make_keys(d, user);
    if (e == OK)
        e = read_release_keys(d);
    if (e == OK)
        e = write_genesis(d, user);
    return e == OK ? CLI_OK : failed(d, "the files of the devnet", e);
}

/* The hash by which crust.conf pins this network. */
static enum err genesis_hash(const struct devnet *d, char out[65])
{
    char path[DEVNET_PATH_MAX];
    struct mspan text;
    uint8_t hash[32];
    TRY(join(d, path, "chain/genesis.json"));
    TRY(path_read_file(&text, path, GENESIS_MAX));
    sha256(hash, span_of(text.p, text.n));
    free(text.p);
    hex_format(out, span_of(hash, sizeof(hash)));
    return OK;
}

static enum err write_conf(const struct devnet *d, const char *home, const char *text)
{
    char path[DEVNET_PATH_MAX], name[48];
    (void)snprintf(name, sizeof(name), "%s/crust.conf", home);
    TRY(join(d, path, name));
    return path_write_file(path, span_str(text), 0600);
}

enum cli_exit devnet_files_env(struct devnet *d)
{
    char path[DEVNET_PATH_MAX], text[4096], agents[1024] = "", genesis[65];
    const struct devnet_member *chain = devnet_find(d, "chain"), *user = devnet_find(d, "user");
    for (uint32_t i = 0; i < d->nodes; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "agent%u", i + 1);
        const struct devnet_member *agent = devnet_find(d, name);
        size_t n = strlen(agents);
        if (agent != NULL && agent->url[0] != '\0')
            (void)snprintf(agents + n, sizeof(agents) - n, "%s%s", n == 0 ? "" : ",", agent->url);
    }
    enum err e = genesis_hash(d, genesis);
    if (e != OK)
        return failed(d, "the hash of the genesis", e);
    (void)snprintf(text, sizeof(text),
                   "# Written by crust devnet.\n[cli]\nchain = %s\nchain-id = %s\ngenesis = %s\n"
                   "gateway = %s\npassword-file = %s/password\n%s%s%s",
                   chain->url, d->chain_id, genesis, user->url, d->dir,
                   agents[0] == '\0' ? "" : "agents = ", agents, agents[0] == '\0' ? "" : "\n");
    e = write_conf(d, "user", text);
    /* So that CRUST_HOME=DIR/node1 crust stake show works as it is. */
    for (uint32_t i = 0; e == OK && i < d->nodes; i++) {
        char home[24];
        (void)snprintf(home, sizeof(home), "node%u", i + 1);
        e = write_conf(d, home, text);
    }
    for (uint32_t i = d->nodes; e == OK && i < d->validators; i++) {
        char home[24];
        devnet_stake_home(d, i, home);
        e = write_conf(d, home, text);
    }
    if (e == OK)
        e = join(d, path, "env");
    (void)snprintf(text, sizeof(text),
                   "# . %s/env  lets this shell use the devnet.\n"
                   "export CRUST_HOME='%s/user'\nexport PATH='%s':\"$PATH\"\n",
                   d->dir, d->dir, d->programs);
    if (e == OK)
        e = path_write_file(path, span_str(text), 0600);
    return e == OK ? CLI_OK : failed(d, "the env file", e);
}
