/* gateway_range: Range, If-Range and If-None-Match (RFC 9110 13 and 14). */
#ifndef CRUST_API_GATEWAY_RANGE_H
#define CRUST_API_GATEWAY_RANGE_H

#include "api/gateway.h"

/* True when the client's copy with this ETag is still good. list may be NULL. */
bool gateway_range_not_modified(const char *list, const char *etag);

/* gateway_range_parse reads "bytes=from-to" and its two short forms, once; anything else is as if
 * it were not there (*partial false), as RFC 9110 14.2 allows. False when there are no such bytes.
 */
bool gateway_range_parse(struct gateway_range *out, bool *partial, const char *text, uint64_t size);

/* gateway_range_apply sets status (200, 206, or the whole answer to 416), size and Content-Range
 * for a body of size bytes, and gives the range to send. */
void gateway_range_apply(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_request *rq, const char *etag, uint64_t size);

#endif
