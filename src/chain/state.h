/* state: the ledger's records over struct kv, and the hash over them.
 * Spec: docs/spec/state.md. Pure; one state belongs to one thread at a time.
 *
 * A key in the kv is one byte, the store's number, and then the record's key. Writing a record of a
 * proved store notes its key; state_commit (or a full list of notes) brings the store's sparse
 * Merkle tree up to date. The order of writes never shows in the hash.
 *
 * Failures of the kv are sticky: reads then find nothing, writes do nothing, and st->err tells. The
 * caller looks once, at the end of a block, and gives up: a ledger that cannot read must stop. */
#ifndef CRUST_CHAIN_STATE_H
#define CRUST_CHAIN_STATE_H

#include "base/kv.h"
#include "crypto/smt.h"

/* Numbers are part of the database format. */
enum state_store {
    STATE_ACCOUNTS = 1, /* chain/accounts */
    STATE_ORDERS = 2,   /* chain/market */
    STATE_WORK = 3,     /* chain/work */
    STATE_PARAMS = 4,
    STATE_BEACON = 5,
    STATE_META = 6,  /* chain id, height, totals */
    STATE_INDEX = 7, /* queues and secondary indexes: under the app hash as a sum, without proofs */
    STATE_TREE = 8,  /* nodes and roots of the trees */
    STATE_STAKING = 9, /* chain/staking, chain/group */
    STATE_GOV = 10,    /* chain/gov */
    STATE_ATTEST = 11, /* chain/registry, chain/releases */
    STATE_STORE_COUNT = 12
};

enum {
    STATE_KEY_MAX = 120, /* a tag, two hashes and a few numbers */
    STATE_VALUE_MAX = 16384,
    STATE_HASH_SIZE = 32,
};

/* A noted write. */
struct state_note {
    uint8_t store;
    uint8_t key_size;
    uint8_t key[STATE_KEY_MAX];
};

struct lthash;

struct state {
    const struct kv *kv;                 /* kept while the state is used */
    enum err err;                        /* first failure of the kv */
    uint64_t changes[STATE_STORE_COUNT]; /* writes to each store since state_init */
    struct state_note *notes;
    size_t note_count;
    size_t note_max;
    uint32_t *slots; /* hash table over notes; a power of two */
    size_t slot_count;
    struct smt_write *writes; /* note_max of them, for one update of a tree */
    struct lthash *sum;       /* over STATE_INDEX; read when its first record changes */
    bool sum_loaded;
    bool sum_changed;
};

/* The bytes state_init needs to note up to note_max keys between two updates of the trees. */
size_t state_memory_size(size_t note_max);

/* state_init: memory is kept, 16-aligned, of state_memory_size(note_max) bytes. A user that only
 * reads gives note_max 0 and no memory; its writes are assertions. */
void state_init(struct state *st, const struct kv *kv, void *memory, size_t note_max);

/* state_get finds a record. The value is borrowed until the next write. False: not there (or
 * st->err). */
bool state_get(struct state *st, struct span *value, enum state_store store, struct span key);
bool state_has(struct state *st, enum state_store store, struct span key);

void state_put(struct state *st, enum state_store store, struct span key, struct span value);
void state_del(struct state *st, enum state_store store, struct span key);

/* state_next finds the first record of the store whose key begins with prefix and is at least from
 * (or greater, when after is true); from may be empty. Key (without the store's byte) and value are
 * borrowed until the next call. False at the end. Writing between calls is allowed when from is the
 * caller's copy. */
struct state_range {
    enum state_store store;
    struct span prefix;
};
bool state_next(struct state *st, struct span *key, struct span *value, struct state_range range,
                struct span from, bool after);

/* state_commit brings all trees and the sum up to date and gives the app hash: the RFC 6962 root
 * over the pairs (store name, root) sorted by name, each leaf being the length-prefixed name and
 * the length-prefixed SHA-256 of the root, as CometBFT's simple map has it. */
void state_commit(struct state *st, uint8_t app_hash[STATE_HASH_SIZE]);

/* The root of one store as of the last state_commit: of its tree, or the digest of the index's sum.
 */
void state_root(struct state *st, uint8_t root[STATE_HASH_SIZE], enum state_store store);

/* state_prove: what leads from a record, or its absence, to the app hash of the last state_commit:
 * the path in the store's tree to root, and the path of the store's leaf among count leaves.
 * key_hash is SHA-256 of the record's key. False: the store has no proofs (STATE_INDEX), or
 * st->err. */
enum { STATE_PATH_MAX = 5 };
struct state_proof {
    struct smt_proof smt;
    uint8_t root[STATE_HASH_SIZE];
    uint32_t index;
    uint32_t count;
    uint8_t leaf[STATE_HASH_SIZE];
    uint32_t path_count;
    uint8_t path[STATE_PATH_MAX][STATE_HASH_SIZE];
};
bool state_prove(struct state *st, struct state_proof *out, enum state_store store,
                 const uint8_t key_hash[STATE_HASH_SIZE]);

/* The tree of a store, for reading. Borrows from st. */
struct smt state_tree(const struct state *st, enum state_store store);

/* state_sum_add: a row of the index as it counts in the index's sum. */
void state_sum_add(struct lthash *sum, struct span key, struct span value);

/* state_app_hash: the app hash over the roots of all stores, by their numbers; those of stores that
 * do not count are not looked at. */
void state_app_hash(uint8_t app_hash[STATE_HASH_SIZE], const uint8_t (*roots)[STATE_HASH_SIZE]);

/* The leaf of a store's name and root under the app hash. */
void state_store_leaf(uint8_t out[STATE_HASH_SIZE], const char *name,
                      const uint8_t root[STATE_HASH_SIZE]);

/* state_store_name: "accounts". Static storage. */
const char *state_store_name(enum state_store store);

#endif
