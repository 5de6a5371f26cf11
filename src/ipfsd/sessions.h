/* sessions: which sealings are under way on this node, and which wait to go on where a crash, a
 * lost enclave or a source that went away has ended them. Design: docs/design/host.md 3. Any
 * thread. */
#ifndef CRUST_IPFSD_SESSIONS_H
#define CRUST_IPFSD_SESSIONS_H

#include "codec/cid.h"
#include "ipfsd/disks.h"

struct host;

enum {
    SESSIONS_MAX = 32,
    SESSIONS_WAITING_MAX = 16,              /* that nobody works on; more: the oldest is dropped */
    SESSIONS_IDLE_MS = 24 * 60 * 60 * 1000, /* after this long without anybody it is dropped */
};

struct sessions_entry {
    bool used;
    bool active; /* a thread works on it */
    bool kept;   /* a checkpoint is on the volume; what follows is set */
    bool alive;  /* the enclave's state says so */
    struct content_key key;
    uint64_t number;
    uint32_t volume;
    struct volume_replica id;
    uint64_t idle_since_ms;
};

struct sessions {
    pthread_mutex_t lock;
    struct sessions_entry list[SESSIONS_MAX];
};

NODISCARD enum err sessions_init(struct sessions *s);
void sessions_fini(struct sessions *s);

/* sessions_load reads which checkpoints the volumes hold; sessions_settle, once the enclave is
 * loaded and the index is right, removes what belongs to none that is alive. At start. */
void sessions_load(struct sessions *s, const struct disks *d);
void sessions_settle(struct host *h);

/* sessions_alive tells whether the number is that of a session that can go on, and remembers that
 * the enclave has it. */
bool sessions_alive(struct sessions *s, uint64_t number);

/* True when the replica belongs to a session that is not finished. */
bool sessions_owns(struct sessions *s, uint32_t volume, const struct volume_replica *id);

/* sessions_claim makes the caller the one who works on a content; out->kept: there is something to
 * resume. ERR_BUSY: another thread does; ERR_LIMIT: SESSIONS_MAX are there. */
NODISCARD enum err sessions_claim(struct sessions *s, struct sessions_entry *out,
                                  const struct content_key *key);

/* sessions_claim_idle claims the one that nobody has worked on for the longest time: any when there
 * are more than waiting_max, else only one idle since before idle_before_ms. ERR_NOT_FOUND. */
NODISCARD enum err sessions_claim_idle(struct sessions *s, struct sessions_entry *out,
                                       uint32_t waiting_max, uint64_t idle_before_ms);

/* A checkpoint of the claimed session e is on its volume now. Under the host's lock. */
void sessions_keep(struct sessions *s, const struct sessions_entry *e);

/* sessions_release ends the claim; with wait the session stays, to go on later. */
void sessions_release(struct sessions *s, const struct content_key *key, bool wait);

#endif
