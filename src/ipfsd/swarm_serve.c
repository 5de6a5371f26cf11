#include "crypto/random.h"
#include "ipfsd/swarm_impl.h"
#include "rt/clock.h"

static struct conn *conn_of(struct swarm *s, const struct swarm_service *v)
{
    return &s->peers[v->connection].conn;
}

static void service_end(struct swarm *s, struct swarm_service *v, bool good)
{
    if (good)
        conn_close(conn_of(s, v), v->stream);
    else
        conn_reset(conn_of(s, v), v->stream);
    v->used = false;
}

/* What they say of themselves. */
static enum err read_identity(struct swarm *s, struct swarm_service *v)
{
    TRY(identify_read_step(&v->read, &v->in, conn_at_end(conn_of(s, v), v->stream),
                           loop_now_ms(s->loop)));
    if (!v->read.done)
        return OK;
    swarm_self_heard(s, v->connection, &v->read.id);
    if (s->o.on_identity != NULL)
        s->o.on_identity(s->o.ctx, v->connection, &v->read.id);
    return OK;
}

/* One question, and its answer. */
static enum err ask_ping(struct swarm *s, struct swarm_service *v, bool *over)
{
    uint8_t value[PING_SIZE];
    uint64_t now = loop_now_ms(s->loop);
    if (!v->ping.asked && v->ping.count == 0) {
        random_bytes(value, sizeof(value));
        v->begun_us = clock_mono_us();
        return ping_ask(&v->ping, &v->out, value, now);
    }
    TRY(ping_step(&v->ping, &v->in, now));
    *over = v->ping.count != 0;
    if (*over && s->o.on_pong != NULL)
        s->o.on_pong(s->o.ctx, v->connection, (uint32_t)(clock_mono_us() - v->begun_us));
    return OK;
}

static enum err service_step(struct swarm *s, struct swarm_service *v, bool *over)
{
    struct conn *c = conn_of(s, v);
    size_t taken = ring_put(&v->in, conn_peek(c, v->stream));
    if (taken != 0) {
        conn_drop(c, v->stream, taken);
        v->moved_ms = loop_now_ms(s->loop);
    }
    if (v->protocol == SWARM_PING && v->asked) {
        TRY(ask_ping(s, v, over));
    } else if (v->protocol == SWARM_PING) {
        ping_answer(&v->in, &v->out);
    } else if ((v->protocol == SWARM_IDENTIFY) != v->asked) { /* their question, or our push */
        ring_drop(&v->in, ring_used(&v->in));
        if (!v->answered && !swarm_self_write(s, v))
            return ERR_LIMIT;
        v->answered = true;
    } else {
        TRY(read_identity(s, v));
        *over = v->read.done;
    }
    if (ring_used(&v->out) != 0) {
        TRY(conn_write(c, v->stream, ring_peek(&v->out), &taken));
        ring_drop(&v->out, taken);
    }
    bool said = ring_used(&v->out) == 0;
    if (v->answered && said)
        *over = true;
    if (v->protocol == SWARM_PING && !v->asked && said && conn_at_end(c, v->stream))
        *over = true;
    return OK;
}

static bool overdue(const struct swarm *s, const struct swarm_service *v)
{
    uint64_t now = loop_now_ms(s->loop);
    return now >= v->moved_ms + SWARM_SERVICE_MS || (v->asked && now >= v->read.deadline_ms);
}

static void service_turn(struct swarm *s, struct swarm_service *v)
{
    bool over = false;
    if (overdue(s, v)) {
        service_end(s, v, false);
        return;
    }
    /* More may have come while what was there was worked off. */
    for (int i = 0; i < 4 && v->used && !over; i++) {
        enum err e = service_step(s, v, &over);
        if (e != OK) {
            service_end(s, v, false);
            return;
        }
        if (conn_peek(conn_of(s, v), v->stream).n == 0)
            break;
    }
    if (over)
        service_end(s, v, true);
}

bool swarm_serve_begin(struct swarm *s, uint32_t connection, uint32_t stream, size_t protocol,
                       bool asked)
{
    struct swarm_service *v = NULL;
    uint32_t same = 0;
    for (size_t i = 0; i < SWARM_SERVICES; i++) {
        if (s->services[i].used)
            same += s->services[i].connection == connection;
        else
            v = &s->services[i];
    }
    if (v == NULL || same >= SWARM_SERVICES_EACH) {
        conn_reset(&s->peers[connection].conn, stream);
        return false;
    }
    v->used = true;
    v->asked = asked;
    v->answered = false;
    v->connection = connection;
    v->stream = stream;
    v->moved_ms = loop_now_ms(s->loop);
    v->protocol = protocol;
    ping_init(&v->ping);
    v->in = ring_of(v->in_memory, sizeof(v->in_memory));
    v->out = ring_of(v->out_memory, sizeof(v->out_memory));
    identify_read_init(&v->read, (struct mspan){ v->text, sizeof(v->text) }, loop_now_ms(s->loop));
    if (!asked)
        service_turn(s, v);
    return true;
}

bool swarm_serve_event(struct swarm *s, uint32_t connection, const struct conn_event *ev)
{
    for (size_t i = 0; i < SWARM_SERVICES; i++) {
        struct swarm_service *v = &s->services[i];
        if (!v->used || v->connection != connection || v->stream != ev->stream)
            continue;
        if (ev->kind == CONN_REFUSED)
            v->used = false; /* the stream is gone */
        else if (ev->kind == CONN_STREAM && (ev->what & YAMUX_RESET) != 0)
            service_end(s, v, true);
        else
            service_turn(s, v);
        return true;
    }
    return false;
}

void swarm_serve_turn(struct swarm *s, uint32_t connection)
{
    for (size_t i = 0; i < SWARM_SERVICES; i++) {
        struct swarm_service *v = &s->services[i];
        bool writes = !v->asked || v->answered;
        if (v->used && v->connection == connection && (writes || overdue(s, v)))
            service_turn(s, v);
    }
}

void swarm_serve_forget(struct swarm *s, uint32_t connection)
{
    for (size_t i = 0; i < SWARM_SERVICES; i++)
        if (s->services[i].used && s->services[i].connection == connection)
            s->services[i].used = false;
}

bool swarm_serve_due(const struct swarm *s, uint32_t connection)
{
    for (size_t i = 0; i < SWARM_SERVICES; i++)
        if (s->services[i].used && s->services[i].connection == connection &&
            overdue(s, &s->services[i]))
            return true;
    return false;
}
