/* evidence: what is wrong with evidence that the enclave gave, before a fee is paid for a
 * transaction that every node would refuse. Whether it is genuine is the chain's question. Pure. */
#ifndef CRUST_AGENTD_EVIDENCE_H
#define CRUST_AGENTD_EVIDENCE_H

#include "base/span.h"

/* evidence_trouble gives a sentence that says what to do, or "". Static storage. */
const char *evidence_trouble(struct span evidence);

#endif
