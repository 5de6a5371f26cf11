/* The process itself: what it holds open, what it may do, who runs beside whom. */
#include "enclaved/fake_enclave_test.h"

#include "enclaved/policy.h"

#include <dirent.h>

static void test_policy_allows_no_file_and_no_memory(void **state)
{
    (void)state;
    static const char *const never[] = { "open",     "openat",   "openat2", "socket", "connect",
                                         "execve",   "execveat", "fork",    "clone",  "clone3",
                                         "ptrace",   "bind",     "listen",  "sendto", "prctl",
                                         "mprotect", "unlink",   "rename",  "ioctl",  "mmap",
                                         "brk",      "read",     "recvmsg" };
    for (size_t i = 0; i < POLICY_RULES; i++) {
        const struct sandbox_rule *r = &policy_rules[i];
        CHECK(r->call != NULL);
        for (size_t k = 0; k < sizeof(never) / sizeof(never[0]); k++)
            CHECK(strcmp(r->call, never[k]) != 0);
        CHECK(strcmp(r->call, "write") != 0 || r->fd == 2);
        CHECK(strcmp(r->call, "accept4") != 0 || r->fd == 3);
    }
}

static bool status_has(const struct fake_enclave *e, const char *wanted)
{
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)e->process.pid);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL)
        found = found || strncmp(line, wanted, strlen(wanted)) == 0;
    fclose(f);
    return found;
}

static void test_it_serves_inside_its_sandbox_with_few_descriptors(void **state)
{
    (void)state;
    struct fake_enclave e;
    fake_enclave_open(&e, 0, "2");
    CHECK_OK(fake_start(&e.host));
#ifndef CRUST_SANITIZED
    CHECK(status_has(&e, "Seccomp:\t2"));
    CHECK(status_has(&e, "NoNewPrivs:\t1"));
    CHECK(status_has(&e, "Threads:\t3")); /* the thread sanitizer has one of its own */
#else
    CHECK(status_has(&e, "Threads:\t"));
#endif
    char path[64];
    unsigned open_fds = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)e.process.pid);
    DIR *d = opendir(path);
    if (d != NULL) { /* a process that is not dumpable shows them to root only */
        for (struct dirent *at = readdir(d); at != NULL; at = readdir(d))
            open_fds += at->d_name[0] != '.';
        closedir(d);
        CHECK(open_fds == 5); /* 0, 1, 2, the listener, the connection */
    }
    fake_enclave_close(&e);
}

static void test_a_descriptor_too_many_is_refused(void **state)
{
    (void)state;
    struct fake_enclave e;
    fake_enclave_open(&e, 0, "0");
    process_stop(&e.process, 0);
    process_fini(&e.process);
    int extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fake_enclave_spawn(&e, extra);
    CHECK_OK(process_wait(&e.process, FAKE_ENCLAVE_PATIENCE_MS));
    CHECK(e.process.exit_code == 1);
    close(extra);
    fake_enclave_close(&e);
}

static void test_whole_life_over_the_socket(void **state)
{
    (void)state;
    struct fake_enclave e;
    static struct fake_replica file;
    static struct fake_volume volume;
    static struct fake_extent extent;
    file = (struct fake_replica){ 0 };
    volume = (struct fake_volume){ 0 };
    for (int ring = 0; ring < 2; ring++) {
        fake_enclave_open(&e, ring ? 1 << 20 : 0, "2");
        CHECK_OK(fake_start(&e.host));
        fake_dag_file(&file.dag, 5, 8, 200000);
        CHECK_OK(fake_seal(&e.host, &file, 3));
        CHECK_OK(fake_fill(&e.host, &extent, 2 << 20));
        struct fake_replica *list[] = { &file };
        CHECK_OK(fake_add_files(&e.host, &volume, 0, 0, list, 1));
        CHECK_OK(fake_add_extent(&e.host, &volume, 0, 0, &extent));
        struct enclave_reply r;
        struct enclave_request m = { .type = ENCLAVE_CUT };
        CHECK_OK(fake_ask(&e.host, &r, NULL, &m, (struct span){ NULL, 0 }));
        fake_enclave_close(&e);
        fake_replica_free(&file);
        free(extent.bytes);
        file = (struct fake_replica){ 0 };
        volume = (struct fake_volume){ 0 };
    }
}

enum { SIDE_SESSIONS = 4 };

/* Takes one reply to a SEAL_BLOCK; ids say whose it is. */
static void take_sealed(struct fake_enclave *e, struct fake_replica *files, const uint64_t *ids,
                        size_t block)
{
    struct ipc_msg answer;
    struct enclave_reply r;
    CHECK_OK(ipc_sync_recv(e->ipc, &answer, FAKE_ENCLAVE_PATIENCE_MS));
    CHECK((answer.flags & IPC_ERROR) == 0);
    CHECK_OK(enclave_reply_decode(&r, ENCLAVE_SEAL_BLOCK, answer.body));
    size_t i = 0;
    while (i < SIDE_SESSIONS && ids[i] != answer.id)
        i++;
    CHECK(i < SIDE_SESSIONS);
    struct fake_block *b = &files[i].dag.blocks[block];
    CHECK(memcmp(r.u.seal_block.chunk_root, b->record.chunk_root, 32) == 0);
    b->segment = r.u.seal_block.segment;
    b->offset = r.u.seal_block.offset;
    files[i].segments[0].length += b->record.length;
}

static enum err ask_to_seal(struct fake_enclave *e, uint64_t *id, const struct fake_replica *file,
                            size_t block)
{
    const struct fake_block *b = &file->dag.blocks[block];
    struct enclave_request m = { .type = ENCLAVE_SEAL_BLOCK };
    m.u.seal_block.number = file->number;
    m.u.seal_block.key = b->record.key;
    uint8_t body[128];
    struct writer w = writer_of(body, sizeof(body));
    enclave_msg_encode(&w, &m);
    const struct ipc_msg q = { .type = m.type,
                               .body = writer_span(&w),
                               .bulk = span_of(b->bytes, b->record.length) };
    return ipc_sync_ask(e->ipc, id, &q);
}

/* Several sessions side by side: requests are sent as far as they go without taking replies, and
 * replies come as they come. */
static void test_sessions_seal_side_by_side(void **state)
{
    (void)state;
    struct fake_enclave e;
    static struct fake_replica files[SIDE_SESSIONS];
    fake_enclave_open(&e, 0, "4");
    CHECK_OK(fake_start(&e.host));
    for (size_t i = 0; i < SIDE_SESSIONS; i++) {
        files[i] = (struct fake_replica){ 0 };
        fake_dag_file(&files[i].dag, 20 + i, 12, 100000);
        CHECK_OK(fake_seal_begin(&e.host, &files[i]));
    }
    for (size_t block = 0; block < files[0].dag.count; block++) {
        uint64_t ids[SIDE_SESSIONS] = { 0 };
        for (size_t asked = 0, taken = 0; taken < SIDE_SESSIONS;) {
            enum err got = ERR_BUSY;
            if (asked < SIDE_SESSIONS)
                got = ask_to_seal(&e, &ids[asked], &files[asked], block);
            CHECK(got == OK || (got == ERR_BUSY && taken < asked));
            if (got == OK) {
                asked++;
            } else {
                take_sealed(&e, files, ids, block);
                taken++;
            }
        }
    }
    for (size_t i = 0; i < SIDE_SESSIONS; i++) {
        CHECK_OK(fake_seal_close(&e.host, &files[i]));
        CHECK_OK(fake_seal_end(&e.host, &files[i]));
        fake_replica_free(&files[i]);
    }
    fake_enclave_close(&e);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_allows_no_file_and_no_memory),
        cmocka_unit_test(test_it_serves_inside_its_sandbox_with_few_descriptors),
        cmocka_unit_test(test_a_descriptor_too_many_is_refused),
        cmocka_unit_test(test_whole_life_over_the_socket),
        cmocka_unit_test(test_sessions_seal_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
