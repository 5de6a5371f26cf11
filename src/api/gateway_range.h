/* gateway_range: Range, If-Range and If-None-Match (RFC 9110 13 and 14). */
#ifndef CRUST_API_GATEWAY_RANGE_H
#define CRUST_API_GATEWAY_RANGE_H

#include "api/gateway.h"

/* True when the client's copy with this ETag is still good. list may be NULL. */
bool gateway_range_not_modified(const char *list, const char *etag);

/* gateway_range_apply sets status (200, 206, or the whole answer to 416), size and Content-Range
 * for a body of size bytes, and gives the range to send. */
void gateway_range_apply(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_request *rq, const char *etag, uint64_t size);

#endif
