/* reports: makes one work report: cuts the step, answers every draw from the disks, has the enclave
 * sign. What cannot be read is a miss, never a report that hangs. Design: docs/design/host.md 6.
 * One report at a time: the control thread. */
#ifndef CRUST_IPFSD_REPORTS_H
#define CRUST_IPFSD_REPORTS_H

#include "ipfsd/call.h"

enum { REPORTS_SIZE_MAX = 88 << 10 };

/* reports_make writes the report's canonical bytes. ERR_NOT_FOUND: the state that the chain stores
 * is none that this node has made (call_fail says so); ERR_CLOSED: the enclave is gone. */
NODISCARD enum err reports_make(struct call *c, const struct node_report *m,
                                uint8_t out[REPORTS_SIZE_MAX], size_t *size);

#endif
