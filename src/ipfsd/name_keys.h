/* name_keys: the keys of this node's own IPNS names, and the record that each has published last.
 * docs/spec/names.md. A folder holds NAME.key, readable by its owner alone, and ID.record; the key
 * of the name "self" is the node's identity, elsewhere.
 *
 * Private keys are read when something is signed and wiped then. A record is on the disk before
 * anybody sees it, so that no crash makes a sequence number go back. Any thread; blocking. */
#ifndef CRUST_IPFSD_NAME_KEYS_H
#define CRUST_IPFSD_NAME_KEYS_H

#include "codec/ipns.h"

enum {
    NAME_KEYS_MAX = 256,
    NAME_KEYS_TEXT = 65, /* of a key's name, with its NUL */
    NAME_KEYS_PATH_MAX = 512,
    NAME_KEYS_VALUE_MAX = 4096,
    NAME_KEYS_LIFETIME_MIN_S = 60,
};

#define NAME_KEYS_LIFETIME_MAX_S UINT32_C(3153600000) /* a hundred years */

struct name_keys;

struct name_key {
    char name[NAME_KEYS_TEXT];
    struct peer_id id;
    bool fresh; /* made in this life: nobody has published it elsewhere */
    bool published;
    uint64_t sequence; /* of the last record, as until_s and lifetime_s */
    int64_t until_s;
    uint32_t lifetime_s;
};

/* A record as it is published. */
struct name_signed {
    struct peer_id id;
    uint64_t sequence;
    int64_t until_s;
    uint32_t lifetime_s;
    size_t size;
    uint8_t bytes[IPNS_RECORD_MAX];
};

struct name_wish {
    struct span value; /* a path */
    uint32_t lifetime_s;
    uint64_t ttl_ns;
    struct span seen; /* a record of the name that is known from elsewhere, or empty */
};

/* name_keys_open reads the folder, which is there. self: the file of the seed of "self"
 * (rt/seed_file), or NULL: there is no such name. Files that cannot be read are left out and
 * logged. ERR_LIMIT, ERR_MEMORY, ERR_IO. */
NODISCARD enum err name_keys_open(struct name_keys **out, const char *folder, const char *self);
void name_keys_close(struct name_keys *k); /* NULL is fine */

/* True for letters, digits, '.', '_', '-', at most 64 of them, not a '.' first. */
bool name_keys_valid(const char *name);

/* A key by its name or by the text of its id; the i-th, "self" first, then by name.
 * ERR_NOT_FOUND. */
NODISCARD enum err name_keys_find(struct name_keys *k, struct name_key *out, const char *name);
NODISCARD enum err name_keys_at(struct name_keys *k, struct name_key *out, size_t i);

/* name_keys_make makes a key; pair: that one instead of a new one, which is not fresh then.
 * ERR_FORMAT (name), ERR_EXISTS (that name, or that key under another), ERR_LIMIT, ERR_IO... */
NODISCARD enum err name_keys_make(struct name_keys *k, struct name_key *out, const char *name,
                                  const struct ed25519_key *pair);

/* name_keys_rename: force replaces a key that has the new name, and *replaced says whether it did.
 * ERR_NOT_FOUND, ERR_EXISTS, ERR_FORMAT, ERR_DENIED ("self"), ERR_IO. */
NODISCARD enum err name_keys_rename(struct name_keys *k, struct name_key *out, bool *replaced,
                                    const char *from, const char *to, bool force);

/* name_keys_remove forgets a key for good; its record stays, so that a copy of the key that comes
 * back goes on with the next number. *out: what was removed. ERR_NOT_FOUND, ERR_DENIED, ERR_IO. */
NODISCARD enum err name_keys_remove(struct name_keys *k, struct name_key *out, const char *name);

/* name_keys_sign makes the next record of a name and returns when it is on the disk.
 * The number is that of the newest record known, one more when the value differs or the end would
 * not be later; the first is 1.
 *
 * ERR_NOT_FOUND; ERR_FORMAT (a value that is no path), ERR_RANGE (lifetime, or no number is left);
 * ERR_CORRUPT (the last record cannot be read: its number is not known); ERR_IO, ERR_FULL... */
NODISCARD enum err name_keys_sign(struct name_keys *k, struct name_signed *out, const char *name,
                                  const struct name_wish *wish, int64_t now_s);

/* name_keys_last gives the last record as it is, name_keys_renew the same value with a later end,
 * signed anew. ERR_NOT_FOUND (no such key, nothing published), ERR_CORRUPT, as name_keys_sign. */
NODISCARD enum err name_keys_last(struct name_keys *k, struct name_signed *out, const char *name);
NODISCARD enum err name_keys_renew(struct name_keys *k, struct name_signed *out, const char *name,
                                   int64_t now_s);

#endif
