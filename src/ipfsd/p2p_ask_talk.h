/* p2p_ask_talk: the questions that p2p_ask has under way, and how they are answered. Private to
 * ipfsd/p2p_ask*.c. */
#ifndef CRUST_IPFSD_P2P_ASK_TALK_H
#define CRUST_IPFSD_P2P_ASK_TALK_H

#include "ipfsd/p2p_ask.h"

enum { P2P_ASK_WHO_MAX = ROUTING_WHO_MAX, P2P_ASK_REASON_MAX = 96 };

/* What is known of a connection. */
struct p2p_ask_about {
    bool used, inbound;
    struct peer_id peer;
    uint64_t since_ms;
    char agent[P2P_ASK_AGENT_MAX];
};

enum p2p_ask_target_state { P2P_ASK_WAITS, P2P_ASK_RESOLVES, P2P_ASK_DIALLED, P2P_ASK_OVER };

/* An address that is dialled for a question. */
struct p2p_ask_target {
    struct p2p_ask_talk *talk;
    enum p2p_ask_target_state state;
    struct multiaddr address;
    struct peer_id peer; /* size 0: whoever answers */
    uint32_t connection;
    bool good, named; /* named: it came out of a name */
    char reason[P2P_ASK_REASON_MAX];
    uint64_t begun_ms;
    uint32_t took_ms;
};

struct p2p_ask_note {
    char source[32], who[P2P_ASK_WHO_MAX], where[P2P_ASK_WHO_MAX];
    enum err result;
    uint32_t providers, closer, took_ms;
};

struct p2p_ask_provider {
    char source[32];
    struct peer_id peer;
    size_t addr_count;
};

struct p2p_ask_talk {
    struct p2p_ask *of;
    struct call *call; /* NULL: a free place */
    uint64_t deadline_ms;
    uint32_t resolving; /* answers of the resolver that are still to come: it keeps this place */
    bool asking;        /* routing */
    uint32_t question;
    struct cid cid;      /* of an explanation */
    struct peer_id peer; /* of a ping, or a peer to connect with by its id */
    uint32_t pinged;     /* connection */
    size_t target_count, note_count, provider_count;
    uint32_t notes_more, providers_more, connected;
    struct p2p_ask_target targets[P2P_ASK_TARGETS];
    struct p2p_ask_note notes[P2P_ASK_NOTES];
    struct p2p_ask_provider providers[P2P_ASK_PROVIDERS];
};

struct p2p_ask {
    struct p2p_ask_options o;
    struct fetch_tales *tales; /* NULL: none */
    bool stopped;
    struct p2p_ask_about *about;
    struct loop_timer *timer;
    struct p2p_ask_talk talks[P2P_ASK_TALKS];
};

static inline uint64_t p2p_ask_now(const struct p2p_ask *a)
{
    return loop_now_ms(a->o.loop);
}

/* p2p_ask_answer.c. Room for a JSON answer; false: out of memory, and the call has been told. */
bool p2p_ask_begin_json(struct call *c, struct writer *w);
void p2p_ask_end_json(struct call *c, const struct writer *w);

void p2p_ask_answer_id(struct p2p_ask *a, struct call *c);
void p2p_ask_answer_dht(struct p2p_ask *a, struct call *c);
void p2p_ask_answer_peers(struct p2p_ask *a, struct call *c);
void p2p_ask_answer_talk(struct p2p_ask_talk *t);

#endif
