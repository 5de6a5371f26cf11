/* evidence: what is wrong with evidence that the enclave gave, before a fee is paid for a
 * transaction that every node would refuse. Whether it is genuine is the chain's question. Pure. */
#ifndef CRUST_AGENTD_EVIDENCE_H
#define CRUST_AGENTD_EVIDENCE_H

#include "attest/needs.h"

/* evidence_needs says which documents framed evidence is judged by. ERR_FORMAT; ERR_UNSUPPORTED:
 * software, which none vouches for. */
NODISCARD enum err evidence_needs(struct needs *out, struct span evidence);

/* evidence_trouble gives a sentence that says what to do, or "". Static storage. */
const char *evidence_trouble(struct span evidence);

#endif
