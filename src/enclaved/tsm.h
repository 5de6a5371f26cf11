/* tsm: reports of a confidential guest from the kernel's configfs-tsm (Linux 6.7 and later;
 * Documentation/ABI/testing/configfs-tsm-report). One caller at a time. */
#ifndef CRUST_ENCLAVED_TSM_H
#define CRUST_ENCLAVED_TSM_H

#include "enclaved/nodes.h"

enum { TSM_REPORT_DATA = 64 };

#define TSM_FOLDER "/sys/kernel/config/tsm/report"

struct tsm {
    const struct nodes *nodes;
    const char *driver;        /* what its provider file must say: "tdx_guest", "sev_guest" */
    char root[NODES_PATH_MAX]; /* the folder in which reports are made, without a last slash */
    uint32_t count;            /* of reports asked for: each has a folder of its own */
};

/* The folder under the tree at root. ERR_LIMIT. */
NODISCARD enum err tsm_init(struct tsm *t, const struct nodes *n, const char *driver,
                            const char *root);

/* One request: where its answers go. */
struct tsm_request {
    const uint8_t *report_data; /* TSM_REPORT_DATA bytes */
    struct mspan out;           /* room, then size, of the report or quote */
    struct mspan aux;           /* the same of what came beside it; room 0: nothing is read. Left
                                   empty when it does not fit */
};

/* tsm_report makes a folder, writes the report data, reads the answers and removes the folder, and
 * begins anew (nodes_try) when somebody else has written there, or the host was not ready.
 * Returns: OK; ERR_NOT_FOUND (no such kernel interface, or no driver behind it), ERR_UNSUPPORTED
 * (another driver), ERR_DENIED, ERR_LIMIT; after all tries ERR_BUSY, ERR_STATE, ERR_TIMEOUT,
 * ERR_IO.
 */
NODISCARD enum err tsm_report(struct tsm *t, struct tsm_request *rq);

/* tsm_confine makes the folder of t, at root, the only one that this process can see from now on.
 * ERR_DENIED: not root in this guest. */
NODISCARD enum err tsm_confine(struct tsm *t);

/* The system calls of tsm_report, beside those of the enclave's policy. */
#define TSM_RULES                                                                                  \
    { "mkdir", SANDBOX_ANY }, { "rmdir", SANDBOX_ANY }, { "openat", SANDBOX_ANY },                 \
        { "read", SANDBOX_ANY }, { "write", SANDBOX_ANY }, { "clock_nanosleep", SANDBOX_ANY },     \
    {                                                                                              \
        "nanosleep", SANDBOX_ANY                                                                   \
    }

enum { TSM_RULE_COUNT = 7 };

#endif
