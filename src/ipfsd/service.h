/* service: the local protocol of crust-ipfsd: which question goes to which thread, and the answers
 * about the block store. Messages: docs/spec/node-ipc.md. */
#ifndef CRUST_IPFSD_SERVICE_H
#define CRUST_IPFSD_SERVICE_H

#include "ipfsd/ipfsd.h"

/* service_open listens on the socket of the settings. ERR_EXISTS (another crust-ipfsd answers
 * there), ERR_DENIED, ERR_IO, ERR_MEMORY. */
NODISCARD enum err service_open(struct ipfsd *n);
void service_close(struct ipfsd *n);

/* Handlers run on a thread of their queue; what they return is the result of the call. */
NODISCARD enum err service_block_get(struct call *c);
NODISCARD enum err service_block_has(struct call *c);
NODISCARD enum err service_pin_next(struct call *c);
NODISCARD enum err service_repo_stat(struct call *c);
NODISCARD enum err service_repo_gc(struct call *c);
NODISCARD enum err service_repo_verify(struct call *c);

/* service_storage.c */
NODISCARD enum err service_status(struct call *c);
NODISCARD enum err service_register(struct call *c);
NODISCARD enum err service_hand_over(struct call *c);
NODISCARD enum err service_succession(struct call *c);
NODISCARD enum err service_seal(struct call *c);
NODISCARD enum err service_remove(struct call *c);
NODISCARD enum err service_fill(struct call *c);
NODISCARD enum err service_release(struct call *c);
NODISCARD enum err service_report(struct call *c);
NODISCARD enum err service_accepted(struct call *c);
NODISCARD enum err service_fetch(struct call *c);
NODISCARD enum err service_replica_next(struct call *c);
NODISCARD enum err service_drop_volume(struct call *c);
NODISCARD enum err service_disk_stop(struct call *c);
NODISCARD enum err service_disk_resume(struct call *c);

/* service_name.c */
NODISCARD enum err service_name_publish(struct call *c);
NODISCARD enum err service_name_resolve(struct call *c);
NODISCARD enum err service_name_list(struct call *c);
NODISCARD enum err service_name_gen(struct call *c);
NODISCARD enum err service_name_rename(struct call *c);
NODISCARD enum err service_name_rm(struct call *c);
NODISCARD enum err service_name_import(struct call *c);

#endif
