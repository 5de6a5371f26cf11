#include "ipfsd/push_take.h"

#include "crypto/sha256.h"
#include "ipfsd/storer.h"
#include "rt/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPEAT_LEAST = 64, REPEATS_MAX = 1 << 20 }; /* an archive without repeats has none */

void push_take_refuse(struct push_take_result *r, uint16_t status, const char *code,
                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    r->status = status;
    r->code = code;
    (void)vsnprintf(r->reason, sizeof(r->reason), fmt, args);
    va_end(args);
}

enum err push_take_open(struct push_take *t, struct storer *storer, uint64_t client,
                        const struct content_key *root, uint64_t size_max)
{
    *t = (struct push_take){
        .storer = storer, .client = client, .root = *root, .size_max = size_max
    };
    t->memory = malloc(CAR_SECTION_MAX);
    if (t->memory == NULL)
        return ERR_MEMORY;
    car_parser_init(&t->parser, (struct mspan){ t->memory, CAR_SECTION_MAX });
    return fetch_set_want(&t->set, root);
}

void push_take_close(struct push_take *t)
{
    struct storer_op op = { .kind = STORER_GONE, .client = t->client };
    enum err gone = storer_run(t->storer, &op);
    ASSERT(gone == OK || gone == ERR_CLOSED);
    fetch_set_fini(&t->set);
    free(t->memory);
    t->memory = NULL;
}

static bool refuse_block(struct push_take_result *r, uint16_t status, const char *code,
                         const struct cid *cid, const char *what)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    push_take_refuse(r, status, code, "block %.80s %s", text, what);
    return false;
}

static bool store(struct push_take *t, struct push_take_result *r, const struct content_key *key,
                  const struct car_item *item)
{
    struct storer_op op = { .kind = STORER_PUT, .client = t->client, .data = item->data };
    op.key.codec = key->codec;
    memcpy(op.key.digest, key->digest, sizeof(op.key.digest));
    enum err e = storer_run(t->storer, &op);
    if (e == OK)
        return true;
    if (e == ERR_FULL)
        push_take_refuse(r, 507, "full", "the node has no room for this content");
    else
        push_take_refuse(r, 500, "store", "the node could not store a block: %s", err_text(e));
    return false;
}

static bool take_block(struct push_take *t, struct push_take_result *r, const struct car_item *item)
{
    struct content_key key;
    uint8_t digest[32];
    enum fetch_mark mark = FETCH_UNKNOWN;
    if (cid_key(&key, &item->cid) == OK)
        mark = fetch_set_look(&t->set, &key);
    if (mark == FETCH_UNKNOWN)
        return refuse_block(r, 422, "not_linked", &item->cid,
                            "is not linked from the blocks before it");
    if (mark == FETCH_COME) {
        t->repeats += item->data.n < REPEAT_LEAST ? REPEAT_LEAST : item->data.n;
        if (t->repeats > REPEATS_MAX)
            return refuse_block(r, 422, "repeats", &item->cid, "came too often: send dups=n");
        return true;
    }
    sha256(digest, item->data);
    if (memcmp(digest, key.digest, sizeof(digest)) != 0)
        return refuse_block(r, 422, "digest", &item->cid, "does not match its CID");
    if (item->data.n > t->size_max - t->bytes) {
        push_take_refuse(r, 413, "size", "the content is larger than the %llu bytes of the order",
                         (unsigned long long)t->size_max);
        return false;
    }
    enum err e = fetch_set_want_links(&t->set, key.codec, item->data);
    if (e != OK)
        return refuse_block(r, e == ERR_LIMIT ? 413 : 422, "malformed", &item->cid, err_text(e));
    if (!store(t, r, &key, item))
        return false;
    fetch_set_came(&t->set, &key);
    t->bytes += item->data.n;
    t->blocks++;
    return true;
}

bool push_take_feed(struct push_take *t, struct push_take_result *r, struct span in)
{
    while (in.n > 0) {
        struct car_item item;
        enum err e = car_parser_next(&t->parser, &item, &in);
        if (e != OK) {
            push_take_refuse(r, 422, "archive", "this is no CAR that can be read: %s", err_text(e));
            return false;
        }
        if (item.event == CAR_BLOCK && !take_block(t, r, &item))
            return false;
    }
    return true;
}

/* ---- the pin -------------------------------------------------------------------------------- */

#define PIN_NAME "pushed"

static struct span pin_cid(uint8_t out[CID_SIZE_MAX], const struct content_key *key)
{
    struct writer w = writer_of(out, CID_SIZE_MAX);
    struct cid cid = cid_of_key(key);
    cid_write(&w, &cid);
    return span_of(out, w.len);
}

static bool is_ours(const struct pin *pin)
{
    return span_eq(pin->name, span_str(PIN_NAME));
}

/* The blocks stay until whoever seals them takes the pin away. Somebody else's pin keeps them as
 * well, and is not ours to replace. */
static enum err keep(struct push_take *t)
{
    uint8_t bytes[CID_SIZE_MAX];
    struct blockstore_pin there;
    struct span cid = pin_cid(bytes, &t->root);
    struct storer_op pin = { .kind = STORER_PIN,
                             .client = t->client,
                             .pin = { .cid = cid,
                                      .mode = PIN_RECURSIVE,
                                      .name = span_str(PIN_NAME),
                                      .time_unix_s = clock_wall_ms() / 1000 } };
    struct storer_op commit = { .kind = STORER_COMMIT, .client = t->client };
    bool kept = blockstore_pin_get(t->storer->store, &there, cid) == OK &&
                there.pin.mode == PIN_RECURSIVE && !is_ours(&there.pin);
    if (!kept)
        TRY(storer_run(t->storer, &pin));
    return storer_run(t->storer, &commit);
}

enum err push_take_release(struct storer *s, const struct content_key *key)
{
    uint8_t bytes[CID_SIZE_MAX];
    struct blockstore_pin there;
    struct span cid = pin_cid(bytes, key);
    enum err e = blockstore_pin_get(s->store, &there, cid);
    if (e == ERR_NOT_FOUND || (e == OK && !is_ours(&there.pin)))
        return OK;
    TRY(e);
    struct storer_op unpin = { .kind = STORER_UNPIN, .client = STORER_CLIENT_SELF, .data = cid };
    struct storer_op commit = { .kind = STORER_COMMIT, .client = STORER_CLIENT_SELF };
    struct storer_op gone = { .kind = STORER_GONE, .client = STORER_CLIENT_SELF };
    e = storer_run(s, &unpin);
    if (e == OK)
        e = storer_run(s, &commit);
    enum err ended = storer_run(s, &gone);
    ASSERT(ended == OK || ended == ERR_CLOSED);
    return e == ERR_NOT_FOUND ? OK : e;
}

void push_take_finish(struct push_take *t, struct push_take_result *r)
{
    size_t missing = t->set.used - t->set.come;
    if (car_parser_finish(&t->parser) != OK) {
        push_take_refuse(r, 422, "short", "the archive ends early");
        return;
    }
    if (missing > 0) {
        push_take_refuse(r, 422, "incomplete", "%zu blocks of the content are missing", missing);
        return;
    }
    enum err e = keep(t);
    if (e != OK)
        push_take_refuse(r, 500, "store", "the node could not store it: %s", err_text(e));
    else
        push_take_refuse(r, 201, "stored", "%llu blocks, %llu bytes", (unsigned long long)t->blocks,
                         (unsigned long long)t->bytes);
}
