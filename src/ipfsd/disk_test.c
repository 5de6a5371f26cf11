/* Disks and derived files of the real crust-ipfsd, with the real crust-enclaved: lost, damaged,
 * swapped, taken away, dropped. */
#include "ipfsd/fake_disk_test.h"

#include "store/volume.h"

#include <sys/wait.h>

/* ---- files ---- */

static void path_of(char out[256], const struct fake_node *n, const char *name)
{
    CHECK(snprintf(out, 256, "%s/%s", n->home, name) < 256);
}

static bool exists(const struct fake_node *n, const char *name)
{
    char path[256];
    path_of(path, n, name);
    return access(path, F_OK) == 0;
}

/* Overwrites length bytes at offset with garbage, or zeros. */
static void spoil(const char *path, off_t offset, size_t length, bool zeros)
{
    uint8_t bytes[4096] = { 0 };
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (size_t at = 0; at < length; at += sizeof(bytes)) {
        size_t want = length - at < sizeof(bytes) ? length - at : sizeof(bytes);
        if (!zeros)
            random_bytes(bytes, sizeof(bytes));
        CHECK(pwrite(fd, bytes, want, offset + (off_t)at) == (ssize_t)want);
    }
    close(fd);
}

enum harm { GONE, EMPTY, HALF, HEAD, MIDDLE, GARBAGE, HARMS };
static const char *const harm_names[] = { "gone", "empty", "half", "head", "middle", "garbage" };

static void harm(const char *path, enum harm what)
{
    struct stat st;
    CHECK(stat(path, &st) == 0);
    switch (what) {
    case GONE:
        CHECK(unlink(path) == 0);
        break;
    case EMPTY:
        CHECK(truncate(path, 0) == 0);
        break;
    case HALF:
        CHECK(truncate(path, st.st_size / 2) == 0);
        break;
    case HEAD:
        spoil(path, 0, 8192, false);
        break;
    case MIDDLE:
        spoil(path, 8192, (size_t)(st.st_size > 16384 ? st.st_size - 8192 : 100), false);
        break;
    case GARBAGE:
        spoil(path, 0, (size_t)st.st_size, false);
        break;
    case HARMS:
        break;
    }
}

static void check_slot(struct fake_node *n)
{
    fake_chain_slot(&chain, n);
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.suspend == REPORT_NO_VOLUME);
    CHECK(chain.opened > 0);
}

/* ---- derived files ---- */

/* A node that has something in every state: on chain, in a step that the chain has not, pending;
 * and removals in the last two. */
static void mixed_node(struct fake_node *n, struct content_key keys[6])
{
    for (uint32_t i = 0; i < 3; i++) {
        keys[i] = fake_storage_make_content(n, 50 + i, 5 + i, 30000);
        fake_storage_seal_key(n, &keys[i]);
    }
    CHECK(fake_storage_ask_size(n, NODE_FILL, 3 << 20) == 3 << 20);
    fake_chain_slot(&chain, n);
    CHECK(chain.stepped);
    keys[3] = fake_storage_make_content(n, 60, 6, 30000);
    fake_storage_seal_key(n, &keys[3]);
    fake_storage_remove_key(n, &keys[0]);
    CHECK(fake_storage_ask_size(n, NODE_RELEASE, 1 << 20) == 1 << 20);
    fake_chain_next_slot(&chain);
    const struct fake_chain saved = chain;
    CHECK_OK(fake_chain_ask(&chain, n, true)); /* cuts a step; the report is lost */
    chain = saved;
    keys[4] = fake_storage_make_content(n, 61, 7, 30000);
    fake_storage_seal_key(n, &keys[4]);
    fake_storage_remove_key(n, &keys[1]);
}

static void a_derived_file_is_made_anew(void **state)
{
    (void)state;
    static const char *const names[] = { "enclave/trees.mdb", "enclave/replicas.mdb",
                                         "enclave/disks" };
    for (size_t f = 0; f < sizeof(names) / sizeof(names[0]); f++) {
        for (int what = 0; what < HARMS; what++) {
            struct fake_node n;
            struct content_key keys[6];
            char path[256];
            if (f == 2 && what != GONE && what != EMPTY && what != GARBAGE)
                continue;
            open_node(&n, "disk-a,disk-b");
            mixed_node(&n, keys);
            fake_node_kill(&n);
            path_of(path, &n, names[f]);
            harm(path, (enum harm)what);
            print_message("%s %s\n", names[f], harm_names[what]);
            fake_node_start(&n);
            for (int i = 0; i < 3; i++)
                check_slot(&n);
            CHECK(files_on_chain() == 3 && fake_storage_status(&n).files == 3);
            fake_storage_check_unsealed(&n, &keys[2]);
            fake_storage_check_unsealed(&n, &keys[4]);
            /* What was removed is freed also then. */
            CHECK(fake_storage_status(&n).disks[0].extents +
                      fake_storage_status(&n).disks[1].extents <
                  3 << 20);
            fake_node_close(&n);
        }
    }
}

/* crust-ipfsd --rebuild, as crust repo rebuild starts it; gives its exit code. */
static int rebuild(struct fake_node *n)
{
    const char *argv[] = { n->program, "--home", n->home, "--rebuild", NULL };
    struct process p;
    struct process_options o = { .path = n->program, .argv = argv };
    if (getenv("CRUST_TEST_LOG") != NULL)
        o.fds[o.fd_count++] = (struct process_fd){ 2, 2 };
    CHECK_OK(process_spawn(&p, &o));
    CHECK_OK(process_wait(&p, 10000));
    int code = p.exit_code;
    process_fini(&p);
    return code;
}

static void rebuilding_needs_neither_settings_nor_the_enclave(void **state)
{
    (void)state;
    struct fake_node n;
    struct content_key keys[6];
    char path[256], away[256];
    open_node(&n, "disk-a,disk-b");
    mixed_node(&n, keys);
    fake_node_kill(&n);
    path_of(path, &n, "enclave/trees.mdb");
    harm(path, GARBAGE);
    CHECK(rebuild(&n) == 0);
    CHECK(!exists(&n, "enclave/replicas.mdb"));
    /* A disk that is away cannot be had from the others: that is said. */
    uint32_t gone = chain.state.volumes[0].files.count > 0 ? 0 : 1;
    path_of(path, &n, gone == 0 ? "disk-a" : "disk-b");
    path_of(away, &n, "away");
    CHECK(rename(path, away) == 0);
    CHECK(rebuild(&n) == 1);
    /* The node runs with what it has; with the disk back it has the rest again. */
    fake_node_start(&n);
    wait_disk(&n, gone, "offline");
    fake_chain_slot(&chain, &n);
    CHECK(chain.suspend == gone || chain.suspended == 1u << gone);
    CHECK(rename(away, path) == 0);
    wait_disk(&n, gone, "ok");
    chain.suspended = 0;
    for (int i = 0; i < 3; i++)
        check_slot(&n);
    CHECK(files_on_chain() == 3);
    fake_storage_check_unsealed(&n, &keys[2]);
    fake_node_close(&n);
}

/* The list of leaves is derived as well: from the trees. */
static void a_list_of_leaves_is_written_again(void **state)
{
    (void)state;
    struct fake_node n;
    struct content_key keys[6];
    char path[256];
    open_node(&n, "disk-a,disk-b");
    mixed_node(&n, keys);
    for (int what = 0; what < HARMS; what++) {
        fake_node_kill(&n);
        for (int d = 0; d < 2; d++) {
            path_of(path, &n, d == 0 ? "disk-a/leaves" : "disk-b/leaves");
            if (access(path, F_OK) == 0)
                harm(path, (enum harm)what);
        }
        fake_node_start(&n);
        fake_node_kill(&n);
        path_of(path, &n, "enclave/trees.mdb");
        CHECK(unlink(path) == 0);
        fake_node_start(&n);
        if (what == 2)
            check_slot(&n); /* and the chain goes on meanwhile */
    }
    for (int i = 0; i < 3; i++)
        check_slot(&n);
    CHECK(files_on_chain() == 3);
    fake_node_close(&n);
}

/* ---- dropping ---- */

static enum err ask_disk(struct fake_node *n, uint16_t type, uint64_t number)
{
    uint8_t body[64];
    struct ipc_msg reply;
    const struct node_size m = { number };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_size(&w, &m);
    return ipc_sink_call(&n->ipc, &reply, type, writer_span(&w));
}

static void a_dropped_volume_answers_until_the_chain_knows(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    fake_storage_seal_key(&n, &a);
    CHECK(fake_storage_ask_size(&n, NODE_FILL, 2 << 20) == 2 << 20);
    fake_chain_slot(&chain, &n);
    CHECK_ERR(ask_disk(&n, NODE_DROP_VOLUME, 7), ERR_NOT_FOUND);
    CHECK_OK(ask_disk(&n, NODE_DROP_VOLUME, 0));
    CHECK_OK(ask_disk(&n, NODE_DROP_VOLUME, 0)); /* once is enough */
    CHECK_ERR(ask_disk(&n, NODE_DISK_RESUME, 0), ERR_STATE);
    fake_node_kill(&n); /* the operator's word is kept */
    fake_node_start(&n);
    wait_disk(&n, 0, "dropped: its data goes");
    check_slot(&n);
    CHECK(chain.stepped && chain.state.volumes[0].generation == 1 && files_on_chain() == 0);
    wait_disk(&n, 0, "dropped: it is empty");
    CHECK(!exists(&n, "disk-a/replicas") && !exists(&n, "disk-a/extents"));
    CHECK(!exists(&n, "disk-a/journal") && !exists(&n, "disk-a/leaves"));
    CHECK(!exists(&n, "disk-a/crust-disk"));
    /* Nothing is written there now; started again, the disk is a new one under its old number. */
    const struct content_key b = fake_storage_make_content(&n, 2, 8, 40000);
    struct node_sealed out;
    const struct node_seal m = { .key = b, .size_max = 1 << 20 };
    CHECK_ERR(fake_storage_seal(&n, &out, &m), ERR_FULL);
    fake_node_stop(&n);
    fake_node_start(&n);
    CHECK(fake_storage_seal_key(&n, &b).volume == 0);
    CHECK(fake_storage_seal_key(&n, &a).volume == 0); /* the same content may come again */
    fake_chain_slot(&chain, &n);
    check_slot(&n);
    CHECK(chain.state.volumes[0].generation == 1 && files_on_chain() == 2);
    fake_storage_check_unsealed(&n, &a);
    fake_storage_check_unsealed(&n, &b);
    fake_node_close(&n);
}

/* A disk that is gone for good is given up without it. */
static void a_lost_disk_is_given_up(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256], away[256];
    open_node(&n, "disk-a,disk-b");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    const struct node_sealed first = fake_storage_seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    path_of(disk, &n, first.volume == 0 ? "disk-a" : "disk-b");
    path_of(away, &n, "away");
    CHECK(rename(disk, away) == 0);
    wait_disk(&n, first.volume, "offline: not mounted");
    CHECK_OK(ask_disk(&n, NODE_DROP_VOLUME, first.volume));
    fake_chain_slot(&chain, &n);
    CHECK(chain.state.volumes[first.volume].generation == 1);
    chain.suspended = 0;
    wait_disk(&n, first.volume, "dropped: it is empty");
    const struct node_sealed again = fake_storage_seal_key(&n, &a);
    CHECK(again.volume != first.volume);
    fake_chain_slot(&chain, &n);
    check_slot(&n);
    fake_storage_check_unsealed(&n, &a);
    /* Found again, what is on it is nobody's; it does not keep the node from starting. */
    CHECK(rename(away, disk) == 0);
    fake_node_stop(&n);
    fake_node_start(&n);
    CHECK(fake_storage_status(&n).disk_count == 1);
    check_slot(&n);
    fake_node_close(&n);
}

/* ---- resting ---- */

static void a_stopped_disk_rests_once_the_chain_knows(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256], away[256];
    open_node(&n, "disk-a,disk-b");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    const struct node_sealed sealed = fake_storage_seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    CHECK_OK(ask_disk(&n, NODE_DISK_STOP, sealed.volume));
    wait_disk(&n, sealed.volume, "stopping");
    fake_chain_slot(&chain, &n); /* answers, and suspends */
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.opened == FAKE_DRAWS);
    CHECK(chain.suspend == sealed.volume);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.opened == 0);
    wait_disk(&n, sealed.volume, "stopped");
    fake_node_kill(&n); /* and stays so */
    fake_node_start(&n);
    wait_disk(&n, sealed.volume, "stopped");
    path_of(disk, &n, sealed.volume == 0 ? "disk-a" : "disk-b");
    path_of(away, &n, "away");
    CHECK(rename(disk, away) == 0);
    CHECK_OK(ask_disk(&n, NODE_DISK_RESUME, sealed.volume));
    wait_disk(&n, sealed.volume, "offline: not mounted");
    CHECK(rename(away, disk) == 0);
    wait_disk(&n, sealed.volume, "ok");
    chain.suspended = 0;
    check_slot(&n);
    fake_node_close(&n);
}

/* ---- disks that come back otherwise than they went ---- */

static void zero(const char *path)
{
    struct stat st;
    CHECK(stat(path, &st) == 0);
    spoil(path, 0, (size_t)st.st_size, true);
}

static void remove_file(const char *path)
{
    CHECK(unlink(path) == 0);
}

static void a_disk_that_comes_back_other_is_not_taken(void **state)
{
    (void)state;
    static const struct {
        const char *what, *prefix;
        void (*fn)(const char *path);
    } rows[] = { { "zeroed segments", "seg-", zero },
                 { "no segments", "seg-", remove_file },
                 { "zeroed extents", "ext-", zero },
                 { "no extents", "ext-", remove_file } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fake_node n;
        char disk[256], away[256];
        open_node(&n, "disk-a,disk-b");
        const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
        const uint32_t v = fake_storage_seal_key(&n, &a).volume;
        CHECK(fake_storage_ask_size(&n, NODE_FILL, 4 << 20) == 4 << 20);
        fake_chain_slot(&chain, &n);
        path_of(disk, &n, v == 0 ? "disk-a" : "disk-b");
        path_of(away, &n, "away");
        CHECK(rename(disk, away) == 0);
        wait_disk(&n, v, "offline");
        if (each_file(away, rows[i].prefix, rows[i].fn) == 0) {
            print_message("%s: none there\n", rows[i].what);
            fake_node_close(&n);
            continue;
        }
        CHECK(rename(away, disk) == 0);
        wait_disk(&n, v, "failed: bytes on it are missing or wrong");
        /* The other disk is in use all the while. */
        const struct content_key b = small_content(&n, 2);
        CHECK(fake_storage_seal_key(&n, &b).volume != v);
        /* What is not mended fails again. */
        CHECK_OK(ask_disk(&n, NODE_DISK_RESUME, v));
        wait_disk(&n, v, "failed");
        fake_node_close(&n);
    }
}

/* A confined node follows what is mounted at a place, and no other folder that is put there: so the
 * folder stays, and what is in it goes. */
static void move_all(const char *from, const char *to)
{
    char old[600], new[600];
    DIR *dir = opendir(from);
    CHECK(dir != NULL);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        snprintf(old, sizeof(old), "%s/%s", from, d->d_name);
        snprintf(new, sizeof(new), "%s/%s", to, d->d_name);
        CHECK(rename(old, new) == 0);
    }
    closedir(dir);
}

static void another_disk_at_its_place_is_left_alone(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256], away[256], marker[300];
    open_node(&n, "disk-a,disk-b");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    const uint32_t v = fake_storage_seal_key(&n, &a).volume;
    fake_chain_slot(&chain, &n);
    path_of(disk, &n, v == 0 ? "disk-a" : "disk-b");
    path_of(away, &n, "away");
    CHECK(mkdir(away, 0700) == 0);
    move_all(disk, away);
    snprintf(marker, sizeof(marker), "%s/crust-disk", disk);
    const struct span other = span_str("crust-disk 1 00112233445566778899aabbccddeeff\n");
    CHECK_OK(path_write_file(marker, other, 0600));
    wait_disk(&n, v, "offline: another disk is mounted there");
    fake_node_kill(&n);
    fake_node_start(&n); /* nor does it keep the node from starting */
    wait_disk(&n, v, "offline: another disk is mounted there");
    CHECK_OK(path_write_file(marker, span_str("crust-di\n"), 0600));
    wait_disk(&n, v, "offline: its marker file is damaged");
    CHECK(unlink(marker) == 0);
    move_all(away, disk);
    wait_disk(&n, v, "ok");
    check_slot(&n);
    fake_node_close(&n);
}

/* Bytes that go wrong while the disk is in use: the miss is one, then the disk is out. */
static void wrong_bytes_take_the_disk_out(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256];
    open_node(&n, "disk-a,disk-b");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    const uint32_t v = fake_storage_seal_key(&n, &a).volume;
    fake_chain_slot(&chain, &n);
    path_of(disk, &n, v == 0 ? "disk-a" : "disk-b");
    CHECK(each_file(disk, "seg-", zero) >= 1);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == FAKE_DRAWS && chain.failed == 1u << v);
    wait_disk(&n, v, "failed");
    fake_node_close(&n);
}

/* crust repo verify reads the sealed bytes too. */
static void verify_reads_what_is_sealed(void **state)
{
    (void)state;
    struct fake_node n;
    struct ipc_msg reply;
    struct node_progress before, after;
    char disk[256];
    uint8_t body[8];
    fake_storage_open(&n, "disk-a");
    fake_node_start(&n);
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    fake_storage_seal_key(&n, &a);
    CHECK(fake_storage_ask_size(&n, NODE_FILL, 2 << 20) == 2 << 20);
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_none(&w);
    const struct ipc_msg rq = { .type = NODE_REPO_VERIFY, .body = writer_span(&w) };
    CHECK_OK(ipc_sink_call_long(&n.ipc, &reply, &rq, NULL, NULL));
    CHECK_OK(node_msg_decode_progress(&before, reply.body));
    CHECK(before.bad == 0 && before.done == 9 + 9 + 2); /* in the store, sealed, rows */
    path_of(disk, &n, "disk-a");
    CHECK(each_file(disk, "seg-", zero) == 1);
    CHECK_OK(ipc_sink_call_long(&n.ipc, &reply, &rq, NULL, NULL));
    CHECK_OK(node_msg_decode_progress(&after, reply.body));
    CHECK(after.bad == 9 && after.done == before.done);
    wait_disk(&n, 0, "failed");
    fake_node_close(&n);
}

/* ---- status ---- */

/* A fill waits for an enclave that does not answer, with the host's lock. */
static void status_does_not_wait(void **state)
{
    (void)state;
    struct fake_node n;
    struct ipc_sink other;
    fake_storage_open(&n, "disk-a");
    fake_node_start(&n);
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    fake_storage_seal_key(&n, &a);
    const pid_t enclave = fake_storage_enclave_pid(&n);
    CHECK_OK(ipc_sink_connect(&other, n.socket));
    CHECK(kill(enclave, SIGSTOP) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        uint8_t body[64];
        struct ipc_msg reply;
        const struct node_size m = { 1 << 20 };
        struct writer w = writer_of(body, sizeof(body));
        node_msg_encode_size(&w, &m);
        const struct ipc_msg rq = { .type = NODE_FILL, .body = writer_span(&w) };
        _exit(ipc_sink_call_long(&other, &reply, &rq, NULL, NULL) == OK ? 0 : 1);
    }
    clock_sleep_ms(300);
    uint64_t begin = clock_mono_ms();
    struct node_status s = fake_storage_status(&n);
    CHECK(clock_mono_ms() - begin < 1000);
    CHECK(s.files == 1 && s.extents == 0 && s.disk_count == 1);
    CHECK(kill(enclave, SIGCONT) == 0);
    int code;
    CHECK(waitpid(child, &code, 0) == child && code == 0);
    CHECK(fake_storage_status(&n).extents == 1);
    ipc_sink_close(&other);
    fake_node_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_derived_file_is_made_anew),
        cmocka_unit_test(rebuilding_needs_neither_settings_nor_the_enclave),
        cmocka_unit_test(a_list_of_leaves_is_written_again),
        cmocka_unit_test(a_dropped_volume_answers_until_the_chain_knows),
        cmocka_unit_test(a_lost_disk_is_given_up),
        cmocka_unit_test(a_stopped_disk_rests_once_the_chain_knows),
        cmocka_unit_test(a_disk_that_comes_back_other_is_not_taken),
        cmocka_unit_test(another_disk_at_its_place_is_left_alone),
        cmocka_unit_test(wrong_bytes_take_the_disk_out),
        cmocka_unit_test(verify_reads_what_is_sealed),
        cmocka_unit_test(status_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
