/* ipc_sink: block_sink and block_source (ipfs/blockio.h) over a running crust-ipfsd, and the other
 * questions about its store. Messages: docs/spec/node-ipc.md. One thread at a time per object.
 *
 * Puts are sent without waiting; commit collects their answers. What a put found wrong is therefore
 * said by a later put or by commit at the latest. */
#ifndef CRUST_STORE_IPC_SINK_H
#define CRUST_STORE_IPC_SINK_H

#include "codec/node_msg.h"
#include "ipfs/blockio.h"
#include "rt/ipc_sync.h"

enum { IPC_SINK_PATIENCE_MS = 120000 }; /* no reply for so long: the daemon hangs */

struct ipc_sink {
    struct ipc_sync *ipc;
    uint32_t unanswered;             /* puts and pins */
    enum err failed;                 /* the first failure among them, kept until commit */
    bool storage;                    /* the daemon has an enclave */
    char gateway[NODE_TEXT_MAX + 1]; /* its URL, or "" */
    char what[NODE_TEXT_MAX + 1];    /* what the daemon said about the last failure, or "" */
    char next[NODE_TEXT_MAX + 1];    /* the next command, as it advises, or "" */
    uint8_t body[4096];              /* of the request under way */
};

/* ipc_sink_connect connects to the daemon's socket (CRUST_HOME/ipfsd.sock) and greets it.
 * ERR_NOT_FOUND, ERR_CLOSED (no daemon: open the store itself), ERR_DENIED, ERR_TIMEOUT,
 * ERR_MEMORY, ERR_IO. *out is closed on failure. */
NODISCARD enum err ipc_sink_connect(struct ipc_sink *out, const char *socket_path);
void ipc_sink_close(struct ipc_sink *s); /* a zeroed one is fine */

/* The interfaces; valid while s is open and does not move. */
struct block_sink ipc_sink_interface(struct ipc_sink *s);
struct block_source ipc_sink_source(struct ipc_sink *s);

/* ipc_sink_call asks any question of codec/node_msg.h and gives the final reply, whose spans live
 * until the next call. The daemon's error is the return value; s->what and s->next explain it. */
NODISCARD enum err ipc_sink_call(struct ipc_sink *s, struct ipc_msg *reply, uint16_t type,
                                 struct span body);

/* Called for each line of progress of long work; may be NULL. */
typedef void (*ipc_sink_progress)(void *ctx, const struct node_progress *p);

/* ipc_sink_call_long is ipc_sink_call for requests that report progress (REPO_GC, SEAL ...). */
NODISCARD enum err ipc_sink_call_long(struct ipc_sink *s, struct ipc_msg *reply,
                                      const struct ipc_msg *request, ipc_sink_progress fn,
                                      void *ctx);

NODISCARD enum err ipc_sink_delete(struct ipc_sink *s, const struct block_key *key);
NODISCARD enum err ipc_sink_unpin(struct ipc_sink *s, struct span cid);

/* The first pin whose cid is > after (empty: the first); its spans live until the next call.
 * ERR_NOT_FOUND at the end. */
NODISCARD enum err ipc_sink_pin_next(struct ipc_sink *s, struct node_pin *out, struct span after);
NODISCARD enum err ipc_sink_stat(struct ipc_sink *s, struct node_repo_stat *out);

#endif
