/* The verbs on orders, accounts, the network and this node: the table. */
#include "cli/market.h"
#include "cli/verify.h"

static const struct cli_option show_options[] = {
    { "watch", 'w', NULL, "go on and tell what changes, until all replicas are proven" },
    { 0 },
};

static const struct cli_option list_options[] = {
    { "open", 0, NULL, "everybody's orders that wait for a first proven replica" },
    { 0 },
};

static const struct cli_option renew_options[] = {
    { "periods", 0, "N", "pay ahead for so many periods at today's price; default: 1" },
    { "amount", 0, "CRU", "pay so much ahead instead" },
    { "yes", 'y', NULL, "pay without asking" },
    { 0 },
};

static const struct cli_option yes_options[] = {
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option allow_options[] = {
    { "amount", 0, "CRU", "most it may spend in all, fees included" },
    { "until", 0, "BLOCK|TIME", "last block at which it may sign, or for how long: 30d" },
    { "revoke", 0, NULL, "take the permission back" },
    { "yes", 'y', NULL, "do it without asking" },
    { 0 },
};

static const struct cli_option use_options[] = {
    { "force", 0, NULL, "also when it is another network than the one in use" },
    { 0 },
};

const struct cli_verb cli_verbs_orders[] = {
    { "order show", "CID|ORDER", "where an order stands, and why",
      "crust order show CID\ncrust order show --watch CID", show_options, 1, 1, order_show_run },
    { "order list", "[ACCOUNT|KEY]", "the orders of an account", "crust order list", list_options,
      0, 1, cmd_order_list },
    { "order renew", "CID|ORDER", "pay ahead, so that it is kept for another period",
      "crust order renew CID --periods 2", renew_options, 1, 1, cmd_order_renew },
    { "order refund", "CID|ORDER", "take the money back when nobody has stored it",
      "crust order refund CID", yes_options, 1, 1, cmd_order_refund },
    { 0 },
};

const struct cli_verb cli_verbs_accounts[] = {
    { "balance", "[ACCOUNT|KEY]", "the money of an account", "crust balance", NULL, 0, 1,
      cmd_account_balance },
    { "transfer", "TO AMOUNT", "send CRU to an address or to a key of yours",
      "crust transfer cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp 1.5", yes_options, 2, 2,
      cmd_account_transfer },
    { "allow", "KEY", "let another key place orders for this account; without options: what it may",
      "crust allow gateway --amount 10 --until 30d\ncrust allow gateway --revoke", allow_options, 1,
      1, cmd_account_allow },
    { 0 },
};

static const struct cli_option init_options[] = {
    { "disk", 0, "PATH[:SIZE]", "a folder for sealed data, and how much of it; several times" },
    { "url", 0, "URL", "how others reach this machine's gateway" },
    { "port", 0, "PORT", "of the gateway; default: 8080" },
    { 0 },
};

static const struct cli_option upgrade_options[] = {
    { "certificate", 0, "FILE", "the release certificate of the program that takes over" },
    { "documents", 0, "PATH",
      "with hardware: a folder with vendors' documents, besides those of the chain, or a whole "
      "file" },
    { "until", 0, "STEP", "stop after offer, give or switch; the same command goes on later" },
    { 0 },
};

static const struct cli_option certify_options[] = {
    { "sign", 0, "FILE", "the seed of a governance key" },
    { "keys", 0, "K:HEX,HEX...", "all governance keys, and how many must sign" },
    { "chain-id", 0, "ID", "of a new certificate: the network" },
    { "program", 0, "KIND[:HEX]", "software, sgx:MRENCLAVE, snp:MEASUREMENT, tdx:MRTD+RTMR0..2" },
    { "number", 0, "N", "which goes up with each release; default: this one's" },
    { "release", 0, "TEXT", "its version; default: this one's" },
    { 0 },
};

static const struct cli_option verify_options[] = {
    { "trust", 0, "HEIGHT:HASH", "start from this block; default: the pinned genesis file" },
    { "genesis-hash", 0, "HASH", "start from the genesis file with this hash" },
    { "trusting-period", 0, "TIME", "how old what is trusted may be; default: 7d" },
    { "save", 0, "FILE", "write everything that shows it, for checking it elsewhere" },
    { "no-signatures", 0, NULL, "take the node's word where nobody signs" },
    { 0 },
};

static const struct cli_option swarm_ping_options[] = {
    { "count", 'n', "N", "how often (3)" },
    { NULL, 0, NULL, NULL },
};

static const struct cli_option doctor_options[] = {
    { "root", 0, "FOLDER", "tee: look at a copy of another machine's /proc, /sys and /dev" },
    { 0 },
};

const struct cli_verb cli_verbs_network[] = {
    { "status", "", "one page on network, account, store and node", "crust status", NULL, 0, 0,
      cmd_status_run },
    { "doctor", "[CID|disk|tee]", "what is wrong, and the one next action",
      "crust doctor\ncrust doctor CID\ncrust doctor disk\ncrust doctor tee", doctor_options, 0, 1,
      cmd_doctor_run },
    { "id", "", "who this node is among libp2p peers, and its addresses", "crust id", NULL, 0, 0,
      cmd_swarm_id },
    { "swarm peers", "", "the peers that this node is connected with", "crust swarm peers", NULL, 0,
      0, cmd_swarm_peers },
    { "swarm addrs", "", "the addresses at which peers reach this node", "crust swarm addrs", NULL,
      0, 0, cmd_swarm_addrs },
    { "swarm connect", "ADDRESS or PEER", "connect with a peer",
      "crust swarm connect /ip4/203.0.113.7/tcp/4001/p2p/12D3KooW...", NULL, 1, 1,
      cmd_swarm_connect },
    { "swarm ping", "PEER", "how long a connected peer takes to answer",
      "crust swarm ping 12D3KooW...", swarm_ping_options, 1, 1, cmd_swarm_ping },
    { "swarm dht", "", "the node in the DHT: whom it knows, what it has told", "crust swarm dht",
      NULL, 0, 0, cmd_swarm_dht },
    { "network use", "URL", "choose a chain node, and remember which network it is of",
      "crust network use http://127.0.0.1:7001", use_options, 1, 1, cmd_network_use },
    { "chain block", "[HEIGHT]", "a block; default: the last one", "crust chain block 12", NULL, 0,
      1, cmd_network_block },
    { "chain tx", "HASH", "what became of a transaction", "crust chain tx HASH", NULL, 1, 1,
      cmd_network_tx },
    { "chain params", "[NAME]", "the network's parameters", "crust chain params slot_blocks", NULL,
      0, 1, cmd_network_params },
    { "verify", "account ADDRESS | order CID|ID | tx HASH | FILE",
      "check a record or receipt up to the validators' signatures",
      "crust verify account default --save proof.json\ncrust verify proof.json --trust 57:HASH",
      verify_options, 1, 2, cmd_verify },
    { "node init", "", "configure this machine as a storage node",
      "crust node init --disk /mnt/disk:500G --url https://node.example.org", init_options, 0, 0,
      cmd_node_init },
    { "node upgrade", "", "let the worker go on in another enclave, without sealing anew",
      "crust node upgrade --certificate release.cert", upgrade_options, 0, 0, cmd_upgrade_run },
    { "node backup", "FILE", "keys, settings and the enclave's folder, in one encrypted file",
      "crust node backup node.backup", NULL, 1, 1, cmd_backup_run },
    { "node restore", "FILE", "a backup, into a home that is empty",
      "crust node restore node.backup --home /srv/crust", NULL, 1, 1, cmd_backup_restore },
    { "node certify", "FILE", "sign a release certificate, or add a signature",
      "crust node certify release.cert --chain-id crust --program software --keys 1:HEX --sign key",
      certify_options, 1, 1, cmd_upgrade_certify },
    { "worker status", "[KEY]",
      "a worker on chain: its evidence and how long it holds, its reports",
      "crust worker status\ncrust worker status KEY --json", NULL, 0, 1, cmd_worker_status },
    { "disk add", "PATH[:SIZE]", "offer a folder for sealed data", "crust disk add /mnt/disk:500G",
      NULL, 1, 1, cmd_node_disk_add },
    { "disk list", "", "the disks of this node, and how they are", "crust disk list", NULL, 0, 0,
      cmd_node_disk_list },
    { "disk suspend", "VOLUME|PATH", "let a disk rest, to unmount it; it earns nothing meanwhile",
      "crust disk suspend 1", NULL, 1, 1, cmd_disk_suspend },
    { "disk resume", "VOLUME|PATH", "check a disk that rested or failed, and use it again",
      "crust disk resume 1", NULL, 1, 1, cmd_disk_resume },
    { "disk drop", "VOLUME|PATH", "give up a disk and all that is on it, for good",
      "crust disk drop 1", yes_options, 1, 1, cmd_disk_drop },
    { 0 },
};
