/* agent: crust-agentd as one object: partners, view, plan. One thread, the loop's. Everything that
 * is decided is decided in plan_*.c from the view; here the view is read and effects are done.
 * docs/design/agent.md. */
#ifndef CRUST_AGENTD_AGENT_H
#define CRUST_AGENTD_AGENT_H

#include "agentd/node_link.h"
#include "agentd/plan_beacon.h"
#include "agentd/plan_money.h"
#include "agentd/tx_link.h"

enum {
    AGENT_TICK_MS = 100,
    AGENT_READ_MAX_MS = 2000, /* between two reads of a chain whose stream is silent */
    AGENT_STATUS_MAX_MS = 2000,
    AGENT_SEAL_SILENCE_MS = 300000, /* of crust-ipfsd while it seals, before we ask again */
    AGENT_REPORT_SILENCE_MS = 120000,
    AGENT_ASK_SILENCE_MS = 30000,
    AGENT_SEALS_MAX = 8,
    AGENT_HEIGHT_MS = 30000, /* between two writes of the height */
    AGENT_EVENTS_PAGE = 200, /* asked for; whole blocks come, so it may be more */
    AGENT_EVENTS_MAX = 2000,
    AGENT_ORDERS_PAGE = 50,
    AGENT_EXPIRY_BLOCKS = 60, /* of transactions that are not reports */
    AGENT_BACKLOG_BLOCKS =
        20000, /* further back than this events are not read, orders are listed */
};

/* Reading the chain into the view, one request after the other. */
enum agent_read {
    AGENT_READ_IDLE,
    AGENT_READ_STATUS,
    AGENT_READ_PARAMS, /* once in a slot */
    AGENT_READ_WORKER,
    AGENT_READ_WORK,
    AGENT_READ_ACCOUNT,
    AGENT_READ_PEERS, /* once in a slot */
    AGENT_READ_EVENTS,
    AGENT_READ_END,
};

/* Learning which replicas crust-ipfsd holds, once per connection. */
enum agent_walk { AGENT_WALK_IDLE, AGENT_WALK_ASKING, AGENT_WALK_LOOKING, AGENT_WALK_DONE };

/* Listing the orders that need holders. */
enum agent_list { AGENT_LIST_IDLE, AGENT_LIST_OPEN, AGENT_LIST_LIVE, AGENT_LIST_DONE };

struct agent;

struct agent_seal {
    struct agent *agent;
    bool busy;
    uint32_t row;
};

/* Room for decoding answers, taken once at the start. */
struct agent_scratch {
    struct chain_client_order order;
    struct chain_client_order orders[AGENT_ORDERS_PAGE];
    struct chain_client_worker workers[AGENT_ORDERS_PAGE];
    struct chain_client_event events[AGENT_EVENTS_MAX];
    uint8_t room[1 << 20]; /* what the events point to */
};

/* The file that remembers up to where events were read. */
struct agent_height {
    char path[SETTINGS_PATH_MAX + 16];
    uint64_t value, next_ms;
    bool busy; /* a worker has it */
    enum err result;
};

struct http_server;
struct decisions;
struct agent_collateral;

struct agent {
    struct settings settings;
    struct ed25519_key key;
    bool has_beacon_key;
    struct ed25519_key beacon_key;
    struct loop *loop;
    struct loop_timer *timer;
    struct chain_link chain;
    struct tx_link txs;
    struct node_link node;
    struct http_server *http;
    struct decisions *decisions;
    struct agent_collateral *collateral; /* NULL: no folder is set */
    struct agent_scratch *scratch;

    struct view view;
    struct plan_report report;
    struct plan_worker worker;
    struct plan_room room;
    struct plan_money money;
    struct plan_beacon beacon;
    struct orders orders;

    enum agent_read reading;
    bool read_again;
    uint64_t read_ms; /* when the present read began */
    uint64_t next_read_ms;
    uint64_t params_slot, peers_slot; /* slot + 1 of the last read */
    uint64_t next_event;              /* height of the next event to read; 0: not known */
    struct agent_height height;       /* what is saved of it */
    char peers_cursor[CHAIN_CLIENT_CURSOR_MAX];
    uint32_t peers_found;
    struct view_peer peers[VIEW_PEERS_MAX]; /* while they are read */

    bool status_asking;
    uint64_t next_status_ms;
    bool fork_told;
    uint64_t accepted_before; /* count of reports when the status was last read */

    enum agent_walk walk;
    uint64_t walk_session;
    struct content_key walk_key;
    struct node_sealed walk_replica;

    enum agent_list list;
    uint64_t list_slot;
    bool listing;
    char list_cursor[CHAIN_CLIENT_CURSOR_MAX];

    bool looking;
    uint32_t look_row;
    uint8_t look_id[32];

    struct agent_seal seals[AGENT_SEALS_MAX];
    bool removing;
    uint32_t remove_row;

    size_t evidence_size, report_size;
    uint8_t evidence[TX_EVIDENCE_MAX];
    bool succeeds; /* the evidence is of a successor, and this is the rest of its transaction */
    struct tx_worker_succeed succession;
    uint8_t report_bytes[REPORT_RETURN_SIZE_MAX];
    char urls[TX_URLS_MAX][CHAIN_CLIENT_ORIGIN_MAX];
    uint8_t state[WORK_STATE_SIZE];
};

/* agent_open: settings and key are set. ERR_MEMORY, ERR_IO, ERR_EXISTS (the status port). */
NODISCARD enum err agent_open(struct agent *a);
void agent_close(struct agent *a);

uint64_t agent_now(const struct agent *a);

/* agent_step does everything that the plan wants done now. */
void agent_step(struct agent *a);

/* agent_read.c: starts to read the chain, or notes that it is to be read once more. */
void agent_read(struct agent *a);
/* agent_read.c: asks crust-ipfsd for its status when that is due. */
void agent_read_node(struct agent *a);

/* agent_collateral.c: the vendors' documents of collateral-folder. ERR_MEMORY. */
NODISCARD enum err agent_collateral_open(struct agent *a);
void agent_collateral_close(struct agent *a);
void agent_collateral_step(struct agent *a);
void agent_collateral_sent(struct agent *a, enum err e, uint32_t result, uint64_t height);
/* How many were posted and refused, and how many of this machine's lapse soon. */
void agent_collateral_counts(const struct agent *a, uint64_t out[3]);

/* agent_orders.c */
void agent_orders_step(struct agent *a);
void agent_orders_event(struct agent *a, const struct chain_client_event *ev);
void agent_orders_seal(struct agent *a, uint32_t row);
void agent_orders_remove(struct agent *a, uint32_t row);
void agent_orders_node_new(struct agent *a);

#endif
