/* chain_client_read: what the decoders and path builders of api/chain_client*.c share. Private. */
#ifndef CRUST_API_CHAIN_CLIENT_READ_H
#define CRUST_API_CHAIN_CLIENT_READ_H

#include "api/chain_client.h"
#include "base/hex.h"
#include "codec/json.h"

enum { CHAIN_CLIENT_BODY_MAX = 32 << 20 };

struct chain_client_path {
    char text[CHAIN_CLIENT_PATH_MAX];
    size_t n;
    char sep; /* before the next parameter */
};

struct chain_client_path chain_client_path_of(const char *start);
void chain_client_path_add(struct chain_client_path *p, const char *text);
void chain_client_path_u64(struct chain_client_path *p, uint64_t v);
void chain_client_path_hash(struct chain_client_path *p, const uint8_t hash[32]);
void chain_client_path_account(struct chain_client_path *p, const uint8_t account[32]);
void chain_client_path_param(struct chain_client_path *p, const char *name);
void chain_client_path_end(char out[CHAIN_CLIENT_PATH_MAX], const struct chain_client_path *p);

/* Copies text, cut to size - 1 bytes. */
void chain_client_text(char *out, size_t size, const char *text);

/* Members of an object; each fails the document when it is missing or wrong. */
void chain_client_read_text(struct json_value object, const char *name, char *out, size_t size);
uint64_t chain_client_read_u64(struct json_value object, const char *name);
uint32_t chain_client_read_u32(struct json_value object, const char *name);
bool chain_client_read_bool(struct json_value object, const char *name);
struct amount chain_client_read_amount(struct json_value object, const char *name);
void chain_client_read_hash(struct json_value object, const char *name, uint8_t out[32]);
void chain_client_read_account(struct json_value object, const char *name, uint8_t out[32]);

/* The frame of every decoder: parses body into doc, runs read, zeroes *out on failure, returns. */
#define CHAIN_CLIENT_DECODE(out, body, read)                                                       \
    do {                                                                                           \
        AUTO(json_close) struct json doc;                                                          \
        memset((out), 0, sizeof(*(out)));                                                          \
        if (json_open(&doc, (body), CHAIN_CLIENT_BODY_MAX) == OK)                                  \
            (read);                                                                                \
        if (doc.err != OK)                                                                         \
            memset((out), 0, sizeof(*(out)));                                                      \
        return doc.err;                                                                            \
    } while (0)

#endif
