/* name_publish: the node's own names told to others: when somebody publishes, and again and again
 * before records end. docs/spec/names.md 3; docs/guide/names.md. */
#ifndef CRUST_IPFSD_NAME_PUBLISH_H
#define CRUST_IPFSD_NAME_PUBLISH_H

#include "ipfsd/jobs.h"
#include "ipfsd/name_keys.h"
#include "ipfsd/name_net.h"
#include "ipfsd/names.h"

enum {
    NAME_PUBLISH_FIRST_MS = 5000,  /* after the start, until the first record is told again */
    NAME_PUBLISH_RETRY_MS = 20000, /* when nobody could be told */
    NAME_PUBLISH_TICK_MS = 1000,
};

struct name_publish;

struct name_publish_options { /* all kept */
    struct loop *loop;
    struct jobs *jobs; /* records are told again there, one after the other */
    struct name_keys *keys;
    struct names *names;
    struct name_net *net;
    uint64_t again_s; /* between two times that a record is told */
};

/* name_publish_open begins to tell what has been published; the gateway knows it at once.
 * ERR_MEMORY. The loop, as _stop and _close. */
NODISCARD enum err name_publish_open(struct name_publish **out,
                                     const struct name_publish_options *o);

struct name_published {
    struct name_signed record;
    struct name_net_told told;
};

/* name_publish signs a record, keeps it, and tells it. Up to a minute; any thread but the loop's.
 * That nobody could be told is no error: it is tried again. As name_keys_sign. */
NODISCARD enum err name_publish(struct name_publish *p, struct name_published *out, const char *key,
                                const struct name_wish *wish);

/* A key is no longer ours: others are asked for its name again. */
void name_publish_forget(struct name_publish *p, const struct peer_id *id);

/* name_publish_stop: nothing further is told again; what is under way ends when name_net stops.
 * name_publish_close when jobs have stopped. NULL is fine. */
void name_publish_stop(struct name_publish *p);
void name_publish_close(struct name_publish *p);

#endif
