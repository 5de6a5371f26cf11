/* kubo_rpc_http: the subset of Kubo's RPC over rt/http_server, on a port of its own; at another
 * address than 127.0.0.1 for those only who have a token. Guide: docs/guide/kubo-rpc.md.
 *
 * Each command runs on a thread of its own, at most KUBO_RPC_SLOTS at a time. The HTTP thread feeds
 * it the body through a ring and takes the answer from a buffer; both are bounded. */
#ifndef CRUST_IPFSD_KUBO_RPC_HTTP_H
#define CRUST_IPFSD_KUBO_RPC_HTTP_H

#include "api/kubo_rpc.h"
#include "codec/json_out.h"
#include "ipfs/dag_walk.h"
#include "ipfsd/ipfsd.h"

enum {
    KUBO_RPC_SLOTS = 4,             /* commands at a time; more are told 503 */
    KUBO_RPC_ANSWER_MAX = 16 << 20, /* kept while a body still comes in: some 100,000 files */
    KUBO_RPC_TYPE_MAX = 256,        /* of the Content-Type header */
    KUBO_RPC_LINE_MAX = 48 << 10,   /* of JSON between two writes; text may be escaped sixfold */
    KUBO_RPC_PATH_MAX = 4096,       /* of a resolved path */
    KUBO_RPC_BLOCK_MS = 60 * 1000,  /* how long a block is looked for that nobody has */
};

struct kubo_rpc;

/* kubo_rpc_prepare reads the file of tokens when the settings name one; before anything is served.
 * What fails is logged: ERR_DENIED (others may read it), ERR_FORMAT, ERR_LIMIT, ERR_NOT_FOUND,
 * ERR_IO. */
NODISCARD enum err kubo_rpc_prepare(struct ipfsd *n);

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
    uint64_t client;              /* towards the storer */
    uint64_t deadline_ms;         /* clock_mono_ms; 0: none */
    bool keep;                    /* what is read from elsewhere than the store is kept there */
    bool dirty;                   /* something has been kept since the last commit */
    uint64_t fetched;             /* blocks kept, in all */
    struct remote_reader *reader; /* NULL: nothing has been read, or nobody is asked */
    char why[KUBO_RPC_WHY_MAX];   /* in case of failure; "" to say only the error's text */
};

/* kubo_io_answer says what follows; before the first write. */
void kubo_io_answer(struct kubo_io *io, enum kubo_answer kind);

/* kubo_io_write adds to the answer, and waits while nobody takes it. ERR_CLOSED (the client has
 * gone), ERR_LIMIT (too much before the end of the body), ERR_MEMORY. */
NODISCARD enum err kubo_io_write(struct kubo_io *io, struct span bytes);

/* kubo_io_push sends what has been written, however little it is. */
void kubo_io_push(struct kubo_io *io);

/* False: nobody waits for the answer any more. */
bool kubo_io_alive(struct kubo_io *io);

/* kubo_io_read borrows the next bytes of the body until kubo_io_taken says how many were used;
 * empty at its end. ERR_CLOSED. */
NODISCARD enum err kubo_io_read(struct kubo_io *io, struct span *out);
void kubo_io_taken(struct kubo_io *io, size_t n);

/* kubo_call_run does what the plan says. Its error becomes the answer, or breaks it off. */
NODISCARD enum err kubo_call_run(struct kubo_call *c);

/* ---- the commands, by file; those of kubo_rpc_run.c are its own ---- */

/* kubo_rpc_put.c: with a body. */
NODISCARD enum err kubo_call_add(struct kubo_call *c);
NODISCARD enum err kubo_call_block_put(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_import(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_put(struct kubo_call *c);

/* kubo_rpc_pin.c */
NODISCARD enum err kubo_call_pin_add(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_ls(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_rm(struct kubo_call *c);
NODISCARD enum err kubo_call_pin_update(struct kubo_call *c);
NODISCARD enum err kubo_call_refs(struct kubo_call *c);

/* kubo_rpc_dag.c */
NODISCARD enum err kubo_call_block_rm(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_get(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_resolve(struct kubo_call *c);
NODISCARD enum err kubo_call_dag_stat(struct kubo_call *c);
NODISCARD enum err kubo_call_refs_local(struct kubo_call *c);

/* kubo_rpc_net.c */
NODISCARD enum err kubo_call_config_show(struct kubo_call *c);
NODISCARD enum err kubo_call_findpeer(struct kubo_call *c);
NODISCARD enum err kubo_call_findprovs(struct kubo_call *c);
NODISCARD enum err kubo_call_id(struct kubo_call *c);
NODISCARD enum err kubo_call_swarm_addrs_local(struct kubo_call *c);
NODISCARD enum err kubo_call_swarm_connect(struct kubo_call *c);
NODISCARD enum err kubo_call_swarm_disconnect(struct kubo_call *c);
NODISCARD enum err kubo_call_swarm_peers(struct kubo_call *c);

/* kubo_rpc_name.c */
NODISCARD enum err kubo_call_key_gen(struct kubo_call *c);
NODISCARD enum err kubo_call_key_list(struct kubo_call *c);
NODISCARD enum err kubo_call_key_rename(struct kubo_call *c);
NODISCARD enum err kubo_call_key_rm(struct kubo_call *c);
NODISCARD enum err kubo_call_name_publish(struct kubo_call *c);
NODISCARD enum err kubo_call_name_resolve(struct kubo_call *c);

/* ---- what they share (kubo_rpc_share.c) ---- */

/* kubo_call_fail writes the reason and returns e. */
__attribute__((format(printf, 3, 4))) enum err kubo_call_fail(struct kubo_call *c, enum err e,
                                                              const char *format, ...);

/* JSON on its way out, a line or a member at a time. */
struct kubo_text {
    struct kubo_call *c;
    struct writer w;
    struct json_out j;
    uint8_t buf[KUBO_RPC_LINE_MAX];
};
void kubo_text_init(struct kubo_text *t, struct kubo_call *c);
NODISCARD enum err kubo_text_flush(struct kubo_text *t);
NODISCARD enum err kubo_text_line(struct kubo_text *t); /* ends it, and flushes */

/* kubo_call_source: blocks of this node, and of others unless the request says offline. One that
 * is nowhere is waited for, as long as KUBO_RPC_BLOCK_MS and the request's timeout allow. */
struct block_source kubo_call_source(struct kubo_call *c);

/* The blocks of the store alone, without what is sealed. */
struct block_source kubo_call_store(struct kubo_call *c);

/* One block of kubo_call_source, or why it cannot be had, as Kubo says it. */
NODISCARD enum err kubo_call_block(struct kubo_call *c, struct span *out, struct mspan buf,
                                   const struct cid *cid);
NODISCARD enum err kubo_call_missing(struct kubo_call *c, enum err e, const struct cid *cid);

/* kubo_call_resolve finds what CID, CID/path, /ipfs/CID/path, /ipns/NAME/path mean.
 * kubo_call_inside lets the path lead to a value in a block: inside is that part, borrowed from
 * path or from named. */
NODISCARD enum err kubo_call_resolve(struct kubo_call *c, struct cid *out, const char *path);
NODISCARD enum err kubo_call_inside(struct kubo_call *c, struct cid *out, struct span *inside,
                                    char named[KUBO_RPC_PATH_MAX], const char *path);

/* kubo_call_name follows /ipns/NAME/path to /ipfs/CID/path; once: one step. */
NODISCARD enum err kubo_call_name(struct kubo_call *c, char out[KUBO_RPC_PATH_MAX],
                                  const char *path, bool once);

/* kubo_call_pin pins, once every block that it stands for is in the store. */
NODISCARD enum err kubo_call_pin(struct kubo_call *c, const struct cid *cid, const struct pin *pin);

/* One operation of the storer. */
NODISCARD enum err kubo_call_store_op(struct kubo_call *c, struct storer_op *op);
NODISCARD enum err kubo_call_commit(struct kubo_call *c);

struct span kubo_cid_bytes(uint8_t out[CID_SIZE_MAX], const struct cid *cid);

/* A walk over DAGs and its memory of KUBO_WALK_MEMORY bytes; all: blocks come as often as they are
 * linked. */
enum {
    KUBO_WALK_STACK = 8 << 20,
    KUBO_WALK_SEEN = 16 << 20, /* some 330,000 blocks */
    KUBO_WALK_MEMORY = BLOCK_SIZE_MAX + KUBO_WALK_STACK + KUBO_WALK_SEEN,
};
struct kubo_walk {
    struct dag_walk dag;
    struct dag_walk_table table;
    struct dag_walk_seen seen;
    struct block_source source;
};
void kubo_walk_init(struct kubo_walk *w, uint8_t *memory, const struct block_source *source,
                    bool all);

#endif
