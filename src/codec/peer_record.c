#include "codec/peer_record.h"

#include "codec/pb.h"

enum { RECORD_ID = 1, RECORD_SEQ = 2, RECORD_ADDRESS = 3, ADDRESS_MULTIADDR = 1 };

static const char record_domain[] = "libp2p-peer-record";
static const uint8_t record_type[2] = { 0x03, 0x01 }; /* as go-libp2p and js-libp2p send it */

/* The bytes of an address inside its wrapper message; empty when the wrapper is malformed. */
static struct span unwrap_address(struct span message)
{
    struct reader r = reader_of(message);
    struct pb_field f;
    struct span out = { 0 };
    while (pb_next(&r, &f))
        if (f.number == ADDRESS_MULTIADDR && f.wire == PB_BYTES)
            out = f.bytes;
    return reader_finish(&r) == OK ? out : (struct span){ 0 };
}

static enum err read_record(struct peer_record *out, struct span payload)
{
    struct reader r = reader_of(payload);
    struct pb_field f;
    struct span id = { 0 };
    bool seen = false;
    while (pb_next(&r, &f)) {
        if (f.number == RECORD_ID) {
            pb_expect(&r, &f, PB_BYTES);
            reader_require(&r, !seen, ERR_FORMAT);
            seen = true;
            id = f.bytes;
        } else if (f.number == RECORD_SEQ) {
            pb_expect(&r, &f, PB_VARINT);
            out->seq = f.value;
        } else if (f.number == RECORD_ADDRESS) {
            pb_expect(&r, &f, PB_BYTES);
            reader_require(&r, ++out->count <= PEER_RECORD_ADDRESSES_MAX, ERR_LIMIT);
        }
    }
    TRY(reader_finish(&r));
    out->payload = payload;
    return peer_id_decode(&out->id, id);
}

enum err peer_record_open(struct peer_record *out, struct peer_key *key, struct span in)
{
    struct envelope env;
    struct peer_record record = { 0 };
    *out = record;
    *key = (struct peer_key){ 0 };
    TRY(envelope_open(&env, in, record_domain));
    if (!span_eq(env.payload_type, span_of(record_type, sizeof(record_type))))
        return ERR_UNSUPPORTED;
    TRY(read_record(&record, env.payload));
    struct peer_id signer = peer_id_of(&env.key);
    /* SPEC peer 4.2: "A record that is not signed by the key of the peer it names MUST be
     * refused." */
    if (!peer_id_eq(&signer, &record.id))
        return ERR_DENIED;
    *out = record;
    *key = env.key;
    return OK;
}

bool peer_record_next(struct reader *r, struct multiaddr *out)
{
    struct pb_field f;
    while (pb_next(r, &f))
        if (f.number == RECORD_ADDRESS && f.wire == PB_BYTES &&
            multiaddr_decode(out, unwrap_address(f.bytes)) == OK)
            return true;
    *out = (struct multiaddr){ 0 };
    return false;
}

void peer_record_seal(struct writer *w, const struct ed25519_key *key, uint64_t seq,
                      const struct multiaddr *addresses, size_t count)
{
    uint8_t payload[ENVELOPE_PAYLOAD_MAX];
    struct writer p = writer_of(payload, sizeof(payload));
    struct peer_key public_key = peer_key_of(key);
    struct peer_id id = peer_id_of(&public_key);
    pb_write_bytes(&p, RECORD_ID, peer_id_span(&id));
    pb_write_uint(&p, RECORD_SEQ, seq);
    for (size_t i = 0; i < count; i++) {
        struct span a = multiaddr_span(&addresses[i]);
        pb_write_message(&p, RECORD_ADDRESS, pb_bytes_size(ADDRESS_MULTIADDR, a.n));
        pb_write_bytes(&p, ADDRESS_MULTIADDR, a);
    }
    if (p.err != OK || count > PEER_RECORD_ADDRESSES_MAX)
        writer_fail(w, ERR_LIMIT);
    else
        envelope_seal(w, key, record_domain, span_of(record_type, sizeof(record_type)),
                      writer_span(&p));
}
