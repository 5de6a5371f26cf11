/* Pushing archives into a node: who may, and what gets in. */
#include "ipfsd/push.h"

#include "api/car_push.h"
#include "base/hex.h"
#include "ipfsd/fetch_dag_test.h"
#include "ipfsd/push_take.h"
#include "ipfsd/storer.h"
#include "rt/path.h"
#include "store/repo.h"

enum { HEIGHT = 5000 };

struct place {
    char folder[64];
    struct repo repo;
    struct storer storer;
    struct push *push;
    struct http_server *server;
    struct world *w;
    struct push_order order;
    uint8_t id[32];
    struct ed25519_key owner, stranger, helper; /* the helper may order for the owner */
    uint64_t helper_until;
    enum err chain; /* what asking the chain gives */
    unsigned chain_slow_ms;
    char body[512]; /* of the last answer */
    size_t body_size;
};

static enum err ask(void *ctx, struct push_order *out, const uint8_t id[32], const uint8_t *by)
{
    struct place *p = ctx;
    usleep(p->chain_slow_ms * 1000);
    TRY(p->chain);
    if (memcmp(id, p->id, 32) != 0)
        return ERR_NOT_FOUND;
    *out = p->order;
    out->by_until = 0;
    if (by != NULL && memcmp(by, p->helper.public_key, 32) == 0)
        out->by_until = p->helper_until;
    return OK;
}

static void handler(void *ctx, struct http_request *rq)
{
    struct place *p = ctx;
    if (!push_handle(p->push, rq))
        (void)http_request_respond_text(rq, 404, "not ours\n");
}

static void begin(void *ctx, struct http_request *rq)
{
    struct place *p = ctx;
    (void)push_begin(p->push, rq);
}

static struct place *place_new(void)
{
    struct place *p = calloc(1, sizeof(*p));
    struct lockfile_holder holder;
    uint8_t seed[32] = { 1 };
    CHECK(p != NULL);
    snprintf(p->folder, sizeof(p->folder), "/tmp/crust-push-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL);
    CHECK_OK(repo_open(&p->repo, &holder, p->folder, "test", NULL));
    CHECK_OK(storer_start(&p->storer, p->repo.store));
    p->w = calloc(1, sizeof(*p->w));
    CHECK(p->w != NULL);
    world_build(p->w, 3, 5, 100000);
    ed25519_keypair(&p->owner, seed);
    seed[0] = 2;
    ed25519_keypair(&p->stranger, seed);
    seed[0] = 3;
    ed25519_keypair(&p->helper, seed);
    p->helper_until = HEIGHT;
    memset(p->id, 7, 32);
    p->order = (struct push_order){
        .open = true, .key = p->w->blocks[0].key, .size = p->w->bytes, .height = HEIGHT
    };
    memset(p->order.chain, 9, 32);
    memcpy(p->order.owner, p->owner.public_key, 32);
    const struct push_options o = { .storer = &p->storer, .ask = ask, .ctx = p };
    CHECK_OK(push_open(&p->push, &o));
    const struct http_server_options server = {
        .threads = 1, .handler = handler, .begin = begin, .ctx = p
    };
    CHECK_OK(http_server_open(&p->server, &server));
    return p;
}

static void place_free(struct place *p)
{
    http_server_close(p->server);
    push_close(p->push);
    storer_stop(&p->storer);
    repo_close(&p->repo);
    CHECK_OK(path_remove_tree(p->folder));
    for (size_t i = 0; i < p->w->count; i++)
        free(p->w->blocks[i].p);
    free(p->w->strange.p);
    free(p->w->car);
    free(p->w);
    free(p);
}

/* ---- the client ---- */

struct upload {
    struct span body;
    struct place *p;
};

static int64_t upload_read(void *ctx, uint8_t *out, size_t max)
{
    struct upload *u = ctx;
    size_t n = u->body.n < max ? u->body.n : max;
    memcpy(out, u->body.p, n);
    u->body = span_sub(u->body, n, u->body.n);
    return (int64_t)n;
}

static enum err keep_answer(void *ctx, struct span chunk)
{
    struct upload *u = ctx;
    struct place *p = u->p;
    size_t n =
        chunk.n < sizeof(p->body) - 1 - p->body_size ? chunk.n : sizeof(p->body) - 1 - p->body_size;
    memcpy(p->body + p->body_size, chunk.p, n);
    p->body_size += n;
    return OK;
}

static uint16_t put(struct place *p, const char *path, const char *value, struct span body)
{
    char url[256];
    uint16_t status = 0;
    struct upload u = { body, p };
    struct http_header headers[1] = { { CAR_PUSH_HEADER, value } };
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(p->server), path);
    const struct http_fetch_options o = { .method = HTTP_PUT,
                                          .url = url,
                                          .headers = headers,
                                          .header_count = value != NULL,
                                          .body_read = upload_read,
                                          .body_size = body.n,
                                          .on_body = keep_answer,
                                          .ctx = &u };
    memset(p->body, 0, sizeof(p->body));
    p->body_size = 0;
    enum err e = http_fetch_sync(&o, true, &status);
    CHECK(e == OK || status != 0);
    return status;
}

static struct car_push_claim claim_of(const struct place *p, const struct ed25519_key *key,
                                      uint64_t height)
{
    struct car_push_claim c = { .height = height };
    struct car_push_subject subject = { .key = p->w->blocks[0].key };
    memset(subject.chain, 9, 32);
    memcpy(c.order, p->id, 32);
    c.has_by = key == &p->helper;
    if (c.has_by)
        memcpy(c.by, key->public_key, 32);
    car_push_sign(&c, &subject, key);
    return c;
}

static uint16_t push_as(struct place *p, const struct ed25519_key *key, uint64_t height,
                        struct span body)
{
    char path[CAR_PUSH_PATH_MAX], value[CAR_PUSH_VALUE_MAX];
    struct car_push_claim c = claim_of(p, key, height);
    car_push_path(path, &p->w->blocks[0].key);
    car_push_format(value, &c);
    return put(p, path, value, body);
}

static struct span whole(const struct place *p)
{
    return span_of(p->w->car, p->w->car_size);
}

static bool stored(struct place *p, size_t i)
{
    return blockstore_has(p->repo.store, NULL, p->w->blocks[i].key.digest) == OK;
}

static bool says(const struct place *p, const char *words)
{
    if (strstr(p->body, words) != NULL)
        return true;
    print_message("answer: %s\n", p->body);
    return false;
}

/* ---- tests ---- */

static void the_owner_of_an_open_order_gets_it_in(void **state)
{
    (void)state;
    struct place *p = place_new();
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201);
    CHECK(says(p, "\"result\":\"stored\""));
    uint8_t buf[100000];
    size_t n;
    for (size_t i = 0; i < p->w->count; i++) {
        const struct world_block *b = &p->w->blocks[i];
        CHECK_OK(
            blockstore_get(p->repo.store, &n, (struct mspan){ buf, sizeof(buf) }, b->key.digest));
        CHECK_SPAN(span_of(buf, n), span_of(b->p, b->n));
    }
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201); /* again: the same */
    place_free(p);
}

/* The name of the pin on the content, NULL when there is none. */
static const char *pin_name(struct place *p, struct span cid)
{
    static struct blockstore_pin there;
    static char name[PIN_NAME_MAX + 1];
    if (blockstore_pin_get(p->repo.store, &there, cid) != OK)
        return NULL;
    memcpy(name, there.pin.name.p, there.pin.name.n);
    name[there.pin.name.n] = '\0';
    return name;
}

static void the_pin_goes_when_it_is_released_and_others_stay(void **state)
{
    (void)state;
    struct place *p = place_new();
    const struct content_key *key = &p->w->blocks[0].key;
    uint8_t bytes[CID_SIZE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct cid cid = cid_of_key(key);
    cid_write(&w, &cid);
    CHECK_OK(push_take_release(&p->storer, key)); /* nothing is there */
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201);
    CHECK(strcmp(pin_name(p, writer_span(&w)), "pushed") == 0);
    CHECK_OK(push_take_release(&p->storer, key));
    CHECK(pin_name(p, writer_span(&w)) == NULL);
    struct pin mine = {
        .cid = writer_span(&w), .mode = PIN_RECURSIVE, .name = span_str("mine"), .time_unix_s = 1
    };
    CHECK_OK(blockstore_pin(p->repo.store, &mine));
    CHECK_OK(blockstore_commit(p->repo.store));
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201);
    CHECK(strcmp(pin_name(p, writer_span(&w)), "mine") == 0);
    CHECK_OK(push_take_release(&p->storer, key));
    CHECK(strcmp(pin_name(p, writer_span(&w)), "mine") == 0);
    place_free(p);
}

static void a_key_that_the_owner_allows_gets_it_in(void **state)
{
    (void)state;
    char path[CAR_PUSH_PATH_MAX], value[CAR_PUSH_VALUE_MAX];
    struct place *p = place_new();
    p->helper_until = HEIGHT - 1; /* no longer */
    CHECK(push_as(p, &p->helper, HEIGHT, whole(p)) == 403);
    CHECK(says(p, "does not allow this key"));
    CHECK(!stored(p, 0));
    p->helper_until = HEIGHT;
    struct car_push_claim c = claim_of(p, &p->stranger, HEIGHT);
    c.has_by = true; /* named, but another one has signed */
    memcpy(c.by, p->helper.public_key, 32);
    car_push_path(path, &p->w->blocks[0].key);
    car_push_format(value, &c);
    CHECK(put(p, path, value, whole(p)) == 403);
    CHECK(says(p, "the key that it names"));
    memcpy(c.by, p->stranger.public_key, 32); /* signed as named, but not allowed */
    car_push_format(value, &c);
    CHECK(put(p, path, value, whole(p)) == 403);
    CHECK(says(p, "does not allow this key") && !stored(p, 0));
    CHECK(push_as(p, &p->helper, HEIGHT, whole(p)) == 201);
    CHECK(stored(p, 0));
    place_free(p);
}

static void nobody_else_gets_anything_in(void **state)
{
    (void)state;
    char path[CAR_PUSH_PATH_MAX];
    struct place *p = place_new();
    CHECK(push_as(p, &p->stranger, HEIGHT, whole(p)) == 403);
    CHECK(says(p, "not signed by the account"));
    CHECK(push_as(p, &p->owner, HEIGHT - CAR_PUSH_AGE_MAX - 1, whole(p)) == 403);
    CHECK(says(p, "sign again"));
    CHECK(push_as(p, &p->owner, HEIGHT + CAR_PUSH_AHEAD_MAX + 1, whole(p)) == 403);
    p->order.open = false;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 403);
    CHECK(says(p, "expired"));
    p->order.open = true;
    p->order.key = p->w->blocks[1].key;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 404);
    p->chain = ERR_NOT_FOUND;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 404);
    p->chain = ERR_CLOSED;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 503);
    CHECK(says(p, "cannot ask the chain"));
    car_push_path(path, &p->w->blocks[0].key);
    CHECK(put(p, path, NULL, whole(p)) == 401);
    CHECK(put(p, path, "order=12", whole(p)) == 400);
    CHECK(put(p, "/crust/v1/orders/nonsense/car", "order=12", whole(p)) == 400);
    CHECK(put(p, "/crust/v1/orders", "order=12", span_str("x")) == 404);
    CHECK(!stored(p, 0));
    place_free(p);
}

static void only_the_content_gets_in(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct world *w = p->w;
    p->order.size = w->bytes - 1;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 413);
    CHECK(says(p, "larger than"));
    p->order.size = w->bytes;
    CHECK(push_as(p, &p->owner, HEIGHT, span_sub(whole(p), 0, w->car_size - 1)) == 422);
    CHECK(says(p, "ends early"));
    CHECK(push_as(p, &p->owner, HEIGHT, span_sub(whole(p), 0, w->car_root_end)) == 422);
    CHECK(says(p, "3 blocks of the content are missing"));
    CHECK(push_as(p, &p->owner, HEIGHT, span_str("\x08 certainly no archive")) == 422);
    CHECK(says(p, "no CAR"));
    CHECK(push_as(p, &p->owner, HEIGHT, span_of(NULL, 0)) == 422);
    w->car[w->car_leaf] ^= 1;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 422);
    CHECK(says(p, "does not match its CID"));
    w->car[w->car_leaf] ^= 1;
    /* A stranger's block behind the root. */
    struct cid cid = cid_of_key(&w->strange.key);
    uint8_t *more = malloc(w->car_size + w->strange.n + 64);
    CHECK(more != NULL);
    struct writer out = writer_of(more, w->car_size + w->strange.n + 64);
    write_bytes(&out, w->car, w->car_root_end);
    car_write_section(&out, &cid, w->strange.n);
    write_bytes(&out, w->strange.p, w->strange.n);
    CHECK(push_as(p, &p->owner, HEIGHT, span_of(more, out.len)) == 422);
    CHECK(says(p, "is not linked"));
    CHECK(blockstore_has(p->repo.store, NULL, w->strange.key.digest) == ERR_NOT_FOUND);
    free(more);
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201); /* every slot is free again */
    place_free(p);
}

struct client {
    struct place *p;
    pthread_t thread;
    uint16_t status;
};

static void *client_main(void *ctx)
{
    struct client *c = ctx;
    char url[256], path[CAR_PUSH_PATH_MAX], value[CAR_PUSH_VALUE_MAX];
    struct car_push_claim claim = claim_of(c->p, &c->p->owner, HEIGHT);
    car_push_path(path, &c->p->w->blocks[0].key);
    car_push_format(value, &claim);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(c->p->server), path);
    const struct http_header header = { CAR_PUSH_HEADER, value };
    const struct http_fetch_options o = {
        .method = HTTP_PUT, .url = url, .headers = &header, .header_count = 1, .body = whole(c->p)
    };
    if (http_fetch_sync(&o, true, &c->status) != OK && c->status == 0)
        c->status = 1;
    return NULL;
}

static void places_are_bounded_and_slow_chains_waited_for(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct client clients[PUSH_SLOTS + 2];
    unsigned good = 0, busy = 0;
    p->chain_slow_ms = 300;
    for (size_t i = 0; i < PUSH_SLOTS + 2; i++) {
        clients[i] = (struct client){ .p = p };
        CHECK(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) == 0);
    }
    for (size_t i = 0; i < PUSH_SLOTS + 2; i++) {
        pthread_join(clients[i].thread, NULL);
        good += clients[i].status == 201;
        busy += clients[i].status == 503;
    }
    CHECK(good == PUSH_SLOTS);
    CHECK(busy == 2);
    p->chain_slow_ms = 0;
    CHECK(push_as(p, &p->owner, HEIGHT, whole(p)) == 201);
    place_free(p);
}

/* What is written reads back, and nothing else is read. */
static void check_header(const struct car_push_claim *c)
{
    struct car_push_claim back;
    char good[CAR_PUSH_VALUE_MAX], text[CAR_PUSH_VALUE_MAX + 1];
    car_push_format(good, c);
    CHECK_OK(car_push_parse(&back, good));
    CHECK(memcmp(&back, c, sizeof(*c)) == 0);
    for (size_t n = 0; n < strlen(good); n++) {
        memcpy(text, good, n);
        text[n] = '\0';
        CHECK(car_push_parse(&back, text) != OK);
        CHECK(back.height == 0 && !back.has_by);
    }
    snprintf(text, sizeof(text), "%s ", good);
    CHECK_ERR(car_push_parse(&back, text), ERR_TRAILING);
}

static void headers_have_one_form(void **state)
{
    (void)state;
    struct place *p = place_new();
    struct car_push_claim c = claim_of(p, &p->helper, 17);
    check_header(&c);
    c = claim_of(p, &p->owner, 17);
    check_header(&c);
    /* Each field is under the signature. */
    struct car_push_subject subject = { .key = p->w->blocks[0].key };
    memset(subject.chain, 9, 32);
    CHECK_OK(car_push_check(&c, &subject, p->owner.public_key, 17));
    struct car_push_claim other = c;
    other.height++;
    CHECK_ERR(car_push_check(&other, &subject, p->owner.public_key, 17), ERR_SIGNATURE);
    other = c;
    other.order[31] ^= 1;
    CHECK_ERR(car_push_check(&other, &subject, p->owner.public_key, 17), ERR_SIGNATURE);
    struct car_push_subject elsewhere = subject;
    elsewhere.chain[0] ^= 1;
    CHECK_ERR(car_push_check(&c, &elsewhere, p->owner.public_key, 17), ERR_SIGNATURE);
    elsewhere = subject;
    elsewhere.key.codec = CID_CODEC_RAW;
    CHECK_ERR(car_push_check(&c, &elsewhere, p->owner.public_key, 17), ERR_SIGNATURE);
    place_free(p);
}

/* docs/spec/car-push.md 5. */
static void the_vector_of_the_specification(void **state)
{
    (void)state;
    struct car_push_claim c = { .height = 17 };
    struct car_push_subject subject = { .key = { .codec = CID_CODEC_DAG_CBOR } };
    struct ed25519_key key;
    uint8_t seed[32] = { 1 }, want[64];
    ed25519_keypair(&key, seed);
    memset(c.order, 7, 32);
    memset(subject.chain, 9, 32);
    memset(subject.key.digest, 5, 32);
    car_push_sign(&c, &subject, &key);
    CHECK_OK(hex_parse(want, 64,
                       "6870c6726637637eff307b923a57989582495964cec129d47c45d5f20e887ec2"
                       "ead9f5a5c8f3b119808302ab00d6d79124e2aa0708c9c08ac0edd87850f65e02"));
    CHECK_SPAN(span_of(c.signature, 64), span_of(want, 64));
}

int main(void)
{
    log_init("push-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_of_an_open_order_gets_it_in),
        cmocka_unit_test(the_pin_goes_when_it_is_released_and_others_stay),
        cmocka_unit_test(a_key_that_the_owner_allows_gets_it_in),
        cmocka_unit_test(nobody_else_gets_anything_in),
        cmocka_unit_test(only_the_content_gets_in),
        cmocka_unit_test(places_are_bounded_and_slow_chains_waited_for),
        cmocka_unit_test(headers_have_one_form),
        cmocka_unit_test(the_vector_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
