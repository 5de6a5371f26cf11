/* view: what the merchant knows about the world, as last read from the chain and from crust-ipfsd.
 * The shell fills it in, the plan only reads it: every decision follows from the view, so a fork
 * back, a restart of a partner or of ourselves is just another view. Pure. */
#ifndef CRUST_AGENTD_VIEW_H
#define CRUST_AGENTD_VIEW_H

#include "api/chain_client_tx.h"
#include "codec/node_msg.h"

enum {
    VIEW_DISK_STATE_MAX = 16,
    VIEW_PEERS_MAX = 256, /* workers weighed in the rendezvous order; more are not seen */
};

struct view_disk {
    uint32_t volume;
    char state[VIEW_DISK_STATE_MAX]; /* the word before the colon of volume_text */
    uint64_t free;
};

/* node_status without spans. */
struct view_node {
    bool storage; /* an enclave is attached */
    uint8_t worker[32];
    uint8_t predecessor[32]; /* whose place it has taken; zero: nobody's */
    uint64_t seq;
    uint8_t s[32];
    uint32_t pending;
    uint64_t file_bytes, extents, extent_bytes;
    uint32_t disk_count;
    struct view_disk disks[NODE_DISKS_MAX];
};

/* Another worker in the rendezvous order. */
struct view_peer {
    uint8_t worker[32];
    uint64_t free_bytes; /* proven free space: its sealed random data */
};

/* Texts that name crust-ipfsd's peer. */
struct view_texts {
    uint32_t count;
    char list[NODE_PEERS_MAX][CHAIN_CLIENT_ORIGIN_MAX];
};

struct view {
    uint8_t account[32]; /* ours */

    bool chain_known; /* status and params have been read, and the chain answers */
    struct chain_client_status chain;
    struct params params;

    bool account_known;
    struct chain_client_account money;

    bool node_known; /* crust-ipfsd answers */
    bool node_fresh; /* nothing that we asked for has changed it since it was read */
    uint64_t node_session;
    struct view_node node;
    char gateway[CHAIN_CLIENT_ORIGIN_MAX]; /* URL of crust-ipfsd's gateway for others; or "" */

    struct view_texts texts; /* what others should be told, of plan_urls_see; count 0: nothing */
    struct view_texts texts_next; /* what it says now, and */
    uint64_t texts_since;         /* since which height */

    bool worker_asked; /* the chain has been asked about node.worker, and said ... */
    bool worker_known; /* ... that it is registered */
    struct chain_client_worker worker;

    bool work_known; /* of this worker */
    struct chain_client_work work;

    uint32_t peer_count;
    struct view_peer peers[VIEW_PEERS_MAX];
};

/* Bytes that may still be written on disks in order; and the same with extents given up. */
static inline uint64_t view_free(const struct view *v)
{
    uint64_t free = 0;
    for (uint32_t i = 0; i < v->node.disk_count; i++)
        if (strcmp(v->node.disks[i].state, "ok") == 0)
            free += v->node.disks[i].free;
    return free;
}

/* The height of the next block. */
static inline uint64_t view_next_height(const struct view *v)
{
    return v->chain.height + 1;
}

/* The enclave is not where the chain knows this worker to be: an older copy of it was put back, or
 * another copy has reported. Steps are cut before they are sent, so it is never behind otherwise.
 * Such an enclave can report no more (docs/spec/proof.md 4.3). */
static inline bool view_is_fork(const struct view *v)
{
    if (!v->node_known || !v->node_fresh || !v->node.storage || !v->work_known ||
        v->node.seq > v->work.volumes.seq)
        return false;
    return v->node.seq < v->work.volumes.seq || memcmp(v->node.s, v->work.state, 32) != 0;
}

/* Another enclave has taken this worker's place on chain: it can report no more. */
static inline bool view_is_closed(const struct view *v)
{
    static const uint8_t unset[32];
    return v->worker_known && v->node_known && memcmp(v->worker.worker, unset, 32) != 0 &&
           memcmp(v->worker.worker, v->node.worker, sizeof(v->worker.worker)) != 0;
}

/* The worker can report: registered by us, without a fault, and its enclave is there. */
static inline bool view_can_report(const struct view *v)
{
    return v->chain_known && v->node_known && v->node.storage && v->worker_known && v->work_known &&
           !v->worker.faulted && memcmp(v->worker.account, v->account, sizeof(v->account)) == 0 &&
           !view_is_closed(v) && !view_is_fork(v);
}

#endif
