/* uri: the path and query of an HTTP request target, RFC 3986, and a header's value. Pure; total on
 * any bytes. */
#ifndef CRUST_API_URI_H
#define CRUST_API_URI_H

#include "base/err.h"
#include "base/span.h"

/* uri_segment takes the next segment from *path ("/a/b" gives "a", then "b"; a trailing '/' gives
 * an empty one). Undecoded. False at the end, or when *path does not begin with '/'. */
bool uri_segment(struct span *segment, struct span *path);

/* uri_param takes the next "name=value" from *query; a missing '=' gives an empty value, empty
 * pairs are skipped. Undecoded. False at the end. */
bool uri_param(struct span *name, struct span *value, struct span *query);

/* uri_decode resolves %XX, and '+' as a space when plus is true, into out with a NUL. Returns OK;
 * ERR_FORMAT (a bad escape, or an escaped NUL); ERR_LIMIT (longer than size - 1). out is "" then.
 */
NODISCARD enum err uri_decode(char *out, size_t size, struct span in, bool plus);

/* uri_trim gives what is left of a header's value without the spaces and tabs around it (RFC 9110
 * 5.6.3). Borrowed from s. */
struct span uri_trim(struct span s);

#endif
