/* The devnet with CometBFT: keys, genesis and settings of its validators, and their programs. The
 * formats are those that `cometbft init` of v0.38 writes. */
#include "base/hex.h"
#include "chain/params.h"
#include "cli/devnet.h"
#include "codec/agreement.h"
#include "codec/multibase.h"
#include "codec/ss58.h"
#include "crypto/ed25519.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/http_client.h"
#include "rt/netaddr.h"
#include "rt/path.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    P2P_PORT = 26656, /* where the search for free ports begins */
    RPC_PORT = 26756,
    PORT_TRIES = 1000,
    PROBE_MS = 1000,
    BASE64_MAX = 96, /* of 64 bytes, padded */
};

/* ---- the binary ---- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* CRUST_COMETBFT, the one that tools/install-peers built, or PATH. */
static bool find_binary(const struct devnet *d, char out[DEVNET_PATH_MAX])
{
    static const char built[] = "../../../.cache/cometbft/v0.38.25/cometbft";
    const char *given = getenv("CRUST_COMETBFT"), *path = getenv("PATH");
    if (given != NULL) {
        (void)snprintf(out, DEVNET_PATH_MAX, "%s", given);
        return out[0] == '/' && is_program(out);
    }
    if (path_join(out, DEVNET_PATH_MAX, d->programs, built) == OK && is_program(out))
        return true;
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        (void)snprintf(out, DEVNET_PATH_MAX, "%.*s/cometbft", (int)n, path);
        if (out[0] == '/' && is_program(out))
            return true;
        path += n + (path[n] == ':');
    }
    return false;
}

/* ---- keys ---- */

/* As Go writes bytes: base64 with padding. */
static void base64(char out[BASE64_MAX], const void *p, size_t n)
{
    enum err e = multibase_format_bare(out, BASE64_MAX, MULTIBASE_64, span_of(p, n));
    ASSERT(e == OK);
    size_t len = strlen(out);
    for (; len % 4 != 0; len++)
        out[len] = '=';
    out[len] = '\0';
}

static enum err write_below(const struct devnet *d, uint32_t i, const char *name, const char *text)
{
    char path[DEVNET_PATH_MAX], below[64];
    (void)snprintf(below, sizeof(below), "validator%u/%s", i + 1, name);
    TRY(path_join(path, sizeof(path), d->dir, below));
    return path_write_file(path, span_str(text), 0600);
}

static void address_text(char out[2 * AGREEMENT_ADDRESS_SIZE + 1], const uint8_t key[32])
{
    uint8_t address[AGREEMENT_ADDRESS_SIZE];
    agreement_address(address, key);
    hex_format(out, span_of(address, sizeof(address)));
}

/* Seed and public key, as Go keeps an Ed25519 key. */
static void private_text(char out[BASE64_MAX], const struct ed25519_key *key)
{
    uint8_t both[64];
    memcpy(both, key->seed, 32);
    memcpy(both + 32, key->public_key, 32);
    base64(out, both, sizeof(both));
    secret_wipe_bytes(both, sizeof(both));
}

static enum err make_validator(struct devnet *d, uint32_t i)
{
    static const char *const folders[] = { "comet/config", "comet/data" };
    AUTO(ed25519_wipe) struct ed25519_key key, node;
    uint8_t seed[2][ED25519_SEED_SIZE];
    char path[DEVNET_PATH_MAX], below[64], text[1024], secret[BASE64_MAX], public[BASE64_MAX];
    char address[2 * AGREEMENT_ADDRESS_SIZE + 1];
    for (size_t f = 0; f < 2; f++) {
        (void)snprintf(below, sizeof(below), "validator%u/%s", i + 1, folders[f]);
        TRY(path_join(path, sizeof(path), d->dir, below));
        TRY(path_make_dirs(path, 0700));
    }
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(&key, seed[0]);
    ed25519_keypair(&node, seed[1]);
    secret_wipe_bytes(seed, sizeof(seed));
    memcpy(d->validator_keys[i], key.public_key, 32);
    address_text(address, key.public_key);
    for (char *c = address; *c != '\0'; c++)
        *c = (char)(*c >= 'a' ? *c - 'a' + 'A' : *c);
    private_text(secret, &key);
    base64(public, key.public_key, 32);
    (void)snprintf(text, sizeof(text),
                   "{\"address\":\"%s\",\"pub_key\":{\"type\":\"tendermint/PubKeyEd25519\","
                   "\"value\":\"%s\"},\"priv_key\":{\"type\":\"tendermint/PrivKeyEd25519\","
                   "\"value\":\"%s\"}}\n",
                   address, public, secret);
    TRY(write_below(d, i, "comet/config/priv_validator_key.json", text));
    private_text(secret, &node);
    (void)snprintf(text, sizeof(text),
                   "{\"priv_key\":{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"%s\"}}\n",
                   secret);
    TRY(write_below(d, i, "comet/config/node_key.json", text));
    secret_wipe_bytes(secret, sizeof(secret));
    secret_wipe_bytes(text, sizeof(text));
    address_text(address, node.public_key);
    TRY(write_below(d, i, "node-id", address));
    return write_below(d, i, "comet/data/priv_validator_state.json",
                       "{\"height\":\"0\",\"round\":0,\"step\":0}\n");
}

enum err devnet_comet_keys(struct devnet *d)
{
    for (uint32_t i = 0; i < d->validators; i++)
        TRY(make_validator(d, i));
    return OK;
}

/* ---- genesis ---- */

static json_t *genesis_params(void)
{
    /* Evidence is taken as long as the ledger holds stake back for it. */
    struct params p;
    char blocks[24], nanos[32];
    params_init(&p, PARAMS_DEVNET);
    (void)snprintf(blocks, sizeof(blocks), "%" PRIu32, p.misbehaviour_blocks);
    (void)snprintf(nanos, sizeof(nanos), "%" PRIu64 "000000", p.misbehaviour_ms);
    /* Room for a block of the chain's own limit, one transaction of 2 MiB and evidence. */
    return json_pack("{s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:{s:[s]}, s:{s:s}, s:{s:s}}", "block",
                     "max_bytes", "8388608", "max_gas", "-1", "evidence", "max_age_num_blocks",
                     blocks, "max_age_duration", nanos, "max_bytes", "524288", "validator",
                     "pub_key_types", "ed25519", "version", "app", "1", "abci",
                     "vote_extensions_enable_height", "0");
}

static json_t *genesis_validators(const struct devnet *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->validators; i++) {
        char name[24], key[BASE64_MAX], power[24];
        (void)snprintf(name, sizeof(name), "validator%u", i + 1);
        (void)snprintf(power, sizeof(power), "%d", DEVNET_POWER);
        base64(key, d->validator_keys[i], 32);
        json_array_append_new(list, json_pack("{s:{s:s, s:s}, s:s, s:s}", "pub_key", "type",
                                              "tendermint/PubKeyEd25519", "value", key, "power",
                                              power, "name", name));
    }
    return list;
}

json_t *devnet_comet_validators(const struct devnet *d)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < d->validators; i++) {
        char key[65], address[SS58_TEXT_MAX];
        hex_format(key, span_of(d->validator_keys[i], 32));
        ss58_format(address, d->stashes[i]);
        json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "key", key, "power", DEVNET_POWER,
                                              "address", address));
    }
    return list;
}

enum err devnet_comet_genesis(const struct devnet *d, const char *genesis_hash, uint64_t time_ms)
{
    char time[40];
    struct tm tm;
    time_t seconds = (time_t)(time_ms / 1000);
    if (gmtime_r(&seconds, &tm) == NULL)
        return ERR_RANGE;
    size_t n = strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(time + n, sizeof(time) - n, ".%03uZ", (unsigned)(time_ms % 1000));
    json_t *genesis = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:{s:s}}", "genesis_time", time,
                                "chain_id", d->chain_id, "initial_height", "1", "consensus_params",
                                genesis_params(), "validators", genesis_validators(d), "app_hash",
                                "", "app_state", "genesis", genesis_hash);
    char *text = json_dumps(genesis, JSON_INDENT(1));
    json_decref(genesis);
    enum err e = text == NULL ? ERR_MEMORY : OK;
    for (uint32_t i = 0; e == OK && i < d->validators; i++)
        e = write_below(d, i, "comet/config/genesis.json", text);
    free(text);
    return e;
}

/* ---- settings ---- */

/* An abstract socket named after the port, or -1: another devnet or test has claimed it. Two that
 * look for ports at the same time would find the same ones, since engines bind them only later. */
static int claim_port(uint16_t port)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    int n = snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "crust-port-%u", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&sa, size) != 0)
        path_close(&fd);
    return fd;
}

static bool bindable(uint16_t port)
{
    struct sockaddr_storage sa;
    socklen_t n;
    char text[NETADDR_TEXT_MAX];
    int on = 1;
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    AUTO(path_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || netaddr_parse(&sa, &n, text) != OK)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, (const struct sockaddr *)&sa, n) == 0 && listen(fd, 1) == 0;
}

/* The next port from *from on that nobody listens on or has claimed. Its claim stays open until
 * this process ends, and with it the network. */
static bool free_port(uint16_t *port, uint16_t *from)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        *port = (*from)++;
        int claim = claim_port(*port);
        if (claim >= 0 && bindable(*port))
            return true;
        path_close(&claim);
    }
    return false;
}

static enum err peers_text(const struct devnet *d, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < d->validators; i++) {
        char path[DEVNET_PATH_MAX], below[64];
        struct mspan id;
        (void)snprintf(below, sizeof(below), "validator%u/node-id", i + 1);
        TRY(path_join(path, sizeof(path), d->dir, below));
        TRY(path_read_file(&id, path, 64));
        n += (size_t)snprintf(out + n, size - n, "%s%s@127.0.0.1:%u", i == 0 ? "" : ",",
                              (const char *)id.p, d->p2p_ports[i]);
        free(id.p);
        if (n >= size)
            return ERR_LIMIT;
    }
    return OK;
}

/* Written at each start, because ports may have been taken meanwhile. What is not named here is
 * CometBFT's default. */
static enum err write_settings(const struct devnet *d, uint32_t i, const char *peers)
{
    char text[4096];
    int n = snprintf(text, sizeof(text),
                     "# Written by crust devnet.\n"
                     "proxy_app = \"unix://%s/validator%u/abci.sock\"\nmoniker = \"validator%u\"\n"
                     "log_level = \"error\"\nabci = \"socket\"\n"
                     "[rpc]\nladdr = \"tcp://127.0.0.1:%u\"\nmax_body_bytes = 4194304\n"
                     "[p2p]\nladdr = \"tcp://127.0.0.1:%u\"\npersistent_peers = \"%s\"\n"
                     "addr_book_strict = false\nallow_duplicate_ip = true\npex = false\n"
                     "persistent_peers_max_dial_period = \"1s\"\n"
                     "flush_throttle_timeout = \"10ms\"\n"
                     "[mempool]\nmax_tx_bytes = 2228224\nmax_txs_bytes = 67108864\n"
                     "[consensus]\ntimeout_propose = \"2s\"\ntimeout_prevote = \"500ms\"\n"
                     "timeout_precommit = \"500ms\"\ntimeout_commit = \"900ms\"\n"
                     "peer_gossip_sleep_duration = \"25ms\"\n"
                     "[tx_index]\nindexer = \"null\"\n",
                     d->dir, i + 1, i + 1, d->rpc_ports[i], d->p2p_ports[i], peers);
    return n > 0 && (size_t)n < sizeof(text) ? write_below(d, i, "comet/config/config.toml", text)
                                             : ERR_LIMIT;
}

enum cli_exit devnet_comet_settings(struct devnet *d)
{
    char peers[2048];
    uint16_t p2p = P2P_PORT, rpc = RPC_PORT;
    if (!find_binary(d, d->comet))
        return cli_fail(d->c, CLI_FAILED,
                        "tools/install-peers (it needs Go), or set CRUST_COMETBFT to a binary",
                        "there is no cometbft here");
    for (uint32_t i = 0; i < d->validators; i++) {
        if (!free_port(&d->p2p_ports[i], &p2p) || !free_port(&d->rpc_ports[i], &rpc))
            return cli_fail(d->c, CLI_FAILED, NULL, "no free port for validator %u", i + 1);
    }
    enum err e = peers_text(d, peers, sizeof(peers));
    for (uint32_t i = 0; e == OK && i < d->validators; i++)
        e = write_settings(d, i, peers);
    return e == OK ? CLI_OK
                   : cli_fail(d->c, CLI_FAILED, NULL, "cannot write the engines' settings: %s",
                              err_text(e));
}

bool devnet_comet_serves(const char *url)
{
    char health[DEVNET_URL_MAX + 16];
    uint16_t status = 0;
    struct mspan body = { 0 };
    (void)snprintf(health, sizeof(health), "%s/health", url);
    const struct http_fetch_options o = {
        .method = HTTP_GET, .url = health, .total_timeout_ms = PROBE_MS, .size_max = 65536
    };
    enum err e = http_fetch_text(&body, &o, true, &status);
    free(body.p);
    return e == OK && status == 200;
}
