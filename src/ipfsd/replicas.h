/* replicas: the index of what is sealed here: content key -> replica, block digest -> places, and
 * what may be deleted once the chain has accepted a state without it. One LMDB file; when it is
 * lost, host_rebuild makes it anew from the trees and the volumes. One writer (the host's lock);
 * readers in any thread. */
#ifndef CRUST_IPFSD_REPLICAS_H
#define CRUST_IPFSD_REPLICAS_H

#include "codec/cid.h"
#include "store/db.h"
#include "store/volume.h"

struct replicas {
    MDB_env *env;
    MDB_dbi blocks, contents, doomed, meta;
};

NODISCARD enum err replicas_open(struct replicas *r, const char *path);
void replicas_close(struct replicas *r);

/* The version of the trees that the index belongs to; 0 when it is new. */
NODISCARD enum err replicas_version(struct replicas *r, uint64_t *version);

/* A replica in a tree. */
struct replicas_entry {
    struct content_key key;
    uint32_t volume;
    uint32_t index; /* of its leaf */
    struct volume_replica id;
};

/* ERR_NOT_FOUND. */
NODISCARD enum err replicas_get(struct replicas *r, struct replicas_entry *out,
                                const struct content_key *key);
/* The first with a key > after (NULL: the first of all). ERR_NOT_FOUND at the end. */
NODISCARD enum err replicas_next(struct replicas *r, struct replicas_entry *out,
                                 const struct content_key *after);

/* Place number nth (from 0) of a block; ERR_NOT_FOUND when there are fewer. */
struct replicas_place {
    uint32_t volume;
    struct volume_replica id;
    uint64_t record; /* its index in the replica */
};
NODISCARD enum err replicas_block(struct replicas *r, struct replicas_place *out,
                                  const uint8_t digest[32], uint32_t nth);

/* What is to be deleted from a volume once version is accepted. */
struct replicas_doomed {
    uint64_t version;
    uint32_t volume;
    bool is_extent;
    struct volume_replica id; /* of a replica */
    uint32_t number;          /* of an extent */
};

/* One change, made durable by commit. */
struct replicas_txn {
    struct replicas *index;
    MDB_txn *txn;
};
NODISCARD enum err replicas_begin(struct replicas_txn *t, struct replicas *r);
NODISCARD enum err replicas_put(struct replicas_txn *t, const struct replicas_entry *e);
NODISCARD enum err replicas_del(struct replicas_txn *t, const struct content_key *key);
NODISCARD enum err replicas_put_block(struct replicas_txn *t, const uint8_t digest[32],
                                      const struct replicas_place *p);
NODISCARD enum err replicas_del_block(struct replicas_txn *t, const uint8_t digest[32],
                                      const struct replicas_place *p);
NODISCARD enum err replicas_doom(struct replicas_txn *t, const struct replicas_doomed *d);
NODISCARD enum err replicas_spare(struct replicas_txn *t, const struct replicas_doomed *d);
NODISCARD enum err replicas_clear(struct replicas_txn *t);
/* Everything of a volume goes: the disk is empty, or gone. */
NODISCARD enum err replicas_del_volume(struct replicas_txn *t, uint32_t volume);
/* Ends t in any case. */
NODISCARD enum err replicas_commit(struct replicas_txn *t, uint64_t version);
void replicas_abort(struct replicas_txn *t);

/* The first doomed thing with a version <= max; ERR_NOT_FOUND. */
NODISCARD enum err replicas_doomed_first(struct replicas *r, struct replicas_doomed *out,
                                         uint64_t max);

#endif
