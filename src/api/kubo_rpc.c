#include "api/kubo_rpc.h"

#include "api/uri.h"
#include "codec/json_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

enum kind { FLAG, NUMBER, TEXT, TIME };

#define BIT(o) (UINT64_C(1) << (o))

static const struct option_row {
    enum kubo_option option;
    enum kind kind;
    const char *name, *other; /* other: a second name, or NULL */
} option_rows[] = {
    { KUBO_OPT_RECURSIVE, FLAG, "recursive", "r" },
    { KUBO_OPT_OFFSET, NUMBER, "offset", "o" },
    { KUBO_OPT_LENGTH, NUMBER, "length", "l" },
    { KUBO_OPT_PIN, FLAG, "pin", NULL },
    { KUBO_OPT_PIN_ROOTS, FLAG, "pin-roots", NULL },
    { KUBO_OPT_STATS, FLAG, "stats", NULL },
    { KUBO_OPT_SILENT, FLAG, "silent", NULL },
    { KUBO_OPT_TYPE, TEXT, "type", "t" },
    { KUBO_OPT_STREAM, FLAG, "stream", "s" },
    { KUBO_OPT_NAMES, FLAG, "names", "n" },
    { KUBO_OPT_NAME, TEXT, "name", NULL },
    { KUBO_OPT_PIN_NAME, TEXT, "pin-name", NULL },
    { KUBO_OPT_UNPIN, FLAG, "unpin", NULL },
    { KUBO_OPT_UNIQUE, FLAG, "unique", "u" },
    { KUBO_OPT_SIZE_ONLY, FLAG, "size-only", NULL },
    { KUBO_OPT_CID_CODEC, TEXT, "cid-codec", NULL },
    { KUBO_OPT_FORMAT, TEXT, "format", "f" },
    { KUBO_OPT_CID_VERSION, NUMBER, "cid-version", NULL },
    { KUBO_OPT_RAW_LEAVES, FLAG, "raw-leaves", NULL },
    { KUBO_OPT_CHUNKER, TEXT, "chunker", "s" },
    { KUBO_OPT_TRICKLE, FLAG, "trickle", "t" },
    { KUBO_OPT_WRAP, FLAG, "wrap-with-directory", "w" },
    { KUBO_OPT_ONLY_HASH, FLAG, "only-hash", "n" },
    { KUBO_OPT_INLINE, FLAG, "inline", NULL },
    { KUBO_OPT_INLINE_LIMIT, NUMBER, "inline-limit", NULL },
    { KUBO_OPT_FILE_LINKS, NUMBER, "max-file-links", NULL },
    { KUBO_OPT_FANOUT, NUMBER, "max-hamt-fanout", NULL },
    { KUBO_OPT_PROFILE, TEXT, "profile", NULL },
    { KUBO_OPT_SIZE, FLAG, "size", NULL },
    { KUBO_OPT_RESOLVE_TYPE, FLAG, "resolve-type", NULL },
    { KUBO_OPT_OFFLINE, FLAG, "offline", NULL },
    { KUBO_OPT_TIMEOUT, TEXT, "timeout", NULL },
    { KUBO_OPT_PROGRESS, FLAG, "progress", NULL },
    { KUBO_OPT_FORCE, FLAG, "force", "f" },
    { KUBO_OPT_NUM_PROVIDERS, NUMBER, "num-providers", "n" },
    { KUBO_OPT_DIRECTION, FLAG, "direction", "d" },
    { KUBO_OPT_QUIET, FLAG, "quiet", "q" },
    { KUBO_OPT_INPUT_CODEC, TEXT, "input-codec", NULL },
    { KUBO_OPT_STORE_CODEC, TEXT, "store-codec", NULL },
    { KUBO_OPT_OUTPUT_CODEC, TEXT, "output-codec", NULL },
    { KUBO_OPT_KEY, TEXT, "key", "k" },
    { KUBO_OPT_LIFETIME, TIME, "lifetime", "t" },
    { KUBO_OPT_TTL, TIME, "ttl", NULL },
    { KUBO_OPT_RESOLVE, FLAG, "resolve", NULL },
    { KUBO_OPT_IPNS_BASE, TEXT, "ipns-base", NULL },
};

/* What every command understands. */
#define COMMON (BIT(KUBO_OPT_OFFLINE) | BIT(KUBO_OPT_TIMEOUT))

static const struct command_row {
    const char *name;
    bool takes_body;
    uint8_t args_min, args_max;
    uint64_t options;
} commands[KUBO_COMMAND_COUNT] = {
    [KUBO_ADD] = { "add", true, 0, 0,
                   BIT(KUBO_OPT_RECURSIVE) | BIT(KUBO_OPT_PIN) | BIT(KUBO_OPT_PIN_NAME) |
                       BIT(KUBO_OPT_SILENT) | BIT(KUBO_OPT_CID_VERSION) | BIT(KUBO_OPT_RAW_LEAVES) |
                       BIT(KUBO_OPT_CHUNKER) | BIT(KUBO_OPT_TRICKLE) | BIT(KUBO_OPT_WRAP) |
                       BIT(KUBO_OPT_ONLY_HASH) | BIT(KUBO_OPT_INLINE) | BIT(KUBO_OPT_INLINE_LIMIT) |
                       BIT(KUBO_OPT_FILE_LINKS) | BIT(KUBO_OPT_FANOUT) | BIT(KUBO_OPT_PROFILE) },
    [KUBO_BLOCK_GET] = { "block/get", false, 1, 1, 0 },
    [KUBO_BLOCK_PUT] = { "block/put", true, 0, 0,
                         BIT(KUBO_OPT_PIN) | BIT(KUBO_OPT_CID_CODEC) | BIT(KUBO_OPT_FORMAT) },
    [KUBO_BLOCK_RM] = { "block/rm", false, 1, KUBO_RPC_ARGS_MAX,
                        BIT(KUBO_OPT_FORCE) | BIT(KUBO_OPT_QUIET) },
    [KUBO_BLOCK_STAT] = { "block/stat", false, 1, 1, 0 },
    [KUBO_CAT] = { "cat", false, 1, KUBO_RPC_ARGS_MAX,
                   BIT(KUBO_OPT_OFFSET) | BIT(KUBO_OPT_LENGTH) },
    [KUBO_CONFIG_SHOW] = { "config/show", false, 0, 0, 0 },
    [KUBO_DAG_EXPORT] = { "dag/export", false, 1, 1, 0 },
    [KUBO_DAG_GET] = { "dag/get", false, 1, 1, BIT(KUBO_OPT_OUTPUT_CODEC) },
    [KUBO_DAG_IMPORT] = { "dag/import", true, 0, 0,
                          BIT(KUBO_OPT_PIN_ROOTS) | BIT(KUBO_OPT_STATS) | BIT(KUBO_OPT_SILENT) },
    [KUBO_DAG_PUT] = { "dag/put", true, 0, 0,
                       BIT(KUBO_OPT_PIN) | BIT(KUBO_OPT_INPUT_CODEC) | BIT(KUBO_OPT_STORE_CODEC) },
    [KUBO_DAG_RESOLVE] = { "dag/resolve", false, 1, 1, 0 },
    [KUBO_DAG_STAT] = { "dag/stat", false, 1, KUBO_RPC_ARGS_MAX, 0 },
    [KUBO_GET] = { "get", false, 1, 1, 0 },
    [KUBO_ID] = { "id", false, 0, 1, 0 },
    [KUBO_KEY_GEN] = { "key/gen", false, 1, 1, BIT(KUBO_OPT_TYPE) | BIT(KUBO_OPT_IPNS_BASE) },
    [KUBO_KEY_LIST] = { "key/list", false, 0, 0, BIT(KUBO_OPT_IPNS_BASE) },
    [KUBO_KEY_RENAME] = { "key/rename", false, 2, 2,
                          BIT(KUBO_OPT_FORCE) | BIT(KUBO_OPT_IPNS_BASE) },
    [KUBO_KEY_RM] = { "key/rm", false, 1, KUBO_RPC_ARGS_MAX, BIT(KUBO_OPT_IPNS_BASE) },
    [KUBO_LS] = { "ls", false, 1, KUBO_RPC_ARGS_MAX,
                  BIT(KUBO_OPT_STREAM) | BIT(KUBO_OPT_SIZE) | BIT(KUBO_OPT_RESOLVE_TYPE) },
    [KUBO_NAME_PUBLISH] = { "name/publish", false, 1, 1,
                            BIT(KUBO_OPT_KEY) | BIT(KUBO_OPT_LIFETIME) | BIT(KUBO_OPT_TTL) |
                                BIT(KUBO_OPT_RESOLVE) | BIT(KUBO_OPT_IPNS_BASE) },
    [KUBO_NAME_RESOLVE] = { "name/resolve", false, 0, 1, BIT(KUBO_OPT_RECURSIVE) },
    [KUBO_PIN_ADD] = { "pin/add", false, 1, KUBO_RPC_ARGS_MAX,
                       BIT(KUBO_OPT_RECURSIVE) | BIT(KUBO_OPT_NAME) | BIT(KUBO_OPT_PROGRESS) },
    [KUBO_PIN_LS] = { "pin/ls", false, 0, KUBO_RPC_ARGS_MAX,
                      BIT(KUBO_OPT_TYPE) | BIT(KUBO_OPT_STREAM) | BIT(KUBO_OPT_NAMES) },
    [KUBO_PIN_RM] = { "pin/rm", false, 1, KUBO_RPC_ARGS_MAX, BIT(KUBO_OPT_RECURSIVE) },
    [KUBO_PIN_UPDATE] = { "pin/update", false, 2, 2, BIT(KUBO_OPT_UNPIN) },
    [KUBO_REFS] = { "refs", false, 1, KUBO_RPC_ARGS_MAX,
                    BIT(KUBO_OPT_RECURSIVE) | BIT(KUBO_OPT_UNIQUE) },
    [KUBO_REFS_LOCAL] = { "refs/local", false, 0, 0, 0 },
    [KUBO_REPO_GC] = { "repo/gc", false, 0, 0, BIT(KUBO_OPT_SILENT) },
    [KUBO_REPO_STAT] = { "repo/stat", false, 0, 0, BIT(KUBO_OPT_SIZE_ONLY) },
    [KUBO_REPO_VERSION] = { "repo/version", false, 0, 0, BIT(KUBO_OPT_QUIET) },
    [KUBO_RESOLVE] = { "resolve", false, 1, 1, BIT(KUBO_OPT_RECURSIVE) },
    [KUBO_ROUTING_FINDPEER] = { "routing/findpeer", false, 1, 1, 0 },
    [KUBO_ROUTING_FINDPROVS] = { "routing/findprovs", false, 1, 1, BIT(KUBO_OPT_NUM_PROVIDERS) },
    [KUBO_SWARM_ADDRS_LOCAL] = { "swarm/addrs/local", false, 0, 0, 0 },
    [KUBO_SWARM_CONNECT] = { "swarm/connect", false, 1, KUBO_RPC_ARGS_MAX, 0 },
    [KUBO_SWARM_DISCONNECT] = { "swarm/disconnect", false, 1, KUBO_RPC_ARGS_MAX, 0 },
    [KUBO_SWARM_PEERS] = { "swarm/peers", false, 0, 0, BIT(KUBO_OPT_DIRECTION) },
    [KUBO_VERSION] = { "version", false, 0, 0, 0 },
};

/* What may be said and changes nothing: value NULL for any. Kubo's command line sends its defaults
 * along. */
static const struct idle_row {
    const char *name, *value;
} idle_rows[] = {
    { "encoding", "json" },
    { "enc", "json" },
    { "stream-channels", NULL },
    { "progress", NULL },
    { "p", NULL },
    { "quiet", NULL },
    { "q", NULL },
    { "quieter", NULL },
    { "Q", NULL },
    { "headers", NULL },
    { "v", NULL },
    { "human", NULL },
    { "H", NULL },
    { "number", NULL },
    { "commit", NULL },
    { "repo", NULL },
    { "all", NULL },
    { "hidden", NULL },
    { "output", NULL },
    { "stream", NULL },
    { "nocache", NULL },
    { "api", NULL },
    { "api-auth", NULL }, /* the command line repeats what it has put into the header */
    { "path", NULL }, /* these three kubo-rpc-client sends beside the argument that says the same */
    { "paths", NULL },
    { "peer-id", NULL },
    { "id", "false" },
    { "peerid-base", "b58mh" },
    { "format", "" },
    { "latency", "false" },
    { "streams", "false" },
    { "identify", "false" },
    { "verbose", "false" },
    { "allow-codec", "" },
    { "stdin-name", NULL },
    { "archive", NULL },
    { "a", NULL },
    { "compress", "false" },
    { "C", "false" },
    { "compression-level", NULL },
    { "stream-errors", NULL },
    { "hash", "sha2-256" },
    { "mhtype", "sha2-256" },
    { "mhlen", "-1" },
    { "mhlen", "32" },
    { "allow-big-block", "false" },
    { "nocopy", "false" },
    { "fscache", "false" },
    { "to-files", "" },
    { "preserve-mode", "false" },
    { "preserve-mtime", "false" },
    { "mode", "0" },
    { "mtime", "0" },
    { "mtime-nsecs", "0" },
    { "max-directory-links", "0" },
    { "empty-dirs", "true" },
    { "format", "<dst>" },
    { "edges", "false" },
    { "e", "false" },
    { "max-depth", "-1" },
    { "cid-base", "base32" },
    { "upgrade-cidv0-in-output", "false" },
    { "dereference-args", NULL },
    { "dereference-symlinks", NULL },
    { "fast-provide-root", NULL },
    { "fast-provide-wait", NULL },
    { "fast-provide-dag", NULL },
    { "local-only", NULL },
    { "dht-record-count", NULL },
    { "dht-timeout", NULL },
    { "l", NULL },
    { "size", "-1" },
    { "allow-offline", NULL },   /* a name is always published: told when somebody can be reached */
    { "allow-delegated", NULL }, /* the same */
    { "v1compat", NULL },        /* our records have the fields of V2 alone */
};

__attribute__((format(printf, 2, 3))) static void say(char why[KUBO_RPC_WHY_MAX],
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, KUBO_RPC_WHY_MAX, format, args);
    va_end(args);
}

/* ---- who may ask ---- */

/* "localhost", an address of loopback, or none at all (HTTP/1.0), with or without a port. */
static bool is_own_host(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
    if (host == NULL || host[0] == '\0')
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) == 0 && (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

enum err kubo_rpc_guard(const struct kubo_guard *g)
{
    /* A page whose name is turned to our address afterwards still says the name. */
    if (g->tokens != NULL ? !kubo_tokens_allow(g->tokens, g->authorization) : !is_own_host(g->host))
        return ERR_DENIED;
    if (g->origin != NULL && !kubo_origins_allow(g->origins, g->origin))
        return ERR_DENIED;
    if (g->referer != NULL && kubo_origins_of_referer(g->origins, g->referer) == NULL)
        return ERR_DENIED;
    /* A browser names the origin of whatever a page of another one sends by POST. */
    if (g->origin == NULL && g->user_agent != NULL && strncmp(g->user_agent, "Mozilla", 7) == 0)
        return ERR_DENIED;
    return OK;
}

bool kubo_rpc_preflight(const struct kubo_guard *g)
{
    return kubo_origins_allow(g->origins, g->origin) && (g->tokens != NULL || is_own_host(g->host));
}

/* ---- the query ---- */

static enum err keep(struct kubo_plan *p, const char **out, struct span in)
{
    char *at = p->text + p->text_size;
    TRY(uri_decode(at, sizeof(p->text) - p->text_size, in, true));
    p->text_size += strlen(at) + 1;
    *out = at;
    return OK;
}

static enum err flag_of(uint64_t *out, const char *text)
{
    static const struct {
        const char *text;
        uint64_t value;
    } words[] = { { "true", 1 },  { "1", 1 }, { "", 1 }, { "t", 1 },
                  { "false", 0 }, { "0", 0 }, { "f", 0 } };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i].text, text) == 0) {
            *out = words[i].value;
            return OK;
        }
    }
    return ERR_FORMAT;
}

static enum err number_of(uint64_t *out, const char *text)
{
    *out = 0;
    if (text[0] == '\0')
        return ERR_FORMAT;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return ERR_FORMAT;
        uint64_t digit = (uint64_t)(*text - '0');
        if (*out > (INT64_MAX - digit) / 10)
            return ERR_RANGE;
        *out = *out * 10 + digit;
    }
    return OK;
}

/* A duration as Go writes it: "1m30s", "1.5h", "250ms"; digits below a millisecond do not count. */
static enum err duration_of(uint64_t *ms, const char *text)
{
    static const struct {
        const char *name;
        uint64_t per_s, s; /* units in a second; or seconds in a unit */
    } units[] = { { "ms", 1000, 0 },
                  { "us", 1000000, 0 },
                  { "\xc2\xb5s", 1000000, 0 },
                  { "ns", 1000000000, 0 },
                  { "h", 0, 3600 },
                  { "m", 0, 60 },
                  { "s", 0, 1 } };
    *ms = 0;
    if (text[0] == '\0')
        return ERR_FORMAT;
    while (*text != '\0') {
        uint64_t whole = 0, part = 0, scale = 1;
        size_t digits = 0, i = 0;
        for (; *text >= '0' && *text <= '9' && digits < 12; digits++)
            whole = whole * 10 + (uint64_t)(*text++ - '0');
        if (*text == '.')
            for (text++; *text >= '0' && *text <= '9' && scale < 1000000; scale *= 10, digits++)
                part = part * 10 + (uint64_t)(*text++ - '0');
        while (i < sizeof(units) / sizeof(units[0]) &&
               strncmp(text, units[i].name, strlen(units[i].name)) != 0)
            i++;
        if (digits == 0 || i == sizeof(units) / sizeof(units[0]))
            return ERR_FORMAT;
        text += strlen(units[i].name);
        uint64_t thousandths = whole * 1000 + part * 1000 / scale; /* below 2^50 */
        *ms += units[i].s != 0 ? thousandths * units[i].s : thousandths / (units[i].per_s);
        if (*ms > INT64_MAX / 2)
            return ERR_RANGE;
    }
    return OK;
}

static const struct option_row *find_option(const struct kubo_plan *p, const char *name)
{
    for (size_t i = 0; i < sizeof(option_rows) / sizeof(option_rows[0]); i++) {
        const struct option_row *row = &option_rows[i];
        bool named =
            strcmp(row->name, name) == 0 || (row->other != NULL && strcmp(row->other, name) == 0);
        if (named && ((commands[p->command].options | COMMON) & BIT(row->option)) != 0)
            return row;
    }
    return NULL;
}

static bool is_idle(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(idle_rows) / sizeof(idle_rows[0]); i++) {
        const struct idle_row *row = &idle_rows[i];
        if (strcmp(row->name, name) == 0 && (row->value == NULL || strcmp(row->value, value) == 0))
            return true;
    }
    return false;
}

static enum err take_option(struct kubo_plan *p, char why[KUBO_RPC_WHY_MAX], const char *name,
                            const char *text)
{
    const struct option_row *row = find_option(p, name);
    enum err e = OK;
    if (row == NULL) {
        if (is_idle(name, text))
            return OK;
        say(why, "%s: the option %.40s=%.40s is not supported by this node",
            commands[p->command].name, name, text);
        return ERR_UNSUPPORTED;
    }
    struct kubo_value *v = &p->options[row->option];
    *v = (struct kubo_value){ .given = true, .text = text };
    if (row->kind == FLAG)
        e = flag_of(&v->number, text);
    else if (row->kind == NUMBER)
        e = number_of(&v->number, text);
    else if (row->kind == TIME)
        e = duration_of(&v->number, text);
    else if (row->option == KUBO_OPT_TIMEOUT)
        e = duration_of(&p->timeout_ms, text);
    if (e != OK)
        say(why, "%s: %.40s cannot be %.40s", commands[p->command].name, name, text);
    return e;
}

static enum err take_query(struct kubo_plan *p, char why[KUBO_RPC_WHY_MAX], const char *query)
{
    struct span rest = span_str(query), name, value;
    while (uri_param(&name, &value, &rest)) {
        const char *key = "", *text = "";
        enum err e = keep(p, &key, name);
        if (e == OK)
            e = keep(p, &text, value);
        if (e != OK) {
            say(why, "the query cannot be read: %s", err_text(e));
            return e;
        }
        if (strcmp(key, "arg") != 0) {
            TRY(take_option(p, why, key, text));
        } else if (p->arg_count == commands[p->command].args_max) {
            say(why, "%s takes at most %u arguments", commands[p->command].name,
                commands[p->command].args_max);
            return ERR_LIMIT;
        } else {
            p->args[p->arg_count++] = text;
        }
    }
    if (p->arg_count >= commands[p->command].args_min)
        return OK;
    say(why, "argument \"%s\" is required",
        p->command == KUBO_PIN_UPDATE ? "to-path" : "ipfs-path");
    return ERR_FORMAT;
}

/* ---- how a file is cut ---- */

static enum err take_chunker(struct kubo_plan *p)
{
    static const char size[] = "size-";
    const struct kubo_value *v = &p->options[KUBO_OPT_CHUNKER];
    uint64_t n = 0;
    if (!v->given || strcmp(v->text, "default") == 0)
        return OK;
    if (strncmp(v->text, size, sizeof(size) - 1) != 0)
        return ERR_UNSUPPORTED;
    TRY(number_of(&n, v->text + sizeof(size) - 1));
    if (n == 0 || n > UNIXFS_ADD_CHUNK_MAX)
        return ERR_RANGE;
    p->add.chunk_size = (uint32_t)n;
    return OK;
}

static uint32_t small(uint64_t v)
{
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v; /* unixfs_add_check refuses it then */
}

static enum err plan_add(struct kubo_plan *p)
{
    const char *name =
        p->options[KUBO_OPT_PROFILE].given ? p->options[KUBO_OPT_PROFILE].text : "unixfs-v0-2015";
    struct unixfs_add_params plain;
    TRY(unixfs_add_profile(&p->add, name));
    TRY(unixfs_add_profile(&plain, name));
    p->add.cid_version = kubo_rpc_option(p, KUBO_OPT_CID_VERSION, p->add.cid_version) == 0 ? 0 : 1;
    if (kubo_rpc_option(p, KUBO_OPT_CID_VERSION, 0) > 1)
        return ERR_RANGE;
    p->add.raw_leaves =
        kubo_rpc_option(p, KUBO_OPT_RAW_LEAVES, p->add.raw_leaves || p->add.cid_version == 1) != 0;
    p->add.trickle = kubo_rpc_option(p, KUBO_OPT_TRICKLE, 0) != 0;
    TRY(take_chunker(p));
    p->add.file_links = small(kubo_rpc_option(p, KUBO_OPT_FILE_LINKS, p->add.file_links));
    p->add.hamt_fanout = small(kubo_rpc_option(p, KUBO_OPT_FANOUT, p->add.hamt_fanout));
    if (kubo_rpc_option(p, KUBO_OPT_INLINE, 0) != 0)
        p->add.inline_max = small(kubo_rpc_option(p, KUBO_OPT_INLINE_LIMIT, 32));
    bool same = p->add.cid_version == plain.cid_version && p->add.raw_leaves == plain.raw_leaves &&
                p->add.trickle == plain.trickle && p->add.chunk_size == plain.chunk_size &&
                p->add.file_links == plain.file_links && p->add.hamt_fanout == plain.hamt_fanout &&
                p->add.inline_max == plain.inline_max;
    p->profile = same ? name : "";
    return unixfs_add_check(&p->add);
}

uint64_t kubo_rpc_option(const struct kubo_plan *p, enum kubo_option o, uint64_t otherwise)
{
    return p->options[o].given ? p->options[o].number : otherwise;
}

const char *kubo_rpc_name(enum kubo_command c)
{
    return commands[c].name;
}

enum err kubo_rpc_parse(struct kubo_plan *out, char why[KUBO_RPC_WHY_MAX], const char *path,
                        const char *query)
{
    size_t n = sizeof(KUBO_RPC_PREFIX) - 1;
    *out = (struct kubo_plan){ .profile = "" };
    why[0] = '\0';
    if (strncmp(path, KUBO_RPC_PREFIX, n) == 0) {
        for (size_t i = 0; i < KUBO_COMMAND_COUNT; i++) {
            if (strcmp(path + n, commands[i].name) != 0)
                continue;
            out->command = (enum kubo_command)i;
            out->takes_body = commands[i].takes_body;
            TRY(take_query(out, why, query));
            enum err e = i == KUBO_ADD ? plan_add(out) : OK;
            if (e != OK)
                say(why, "add: these options do not go together: %s", err_text(e));
            return e;
        }
    }
    say(why, "there is no such command");
    return ERR_NOT_FOUND;
}

struct span kubo_rpc_error(uint8_t out[KUBO_RPC_ERROR_MAX], const char *message)
{
    /* Any message of ours fits: escaping makes six bytes of one at most. */
    struct writer w = writer_of(out, KUBO_RPC_ERROR_MAX);
    struct json_out j = json_out_to(&w);
    struct span text = span_sub(span_str(message), 0, 300);
    json_out_object(&j);
    json_out_key(&j, "Message");
    json_out_text(&j, text);
    json_out_member_u64(&j, "Code", 0);
    json_out_member_str(&j, "Type", "error");
    json_out_object_end(&j);
    write_u8(&w, '\n');
    ASSERT(w.err == OK);
    return writer_span(&w);
}
