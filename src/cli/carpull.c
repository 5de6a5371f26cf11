#include "cli/carpull.h"

#include "codec/car.h"
#include "ipfs/dag_block.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_MS = 5000,
    IDLE_MS = 15000,
    TURN_MS = 1000,
    BUFFER_SIZE = 1 << 20, /* several of libcurl's chunks of 64 KiB */
};

/* What a gateway may send before it must be a lie: no DAG is larger. */
#define ANSWER_MAX (UINT64_MAX / 2)

struct carpull {
    struct loop *loop;
    struct http_client *http;
    struct http_fetch *fetch; /* NULL once it has ended */
    bool replied, paused, ended;
    uint16_t status;
    bool is_car;
    enum err err; /* of the ended request */
    struct car_parser parser;
    uint8_t *section; /* the parser's, CAR_SECTION_MAX bytes */
    uint8_t *buffer;  /* what came and is not parsed: [at, size) */
    size_t at, size;
};

static enum err on_reply(void *ctx, const struct http_reply *reply)
{
    static const char type[] = "application/vnd.ipld.car";
    struct carpull *p = ctx;
    p->replied = true;
    p->status = reply->status;
    p->is_car = strncmp(reply->content_type, type, sizeof(type) - 1) == 0;
    return p->status == 200 && p->is_car ? OK : ERR_UNSUPPORTED;
}

static enum err on_body(void *ctx, struct span chunk)
{
    struct carpull *p = ctx;
    if (p->at > 0) {
        memmove(p->buffer, p->buffer + p->at, p->size - p->at);
        p->size -= p->at;
        p->at = 0;
    }
    if (chunk.n > BUFFER_SIZE)
        return ERR_LIMIT;
    p->paused = chunk.n > BUFFER_SIZE - p->size;
    if (p->paused)
        return ERR_BUSY;
    memcpy(p->buffer + p->size, chunk.p, chunk.n);
    p->size += chunk.n;
    return OK;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct carpull *p = ctx;
    p->fetch = NULL;
    p->ended = true;
    p->err = e;
    p->status = status;
}

static enum err start(struct carpull *p, const char *base, bool allow_private,
                      const struct carpull_want *want)
{
    char url[CARPULL_URL_MAX], cid[CID_TEXT_MAX], bytes[64] = "";
    const struct http_header accept = { "Accept",
                                        "application/vnd.ipld.car; version=1; order=dfs; dups=y" };
    const struct http_client_options options = { .allow_private = allow_private,
                                                 .connections_max = 1 };
    cid_format(cid, &want->cid);
    if (want->from != 0 && want->to == UINT64_MAX)
        (void)snprintf(bytes, sizeof(bytes), "&entity-bytes=%llu:*",
                       (unsigned long long)want->from);
    else if (want->to != UINT64_MAX)
        (void)snprintf(bytes, sizeof(bytes), "&entity-bytes=%llu:%llu",
                       (unsigned long long)want->from,
                       (unsigned long long)(want->to == 0 ? 0 : want->to - 1));
    int n = snprintf(url, sizeof(url), "%s/ipfs/%s?format=car&dag-scope=%s&car-dups=y%s", base, cid,
                     want->scope == CARPULL_ALL ? "all" : "entity", bytes);
    if (n < 0 || (size_t)n >= sizeof(url))
        return ERR_LIMIT;
    const struct http_fetch_options o = { .url = url,
                                          .headers = &accept,
                                          .header_count = 1,
                                          .connect_timeout_ms = CONNECT_MS,
                                          .idle_timeout_ms = IDLE_MS,
                                          .size_max = ANSWER_MAX,
                                          .redirects_max = 2,
                                          .on_reply = on_reply,
                                          .on_body = on_body,
                                          .on_done = on_done,
                                          .ctx = p };
    TRY(loop_new(&p->loop, 0));
    TRY(http_client_new(&p->http, p->loop, &options));
    TRY(http_client_fetch(p->http, &p->fetch, &o));
    while (!p->replied && !p->ended)
        loop_run_once(p->loop, TURN_MS);
    if (p->replied && p->status == 200)
        return p->is_car ? OK : ERR_UNSUPPORTED;
    if (p->replied)
        return p->status == 404 || p->status == 410 ? ERR_NOT_FOUND
               : p->status >= 500                   ? ERR_IO
                                                    : ERR_UNSUPPORTED;
    return p->err == OK ? ERR_IO : p->err;
}

enum err carpull_open(struct carpull **out, const char *base, bool allow_private,
                      const struct carpull_want *want)
{
    struct carpull *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL)
        return ERR_MEMORY;
    p->section = malloc(CAR_SECTION_MAX);
    p->buffer = malloc(BUFFER_SIZE);
    enum err e = p->section == NULL || p->buffer == NULL ? ERR_MEMORY : OK;
    if (e == OK) {
        car_parser_init(&p->parser, (struct mspan){ p->section, CAR_SECTION_MAX });
        e = start(p, base, allow_private, want);
    }
    if (e == OK)
        *out = p;
    else
        carpull_close(p);
    return e;
}

void carpull_close(struct carpull *p)
{
    if (p == NULL)
        return;
    if (p->fetch != NULL)
        http_fetch_cancel(p->fetch);
    http_client_free(p->http);
    loop_free(p->loop);
    free(p->section);
    free(p->buffer);
    free(p);
}

/* More bytes into the buffer, which is empty. OK with none of them: the answer is over. */
static enum err more(struct carpull *p)
{
    while (p->at == p->size && !p->ended) {
        if (p->paused) {
            p->paused = false;
            http_fetch_resume(p->fetch);
        }
        loop_run_once(p->loop, TURN_MS);
    }
    return p->at == p->size ? p->err : OK;
}

/* The next section. ERR_NOT_FOUND at a sound end. */
static enum err next_block(struct carpull *p, struct car_item *item)
{
    for (;;) {
        TRY(more(p));
        struct span in = span_of(p->buffer + p->at, p->size - p->at);
        if (in.n == 0)
            return car_parser_finish(&p->parser) == OK ? ERR_NOT_FOUND : ERR_SHORT;
        enum err e = car_parser_next(&p->parser, item, &in);
        p->at = p->size - in.n;
        if (e != OK)
            return ERR_FORMAT;
        if (item->event == CAR_BLOCK)
            return OK;
        if (item->event == CAR_END)
            return ERR_NOT_FOUND;
    }
}

enum err carpull_next(struct carpull *p, struct span *block,
                      const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    struct content_key key;
    struct car_item item;
    *block = (struct span){ NULL, 0 };
    for (int i = 0; i <= CARPULL_SKIP_MAX; i++) {
        TRY(next_block(p, &item));
        if (cid_key(&key, &item.cid) != OK || memcmp(key.digest, digest, BLOCK_DIGEST_SIZE) != 0)
            continue;
        if (dag_block_verify(&item.cid, item.data) != OK)
            return ERR_CORRUPT;
        *block = item.data;
        return OK;
    }
    return ERR_NOT_FOUND;
}
