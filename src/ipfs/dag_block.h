/* dag_block: fetches the block of a CID from a block_source, wherever it is: in the CID itself
 * (identity), known to everybody (the empty ones), or in the source. Pure but for the source. */
#ifndef CRUST_IPFS_DAG_BLOCK_H
#define CRUST_IPFS_DAG_BLOCK_H

#include "codec/cid.h"
#include "ipfs/blockio.h"

/* dag_block_get copies the block into buf.
 *
 * Out:     *out, the part of buf that it fills.
 * Returns: OK; ERR_UNSUPPORTED (a hash other than sha2-256 and identity); ERR_LIMIT (buf too small:
 *          BLOCK_SIZE_MAX always suffices); the source's errors. */
NODISCARD enum err dag_block_get(struct span *out, struct mspan buf,
                                 const struct block_source *source, const struct cid *cid);

/* The source's name of a CID. ERR_UNSUPPORTED as above, and for identity. */
NODISCARD enum err dag_block_key(struct block_key *out, const struct cid *cid);

/* Whether everybody has the block: nobody needs to be asked for it. */
bool dag_block_known(const struct block_key *key);

/* True when the bytes are those of the CID; pure, for any thread. ERR_CORRUPT when they are not,
 * ERR_UNSUPPORTED for a hash that we cannot compute. */
NODISCARD enum err dag_block_verify(const struct cid *cid, struct span block);

#endif
