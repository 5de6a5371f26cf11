#include "ipfsd/dht_provide.h"

#include "ipfsd/dht_impl.h"
#include "ipfsd/save.h"
#include "p2p/kad_sweep.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD "crust/provided/1\n"

/* One region of one net. */
struct run {
    struct dht_provide *owner;
    size_t net;
    enum { RUN_IDLE, RUN_FIRST, RUN_SECOND, RUN_TELL } state;
    struct kad_contact self, nodes[KAD_SWEEP_NODES];
    size_t node_count, next_node, first, count, index;
    uint32_t asks, took[KAD_SWEEP_REGION];
    size_t at[KAD_SWEEP_NODES]; /* of each node: the key that is written next */
    uint64_t begin_ms, wait_ms;
};

struct dht_provide {
    struct dht_provide_options o;
    bool stopped, listing, listed, changed;
    atomic_bool enough; /* the list is given up */
    enum err list_result;
    struct save *save;
    uint64_t list_ms, list_began_ms, save_ms;
    struct loop_timer *tick;
    struct loop_event event;
    struct kad_sweep sweep;
    struct kad_sweep_key *memory[2];
    struct run runs[DHT_NETS];
    struct dht_provide_figures figures;
};

static uint64_t now_of(const struct dht_provide *p)
{
    return loop_now_ms(p->o.loop);
}

static uint32_t unix_s(void)
{
    return (uint32_t)(clock_wall_ms() / 1000);
}

static void wake(struct dht_provide *p)
{
    loop_post_event(p->o.loop, &p->event);
}

/* ---- what the node has ----------------------------------------------------------------------- */

static bool list_add(void *ctx, const uint8_t digest[32])
{
    struct dht_provide *p = ctx;
    kad_sweep_list_add(&p->sweep, digest);
    return !atomic_load(&p->enough);
}

static void list_run(void *ctx)
{
    struct dht_provide *p = ctx;
    kad_sweep_list_begin(&p->sweep);
    p->list_result = holdings_each(p->o.blocks, p->o.all, list_add, p);
    kad_sweep_list_sort(&p->sweep);
}

static void list_done(void *ctx)
{
    struct dht_provide *p = ctx;
    uint64_t took = now_of(p) - p->list_began_ms;
    p->listing = false;
    p->listed = p->list_result == OK;
    p->list_ms = now_of(p) + (took * 100 > DHT_PROVIDE_LIST_MS ? took * 100 : DHT_PROVIDE_LIST_MS);
    if (p->list_result != OK)
        log_warn("provide-list", "reason=\"%s\"", err_text(p->list_result));
    wake(p);
}

static void list_begin(struct dht_provide *p)
{
    p->list_began_ms = now_of(p);
    p->listing = loop_work(p->o.loop, list_run, list_done, p) == OK;
}

/* The new list takes effect between two regions. */
static void list_take(struct dht_provide *p)
{
    size_t before = p->sweep.count, left_out = p->figures.left_out;
    p->listed = false;
    kad_sweep_list_end(&p->sweep);
    p->figures.count = p->sweep.count;
    p->figures.left_out = p->sweep.left_out;
    if (p->sweep.count != before)
        log_debug("provide-list", "contents=%zu", p->sweep.count);
    if (p->sweep.left_out > 0 && left_out == 0)
        log_warn("provide-too-many", "contents=%zu left_out=%zu next=\"p2p-provide = roots\"",
                 p->sweep.count, p->sweep.left_out);
}

/* ---- a region -------------------------------------------------------------------------------- */

static void run_over(struct run *r, bool good)
{
    struct dht_provide *p = r->owner;
    p->figures.nets[r->net].regions += good;
    p->figures.nets[r->net].failed += !good;
    if (!good)
        r->wait_ms = now_of(p) + DHT_PROVIDE_WAIT_MS;
    r->state = RUN_IDLE;
    wake(p);
}

/* The nodes of a look-up, those that are known already left out. */
static void take_nodes(struct run *r, const struct dht_look *l)
{
    const struct kad_contact *closest[KAD_K];
    size_t n = kad_query_closest(&l->q, closest, KAD_K);
    for (size_t i = 0; i < n && r->node_count < KAD_SWEEP_NODES; i++) {
        bool there = false;
        for (size_t k = 0; k < r->node_count; k++)
            there |= memcmp(r->nodes[k].place, closest[i]->place, KAD_PLACE) == 0;
        if (!there)
            r->nodes[r->node_count++] = *closest[i];
    }
}

static void on_looked(void *ctx, struct dht_look *l);
static const struct dht_looker looker = { NULL, on_looked };

static enum err look(struct run *r, size_t index)
{
    struct dht_provide *p = r->owner;
    struct dht_look *l;
    uint8_t key[KAD_SWEEP_KEY];
    kad_sweep_multihash(key, &p->sweep.keys[index]);
    struct kad_query_start start = { .goal = KAD_FIND_CLOSEST, .key = { key, sizeof(key) } };
    return dht_look_begin(&l, p->o.dht, r->net, &start, &looker, r);
}

static void begin_telling(struct run *r)
{
    r->state = RUN_TELL;
    r->next_node = 0;
    memset(r->took, 0, sizeof(r->took));
    memset(r->at, 0, sizeof(r->at));
    wake(r->owner);
}

static void on_looked(void *ctx, struct dht_look *l)
{
    struct run *r = ctx;
    struct dht_provide *p = r->owner;
    take_nodes(r, l);
    if (r->node_count == 0) {
        run_over(r, false);
        return;
    }
    if (r->state == RUN_FIRST) {
        kad_sweep_region(&p->sweep, r->index, r->nodes, r->node_count, &r->first, &r->count);
        size_t last = r->index == r->first ? r->first + r->count - 1 : r->first;
        r->state = RUN_SECOND;
        if (r->count > 1 && r->node_count >= KAD_K && look(r, last) == OK)
            return;
    }
    begin_telling(r);
}

/* ---- telling a node its keys ----------------------------------------------------------------- */

static bool tell_write(void *ctx, struct dht_ask *a, struct writer *w)
{
    struct run *r = ctx;
    const struct kad_sweep *s = &r->owner->sweep;
    struct kad_peer self;
    uint8_t key[KAD_SWEEP_KEY];
    for (; r->at[a->tag] < r->count; r->at[a->tag]++) {
        const struct kad_sweep_key *k = &s->keys[r->first + r->at[a->tag]];
        if (!kad_sweep_assigned(k->place, r->nodes, r->node_count, a->tag))
            continue;
        kad_sweep_multihash(key, k);
        kad_contact_peer(&self, &r->self);
        kad_write(w, KAD_ADD_PROVIDER, span_of(key, sizeof(key)));
        kad_write_peer(w, KAD_PROVIDERS, &self);
        r->at[a->tag]++;
        return true;
    }
    return false;
}

static void tell_ended(void *ctx, struct dht_ask *a, enum err result, struct span answer)
{
    struct run *r = ctx;
    struct dht_provide *p = r->owner;
    (void)answer;
    r->asks--;
    for (size_t i = 0; i < r->count && result == OK; i++) {
        bool its =
            kad_sweep_assigned(p->sweep.keys[r->first + i].place, r->nodes, r->node_count, a->tag);
        r->took[i] += its;
        p->figures.nets[r->net].stored += its;
    }
    if (result != OK)
        dht_bad(p->o.dht, r->net, &a->who);
    wake(p);
}

static const struct dht_asker teller = { tell_write, NULL, tell_ended };

/* SPEC kad 7.4: "A key is told when 3 of them have taken it, or all when there are fewer" */
static void count_told(struct run *r)
{
    struct dht_provide *p = r->owner;
    uint32_t enough = r->node_count < KAD_SWEEP_ENOUGH ? (uint32_t)r->node_count : KAD_SWEEP_ENOUGH;
    size_t told = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->took[i] < enough)
            continue;
        kad_sweep_done(&p->sweep, r->net, r->first + i, unix_s());
        told++;
    }
    p->changed |= told > 0;
    log_debug("provided", "net=%s contents=%zu of=%zu nodes=%zu ms=%llu",
              p->o.dht->nets[r->net].name, told, r->count, r->node_count,
              (unsigned long long)(now_of(p) - r->begin_ms));
    run_over(r, told == r->count);
}

static void tell(struct run *r)
{
    while (r->next_node < r->node_count && r->asks < DHT_PROVIDE_ASKS) {
        struct dht_ask *a =
            dht_ask_begin(r->owner->o.dht, r->net, &r->nodes[r->next_node], &teller, r);
        if (a == NULL)
            return;
        a->silent = true;
        a->tag = (uint32_t)r->next_node++;
        r->asks++;
    }
    if (r->next_node == r->node_count && r->asks == 0)
        count_told(r);
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void run_turn(struct run *r)
{
    struct dht_provide *p = r->owner;
    struct dht *d = p->o.dht;
    if (r->state == RUN_TELL)
        tell(r);
    if (r->state != RUN_IDLE || p->listed || now_of(p) < r->wait_ms || !d->nets[r->net].on ||
        d->nets[r->net].table.count == 0)
        return;
    dht_self(d, r->net, &r->self);
    if (r->self.addrs_size == 0 || !kad_sweep_next(&p->sweep, r->net, unix_s(), &r->index))
        return;
    r->node_count = 0;
    r->begin_ms = now_of(p);
    r->state = RUN_FIRST;
    if (look(r, r->index) != OK)
        run_over(r, false);
}

static void write_told(struct dht_provide *p);

static void turn(void *ctx)
{
    struct dht_provide *p = ctx;
    bool idle = true;
    if (p->stopped)
        return;
    for (size_t i = 0; i < DHT_NETS; i++) {
        run_turn(&p->runs[i]);
        idle &= p->runs[i].state == RUN_IDLE;
    }
    if (p->listed && idle)
        list_take(p);
    if (!p->listing && !p->listed && now_of(p) >= p->list_ms)
        list_begin(p);
    if (p->changed && now_of(p) >= p->save_ms && idle)
        write_told(p);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* SPEC kad 7.5: "the first 8 bytes of its place, and for each net when it was told, u32" */
static void write_told(struct dht_provide *p)
{
    struct save_content *c = save_content_new(strlen(HEAD) + p->sweep.count * KAD_SWEEP_SAVED);
    p->changed = false;
    p->save_ms = now_of(p) + DHT_PROVIDE_SAVE_MS;
    if (c == NULL)
        return;
    struct writer w = writer_of(c->bytes, c->max);
    write_span(&w, span_str(HEAD));
    kad_sweep_save(&p->sweep, &w);
    c->size = w.len;
    save_go(p->save, c);
}

static void load(struct dht_provide *p)
{
    struct mspan file;
    size_t head = strlen(HEAD);
    if (path_read_file(&file, p->o.file, head + DHT_PROVIDE_MAX * KAD_SWEEP_SAVED) != OK)
        return;
    bool good = file.n >= head && memcmp(file.p, HEAD, head) == 0 &&
                kad_sweep_load(&p->sweep, span_of(file.p + head, file.n - head)) == OK;
    if (!good)
        log_warn("provided-not-read", "path=\"%s\" next=\"all is told anew\"", p->o.file);
    free(file.p);
}

enum err dht_provide_open(struct dht_provide **out, const struct dht_provide_options *o)
{
    *out = NULL;
    struct dht_provide *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->o = *o;
    p->event = (struct loop_event){ .fn = turn, .ctx = p };
    /* malloc, not calloc: pages that are never used cost nothing. */
    for (size_t i = 0; i < 2; i++)
        p->memory[i] = malloc(DHT_PROVIDE_MAX * sizeof(*p->memory[i]));
    p->tick = loop_timer_new(o->loop, turn, p);
    enum err e = save_open(&p->save, o->loop, o->file, "provided-not-written");
    if (p->memory[0] == NULL || p->memory[1] == NULL || p->tick == NULL)
        e = ERR_MEMORY;
    if (e != OK) {
        dht_provide_close(p);
        return e;
    }
    kad_sweep_init(&p->sweep, p->memory[0], p->memory[1], DHT_PROVIDE_MAX, KAD_SWEEP_INTERVAL_S);
    for (size_t i = 0; i < DHT_NETS; i++) {
        p->runs[i].owner = p;
        p->runs[i].net = i;
    }
    load(p);
    loop_timer_start(p->tick, DHT_PROVIDE_TICK_MS, DHT_PROVIDE_TICK_MS);
    *out = p;
    return OK;
}

void dht_provide_figures(const struct dht_provide *p, struct dht_provide_figures *out)
{
    *out = p->figures;
    for (size_t i = 0; i < DHT_NETS; i++)
        out->nets[i].told = kad_sweep_told(&p->sweep, i, unix_s());
}

void dht_provide_stop(struct dht_provide *p)
{
    if (p == NULL || p->stopped)
        return;
    atomic_store(&p->enough, true);
    while (p->listing)
        loop_run_once(p->o.loop, 50);
    p->stopped = true;
    if (p->changed)
        write_told(p);
    save_close(p->save);
    p->save = NULL;
    loop_timer_free(p->tick);
    p->tick = NULL;
}

void dht_provide_close(struct dht_provide *p)
{
    if (p == NULL)
        return;
    dht_provide_stop(p);
    loop_timer_free(p->tick);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (p->event.queued)
        loop_run_once(p->o.loop, 0);
    free(p->memory[0]);
    free(p->memory[1]);
    free(p);
}
