/* links: the CIDs a block points to, for every codec that can be stored. The one place where a
 * block becomes its children: the enclave, the stores and the walkers all call it. Spec:
 * docs/spec/content.md 5. No allocation, bounded depth. Pure. */
#ifndef CRUST_CODEC_LINKS_H
#define CRUST_CODEC_LINKS_H

#include "codec/cbor.h"
#include "codec/dagpb.h"

struct links {
    uint64_t codec;
    struct dagpb_iter pb;
    struct cbor_reader cbor;
};

/* links_init checks the whole block, so that links_next cannot fail. Others made it, so it need not
 * be canonical.
 *
 * Out:     *out, which borrows block.
 * Returns: OK; ERR_UNSUPPORTED for a codec other than raw, dag-pb and dag-cbor; ERR_SHORT,
 *          ERR_TRAILING, ERR_FORMAT for a malformed block; ERR_LIMIT for dag-cbor nested deeper
 * than CBOR_DEPTH_MAX. */
NODISCARD enum err links_init(struct links *out, uint64_t codec, struct span block);

/* links_next gives the next link in block order, repeats and identity CIDs included; false at the
 * end, and *out is zeroed. */
bool links_next(struct links *l, struct cid *out);

#endif
