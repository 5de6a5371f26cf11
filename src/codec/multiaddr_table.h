/* multiaddr_table: the protocols that multiaddr and its text form know. Pure. */
#ifndef CRUST_CODEC_MULTIADDR_TABLE_H
#define CRUST_CODEC_MULTIADDR_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { MULTIADDR_HASH_MAX = 64 }; /* the digest of a certhash */

enum multiaddr_kind {
    MULTIADDR_KIND_NONE, /* no value */
    MULTIADDR_KIND_IP4,
    MULTIADDR_KIND_IP6,
    MULTIADDR_KIND_PORT,    /* u16, decimal */
    MULTIADDR_KIND_U8,      /* decimal */
    MULTIADDR_KIND_U64,     /* decimal */
    MULTIADDR_KIND_NAME,    /* printable ASCII without slash */
    MULTIADDR_KIND_PEER,    /* a peer id */
    MULTIADDR_KIND_HASH,    /* a multihash, text in multibase */
    MULTIADDR_KIND_PATH,    /* the rest of the address */
    MULTIADDR_KIND_ESCAPED, /* any bytes, percent-encoded in text */
};

struct multiaddr_protocol {
    uint32_t code;
    int8_t size; /* of the value; -1: behind a length */
    enum multiaddr_kind kind;
    char name[20];
};

/* NULL when we do not know it. */
const struct multiaddr_protocol *multiaddr_protocol_of(uint64_t code);
const struct multiaddr_protocol *multiaddr_protocol_named(const uint8_t *name, size_t n);

#endif
