/* abci_server: the socket on which CometBFT drives the ledger. Spec: docs/spec/abci.md 1 and 2.
 * Loop thread. */
#ifndef CRUST_ENGINE_ABCI_SERVER_H
#define CRUST_ENGINE_ABCI_SERVER_H

#include "engine/abci_app.h"
#include "rt/loop.h"

enum {
    ABCI_SERVER_CONNECTIONS_MAX = 16,
    ABCI_SERVER_OUTPUT_MAX = 8 << 20, /* answers that wait; more stops reading */
    ABCI_SERVER_INPUT_MAX = 4 << 20,  /* requests taken off the socket before they are answered */
    ABCI_SERVER_RETRY_MS = 500,       /* when a commit did not fit on the disk */
};

struct abci_server;

struct abci_server_options {
    const char *at;       /* "unix:PATH" or "tcp:127.0.0.1:PORT", port 0: any free one */
    struct abci_app *app; /* kept until abci_server_close */
    size_t frame_max;     /* 0: ABCI_FRAME_MAX */
    /* The ledger cannot go on. May be NULL. */
    void (*failed)(void *ctx, enum err e);
    /* Told after each call how long it took and what came of it. May be NULL. */
    void (*timed)(void *ctx, enum abci_kind kind, uint64_t us, enum err e);
    void *ctx;
};

/* abci_server_open listens. A stale socket file is replaced. *out: given, closed with
 * abci_server_close. ERR_FORMAT (the address), ERR_DENIED (not a loopback address), ERR_EXISTS
 * (another server answers there), ERR_IO, ERR_MEMORY. */
NODISCARD enum err abci_server_open(struct abci_server **out, struct loop *l,
                                    const struct abci_server_options *o);
void abci_server_close(struct abci_server *s);

uint16_t abci_server_port(const struct abci_server *s); /* TCP: the bound port */
uint32_t abci_server_connections(const struct abci_server *s);

#endif
