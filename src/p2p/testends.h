/* testends: who the two ends of a connection are, for tests: keys, and certificates of one moment.
 */
#ifndef CRUST_P2P_TESTENDS_H
#define CRUST_P2P_TESTENDS_H

#include "base/check.h"
#include "crypto/random.h"
#include "p2p/tls.h"

enum { NOW = 1763800000 }; /* November 2025: within the public vectors' validity */

static struct ed25519_key identity[2];
static struct tls_identity shared[2];

static inline int testends_setup(void **state)
{
    (void)state;
    if (random_init() != OK)
        return -1;
    for (int i = 0; i < 2; i++) {
        uint8_t seed[32] = { (uint8_t)(i + 1), 4 };
        ed25519_keypair(&identity[i], seed);
        if (tls_identity_init(&shared[i], &identity[i], NOW) != OK)
            return -1;
    }
    return 0;
}

static inline int testends_teardown(void **state)
{
    (void)state;
    tls_identity_fini(&shared[0]);
    tls_identity_fini(&shared[1]);
    return 0;
}

#endif
