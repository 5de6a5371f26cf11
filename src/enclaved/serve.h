/* serve: the thread that reads requests, the workers beside it, and the rule of who may run when.
 * Design: docs/design/enclave.md. Nothing here allocates: all jobs exist from the start.
 *
 * The reader copies each request into a job of its own. Jobs of different lanes (seal/seal.h) run
 * side by side in the workers; a job that must be alone waits until the others are done and is
 * handled by the reader. */
#ifndef CRUST_ENCLAVED_SERVE_H
#define CRUST_ENCLAVED_SERVE_H

#include "seal/seal.h"

enum { SERVE_WORKERS_MAX = 8 };

/* serve_init prepares the enclave, its jobs and the workers' threads. To be called before the
 * sandbox. ERR_MEMORY, ERR_LIMIT (workers), ERR_IO (threads). */
NODISCARD enum err serve_init(const struct seal_config *config);

/* serve_accept waits for the next client; see ipc_answer_accept. */
NODISCARD enum err serve_accept(int listener);

/* serve_connection takes requests until the client is gone; then it waits for the workers and wipes
 * everything that the connection brought.
 * Returns: OK when the client went; anything else is a violation and names it: the process must
 * end. *type is the request that broke the rules. */
NODISCARD enum err serve_connection(uint16_t *type);

#endif
