/* kubo_rpc_http: the subset of Kubo's RPC over rt/http_server, on a port of its own at 127.0.0.1.
 * Guide: docs/guide/kubo-rpc.md.
 *
 * Each command runs on a thread of its own, at most KUBO_RPC_SLOTS at a time. The HTTP thread feeds
 * it the body through a ring and takes the answer from a buffer; both are bounded. */
#ifndef CRUST_IPFSD_KUBO_RPC_HTTP_H
#define CRUST_IPFSD_KUBO_RPC_HTTP_H

#include "api/kubo_rpc.h"
#include "ipfsd/ipfsd.h"

enum {
    KUBO_RPC_SLOTS = 4,             /* commands at a time; more are told 503 */
    KUBO_RPC_ANSWER_MAX = 16 << 20, /* kept while a body still comes in: some 100,000 files */
    KUBO_RPC_TYPE_MAX = 256,        /* of the Content-Type header */
};

struct kubo_rpc;

/* kubo_rpc_open serves at the settings' port when they say so; else *out is NULL. What fails is
 * logged: ERR_EXISTS (port in use), ERR_IO, ERR_MEMORY. */
NODISCARD enum err kubo_rpc_open(struct kubo_rpc **out, struct ipfsd *n);
void kubo_rpc_close(struct kubo_rpc *k); /* NULL is fine */

/* ---- for the commands: their thread's side of a request ---- */

enum kubo_answer { KUBO_ANSWER_JSON, KUBO_ANSWER_BYTES };

struct kubo_io; /* a slot */

struct kubo_call {
    struct ipfsd *node;
    struct kubo_io *io;
    const struct kubo_plan *plan;
    const char *content_type;
    uint64_t client;            /* towards the storer */
    char why[KUBO_RPC_WHY_MAX]; /* in case of failure; "" to say only the error's text */
};

/* kubo_io_answer says what follows; before the first write. */
void kubo_io_answer(struct kubo_io *io, enum kubo_answer kind);

/* kubo_io_write adds to the answer, and waits while nobody takes it. ERR_CLOSED (the client has
 * gone), ERR_LIMIT (too much before the end of the body), ERR_MEMORY. */
NODISCARD enum err kubo_io_write(struct kubo_io *io, struct span bytes);

/* kubo_io_read borrows the next bytes of the body until kubo_io_taken says how many were used;
 * empty at its end. ERR_CLOSED. */
NODISCARD enum err kubo_io_read(struct kubo_io *io, struct span *out);
void kubo_io_taken(struct kubo_io *io, size_t n);

/* kubo_call_run does what the plan says. Its error becomes the answer, or breaks it off. */
NODISCARD enum err kubo_call_run(struct kubo_call *c);

/* kubo_rpc_put.c: the commands with a body. */
NODISCARD enum err kubo_call_add(struct kubo_call *c);
NODISCARD enum err kubo_call_block_put(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_import(struct kubo_call *c);

/* kubo_rpc_pin.c */
NODISCARD enum err kubo_call_pin_add(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_ls(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_rm(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_update(struct kubo_call *c);
NODISCARD enum err kubo_call_refs(struct kubo_call *c);

/* ---- what they share (kubo_rpc_run.c) ---- */

/* kubo_call_fail writes the reason and returns e. */
__attribute__((format(printf, 3, 4))) enum err kubo_call_fail(struct kubo_call *c, enum err e,
                                                              const char *format, ...);

/* kubo_call_resolve finds what CID, CID/path, /ipfs/CID/path mean, by blocks that are here. */
NODISCARD enum err kubo_call_resolve(struct kubo_call *c, struct cid *out, const char *path);

/* kubo_call_pin pins, once every block that it stands for is in the store. */
NODISCARD enum err kubo_call_pin(struct kubo_call *c, const struct cid *cid, const struct pin *pin);

/* The blocks of the store alone, without what is sealed. */
struct block_source kubo_call_store(struct kubo_call *c);

/* One operation of the storer. */
NODISCARD enum err kubo_call_store_op(struct kubo_call *c, struct storer_op *op);

#endif
