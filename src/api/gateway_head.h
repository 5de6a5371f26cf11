/* gateway_head: headers and refusals that the gateway's kinds of answers share. */
#ifndef CRUST_API_GATEWAY_HEAD_H
#define CRUST_API_GATEWAY_HEAD_H

#include "api/gateway.h"

#define GATEWAY_HEAD_IMMUTABLE "public, max-age=29030400, immutable"

/* A generated page may change with our looks, so it is kept for a week only. */
#define GATEWAY_HEAD_PAGE "public, max-age=604800, stale-while-revalidate=2678400"

/* The three parts of the memory that gateway_open is given. The first two stand side by side. */
struct mspan gateway_head_block(const struct gateway_answer *a);
struct mspan gateway_head_walk(const struct gateway_answer *a);
struct mspan gateway_head_seen(const struct gateway_answer *a);

/* The answer when the block of cid cannot be had: 404, 412, 422, 503, 504... Sets a->err. */
void gateway_head_fail(struct gateway_answer *a, enum err e, const struct cid *cid);

/* Content-Disposition: kind is "inline" or "attachment". */
void gateway_head_disposition(struct gateway_answer *a, const char *kind, const char *name);

/* X-Ipfs-Path and, from a->roots, X-Ipfs-Roots. */
void gateway_head_path(struct gateway_answer *a);

/* Sets Etag and Cache-Control (what a name stands for is never immutable); true when the client has
 * it already, and the answer is 304. */
bool gateway_head_unchanged(struct gateway_answer *a, const char *etag, const char *cache);

/* An answer of status that leads elsewhere. The query of the request is kept when keep_query. */
void gateway_head_redirect(struct gateway_answer *a, const struct gateway_request *rq,
                           uint16_t status, const char *to, bool keep_query);

#endif
