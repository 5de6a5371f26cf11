#include "ipfsd/name_keys.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOW = 1795000000, DAY = 86400 };

static char folder[64], keys_folder[80], self_file[80];
static struct name_keys *keys;

static int setup(void **state)
{
    struct ed25519_key pair;
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/crust-names-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(keys_folder, sizeof(keys_folder), "%s/keys", folder);
    (void)snprintf(self_file, sizeof(self_file), "%s/p2p.key", folder);
    CHECK_OK(path_make_dirs(keys_folder, 0700));
    CHECK_OK(seed_file_make(&pair, self_file));
    CHECK_OK(name_keys_open(&keys, keys_folder, self_file));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_keys_close(keys);
    CHECK_OK(path_remove_tree(folder));
    return 0;
}

static void again(void)
{
    name_keys_close(keys);
    CHECK_OK(name_keys_open(&keys, keys_folder, self_file));
}

static struct name_wish wish(const char *value)
{
    return (struct name_wish){ .value = span_str(value),
                               .lifetime_s = 2 * DAY,
                               .ttl_ns = 300000000000 };
}

static struct name_signed published;

static uint64_t publish(const char *name, const char *value, int64_t now)
{
    struct ipns_record r;
    const struct name_wish w = wish(value);
    CHECK_OK(name_keys_sign(keys, &published, name, &w, now));
    CHECK_OK(ipns_decode(&r, span_of(published.bytes, published.size)));
    CHECK_OK(ipns_verify(&r, &published.id, now));
    CHECK_SPAN(r.value, span_str(value));
    CHECK(r.sequence == published.sequence && r.validity_s == published.until_s);
    return r.sequence;
}

#define A "/ipfs/bafkqaddwgevxmmraojswg33smq"
#define B "/ipfs/bafkqaddwgevxmmraojswg33smr"

static void keys_are_made_listed_renamed_and_removed(void **state)
{
    (void)state;
    struct name_key k, other;
    bool replaced;
    struct stat st;
    char path[160], text[PEER_ID_TEXT_MAX];
    CHECK_OK(name_keys_make(keys, &k, "site", NULL));
    CHECK(k.fresh && !k.published && strcmp(k.name, "site") == 0 && k.id.size == 38);
    (void)snprintf(path, sizeof(path), "%s/site.key", keys_folder);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == 68);
    CHECK_ERR(name_keys_make(keys, &other, "site", NULL), ERR_EXISTS);
    CHECK_ERR(name_keys_make(keys, &other, "self", NULL), ERR_EXISTS);
    static const char *const bad[] = { "", ".x", "a/b", "a b", "..", "\xc3\xa4" };
    char long_name[NAME_KEYS_TEXT + 1] = "";
    memset(long_name, 'a', NAME_KEYS_TEXT);
    CHECK_ERR(name_keys_make(keys, &other, long_name, NULL), ERR_FORMAT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_ERR(name_keys_make(keys, &other, bad[i], NULL), ERR_FORMAT);
    CHECK_OK(name_keys_make(keys, &other, "blog", NULL));
    CHECK_OK(name_keys_at(keys, &other, 0));
    CHECK(strcmp(other.name, "self") == 0);
    CHECK_OK(name_keys_at(keys, &other, 1));
    CHECK(strcmp(other.name, "blog") == 0);
    CHECK_ERR(name_keys_at(keys, &other, 3), ERR_NOT_FOUND);
    CHECK_ERR(name_keys_rename(keys, &other, &replaced, "site", "blog", false), ERR_EXISTS);
    CHECK_ERR(name_keys_rename(keys, &other, &replaced, "site", "self", true), ERR_DENIED);
    CHECK_ERR(name_keys_rename(keys, &other, &replaced, "self", "x", true), ERR_DENIED);
    CHECK_ERR(name_keys_rename(keys, &other, &replaced, "none", "x", true), ERR_NOT_FOUND);
    CHECK_OK(name_keys_rename(keys, &other, &replaced, "site", "blog", true));
    CHECK(replaced && peer_id_eq(&other.id, &k.id));
    again();
    peer_id_format_cid(text, &k.id);
    CHECK_OK(name_keys_find(keys, &other, text)); /* by its id */
    CHECK(strcmp(other.name, "blog") == 0 && !other.fresh);
    CHECK_ERR(name_keys_at(keys, &other, 2), ERR_NOT_FOUND);
    CHECK_ERR(name_keys_remove(keys, &other, "self"), ERR_DENIED);
    CHECK_OK(name_keys_remove(keys, &other, "blog"));
    CHECK_ERR(name_keys_remove(keys, &other, "blog"), ERR_NOT_FOUND);
    again();
    CHECK_ERR(name_keys_at(keys, &other, 1), ERR_NOT_FOUND);
}

static void numbers_only_grow(void **state)
{
    (void)state;
    struct name_key k;
    CHECK_OK(name_keys_make(keys, &k, "n", NULL));
    CHECK(publish("n", A, NOW) == 1);
    CHECK(publish("n", A, NOW + 10) == 1); /* the same value, a later end */
    CHECK(publish("n", A, NOW + 5) == 2);  /* an earlier end must win all the same */
    CHECK(publish("n", B, NOW + 20) == 3);
    again();
    CHECK(publish("n", A, NOW + 30) == 4);
    CHECK(publish("self", A, NOW) == 1);
    CHECK_OK(name_keys_find(keys, &k, "n"));
    CHECK(k.published && k.sequence == 4 && k.until_s == NOW + 30 + 2 * DAY);
    /* What others have seen of it counts too, if it is signed by the key. */
    struct name_signed mine = published;
    struct name_wish w = wish(B);
    w.seen = span_of(mine.bytes, mine.size); /* of another name */
    CHECK_OK(name_keys_sign(keys, &published, "n", &w, NOW + 40));
    CHECK(published.sequence == 5);
}

static void a_key_that_comes_back_goes_on(void **state)
{
    (void)state;
    struct ed25519_key pair;
    struct name_key k;
    struct name_signed last;
    uint8_t seed[32] = { 3 };
    ed25519_keypair(&pair, seed);
    CHECK_OK(name_keys_make(keys, &k, "old", &pair));
    CHECK(!k.fresh);
    CHECK_ERR(name_keys_make(keys, &k, "twice", &pair), ERR_EXISTS);
    CHECK(publish("old", A, NOW) == 1 && publish("old", B, NOW) == 2);
    const struct name_signed elsewhere = published;
    CHECK_OK(name_keys_remove(keys, &k, "old"));
    CHECK_OK(name_keys_make(keys, &k, "new", &pair));
    CHECK(publish("new", A, NOW) == 3);
    /* On a machine that knows nothing of it, what was found in the network counts. */
    CHECK_OK(path_remove_tree(keys_folder));
    CHECK_OK(path_make_dirs(keys_folder, 0700));
    again();
    CHECK_OK(name_keys_make(keys, &k, "here", &pair));
    struct name_wish w = wish(A);
    w.seen = span_of(elsewhere.bytes, elsewhere.size);
    CHECK_OK(name_keys_sign(keys, &last, "here", &w, NOW));
    CHECK(last.sequence == 3);
}

static void records_are_renewed_before_they_end(void **state)
{
    (void)state;
    struct name_key k;
    struct name_signed first, next;
    CHECK_OK(name_keys_make(keys, &k, "n", NULL));
    CHECK_ERR(name_keys_renew(keys, &next, "n", NOW), ERR_NOT_FOUND);
    CHECK_ERR(name_keys_last(keys, &next, "n"), ERR_NOT_FOUND);
    publish("n", A, NOW);
    CHECK_OK(name_keys_last(keys, &first, "n"));
    CHECK_OK(name_keys_renew(keys, &next, "n", NOW - 100)); /* the clock was set back */
    CHECK(next.size == first.size && memcmp(next.bytes, first.bytes, first.size) == 0);
    CHECK_OK(name_keys_renew(keys, &next, "n", NOW + 4 * 3600));
    CHECK(next.sequence == 1 && next.until_s == NOW + 4 * 3600 + 2 * DAY);
    struct ipns_record a, b;
    CHECK_OK(ipns_decode(&a, span_of(first.bytes, first.size)));
    CHECK_OK(ipns_decode(&b, span_of(next.bytes, next.size)));
    CHECK(ipns_compare(&b, &a) > 0 && span_eq(a.value, b.value) && a.ttl_ns == b.ttl_ns);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "/ipfs/", "ipfs://x", "bafkqaa", "/ipld/x" };
    struct name_key k;
    struct name_wish w;
    char path[200], text[PEER_ID_TEXT_MAX];
    CHECK_OK(name_keys_make(keys, &k, "n", NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        w = wish(bad[i]);
        CHECK_ERR(name_keys_sign(keys, &published, "n", &w, NOW), ERR_FORMAT);
    }
    w = wish(A);
    w.lifetime_s = 59;
    CHECK_ERR(name_keys_sign(keys, &published, "n", &w, NOW), ERR_RANGE);
    w.lifetime_s = NAME_KEYS_LIFETIME_MAX_S + 1;
    CHECK_ERR(name_keys_sign(keys, &published, "n", &w, NOW), ERR_RANGE);
    CHECK_ERR(name_keys_sign(keys, &published, "none", &w, NOW), ERR_NOT_FOUND);
    publish("n", A, NOW);
    /* A record that cannot be read: no number is known, nothing is signed. */
    peer_id_format_cid(text, &k.id);
    (void)snprintf(path, sizeof(path), "%s/%s.record", keys_folder, text);
    struct mspan file;
    CHECK_OK(path_read_file(&file, path, 20000));
    w = wish(B);
    for (size_t n = 0; n < file.n; n += 7) {
        CHECK_OK(path_write_file(path, span_of(file.p, n), 0600));
        CHECK_ERR(name_keys_sign(keys, &published, "n", &w, NOW), ERR_CORRUPT);
    }
    for (size_t n = 24; n < file.n; n += 3) { /* all but the head and the lifetime is signed */
        file.p[n] ^= 4;
        CHECK_OK(path_write_file(path, span_of(file.p, file.n), 0600));
        CHECK_ERR(name_keys_sign(keys, &published, "n", &w, NOW), ERR_CORRUPT);
        file.p[n] ^= 4;
    }
    CHECK_OK(path_write_file(path, span_of(file.p, file.n), 0600));
    free(file.p);
    CHECK(publish("n", B, NOW) == 2);
    /* It cannot be written: nothing is told, and the key file of another name is not taken. */
    CHECK(unlink(path) == 0);
    CHECK_OK(path_make_dirs(path, 0700));
    CHECK(name_keys_sign(keys, &published, "n", &w, NOW) != OK);
    CHECK(published.size == 0);
    CHECK(rmdir(path) == 0);
    (void)snprintf(path, sizeof(path), "%s/broken.key", keys_folder);
    CHECK_OK(path_write_file(path, span_str("no key"), 0600));
    again();
    CHECK_ERR(name_keys_find(keys, &k, "broken"), ERR_NOT_FOUND);
}

/* A process that publishes is killed, again and again, wherever it is: what it has told is never
 * told anew with something else. */
static void no_kill_makes_a_number_go_back(void **state)
{
    (void)state;
    struct name_key k;
    uint64_t told = 0, number;
    CHECK_OK(name_keys_make(keys, &k, "n", NULL));
    for (unsigned round = 0; round < 12; round++) {
        int ends[2];
        CHECK(pipe(ends) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            for (unsigned i = 0;; i++) {
                struct name_wish w = wish(i % 2 == 0 ? A : B);
                if (name_keys_sign(keys, &published, "n", &w, NOW) != OK ||
                    write(ends[1], &published.sequence, 8) != 8)
                    _exit(1);
            }
        }
        close(ends[1]);
        clock_sleep_ms(3 + round * 5 % 17);
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        while (read(ends[0], &number, 8) == 8) {
            CHECK(number > told);
            told = number;
        }
        close(ends[0]);
        again();
        number = publish("n", round % 2 == 0 ? A : B, NOW);
        CHECK(number > told);
        told = number;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_made_listed_renamed_and_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_only_grow, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_comes_back_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(records_are_renewed_before_they_end, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_kill_makes_a_number_go_back, setup, teardown),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
