#include "p2p/multistream.h"

static const char header[] = "/multistream/1.0.0";
static const char decline[] = "na";

/* Takes the next line off the ring, without its newline, when it is whole. */
struct line {
    struct span text;
    size_t size; /* of the frame */
};

static enum err peek_line(struct line *out, struct span in)
{
    *out = (struct line){ 0 };
    if (in.n == 0)
        return OK;
    /* SPEC multistream 1.2: "A line over 1,024 bytes MUST be refused at its length, before it is
     * read." */
    size_t head = (in.p[0] & 0x80) == 0 ? 1 : 2;
    if (in.n < head)
        return OK;
    size_t n = in.p[0] & 0x7f;
    if (head == 2) {
        if ((in.p[1] & 0x80) != 0 || in.p[1] > MULTISTREAM_LINE_MAX >> 7)
            return ERR_LIMIT;
        if (in.p[1] == 0)
            return ERR_FORMAT;
        n |= (size_t)in.p[1] << 7;
    }
    if (n > MULTISTREAM_LINE_MAX)
        return ERR_LIMIT;
    if (n == 0)
        return ERR_FORMAT;
    if (in.n - head < n)
        return OK;
    if (in.p[head + n - 1] != '\n')
        return ERR_FORMAT;
    out->text = span_sub(in, head, n - 1);
    out->size = head + n;
    return OK;
}

static size_t frame_size(const char *text)
{
    size_t n = strlen(text) + 1;
    return n + (n < 0x80 ? 1 : 2);
}

/* Writes a frame for which there is room. */
static void put_line(struct ring *out, const char *text)
{
    size_t n = strlen(text) + 1;
    uint8_t head[2] = { (uint8_t)n, 0 };
    size_t head_size = 1;
    if (n >= 0x80) {
        head[0] = (uint8_t)(n | 0x80);
        head[1] = (uint8_t)(n >> 7);
        head_size = 2;
    }
    bool ok = ring_write(out, span_of(head, head_size)) && ring_write(out, span_str(text)) &&
              ring_write(out, span_str("\n"));
    ASSERT(ok);
}

static void begin(struct multistream *m, const char *const *ids, size_t count)
{
    ASSERT(count > 0);
    for (size_t i = 0; i < count; i++)
        ASSERT(ids[i][0] != 0 && strlen(ids[i]) < MULTISTREAM_LINE_MAX);
    *m = (struct multistream){ .ids = ids, .count = count };
}

void multistream_dial(struct multistream *m, const char *const *ids, size_t count, bool lazy)
{
    begin(m, ids, count);
    ASSERT(!lazy || count == 1);
    m->dialer = true;
    m->lazy = lazy;
    m->state = MULTISTREAM_SENDING;
}

void multistream_listen(struct multistream *m, const char *const *ids, size_t count)
{
    begin(m, ids, count);
    m->state = MULTISTREAM_HEADER;
}

/* The offer under way, behind our header when that is not sent yet. */
static bool send_offer(struct multistream *m, struct ring *out)
{
    const char *id = m->ids[m->at];
    size_t need = frame_size(id) + (m->header_sent ? 0 : frame_size(header));
    if (ring_room(out) < need)
        return false;
    if (!m->header_sent)
        put_line(out, header);
    put_line(out, id);
    /* The peer's header is read once, before its first answer. */
    m->state = m->header_sent ? MULTISTREAM_REPLY : MULTISTREAM_HEADER;
    m->header_sent = true;
    return true;
}

static enum err take_header(struct multistream *m, struct span text, struct ring *out, bool *taken)
{
    if (!span_eq(text, span_str(header)))
        return ERR_FORMAT;
    if (!m->dialer) {
        if (ring_room(out) < frame_size(header))
            return OK;
        put_line(out, header);
    }
    m->state = MULTISTREAM_REPLY;
    *taken = true;
    return OK;
}

static enum err take_answer(struct multistream *m, struct span text, bool *taken)
{
    *taken = true;
    if (span_eq(text, span_str(m->ids[m->at]))) {
        m->state = MULTISTREAM_DONE;
        return OK;
    }
    if (!span_eq(text, span_str(decline)))
        return ERR_FORMAT;
    if (m->at + 1 == m->count)
        return ERR_UNSUPPORTED;
    m->at++;
    m->state = MULTISTREAM_SENDING;
    return OK;
}

static enum err take_offer(struct multistream *m, struct span text, struct ring *out, bool *taken)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!span_eq(text, span_str(m->ids[i])))
            continue;
        if (ring_room(out) < frame_size(m->ids[i]))
            return OK;
        put_line(out, m->ids[i]);
        m->at = i;
        m->state = MULTISTREAM_DONE;
        *taken = true;
        return OK;
    }
    if (m->tries == MULTISTREAM_TRIES_MAX)
        return ERR_LIMIT;
    if (ring_room(out) < frame_size(decline))
        return OK;
    put_line(out, decline);
    m->tries++;
    *taken = true;
    return OK;
}

static enum err advance(struct multistream *m, struct ring *in, struct ring *out, bool *moved)
{
    struct line line;
    *moved = false;
    if (m->state == MULTISTREAM_DONE)
        return OK;
    if (m->state == MULTISTREAM_SENDING) {
        *moved = send_offer(m, out);
        return OK;
    }
    TRY(peek_line(&line, ring_peek(in)));
    if (line.size == 0)
        return OK;
    if (m->state == MULTISTREAM_HEADER)
        TRY(take_header(m, line.text, out, moved));
    else if (m->dialer)
        TRY(take_answer(m, line.text, moved));
    else
        TRY(take_offer(m, line.text, out, moved));
    if (*moved)
        ring_drop(in, line.size);
    return OK;
}

enum err multistream_step(struct multistream *m, struct ring *in, struct ring *out)
{
    bool moved = m->err == OK;
    while (moved && m->err == OK)
        m->err = advance(m, in, out, &moved);
    return m->err;
}

size_t multistream_chosen(const struct multistream *m)
{
    ASSERT(multistream_may_send(m));
    return m->at;
}
