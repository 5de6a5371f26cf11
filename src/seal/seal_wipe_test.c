/* No copy of a key stays anywhere in the process once the enclave is reset: not in its object, not
 * in a heap, not on the stack. */
#include "seal/seal.h"

#include "crypto/random.h"
#include "seal/fake_volume_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { MASK = 0x5a, KEYS_MAX = 12 };

static struct seal enclave;
static struct seal_job job;
static struct fake_host host;
static struct fake_replica files[2];

/* The keys to look for, masked: the list itself must not be found. */
static uint8_t masked[KEYS_MAX][SECRET_SIZE];
static const char *names[KEYS_MAX];
static size_t key_count;

static enum err call(void *ctx, struct enclave_reply *reply, struct span *reply_bulk,
                     const struct enclave_request *request, struct span bulk)
{
    static uint8_t body[ENCLAVE_BODY_MAX], answer[SEAL_JOB_OUT + 4096];
    (void)ctx;
    *reply_bulk = (struct span){ NULL, 0 };
    struct writer w = writer_of(body, sizeof(body));
    enclave_msg_encode(&w, request);
    CHECK_OK(w.err);
    TRY(seal_take(&enclave, &job, request->type, writer_span(&w), bulk));
    TRY(seal_handle(&enclave, &job));
    w = writer_of(answer, sizeof(answer));
    enclave_reply_encode(&w, &job.reply);
    CHECK_OK(w.err);
    *reply_bulk = job.reply_bulk;
    return enclave_reply_decode(reply, request->type, writer_span(&w));
}

static void note(const char *name, const struct secret *key)
{
    CHECK(key_count < KEYS_MAX);
    for (size_t i = 0; i < SECRET_SIZE; i++)
        masked[key_count][i] = key->b[i] ^ MASK;
    names[key_count++] = name;
}

static bool same(const uint8_t *p, const uint8_t *key)
{
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        if ((p[i] ^ MASK) != key[i])
            return false;
    }
    return true;
}

/* Counts the copies in a piece of memory. */
static unsigned copies_in(const uint8_t *p, size_t n, const char *where)
{
    unsigned found = 0;
    for (size_t k = 0; k < key_count; k++) {
        for (size_t at = 0; at + SECRET_SIZE <= n; at++) {
            if (!same(p + at, masked[k]))
                continue;
            print_message("%s stays in %s\n", names[k], where);
            found++;
        }
    }
    return found;
}

/* Reads all memory that the process may write, through the kernel, into a buffer that is left out.
 */
static unsigned copies(void)
{
    static uint8_t piece[1 << 16];
    char line[512];
    unsigned found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    CHECK(maps != NULL && mem >= 0);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *rest;
        uintptr_t from = strtoull(line, &rest, 16);
        uintptr_t to = strtoull(rest + 1, &rest, 16);
        if (rest[1] != 'r' || rest[2] != 'w')
            continue;
        while (from < to) {
            size_t want = to - from < sizeof(piece) ? to - from : sizeof(piece);
            ssize_t n = pread(mem, piece, want, (off_t)from);
            if (n <= 0)
                break;
            found += copies_in(piece, (size_t)n, line);
            /* Pieces overlap, so that no key is cut in two. */
            from += (size_t)n > SECRET_SIZE ? (size_t)n - SECRET_SIZE + 1 : (size_t)n;
            if (from + SECRET_SIZE > to)
                break;
        }
    }
    memset(piece, 0, sizeof(piece)); /* or the next search would find what this one has read */
    fclose(maps);
    close(mem);
    return found;
}

/* A sanitizer's shadow is terabytes of writable memory, and its stacks keep what has ended. */
#ifdef CRUST_SANITIZED
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

static void test_no_key_stays_after_a_reset(void **state)
{
    (void)state;
    if (sanitized) {
        print_message("skip - a sanitizer's stacks keep what has ended\n");
        skip();
    }
    struct seal_config config = { .provider = &seal_provider_software,
                                  .release = span_str("test"),
                                  .entropy = random_bytes };
    memset(config.sealing.b, 7, sizeof(config.sealing.b));
    CHECK_OK(seal_init(&enclave, &config));
    CHECK_OK(seal_job_init(&job));
    host.call = call;
    CHECK_OK(fake_start(&host));
    for (size_t i = 0; i < 2; i++)
        fake_dag_file(&files[i].dag, i + 1, 5, 5000);
    CHECK_OK(fake_seal(&host, &files[0], 3));
    CHECK_OK(fake_seal_begin(&host, &files[1]));
    CHECK_OK(fake_seal_block(&host, &files[1], 0)); /* a segment is open */
    const struct seal_session *open = &enclave.sessions[0];
    while (!open->used)
        open++;
    note("the master key", &enclave.keys.nmk);
    note("the worker's seed", &enclave.keys.worker_seed);
    note("the key of records", &enclave.keys.mac);
    note("the key of inspections", &enclave.keys.inspect);
    note("the key of checkpoints", &enclave.keys.checkpoint);
    note("a session's key", &open->core.key);
    note("a segment's key", &open->segment_key);
    CHECK(copies() >= key_count); /* the search finds what is there */
    seal_reset(&enclave);
    unsigned left = copies();
    CHECK(left == 0);
    seal_job_fini(&job);
    seal_fini(&enclave);
    for (size_t i = 0; i < 2; i++)
        fake_replica_free(&files[i]);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_key_stays_after_a_reset) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
