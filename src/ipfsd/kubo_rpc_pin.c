/* Commands of the Kubo RPC about pins and links. */
#include "codec/json_out.h"
#include "codec/links.h"
#include "ipfsd/kubo_rpc_http.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LINE = 4096,       /* of a CID or two, and a pin's name of 255 bytes, escaped */
    PROGRESS_MS = 500, /* as Kubo */
};

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* ---- pinning ---- */

static enum err pin_op(struct kubo_call *c, enum storer_kind kind, const struct pin *pin)
{
    struct storer_op op = { .kind = kind, .data = pin->cid, .pin = *pin };
    struct storer_op commit = { .kind = STORER_COMMIT };
    TRY(kubo_call_store_op(c, &op));
    return kubo_call_store_op(c, &commit);
}

static enum err is_whole(struct kubo_call *c, const struct cid *cid, bool below)
{
    struct kubo_walk w;
    struct dag_walk_item item = { .end = false };
    const struct block_source source = kubo_call_store(c);
    AUTO(free_bytes) uint8_t *memory = malloc(KUBO_WALK_MEMORY);
    if (memory == NULL)
        return ERR_MEMORY;
    kubo_walk_init(&w, memory, &source, false);
    enum err e = dag_walk_add(&w.dag, cid);
    do {
        if (e == OK)
            e = dag_walk_next(&w.dag, &item);
    } while (e == OK && !item.end && below);
    return kubo_call_missing(c, e, &w.dag.cid);
}

/* The pin stands before the look at its blocks, so that no garbage collection takes one away in
 * between; a pin that was there before stays as it was when something is missing. */
enum err kubo_call_pin(struct kubo_call *c, const struct cid *cid, const struct pin *pin)
{
    struct blockstore_pin before;
    enum err had = blockstore_pin_get(c->node->repo.store, &before, pin->cid);
    if (had != OK && had != ERR_NOT_FOUND)
        return had;
    TRY(pin_op(c, STORER_PIN, pin));
    enum err e = is_whole(c, cid, pin->mode == PIN_RECURSIVE);
    if (e == OK)
        return OK;
    enum err undone = had == OK ? pin_op(c, STORER_PIN, &before.pin) : pin_op(c, STORER_UNPIN, pin);
    return undone == OK ? e : undone;
}

static void pins_open(struct json_out *j)
{
    json_out_object(j);
    json_out_key(j, "Pins");
    json_out_array(j);
}

static void pins_add(struct json_out *j, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    json_out_str(j, text);
}

static enum err pins_send(struct kubo_call *c, struct writer *w, struct json_out *j)
{
    json_out_array_end(j);
    json_out_object_end(j);
    write_u8(w, '\n');
    return w->err != OK ? w->err : kubo_io_write(c->io, writer_span(w));
}

/* ---- bringing ---- */

static enum err tell_progress(struct kubo_call *c, uint64_t blocks, uint64_t bytes)
{
    uint8_t out[128];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_member_u64(&j, "Progress", blocks);
    json_out_member_u64(&j, "Bytes", bytes);
    json_out_object_end(&j);
    write_u8(&w, '\n');
    TRY(kubo_io_write(c->io, writer_span(&w)));
    kubo_io_push(c->io);
    return OK;
}

/* Goes through everything that the pin stands for, so that it is in the store afterwards, from
 * wherever it can be had. Until the call is over the garbage collection leaves it. */
static enum err bring(struct kubo_call *c, const struct cid *cid, bool below)
{
    struct kubo_walk w;
    struct dag_walk_item item = { .end = false };
    struct block_source source;
    uint64_t blocks = 0, bytes = 0, tell = clock_deadline(PROGRESS_MS);
    bool progress = kubo_rpc_option(c->plan, KUBO_OPT_PROGRESS, 0) != 0;
    AUTO(free_bytes) uint8_t *memory = malloc(KUBO_WALK_MEMORY);
    if (memory == NULL)
        return ERR_MEMORY;
    c->keep = true;
    source = kubo_call_source(c);
    kubo_walk_init(&w, memory, &source, false);
    TRY(dag_walk_add(&w.dag, cid));
    do {
        enum err e = dag_walk_next(&w.dag, &item);
        if (e != OK)
            return kubo_call_missing(c, e, &w.dag.cid);
        blocks += item.end ? 0 : 1;
        bytes += item.end ? 0 : item.block.n;
        if (progress && clock_left(tell) == 0) {
            TRY(tell_progress(c, blocks, bytes));
            tell = clock_deadline(PROGRESS_MS);
        }
    } while (!item.end && below);
    c->keep = false;
    if (progress)
        TRY(tell_progress(c, blocks, bytes));
    return c->dirty ? kubo_call_commit(c) : OK;
}

enum err kubo_call_pin_add(struct kubo_call *c)
{
    uint8_t out[KUBO_RPC_ARGS_MAX * 160], bytes[CID_SIZE_MAX];
    const struct kubo_plan *p = c->plan;
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    const struct kubo_value *name = &p->options[KUBO_OPT_NAME];
    bool below = kubo_rpc_option(p, KUBO_OPT_RECURSIVE, 1) != 0;
    pins_open(&j);
    if (name->given && strlen(name->text) > PIN_NAME_MAX)
        return kubo_call_fail(c, ERR_LIMIT, "a name has at most %d bytes", PIN_NAME_MAX);
    for (size_t i = 0; i < p->arg_count; i++) {
        struct cid cid;
        TRY(kubo_call_resolve(c, &cid, p->args[i]));
        const struct pin pin = { .cid = kubo_cid_bytes(bytes, &cid),
                                 .mode = below ? PIN_RECURSIVE : PIN_DIRECT,
                                 .name = span_str(name->given ? name->text : ""),
                                 .time_unix_s = clock_wall_ms() / 1000 };
        TRY(bring(c, &cid, below));
        TRY(kubo_call_pin(c, &cid, &pin));
        pins_add(&j, &cid);
    }
    return pins_send(c, &w, &j);
}

static enum err unpin(struct kubo_call *c, const struct cid *cid)
{
    uint8_t bytes[CID_SIZE_MAX];
    const struct pin pin = { .cid = kubo_cid_bytes(bytes, cid) };
    enum err e = pin_op(c, STORER_UNPIN, &pin);
    return e == ERR_NOT_FOUND ? kubo_call_fail(c, e, "not pinned or pinned indirectly") : e;
}

enum err kubo_call_pin_rm(struct kubo_call *c)
{
    uint8_t out[KUBO_RPC_ARGS_MAX * 160];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    pins_open(&j);
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        struct cid cid;
        TRY(kubo_call_resolve(c, &cid, c->plan->args[i]));
        TRY(unpin(c, &cid));
        pins_add(&j, &cid);
    }
    return pins_send(c, &w, &j);
}

enum err kubo_call_pin_update(struct kubo_call *c)
{
    uint8_t out[1024], bytes[CID_SIZE_MAX];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    struct cid from, to;
    struct blockstore_pin old, there;
    TRY(kubo_call_resolve(c, &from, c->plan->args[0]));
    TRY(kubo_call_resolve(c, &to, c->plan->args[1]));
    enum err e = blockstore_pin_get(c->node->repo.store, &old, kubo_cid_bytes(bytes, &from));
    if (e == ERR_NOT_FOUND || (e == OK && old.pin.mode != PIN_RECURSIVE))
        return kubo_call_fail(c, ERR_NOT_FOUND, "'from' cid was not recursively pinned already");
    TRY(e);
    e = blockstore_pin_get(c->node->repo.store, &there, kubo_cid_bytes(bytes, &to));
    if (e == OK && there.pin.mode == PIN_RECURSIVE)
        return kubo_call_fail(c, ERR_EXISTS, "'to' cid was already recursively pinned");
    if (e != ERR_NOT_FOUND)
        TRY(e);
    struct pin pin = old.pin;
    pin.cid = kubo_cid_bytes(bytes, &to);
    TRY(bring(c, &to, true));
    TRY(kubo_call_pin(c, &to, &pin));
    if (kubo_rpc_option(c->plan, KUBO_OPT_UNPIN, 1) != 0)
        TRY(unpin(c, &from));
    pins_open(&j);
    pins_add(&j, &from);
    pins_add(&j, &to);
    return pins_send(c, &w, &j);
}

/* ---- listing pins ---- */

/* A listing that is being written: lines of a stream, or members of one object. */
struct listing {
    struct kubo_call *c;
    bool stream, names, recursive, direct, indirect;
    struct json_out j;
    struct writer w;
    uint8_t buf[LINE];
};

static enum err listing_send(struct listing *l)
{
    if (l->w.err != OK)
        return l->w.err;
    TRY(kubo_io_write(l->c->io, writer_span(&l->w)));
    l->w.len = 0;
    return OK;
}

static enum err listing_add(struct listing *l, const struct cid *cid, const char *type,
                            struct span name)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    if (!l->stream)
        json_out_key(&l->j, text);
    json_out_object(&l->j);
    if (l->stream)
        json_out_member_str(&l->j, "Cid", text);
    json_out_member_str(&l->j, "Type", type);
    if (l->names) {
        json_out_key(&l->j, "Name");
        json_out_text(&l->j, name);
    }
    json_out_object_end(&l->j);
    if (l->stream) {
        write_u8(&l->w, '\n');
        l->j.comma = false;
    }
    return listing_send(l);
}

static enum err listing_pin(struct listing *l, const struct pin *pin)
{
    struct cid cid;
    bool below = pin->mode == PIN_RECURSIVE;
    TRY(cid_decode(&cid, pin->cid));
    if (!(below ? l->recursive : l->direct))
        return OK;
    return listing_add(l, &cid, below ? "recursive" : "direct", pin->name);
}

/* Everything below recursive pins that has no pin of its own. */
static enum err list_below(struct listing *l, struct kubo_walk *w, const struct pin *pin)
{
    struct blockstore_pin own;
    struct dag_walk_item item = { .end = false };
    struct cid root;
    uint8_t bytes[CID_SIZE_MAX];
    TRY(cid_decode(&root, pin->cid));
    TRY(dag_walk_add(&w->dag, &root));
    for (;;) {
        TRY(dag_walk_next(&w->dag, &item));
        if (item.end)
            return OK;
        enum err e =
            blockstore_pin_get(l->c->node->repo.store, &own, kubo_cid_bytes(bytes, &item.cid));
        if (e == ERR_NOT_FOUND)
            e = listing_add(l, &item.cid, "indirect", span_of(NULL, 0));
        TRY(e);
    }
}

static enum err list_all(struct listing *l, bool below)
{
    struct blockstore_pin pin = { 0 };
    uint8_t after[PIN_CID_MAX];
    struct span at = { NULL, 0 };
    struct kubo_walk w;
    const struct block_source source = kubo_call_store(l->c);
    AUTO(free_bytes) uint8_t *memory = below ? malloc(KUBO_WALK_MEMORY) : NULL;
    if (below && memory == NULL)
        return ERR_MEMORY;
    if (below)
        kubo_walk_init(&w, memory, &source, false);
    for (;;) {
        enum err e = blockstore_pin_next(l->c->node->repo.store, &pin, at);
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
        if (!below)
            TRY(listing_pin(l, &pin.pin));
        else if (pin.pin.mode == PIN_RECURSIVE)
            TRY(list_below(l, &w, &pin.pin));
        memcpy(after, pin.pin.cid.p, pin.pin.cid.n);
        at = span_of(after, pin.pin.cid.n);
    }
}

static enum err list_args(struct listing *l)
{
    const struct kubo_plan *p = l->c->plan;
    for (size_t i = 0; i < p->arg_count; i++) {
        struct cid cid;
        struct blockstore_pin pin;
        uint8_t bytes[CID_SIZE_MAX];
        TRY(kubo_call_resolve(l->c, &cid, p->args[i]));
        enum err e = blockstore_pin_get(l->c->node->repo.store, &pin, kubo_cid_bytes(bytes, &cid));
        bool fits = e == OK && (pin.pin.mode == PIN_RECURSIVE ? l->recursive : l->direct);
        if (e != OK && e != ERR_NOT_FOUND)
            return e;
        if (!fits)
            return kubo_call_fail(l->c, ERR_NOT_FOUND, "path '%.100s' is not pinned", p->args[i]);
        TRY(listing_pin(l, &pin.pin));
    }
    return OK;
}

enum err kubo_call_pin_ls(struct kubo_call *c)
{
    const struct kubo_plan *p = c->plan;
    const char *type = p->options[KUBO_OPT_TYPE].given ? p->options[KUBO_OPT_TYPE].text : "all";
    bool all = strcmp(type, "all") == 0;
    struct listing l = { .c = c,
                         .stream = kubo_rpc_option(p, KUBO_OPT_STREAM, 0) != 0,
                         .names = kubo_rpc_option(p, KUBO_OPT_NAMES, 0) != 0,
                         .recursive = all || strcmp(type, "recursive") == 0,
                         .direct = all || strcmp(type, "direct") == 0,
                         .indirect = all || strcmp(type, "indirect") == 0 };
    if (!l.recursive && !l.direct && !l.indirect)
        return kubo_call_fail(c, ERR_FORMAT,
                              "invalid type '%.40s', must be one of {direct, indirect, recursive, "
                              "all}",
                              type);
    if (p->arg_count > 0 && l.indirect && !all)
        return kubo_call_fail(c, ERR_UNSUPPORTED,
                              "this node looks for direct and recursive pins "
                              "of a path only");
    l.w = writer_of(l.buf, sizeof(l.buf));
    l.j = json_out_to(&l.w);
    if (!l.stream) {
        json_out_object(&l.j);
        json_out_key(&l.j, "Keys");
        json_out_object(&l.j);
    }
    if (p->arg_count > 0) {
        TRY(list_args(&l));
    } else {
        TRY(list_all(&l, false));
        if (l.indirect)
            TRY(list_all(&l, true));
    }
    if (l.stream)
        return OK;
    json_out_object_end(&l.j);
    json_out_object_end(&l.j);
    write_u8(&l.w, '\n');
    return listing_send(&l);
}

/* ---- links ---- */

static enum err send_ref(struct kubo_call *c, const struct cid *cid)
{
    uint8_t out[LINE];
    char text[CID_TEXT_MAX];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    cid_format(text, cid);
    json_out_object(&j);
    json_out_member_str(&j, "Ref", text);
    json_out_member_str(&j, "Err", "");
    json_out_object_end(&j);
    write_u8(&w, '\n');
    return w.err != OK ? w.err : kubo_io_write(c->io, writer_span(&w));
}

static enum err refs_below(struct kubo_call *c, struct kubo_walk *w)
{
    struct dag_walk_item item = { .end = false };
    bool first = true;
    for (;;) {
        TRY(dag_walk_next(&w->dag, &item));
        if (item.end)
            return OK;
        if (!first)
            TRY(send_ref(c, &item.cid));
        first = false;
    }
}

static enum err refs_once(struct kubo_call *c, struct kubo_walk *w, uint8_t *memory,
                          const struct cid *cid)
{
    struct links links;
    struct cid link;
    struct span block;
    struct content_key key;
    bool unique = kubo_rpc_option(c->plan, KUBO_OPT_UNIQUE, 0) != 0;
    TRY(dag_block_get(&block, (struct mspan){ memory, BLOCK_SIZE_MAX }, &w->source, cid));
    TRY(links_init(&links, cid->codec, block));
    while (links_next(&links, &link)) {
        bool fresh = true;
        if (unique && cid_key(&key, &link) == OK)
            TRY(w->seen.add(w->seen.ctx, &fresh, &key));
        if (fresh)
            TRY(send_ref(c, &link));
    }
    return OK;
}

enum err kubo_call_refs(struct kubo_call *c)
{
    struct kubo_walk w;
    const struct block_source source = kubo_call_source(c);
    bool unique = kubo_rpc_option(c->plan, KUBO_OPT_UNIQUE, 0) != 0;
    bool below = kubo_rpc_option(c->plan, KUBO_OPT_RECURSIVE, 0) != 0;
    AUTO(free_bytes) uint8_t *memory = malloc(KUBO_WALK_MEMORY);
    if (memory == NULL)
        return ERR_MEMORY;
    if (c->plan->arg_count > 1 && unique)
        return kubo_call_fail(c, ERR_UNSUPPORTED, "unique is for one path");
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        struct cid cid;
        TRY(kubo_call_resolve(c, &cid, c->plan->args[i]));
        kubo_walk_init(&w, memory, &source, !unique);
        if (below)
            TRY(dag_walk_add(&w.dag, &cid));
        TRY(below ? refs_below(c, &w) : refs_once(c, &w, memory, &cid));
    }
    return OK;
}
