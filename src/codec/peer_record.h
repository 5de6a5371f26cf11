/* peer_record: where a libp2p peer says that it can be reached, signed by it.
 * Spec: libp2p RFC 0003 (routing records); what we accept: docs/spec/peer.md 4. Pure. */
#ifndef CRUST_CODEC_PEER_RECORD_H
#define CRUST_CODEC_PEER_RECORD_H

#include "codec/envelope.h"
#include "codec/multiaddr.h"

enum { PEER_RECORD_ADDRESSES_MAX = 128 };

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
