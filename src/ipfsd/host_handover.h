/* host_handover: the host's side of a hand-over, docs/spec/handover.md. */
#ifndef CRUST_IPFSD_HOST_HANDOVER_H
#define CRUST_IPFSD_HOST_HANDOVER_H

#include "ipfsd/host.h"

/* host_handover does one step, or says why not: ERR_STATE (not its turn), ERR_DENIED (the enclave
 * does not allow the successor, or another account), ERR_SIGNATURE, and what the enclave says.
 * out->evidence lies in room. */
NODISCARD enum err host_handover(struct host *h, struct node_handed *out,
                                 uint8_t room[ENCLAVE_EVIDENCE_MAX],
                                 const struct node_hand_over *m);

/* host_succession gives what the chain is to be shown. ERR_STATE: this worker has no predecessor.
 */
NODISCARD enum err host_succession(struct host *h, uint8_t out[ENCLAVE_EVIDENCE_MAX],
                                   struct node_succession *s, const struct node_register *m);

/* Used by host.c, under the lock: the file of a hand-over; whether its record is written, so that
 * only the successor may go on; and TAKE_OVER, of a link that has been provisioned. */
NODISCARD enum err host_handover_load(struct host *h);
bool host_handover_pending(const struct host *h);
NODISCARD enum err host_handover_take(struct host *h);

#endif
