/* Any bytes as a signed peer record; and any bytes as the payload of a well-signed one, which is
 * what a peer with a key of its own can send. */
#include "codec/peer_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_addresses(const struct peer_record *record)
{
    struct reader r = reader_of(record->payload);
    struct multiaddr a;
    size_t n = 0;
    while (peer_record_next(&r, &a)) {
        ASSERT(a.size != 0);
        n++;
    }
    ASSERT(n <= record->count && record->count <= PEER_RECORD_ADDRESSES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buf[ENVELOPE_PAYLOAD_MAX + 512];
    static const uint8_t seed[32] = { 5 };
    const uint8_t type[2] = { 3, 1 };
    struct ed25519_key pair;
    struct peer_key key;
    struct peer_record record;
    if (peer_record_open(&record, &key, span_of(data, size)) == OK)
        read_addresses(&record);
    if (size > ENVELOPE_PAYLOAD_MAX)
        return 0;
    ed25519_keypair(&pair, seed);
    struct writer w = writer_of(buf, sizeof(buf));
    envelope_seal(&w, &pair, "libp2p-peer-record", span_of(type, 2), span_of(data, size));
    enum err e = peer_record_open(&record, &key, writer_span(&w));
    ASSERT(e != ERR_SIGNATURE && e != ERR_UNSUPPORTED);
    if (e == OK)
        read_addresses(&record);
    return 0;
}
