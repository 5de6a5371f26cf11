/* SEV-SNP: a report and the host's certificate table through configfs-tsm, and the sealing key that
 * the chip's firmware derives for this measurement and policy. */
#include "enclaved/provider.h"
#include "enclaved/tsm.h"

#include <fcntl.h>
#include <linux/sev-guest.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum {
    REPORT = 1184,
    TABLE_MAX = 12 << 10, /* what the chain takes */
    REPORT_DATA_AT = 0x50,
    MEASUREMENT_AT = 0x90,
    MEASUREMENT = 48,
    KEY_AT = 0x20, /* in MSG_KEY_RSP, whose first u32 is the firmware's status */
    FIELD_POLICY = 1 << 0,
    FIELD_MEASUREMENT = 1 << 3,
};

#define SEV_GUEST "/dev/sev-guest"

static struct tsm tsm;

static enum err snp_evidence(uint8_t out[SEAL_PROVIDER_DATA_MAX], size_t *size,
                             const uint8_t report_data[64], const struct ed25519_key *worker)
{
    (void)worker;
    _Static_assert(REPORT + TABLE_MAX <= SEAL_PROVIDER_DATA_MAX, "room for both");
    struct tsm_request rq = { .report_data = report_data,
                              .out = { out, REPORT },
                              .aux = { out + REPORT, TABLE_MAX } };
    TRY(tsm_report(&tsm, &rq));
    *size = REPORT + rq.aux.n;
    bool whole =
        rq.out.n == REPORT && memcmp(out + REPORT_DATA_AT, report_data, TSM_REPORT_DATA) == 0;
    return whole ? OK : ERR_FORMAT;
}

/* A key of this chip (its VCEK seed) for this measurement and guest policy, and no other. */
static enum err derived_key(struct secret *sealing, const struct nodes *n, const char *root)
{
    struct snp_derived_key_req rq = { .guest_field_select = FIELD_POLICY | FIELD_MEASUREMENT };
    struct snp_derived_key_resp answer = { { 0 } };
    AUTO(secret_wipe_span) UNUSED struct mspan guard = { answer.data, sizeof(answer.data) };
    struct snp_guest_request_ioctl io = { .msg_version = 1,
                                          .req_data = (uint64_t)(uintptr_t)&rq,
                                          .resp_data = (uint64_t)(uintptr_t)&answer };
    char path[NODES_PATH_MAX];
    TRY(nodes_path(path, root, SEV_GUEST));
    int fd = n->open(path, O_RDWR);
    if (fd < 0)
        return nodes_error();
    enum err e = n->control(fd, SNP_GET_DERIVED_KEY, &io) == 0 ? OK : nodes_error();
    (void)n->close(fd);
    if (e == OK && (io.exitinfo2 != 0 || load_le32(answer.data) != 0))
        e = ERR_IO;
    if (e == OK)
        provider_derive(sealing, span_of(answer.data + KEY_AT, SECRET_SIZE), "snp-tsm",
                        "sealed-keys");
    return e;
}

static enum err open_snp(struct seal_provider *seal, struct secret *sealing,
                         struct provider_place *place)
{
    static const uint8_t zero[TSM_REPORT_DATA];
    static uint8_t report[SEAL_PROVIDER_DATA_MAX];
    size_t size;
    *seal = (struct seal_provider){
        .name = "snp-tsm", .kind = "snp", .evidence = snp_evidence, .measurement_size = MEASUREMENT
    };
    (void)snprintf(place->why, PROVIDER_WHY_SIZE,
                   "no TEE: no SEV-SNP report from " TSM_FOLDER " (the sev-guest driver)");
    TRY(tsm_init(&tsm, place->nodes, "sev_guest", place->root));
    TRY(snp_evidence(report, &size, zero, NULL));
    memcpy(seal->measurement, report + MEASUREMENT_AT, MEASUREMENT);
    (void)snprintf(place->why, PROVIDER_WHY_SIZE, "no derived key from " SEV_GUEST);
    return derived_key(sealing, place->nodes, place->root);
}

static enum err confine(void)
{
    return tsm_confine(&tsm);
}

const struct provider provider_snp = {
    .name = "snp-tsm",
    .nodes = &nodes_system,
    .open = open_snp,
    .confine = confine,
    .rules = { TSM_RULES },
    .rule_count = TSM_RULE_COUNT,
};
