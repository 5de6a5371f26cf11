#include "agentd/settings.h"

#include "base/release.h"
#include "codec/keystore.h"
#include "crypto/secret.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static const struct config_key keys[] = {
    CONFIG_KEY_CHAIN,
    { "chain-id", CONFIG_STRING, "", "name of the chain to work for; others are refused" },
    { "ipfsd", CONFIG_STRING, "ipfsd.sock", "socket of crust-ipfsd" },
    { "folder", CONFIG_STRING, "agent", "folder of the journal of decisions" },
    { "key", CONFIG_STRING, "default", "name of the account's key, in keys/" },
    { "password-file", CONFIG_STRING, "", "file with its password; otherwise CRUST_PASSWORD" },
    { "beacon-key", CONFIG_STRING, "",
      "beside a validator: file with the key of its beacon contributions" },
    { "release", CONFIG_STRING, RELEASE, "release of the enclave that crust-ipfsd runs" },
    { "http", CONFIG_BOOL, "true", "serve status, decisions and metrics on http-host" },
    { "http-host", CONFIG_STRING, "127.0.0.1", "address of the status pages" },
    { "http-port", CONFIG_U64, "7003", "their port; 0: any free one" },
    { "http-port-tries", CONFIG_U64, "1", "how many following ports to try when it is in use" },
    { "url-file", CONFIG_STRING, "agent/url",
      "where to write the URL of the status pages; or none" },
    { "take-orders", CONFIG_BOOL, "true", "take new orders" },
    { "require-data-root", CONFIG_BOOL, "false", "take only orders that name their data_root" },
    { "order-size-max", CONFIG_SIZE, "8G", "largest order that is taken" },
    { "price-min", CONFIG_STRING, "0",
      "what an order must pay its holders together, in CRU for a GiB" },
    { "gateways", CONFIG_STRING, "", "gateway URLs to ask for data after an order's own origins" },
    { "sealing", CONFIG_U64, "2", "orders that are fetched and sealed at a time" },
    { "srd-share", CONFIG_U64, "90", "percent of free space to fill with sealed random data" },
    { "slack", CONFIG_SIZE, "256M", "bytes that stay free on the disks" },
    { "top-up", CONFIG_BOOL, "true", "refill the worker's deposit from the account" },
    { "reserve", CONFIG_STRING, "0", "CRU that deposits leave in the account" },
    { "collateral", CONFIG_STRING, "0", "CRU to hold as the merchant's collateral" },
    { "collateral-folder", CONFIG_STRING, "",
      "folder of vendors' documents (TEE collateral) to post when they are newer; watched" },
    { "claim-min", CONFIG_STRING, "0.01", "claim income once it is this many CRU" },
    { "settle-blocks", CONFIG_U64, "14400",
      "blocks between settlements of an order; 0: only its end" },
    { "settle-gain", CONFIG_U64, "10", "settle only what earned this many times the fee" },
    CONFIG_KEY_LOG_LEVEL,
};

const struct config_table settings_table = {
    .program = "agentd",
    .usage = "crust-agentd [--key value]...",
    .about = "The storage merchant: registers this node's worker, takes orders, reports.\n"
             "Example: CRUST_PASSWORD=... crust-agentd --home ~/.crust --key default",
    .keys = keys,
    .key_count = sizeof(keys) / sizeof(keys[0]),
};

static enum err paths_of(struct settings *s, const struct config *c)
{
    char name[SETTINGS_PATH_MAX];
    TRY(config_path(s->folder, sizeof(s->folder), c, "folder"));
    TRY(config_path(s->ipfsd, sizeof(s->ipfsd), c, "ipfsd"));
    TRY(config_path_or_none(s->url_file, sizeof(s->url_file), c, "url-file"));
    TRY(config_path_or_none(s->password_file, sizeof(s->password_file), c, "password-file"));
    if (config_text(c, "beacon-key")[0] != '\0')
        TRY(config_path(s->beacon_file, sizeof(s->beacon_file), c, "beacon-key"));
    if (config_text(c, "collateral-folder")[0] != '\0')
        TRY(config_path(s->documents, sizeof(s->documents), c, "collateral-folder"));
    int n = snprintf(name, sizeof(name), "keys/%s.key", config_text(c, "key"));
    if (n < 0 || (size_t)n >= sizeof(name))
        return ERR_LIMIT;
    return path_join(s->key_file, sizeof(s->key_file), c->home, name);
}

static enum err money_of(struct settings *s, const struct config *c)
{
    TRY(amount_parse(&s->orders.price_min, config_text(c, "price-min")));
    TRY(amount_parse(&s->worker.reserve, config_text(c, "reserve")));
    TRY(amount_parse(&s->worker.collateral, config_text(c, "collateral")));
    return amount_parse(&s->orders.claim_min, config_text(c, "claim-min"));
}

static enum err numbers_of(struct settings *s, const struct config *c, char *error)
{
    uint64_t seals = config_u64(c, "sealing"), share = config_u64(c, "srd-share");
    TRY(config_port(&s->http_port, error, c, "http"));
    if (seals < 1 || seals > 8)
        return config_refuse(error, "sealing: 1 to 8");
    if (share > 100)
        return config_refuse(error, "srd-share: 0 to 100");
    s->orders.seals = (uint32_t)seals;
    s->room.srd_percent = (uint32_t)share;
    s->room.slack = s->orders.slack = config_u64(c, "slack");
    s->orders.size_max = config_u64(c, "order-size-max");
    s->orders.settle_gain = config_u64(c, "settle-gain");
    s->orders.settle_blocks = config_u64(c, "settle-blocks");
    return OK;
}

enum err settings_load(struct settings *out, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    memset(out, 0, sizeof(*out));
    error[0] = '\0';
    (void)snprintf(out->home, sizeof(out->home), "%s", c->home);
    if (strchr(config_text(c, "key"), '/') != NULL)
        return config_refuse(error, "key: a name of crust key list, not a path");
    if (paths_of(out, c) != OK)
        return config_refuse(error, "a path is too long");
    if (config_urls(&out->chains, c, "chain") != OK || out->chains.count == 0)
        return config_refuse(error, "chain: 1 to 8 URLs like http://127.0.0.1:7001");
    if (config_urls(&out->gateways, c, "gateways") != OK)
        return config_refuse(error, "gateways: at most 8 URLs like https://gateway.example");
    if (config_copy(out->chain_id, sizeof(out->chain_id), c, "chain-id") != OK ||
        config_copy(out->release, sizeof(out->release), c, "release") != OK ||
        config_copy(out->http_host, sizeof(out->http_host), c, "http-host") != OK)
        return config_refuse(error, "chain-id, release or http-host is too long");
    if (money_of(out, c) != OK)
        return config_refuse(error, "price-min, reserve, collateral, claim-min: CRU, like 1.5");
    TRY(numbers_of(out, c, error));
    out->http = config_bool(c, "http");
    out->orders.take = config_bool(c, "take-orders");
    out->orders.require_data_root = config_bool(c, "require-data-root");
    out->worker.top_up = config_bool(c, "top-up");
    return OK;
}

/* The first line of the password file, or CRUST_PASSWORD. */
static enum err password_of(char out[SETTINGS_PASSWORD_MAX], const struct settings *s, char *error)
{
    if (s->password_file[0] == '\0') {
        const char *env = getenv("CRUST_PASSWORD");
        if (env == NULL)
            return config_refuse(error,
                                 "set CRUST_PASSWORD or password-file: the key is encrypted");
        int n = snprintf(out, SETTINGS_PASSWORD_MAX, "%s", env);
        return n < 0 || n >= SETTINGS_PASSWORD_MAX
                   ? config_refuse(error, "CRUST_PASSWORD is too long")
                   : OK;
    }
    struct mspan text;
    if (path_read_file(&text, s->password_file, 4096) != OK)
        return config_refuse(error, "the password file cannot be read");
    size_t n = strcspn((const char *)text.p, "\r\n");
    bool fits = n < SETTINGS_PASSWORD_MAX;
    if (fits) {
        memcpy(out, text.p, n);
        out[n] = '\0';
    }
    secret_wipe_bytes(text.p, text.n);
    free(text.p);
    return fits ? OK : config_refuse(error, "the first line of the password file is too long");
}

enum err settings_unlock(struct ed25519_key *out, const struct settings *s,
                         char error[CONFIG_ERROR_MAX])
{
    struct mspan text;
    struct keystore k;
    char password[SETTINGS_PASSWORD_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)password, sizeof(password) };
    if (path_read_file(&text, s->key_file, KEYSTORE_TEXT_MAX) != OK) {
        (void)snprintf(error, CONFIG_ERROR_MAX, "cannot read %.200s: make it with crust key new",
                       s->key_file);
        return ERR_NOT_FOUND;
    }
    enum err e = keystore_parse(&k, span_of(text.p, text.n));
    free(text.p);
    if (e != OK) {
        (void)snprintf(error, CONFIG_ERROR_MAX, "%.200s is no key file: %s", s->key_file,
                       err_text(e));
        return e;
    }
    TRY(password_of(password, s, error));
    e = keystore_open(out, &k, span_str(password));
    if (e != OK)
        (void)snprintf(error, CONFIG_ERROR_MAX, "%.200s: %s", s->key_file,
                       e == ERR_SIGNATURE ? "the password is wrong" : err_text(e));
    return e;
}
