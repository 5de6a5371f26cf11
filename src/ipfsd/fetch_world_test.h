/* Gateways for tests of ipfsd/fetch, which serve a DAG well or badly. The first part of the path
 * says how: http://127.0.0.1:PORT/honest. */
#ifndef CRUST_IPFSD_FETCH_WORLD_TEST_H
#define CRUST_IPFSD_FETCH_WORLD_TEST_H

#include "ipfsd/fetch_dag_test.h"

/* ---- bodies ---- */

struct world_body {
    struct world *w;
    uint64_t stop;                     /* bytes until something happens */
    int then;                          /* HTTP_BODY_END, HTTP_BODY_ERROR, HTTP_BODY_WAIT */
    size_t flip;                       /* this byte of the archive is wrong; 0: none */
    const struct world_block *loop_of; /* this section again and again after the root's */
    uint8_t *section;
    size_t section_size;
    bool drip, slow;
};

static inline uint8_t world_byte(const struct world_body *b, uint64_t at)
{
    return (uint8_t)(b->w->car[at] ^ (b->flip != 0 && at == b->flip ? 1 : 0));
}

static inline int64_t world_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct world_body *b = ctx;
    if (b->loop_of != NULL && pos >= b->stop) {
        size_t at = (size_t)((pos - b->stop) % b->section_size);
        size_t n = b->section_size - at < max ? b->section_size - at : max;
        memcpy(out, b->section + at, n);
        return (int64_t)n;
    }
    if (pos >= b->stop)
        return b->then;
    size_t n = b->stop - pos < max ? (size_t)(b->stop - pos) : max;
    if (b->drip) {
        usleep(200000);
        n = 1;
    }
    if (b->slow) {
        usleep(20000);
        n = n < 20000 ? n : 20000;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = world_byte(b, pos + i);
    b->w->sent += n;
    return (int64_t)n;
}

static inline void world_body_free(void *ctx)
{
    struct world_body *b = ctx;
    free(b->section);
    free(b);
}

static inline void world_send_car(struct world *w, struct http_request *rq, struct world_body how)
{
    struct world_body *b = malloc(sizeof(*b));
    CHECK(b != NULL);
    *b = how;
    b->w = w;
    if (b->loop_of != NULL) {
        struct cid cid = cid_of_key(&b->loop_of->key);
        b->section = malloc(CAR_HEAD_SIZE_MAX + b->loop_of->n);
        CHECK(b->section != NULL);
        struct writer out = writer_of(b->section, CAR_HEAD_SIZE_MAX + b->loop_of->n);
        car_write_section(&out, &cid, b->loop_of->n);
        write_bytes(&out, b->loop_of->p, b->loop_of->n);
        b->section_size = out.len;
    }
    struct http_response r = { .status = 200,
                               .kind = HTTP_BODY_STREAM,
                               .size = HTTP_SIZE_UNKNOWN,
                               .read = world_read,
                               .read_ctx = b,
                               .read_free = world_body_free };
    http_response_add(&r, "Content-Type", "application/vnd.ipld.car; version=1");
    (void)http_request_respond(rq, &r);
}

static inline void world_send_bytes(struct http_request *rq, struct span body, const char *type)
{
    struct http_response r = { .status = 200, .body = body };
    http_response_add(&r, "Content-Type", type);
    (void)http_request_respond(rq, &r);
}

static inline void world_send_raw(struct world *w, struct http_request *rq, const char *how,
                                  const struct world_block *block)
{
    w->raws++;
    if (block == NULL) {
        (void)http_request_respond_text(rq, 404, "no\n");
    } else if (strcmp(how, "lie") == 0) {
        world_send_bytes(rq, span_of(w->strange.p, w->strange.n), "application/vnd.ipld.raw");
    } else if (strcmp(how, "huge") == 0) {
        size_t n = (2 << 20) + 1;
        uint8_t *p = calloc(1, n);
        world_send_bytes(rq, span_of(p, n), "application/vnd.ipld.raw");
        free(p);
    } else {
        world_send_bytes(rq, span_of(block->p, block->n), "application/vnd.ipld.raw");
    }
}

static inline void world_redirect(struct http_request *rq, const char *to)
{
    struct http_response r = { .status = 302 };
    http_response_add(&r, "Location", to);
    (void)http_request_respond(rq, &r);
}

/* Answers that are the same for both kinds; false: go on. */
static inline bool world_odd(struct world *w, struct http_request *rq, const char *how)
{
    char to[256];
    if (strcmp(how, "missing") == 0) {
        (void)http_request_respond_text(rq, 404, "no\n");
    } else if (strcmp(how, "stall") == 0) {
        unsigned i = w->held_count++;
        CHECK(i < 64);
        w->held[i] = rq;
        http_request_suspend(rq, 60000);
    } else if (strcmp(how, "html") == 0) {
        world_send_bytes(rq, span_str("<html>hello</html>"), "text/html");
    } else if (strcmp(how, "busy") == 0 && w->busy++ < 2) {
        (void)http_request_respond_text(rq, 503, "later\n");
    } else if (strcmp(how, "inside") == 0) {
        world_redirect(rq, "http://169.254.169.254/latest/meta-data");
    } else if (strcmp(how, "moved") == 0) {
        snprintf(to, sizeof(to), "/honest%s?%s", http_request_path(rq) + strlen("/moved"),
                 http_request_query(rq));
        world_redirect(rq, to);
    } else {
        return false;
    }
    return true;
}

static inline void world_car(struct world *w, struct http_request *rq, const char *how)
{
    struct world_body b = { .stop = w->car_size, .then = HTTP_BODY_END };
    if (strcmp(how, "nocar") == 0) {
        (void)http_request_respond_text(rq, 400, "no archives\n");
        return;
    }
    if (strcmp(how, "vanish") == 0) {
        b.stop = w->car_size / 2;
        b.then = HTTP_BODY_ERROR;
    } else if (strcmp(how, "short") == 0) {
        b.stop = w->car_size / 2;
    } else if (strcmp(how, "stallmid") == 0) {
        b.stop = w->car_size / 2;
        b.then = HTTP_BODY_WAIT;
    } else if (strcmp(how, "lie") == 0) {
        b.flip = w->car_leaf;
    } else if (strcmp(how, "garbage") == 0) {
        world_send_bytes(rq, span_str("\b certainly not an archive, this"),
                         "application/vnd.ipld.car");
        return;
    } else if (strcmp(how, "strange") == 0 || strcmp(how, "repeat") == 0) {
        b.loop_of = how[0] == 's' ? &w->strange : &w->blocks[0];
        b.stop = w->car_root_end;
    } else if (strcmp(how, "drip") == 0) {
        b.drip = true;
    } else if (strcmp(how, "slow") == 0) {
        b.slow = true;
    }
    world_send_car(w, rq, b);
}

static inline void world_handler(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    char how[32] = { 0 };
    const char *path = http_request_path(rq);
    size_t n = strcspn(path + 1, "/");
    w->requests++;
    const char *cid = strstr(path, "/ipfs/");
    if (cid == NULL || n >= sizeof(how)) {
        (void)http_request_respond_text(rq, 400, "what?\n");
        return;
    }
    memcpy(how, path + 1, n);
    if (world_odd(w, rq, how))
        return;
    const struct world_block *block = world_find(w, cid + 6);
    if (strstr(http_request_query(rq), "format=car") != NULL && block == &w->blocks[0])
        world_car(w, rq, how);
    else
        world_send_raw(w, rq, how, block);
}

#endif
