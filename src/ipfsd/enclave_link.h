/* enclave_link: the enclave's process and the one connection to it.
 * Messages: docs/spec/enclave-ipc.md. Any thread: requests of threads take turns under a lock, so
 * that a report is never behind more than one batch of a sealing. */
#ifndef CRUST_IPFSD_ENCLAVE_LINK_H
#define CRUST_IPFSD_ENCLAVE_LINK_H

#include "codec/enclave_msg.h"
#include "codec/enclave_reply.h"
#include "rt/ipc_sync.h"
#include "rt/process.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ENCLAVE_LINK_BATCH_MAX = 16 };

struct enclave_link_options {
    const char *program;  /* crust-enclaved; kept */
    const char *socket;   /* where it listens; kept */
    const char *key_file; /* of the software provider: 32 bytes, made when missing; kept */
    /* Where the enclave listens that others started, in a virtual machine or under Gramine, as text
     * of rt/ipc.h: then program, socket and key_file are not used. NULL or "": there is none. Kept
     */
    const char *at;
    const char *token_file;   /* with at: 64 hex digits, made when missing; kept */
    const char *release_keys; /* who signs releases, as --release-keys takes it; "": nobody; kept */
    uint32_t workers;
    uint8_t chain[32];
};

struct enclave_link {
    struct enclave_link_options o;
    pthread_mutex_t lock;
    struct ipc_sync *ipc;
    struct ipc_endpoint at;
    int listener;
    int key_fd;                     /* of the key file */
    struct process process;         /* of ours; ended without one */
    atomic_bool up;                 /* connected, and no call has failed since */
    uint8_t body[ENCLAVE_BODY_MAX]; /* of a request, under lock */
};

/* enclave_link_open prepares socket and key; enclave_link_start starts the process and connects.
 * The process dies with the thread that started it (rt/process.h). ERR_NOT_FOUND (no program),
 * ERR_DENIED, ERR_TIMEOUT, ERR_IO, ERR_MEMORY. */
NODISCARD enum err enclave_link_open(struct enclave_link *l, const struct enclave_link_options *o);
NODISCARD enum err enclave_link_start(struct enclave_link *l);

/* enclave_link_aim says which enclave the next start is of: a program, or, for a link to one that
 * others started, where it listens. Both kept; "" leaves it. ERR_FORMAT. */
NODISCARD enum err enclave_link_aim(struct enclave_link *l, const char *program, const char *at);

/* enclave_link_watch notices when the process has ended by itself, without waiting for a call in
 * progress, which would notice too. */
void enclave_link_watch(struct enclave_link *l);

/* enclave_link_stop ends the process; enclave_link_close also the rest. */
void enclave_link_stop(struct enclave_link *l);
void enclave_link_close(struct enclave_link *l);

/* An answer in memory of its own. */
struct enclave_answer {
    struct enclave_reply reply;
    size_t bulk_size;
    uint8_t body[ENCLAVE_BODY_MAX];
};

/* enclave_link_call asks and waits. bulk_out takes the reply's bulk; its size is in
 * answer->bulk_size. The enclave's error is the return value; ERR_CLOSED: the enclave is gone, and
 * every session with it. */
NODISCARD enum err enclave_link_call(struct enclave_link *l, struct enclave_answer *answer,
                                     struct mspan bulk_out, const struct enclave_request *m,
                                     struct span bulk);

/* One of several requests sent together. */
struct enclave_item {
    struct enclave_request request;
    struct span bulk;
    struct mspan bulk_out; /* its n becomes the size of the reply's bulk */
    enum err result;
    struct enclave_reply reply; /* without spans: SEAL_BLOCK, FILL_NEXT */
};

/* enclave_link_batch sends count requests before it takes the first answer, so that the enclave and
 * we work at the same time. Each item has its own result; the return value is that of the link. */
NODISCARD enum err enclave_link_batch(struct enclave_link *l, struct enclave_item *items,
                                      size_t count);

#endif
