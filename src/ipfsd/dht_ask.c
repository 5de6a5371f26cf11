/* One node is asked: dialled at its addresses one after the other where there is no connection, a
 * stream, what is to be said, the answer. What happens in callbacks of the swarm is only noted; it
 * is acted upon in dht_ask_turn. */
#include "ipfsd/dht_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- messages as they come ------------------------------------------------------------------- */

static enum err frame_head(struct dht_frame *f, struct conn *c, uint32_t stream, size_t max)
{
    while (f->bytes == NULL) {
        size_t size, head;
        struct span in = span_sub(conn_peek(c, stream), 0, 1);
        if (in.n == 0)
            return ERR_SHORT;
        f->head[f->head_size++] = in.p[0];
        conn_drop(c, stream, 1);
        enum err e = varint_frame_head(&size, &head, span_of(f->head, f->head_size), max);
        if (e == ERR_SHORT && f->head_size < sizeof(f->head))
            continue;
        TRY(e);
        f->size = size;
        f->bytes = malloc(size == 0 ? 1 : size);
        if (f->bytes == NULL)
            return ERR_MEMORY;
    }
    return OK;
}

enum err dht_frame_take(struct dht_frame *f, struct conn *c, uint32_t stream, size_t max)
{
    TRY(frame_head(f, c, stream, max));
    while (f->got < f->size) {
        struct span in = span_sub(conn_peek(c, stream), 0, f->size - f->got);
        if (in.n == 0)
            return ERR_SHORT;
        memcpy(f->bytes + f->got, in.p, in.n);
        f->got += in.n;
        conn_drop(c, stream, in.n);
    }
    return OK;
}

void dht_frame_drop(struct dht_frame *f)
{
    free(f->bytes);
    *f = (struct dht_frame){ .size = 0 };
}

/* ---- one request ----------------------------------------------------------------------------- */

static void over(struct dht_ask *a, enum err result)
{
    struct dht *d = a->dht;
    if (a->stream != YAMUX_NONE)
        swarm_end(d->swarm, a->connection, a->stream, result == OK);
    a->stream = YAMUX_NONE;
    a->state = DHT_ASK_OVER;
    a->result = result;
    dht_wake(d);
}

static void wait(struct dht_ask *a, uint64_t until_ms)
{
    a->state = DHT_ASK_WAITING;
    a->at_ms = until_ms;
}

/* The next of its addresses is dialled; true: something is under way. */
static bool dial(struct dht_ask *a)
{
    struct dht *d = a->dht;
    struct kad_peer p;
    kad_contact_peer(&p, &a->who);
    for (; a->tried < p.addr_count; a->tried++) {
        struct multiaddr m;
        uint64_t retry = 0, now = dht_now(d);
        struct multiaddr_tcp t;
        enum err e = multiaddr_decode(&m, p.addrs[a->tried]);
        if (e == OK && multiaddr_tcp_of(&t, &m) == OK && t.peer.size == 0)
            e = multiaddr_add(&m, MULTIADDR_P2P, p.id);
        if (e == OK)
            e = swarm_dial(d->swarm, &m, &a->connection, &retry);
        if (e == OK || e == ERR_EXISTS) {
            a->tried += e == OK;
            a->state = DHT_ASK_DIALLING;
            return true;
        }
        if (e == ERR_LIMIT || (e == ERR_BUSY && retry < now + DHT_PACED_MS)) {
            wait(a, e == ERR_LIMIT ? now + DHT_RETRY_MS : retry);
            return true;
        }
        a->result = e;
    }
    return false;
}

/* Says what there is to say, as far as there is room. */
static enum err say(struct dht_ask *a)
{
    struct dht *d = a->dht;
    while (!a->finished) {
        size_t taken;
        if (a->out_sent == a->out_size) {
            struct writer w =
                writer_of(a->out + VARINT_FRAME_HEAD_MAX, sizeof(a->out) - VARINT_FRAME_HEAD_MAX);
            a->finished = !a->asker->write(a->ctx, a, &w);
            if (a->finished)
                break;
            if (w.err != OK)
                return w.err;
            struct span frame = varint_frame_close(a->out, w.len);
            memmove(a->out, frame.p, frame.n);
            a->out_size = frame.n;
            a->out_sent = 0;
        }
        struct span rest = span_of(a->out + a->out_sent, a->out_size - a->out_sent);
        TRY(swarm_write(d->swarm, a->connection, a->stream, rest, &taken));
        a->out_sent += taken;
        if (taken > 0)
            a->deadline_ms = dht_now(d) + KAD_QUERY_ANSWER_MS;
        if (taken < rest.n)
            return OK; /* an event says when to go on */
    }
    struct conn *c = swarm_conn(d->swarm, a->connection);
    if (c != NULL)
        conn_finish(c, a->stream);
    swarm_kick(d->swarm, a->connection);
    return OK;
}

static void talk(struct dht_ask *a)
{
    struct dht *d = a->dht;
    enum err e = swarm_stream(d->swarm, a->connection, d->nets[a->net].protocol, &a->stream);
    if (e == ERR_BUSY || e == ERR_LIMIT) {
        a->stream = YAMUX_NONE;
        wait(a, dht_now(d) + DHT_RETRY_MS);
        return;
    }
    if (e != OK) {
        a->stream = YAMUX_NONE;
        over(a, e);
        return;
    }
    a->state = DHT_ASK_TALKING;
    a->deadline_ms = dht_now(d) + KAD_QUERY_ANSWER_MS;
    e = say(a);
    if (e != OK)
        over(a, e);
}

/* Its turn to be connected with or written to. */
static void go(struct dht_ask *a)
{
    struct dht *d = a->dht;
    struct peer_id peer;
    if (peer_id_decode(&peer, kad_contact_id(&a->who)) != OK) {
        over(a, ERR_FORMAT);
        return;
    }
    uint32_t connection = swarm_find(d->swarm, &peer);
    if (connection != GATE_NONE) {
        a->connection = connection;
        if (a->asker->began != NULL)
            a->asker->began(a->ctx, a);
        talk(a);
    } else if (!dial(a)) {
        over(a, a->result == OK ? ERR_NOT_FOUND : a->result);
    } else if (a->state == DHT_ASK_DIALLING) {
        a->deadline_ms = dht_now(d) + SWARM_DIAL_MS + UPGRADE_TIMEOUT_MS;
        if (a->asker->began != NULL)
            a->asker->began(a->ctx, a);
    }
}

struct dht_ask *dht_ask_begin(struct dht *d, size_t net, const struct kad_contact *who,
                              const struct dht_asker *asker, void *ctx)
{
    for (size_t i = 0; i < DHT_ASKS; i++) {
        struct dht_ask *a = &d->asks[i];
        if (a->state != DHT_ASK_FREE)
            continue;
        uint64_t now = dht_now(d);
        memset(a, 0, offsetof(struct dht_ask, out));
        a->state = DHT_ASK_WAITING;
        a->dht = d;
        a->net = (uint8_t)net;
        a->connection = GATE_NONE;
        a->stream = YAMUX_NONE;
        a->begun_ms = a->at_ms = now;
        a->deadline_ms = now + KAD_QUERY_ALL_MS;
        a->who = *who;
        a->asker = asker;
        a->ctx = ctx;
        d->figures.asked++;
        dht_wake(d);
        return a;
    }
    return NULL;
}

void dht_ask_abort(struct dht_ask *a)
{
    if (a->state == DHT_ASK_FREE)
        return;
    if (a->stream != YAMUX_NONE)
        swarm_end(a->dht->swarm, a->connection, a->stream, false);
    dht_frame_drop(&a->in);
    a->state = DHT_ASK_FREE;
}

/* ---- what the swarm says --------------------------------------------------------------------- */

/* What has come on the stream, before or with its end. */
static void hear(struct dht_ask *a, bool reset)
{
    struct conn *c = swarm_conn(a->dht->swarm, a->connection);
    enum err e = c == NULL   ? ERR_CLOSED
                 : a->silent ? ERR_SHORT
                             : dht_frame_take(&a->in, c, a->stream, KAD_MESSAGE_MAX);
    bool end = c == NULL || reset || conn_at_end(c, a->stream);
    if (a->silent && c != NULL)
        for (size_t n = 1; n > 0; conn_drop(c, a->stream, n))
            n = conn_peek(c, a->stream).n;
    if (reset)
        a->stream = YAMUX_NONE; /* the swarm lets go of it */
    if (e == ERR_SHORT && !end) {
        swarm_kick(a->dht->swarm, a->connection); /* windows */
        return;
    }
    if (e == ERR_SHORT)
        e = a->silent && a->finished && !reset ? OK : ERR_CLOSED;
    over(a, e);
}

void dht_ask_event(struct dht *d, uint32_t connection, const struct conn_event *ev)
{
    for (size_t i = 0; i < DHT_ASKS; i++) {
        struct dht_ask *a = &d->asks[i];
        if (a->state != DHT_ASK_TALKING || a->connection != connection || a->stream != ev->stream)
            continue;
        bool reset = ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0;
        if (ev->kind == CONN_REFUSED) {
            a->stream = YAMUX_NONE;
            over(a, ERR_UNSUPPORTED);
            return;
        }
        if (ev->kind == CONN_STREAM && !reset && (ev->what & YAMUX_WRITABLE) != 0 && say(a) != OK) {
            over(a, ERR_CLOSED);
            return;
        }
        hear(a, reset);
        return;
    }
}

void dht_ask_ready(struct dht *d, uint32_t connection)
{
    for (size_t i = 0; i < DHT_ASKS; i++)
        if (d->asks[i].state == DHT_ASK_DIALLING && d->asks[i].connection == connection) {
            wait(&d->asks[i], 0);
            dht_wake(d);
        }
}

void dht_ask_gone(struct dht *d, uint32_t connection, enum err why)
{
    for (size_t i = 0; i < DHT_ASKS; i++) {
        struct dht_ask *a = &d->asks[i];
        if (a->connection != connection)
            continue;
        if (a->state == DHT_ASK_DIALLING) {
            a->result = why;
            a->connection = GATE_NONE;
            wait(a, 0); /* the next address */
            dht_wake(d);
        } else if (a->state == DHT_ASK_TALKING) {
            a->stream = YAMUX_NONE;
            over(a, ERR_CLOSED);
        }
    }
}

/* ---- a turn ---------------------------------------------------------------------------------- */

static void tell(struct dht_ask *a)
{
    struct dht *d = a->dht;
    struct span answer = span_of(a->in.bytes, a->result == OK ? a->in.got : 0);
    d->figures.failed += a->result != OK;
    a->asker->ended(a->ctx, a, a->result, answer);
    dht_frame_drop(&a->in);
    a->state = DHT_ASK_FREE;
}

void dht_ask_turn(struct dht *d)
{
    uint64_t now = dht_now(d);
    for (size_t i = 0; i < DHT_ASKS; i++) {
        struct dht_ask *a = &d->asks[i];
        if (a->state != DHT_ASK_FREE && a->state != DHT_ASK_OVER && now >= a->deadline_ms)
            over(a, ERR_TIMEOUT);
        if (a->state == DHT_ASK_WAITING && now >= a->at_ms)
            go(a);
        if (a->state == DHT_ASK_OVER)
            tell(a);
    }
}

void dht_ask_where(const struct dht_ask *a, char *out, size_t size)
{
    struct kad_peer p;
    struct multiaddr m;
    char text[MULTIADDR_TEXT_MAX] = "";
    kad_contact_peer(&p, &a->who);
    uint32_t at = a->tried > 0 ? a->tried - 1 : 0;
    if (at < p.addr_count && multiaddr_decode(&m, p.addrs[at]) == OK)
        multiaddr_format(text, &m);
    (void)snprintf(out, size, "%s", text);
}
