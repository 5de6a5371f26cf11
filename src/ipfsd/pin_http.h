/* pin_http: the IPFS Pinning Service API over rt/http_server, on a port of its own. Guide:
 * docs/guide/pinning.md; what is accepted: docs/spec/pinning.md.
 *
 * An HTTP thread looks at the token; one thread of ours then asks and changes the store, which may
 * wait for the disk. An answer of 202 is on the disk. */
#ifndef CRUST_IPFSD_PIN_HTTP_H
#define CRUST_IPFSD_PIN_HTTP_H

#include "ipfsd/ipfsd.h"

enum {
    PIN_HTTP_WAITING_MAX = 64, /* requests; more are told 503 */
    PIN_HTTP_RATE = 20,        /* requests a second of one token, after a burst */
    PIN_HTTP_BURST = 200,
    PIN_HTTP_WRONG_RATE = 5, /* wrong tokens a second, of everybody together */
    PIN_HTTP_WRONG_BURST = 50,
    PIN_HTTP_ANSWER_MAX = 8 << 20,
    PIN_HTTP_TIMEOUT_MS = 30000,
    PIN_HTTP_DELEGATES_MS = 30000, /* between two looks at our own addresses */
};

/* pin_http_open serves at the settings' address when they say so; else *out is NULL. What fails is
 * logged. ERR_EXISTS (port in use), ERR_IO, ERR_MEMORY, ERR_CORRUPT, ERR_DENIED, ERR_FORMAT. */
NODISCARD enum err pin_http_open(struct pin_http **out, struct ipfsd *n);

/* pin_http_stop ends the work; its threads may be waiting for the loop until pin_http_idle. NULL is
 * fine. */
void pin_http_stop(struct pin_http *h);
bool pin_http_idle(struct pin_http *h);
void pin_http_close(struct pin_http *h);

#endif
