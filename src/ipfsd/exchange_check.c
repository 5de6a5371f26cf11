#include "ipfsd/exchange_check.h"

#include "ipfsd/jobs.h"

#include <stdatomic.h>
#include <stdlib.h>

struct item {
    struct jobs_item job; /* first: the thread finds the item by it */
    struct exchange_check *checks;
    bool used;
    struct span prefix, block;
    atomic_bool done; /* what follows is the thread's until then */
    enum err result;
    struct cid cid;
};

struct exchange_check {
    struct loop *loop;
    struct bitswap_node *node;
    struct loop_event *wake;
    struct jobs jobs;
    uint32_t count;
    struct item *items; /* by buffer of the node */
    struct bitswap_node_check *memory;
};

static void run(struct jobs_item *job)
{
    struct item *i = (struct item *)job;
    struct exchange_check *c = i->checks;
    i->result = bitswap_block_cid(&i->cid, i->prefix, i->block);
    atomic_store(&i->done, true);
    loop_post_event(c->loop, c->wake);
}

static void begin(void *ctx, uint32_t buffer, struct span prefix, struct span block)
{
    struct exchange_check *c = ctx;
    struct item *i = &c->items[buffer];
    i->used = true;
    i->prefix = prefix;
    i->block = block;
    atomic_store(&i->done, false);
    jobs_add(&c->jobs, &i->job);
}

void exchange_check_turn(struct exchange_check *c, uint64_t now_ms)
{
    for (uint32_t k = 0; k < c->count; k++) {
        struct item *i = &c->items[k];
        if (!i->used || !atomic_load(&i->done))
            continue;
        i->used = false;
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
    enum err e = c->items == NULL || c->memory == NULL ? ERR_MEMORY : jobs_start(&c->jobs, 1);
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
    if (c != NULL)
        jobs_stop(&c->jobs);
}

void exchange_check_close(struct exchange_check *c)
{
    if (c == NULL)
        return;
    jobs_stop(&c->jobs);
    free(c->items);
    free(c->memory);
    free(c);
}
