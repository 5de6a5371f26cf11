#include "ipfsd/exchange_check.h"

#include "crypto/sha256.h"
#include "crypto/sha256_pair.h"
#include "ipfsd/jobs.h"

#include <stdatomic.h>
#include <stdlib.h>

struct item {
    struct jobs_item job; /* first: the thread finds the item by it */
    struct exchange_check *checks;
    struct item *with; /* hashed by the same job, or NULL */
    bool used;
    enum err result;
    struct span block;
    atomic_bool done; /* the digest is the thread's until then */
    struct cid cid;
};

struct exchange_check {
    struct loop *loop;
    struct bitswap_node *node;
    struct loop_event *wake;
    struct loop_timer *timer;
    struct jobs jobs;
    uint32_t count, used;
    struct item *items; /* by buffer of the node */
    struct item *alone; /* waits for another of its length */
    struct bitswap_node_check *memory;
};

static void run(struct jobs_item *job)
{
    struct item *a = (struct item *)job, *b = a->with;
    struct exchange_check *c = a->checks;
    if (b == NULL) {
        sha256(a->cid.digest, a->block);
    } else {
        uint8_t digests[2 * SHA256_SIZE];
        sha256_pair(digests, (struct span){ NULL, 0 }, a->block, b->block);
        memcpy(a->cid.digest, digests, SHA256_SIZE);
        memcpy(b->cid.digest, digests + SHA256_SIZE, SHA256_SIZE);
        atomic_store(&b->done, true);
    }
    atomic_store(&a->done, true);
    loop_post_event(c->loop, c->wake);
}

/* The block that waits is hashed now, together with another one or without. */
static void submit(struct exchange_check *c, struct item *with)
{
    struct item *i = c->alone;
    c->alone = NULL;
    i->with = with;
    jobs_add(&c->jobs, &i->job);
}

static void waited(void *ctx)
{
    struct exchange_check *c = ctx;
    if (c->alone != NULL)
        submit(c, NULL);
}

static void begin(void *ctx, uint32_t buffer, struct span prefix, struct span block)
{
    struct exchange_check *c = ctx;
    struct item *i = &c->items[buffer];
    i->used = true;
    i->block = block;
    i->result = bitswap_prefix_cid(&i->cid, prefix);
    atomic_store(&i->done, i->result != OK);
    c->used++;
    if (i->result != OK) {
        loop_post_event(c->loop, c->wake);
        return;
    }
    if (c->alone != NULL && c->alone->block.n == block.n) {
        submit(c, i);
        return;
    }
    if (c->alone != NULL)
        submit(c, NULL);
    c->alone = i;
    if (c->node->client.wants_used <= c->used)
        submit(c, NULL); /* no other is to come */
    else
        loop_timer_start(c->timer, EXCHANGE_CHECK_WAIT_MS, 0);
}

void exchange_check_turn(struct exchange_check *c, uint64_t now_ms)
{
    for (uint32_t k = 0; k < c->count; k++) {
        struct item *i = &c->items[k];
        if (!i->used || !atomic_load(&i->done))
            continue;
        i->used = false;
        c->used--;
        bitswap_node_checked(c->node, k, i->result == OK ? &i->cid : NULL, now_ms);
    }
}

enum err exchange_check_open(struct exchange_check **out, struct loop *l, struct bitswap_node *node,
                             struct loop_event *wake)
{
    *out = NULL;
    struct exchange_check *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->loop = l;
    c->node = node;
    c->wake = wake;
    c->count = node->in.count;
    c->items = calloc(c->count, sizeof(*c->items));
    c->memory = calloc(c->count, sizeof(*c->memory));
    c->timer = loop_timer_new(l, waited, c);
    bool memory = c->items != NULL && c->memory != NULL && c->timer != NULL;
    enum err e = memory ? jobs_start(&c->jobs, 1) : ERR_MEMORY;
    if (e != OK) {
        exchange_check_close(c);
        return e;
    }
    for (uint32_t k = 0; k < c->count; k++) {
        c->items[k].job.run = run;
        c->items[k].checks = c;
    }
    bitswap_node_checker(node, c->memory, begin, c);
    *out = c;
    return OK;
}

void exchange_check_stop(struct exchange_check *c)
{
    if (c == NULL)
        return;
    loop_timer_free(c->timer);
    c->timer = NULL;
    jobs_stop(&c->jobs);
}

void exchange_check_close(struct exchange_check *c)
{
    if (c == NULL)
        return;
    exchange_check_stop(c);
    free(c->items);
    free(c->memory);
    free(c);
}
