#include "api/gateway.h"
#include "api/gateway_multi.h"
#include "api/gateway_page.h"
#include "api/gateway_tar.h"

static enum err next_bytes(struct gateway_answer *a, size_t *size, struct mspan out)
{
    struct span rest = span_sub(a->body, a->body_at, out.n);
    if (rest.n != 0)
        memcpy(out.p, rest.p, rest.n);
    a->body_at += rest.n;
    *size = rest.n;
    return OK;
}

static enum err next_file(struct gateway_answer *a, size_t *size, struct mspan out)
{
    *size = 0;
    while (*size < out.n) {
        enum err e = a->rest.n == 0 ? unixfs_read_file_next(&a->u.walk, &a->rest) : OK;
        if (e != OK && *size == 0)
            return e;
        if (e != OK || a->rest.n == 0) /* what is copied goes out before a failure is told */
            break;
        struct span part = span_sub(a->rest, 0, out.n - *size);
        memcpy(out.p + *size, part.p, part.n);
        *size += part.n;
        a->rest = span_sub(a->rest, part.n, a->rest.n);
    }
    return OK;
}

/* The first bytes have been made with the answer. */
static enum err next_tar(struct gateway_answer *a, size_t *size, struct mspan out)
{
    struct span first = span_sub(a->rest, 0, out.n);
    if (first.n == 0)
        return gateway_tar_next(a->u.tar, size, out);
    memcpy(out.p, first.p, first.n);
    a->rest = span_sub(a->rest, first.n, a->rest.n);
    *size = first.n;
    return OK;
}

enum err gateway_next(struct gateway_answer *a, size_t *size, struct mspan out)
{
    switch (a->kind) {
    case GATEWAY_BODY_TEXT:
    case GATEWAY_BODY_BLOCK:
        return next_bytes(a, size, out);
    case GATEWAY_BODY_FILE:
        return next_file(a, size, out);
    case GATEWAY_BODY_CAR:
        return car_stream_next(&a->u.car, size, out);
    case GATEWAY_BODY_LISTING:
        return gateway_page_next(a, size, out);
    case GATEWAY_BODY_TAR:
        return next_tar(a, size, out);
    case GATEWAY_BODY_RANGES:
        return gateway_multi_next(a, size, out);
    }
    *size = 0;
    return OK;
}
