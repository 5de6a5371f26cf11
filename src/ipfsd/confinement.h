/* confinement: the host program meets every byte that strangers send, so that it takes from itself
 * what it does not need: files but its own (Landlock), system calls but those it makes (seccomp).
 * Why and what is left: docs/design/host.md. */
#ifndef CRUST_IPFSD_CONFINEMENT_H
#define CRUST_IPFSD_CONFINEMENT_H

#include "ipfsd/settings.h"
#include "rt/sandbox.h"

/* confinement_enter makes the folders that the settings name and shuts the process in. To be called
 * before any thread is started and any port is open; the enclave that is started later is under it
 * too. Where the kernel has no Landlock or seccomp a warning says so and the node runs without.
 * Returns: OK, or the error that stands in the log. */
NODISCARD enum err confinement_enter(const struct settings *s);

/* The system calls that are left; every other one fails with ENOSYS. */
extern const struct sandbox_rule confinement_calls[];
extern const size_t confinement_call_count;

#endif
