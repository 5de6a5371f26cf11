/* smt: a compact sparse Merkle tree: one 32-byte root over a set of (key hash, value hash) pairs,
 * whatever the order in which they came, with proofs of presence and of absence.
 * Rules: docs/spec/state-tree.md (those of ICS-23's SmtSpec with SHA-256).
 *
 *   leaf(k, v) = SHA-256(0x00 || k || v)     node(l, r) = SHA-256(0x01 || l || r)
 * An empty subtree is 32 zero bytes; a subtree with one leaf is that leaf, at any depth; bits are
 * taken from the most significant one down.
 *
 * The tree lives in a key-value store, four levels to a record, the present version only. Keys and
 * values themselves are the caller's: smt stores hashes. Pure; no allocation; an update uses up to
 * 100 KiB of stack, and only where 64 nibbles of two keys agree. One tree belongs to one thread at
 * a time; readers may share a store that does not change. */
#ifndef CRUST_CRYPTO_SMT_H
#define CRUST_CRYPTO_SMT_H

#include "base/kv.h"
#include "crypto/sha256.h"

enum {
    SMT_HASH_SIZE = SHA256_SIZE,
    SMT_DEPTH_MAX = 256,          /* bits of a key hash */
    SMT_PREFIX_MAX = 64,          /* what goes before our record keys */
    SMT_RECORD_MAX = 4 + 16 * 64, /* docs/spec/state-tree.md 3 */
    SMT_RECORD_KEY_MAX = SMT_PREFIX_MAX + 1 + 32,
    SMT_PROOF_SIZE_MAX = 1 + 2 + 64 + 32 + SMT_DEPTH_MAX * SMT_HASH_SIZE,
};

/* A tree in kv under the keys that begin with prefix, which no other record has. */
struct smt {
    const struct kv *kv; /* kept */
    struct span prefix;  /* kept; at most SMT_PREFIX_MAX bytes (asserted) */
};

/* One change: set the value hash of a key, or remove the key. */
struct smt_write {
    uint8_t key_hash[SMT_HASH_SIZE];
    uint8_t value_hash[SMT_HASH_SIZE];
    bool remove;
};

/* smt_write_of hashes key and value; value is not read when remove is true. */
void smt_write_of(struct smt_write *out, struct span key, struct span value, bool remove);

/* smt_sort puts writes in ascending order of key hash, in place, in O(n log n). */
void smt_sort(struct smt_write *writes, size_t count);

/* smt_update applies all writes and gives the new root. Removing an absent key does nothing.
 * In:      writes in strictly ascending order of key hash.
 * Returns: OK, ERR_FORMAT (not strictly ascending; nothing changed), ERR_CORRUPT (a record of the
 *          tree is damaged or missing) or what kv gave. After ERR_CORRUPT or an error of kv some
 *          records are changed: drop the transaction. root is zeroed on failure. */
NODISCARD enum err smt_update(const struct smt *t, uint8_t root[SMT_HASH_SIZE],
                              const struct smt_write *writes, size_t count);

/* smt_root gives the present root. Returns: OK, ERR_CORRUPT, or what kv gave. */
NODISCARD enum err smt_root(const struct smt *t, uint8_t root[SMT_HASH_SIZE]);

/* smt_get gives the value hash of a key. Returns: OK, ERR_NOT_FOUND, ERR_CORRUPT, or what kv gave;
 * value_hash is zeroed unless OK. */
NODISCARD enum err smt_get(const struct smt *t, uint8_t value_hash[SMT_HASH_SIZE],
                           const uint8_t key_hash[SMT_HASH_SIZE]);

enum smt_proof_kind {
    SMT_PRESENT = 0,      /* the key's own leaf stands at the end of the path */
    SMT_ABSENT_EMPTY = 1, /* an empty subtree stands there */
    SMT_ABSENT_OTHER = 2, /* the leaf of another key stands there */
};

struct smt_proof {
    enum smt_proof_kind kind;
    uint32_t depth;                                /* steps from the root to the end of the path */
    uint8_t other_key_hash[SMT_HASH_SIZE];         /* for SMT_ABSENT_OTHER, else zero */
    uint8_t other_value_hash[SMT_HASH_SIZE];       /* likewise */
    uint8_t sibling[SMT_DEPTH_MAX][SMT_HASH_SIZE]; /* [0] is the child of the root */
};

/* smt_prove builds the proof that key_hash is present or absent.
 * Returns: OK, ERR_CORRUPT, or what kv gave. */
NODISCARD enum err smt_prove(const struct smt *t, struct smt_proof *out,
                             const uint8_t key_hash[SMT_HASH_SIZE]);

/* The side of step depth on the path of a key: true is right. depth below SMT_DEPTH_MAX. */
static inline bool smt_key_bit(const uint8_t key_hash[SMT_HASH_SIZE], size_t depth)
{
    return key_hash[depth / 8] >> (7 - depth % 8) & 1;
}

/* Is this the hash of an empty subtree? */
bool smt_is_empty(const uint8_t hash[SMT_HASH_SIZE]);

/* smt_neighbour finds the leaf nearest to key_hash on one side of it in the order of key hashes,
 * key_hash's own leaf left out. Returns: OK, ERR_NOT_FOUND (none on that side), ERR_CORRUPT, or
 * what kv gave; out is zeroed unless OK. */
struct smt_leaf {
    uint8_t key_hash[SMT_HASH_SIZE];
    uint8_t value_hash[SMT_HASH_SIZE];
};
NODISCARD enum err smt_neighbour(const struct smt *t, struct smt_leaf *out,
                                 const uint8_t key_hash[SMT_HASH_SIZE], bool above);

/* smt_verify checks a proof from anywhere against a root that is trusted.
 * In:      value_hash, or NULL to ask for absence.
 * Returns: OK, ERR_FORMAT (the proof is of the other kind, or its other leaf does not lie on the
 *          key's path), ERR_CORRUPT (it leads to another root). */
NODISCARD enum err smt_verify(const uint8_t root[SMT_HASH_SIZE],
                              const uint8_t key_hash[SMT_HASH_SIZE], const uint8_t *value_hash,
                              const struct smt_proof *proof);

/* smt_proof_root gives the root that a proof of presence leads to; depth at most SMT_DEPTH_MAX. */
void smt_proof_root(uint8_t root[SMT_HASH_SIZE], const uint8_t key_hash[SMT_HASH_SIZE],
                    const uint8_t value_hash[SMT_HASH_SIZE], const struct smt_proof *proof);

/* A subtree as the node above sees it: spec 2.2 to 2.4. */
enum { SMT_NODE_EMPTY = 0, SMT_NODE_LEAF = 1, SMT_NODE_INNER = 2 };
struct smt_node {
    uint8_t kind;
    uint8_t hash[SMT_HASH_SIZE]; /* zeros when empty */
};

/* smt_subtree gives the node at depth bits whose leaves these are: in strictly ascending order of
 * key hash, with the same first depth bits, none to be removed. */
void smt_subtree(struct smt_node *out, const struct smt_write *leaves, size_t count, size_t depth);

/* smt_join gives the node above two. out may be left or right. */
void smt_join(struct smt_node *out, const struct smt_node *left, const struct smt_node *right);

/* smt_proof_encode writes at most SMT_PROOF_SIZE_MAX bytes; smt_proof_decode reads exactly one
 * proof (ERR_SHORT, ERR_TRAILING, ERR_FORMAT; *out zeroed then). At most one byte string decodes to
 * a given proof, and encode gives it back. Layout: docs/spec/state-tree.md 4. */
struct writer;
void smt_proof_encode(struct writer *w, const struct smt_proof *proof);
NODISCARD enum err smt_proof_decode(struct smt_proof *out, struct span in);

#endif
