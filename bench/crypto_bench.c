/* Throughput of crypto/ beside the limit: what libcrypto's own EVP interface does in the same run,
 * which is what `openssl speed -evp sha256 aes-256-ctr` and `openssl speed ed25519` measure.
 *
 * Usage: crypto_bench [--keys N]   (keys in the state tree; default 1000000) */
#include "base/prng.h"
#include "crypto/aes_ctr.h"
#include "crypto/chachapoly.h"
#include "crypto/crc32c.h"
#include "crypto/ed25519.h"
#include "crypto/openssl.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "crypto/smt.h"
#include "crypto/vrf.h"

#include <lmdb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, WRITES = 5000, BLOCKS = 10, LOAD = 50000 };

static uint8_t buffer[BUFFER + 64];

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "crypto_bench: %s failed\n", what);
        exit(1);
    }
}

/* Calls per second of step, over about 0.4 s. */
static double rate(void (*step)(void *), void *ctx)
{
    size_t calls = 0;
    double start = seconds(CLOCK_MONOTONIC), now = start;
    step(ctx);
    for (start = seconds(CLOCK_MONOTONIC); now - start < 0.4; now = seconds(CLOCK_MONOTONIC)) {
        step(ctx);
        calls++;
    }
    return (double)calls / (now - start);
}

static void report(const char *name, double ours, double peer, const char *unit)
{
    if (peer > 0)
        printf("%-34s %10.2f %-8s  libcrypto EVP %10.2f  ratio %.2f\n", name, ours, unit, peer,
               ours / peer);
    else
        printf("%-34s %10.2f %-8s\n", name, ours, unit);
}

/* ---- hashes and ciphers --------------------------------------------------------------------- */

static void hash_ours(void *ctx)
{
    size_t n = *(size_t *)ctx;
    uint8_t out[SHA256_SIZE];
    for (size_t i = 0; i < BUFFER / n; i++)
        sha256(out, span_of(buffer + i * n, n));
}

static void hash_evp(void *ctx)
{
    size_t n = *(size_t *)ctx;
    uint8_t out[SHA256_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    for (size_t i = 0; i < BUFFER / n; i++) {
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        EVP_DigestUpdate(md, buffer + i * n, n);
        EVP_DigestFinal_ex(md, out, NULL);
    }
    EVP_MD_CTX_free(md);
}

static void crc_ours(void *ctx)
{
    *(uint32_t *)ctx = crc32c(0, span_of(buffer, BUFFER));
}

static void ctr_ours(void *ctx)
{
    aes_ctr_xor(ctx, 0, buffer, span_of(buffer, BUFFER));
}

static void stream_ours(void *ctx)
{
    aes_ctr_keystream(ctx, 0, (struct mspan){ buffer, BUFFER });
}

static void ctr_evp(void *ctx)
{
    int len = 0;
    EVP_EncryptUpdate(ctx, buffer, &len, buffer, BUFFER);
}

static void chacha_ours(void *ctx)
{
    static const uint8_t nonce[CHACHAPOLY_NONCE_SIZE];
    chachapoly_seal(ctx, buffer, nonce, span_of(NULL, 0), span_of(buffer, BUFFER));
}

static void bench_bulk(void)
{
    static const uint8_t key[32] = { 1 }, iv[16] = { 2 };
    static const size_t sizes[] = { 65, 1024, 16384, BUFFER };
    for (size_t i = 0; i < 4; i++) {
        char name[40];
        size_t n = sizes[i];
        double whole = (double)(BUFFER / n * n) / 1e9;
        snprintf(name, sizeof(name), "SHA-256, %zu bytes", n);
        report(name, rate(hash_ours, &n) * whole, rate(hash_evp, &n) * whole, "GB/s");
    }
    struct aes_ctr a;
    struct chachapoly c;
    must(aes_ctr_init(&a) == OK && chachapoly_init(&c) == OK, "cipher set-up");
    aes_ctr_key(&a, key, iv);
    chachapoly_key(&c, key);
    EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
    must(EVP_EncryptInit_ex(evp, EVP_aes_256_ctr(), NULL, key, iv), "EVP set-up");
    double whole = (double)BUFFER / 1e9, peer = rate(ctr_evp, evp) * whole;
    report("AES-256-CTR, 1 MiB", rate(ctr_ours, &a) * whole, peer, "GB/s");
    report("AES-256-CTR keystream, 1 MiB", rate(stream_ours, &a) * whole, peer, "GB/s");
    report("ChaCha20-Poly1305, 1 MiB", rate(chacha_ours, &c) * whole, 0, "GB/s");
    uint32_t crc = 0;
    report("CRC-32C, 1 MiB", rate(crc_ours, &crc) * whole, 0, "GB/s");
    EVP_CIPHER_CTX_free(evp);
    aes_ctr_fini(&a);
    chachapoly_fini(&c);
}

/* ---- signatures ----------------------------------------------------------------------------- */

struct signed_message {
    struct ed25519_key key;
    uint8_t message[200]; /* about a transfer */
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    uint8_t proof[VRF_PROOF_SIZE];
    EVP_PKEY *evp;
    double rate;
};

static void verify_ours(void *ctx)
{
    const struct signed_message *s = ctx;
    must(ed25519_verify(s->signature, span_of(s->message, sizeof(s->message)), s->key.public_key) ==
             OK,
         "verify");
}

static void verify_evp(void *ctx)
{
    const struct signed_message *s = ctx;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    must(EVP_DigestVerifyInit(md, NULL, NULL, NULL, s->evp) == 1 &&
             EVP_DigestVerify(md, s->signature, 64, s->message, sizeof(s->message)) == 1,
         "EVP verify");
    EVP_MD_CTX_free(md);
}

static void sign_ours(void *ctx)
{
    struct signed_message *s = ctx;
    ed25519_sign(s->signature, span_of(s->message, sizeof(s->message)), &s->key);
}

static void vrf_ours(void *ctx)
{
    const struct signed_message *s = ctx;
    uint8_t out[VRF_OUTPUT_SIZE];
    must(vrf_verify(out, s->key.public_key, s->proof, span_of(s->message, 32)) == OK, "VRF");
}

static void *verify_thread(void *ctx)
{
    struct signed_message *s = ctx;
    s->rate = rate(verify_ours, s);
    return NULL;
}

static void bench_signatures(void)
{
    struct signed_message s = { .rate = 0 }, copies[2];
    uint8_t seed[32] = { 1 };
    pthread_t threads[2];
    ed25519_keypair(&s.key, seed);
    ed25519_sign(s.signature, span_of(s.message, sizeof(s.message)), &s.key);
    must(vrf_prove(s.proof, &s.key, span_of(s.message, 32)) == OK, "VRF prove");
    s.evp = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, s.key.public_key, 32);
    must(s.evp != NULL, "EVP key");
    report("Ed25519 verify, 1 thread", rate(verify_ours, &s) / 1e3, rate(verify_evp, &s) / 1e3,
           "k/s");
    for (size_t i = 0; i < 2; i++) {
        copies[i] = s;
        must(pthread_create(&threads[i], NULL, verify_thread, &copies[i]) == 0, "thread");
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    report("Ed25519 verify, 2 threads", (copies[0].rate + copies[1].rate) / 1e3, 0, "k/s");
    report("Ed25519 sign", rate(sign_ours, &s) / 1e3, 0, "k/s");
    report("ECVRF verify", rate(vrf_ours, &s) / 1e3, 0, "k/s");
    EVP_PKEY_free(s.evp);
}

/* ---- the state tree ------------------------------------------------------------------------- */

struct lmdb {
    MDB_txn *txn;
    MDB_dbi dbi;
};

static enum err lmdb_get(void *ctx, struct span *value, struct span key)
{
    struct lmdb *l = ctx;
    MDB_val k = { key.n, (void *)(uintptr_t)key.p }, v;
    int e = mdb_get(l->txn, l->dbi, &k, &v);
    if (e != 0)
        return e == MDB_NOTFOUND ? ERR_NOT_FOUND : ERR_IO;
    *value = span_of(v.mv_data, v.mv_size);
    return OK;
}

static enum err lmdb_put(void *ctx, struct span key, struct span value)
{
    struct lmdb *l = ctx;
    MDB_val k = { key.n, (void *)(uintptr_t)key.p };
    MDB_val v = { value.n, (void *)(uintptr_t)value.p };
    return mdb_put(l->txn, l->dbi, &k, &v, 0) == 0 ? OK : ERR_IO;
}

static enum err lmdb_del(void *ctx, struct span key)
{
    struct lmdb *l = ctx;
    MDB_val k = { key.n, (void *)(uintptr_t)key.p };
    int e = mdb_del(l->txn, l->dbi, &k, NULL);
    return e == 0 || e == MDB_NOTFOUND ? OK : ERR_IO;
}

static struct smt_write writes[LOAD];

/* count random keys below limit, sorted and distinct; returns how many. */
static size_t draw(struct prng *g, uint64_t limit, size_t count, uint64_t first)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t n = limit == 0 ? first + i : prng_below(g, limit), value = prng_u64(g);
        smt_write_of(&writes[i], span_of(&n, sizeof(n)), span_of(&value, sizeof(value)), false);
    }
    smt_sort(writes, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || memcmp(writes[kept - 1].key_hash, writes[i].key_hash, 32) != 0)
            writes[kept++] = writes[i];
    return kept;
}

static void update(MDB_env *env, struct lmdb *l, const struct smt *t, size_t count, double *cpu)
{
    uint8_t root[SMT_HASH_SIZE];
    must(mdb_txn_begin(env, NULL, 0, &l->txn) == 0, "transaction");
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    must(smt_update(t, root, writes, count) == OK, "update");
    *cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    must(mdb_txn_commit(l->txn) == 0, "commit");
}

static void bench_tree(uint64_t keys)
{
    char dir[] = "/tmp/crypto_bench.XXXXXX", path[64];
    MDB_env *env = NULL;
    struct lmdb l = { 0 };
    struct prng g;
    struct kv kv = { &l, lmdb_get, lmdb_put, lmdb_del, NULL };
    struct smt t = { &kv, span_of("s", 1) };
    prng_init(&g, 1);
    must(mkdtemp(dir) != NULL && mdb_env_create(&env) == 0 &&
             mdb_env_set_mapsize(env, (size_t)4 << 30) == 0 &&
             mdb_env_open(env, dir, MDB_NOSYNC, 0600) == 0 &&
             mdb_txn_begin(env, NULL, 0, &l.txn) == 0 && mdb_dbi_open(l.txn, NULL, 0, &l.dbi) == 0,
         "LMDB");
    mdb_txn_abort(l.txn);
    double load = 0, block = 0, start = seconds(CLOCK_MONOTONIC);
    for (uint64_t at = 0; at < keys; at += LOAD)
        update(env, &l, &t, draw(&g, 0, keys - at < LOAD ? keys - at : LOAD, at), &load);
    report("state tree load, keys", (double)keys / 1e3 / (seconds(CLOCK_MONOTONIC) - start), 0,
           "k/s");
    for (int i = 0; i < BLOCKS; i++)
        update(env, &l, &t, draw(&g, keys, WRITES, 0), &block);
    printf("state tree of %llu keys: 5,000 random writes %.1f ms of CPU (LMDB without sync)\n",
           (unsigned long long)keys, block / BLOCKS * 1e3);
    MDB_stat stat;
    must(mdb_txn_begin(env, NULL, MDB_RDONLY, &l.txn) == 0, "transaction");
    must(mdb_stat(l.txn, l.dbi, &stat) == 0, "stat");
    size_t pages = stat.ms_leaf_pages + stat.ms_branch_pages + stat.ms_overflow_pages;
    printf("state tree on disk: %zu records, %.0f bytes a key\n", stat.ms_entries,
           (double)(pages * stat.ms_psize) / (double)keys);
    mdb_txn_abort(l.txn);
    mdb_env_close(env);
    static const char *const names[] = { "data.mdb", "lock.mdb" };
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    uint64_t keys = 1000000;
    if (argc == 3 && strcmp(argv[1], "--keys") == 0)
        keys = strtoull(argv[2], NULL, 10);
    must(random_init() == OK && keys > 0, "start");
    bench_bulk();
    bench_signatures();
    bench_tree(keys);
    return 0;
}
