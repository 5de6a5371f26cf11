/* status: Intel's TCB statuses, as sets of what is wrong, and lists of advisories. Pure. */
#ifndef CRUST_ATTEST_STATUS_H
#define CRUST_ATTEST_STATUS_H

#include "base/err.h"
#include "base/span.h"

/* The flaws that a status names. Intel's seven words are the sets that occur; see status_text. */
enum {
    STATUS_HARDENING = 1,     /* software must be hardened against a known attack */
    STATUS_CONFIGURATION = 2, /* settings of the platform must be changed */
    STATUS_OUT_OF_DATE = 4,   /* an update is missing */
    STATUS_REVOKED = 8,
    STATUS_RELAUNCH = 16, /* TDX: the update is there, the TD was started before it */
    STATUS_NONE = 128,    /* not evaluated */
    STATUS_UP_TO_DATE = 0,
    STATUS_ADVISORIES_MAX = 64,
    STATUS_ADVISORY_SIZE = 24, /* with NUL: "INTEL-SA-00334" */
};

struct status_advisories {
    char ids[STATUS_ADVISORIES_MAX][STATUS_ADVISORY_SIZE]; /* ascending, each once */
    uint32_t count;
};

/* Intel's word ("SWHardeningNeeded"), "None" for STATUS_NONE, "?" for a set that has no word. */
const char *status_text(uint8_t status);

/* status_parse reads one of Intel's seven words. ERR_FORMAT for another. */
NODISCARD enum err status_parse(uint8_t *out, struct span word);

/* status_join gives the status of a platform of which one part has another status: the union, in
 * which OutOfDate covers hardening, as in Intel's library; Revoked covers all. */
uint8_t status_join(uint8_t a, uint8_t b);

/* status_add puts an advisory into the list. ERR_LIMIT (too many, too long), ERR_FORMAT (a
 * character other than A-Z, 0-9 and '-'). */
NODISCARD enum err status_add(struct status_advisories *list, struct span id);

#endif
