/* devnet: a whole network on this machine: the chain (one crust-chaind with the embedded engine, or
 * validators, each a crust-chaind with its cometbft), storage nodes (each crust-ipfsd with
 * crust-enclaved, and crust-agentd), and the user's own crust-ipfsd. Children of this process,
 * which die with it however it dies. */
#ifndef CRUST_CLI_DEVNET_H
#define CRUST_CLI_DEVNET_H

#include "cli/cli.h"
#include "rt/process.h"

enum {
    DEVNET_NODES_MAX = 8,
    DEVNET_VALIDATORS_MAX = 7,
    DEVNET_MEMBERS_MAX = 2 + 2 * DEVNET_NODES_MAX + 3 * DEVNET_VALIDATORS_MAX,
    DEVNET_BOND_CRU = 300, /* what each validator bonds; a devnet's unit of power is 1/1000 CRU */
    DEVNET_POWER = 1000 * DEVNET_BOND_CRU,
    DEVNET_PATH_MAX = 700,
    DEVNET_URL_MAX = 128,
};

enum {
    DEVNET_ARGS_MAX = 32,
    DEVNET_ARG_SIZE = DEVNET_PATH_MAX + 64,
    DEVNET_RESTARTS_MAX = 1000, /* of one program: more is a program that cannot live */
};

/* How a program is started, and started again. */
struct devnet_arguments {
    char texts[DEVNET_ARGS_MAX][DEVNET_ARG_SIZE];
    const char *argv[DEVNET_ARGS_MAX + 1];
    size_t count;
};

/* One program of the network. */
struct devnet_member {
    char name[24];             /* "chain", "user", "node1", "agent1" */
    char log[DEVNET_PATH_MAX]; /* its log file */
    char url[DEVNET_URL_MAX];  /* what it serves, or "" */
    char program[32];
    char url_file[48]; /* below the devnet's folder; "": it writes none */
    struct devnet_arguments arguments;
    struct process process;
    bool running;
    bool starting;     /* started again, and not seen to serve yet */
    uint64_t deadline; /* for that */
    uint32_t restarts;
};

struct devnet {
    struct cli *c;
    char dir[DEVNET_PATH_MAX];
    char programs[DEVNET_PATH_MAX]; /* folder of the crust-* programs */
    uint32_t nodes;
    uint64_t disk_bytes; /* of each node */
    char chain_id[64];
    char release_keys[80]; /* of governance, "1:HEX"; "": made before there were any */
    size_t count;
    struct devnet_member members[DEVNET_MEMBERS_MAX];
    uint8_t accounts[DEVNET_NODES_MAX][32]; /* the nodes' operators */
    uint32_t validators;                    /* of CometBFT; 0: the embedded engine */
    uint8_t validator_keys[DEVNET_VALIDATORS_MAX][32];
    uint8_t stashes[DEVNET_VALIDATORS_MAX][32];   /* of node i for the first ones, then their own */
    char contributors[DEVNET_VALIDATORS_MAX][65]; /* beacon keys, in hex */
    uint16_t p2p_ports[DEVNET_VALIDATORS_MAX], rpc_ports[DEVNET_VALIDATORS_MAX];
    char comet[DEVNET_PATH_MAX]; /* the cometbft program */
};

/* devnet_start makes what is missing in dir (keys, genesis, folders), starts every program in order
 * and waits until each serves. On failure it has shown the end of the right log. */
enum cli_exit devnet_start(struct devnet *d);

/* devnet_stop ends every program, the last one first. */
void devnet_stop(struct devnet *d);

/* devnet_find gives a member by name, or NULL. devnet_stop_one ends one. */
struct devnet_member *devnet_find(struct devnet *d, const char *name);
void devnet_stop_one(struct devnet_member *m);

/* devnet_alive: every program that was started still runs; else it says which one ended and shows
 * the end of its log. */
bool devnet_alive(struct devnet *d);

/* devnet_revive starts those again that ended by themselves, under their old ports, as an
 * operator's systemd would, and says so. It waits for none: call it again and again. False when one
 * cannot be started. */
bool devnet_revive(struct devnet *d);

/* ---- parts of the above ---- */

/* devnet_files_make writes keys, password, genesis, env and the user's configuration. */
enum cli_exit devnet_files_make(struct devnet *d);
/* devnet_files_env writes the env file and the user's crust.conf once the URLs are known. */
enum cli_exit devnet_files_env(struct devnet *d);

/* With CometBFT: keys of validators and nodes; the validators as our genesis lists them (given);
 * CometBFT's genesis, which names ours by its hash; settings with free ports; whether the engine
 * at a URL answers. */
NODISCARD enum err devnet_comet_keys(struct devnet *d);
json_t *devnet_comet_validators(const struct devnet *d);
NODISCARD enum err devnet_comet_genesis(const struct devnet *d, const char *genesis_hash,
                                        uint64_t time_ms);
enum cli_exit devnet_comet_settings(struct devnet *d);
bool devnet_comet_serves(const char *url);

/* Staking, with CometBFT. Validator i has the account of storage node i as its stash, so that what
 * this node proves is what its stake may count; those beyond the nodes have one of their own. */

/* How many validators have no storage node. */
uint32_t devnet_stake_strangers(const struct devnet *d);
/* The folder, below the devnet's, with the key of a validator's stash: "node1", "validator4". */
void devnet_stake_home(const struct devnet *d, uint32_t validator, char out[24]);
/* Of our genesis: the parameters, and who has bonded (given). */
json_t *devnet_stake_params(const struct devnet *d);
json_t *devnet_stake_bonds(const struct devnet *d);
/* devnet_stake_register has each validator without a beacon key of its own register it: crust stake
 * beacon-key, all at once. Waits until they are in blocks. */
enum cli_exit devnet_stake_register(struct devnet *d);
void devnet_stake_print(const struct devnet *d);

/* devnet_run stores path in the running network, fetches it back and compares; see make run. */
enum cli_exit devnet_run(struct devnet *d, const char *path);

/* devnet_compare: what is under a equals what is under b, byte for byte, hidden names of a left
 * out. Out: files and bytes compared; on failure *where says what differs. */
bool devnet_compare(const char *a, const char *b, uint64_t *files, uint64_t *bytes,
                    char where[DEVNET_PATH_MAX]);

#endif
