/* chain_link: the chain's HTTP API as crust-agentd uses it: several chain nodes in order of
 * preference, back-off, and the event stream that says when there is a new block. On the loop. */
#ifndef CRUST_AGENTD_CHAIN_LINK_H
#define CRUST_AGENTD_CHAIN_LINK_H

#include "agentd/settings.h"
#include "agentd/sse.h"
#include "rt/http_client.h"

enum {
    CHAIN_LINK_CALLS = 8,
    CHAIN_LINK_REPLY_MAX = 768 * 1024, /* a page of 200 orders, or of events, is a part of it */
    CHAIN_LINK_TIMEOUT_MS = 10000,
    CHAIN_LINK_PAUSE_MS = 250, /* after the first failure of a node; doubles */
    CHAIN_LINK_PAUSE_MAX_MS = 8000,
    CHAIN_LINK_SILENCE_MS = 30000, /* of the stream, before we open it anew */
};

/* e OK: some HTTP answer, whatever its status; body is borrowed until return. Otherwise no chain
 * node gave an answer to this request. Called once, on the loop, never inside the request. */
typedef void (*chain_link_fn)(void *ctx, enum err e, uint16_t status, struct span body);

struct chain_link;

struct chain_call {
    struct chain_link *link;
    bool busy;
    uint32_t node;
    uint8_t *reply; /* CHAIN_LINK_REPLY_MAX */
    size_t size;
    chain_link_fn fn;
    void *ctx;
};

struct chain_node {
    const char *url;
    uint32_t failures;
    uint64_t down_until_ms;
};

struct chain_link {
    struct loop *loop;
    bool closing;
    struct http_client *http;
    uint32_t node_count;
    struct chain_node nodes[CONFIG_URLS_MAX];
    struct chain_call calls[CHAIN_LINK_CALLS];
    struct sse sse;
    struct http_fetch *stream;
    uint32_t stream_node;
    uint64_t stream_retry_ms;
    struct loop_event news;      /* the stream told about a block */
    void (*on_block)(void *ctx); /* a block may have been made */
    void *ctx;
};

/* on_block(ctx) is called for each block that the stream tells about. ERR_MEMORY, ERR_IO. */
NODISCARD enum err chain_link_open(struct chain_link *l, struct loop *loop,
                                   const struct settings *s, void (*on_block)(void *ctx),
                                   void *ctx);
void chain_link_close(struct chain_link *l);

/* chain_link_get asks the first node that is not paused. ERR_BUSY: all calls are under way. */
NODISCARD enum err chain_link_get(struct chain_link *l, const char *path, chain_link_fn fn,
                                  void *ctx);

/* chain_link_post sends bytes of a transaction, copied. */
NODISCARD enum err chain_link_post(struct chain_link *l, struct span tx, chain_link_fn fn,
                                   void *ctx);

/* chain_link_refuse: the present node serves another chain; it is left alone for a while. */
void chain_link_refuse(struct chain_link *l);

/* chain_link_follow opens the stream when it is not open; height: of the next block. */
void chain_link_follow(struct chain_link *l, uint64_t height);

/* The node that is asked now. */
const char *chain_link_url(const struct chain_link *l);

#endif
