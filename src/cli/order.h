/* order: an order on the chain as the user names it: by its id, or by the content it is for. */
#ifndef CRUST_CLI_ORDER_H
#define CRUST_CLI_ORDER_H

#include "cli/ledger.h"

enum { ORDER_FOUND_MAX = 16 }; /* entries for one content; more are not shown */

struct order_found {
    size_t count;
    struct chain_client_order orders[ORDER_FOUND_MAX];
    json_t *json[ORDER_FOUND_MAX]; /* the same, as the chain said it; given by order_find */
};

/* order_find asks for "CID" or a 64-digit order id. On failure it has told the user; nothing found
 * is a failure (CLI_NOT_FOUND). order_free releases it, also after a failure. */
enum cli_exit order_find(const struct cli *c, struct order_found *out, const char *text);
void order_free(struct order_found *f);

/* order_one is order_find where only one entry will do. */
enum cli_exit order_one(const struct cli *c, struct order_found *out, const char *text);

/* The CID of its content as CIDv1. */
void order_cid(char out[CID_TEXT_MAX], const struct chain_client_order *o);

const char *order_state_text(const struct chain_client_order *o); /* "open"; static */

/* "3 d 4 h", "20 s". */
enum { ORDER_WHEN_MAX = 96 };
void order_duration(char out[32], uint64_t ms);
/* "block 1234, in about 3 d 4 h"; "block 12, about 2 min ago". */
void order_when(char out[ORDER_WHEN_MAX], const struct chain_client_status *now, uint64_t height);

/* The blocks [from, to] in which a slot takes reports. */
struct order_window {
    uint64_t slot, from, to;
};

/* order_next_report gives the window in which a worker's next report comes: of the slot that it has
 * not answered yet, or of the running one when it is behind. */
struct order_window order_next_report(const struct chain_client_status *now, uint64_t next_slot);

#endif
