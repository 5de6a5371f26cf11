/* http_transfer: one request of libcurl's, set up the same way for the loop and for the blocking
 * form. Private to the HTTP client. */
#ifndef CRUST_RT_HTTP_TRANSFER_H
#define CRUST_RT_HTTP_TRANSFER_H

#include "rt/http_client.h"

#include <curl/curl.h>

struct http_transfer {
    struct http_fetch_options o; /* pointers to what the caller owned are gone */
    CURL *easy;
    struct curl_slist *headers;
    uint8_t *body; /* a copy */
    bool allow_private;
    bool replied; /* on_reply has been called */
    bool paused;
    bool denied; /* an address was refused */
    uint64_t received;
    enum err stop; /* what one of our callbacks ended the transfer with */
};

/* Once a process. */
NODISCARD enum err http_transfer_global(void);
NODISCARD enum err http_transfer_init(struct http_transfer *t, const struct http_fetch_options *o,
                                      bool allow_private);
void http_transfer_fini(struct http_transfer *t);
/* What libcurl's result means to our callers; calls on_reply when there was no body to do it. */
enum err http_transfer_result(struct http_transfer *t, CURLcode code, uint16_t *status);

#endif
