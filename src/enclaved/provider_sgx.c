/* SGX under Gramine: quote and sealing key from /dev/attestation, which the LibOS answers inside
 * the enclave (Gramine's documentation, "Attestation and Secret Provisioning"). */
#include "enclaved/nodes.h"
#include "enclaved/provider.h"

#include <stdio.h>

enum {
    TARGET_INFO = 512, /* MRENCLAVE comes first in it */
    MRENCLAVE = 32,
    SGX_KEY = 16,
    QUOTE_REPORT_DATA =
        48 + 320, /* in a quote of version 3: header, then its place in the report */
    REPORT_DATA = 64,
};

#define SGX_FOLDER "/dev/attestation"

static const struct nodes *nodes;
static char folder[NODES_PATH_MAX];

static enum err read_exactly(const char *name, struct mspan out)
{
    const size_t size = out.n;
    TRY(nodes_read(nodes, folder, name, &out));
    return out.n == size ? OK : ERR_SHORT;
}

struct quote {
    uint8_t *out;
    size_t *size;
    const uint8_t *report_data;
};

/* The report data must be written anew for each quote. */
static enum err quote_once(void *ctx)
{
    const struct quote *q = ctx;
    struct mspan out = { q->out, SEAL_PROVIDER_DATA_MAX };
    TRY(nodes_write(nodes, folder, "/user_report_data", span_of(q->report_data, REPORT_DATA)));
    TRY(nodes_read(nodes, folder, "/quote", &out));
    *q->size = out.n;
    bool whole = out.n > QUOTE_REPORT_DATA + REPORT_DATA &&
                 memcmp(out.p + QUOTE_REPORT_DATA, q->report_data, REPORT_DATA) == 0;
    return whole ? OK : ERR_BUSY;
}

static enum err sgx_evidence(uint8_t out[SEAL_PROVIDER_DATA_MAX], size_t *size,
                             const uint8_t report_data[64], const struct ed25519_key *worker)
{
    (void)worker;
    struct quote q = { out, size, report_data };
    return nodes_try(nodes, quote_once, &q);
}

static enum err open_sgx(struct seal_provider *seal, struct secret *sealing,
                         struct provider_place *place)
{
    char type[16];
    uint8_t info[TARGET_INFO], key[SGX_KEY];
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { key, sizeof(key) };
    *seal = (struct seal_provider){ .name = "sgx-gramine",
                                    .kind = "sgx",
                                    .evidence = sgx_evidence,
                                    .measurement_size = MRENCLAVE };
    nodes = place->nodes;
    TRY(nodes_path(folder, place->root, SGX_FOLDER));
    (void)snprintf(place->why, PROVIDER_WHY_SIZE,
                   "no TEE: there is no " SGX_FOLDER "; this program runs under gramine-sgx");
    TRY(nodes_read_text(nodes, folder, "/attestation_type",
                        (struct mspan){ (uint8_t *)type, sizeof(type) }));
    (void)snprintf(place->why, PROVIDER_WHY_SIZE,
                   "attestation is \"%s\"; the manifest must say sgx.remote_attestation = \"dcap\"",
                   type);
    if (strcmp(type, "dcap") != 0)
        return ERR_UNSUPPORTED;
    (void)snprintf(place->why, PROVIDER_WHY_SIZE, SGX_FOLDER "/my_target_info cannot be read");
    TRY(read_exactly("/my_target_info", (struct mspan){ info, sizeof(info) }));
    memcpy(seal->measurement, info, MRENCLAVE);
    (void)snprintf(place->why, PROVIDER_WHY_SIZE, SGX_FOLDER "/keys/_sgx_mrenclave cannot be read");
    TRY(read_exactly("/keys/_sgx_mrenclave", (struct mspan){ key, sizeof(key) }));
    provider_derive(sealing, span_of(key, sizeof(key)), seal->name, "sealed-keys");
    return OK;
}

const struct provider provider_sgx = {
    .name = "sgx-gramine", .nodes = &nodes_system, .own_sandbox = true, .open = open_sgx
};
