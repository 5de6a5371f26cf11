#include "seal/seal_provider.h"

#include "attest/attest_made.h"

static enum err software_evidence(uint8_t out[SEAL_PROVIDER_DATA_MAX], size_t *size,
                                  const uint8_t report_data[64], const struct ed25519_key *worker)
{
    attest_software_sign(out, report_data, worker);
    *size = ED25519_SIGNATURE_SIZE;
    return OK;
}

const struct seal_provider seal_provider_software = {
    .name = "software",
    .kind = "software",
    .evidence = software_evidence,
};
