/* envelope: records that a libp2p peer signs, and the record of its own addresses.
 * Spec: libp2p RFC 0002 (signed envelopes) and RFC 0003 (routing records); what we accept:
 * docs/spec/peer.md 4. Pure. */
#ifndef CRUST_CODEC_ENVELOPE_H
#define CRUST_CODEC_ENVELOPE_H

#include "codec/multiaddr.h"

enum {
    ENVELOPE_PAYLOAD_MAX = 8192, /* what one message of identify may hold */
    ENVELOPE_TYPE_MAX = 16,
    ENVELOPE_ADDRESSES_MAX = 128, /* of one peer record */
};

struct envelope {
    struct peer_key key;
    struct span payload_type, payload, signature; /* borrowed from the input */
};

/* envelope_open reads exactly one Envelope and checks its signature for this domain.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_SHORT, ERR_FORMAT (a field missing, twice or of the wrong wire type); ERR_LIMIT;
 *          ERR_SIGNATURE; as peer_key_decode and peer_key_verify. Unknown fields are skipped. */
NODISCARD enum err envelope_open(struct envelope *out, struct span in, const char *domain);

/* envelope_seal writes an envelope signed with key; payload.n is at most ENVELOPE_PAYLOAD_MAX and
 * type.n at most ENVELOPE_TYPE_MAX (asserted). */
void envelope_seal(struct writer *w, const struct ed25519_key *key, const char *domain,
                   struct span type, struct span payload);

/* Where a peer says it can be reached. */
struct peer_record {
    struct peer_id id;
    uint64_t seq;        /* a higher one replaces a lower one */
    size_t count;        /* addresses, including those of protocols that we do not know */
    struct span payload; /* borrowed; for peer_record_next */
};

/* peer_record_open reads a signed peer record and checks that the peer it names has signed it.
 *
 * Out:     *out, which borrows from in; *key the signer. Both zeroed on failure.
 * Returns: as envelope_open; ERR_UNSUPPORTED (another type of payload); ERR_DENIED (signed by a key
 *          that is not the peer's); ERR_LIMIT (too many addresses). */
NODISCARD enum err peer_record_open(struct peer_record *out, struct peer_key *key, struct span in);

/* peer_record_next takes the next address that we can read, passing over the others; false at the
 * end. r begins as reader_of(record->payload). */
bool peer_record_next(struct reader *r, struct multiaddr *out);

/* peer_record_seal writes a signed record of count addresses. Fails w with ERR_LIMIT when it does
 * not fit in ENVELOPE_PAYLOAD_MAX. */
void peer_record_seal(struct writer *w, const struct ed25519_key *key, uint64_t seq,
                      const struct multiaddr *addresses, size_t count);

#endif
