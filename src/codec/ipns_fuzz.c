#include "codec/ipns.h"

/* A record that is read says the same when its data is signed anew, and orders itself as equal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[ED25519_SEED_SIZE] = { 1 };
    static uint8_t bytes[2 * IPNS_RECORD_MAX];
    struct ipns_record r, again;
    struct ed25519_key key;
    if (ipns_decode(&r, span_of(data, size)) != OK) {
        ASSERT(r.data.p == NULL && r.value.p == NULL);
        return 0;
    }
    ASSERT(size <= IPNS_RECORD_MAX && r.data.n <= size && r.value.n <= r.data.n);
    ASSERT(ipns_compare(&r, &r) == 0);
    ed25519_keypair(&key, seed);
    struct peer_key public = peer_key_of(&key);
    struct peer_id name = peer_id_of(&public);
    struct writer w = writer_of(bytes, sizeof(bytes));
    if (ipns_encode(&w, &r, &key) != OK)
        return 0;
    ASSERT(ipns_decode(&again, writer_span(&w)) == OK);
    ASSERT(ipns_verify(&again, &name, r.validity_s) == OK);
    ASSERT(span_eq(again.value, r.value) && again.sequence == r.sequence);
    ASSERT(ipns_compare(&again, &r) == 0);
    return 0;
}
