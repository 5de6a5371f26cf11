/* gateway_multi: several ranges of a file in one answer, as multipart/byteranges (RFC 9110 14.6).
 */
#ifndef CRUST_API_GATEWAY_MULTI_H
#define CRUST_API_GATEWAY_MULTI_H

#include "api/gateway.h"

/* gateway_multi_open reads a Range header with several ranges of the body that a names, of size
 * bytes. False when it is none that we serve so: one range, more than GATEWAY_RANGES_MAX, ranges
 * that together are more than the whole, or none that is there; it counts as the RFC has it then.
 * True: the headers stand, and a->multi. type: static. */
bool gateway_multi_open(struct gateway_answer *a, const char *etag, const char *type,
                        uint64_t size);

/* The next bytes of such a body, as gateway_next. */
NODISCARD enum err gateway_multi_next(struct gateway_answer *a, size_t *size, struct mspan out);

#endif
