/* Any bytes as a peer's certificate, and as what a peer sends to a listener or to a dialer. The
 * first byte says which. */
#include "p2p/tls.h"

#include "p2p/tls_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1763800000 };

static uint8_t memory[2][TLS_RECORD_MAX];

static const struct tls_identity *identity(void)
{
    static struct tls_identity t;
    static const uint8_t seed[32] = { 3 };
    if (t.ctx == NULL) {
        struct ed25519_key pair;
        ed25519_keypair(&pair, seed);
        enum err e = tls_identity_init(&t, &pair, NOW);
        ASSERT(e == OK);
    }
    return &t;
}

static void fuzz_certificate(struct span in)
{
    struct peer_key key;
    enum err e = tls_cert_check_der(&key, in, NOW);
    ASSERT((e == OK) == (key.size != 0));
}

static void fuzz_connection(bool initiator, struct span in)
{
    struct tls t;
    struct tls_config c = { .initiator = initiator, .now_s = NOW };
    struct ring from = ring_of(memory[0], TLS_RECORD_MAX);
    struct ring to = ring_of(memory[1], TLS_RECORD_MAX);
    enum err e = tls_init(&t, identity(), &c);
    ASSERT(e == OK);
    for (;;) {
        e = tls_step(&t, &from, &to);
        ASSERT(!tls_done(&t)); /* nobody guesses a handshake */
        ring_drop(&to, ring_used(&to));
        size_t n = ring_put(&from, in);
        in = span_sub(in, n, in.n);
        if (e != OK || n == 0)
            break;
    }
    tls_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    if (data[0] % 3 == 0)
        fuzz_certificate(in);
    else
        fuzz_connection(data[0] % 3 == 1, in);
    return 0;
}
