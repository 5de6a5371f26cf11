/* dht_impl: what the files of the DHT's host share. */
#ifndef CRUST_IPFSD_DHT_IMPL_H
#define CRUST_IPFSD_DHT_IMPL_H

#include "codec/varint_frame.h"
#include "ipfsd/dht.h"
#include "p2p/kad_query.h"
#include "p2p/kad_server.h"
#include "p2p/kad_values.h"

enum {
    DHT_OUT_MAX = 12288,   /* a PUT_VALUE with key and value */
    DHT_RETRY_MS = 500,    /* until something that is full is tried again */
    DHT_PACED_MS = 5000,   /* a dial that has to wait longer than this has failed lately */
    DHT_IDLE_MS = 60000,   /* of others' streams, as go-libp2p-kad-dht */
    DHT_CHECKS = 4,        /* nodes that are looked at before they come into the table */
    DHT_FEW = 4,           /* below so many nodes the table is filled again at once */
    DHT_REFILL_MS = 30000, /* but not more often */
};

/* A message behind its length, as it comes. */
struct dht_frame {
    uint8_t head[VARINT_FRAME_HEAD_MAX];
    size_t head_size, size, got;
    uint8_t *bytes; /* size of them, once the length is known */
};

/* dht_frame_take moves what has come of a message on a stream. OK: it is whole; ERR_SHORT;
 * ERR_LIMIT (more than max), ERR_FORMAT, ERR_MEMORY. */
NODISCARD enum err dht_frame_take(struct dht_frame *f, struct conn *c, uint32_t stream, size_t max);
void dht_frame_drop(struct dht_frame *f);

struct dht_ask;

/* Who asks. */
struct dht_asker {
    /* Writes the next message, without its length; false: there is no other. */
    bool (*write)(void *ctx, struct dht_ask *a, struct writer *w);
    /* Its turn to be dialled or written to has come. May be NULL. */
    void (*began)(void *ctx, struct dht_ask *a);
    /* How it ended: an answer, borrowed, or why there is none. */
    void (*ended)(void *ctx, struct dht_ask *a, enum err result, struct span answer);
};

/* One node that is asked something, dialled first where need be. */
struct dht_ask {
    enum {
        DHT_ASK_FREE,
        DHT_ASK_WAITING, /* for at_ms: to dial or to open a stream */
        DHT_ASK_DIALLING,
        DHT_ASK_TALKING,
        DHT_ASK_OVER, /* to be told */
    } state;
    struct dht *dht;
    uint8_t net;
    bool silent;    /* nothing is answered: that the stream ends well is the answer */
    bool finished;  /* all is written */
    uint32_t tried; /* addresses */
    uint32_t connection, stream;
    uint32_t tag; /* the asker's */
    uint64_t begun_ms, at_ms, deadline_ms;
    enum err result;
    struct kad_contact who;
    const struct dht_asker *asker;
    void *ctx;
    struct dht_frame in;
    size_t out_size, out_sent;
    uint8_t out[DHT_OUT_MAX];
};

struct dht_look;

/* Who looks something up. answered comes for each that was asked; value is of KAD_FIND_VALUE, to be
 * judged (kad_query_good). After done, the look-up is no more. */
struct dht_looker {
    void (*answered)(void *ctx, struct dht_look *l, const struct dht_ask *a, enum err result,
                     struct span value);
    void (*done)(void *ctx, struct dht_look *l);
};

struct dht_look {
    bool used;
    uint8_t net;
    uint32_t tag; /* the looker's */
    struct dht *dht;
    const struct dht_looker *looker;
    void *ctx;
    struct kad_query q;
    uint8_t told[KAD_QUERY_PROVIDERS]; /* of each provider: 1 its name, 2 its addresses too */
};

/* A stream of somebody who asks us. */
struct dht_stream {
    bool used;
    uint8_t net;
    uint32_t connection, stream;
    uint64_t moved_ms;
    struct dht_frame in;
    uint8_t *out; /* what is left of an answer, or NULL */
    size_t out_size, out_sent;
};

/* By number of the connection. */
struct dht_conn {
    struct peer_id peer; /* size 0: none */
    bool inbound;
    uint32_t streams;
    uint64_t group; /* of the address it came from; 0: of no other network */
};

struct dht_net {
    struct dht *dht;
    bool on, serving;
    const char *name;
    size_t protocol;                /* in the options of the swarm */
    size_t source;                  /* in routing */
    struct kad_filter filter, keep; /* addresses that are asked at; that are kept for others */
    struct kad_table table;
    struct kad_server server;
    struct kad_server_record *records;
    struct kad_values values; /* of names */
    struct kad_values_memory values_memory;
    uint32_t seed_count;
    struct kad_contact seeds[DHT_SEEDS];
    uint64_t refill_ms;
};

struct dht {
    struct dht_options o;
    struct swarm *swarm;
    bool stopped;
    struct loop_event event;
    struct loop_timer *tick;
    struct save *save, *values_save; /* NULL: without a file */
    uint64_t save_ms, server_ms;
    uint32_t checks;
    uint64_t reached[DHT_REACHED]; /* networks of strangers that came in */
    enum reach_verdict reach;
    struct dht_net nets[DHT_NETS];
    struct dht_conn *conns;
    struct dht_ask asks[DHT_ASKS];
    struct dht_look looks[DHT_LOOKS];
    struct dht_stream streams[DHT_STREAMS];
    struct dht_figures figures;
};

static inline uint64_t dht_now(const struct dht *d)
{
    return loop_now_ms(d->o.loop);
}

/* dht.c */
/* Everything is looked at again after this turn of the loop. */
void dht_wake(struct dht *d);
/* Ourselves with our addresses of this net. */
void dht_self(const struct dht *d, size_t net, struct kad_contact *out);
/* A node has answered, or has not. */
void dht_good(struct dht *d, size_t net, const struct kad_contact *c);
void dht_bad(struct dht *d, size_t net, const struct kad_contact *c);

/* dht_ask.c */
struct dht_ask *dht_ask_begin(struct dht *d, size_t net, const struct kad_contact *who,
                              const struct dht_asker *asker, void *ctx);
void dht_ask_abort(struct dht_ask *a);
void dht_ask_event(struct dht *d, uint32_t connection, const struct conn_event *ev);
void dht_ask_ready(struct dht *d, uint32_t connection);
void dht_ask_gone(struct dht *d, uint32_t connection, enum err why);
void dht_ask_turn(struct dht *d);
/* The address it was asked at last, as text. */
void dht_ask_where(const struct dht_ask *a, char *out, size_t size);

/* dht_look.c */
/* ERR_BUSY (all places are taken), ERR_NOT_FOUND (no node is known), ERR_RANGE as kad_query_init.
 * start's self and filter are set here. */
NODISCARD enum err dht_look_begin(struct dht_look **out, struct dht *d, size_t net,
                                  struct kad_query_start *start, const struct dht_looker *looker,
                                  void *ctx);
void dht_look_abort(struct dht_look *l);
void dht_look_turn(struct dht *d);
NODISCARD enum err dht_look_sources(struct dht *d); /* registers with routing */

/* dht_serve.c */
void dht_serve_event(struct dht *d, size_t net, uint32_t connection, const struct conn_event *ev);
void dht_serve_gone(struct dht *d, uint32_t connection);
void dht_serve_turn(struct dht *d);

/* dht_file.c: tables between lives. docs/spec/kad.md 6. */
void dht_file_load(struct dht *d);
void dht_file_save(struct dht *d);

#endif
