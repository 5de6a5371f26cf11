/* abci_app: what the ledger answers to CometBFT's requests: engine/engine.h spoken as ABCI 2.0. No
 * sockets. Spec: docs/spec/abci.md. Loop thread. */
#ifndef CRUST_ENGINE_ABCI_APP_H
#define CRUST_ENGINE_ABCI_APP_H

#include "codec/abci.h"
#include "engine/engine.h"
#include "engine/intake.h"
#include "engine/sigpool.h"
#include "engine/snapshots.h"

enum {
    ABCI_APP_VERSION = 1,     /* genesis: consensus_params.version.app */
    ABCI_APP_ERROR_MAX = 320, /* of an exception's text */
    ABCI_APP_AHEAD_MAX = 128, /* requests looked at before they are answered */
};

struct abci_app;

struct abci_app_options {
    const struct engine_app *app; /* copied */
    struct intake *intake;        /* kept */
    struct sigpool *sigs;         /* kept */
    struct snapshots *snapshots;  /* kept; NULL: none are given or taken */
    uint64_t retain_blocks;       /* how many CometBFT keeps; 0: all */
    uint64_t halt_height;         /* after it no block is proposed, judged or executed; 0: never */
    /* The beacon contribution that is due in the next block; see embedded_config. May be NULL. */
    enum err (*contribution)(void *ctx, struct span *out, struct mspan room);
    void *contribution_ctx;
    /* Told after each commit. May be NULL. */
    void (*committed)(void *ctx, uint64_t height, size_t tx_count);
    void *committed_ctx;
};

/* abci_app_open: *out given. ERR_MEMORY. */
NODISCARD enum err abci_app_open(struct abci_app **out, const struct abci_app_options *o);
void abci_app_close(struct abci_app *a);

/* abci_app_answer carries out a request. Out: *out, borrowed until the next call; an exception with
 * the reason when the request was out of order.
 * Returns: OK; ERR_STATE (*out is an exception: send it and end the connection); ERR_FULL,
 * ERR_BUSY, ERR_MEMORY (nothing is changed: ask the same again later); ERR_IO, ERR_CORRUPT (the
 * ledger cannot go on: stop the process). */
NODISCARD enum err abci_app_answer(struct abci_app *a, struct abci_response *out,
                                   const struct abci_request *in);

/* abci_app_ahead is told of transactions whose CheckTx comes next, at most ABCI_APP_AHEAD_MAX: the
 * signatures that will matter are checked together, on all cores. It changes no answer. */
void abci_app_ahead(struct abci_app *a, const struct span *txs, size_t count);

/* abci_app_exception makes *out an exception with this text, borrowed until the next call. */
void abci_app_exception(struct abci_app *a, struct abci_response *out, const char *text);

#endif
