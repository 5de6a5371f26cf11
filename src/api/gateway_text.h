/* gateway_text: what the gateway's files share: answers as text, escaping, content types. */
#ifndef CRUST_API_GATEWAY_TEXT_H
#define CRUST_API_GATEWAY_TEXT_H

#include "api/gateway.h"

/* What scripts of other origins may read of an answer. */
#define GATEWAY_TEXT_EXPOSED                                                                       \
    "Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output"

/* gateway_text_refuse makes an answer of status with a short text/plain body. */
__attribute__((format(printf, 3, 4))) void
gateway_text_refuse(struct gateway_answer *a, uint16_t status, const char *fmt, ...);

/* gateway_text_header adds a header whose value is formatted into a->text. A value that does not
 * fit is left out, and control characters become '_', so that nothing from a name can add lines. */
__attribute__((format(printf, 3, 4))) void
gateway_text_header(struct gateway_answer *a, const char *name, const char *fmt, ...);

/* The headers of every answer: CORS. */
void gateway_text_common(struct gateway_answer *a);

/* Decodes %XX and, with plus, '+'. ERR_FORMAT, ERR_LIMIT. NUL-terminated; refuses a NUL inside. */
NODISCARD enum err gateway_text_unescape(char *out, size_t size, struct span in, bool plus);

/* Escape for HTML text and attributes, and for a path segment of a URL. Sticky in w. */
void gateway_text_html(struct writer *w, struct span s);
void gateway_text_url(struct writer *w, struct span s);

/* Makes what is an address already fit for a header: everything but printable ASCII is escaped, and
 * the few signs that no address may hold; '%' stays. */
void gateway_text_raw_url(struct writer *w, struct span s);

/* Finds the first KEY=value of a query and decodes the value. False when it is absent; *e tells
 * whether it could be decoded. */
bool gateway_text_parameter(const char *query, const char *key, char *out, size_t size,
                            enum err *e);

/* The media type of a file by its name's ending, else by its first bytes. Static storage. */
const char *gateway_text_type(struct span name, struct span start);

#endif
