/* content_pair: the record of a block, two chunks hashed at a time where the processor has SHA
 * instructions. The same result as content_record_of, about half as fast again: for who imports and
 * checks content. The enclave does without, to be smaller (docs/design/enclave.md). Pure. */
#ifndef CRUST_PROOF_CONTENT_PAIR_H
#define CRUST_PROOF_CONTENT_PAIR_H

#include "proof/content.h"

/* content_pair_record_of: as content_record_of, of a block of at most CONTENT_BLOCK_MAX bytes
 * (asserted). */
void content_pair_record_of(struct content_record *out, const struct content_key *key,
                            struct span block);

#endif
