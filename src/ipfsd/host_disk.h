/* host_disk: what host_disk.c and host_change.c need of each other. Under the host's lock. */
#ifndef CRUST_IPFSD_HOST_DISK_H
#define CRUST_IPFSD_HOST_DISK_H

#include "codec/enclave_msg.h"

struct host;

/* host_ask_change asks the enclave for a change, after a cut when the pending step is full. */
NODISCARD enum err host_ask_change(struct host *h, const struct enclave_request *m);

/* Something of ours failed after the enclave has agreed: it is ended, to be loaded anew. Gives e.
 */
enum err host_ahead(struct host *h, enum err e);

/* A change that is durable is done, even if the enclave goes before it has said how it stands now:
 * the next one says it when it is loaded. */
void host_reread(struct host *h);

/* The chain stores another state: dropped volumes that it knows of may be emptied. */
void host_note_drops(struct host *h);

#endif
