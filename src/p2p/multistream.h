/* multistream: agreeing on a protocol, multistream-select 1.0.
 * Spec: libp2p connections/README.md "multistream-select"; what we do: docs/spec/multistream.md. A
 * machine over rings (docs/design/protocol-machines.md); pure.
 *
 *   dialer:    SENDING -> HEADER -> REPLY -> DONE       (na: back to SENDING with the next offer)
 *   listener:             HEADER -> REPLY -> DONE       (an unknown offer is answered with na)
 *
 * Bytes that follow the last line of the negotiation stay in the ring. */
#ifndef CRUST_P2P_MULTISTREAM_H
#define CRUST_P2P_MULTISTREAM_H

#include "base/ring.h"

enum {
    MULTISTREAM_LINE_MAX = 1024,                      /* with its newline; as in go and js */
    MULTISTREAM_FRAME_MAX = MULTISTREAM_LINE_MAX + 2, /* both rings hold at least this */
    MULTISTREAM_TRIES_MAX = 16, /* offers that a listener declines before it gives up */
};

enum multistream_state {
    MULTISTREAM_SENDING,
    MULTISTREAM_HEADER,
    MULTISTREAM_REPLY,
    MULTISTREAM_DONE,
};

struct multistream {
    enum multistream_state state;
    enum err err; /* sticks */
    bool dialer, lazy, header_sent;
    const char *const *ids;
    size_t count;
    size_t at;    /* dialer: the offer under way; when done: the one agreed on */
    size_t tries; /* listener: offers declined */
};

/* multistream_dial begins a negotiation in which we offer ids[0], then ids[1] and so on. lazy:
 * bytes of the protocol may follow the offer at once (multistream_may_send); it needs count == 1.
 * The ids are kept until the end; each is 1 to MULTISTREAM_LINE_MAX - 1 bytes and count > 0
 * (asserted). */
void multistream_dial(struct multistream *m, const char *const *ids, size_t count, bool lazy);

/* multistream_listen begins one in which we accept any of the ids. */
void multistream_listen(struct multistream *m, const char *const *ids, size_t count);

/* multistream_step advances.
 * Returns: OK; ERR_FORMAT (a line without its end, an empty one, another header, an answer to
 *          something we have not offered); ERR_LIMIT (a line over MULTISTREAM_LINE_MAX, too many
 *          offers declined); ERR_UNSUPPORTED (all of our offers were declined). */
NODISCARD enum err multistream_step(struct multistream *m, struct ring *in, struct ring *out);

static inline bool multistream_done(const struct multistream *m)
{
    return m->state == MULTISTREAM_DONE;
}

/* Whether bytes of the agreed protocol may be written after what is in out: when done, or for a
 * lazy dialer once its offer has been written. */
static inline bool multistream_may_send(const struct multistream *m)
{
    return m->state == MULTISTREAM_DONE || (m->lazy && m->state != MULTISTREAM_SENDING);
}

/* The index in ids of the protocol agreed on; asserts multistream_may_send. */
size_t multistream_chosen(const struct multistream *m);

#endif
