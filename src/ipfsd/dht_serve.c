/* Answers to others: streams that they open, a request behind its length, an answer behind its own,
 * as often as they like. */
#include "ipfsd/dht_addr.h"
#include "ipfsd/dht_values.h"

#include <stdlib.h>

enum { REQUESTS_EACH_TURN = 8 };

static void end(struct dht *d, struct dht_stream *v, bool good)
{
    dht_frame_drop(&v->in);
    free(v->out);
    v->out = NULL;
    v->used = false;
    d->conns[v->connection].streams--;
    d->figures.streams--;
    d->figures.refused += !good;
    swarm_end(d->swarm, v->connection, v->stream, good);
}

/* Sends what is left of an answer; true when all is gone. */
static enum err flush(struct dht *d, struct dht_stream *v)
{
    size_t taken;
    if (v->out == NULL)
        return OK;
    TRY(swarm_write(d->swarm, v->connection, v->stream,
                    span_of(v->out + v->out_sent, v->out_size - v->out_sent), &taken));
    v->out_sent += taken;
    if (v->out_sent < v->out_size)
        return ERR_BUSY;
    free(v->out);
    v->out = NULL;
    v->moved_ms = dht_now(d);
    return OK;
}

/* SPEC kad 8.1: "The record's key MUST be the message's" */
static enum err take_value(struct dht *d, const struct dht_stream *v, const struct kad_message *m)
{
    struct multiaddr from;
    uint64_t group = 0;
    if (!m->has_record || !span_eq(m->record_key, m->key))
        return ERR_FORMAT;
    if (swarm_remote(d->swarm, v->connection, &from) == OK)
        group = dht_addr_sender(&from);
    return kad_values_put(&d->nets[v->net].values, m->key, m->value, group, dht_wall_s());
}

/* SPEC kad 8.5: "GET_VALUE is answered with the record, if one is kept, and the 20 closest nodes;
 * PUT_VALUE with the record itself" */
static enum err answer_value(struct dht *d, const struct dht_stream *v, struct span request,
                             struct writer *w)
{
    uint8_t bytes[KAD_VALUE_MAX];
    const struct dht_net *n = &d->nets[v->net];
    struct kad_message m;
    struct span value = { NULL, 0 };
    size_t size;
    TRY(kad_decode(&m, request));
    if (m.type == KAD_PUT_VALUE) {
        TRY(take_value(d, v, &m));
        value = m.value;
    } else if (kad_values_get(&n->values, &size, (struct mspan){ bytes, sizeof(bytes) }, m.key,
                              dht_wall_s()) == OK) {
        value = span_of(bytes, size);
    }
    kad_server_value(&n->server, &m, value, w);
    return w->err;
}

static enum err answer(struct dht *d, struct dht_stream *v)
{
    struct dht_net *n = &d->nets[v->net];
    uint8_t buffer[VARINT_FRAME_HEAD_MAX + KAD_SERVER_ANSWER];
    struct writer w = writer_of(buffer + VARINT_FRAME_HEAD_MAX, KAD_SERVER_ANSWER);
    struct span request = span_of(v->in.bytes, v->in.size);
    struct span from = peer_id_span(&d->conns[v->connection].peer);
    enum err e = kad_server_answer(&n->server, from, request, &w, dht_now(d));
    if (e == ERR_UNSUPPORTED)
        e = answer_value(d, v, request, &w);
    dht_frame_drop(&v->in);
    if (e == ERR_SHORT)
        return ERR_FORMAT; /* of the message, which is whole: nothing more will come */
    TRY(e);
    d->figures.served++;
    v->moved_ms = dht_now(d);
    if (w.len == 0)
        return OK;
    struct span frame = varint_frame_close(buffer, w.len);
    v->out = malloc(frame.n);
    if (v->out == NULL)
        return ERR_MEMORY;
    memcpy(v->out, frame.p, frame.n);
    v->out_size = frame.n;
    v->out_sent = 0;
    return flush(d, v);
}

/* Reads and answers as far as it goes. ERR_BUSY: there is no room, or others come first. */
static enum err pump(struct dht *d, struct dht_stream *v)
{
    struct conn *c = swarm_conn(d->swarm, v->connection);
    if (c == NULL)
        return ERR_BUSY; /* on its way out: we are told */
    TRY(flush(d, v));
    for (int i = 0; i < REQUESTS_EACH_TURN; i++) {
        TRY(dht_frame_take(&v->in, c, v->stream, DHT_REQUEST_MAX));
        TRY(answer(d, v));
    }
    return ERR_BUSY;
}

static void turn(struct dht *d, struct dht_stream *v)
{
    struct conn *c = swarm_conn(d->swarm, v->connection);
    if (c == NULL)
        return;
    bool asked = conn_peek(c, v->stream).n > 0;
    enum err e = pump(d, v);
    if (asked)
        swarm_kick(d->swarm, v->connection); /* windows */
    if (e == ERR_BUSY && v->out == NULL)
        dht_wake(d); /* more of it, when others have had their turn */
    else if (e == ERR_SHORT && conn_at_end(c, v->stream))
        end(d, v, v->in.head_size == 0);
    else if (e != ERR_SHORT && e != ERR_BUSY)
        end(d, v, false);
}

static struct dht_stream *find(struct dht *d, uint32_t connection, uint32_t stream)
{
    for (size_t i = 0; i < DHT_STREAMS; i++) {
        struct dht_stream *v = &d->streams[i];
        if (v->used && v->connection == connection && v->stream == stream)
            return v;
    }
    return NULL;
}

/* When all places are taken, the one that has been silent longest goes. */
static struct dht_stream *place(struct dht *d)
{
    struct dht_stream *oldest = &d->streams[0];
    for (size_t i = 0; i < DHT_STREAMS; i++) {
        if (!d->streams[i].used)
            return &d->streams[i];
        if (d->streams[i].moved_ms < oldest->moved_ms)
            oldest = &d->streams[i];
    }
    end(d, oldest, true);
    return oldest;
}

static void begin(struct dht *d, size_t net, uint32_t connection, uint32_t stream)
{
    struct dht_conn *k = &d->conns[connection];
    if (!d->nets[net].serving || k->peer.size == 0 || k->streams == DHT_STREAMS_EACH) {
        d->figures.refused++;
        swarm_end(d->swarm, connection, stream, false);
        return;
    }
    struct dht_stream *v = place(d);
    *v = (struct dht_stream){ .used = true,
                              .net = (uint8_t)net,
                              .connection = connection,
                              .stream = stream,
                              .moved_ms = dht_now(d) };
    k->streams++;
    d->figures.streams++;
    turn(d, v);
}

void dht_serve_event(struct dht *d, size_t net, uint32_t connection, const struct conn_event *ev)
{
    if (ev->kind == CONN_OPENED) {
        begin(d, net, connection, ev->stream);
        return;
    }
    struct dht_stream *v = find(d, connection, ev->stream);
    if (v == NULL)
        return;
    if ((ev->what & YAMUX_RESET) != 0)
        end(d, v, true);
    else
        turn(d, v);
}

void dht_serve_gone(struct dht *d, uint32_t connection)
{
    for (size_t i = 0; i < DHT_STREAMS; i++)
        if (d->streams[i].used && d->streams[i].connection == connection)
            end(d, &d->streams[i], true);
}

void dht_serve_turn(struct dht *d)
{
    uint64_t now = dht_now(d);
    for (size_t i = 0; i < DHT_STREAMS; i++) {
        struct dht_stream *v = &d->streams[i];
        if (!v->used)
            continue;
        if (now >= v->moved_ms + DHT_IDLE_MS || !d->nets[v->net].serving)
            end(d, v, false);
        else
            turn(d, v);
    }
}
