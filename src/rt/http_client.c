#include "rt/http_client.h"

#include "rt/http_transfer.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { CONNECTIONS_DEFAULT = 64, PER_HOST_DEFAULT = 8 };

/* A socket of libcurl's and our watcher for it. */
struct watch {
    struct http_client *client;
    curl_socket_t fd;
    struct loop_fd *fdw;
    struct watch *next;
};

struct http_fetch {
    struct http_transfer t;
    struct http_client *client;
    struct http_fetch *next;
};

struct http_client {
    struct loop *loop;
    struct http_client_options o;
    CURLM *multi;
    struct loop_timer *timer;
    struct watch *watches;
    struct http_fetch *fetches;
    bool in_curl; /* libcurl is on the stack: nothing of it may be removed */
};

static void unlink_fetch(struct http_client *c, const struct http_fetch *f)
{
    for (struct http_fetch **at = &c->fetches; *at != NULL; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            return;
        }
    }
}

static void free_fetch(struct http_fetch *f)
{
    struct http_client *c = f->client;
    unlink_fetch(c, f);
    curl_multi_remove_handle(c->multi, f->t.easy);
    http_transfer_fini(&f->t);
    free(f);
}

/* Hands finished transfers to their owners, who may start new ones. */
static void collect(struct http_client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct http_fetch *f = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        uint16_t status = 0;
        enum err e = http_transfer_result(&f->t, m->data.result, &status);
        void (*done)(void *, enum err, uint16_t) = f->t.o.on_done;
        void *ctx = f->t.o.ctx;
        free_fetch(f);
        if (done != NULL)
            done(ctx, e, status);
    }
}

static void act(struct http_client *c, curl_socket_t fd, int what)
{
    int running;
    c->in_curl = true;
    curl_multi_socket_action(c->multi, fd, what, &running);
    c->in_curl = false;
    collect(c);
}

static void on_socket(void *ctx, int events)
{
    struct watch *w = ctx;
    int what = 0;
    if ((events & LOOP_READ) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & LOOP_WRITE) != 0)
        what |= CURL_CSELECT_OUT;
    act(w->client, w->fd, what);
}

static void on_client_timer(void *ctx)
{
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void drop_watch(struct watch *w)
{
    struct http_client *c = w->client;
    for (struct watch **at = &c->watches; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    loop_fd_free(w->fdw);
    free(w);
}

static struct watch *add_watch(struct http_client *c, curl_socket_t fd)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    w->client = c;
    w->fd = fd;
    w->fdw = loop_fd_new(c->loop, fd, on_socket, w);
    if (w->fdw == NULL) {
        free(w);
        return NULL;
    }
    w->next = c->watches;
    c->watches = w;
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    (void)easy;
    struct http_client *c = ctx;
    struct watch *w = socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            drop_watch(w);
        return 0;
    }
    if (w == NULL)
        w = add_watch(c, fd);
    if (w == NULL)
        return -1;
    int events = 0;
    if ((what & CURL_POLL_IN) != 0)
        events |= LOOP_READ;
    if ((what & CURL_POLL_OUT) != 0)
        events |= LOOP_WRITE;
    loop_fd_set(w->fdw, events);
    return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    (void)multi;
    struct http_client *c = ctx;
    if (timeout_ms < 0)
        loop_timer_stop(c->timer);
    else
        loop_timer_start(c->timer, (uint64_t)timeout_ms, 0);
    return 0;
}

enum err http_client_new(struct http_client **out, struct loop *l,
                         const struct http_client_options *o)
{
    *out = NULL;
    TRY(http_transfer_global());
    struct http_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->loop = l;
    c->o = *o;
    c->multi = curl_multi_init();
    c->timer = loop_timer_new(l, on_client_timer, c);
    if (c->multi == NULL || c->timer == NULL) {
        curl_multi_cleanup(c->multi);
        loop_timer_free(c->timer);
        free(c);
        return ERR_MEMORY;
    }
    long total = o->connections_max == 0 ? CONNECTIONS_DEFAULT : (long)o->connections_max;
    long per_host = o->per_host_max == 0 ? PER_HOST_DEFAULT : (long)o->per_host_max;
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, total);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, total);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    *out = c;
    return OK;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL)
        return;
    while (c->fetches != NULL) {
        struct http_fetch *f = c->fetches;
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): free_fetch takes it off the list */
        void (*done)(void *, enum err, uint16_t) = f->t.o.on_done;
        void *ctx = f->t.o.ctx;
        free_fetch(f);
        if (done != NULL)
            done(ctx, ERR_CLOSED, 0);
    }
    curl_multi_cleanup(c->multi);
    while (c->watches != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each call takes the first off the list */
        drop_watch(c->watches);
    loop_timer_free(c->timer);
    free(c);
}

enum err http_client_fetch(struct http_client *c, struct http_fetch **out,
                           const struct http_fetch_options *o)
{
    if (out != NULL)
        *out = NULL;
    struct http_fetch *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return ERR_MEMORY;
    enum err e = http_transfer_init(&f->t, o, c->o.allow_private);
    if (e != OK) {
        free(f);
        return e;
    }
    f->client = c;
    curl_easy_setopt(f->t.easy, CURLOPT_PRIVATE, f);
    f->next = c->fetches;
    c->fetches = f;
    if (curl_multi_add_handle(c->multi, f->t.easy) != CURLM_OK) {
        unlink_fetch(c, f);
        http_transfer_fini(&f->t);
        free(f);
        return ERR_MEMORY;
    }
    if (out != NULL)
        *out = f;
    return OK;
}

void http_fetch_resume(struct http_fetch *f)
{
    if (!f->t.paused)
        return;
    f->t.paused = false;
    curl_easy_pause(f->t.easy, CURLPAUSE_CONT);
    /* What is buffered may end the transfer; the timer that libcurl sets then finds it. */
    loop_timer_start(f->client->timer, 0, 0);
}

void http_fetch_cancel(struct http_fetch *f)
{
    ASSERT(!f->client->in_curl);
    free_fetch(f);
}
