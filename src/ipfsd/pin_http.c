#include "ipfsd/pin_http.h"

#include "base/hex.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/pinner.h"
#include "p2p/rate.h"
#include "rt/clock.h"
#include "rt/http_server.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { ERROR_MAX = 1024, INFO_MAX = 4, RATES = 128, SMALL_ANSWER = 128 << 10 };

/* What one token may still ask. */
struct allowance_rate {
    uint8_t id[PIN_STORE_TOKEN_SIZE];
    struct rate rate;
};

struct delegates {
    size_t count;
    char texts[PINNING_DELEGATES_MAX][PINNING_ORIGIN_MAX];
};

struct pin_http {
    struct ipfsd *node;
    struct pin_store *store;
    struct pinner *pinner;
    struct http_server *server;
    struct jobs jobs; /* one thread */
    bool jobs_started;
    struct loop_timer *timer;
    pthread_mutex_t lock; /* of what follows */
    struct pin_tokens tokens;
    struct rate wrong;
    struct allowance_rate rates[RATES];
    struct delegates delegates;
};

/* A request on its way through our thread. */
struct job {
    struct jobs_item item;
    struct pin_http *h;
    struct http_request *rq;
    enum pinning_route route;
    struct pin_key key;
    struct pin_token token;
    struct delegates delegates;
};

/* ---- answers -------------------------------------------------------------------------------- */

static void add_headers(struct http_response *r)
{
    (void)http_response_add(r, "Access-Control-Allow-Origin", "*");
    (void)http_response_add(r, "Cache-Control", "no-store");
    (void)http_response_add(r, "X-Content-Type-Options", "nosniff");
    if (r->body.n > 0)
        (void)http_response_add(r, "Content-Type", "application/json");
}

static void answer(struct http_request *rq, uint16_t status, struct span body)
{
    struct http_response r = { .status = status, .body = body };
    add_headers(&r);
    if (status == 401)
        (void)http_response_add(&r, "WWW-Authenticate", "Bearer");
    if (status == 429 || status == 503)
        (void)http_response_add(&r, "Retry-After", "5");
    (void)http_request_respond(rq, &r);
}

static void refuse(struct http_request *rq, uint16_t status, const char *details)
{
    uint8_t body[ERROR_MAX];
    struct writer w = writer_of(body, sizeof(body));
    pinning_write_error(&w, status, details);
    answer(rq, status, w.err == OK ? writer_span(&w) : span_of(NULL, 0));
}

static void refuse_error(struct http_request *rq, enum err e)
{
    if (e == ERR_NOT_FOUND)
        refuse(rq, 404, "there is no such request");
    else if (e == ERR_LIMIT || e == ERR_FULL)
        refuse(rq, 507, "this service keeps no more requests");
    else
        refuse(rq, 500, err_text(e));
}

static void answer_preflight(struct http_request *rq)
{
    struct http_response r = { .status = 204 };
    add_headers(&r);
    (void)http_response_add(&r, "Access-Control-Allow-Methods", "GET, POST, DELETE");
    (void)http_response_add(&r, "Access-Control-Allow-Headers", "Authorization, Content-Type");
    (void)http_response_add(&r, "Access-Control-Max-Age", "86400");
    (void)http_request_respond(rq, &r);
}

/* ---- a pin with its status ------------------------------------------------------------------ */

static enum pinning_status status_of(const struct pin_work *w)
{
    if (w->step == PIN_INLINE)
        return PINNING_PINNED;
    if (w->step == PIN_FAILED)
        return PINNING_FAILED;
    if (w->proven)
        return PINNING_PINNED; /* a renewal under way changes nothing about that */
    return w->step == PIN_FETCH && w->tries == 0 ? PINNING_QUEUED : PINNING_PINNING;
}

struct info {
    char order[65], replicas[32], until[24], size[24];
    struct pinning_pair pairs[INFO_MAX];
    size_t count;
};

static void info_add(struct info *info, const char *name, const char *value)
{
    info->pairs[info->count++] = (struct pinning_pair){ span_str(name), span_str(value) };
}

static void info_of(struct info *info, const struct pin_work *w)
{
    info->count = 0;
    if (w->step != PIN_FETCH && w->step != PIN_INLINE && w->size > 0) {
        (void)snprintf(info->size, sizeof(info->size), "%llu", (unsigned long long)w->size);
        info_add(info, "size", info->size);
    }
    if (!w->has_order)
        return;
    hex_format(info->order, span_of(w->order, sizeof(w->order)));
    info_add(info, "order", info->order);
    (void)snprintf(info->replicas, sizeof(info->replicas), "%u of %u", w->verified, w->wanted);
    info_add(info, "replicas", info->replicas);
    if (w->expires_at == 0)
        return;
    (void)snprintf(info->until, sizeof(info->until), "%llu", (unsigned long long)w->expires_at);
    info_add(info, "paid_until_block", info->until);
}

static void write_pin(struct writer *w, const struct job *j, uint64_t created_ms,
                      const struct pinning_request *rq, const struct pin_work *work)
{
    struct info info;
    const char *delegates[PINNING_DELEGATES_MAX];
    info_of(&info, work);
    for (size_t i = 0; i < j->delegates.count; i++)
        delegates[i] = j->delegates.texts[i];
    const struct pinning_pin pin = { .request = rq,
                                     .created_ms = created_ms,
                                     .status = status_of(work),
                                     .details = span_str(work->details),
                                     .info = info.pairs,
                                     .info_count = info.count,
                                     .delegates = delegates,
                                     .delegate_count = j->delegates.count };
    pinning_write_pin(w, &pin);
}

static void answer_pin(const struct job *j, uint16_t status, const struct pinning_request *rq,
                       const struct pin_work *work)
{
    uint8_t *memory = malloc(SMALL_ANSWER);
    if (memory == NULL) {
        refuse_error(j->rq, ERR_MEMORY);
        return;
    }
    struct writer w = writer_of(memory, SMALL_ANSWER);
    write_pin(&w, j, j->key.created_ms, rq, work);
    if (w.err == OK)
        answer(j->rq, status, writer_span(&w));
    else
        refuse_error(j->rq, w.err);
    free(memory);
}

/* ---- the requests; on our thread ------------------------------------------------------------ */

static void get_one(struct job *j)
{
    uint8_t bytes[PINNING_ENCODED_MAX];
    struct mspan room = { bytes, sizeof(bytes) };
    struct pin_work work;
    struct pinning_request rq;
    enum err e = pin_store_get(j->h->store, &j->key, &room, &work, false);
    if (e == OK)
        e = pinning_decode(&rq, span_of(room.p, room.n));
    if (e == OK)
        answer_pin(j, 200, &rq, &work);
    else
        refuse_error(j->rq, e);
}

static bool may_spend(const struct job *j)
{
    struct amount spent;
    return pin_store_spent(j->h->store, &spent, j->key.token) == OK &&
           amount_cmp(spent, j->token.cap) < 0;
}

static void add_one(struct job *j)
{
    uint8_t bytes[PINNING_ENCODED_MAX];
    char why[PINNING_WHY_MAX];
    struct span encoded;
    struct pinning_request rq;
    struct pin_work work = { .step = PIN_FETCH, .replicas = j->token.replicas };
    uint64_t replaced = j->route == PINNING_REPLACE ? j->key.created_ms : 0;
    struct pin_key old = j->key;
    enum err e = pinning_body(&encoded, why, (struct mspan){ bytes, sizeof(bytes) },
                              http_request_body(j->rq));
    if (e == OK)
        e = pinning_decode(&rq, encoded);
    if (e != OK) {
        refuse(j->rq, http_request_body(j->rq).n > PINNING_BODY_MAX ? 413 : 400, why);
        return;
    }
    memcpy(work.account, j->token.account, 32);
    if (rq.inlined) {
        work.step = PIN_INLINE;
        (void)snprintf(work.details, sizeof(work.details),
                       "the CID carries its content: nothing is stored or paid for");
    } else if (!may_spend(j)) {
        refuse(j->rq, 409, "the token has spent all that it may");
        return;
    }
    e = j->route == PINNING_REPLACE && replaced == 0
            ? ERR_NOT_FOUND
            : pin_store_add(j->h->store, &j->key, clock_wall_ms(), encoded, &work, replaced);
    if (e != OK) {
        refuse_error(j->rq, e);
        return;
    }
    pinner_added(j->h->pinner, &j->key);
    if (replaced != 0)
        pinner_removed(j->h->pinner, &old);
    answer_pin(j, 202, &rq, &work);
}

static void remove_one(struct job *j)
{
    enum err e = pin_store_remove(j->h->store, &j->key);
    if (e != OK) {
        refuse_error(j->rq, e);
        return;
    }
    pinner_removed(j->h->pinner, &j->key);
    answer(j->rq, 202, span_of(NULL, 0));
}

struct listing {
    struct job *j;
    struct pinning_filter filter;
    struct writer w;
    uint64_t count;
    uint32_t listed;
    bool full;
};

static bool list_one(void *ctx, const struct pin_key *key, struct span request,
                     const struct pin_work *work)
{
    struct listing *l = ctx;
    struct pinning_request rq;
    if (pinning_decode(&rq, request) != OK ||
        !pinning_matches(&l->filter, &rq, status_of(work), key->created_ms))
        return true;
    l->count++;
    if (l->full || l->listed == l->filter.limit)
        return true;
    size_t before = l->w.len;
    if (l->listed > 0)
        write_u8(&l->w, ',');
    write_pin(&l->w, l->j, key->created_ms, &rq, work);
    l->full = l->w.err != OK || l->w.len + ERROR_MAX > l->w.n;
    if (l->full) {
        l->w.len = before;
        l->w.err = OK;
    } else {
        l->listed++;
    }
    return true;
}

static void list(struct job *j)
{
    char why[PINNING_WHY_MAX];
    struct listing *l = calloc(1, sizeof(*l));
    uint8_t *memory = malloc(PIN_HTTP_ANSWER_MAX);
    enum err e = l == NULL || memory == NULL ? ERR_MEMORY : OK;
    if (e == OK && pinning_query(&l->filter, why, http_request_query(j->rq)) != OK) {
        refuse(j->rq, 400, why);
        free(l);
        free(memory);
        return;
    }
    if (e == OK) {
        l->j = j;
        l->w = writer_of(memory, PIN_HTTP_ANSWER_MAX);
        write_span(&l->w, span_str("{\"results\":["));
        e = pin_store_list(j->h->store, j->key.token, list_one, l);
    }
    if (e == OK) {
        pinning_write_end(&l->w, l->count);
        answer(j->rq, 200, writer_span(&l->w));
    } else {
        refuse_error(j->rq, e);
    }
    free(l);
    free(memory);
}

static void run_job(struct jobs_item *item)
{
    struct job *j = (void *)item; /* its first member */
    pthread_mutex_lock(&j->h->lock);
    j->delegates = j->h->delegates;
    pthread_mutex_unlock(&j->h->lock);
    if (j->route == PINNING_LIST)
        list(j);
    else if (j->route == PINNING_GET)
        get_one(j);
    else if (j->route == PINNING_REMOVE)
        remove_one(j);
    else
        add_one(j);
    free(j);
}

/* ---- the door; on an HTTP thread ------------------------------------------------------------ */

/* One request counts as a byte. */
static bool pass(struct rate *r)
{
    if (rate_room(r, clock_mono_ms()) == 0)
        return false;
    rate_take(r, 1);
    return true;
}

/* A token takes the place of the one that was here under another id: as many places as tokens. */
static struct rate *rate_of(struct pin_http *h, const uint8_t *id)
{
    struct allowance_rate *place = &h->rates[0];
    for (size_t i = 0; i < RATES; i++) {
        if (memcmp(h->rates[i].id, id, PIN_STORE_TOKEN_SIZE) == 0)
            return &h->rates[i].rate;
        if (h->rates[i].rate.at_ms < place->rate.at_ms)
            place = &h->rates[i];
    }
    memcpy(place->id, id, PIN_STORE_TOKEN_SIZE);
    rate_init(&place->rate, PIN_HTTP_RATE, PIN_HTTP_BURST, clock_mono_ms());
    return &place->rate;
}

/* Returns 0, or the status to refuse with. Under the lock. */
static uint16_t look(struct pin_http *h, struct pin_token *out, const uint8_t hash[32],
                     const char **why)
{
    const struct pin_token *t = NULL;
    if (pinner_tokens(h->pinner, &h->tokens))
        t = pin_tokens_find(&h->tokens, hash);
    if (t == NULL) {
        *why = "the access token is not known";
        return pass(&h->wrong) ? 401 : 429;
    }
    if (t->until_ms != 0 && t->until_ms <= clock_wall_ms()) {
        *why = "the access token has ended";
        return 403;
    }
    *why = "too many requests";
    *out = *t;
    return pass(rate_of(h, t->hash)) ? 0 : 429;
}

static bool is_let_in(struct pin_http *h, struct http_request *rq, struct pin_token *out)
{
    struct span token;
    uint8_t hash[32];
    const char *why = "an access token is needed: Authorization: Bearer TOKEN";
    uint16_t status = 401;
    if (pin_tokens_bearer(&token, http_request_header(rq, "Authorization"))) {
        pin_tokens_hash(hash, token);
        pthread_mutex_lock(&h->lock);
        status = look(h, out, hash, &why);
        pthread_mutex_unlock(&h->lock);
    }
    if (status != 0)
        refuse(rq, status, why);
    return status == 0;
}

static void hand_over(struct pin_http *h, struct http_request *rq, enum pinning_route route,
                      uint64_t id, const struct pin_token *token)
{
    struct job *j = jobs_waiting(&h->jobs) < PIN_HTTP_WAITING_MAX ? calloc(1, sizeof(*j)) : NULL;
    if (j == NULL) {
        refuse(rq, 503, "too many requests at once");
        return;
    }
    *j = (struct job){ .item = { .run = run_job },
                       .h = h,
                       .rq = rq,
                       .route = route,
                       .key = { .created_ms = id },
                       .token = *token };
    memcpy(j->key.token, token->hash, PIN_STORE_TOKEN_SIZE);
    http_request_suspend(rq, PIN_HTTP_TIMEOUT_MS);
    jobs_add(&h->jobs, &j->item);
}

static void handle(void *ctx, struct http_request *rq)
{
    struct pin_http *h = ctx;
    struct pin_token token;
    uint64_t id;
    const char *method = http_method_name(http_request_method(rq));
    enum pinning_route route = pinning_route(method, http_request_path(rq), &id);
    if (route == PINNING_PREFLIGHT)
        answer_preflight(rq);
    else if (route == PINNING_NO_PATH)
        refuse(rq, 404, "the pinning API is at /pins");
    else if (!is_let_in(h, rq, &token))
        return;
    else if (route == PINNING_NO_METHOD)
        refuse(rq, 405, "the API has no such method here");
    else
        hand_over(h, rq, route, id, &token);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* On the loop: what peers are told to dial may change. */
static void look_at_delegates(void *ctx)
{
    struct pin_http *h = ctx;
    struct multiaddr list[PINNING_DELEGATES_MAX];
    char text[MULTIADDR_TEXT_MAX];
    size_t n = p2p_node_addresses(h->node->p2p, list, PINNING_DELEGATES_MAX);
    pthread_mutex_lock(&h->lock);
    struct delegates *d = &h->delegates;
    d->count = 0;
    for (size_t i = 0; i < n; i++) {
        multiaddr_format(text, &list[i]);
        size_t size = strlen(text) + 1;
        if (size <= sizeof(d->texts[0]))
            memcpy(d->texts[d->count++], text, size);
    }
    pthread_mutex_unlock(&h->lock);
}

static enum err start(struct pin_http *h)
{
    const struct settings *s = &h->node->settings;
    char path[SETTINGS_PATH_MAX + 16];
    const struct http_server_options o = { .host = s->pinning_host,
                                           .port = s->pinning_port.port,
                                           .port_tries = s->pinning_port.tries,
                                           .threads = 1,
                                           .header_bytes_max = 24 << 10,
                                           .body_bytes_max = 2 * PINNING_BODY_MAX,
                                           .handler = handle,
                                           .ctx = h };
    (void)snprintf(path, sizeof(path), "%s/pins.db", s->pinning);
    TRY(path_make_dirs(s->pinning, 0700));
    TRY(pin_store_open(&h->store, path));
    TRY(pinner_open(&h->pinner, h->node, h->store));
    TRY(jobs_start(&h->jobs, 1));
    h->jobs_started = true;
    h->timer = loop_timer_new(h->node->loop, look_at_delegates, h);
    if (h->timer == NULL)
        return ERR_MEMORY;
    look_at_delegates(h);
    loop_timer_start(h->timer, PIN_HTTP_DELEGATES_MS, PIN_HTTP_DELEGATES_MS);
    return http_server_open(&h->server, &o);
}

enum err pin_http_open(struct pin_http **out, struct ipfsd *n)
{
    *out = NULL;
    if (!n->settings.pinning_on)
        return OK;
    struct pin_http *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ERR_MEMORY;
    h->node = n;
    pthread_mutex_init(&h->lock, NULL);
    rate_init(&h->wrong, PIN_HTTP_WRONG_RATE, PIN_HTTP_WRONG_BURST, clock_mono_ms());
    enum err e = start(h);
    *out = h; /* stop() closes it */
    if (e != OK)
        log_error("pinning-not-serving", "host=\"%s\" port=%u reason=\"%s\"",
                  n->settings.pinning_host, n->settings.pinning_port.port,
                  e == ERR_EXISTS ? "the port is in use" : err_text(e));
    if (e == OK && !n->settings.allow_private_origins &&
        strncmp(n->settings.url, "http://127.", 11) == 0)
        log_warn("pinning-not-reachable",
                 "url=\"%s\" next=\"url = where storage nodes reach this gateway\"",
                 n->settings.url);
    if (e == OK)
        log_info("pinning", "url=\"http://%s:%u\" key=%s", n->settings.pinning_host,
                 http_server_port(h->server), pinner_address(h->pinner));
    return e;
}

void pin_http_stop(struct pin_http *h)
{
    if (h != NULL)
        pinner_stop(h->pinner);
}

bool pin_http_idle(struct pin_http *h)
{
    return h == NULL || pinner_idle(h->pinner);
}

/* Those who wait are answered before the server goes. */
void pin_http_close(struct pin_http *h)
{
    if (h == NULL)
        return;
    loop_timer_free(h->timer);
    if (h->jobs_started)
        jobs_stop(&h->jobs);
    http_server_close(h->server);
    pinner_close(h->pinner);
    pin_store_close(h->store);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
