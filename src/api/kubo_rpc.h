/* kubo_rpc: requests in the form of Kubo's RPC (/api/v0/COMMAND?arg=...&option=...) as plans, and
 * its errors. What is answered and what is not: docs/spec/kubo-rpc.md. Pure.
 *
 * An option that changes the result and that we do not have is refused, never ignored: only the
 * values that say "as we do it anyway" pass. */
#ifndef CRUST_API_KUBO_RPC_H
#define CRUST_API_KUBO_RPC_H

#include "api/kubo_origins.h"
#include "api/kubo_tokens.h"
#include "base/err.h"
#include "base/span.h"
#include "ipfs/unixfs_add.h"

#define KUBO_RPC_PREFIX "/api/v0/"

enum {
    KUBO_RPC_ARGS_MAX = 64,
    KUBO_RPC_TEXT_MAX = 16 << 10, /* of all arguments and option values, decoded */
    KUBO_RPC_WHY_MAX = 200,
    KUBO_RPC_ERROR_MAX = 2048, /* the body of an error */
};

enum kubo_command {
    KUBO_ADD,
    KUBO_BLOCK_GET,
    KUBO_BLOCK_PUT,
    KUBO_BLOCK_RM,
    KUBO_BLOCK_STAT,
    KUBO_CAT,
    KUBO_CONFIG_SHOW,
    KUBO_DAG_EXPORT,
    KUBO_DAG_GET,
    KUBO_DAG_IMPORT,
    KUBO_DAG_PUT,
    KUBO_DAG_RESOLVE,
    KUBO_DAG_STAT,
    KUBO_GET,
    KUBO_ID,
    KUBO_KEY_GEN,
    KUBO_KEY_LIST,
    KUBO_KEY_RENAME,
    KUBO_KEY_RM,
    KUBO_LS,
    KUBO_NAME_PUBLISH,
    KUBO_NAME_RESOLVE,
    KUBO_PIN_ADD,
    KUBO_PIN_LS,
    KUBO_PIN_RM,
    KUBO_PIN_UPDATE,
    KUBO_REFS,
    KUBO_REFS_LOCAL,
    KUBO_REPO_GC,
    KUBO_REPO_STAT,
    KUBO_REPO_VERSION,
    KUBO_RESOLVE,
    KUBO_ROUTING_FINDPEER,
    KUBO_ROUTING_FINDPROVS,
    KUBO_SWARM_ADDRS_LOCAL,
    KUBO_SWARM_CONNECT,
    KUBO_SWARM_DISCONNECT,
    KUBO_SWARM_PEERS,
    KUBO_VERSION,
    KUBO_COMMAND_COUNT,
};

enum kubo_option {
    KUBO_OPT_RECURSIVE,
    KUBO_OPT_OFFSET,
    KUBO_OPT_LENGTH,
    KUBO_OPT_PIN,
    KUBO_OPT_PIN_ROOTS,
    KUBO_OPT_STATS,
    KUBO_OPT_SILENT,
    KUBO_OPT_TYPE,
    KUBO_OPT_STREAM,
    KUBO_OPT_NAMES,
    KUBO_OPT_NAME,
    KUBO_OPT_PIN_NAME,
    KUBO_OPT_UNPIN,
    KUBO_OPT_UNIQUE,
    KUBO_OPT_SIZE_ONLY,
    KUBO_OPT_CID_CODEC,
    KUBO_OPT_FORMAT,
    KUBO_OPT_CID_VERSION,
    KUBO_OPT_RAW_LEAVES,
    KUBO_OPT_CHUNKER,
    KUBO_OPT_TRICKLE,
    KUBO_OPT_WRAP,
    KUBO_OPT_ONLY_HASH,
    KUBO_OPT_INLINE,
    KUBO_OPT_INLINE_LIMIT,
    KUBO_OPT_FILE_LINKS,
    KUBO_OPT_FANOUT,
    KUBO_OPT_PROFILE,
    KUBO_OPT_SIZE,
    KUBO_OPT_RESOLVE_TYPE,
    KUBO_OPT_OFFLINE,
    KUBO_OPT_TIMEOUT,
    KUBO_OPT_PROGRESS,
    KUBO_OPT_FORCE,
    KUBO_OPT_DIRECTION,
    KUBO_OPT_QUIET,
    KUBO_OPT_INPUT_CODEC,
    KUBO_OPT_STORE_CODEC,
    KUBO_OPT_OUTPUT_CODEC,
    KUBO_OPT_NUM_PROVIDERS,
    KUBO_OPT_KEY,
    KUBO_OPT_LIFETIME, /* its number: milliseconds, as of the next */
    KUBO_OPT_TTL,
    KUBO_OPT_RESOLVE,
    KUBO_OPT_IPNS_BASE,
    KUBO_OPT_COUNT,
};

struct kubo_value {
    bool given;
    uint64_t number; /* of a number; 0 or 1 of a flag */
    const char *text;
};

struct kubo_plan {
    enum kubo_command command;
    bool takes_body;
    size_t arg_count;
    const char *args[KUBO_RPC_ARGS_MAX];
    struct kubo_value options[KUBO_OPT_COUNT];
    uint64_t timeout_ms;          /* of the option timeout; 0: none */
    struct unixfs_add_params add; /* of KUBO_ADD */
    const char *profile;          /* its name, or "" when it is none of the two */
    char text[KUBO_RPC_TEXT_MAX];
    size_t text_size;
};

/* The headers that decide whether a request is let in; absent ones NULL. */
struct kubo_guard {
    const char *host, *origin, *referer, *user_agent, *authorization;
    const struct kubo_tokens *tokens;   /* one of them is required; NULL: none */
    const struct kubo_origins *origins; /* pages that are let in; NULL: none */
};

/* kubo_rpc_guard: OK, or ERR_DENIED: without a token that is required; and for what a web page can
 * send: anything with an Origin or a Referer that is not of origins, from a browser without such an
 * Origin, or, where no token protects us, under a host name that is not this machine's own. */
NODISCARD enum err kubo_rpc_guard(const struct kubo_guard *g);

/* kubo_rpc_preflight: whether a browser that asks by OPTIONS is told that its page may: its Origin
 * is one of them, and, where no token protects us, the host name is our own. */
bool kubo_rpc_preflight(const struct kubo_guard *g);

/* kubo_rpc_parse makes the plan of a request; path and query as sent.
 * Out:     *out, which points into itself: do not copy. why: what is wrong, for people.
 * Returns: OK; ERR_NOT_FOUND (no such command); ERR_FORMAT, ERR_RANGE, ERR_LIMIT,
 *          ERR_UNSUPPORTED (an option that we do not have). */
NODISCARD enum err kubo_rpc_parse(struct kubo_plan *out, char why[KUBO_RPC_WHY_MAX],
                                  const char *path, const char *query);

/* A flag or number of the plan, or what it is when it is not given. */
uint64_t kubo_rpc_option(const struct kubo_plan *p, enum kubo_option o, uint64_t otherwise);

/* kubo_rpc_error writes {"Message":...,"Code":0,"Type":"error"} and a line feed. */
struct span kubo_rpc_error(uint8_t out[KUBO_RPC_ERROR_MAX], const char *message);

/* "add", "block/get": static. */
const char *kubo_rpc_name(enum kubo_command c);

#endif
