/* multiaddr: addresses as a sequence of protocols, binary and text.
 * Spec: multiformats/multiaddr and its protocols.csv; the protocols we know and what we accept:
 * docs/spec/peer.md 3. Pure; a struct multiaddr holds no pointer. */
#ifndef CRUST_CODEC_MULTIADDR_H
#define CRUST_CODEC_MULTIADDR_H

#include "codec/peer_id.h"

/* Protocol codes. */
enum {
    MULTIADDR_IP4 = 4,
    MULTIADDR_TCP = 6,
    MULTIADDR_DCCP = 33,
    MULTIADDR_IP6 = 41,
    MULTIADDR_IP6ZONE = 42,
    MULTIADDR_IPCIDR = 43,
    MULTIADDR_DNS = 53,
    MULTIADDR_DNS4 = 54,
    MULTIADDR_DNS6 = 55,
    MULTIADDR_DNSADDR = 56,
    MULTIADDR_SCTP = 132,
    MULTIADDR_UDP = 273,
    MULTIADDR_P2P_WEBRTC_DIRECT = 276,
    MULTIADDR_WEBRTC_DIRECT = 280,
    MULTIADDR_WEBRTC = 281,
    MULTIADDR_P2P_CIRCUIT = 290,
    MULTIADDR_UDT = 301,
    MULTIADDR_UTP = 302,
    MULTIADDR_UNIX = 400,
    MULTIADDR_P2P = 421,
    MULTIADDR_HTTPS = 443,
    MULTIADDR_TLS = 448,
    MULTIADDR_SNI = 449,
    MULTIADDR_NOISE = 454,
    MULTIADDR_QUIC = 460,
    MULTIADDR_QUIC_V1 = 461,
    MULTIADDR_WEBTRANSPORT = 465,
    MULTIADDR_CERTHASH = 466,
    MULTIADDR_WS = 477,
    MULTIADDR_WSS = 478,
    MULTIADDR_HTTP = 480,
    MULTIADDR_HTTP_PATH = 481,
    MULTIADDR_MEMORY = 777,
};

enum {
    MULTIADDR_SIZE_MAX = 512,  /* twice the longest relayed WebTransport address in use */
    MULTIADDR_PARTS_MAX = 20,  /* bounds recursion and work; the longest in use has 12 */
    MULTIADDR_TEXT_MAX = 2048, /* every address of MULTIADDR_SIZE_MAX bytes in text, with NUL */
    MULTIADDR_NAME_MAX = 253,  /* a DNS name, RFC 1035 */
};

struct multiaddr {
    uint16_t size; /* 0 is no address */
    uint8_t bytes[MULTIADDR_SIZE_MAX];
};

/* One protocol of an address. */
struct multiaddr_part {
    uint32_t code;
    struct span value; /* without its length prefix; borrowed from the address */
};

/* multiaddr_next takes the next protocol from a binary address; false at the end or after a failure
 * recorded in r: ERR_SHORT, ERR_FORMAT (a value that breaks its protocol's rules, a padded number),
 * ERR_UNSUPPORTED (a protocol we do not know: its length is unknown, so the rest cannot be read).
 */
bool multiaddr_next(struct reader *r, struct multiaddr_part *out);

/* multiaddr_decode checks and copies a whole binary address.
 * Out:     *out, zeroed on failure.
 * Returns: OK, ERR_LIMIT (size or number of parts), ERR_FORMAT (empty), and as multiaddr_next. */
NODISCARD enum err multiaddr_decode(struct multiaddr *out, struct span in);

/* multiaddr_parse reads the text form: "/ip4/127.0.0.1/tcp/4001". A trailing slash is allowed.
 * Returns: OK, ERR_FORMAT, ERR_UNSUPPORTED (an unknown protocol), ERR_LIMIT; *out zeroed then. */
NODISCARD enum err multiaddr_parse(struct multiaddr *out, struct span text);

/* multiaddr_format writes the text of an address and a NUL. parse(format(a)) gives a again. */
void multiaddr_format(char out[MULTIADDR_TEXT_MAX], const struct multiaddr *a);

/* multiaddr_add appends one protocol.
 * Returns: OK; ERR_LIMIT (size or number of parts); ERR_FORMAT or ERR_UNSUPPORTED as
 *          multiaddr_next. *a is unchanged then. */
NODISCARD enum err multiaddr_add(struct multiaddr *a, uint32_t code, struct span value);

static inline struct span multiaddr_span(const struct multiaddr *a)
{
    return (struct span){ a->bytes, a->size };
}

bool multiaddr_eq(const struct multiaddr *a, const struct multiaddr *b);

/* What a TCP dialer needs from an address. */
struct multiaddr_tcp {
    uint32_t host;                     /* MULTIADDR_IP4, IP6, DNS, DNS4 or DNS6 */
    uint8_t ip[16];                    /* of IP4 (4 bytes) and IP6 */
    char name[MULTIADDR_NAME_MAX + 1]; /* of the DNS ones */
    uint16_t port;
    struct peer_id peer; /* of a /p2p at the end; size 0 when there is none */
};

/* multiaddr_tcp_of: OK for HOST/tcp/PORT, with or without /p2p/ID at the end; ERR_UNSUPPORTED for
 * any other address (another transport, a relay, WebSocket, a zone); *out zeroed then. */
NODISCARD enum err multiaddr_tcp_of(struct multiaddr_tcp *out, const struct multiaddr *a);

enum { MULTIADDR_URL_MAX = MULTIADDR_NAME_MAX + 16 }; /* with its NUL */

/* multiaddr_url writes the URL that an address of an HTTP server stands for: HOST/tcp/PORT/https,
 * /tls/http or /http, with or without /p2p/ID at the end. Other addresses, and a name with
 * characters that no host has: ERR_UNSUPPORTED, and out is "". */
NODISCARD enum err multiaddr_url(char out[MULTIADDR_URL_MAX], const struct multiaddr *a);

/* multiaddr_of_url makes the address of a server from http://HOST or https://HOST, with or without
 * a port and one slash behind it. ERR_FORMAT; ERR_UNSUPPORTED (a path); *out zeroed then. */
NODISCARD enum err multiaddr_of_url(struct multiaddr *out, const char *url);

/* multiaddr_of_ip makes /ip4 or /ip6 (size 4 or 16, asserted) /tcp/PORT. */
struct multiaddr multiaddr_of_ip(struct span ip, uint16_t port);

#endif
