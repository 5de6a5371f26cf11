/* seal_provider: what vouches for an enclave, as its object sees it. The programs' providers are in
 * enclaved/provider.h; docs/design/providers.md says why they are cut like this. Pure. */
#ifndef CRUST_SEAL_SEAL_PROVIDER_H
#define CRUST_SEAL_SEAL_PROVIDER_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/ed25519.h"

enum {
    SEAL_PROVIDER_MEASUREMENT_MAX = 48,
    SEAL_PROVIDER_DATA_MAX = (16 << 10) - 32, /* of evidence without its frame */
};

struct seal_provider {
    const char *name; /* said in HELLO: "software", "sgx-gramine", "tdx-tsm", "snp-tsm" */
    const char *kind; /* of its evidence: "software", "sgx", "tdx", "snp" */
    /* The sealing key ends with the process: whoever restarts it has a new worker. */
    bool is_volatile;
    size_t measurement_size; /* 0: nothing measures this program */
    uint8_t measurement[SEAL_PROVIDER_MEASUREMENT_MAX];
    /* Makes the data of evidence that carries these 64 bytes; *size is at most
     * SEAL_PROVIDER_DATA_MAX. Hardware ignores worker, software signs with it. One caller at a
     * time. ERR_BUSY or ERR_TIMEOUT: later perhaps; ERR_NOT_FOUND: the machine has no such thing
     * any more; ERR_DENIED, ERR_LIMIT, ERR_FORMAT, ERR_IO. */
    enum err (*evidence)(uint8_t out[SEAL_PROVIDER_DATA_MAX], size_t *size,
                         const uint8_t report_data[64], const struct ed25519_key *worker);
};

/* No hardware: the worker's key signs for itself. */
extern const struct seal_provider seal_provider_software;

#endif
