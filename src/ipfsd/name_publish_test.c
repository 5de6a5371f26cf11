/* Names of the node's own, with nobody to tell them to: what is served, and when it is signed anew.
 */
#include "ipfsd/name_publish.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <stdio.h>

enum { PATIENCE_MS = 60000 };

#define A "/ipfs/bafkqaddwgevxmmraojswg33smq"
#define B "/ipfs/bafkqaddwgevxmmraojswg33smr"

static char folder[64];

static struct world {
    struct loop *loop;
    struct jobs jobs;
    struct name_keys *keys;
    struct names *names;
    struct name_net *net;
    struct name_publish *publish;
    unsigned asked; /* how often others were */
} w;

static enum err find(void *ctx, size_t *size, struct mspan buf, const struct peer_id *name)
{
    struct world *world = ctx;
    (void)size;
    (void)buf;
    (void)name;
    world->asked++;
    return ERR_NOT_FOUND;
}

static void begin(uint64_t again_s)
{
    static const struct config_urls none;
    const struct names_options names = { .folder = NULL };
    memset(&w, 0, sizeof(w));
    CHECK_OK(loop_new(&w.loop, 0));
    CHECK_OK(jobs_start(&w.jobs, 2));
    CHECK_OK(name_keys_open(&w.keys, folder, NULL));
    CHECK_OK(names_open(&w.names, &names));
    names_finder(w.names, find, &w);
    CHECK_OK(name_net_open(&w.net, NULL, &none));
    const struct name_publish_options o = { w.loop, &w.jobs, w.keys, w.names, w.net, again_s };
    CHECK_OK(name_publish_open(&w.publish, &o));
}

static void end(void)
{
    name_net_stop(w.net);
    name_publish_stop(w.publish);
    jobs_stop(&w.jobs);
    name_publish_close(w.publish);
    name_net_close(w.net);
    names_close(w.names);
    name_keys_close(w.keys);
    loop_free(w.loop);
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/crust-publish-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return path_remove_tree(folder) == OK ? 0 : -1;
}

static struct name_published publish(const char *key, const char *value)
{
    struct name_published done;
    const struct name_wish wish = { .value = span_str(value),
                                    .lifetime_s = 3600,
                                    .ttl_ns = 1000000000 };
    CHECK_OK(name_publish(w.publish, &done, key, &wish));
    CHECK(done.told.nodes == 0 && done.told.routers == 0);
    return done;
}

static uint8_t bytes[IPNS_RECORD_MAX];

static bool served(struct ipns_record *r, const struct peer_id *id)
{
    size_t size;
    return names_record(w.names, &size, (struct mspan){ bytes, sizeof(bytes) }, id) == OK &&
           ipns_decode(r, span_of(bytes, size)) == OK;
}

static void what_is_published_is_served_at_once_and_after_a_restart(void **state)
{
    (void)state;
    struct name_key k;
    struct ipns_record r;
    begin(14400);
    CHECK_OK(name_keys_make(w.keys, &k, "site", NULL));
    (void)publish("site", A);
    CHECK(w.asked == 0); /* a key made here has been published nowhere */
    CHECK(served(&r, &k.id) && span_eq(r.value, span_str(A)));
    (void)publish("site", B);
    CHECK(served(&r, &k.id) && span_eq(r.value, span_str(B)) && r.sequence == 2);
    CHECK(!names_find_due(w.names, &k.id)); /* ours: nobody is asked */
    end();

    begin(14400);
    CHECK(served(&r, &k.id) && span_eq(r.value, span_str(B)) && r.sequence == 2);
    CHECK(!names_find_due(w.names, &k.id));
    CHECK(publish("site", A).record.sequence == 3);
    struct name_key gone;
    CHECK_OK(name_keys_remove(w.keys, &gone, "site"));
    name_publish_forget(w.publish, &gone.id);
    CHECK(names_find_due(w.names, &k.id));
    end();
}

static void a_key_from_elsewhere_is_asked_for_first(void **state)
{
    (void)state;
    struct name_key k;
    struct ed25519_key pair;
    uint8_t seed[32] = { 9 };
    begin(14400);
    ed25519_keypair(&pair, seed);
    CHECK_OK(name_keys_make(w.keys, &k, "moved", &pair));
    CHECK(publish("moved", A).record.sequence == 1);
    CHECK(w.asked == 1);
    end();
}

static void records_are_signed_anew_in_time(void **state)
{
    (void)state;
    struct name_key k;
    struct ipns_record r;
    struct name_signed last;
    begin(1);
    CHECK_OK(name_keys_make(w.keys, &k, "site", NULL));
    struct name_published first = publish("site", A);
    uint64_t give_up = clock_deadline(PATIENCE_MS);
    do {
        CHECK(clock_left(give_up) > 0);
        loop_run_once(w.loop, 100);
        CHECK_OK(name_keys_last(w.keys, &last, "site"));
    } while (last.until_s <= first.record.until_s);
    CHECK(last.sequence == 1);
    do {
        CHECK(clock_left(give_up) > 0);
        loop_run_once(w.loop, 100);
        CHECK(served(&r, &k.id));
    } while (r.validity_s <= first.record.until_s);
    CHECK(span_eq(r.value, span_str(A)) && r.sequence == 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_published_is_served_at_once_and_after_a_restart,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_from_elsewhere_is_asked_for_first, setup, teardown),
        cmocka_unit_test_setup_teardown(records_are_signed_anew_in_time, setup, teardown),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
