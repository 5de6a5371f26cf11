/* The life of a network for tests of ipfsd/fetch: two servers, a loop on its own thread. */
#ifndef CRUST_IPFSD_FETCH_LIFE_TEST_H
#define CRUST_IPFSD_FETCH_LIFE_TEST_H

#include "ipfsd/fetch_world_test.h"

static inline void *world_loop(void *ctx)
{
    loop_run(ctx);
    return NULL;
}

static inline struct world *world_new(size_t nodes, size_t leaves, size_t leaf_size,
                                      bool allow_private)
{
    struct world *w = calloc(1, sizeof(*w));
    CHECK(w != NULL);
    world_build(w, nodes, leaves, leaf_size);
    w->ranks = fetch_ranks_new();
    CHECK(w->ranks != NULL);
    CHECK_OK(loop_new(&w->loop, 0));
    const struct http_client_options o = { .allow_private = allow_private };
    CHECK_OK(http_client_new(&w->http, w->loop, &o));
    for (size_t i = 0; i < WORLD_SERVERS; i++) {
        const struct http_server_options server = { .threads = 2,
                                                    .handler = world_handler,
                                                    .ctx = w };
        CHECK_OK(http_server_open(&w->servers[i], &server));
    }
    CHECK(pthread_create(&w->thread, NULL, world_loop, w->loop) == 0);
    return w;
}

static inline void world_free(struct world *w)
{
    usleep(20000); /* what was closed last is cancelled on the loop */
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    for (int i = 0; i < 10; i++)
        loop_run_once(w->loop, 0);
    http_client_free(w->http);
    for (size_t i = 0; i < WORLD_SERVERS; i++)
        http_server_close(w->servers[i]);
    for (unsigned i = 0; i < w->held_count; i++)
        (void)http_request_respond_text(w->held[i], 503, "");
    loop_free(w->loop);
    fetch_ranks_free(w->ranks);
    for (size_t i = 0; i < w->count; i++)
        free(w->blocks[i].p);
    free(w->strange.p);
    free(w->car);
    free(w);
}

#endif
