/* Runs everything that the keys of an enclave go through with the keys marked as undefined, so that
 * valgrind's memcheck reports each branch and each address that depends on them. What is public by
 * nature (public key, ciphertext, verdict) is marked as defined again. tests/e2e/enclave_secrets
 * runs it; the argument "leak" makes one branch that must be reported. */
#include "crypto/random.h"
#include "seal/seal_keys.h"

#include <stdio.h>
#include <valgrind/memcheck.h>

static void classify(const void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void declassify(const void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* Whether a verdict is want; that a check failed is no secret. */
static bool is(enum err e, enum err want)
{
    declassify(&e, sizeof(e));
    return e == want;
}

static void publish(struct seal_keys *k)
{
    declassify(k->worker.public_key, sizeof(k->worker.public_key));
    declassify(k->lineage, sizeof(k->lineage));
    declassify(&k->epoch, sizeof(k->epoch));
}

static bool blobs(struct seal_keys *k, const uint8_t chain[32], const uint8_t nonce[24])
{
    uint8_t blob[SEAL_KEYS_BLOB];
    struct secret sealing;
    struct seal_keys again;
    random_bytes(sealing.b, sizeof(sealing.b));
    classify(&sealing, sizeof(sealing));
    seal_keys_seal(blob, k, &sealing, chain, nonce);
    declassify(blob, sizeof(blob));
    bool good = is(seal_keys_open(&again, span_of(blob, sizeof(blob)), &sealing, chain), OK);
    publish(&again);
    good = good && memcmp(again.lineage, k->lineage, 32) == 0;
    blob[40] ^= 1;
    return good &&
           is(seal_keys_open(&again, span_of(blob, sizeof(blob)), &sealing, chain), ERR_SIGNATURE);
}

static bool segments(const struct seal_keys *k, const uint8_t nonce[24])
{
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    struct secret key;
    struct secret got;
    const struct seal_keys_segment at = { .content.codec = 0x55, .segment = 3, .length = 99 };
    random_bytes(key.b, sizeof(key.b));
    classify(&key, sizeof(key));
    seal_keys_wrap(wrapped, k, &at, &key, nonce);
    declassify(wrapped, sizeof(wrapped));
    bool good = is(seal_keys_unwrap(&got, k, &at, wrapped), OK);
    declassify(&key, sizeof(key));
    declassify(&got, sizeof(got));
    good = good && memcmp(key.b, got.b, sizeof(key.b)) == 0;
    wrapped[30] ^= 1;
    return good && is(seal_keys_unwrap(&got, k, &at, wrapped), ERR_SIGNATURE);
}

static bool records(const struct seal_keys *k)
{
    uint8_t mac[SEAL_KEYS_MAC];
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    seal_keys_mac(mac, k, "crust/test/1", span_str("record"));
    declassify(mac, sizeof(mac));
    bool good = is(seal_keys_check(mac, k, "crust/test/1", span_str("record")), OK);
    mac[31] ^= 1;
    good = good && is(seal_keys_check(mac, k, "crust/test/1", span_str("record")), ERR_SIGNATURE);
    ed25519_sign(signature, span_str("report"), &k->worker);
    declassify(signature, sizeof(signature));
    return good && ed25519_verify(signature, span_str("report"), k->worker.public_key) == OK;
}

/* Every byte of the keys is zero after the wipe. */
static bool wiped(struct seal_keys *k)
{
    static const struct seal_keys zero;
    seal_keys_wipe(k);
    declassify(k, sizeof(*k));
    return memcmp(k, &zero, sizeof(*k)) == 0;
}

int main(int argc, char **argv)
{
    uint8_t chain[32];
    uint8_t nonce[24];
    struct secret nmk;
    struct seal_keys k;
    if (random_init() != OK)
        return 1;
    random_bytes(chain, sizeof(chain));
    random_bytes(nonce, sizeof(nonce));
    random_bytes(nmk.b, sizeof(nmk.b));
    classify(&nmk, sizeof(nmk));
    if (argc == 2 && strcmp(argv[1], "leak") == 0 && nmk.b[0] > 127)
        puts("a branch on a secret");
    seal_keys_make(&k, &nmk, chain);
    publish(&k);
    if (!blobs(&k, chain, nonce) || !segments(&k, nonce) || !records(&k) || !wiped(&k))
        return 1;
    puts(RUNNING_ON_VALGRIND != 0 ? "checked" : "not under valgrind");
    return 0;
}
