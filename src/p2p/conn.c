#include "p2p/conn.h"

void conn_init(struct conn *c, const struct conn_config *config,
               const uint8_t random[UPGRADE_RANDOM_SIZE])
{
    memset(c, 0, sizeof(*c));
    c->config = *config;
    ASSERT(config->served_count > 0);
    for (size_t i = 0; i < config->served_count; i++)
        ASSERT(strlen(config->served[i]) <= CONN_ID_MAX);
    upgrade_init(&c->upgrade, &config->upgrade, random);
}

void conn_fini(struct conn *c)
{
    if (c->muxed)
        yamux_fini(&c->yamux);
    upgrade_fini(&c->upgrade);
}

/* ---- agreeing on a protocol ------------------------------------------------------------------ */

static struct conn_talk *talk_of(struct conn *c, uint32_t stream)
{
    for (size_t i = 0; i < CONN_TALKS; i++)
        if (c->talks[i].used && c->talks[i].stream == stream)
            return &c->talks[i];
    return NULL;
}

static struct conn_talk *talk_new(struct conn *c, uint32_t stream, const char *const *ids,
                                  size_t count, bool ours)
{
    struct conn_talk *t = NULL;
    for (size_t i = 0; i < CONN_TALKS && t == NULL; i++)
        if (!c->talks[i].used)
            t = &c->talks[i];
    if (t == NULL)
        return NULL;
    t->used = true;
    t->ours = ours;
    t->over = t->refused = false;
    t->stream = stream;
    t->deadline_ms = c->now_ms + CONN_TALK_MS;
    t->in = ring_of(t->in_memory, sizeof(t->in_memory));
    t->out = ring_of(t->out_memory, sizeof(t->out_memory));
    if (ours)
        multistream_dial(&t->m, ids, count, true);
    else
        multistream_listen(&t->m, ids, count);
    return t;
}

/* The agreement has failed: a stream of ours is told, one of the peer's just ends. */
static void talk_fail(struct conn *c, struct conn_talk *t)
{
    yamux_reset(&c->yamux, t->stream, YAMUX_CODE_NORMAL);
    yamux_close(&c->yamux, t->stream);
    t->over = t->refused = t->ours;
    t->used = t->ours;
}

static enum err talk_send(struct conn *c, struct conn_talk *t)
{
    size_t taken = 0;
    if (ring_used(&t->out) == 0)
        return OK;
    TRY(yamux_write(&c->yamux, &c->app_out, t->stream, ring_peek(&t->out), &taken));
    ring_drop(&t->out, taken);
    return OK;
}

static enum err talk_advance(struct conn *c, struct conn_talk *t)
{
    TRY(multistream_step(&t->m, &t->in, &t->out));
    /* Byte by byte: what follows the last line belongs to the protocol and stays in the stream. */
    while (!multistream_done(&t->m) && ring_room(&t->in) != 0) {
        struct span s = span_sub(yamux_peek(&c->yamux, t->stream), 0, 1);
        if (ring_put(&t->in, s) == 0)
            break;
        yamux_drop(&c->yamux, t->stream, 1);
        TRY(multistream_step(&t->m, &t->in, &t->out));
    }
    TRY(talk_send(c, t));
    t->over = multistream_done(&t->m) && ring_used(&t->out) == 0;
    if (!t->over && yamux_at_end(&c->yamux, t->stream))
        return ERR_CLOSED;
    return c->now_ms >= t->deadline_ms ? ERR_TIMEOUT : OK;
}

static void talk_step(struct conn *c, struct conn_talk *t)
{
    if (t->used && !t->over && talk_advance(c, t) != OK)
        talk_fail(c, t);
}

/* ---- the connection ----------------------------------------------------------------------------
 */

static enum err advance(struct conn *c, struct ring *net_in, struct ring *net_out)
{
    const struct upgrade_rings r = { net_in, net_out, &c->app_in, &c->app_out };
    TRY(upgrade_step(&c->upgrade, &r, c->now_ms));
    if (!upgrade_ready(&c->upgrade))
        return OK;
    if (!c->muxed) {
        TRY(yamux_init(&c->yamux, c->config.pool, &c->config.yamux, c->now_ms));
        c->muxed = true;
    }
    enum err e = yamux_step(&c->yamux, &c->app_in, &c->app_out, c->now_ms);
    for (size_t i = 0; i < CONN_TALKS && e == OK; i++)
        talk_step(c, &c->talks[i]);
    TRY(upgrade_step(&c->upgrade, &r, c->now_ms)); /* what was written, a farewell included */
    TRY(e);
    return upgrade_peer_closed(&c->upgrade) && ring_used(&c->app_in) == 0 ? ERR_CLOSED : OK;
}

enum err conn_step(struct conn *c, struct ring *net_in, struct ring *net_out, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->err == OK)
        c->err = advance(c, net_in, net_out);
    return c->err;
}

uint64_t conn_deadline(const struct conn *c)
{
    uint64_t at = c->muxed ? yamux_deadline(&c->yamux) : upgrade_deadline(&c->upgrade);
    for (size_t i = 0; i < CONN_TALKS; i++)
        if (c->talks[i].used && !c->talks[i].over && (at == 0 || c->talks[i].deadline_ms < at))
            at = c->talks[i].deadline_ms;
    return at;
}

static bool talk_event(struct conn *c, struct conn_event *ev)
{
    for (size_t i = 0; i < CONN_TALKS; i++) {
        struct conn_talk *t = &c->talks[i];
        if (!t->used || !t->over)
            continue;
        ev->stream = t->stream;
        ev->kind = t->refused ? CONN_REFUSED : t->ours ? CONN_AGREED : CONN_OPENED;
        ev->protocol = t->ours ? 0 : multistream_chosen(&t->m);
        t->used = false;
        return true;
    }
    return false;
}

/* An event of yamux: true when it is for the owner. */
static bool take_event(struct conn *c, const struct yamux_event *y, struct conn_event *ev)
{
    struct conn_talk *t = talk_of(c, y->id);
    if (t == NULL && (y->what & YAMUX_OPENED) != 0) {
        t = talk_new(c, y->id, c->config.served, c->config.served_count, false);
        if (t == NULL) {
            yamux_reset(&c->yamux, y->id, YAMUX_CODE_NORMAL);
            yamux_close(&c->yamux, y->id);
            return false;
        }
    }
    if (t == NULL) {
        ev->kind = CONN_STREAM;
        ev->stream = y->id;
        ev->what = y->what;
        ev->reset_code = y->reset_code;
        return true;
    }
    if ((y->what & YAMUX_RESET) != 0)
        talk_fail(c, t);
    else
        talk_step(c, t);
    return false;
}

bool conn_event(struct conn *c, struct conn_event *ev)
{
    struct yamux_event y;
    *ev = (struct conn_event){ .kind = CONN_READY };
    if (!c->muxed)
        return false;
    if (!c->told) {
        c->told = true;
        return true;
    }
    do {
        if (talk_event(c, ev))
            return true;
        if (!yamux_event(&c->yamux, &y))
            return false;
    } while (!take_event(c, &y, ev));
    return true;
}

enum err conn_open(struct conn *c, const char *id, uint32_t *stream)
{
    ASSERT(strlen(id) <= CONN_ID_MAX);
    *stream = YAMUX_NONE;
    if (!c->muxed || c->err != OK)
        return ERR_STATE;
    struct conn_talk *t = talk_new(c, YAMUX_NONE, &id, 1, true);
    if (t == NULL)
        return ERR_BUSY;
    t->offer = id;
    t->m.ids = &t->offer; /* the talk outlives this call */
    enum err e = yamux_open(&c->yamux, &t->stream);
    if (e == OK) {
        e = multistream_step(&t->m, &t->in, &t->out);
        if (e == OK)
            e = talk_send(c, t);
        if (e == OK && ring_used(&t->out) != 0)
            e = ERR_BUSY; /* what is written next would overtake the offer */
        if (e != OK) {
            yamux_reset(&c->yamux, t->stream, YAMUX_CODE_NORMAL);
            yamux_close(&c->yamux, t->stream);
        }
    }
    if (e != OK)
        t->used = false;
    else
        *stream = t->stream;
    return e;
}

enum err conn_write(struct conn *c, uint32_t stream, struct span data, size_t *taken)
{
    return yamux_write(&c->yamux, &c->app_out, stream, data, taken);
}

struct span conn_peek(const struct conn *c, uint32_t stream)
{
    return yamux_peek(&c->yamux, stream);
}

void conn_drop(struct conn *c, uint32_t stream, size_t n)
{
    yamux_drop(&c->yamux, stream, n);
}

bool conn_at_end(const struct conn *c, uint32_t stream)
{
    return yamux_at_end(&c->yamux, stream);
}

void conn_finish(struct conn *c, uint32_t stream)
{
    yamux_finish(&c->yamux, stream);
}

/* A stream that is let go of while its protocol is not agreed on needs no agreement any more. */
static void forget(struct conn *c, uint32_t stream)
{
    struct conn_talk *t = talk_of(c, stream);
    if (t != NULL)
        t->used = false;
}

void conn_close(struct conn *c, uint32_t stream)
{
    forget(c, stream);
    yamux_close(&c->yamux, stream);
}

void conn_reset(struct conn *c, uint32_t stream)
{
    forget(c, stream);
    yamux_reset(&c->yamux, stream, YAMUX_CODE_NORMAL);
    yamux_close(&c->yamux, stream);
}

void conn_leave(struct conn *c, struct ring *net_in, struct ring *net_out)
{
    if (c->muxed && c->err == OK) {
        yamux_go_away(&c->yamux, YAMUX_CODE_NORMAL);
        (void)!conn_step(c, net_in, net_out, c->now_ms);
    }
    upgrade_close(&c->upgrade, net_out);
}
