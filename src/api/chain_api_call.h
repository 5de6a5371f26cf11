/* chain_api_call: one request in the hands of its handler. Private to api/chain_api*.c. */
#ifndef CRUST_API_CHAIN_API_CALL_H
#define CRUST_API_CHAIN_API_CALL_H

#include "api/chain_api.h"
#include "codec/block.h"
#include "codec/chain_index.h"
#include "codec/json_out.h"

enum {
    CALL_SEGMENTS_MAX = 5,
    CALL_VALUE_MAX = 320, /* of a path segment or parameter, decoded, with the NUL */
    CALL_PARAMS_MAX = 4,
};

struct chain_api_call {
    const struct chain_api_source *src;
    const struct chain_api_request *rq;
    struct chain_api_plan *plan;
    struct json_out j;
    struct chain chain; /* of the snapshot */
    const char *const *param_names;
    char params[CALL_PARAMS_MAX][CALL_VALUE_MAX]; /* "" when not given */
    bool given[CALL_PARAMS_MAX];
    char segments[CALL_SEGMENTS_MAX][CALL_VALUE_MAX];
    bool failed;
};

struct chain_api_handler {
    const char *route; /* "GET /v1/blocks/{height}" */
    const char *params[CALL_PARAMS_MAX + 1];
    void (*fn)(struct chain_api_call *call);
};

/* Handlers of the other files. */
extern const struct chain_api_handler chain_api_handlers_attest[];
extern const struct chain_api_handler chain_api_handlers_group[];
extern const struct chain_api_handler chain_api_handlers_ledger[];
extern const struct chain_api_handler chain_api_handlers_market[];
extern const struct chain_api_handler chain_api_handlers_proof[];
extern const struct chain_api_handler chain_api_handlers_staking[];
extern const struct chain_api_handler chain_api_handlers_work[];

/* An error answer; the first one counts. field and next may be "". */
void chain_api_refuse(struct chain_api_call *call, uint16_t status, const char *field,
                      const char *reason, const char *next);

/* The state or a record cannot be read. */
void chain_api_broken(struct chain_api_call *call, enum err e);

/* Parameters and segments; each refuses the request when the text is wrong, and gives zero. */
const char *chain_api_param(struct chain_api_call *call, const char *name); /* NULL: not given */
uint64_t chain_api_param_u64(struct chain_api_call *call, const char *name, uint64_t otherwise);
uint32_t chain_api_param_limit(struct chain_api_call *call);
bool chain_api_u64(struct chain_api_call *call, uint64_t *out, const char *field, const char *text);
bool chain_api_hash(struct chain_api_call *call, uint8_t out[32], const char *field,
                    const char *text);
bool chain_api_account(struct chain_api_call *call, uint8_t out[32], const char *field,
                       const char *text);
/* A cursor made by chain_api_page_end: what follows prefix in the key to go on after. An absent one
 * gives just prefix. */
bool chain_api_cursor(struct chain_api_call *call, struct chain_index_key *out,
                      const struct chain_index_key *prefix);

/* Lists: {"items": [...], "next": cursor or null}. */
void chain_api_page_begin(struct chain_api_call *call);
void chain_api_page_end(struct chain_api_call *call, struct span next);

/* A page out of the index: what stands under prefix, in keys of key_size bytes and values of
 * value_size (0: any), from the request's cursor on. Its user counts what he shows; a page ends at
 * limit of it.
 *
 *   if (!chain_api_walk_begin(call, &w, &prefix, sizes, limit))
 *       return;                            the request is refused
 *   while (chain_api_walk_next(call, &w))
 *       ... w.at.b, w.value; w.count++
 *   chain_api_walk_end(call, &w); */
struct chain_api_walk {
    size_t prefix_size, key_size, value_size;
    uint32_t limit, count;
    struct chain_index_key at; /* the present one; before the first: the cursor */
    struct span value;
    bool after; /* at has been shown */
    bool more;
};
bool chain_api_walk_begin(struct chain_api_call *call, struct chain_api_walk *w,
                          const struct chain_index_key *prefix, const size_t sizes[2],
                          uint32_t limit);
bool chain_api_walk_next(struct chain_api_call *call, struct chain_api_walk *w);
void chain_api_walk_end(struct chain_api_call *call, const struct chain_api_walk *w);

void chain_api_member_account(struct json_out *j, const char *name, const uint8_t account[32]);
void chain_api_member_hash(struct json_out *j, const char *name, const uint8_t hash[32]);

#endif
