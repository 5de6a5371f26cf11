#include "ipfsd/chain_read.h"

#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 5000, BODY_MAX = 1 << 20 };

/* Asks one URL after the other; an answer, even a refusal, ends the search. */
static enum err get(const struct chain_read *c, struct mspan *body, const char *path)
{
    enum err last = ERR_NOT_FOUND;
    for (uint32_t i = 0; i < c->nodes.count; i++) {
        char url[CONFIG_URL_MAX + CHAIN_CLIENT_PATH_MAX];
        uint16_t status = 0;
        (void)snprintf(url, sizeof(url), "%s%s", c->nodes.urls[i], path);
        uint32_t patience = c->timeout_ms == 0 ? TIMEOUT_MS : c->timeout_ms;
        const struct http_fetch_options o = { .method = HTTP_GET,
                                              .url = url,
                                              .connect_timeout_ms = patience,
                                              .total_timeout_ms = patience,
                                              .size_max = BODY_MAX };
        enum err e = http_fetch_text(body, &o, true, &status);
        if (e == OK && status == 200)
            return OK;
        free(body->p);
        *body = (struct mspan){ 0 };
        if (e == OK && status >= 400 && status < 500)
            return ERR_NOT_FOUND;
        last = ERR_CLOSED;
    }
    return last;
}

enum err chain_read_status(const struct chain_read *c, struct chain_client_status *out)
{
    struct mspan body = { 0 };
    *out = (struct chain_client_status){ 0 };
    TRY(get(c, &body, CHAIN_CLIENT_STATUS));
    enum err e = chain_client_decode_status(out, span_of(body.p, body.n));
    free(body.p);
    return e;
}

enum err chain_read_order(const struct chain_read *c, struct chain_client_order *out,
                          const uint8_t id[32])
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct mspan body = { 0 };
    *out = (struct chain_client_order){ 0 };
    chain_client_order_path(path, id);
    TRY(get(c, &body, path));
    enum err e = chain_client_decode_order(out, span_of(body.p, body.n));
    free(body.p);
    return e;
}

enum err chain_read_allowance(const struct chain_read *c, struct chain_client_allowance *out,
                              const uint8_t account[32], const uint8_t key[32])
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct mspan body = { 0 };
    *out = (struct chain_client_allowance){ 0 };
    chain_client_allowance_path(path, account, key);
    TRY(get(c, &body, path));
    enum err e = chain_client_decode_allowance(out, span_of(body.p, body.n));
    free(body.p);
    return e;
}

enum err chain_read_orders_of(const struct chain_read *c, struct chain_client_order *out,
                              size_t *count, const struct content_key *key)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct mspan body = { 0 };
    struct chain_client_page page = { 0 };
    *count = 0;
    chain_client_orders_of_key_path(path, key);
    TRY(get(c, &body, path));
    enum err e =
        chain_client_decode_orders(&page, out, CHAIN_READ_PAGE_MAX, span_of(body.p, body.n));
    free(body.p);
    if (e == OK)
        *count = page.count;
    return e;
}

enum err chain_read_price(const struct chain_read *c, struct chain_client_price *out, uint64_t size,
                          uint32_t replicas)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct mspan body = { 0 };
    *out = (struct chain_client_price){ 0 };
    chain_client_price_path(path, size, replicas);
    TRY(get(c, &body, path));
    enum err e = chain_client_decode_price(out, span_of(body.p, body.n));
    free(body.p);
    return e;
}

enum err chain_read_params(const struct chain_read *c, struct params *out)
{
    struct mspan body = { 0 };
    memset(out, 0, sizeof(*out));
    TRY(get(c, &body, CHAIN_CLIENT_PARAMS));
    enum err e = chain_client_decode_params(out, span_of(body.p, body.n));
    free(body.p);
    return e;
}

enum err chain_read_tx(const struct chain_read *c, struct chain_client_tx *out,
                       const uint8_t id[32])
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct mspan body = { 0 };
    *out = (struct chain_client_tx){ 0 };
    chain_client_tx_path(path, id);
    TRY(get(c, &body, path));
    enum err e = chain_client_decode_tx(out, span_of(body.p, body.n));
    free(body.p);
    return e == OK && out->state == CHAIN_CLIENT_TX_UNKNOWN ? ERR_NOT_FOUND : e;
}

enum err chain_read_submit(const struct chain_read *c, struct chain_client_tx *out, struct span tx)
{
    const struct http_header type = { "Content-Type", CHAIN_CLIENT_TX_MEDIA };
    *out = (struct chain_client_tx){ 0 };
    for (uint32_t i = 0; i < c->nodes.count; i++) {
        char url[CONFIG_URL_MAX + CHAIN_CLIENT_PATH_MAX];
        struct mspan body = { 0 };
        uint16_t status = 0;
        (void)snprintf(url, sizeof(url), "%s%s", c->nodes.urls[i], CHAIN_CLIENT_SUBMIT);
        uint32_t patience = c->timeout_ms == 0 ? TIMEOUT_MS : c->timeout_ms;
        const struct http_fetch_options o = { .method = HTTP_POST,
                                              .url = url,
                                              .headers = &type,
                                              .header_count = 1,
                                              .body = tx,
                                              .connect_timeout_ms = patience,
                                              .total_timeout_ms = patience,
                                              .size_max = BODY_MAX };
        enum err e = http_fetch_text(&body, &o, true, &status);
        bool answered = e == OK && status < 500;
        if (answered)
            e = chain_client_decode_tx(out, span_of(body.p, body.n));
        free(body.p);
        if (answered)
            return e == OK ? OK : ERR_BUSY; /* such as a mempool that is full */
    }
    return ERR_CLOSED;
}
