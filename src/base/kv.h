/* kv: ordered key-value storage as pure code sees it, a struct of function pointers. LMDB fills it
 * in store/, an overlay or a sorted array in tests. Keys compare as bytes. */
#ifndef CRUST_BASE_KV_H
#define CRUST_BASE_KV_H

#include "base/err.h"
#include "base/span.h"

enum { KV_KEY_MAX = 511 }; /* LMDB's own limit */

struct kv {
    void *ctx;
    /* OK and *value, borrowed until the next call that writes; ERR_NOT_FOUND; ERR_IO. */
    enum err (*get)(void *ctx, struct span *value, struct span key);
    /* Copies key and value. */
    enum err (*put)(void *ctx, struct span key, struct span value);
    /* Deleting what is not there is OK. */
    enum err (*del)(void *ctx, struct span key);
    /* The first pair whose key is >= from (or > from when after is true). ERR_NOT_FOUND at the
     * end. Key and value are borrowed until the next call. */
    enum err (*next)(void *ctx, struct span *key, struct span *value, struct span from, bool after);
};

NODISCARD static inline enum err kv_get(const struct kv *kv, struct span *value, struct span key)
{
    return kv->get(kv->ctx, value, key);
}

NODISCARD static inline enum err kv_put(const struct kv *kv, struct span key, struct span value)
{
    return kv->put(kv->ctx, key, value);
}

NODISCARD static inline enum err kv_del(const struct kv *kv, struct span key)
{
    return kv->del(kv->ctx, key);
}

NODISCARD static inline enum err kv_next(const struct kv *kv, struct span *key, struct span *value,
                                         struct span from, bool after)
{
    return kv->next(kv->ctx, key, value, from, after);
}

#endif
