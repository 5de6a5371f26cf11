/* crust-chaind: the ledger. Guide: docs/guide/chain-api.md; docs/design/embedded-engine.md. */
#include "chaind/node.h"
#include "rt/program.h"

#include <stdlib.h>

static const struct config_key keys[] = {
    { "genesis", CONFIG_STRING, "genesis.json", "the chain's genesis file" },
    { "data", CONFIG_STRING, "chain", "folder of the ledger's database" },
    { "http-host", CONFIG_STRING, "127.0.0.1", "address of the chain API" },
    { "http-port", CONFIG_U64, "7001", "port of the chain API; 0: any free one" },
    { "http-port-tries", CONFIG_U64, "1", "how many following ports to try when it is in use" },
    { "http-threads", CONFIG_U64, "0", "threads of the chain API; 0: one per core" },
    { "url-file", CONFIG_STRING, "chain/url",
      "where to write the API's URL once it serves; or none" },
    { "engine", CONFIG_STRING, "embedded",
      "who agrees on blocks: embedded (this machine alone) or cometbft" },
    { "abci", CONFIG_STRING, "unix:chain/abci.sock",
      "where CometBFT reaches us; unix:PATH or tcp:127.0.0.1:PORT" },
    { "cometbft", CONFIG_STRING, "http://127.0.0.1:26657", "URL of our CometBFT's RPC" },
    { "retain-blocks", CONFIG_U64, "0", "how many blocks CometBFT keeps; 0: all" },
    { "snapshot-interval", CONFIG_U64, "0",
      "blocks between snapshots that new nodes can start from; 0: none" },
    { "halt-height", CONFIG_U64, "0",
      "end after this block, for an upgrade of the chain's rules; 0: never" },
    { "block-time", CONFIG_DURATION, "0", "time between blocks; 0: as the chain's parameters say" },
    { "proposer", CONFIG_STRING, "", "account that gets the author's part of fees" },
    { "beacon-key", CONFIG_STRING, "", "file with the key of this node's beacon contributions" },
    { "map-size", CONFIG_SIZE, "1G", "address space of the database at first; grows by itself" },
    { "undo-heights", CONFIG_U64, "64", "how many blocks --rollback can take back" },
    { "mempool-txs", CONFIG_U64, "20000", "transactions that may wait for a block" },
    { "mempool-bytes", CONFIG_SIZE, "64M", "their size together" },
    { "signature-threads", CONFIG_U64, "0", "threads that check signatures; 0: one per core" },
    CONFIG_KEY_LOG_LEVEL,
    { "verify-replay", CONFIG_BOOL, "false",
      "execute all blocks again from genesis, compare, end" },
    { "rollback", CONFIG_U64, "0", "take back this many blocks, end" },
    { "make-beacon-key", CONFIG_STRING, "",
      "write a new beacon key to this file, print its public "
      "half, end" },
};

static const struct config_table table = {
    .program = "chaind",
    .usage = "crust-chaind [--key value]...",
    .about = "The ledger of a Crust network: makes blocks on one machine or follows CometBFT, and "
             "serves\n"
             "the chain API.\n"
             "Example: crust-chaind --home ~/.crust --http-port 7001",
    .keys = keys,
    .key_count = sizeof(keys) / sizeof(keys[0]),
};

static struct config config; /* large for a stack */
static struct node node;

static enum err run(void)
{
    enum err e = node_open(&node, &config);
    if (e == OK && config_bool(&config, "verify-replay"))
        e = node_verify_replay(&node);
    else if (e == OK && config_u64(&config, "rollback") != 0)
        e = node_rollback(&node, config_u64(&config, "rollback"));
    else if (e == OK)
        e = node_run(&node);
    node_close(&node);
    return e;
}

int main(int argc, char **argv)
{
    int ended = program_start(&config, &table, argc, argv);
    if (ended >= 0)
        return ended;
    const char *engine = config_text(&config, "engine");
    if (strcmp(engine, "embedded") != 0 && strcmp(engine, "cometbft") != 0) {
        fprintf(stderr, "crust-chaind: engine: embedded or cometbft\n");
        return 2;
    }
    const char *beacon_key = config_text(&config, "make-beacon-key");
    enum err e = beacon_key[0] != '\0' ? node_make_beacon_key(beacon_key) : run();
    return e == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
