/* ipns: the signed records that say what the name of a key stands for.
 * Spec: specs.ipfs.tech/ipns/ipns-record (V2; IPIP-428). A record's old V1 signature is never
 * looked at; V1 fields, where they stand, must say what the signed data says. Pure. */
#ifndef CRUST_CODEC_IPNS_H
#define CRUST_CODEC_IPNS_H

#include "codec/peer_id.h"

enum { IPNS_RECORD_MAX = 10 << 10 }; /* spec: 10 KiB */

struct ipns_record {
    struct span value; /* a path, like "/ipfs/CID/a"; any bytes */
    uint64_t sequence;
    uint64_t ttl_ns;
    struct span validity; /* the time of its end as RFC 3339 text */
    int64_t validity_s;   /* the same in Unix seconds */
    uint32_t validity_ns;
    struct span public_key; /* libp2p PublicKey message, or empty: it is in the name */
    struct span signature;  /* V2 */
    struct span data;       /* what is signed */
};

/* ipns_decode reads a record and checks everything but the signature.
 * Out:     *out, whose spans borrow from in. Zeroed on failure.
 * Returns: OK; ERR_LIMIT (over IPNS_RECORD_MAX), ERR_SHORT, ERR_FORMAT (no V2 signature or data, a
 *          validity that is no end of life, V1 fields that differ). */
NODISCARD enum err ipns_decode(struct ipns_record *out, struct span in);

/* ipns_verify tells whether the record is signed by the key that name stands for and still valid at
 * now_s (Unix seconds).
 * OK; ERR_SIGNATURE; ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT (a key that we do not use); ERR_DENIED
 * (the record's key is not the name's, or missing); ERR_TIMEOUT (no longer valid). */
NODISCARD enum err ipns_verify(const struct ipns_record *r, const struct peer_id *name,
                               int64_t now_s);

/* Which of two records of one name counts: > 0 when a is newer, by sequence, then by validity. */
int ipns_compare(const struct ipns_record *a, const struct ipns_record *b);

/* ipns_encode writes a record with V2 alone, signed: of r it takes value, sequence, ttl_ns and the
 * text of validity. An Ed25519 key stands in the name. ERR_LIMIT (w, or the record), ERR_FORMAT
 * (the validity is no time). */
NODISCARD enum err ipns_encode(struct writer *w, const struct ipns_record *r,
                               const struct ed25519_key *key);

#endif
