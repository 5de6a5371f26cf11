#include "api/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any bytes as a bundle, by either kind of trust: a verdict, and never signed without blocks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verify_room room;
    static struct verify_report report;
    char what[VERIFY_WHAT_MAX];
    struct verify_trust trust = { .no_signatures = true, .by_block = size % 2 == 0, .height = 1 };
    trust.clock = (struct light_clock){ .now = { .seconds = 1795376400 },
                                        .trusting_seconds = 7 * 86400,
                                        .drift_seconds = 10 };
    const struct span in = span_of(data, size);
    enum err e = verify_bundle(&report, what, &room, in, &trust);
    ASSERT((e == OK) == (what[0] == '\0'));
    ASSERT(!report.is_signed || (report.has_blocks && report.signed_height != 0));
    return 0;
}
