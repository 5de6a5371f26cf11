/* market: the verbs that talk to the chain about money, orders, the network and this node. */
#ifndef CRUST_CLI_MARKET_H
#define CRUST_CLI_MARKET_H

#include "cli/ledger.h"

enum cli_exit cmd_account_balance(struct cli *c);
enum cli_exit cmd_account_transfer(struct cli *c);
enum cli_exit cmd_account_allow(struct cli *c);
enum cli_exit cmd_order_list(struct cli *c);
enum cli_exit cmd_order_renew(struct cli *c);
enum cli_exit cmd_order_refund(struct cli *c);
enum cli_exit order_show_run(struct cli *c);
enum cli_exit cmd_network_use(struct cli *c);
enum cli_exit cmd_network_block(struct cli *c);
enum cli_exit cmd_network_tx(struct cli *c);
enum cli_exit cmd_network_params(struct cli *c);
enum cli_exit cmd_node_init(struct cli *c);
enum cli_exit cmd_backup_run(struct cli *c);
enum cli_exit cmd_backup_restore(struct cli *c);
enum cli_exit cmd_upgrade_run(struct cli *c);
enum cli_exit cmd_upgrade_certify(struct cli *c);
enum cli_exit cmd_node_disk_add(struct cli *c);
enum cli_exit cmd_node_disk_list(struct cli *c);
enum cli_exit cmd_disk_suspend(struct cli *c);
enum cli_exit cmd_disk_resume(struct cli *c);
enum cli_exit cmd_disk_drop(struct cli *c);
enum cli_exit cmd_status_run(struct cli *c);
enum cli_exit cmd_worker_status(struct cli *c);
enum cli_exit cmd_doctor_run(struct cli *c);
enum cli_exit cmd_swarm_id(struct cli *c);
enum cli_exit cmd_swarm_peers(struct cli *c);
enum cli_exit cmd_swarm_addrs(struct cli *c);
enum cli_exit cmd_swarm_connect(struct cli *c);
enum cli_exit cmd_swarm_ping(struct cli *c);
enum cli_exit cmd_swarm_dht(struct cli *c);

#endif
