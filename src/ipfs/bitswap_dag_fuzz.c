#include "ipfs/bitswap_dag.h"

#include "codec/cid.h"
#include "codec/dagpb.h"

/* The input is what readers and peers do with a few blocks whose links are made up of the input
 * too. Whatever comes: the counts agree, and everything is given back in the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 48, PARTS = 33, WANTS = 32, KEYS = 24, WAITS = 8 };

struct fuzz {
    struct bitswap_dags d;
    struct bitswap_client c;
    uint32_t waits[WAITS], wait_count;
    uint8_t wait_keys[WAITS];
    uint64_t now;
};

static struct block_key key_of(uint8_t n)
{
    struct block_key key = { .codec = n % 3 == 0 ? CID_CODEC_RAW : CID_CODEC_DAG_PB };
    memset(key.digest, n % KEYS, sizeof(key.digest));
    return key;
}

/* A block with the links that the input says: they need not make sense. */
static size_t make_block(uint8_t out[4096], const struct block_key *key, const uint8_t *p, size_t n)
{
    struct writer w = writer_of(out, 4096);
    for (size_t i = 0; key->codec == CID_CODEC_DAG_PB && i < n % 12; i++) {
        const struct block_key k = key_of(p[i]);
        uint8_t bin[CID_SIZE_MAX];
        struct writer b = writer_of(bin, sizeof(bin));
        struct cid cid = {
            .version = 1, .codec = k.codec, .hash = CID_HASH_SHA2_256, .digest_size = 32
        };
        memcpy(cid.digest, k.digest, 32);
        cid_write(&b, &cid);
        dagpb_write_link(&w, writer_span(&b), span_str(""), 1);
    }
    ASSERT(w.err == OK);
    return w.len;
}

static void check(const struct fuzz *f)
{
    size_t used = 0, waiting = 0, free_entries = 0;
    uint64_t here = 0;
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        const struct bitswap_dag *g = &f->d.list[k];
        size_t count = 0, asked = 0;
        bool ahead = false;
        for (uint32_t i = g->used ? g->first : BITSWAP_DAG_NONE; i != BITSWAP_DAG_NONE;
             i = f->d.m.entries[i].after) {
            const struct bitswap_dag_entry *e = &f->d.m.entries[i];
            ahead |= g->cursor == i;
            ASSERT(e->passed == !ahead); /* what is passed stands before the cursor */
            count++;
            asked += e->state == BITSWAP_DAG_ASKED;
            waiting += e->waiting;
        }
        ASSERT(!g->used || (count == g->count && asked == g->asked));
        used += count;
        here += g->used ? g->here : 0;
    }
    for (uint32_t i = f->d.entry_free; i != BITSWAP_DAG_NONE; i = f->d.m.entries[i].next)
        free_entries++;
    ASSERT(used + free_entries == ENTRIES && waiting == f->wait_count);
    ASSERT(here + (uint64_t)f->d.parts_left * BITSWAP_DAG_PART ==
           (uint64_t)PARTS * BITSWAP_DAG_PART);
}

static void turn(struct fuzz *f)
{
    static uint8_t buffer[BITSWAP_CLIENT_BUFFER];
    struct span frame;
    uint32_t session;
    while (bitswap_dag_open(&f->d, &f->c, &session))
        ASSERT(bitswap_client_provider(&f->c, session, 0) == OK);
    bitswap_client_step(&f->c, f->now);
    bitswap_dag_step(&f->d, &f->c, f->now);
    bitswap_client_compose(&f->c, 0, (struct mspan){ buffer, sizeof(buffer) }, &frame, f->now);
}

static void look(struct fuzz *f, uint8_t n)
{
    static uint8_t out[BLOCK_SIZE_MAX];
    const struct block_key key = key_of(n);
    uint32_t entry;
    if (f->wait_count == WAITS)
        return;
    enum err e = bitswap_dag_look(&f->d, &entry, &key, f->now);
    ASSERT(e == OK || e == ERR_BUSY || e == ERR_LIMIT);
    if (e == OK) {
        bitswap_dag_copy(&f->d, entry, (struct mspan){ out, sizeof(out) });
        bitswap_dag_done(&f->d, entry, f->now);
    } else if (e == ERR_BUSY) {
        f->wait_keys[f->wait_count] = key.digest[0];
        f->waits[f->wait_count++] = entry;
    }
}

static void came(struct fuzz *f, const uint8_t *p, size_t n)
{
    static uint8_t block[4096];
    const struct block_key key = key_of(p[0]);
    struct cid cid = {
        .version = 1, .codec = key.codec, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    memcpy(cid.digest, key.digest, 32);
    size_t size = make_block(block, &key, p, n);
    uint32_t left = 0;
    for (uint32_t i = 0; i < f->wait_count; i++)
        if (f->wait_keys[i] != key.digest[0]) {
            f->wait_keys[left] = f->wait_keys[i];
            f->waits[left++] = f->waits[i];
        }
    f->wait_count = left;
    bitswap_dag_came(&f->d, &key, span_of(block, size), f->now);
    (void)bitswap_client_block(&f->c, 0, &cid, size, f->now);
}

static void init(struct fuzz *f)
{
    static struct bitswap_dag_entry entries[ENTRIES];
    static struct bitswap_client_want wants[WANTS];
    static struct bitswap_client_peer peers[1];
    static uint32_t buckets[2][16], part_next[PARTS];
    static uint8_t parts[(size_t)PARTS * BITSWAP_DAG_PART];
    const struct bitswap_dag_memory m = {
        entries, ENTRIES, buckets[0], 16, parts, part_next, PARTS
    };
    const struct bitswap_client_memory c = { wants, WANTS, peers, 1, buckets[1], 16 };
    memset(f, 0, sizeof(*f));
    bitswap_dag_init(&f->d, &m, 1);
    bitswap_client_init(&f->c, &c, 2);
    bitswap_client_join(&f->c, 0, BITSWAP_NORMAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz f;
    init(&f);
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint8_t what = data[i] % 8, n = data[i + 1];
        if (what < 3) {
            look(&f, n);
        } else if (what < 6) {
            came(&f, data + i + 1, size - i - 1);
        } else if (what == 6 && f.wait_count > 0) {
            bitswap_dag_leave(&f.d, f.waits[--f.wait_count]);
        } else {
            f.now += (uint64_t)n * 40;
            turn(&f);
        }
        check(&f);
    }
    while (f.wait_count > 0)
        bitswap_dag_leave(&f.d, f.waits[--f.wait_count]);
    f.now += 2 * BITSWAP_DAG_IDLE_MS;
    turn(&f);
    check(&f);
    ASSERT(f.d.parts_left == PARTS);
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++)
        ASSERT(!f.d.list[k].used);
    for (int i = 0; i < 4; i++)
        turn(&f);
    ASSERT(f.c.wants_used == 0);
    return 0;
}
