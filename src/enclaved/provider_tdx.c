/* TDX: a quote through configfs-tsm. There is no sealing key (TDX 1.x), so the worker is volatile.
 */
#include "crypto/random.h"
#include "enclaved/provider.h"
#include "enclaved/tsm.h"

#include <stdio.h>

enum { MRTD_AT = 136, MRTD = 48, REPORT_DATA_AT = 520, TD_REPORT = 584 };

static struct tsm tsm;

/* The TD report in a quote of version 4 or 5, which must carry the report data. */
static enum err find_report(const uint8_t **report, struct span quote, const uint8_t *report_data)
{
    size_t at = quote.n >= 2 && load_le16(quote.p) == 4 ? 48 : 54;
    if (quote.n < at + TD_REPORT || load_le16(quote.p) < 4)
        return ERR_FORMAT;
    *report = quote.p + at;
    return memcmp(*report + REPORT_DATA_AT, report_data, TSM_REPORT_DATA) == 0 ? OK : ERR_FORMAT;
}

static enum err tdx_evidence(uint8_t out[SEAL_PROVIDER_DATA_MAX], size_t *size,
                             const uint8_t report_data[64], const struct ed25519_key *worker)
{
    (void)worker;
    const uint8_t *report;
    struct tsm_request rq = { .report_data = report_data, .out = { out, SEAL_PROVIDER_DATA_MAX } };
    TRY(tsm_report(&tsm, &rq));
    *size = rq.out.n;
    return find_report(&report, span_of(out, *size), report_data);
}

static enum err open_tdx(struct seal_provider *seal, struct secret *sealing,
                         struct provider_place *place)
{
    static const uint8_t zero[TSM_REPORT_DATA];
    static uint8_t quote[SEAL_PROVIDER_DATA_MAX];
    const uint8_t *report;
    size_t size;
    *seal = (struct seal_provider){ .name = "tdx-tsm",
                                    .kind = "tdx",
                                    .is_volatile = true,
                                    .evidence = tdx_evidence,
                                    .measurement_size = MRTD };
    (void)snprintf(place->why, PROVIDER_WHY_SIZE,
                   "no TEE: no TDX quote from " TSM_FOLDER
                   " (the tdx_guest driver, and a quote service at the host)");
    TRY(tsm_init(&tsm, place->nodes, "tdx_guest", place->root));
    TRY(tdx_evidence(quote, &size, zero, NULL));
    TRY(find_report(&report, span_of(quote, size), zero));
    memcpy(seal->measurement, report + MRTD_AT, MRTD);
    random_bytes(sealing->b, SECRET_SIZE);
    return OK;
}

static enum err confine(void)
{
    return tsm_confine(&tsm);
}

const struct provider provider_tdx = {
    .name = "tdx-tsm",
    .nodes = &nodes_system,
    .warning = "volatile: this worker ends with this process, for TDX has no sealing key",
    .open = open_tdx,
    .confine = confine,
    .rules = { TSM_RULES },
    .rule_count = TSM_RULE_COUNT,
};
