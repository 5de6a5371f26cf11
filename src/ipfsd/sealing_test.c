/* Sealing that is interrupted: the real crust-ipfsd with the real crust-enclaved, either killed,
 * and what was sealed before is not sealed again. */
#include "ipfsd/fake_storage_test.h"
#include "ipfsd/session_file.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

enum { SEGMENT = 256 << 10, FILES_MAX = 64 };

static struct fake_chain chain; /* large for a stack */

static void open_node(struct fake_node *n)
{
    fake_storage_open(n, "disk-a");
    const char *more[] = { "--gateway-port", "0", "--url-file", "url", "--segment-size", "256K" };
    CHECK(n->arg_count + sizeof(more) / sizeof(more[0]) <= FAKE_NODE_ARGS);
    for (size_t i = 0; i < n->arg_count; i++) {
        if (strcmp(n->args[i], "--no-gateway") == 0)
            n->args[i] = "--gateway"; /* for its metrics */
    }
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        n->args[n->arg_count++] = more[i];
}

/* A DAG of three levels: a root, four nodes, and 48 raw blocks of 60 kB: 11 segments. */
static struct content_key make_tree(struct fake_node *n, uint32_t seed)
{
    uint8_t root[1024];
    struct writer w = writer_of(root, sizeof(root));
    cbor_write_array(&w, 4);
    for (uint32_t i = 0; i < 4; i++) {
        const struct content_key key = fake_storage_make_content(n, seed * 100 + i, 12, 60000 + i);
        const struct cid cid = cid_of_key(&key);
        cbor_write_link(&w, &cid);
    }
    CHECK_OK(w.err);
    const struct content_key key = fake_storage_key_of(CID_CODEC_DAG_CBOR, writer_span(&w));
    fake_storage_put(n, &key, writer_span(&w));
    fake_storage_commit(n);
    return key;
}

/* ---- a sealing that runs beside the test ---- */

struct asker {
    pthread_t thread;
    struct fake_node *node;
    struct content_key key;
    struct node_sealed sealed;
    enum err result;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    const struct node_seal m = { .key = a->key, .size_max = 64 << 20 };
    a->result = fake_storage_seal(a->node, &a->sealed, &m);
    return NULL;
}

static void ask_begin(struct asker *a, struct fake_node *n, const struct content_key *key)
{
    *a = (struct asker){ .node = n, .key = *key };
    CHECK(pthread_create(&a->thread, NULL, ask, a) == 0);
}

static enum err ask_end(struct asker *a)
{
    CHECK(pthread_join(a->thread, NULL) == 0);
    return a->result;
}

/* ---- what is on the disk ---- */

/* The one entry of disk-a/DIR that begins with prefix; "" when there is none. */
static void only_entry(char out[512], const struct fake_node *n, const char *dir,
                       const char *prefix)
{
    char path[256];
    int count = 0;
    out[0] = '\0';
    snprintf(path, sizeof(path), "%s/disk-a/%s", n->home, dir);
    DIR *d = opendir(path);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        size_t size = strlen(e->d_name);
        if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
            (size > 4 && strcmp(e->d_name + size - 4, ".new") == 0))
            continue;
        snprintf(out, 512, "%s/%.128s", path, e->d_name);
        count++;
    }
    if (d != NULL)
        closedir(d);
    CHECK(count <= 1);
}

/* The folder of the one replica; "" when there is none. */
static void only_replica(char out[512], const struct fake_node *n)
{
    char path[256];
    int count = 0;
    out[0] = '\0';
    snprintf(path, sizeof(path), "%s/disk-a/replicas", n->home);
    DIR *d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char fan[64], there[512];
        if (e->d_name[0] == '.')
            continue;
        snprintf(fan, sizeof(fan), "replicas/%.2s", e->d_name);
        only_entry(there, n, fan, "");
        if (there[0] == '\0')
            continue;
        memcpy(out, there, sizeof(there));
        count++;
    }
    closedir(d);
    CHECK(count <= 1);
}

/* Reads the session's file; false when there is none. */
static bool read_session(struct session_file *f, const struct fake_node *n)
{
    char path[512];
    struct mspan bytes;
    *f = (struct session_file){ 0 };
    only_entry(path, n, "objects", "session-");
    if (path[0] == '\0' || path_read_file(&bytes, path, SESSION_FILE_SIZE_MAX) != OK)
        return false;
    enum err e = session_file_decode(f, span_of(bytes.p, bytes.n));
    free(bytes.p);
    return e == OK;
}

/* Waits until a checkpoint covers that many segments; false: the sealing is over before. */
static bool wait_segments(const struct fake_node *n, uint32_t count)
{
    for (int i = 0; i < 60000; i++) {
        struct session_file f;
        bool there = read_session(&f, n);
        uint32_t now = f.row_count;
        session_file_fini(&f);
        if (there && now >= count)
            return true;
        clock_sleep_ms(1);
    }
    return false;
}

struct seen {
    ino_t inode;
    off_t size;
    uint8_t digest[32];
};

static bool see_file(struct seen *out, const char *path)
{
    struct mspan bytes;
    struct stat st;
    memset(out, 0, sizeof(*out));
    if (stat(path, &st) != 0 || path_read_file(&bytes, path, 1 << 20) != OK)
        return false;
    out->inode = st.st_ino;
    out->size = st.st_size;
    sha256(out->digest, span_of(bytes.p, bytes.n));
    free(bytes.p);
    return true;
}

/* The finished segments of the only replica; returns how many. */
static uint32_t see_segments(struct seen *out, const struct fake_node *n)
{
    char replica[512], path[600];
    uint32_t count = 0;
    only_replica(replica, n);
    CHECK(replica[0] != '\0');
    while (count < FILES_MAX) {
        snprintf(path, sizeof(path), "%s/seg-%05u.sealed", replica, count);
        if (!see_file(&out[count], path))
            break;
        count++;
    }
    return count;
}

static bool entry_exists(const struct fake_node *n, const char *prefix)
{
    char replica[512], path[512];
    only_replica(replica, n);
    DIR *d = replica[0] == '\0' ? NULL : opendir(replica);
    bool found = false;
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d))
        found = found || strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d != NULL)
        closedir(d);
    only_entry(path, n, "objects", prefix);
    return found || path[0] != '\0';
}

static uint32_t scratch_files(const struct fake_node *n)
{
    char path[256];
    uint32_t count = 0;
    snprintf(path, sizeof(path), "%s/enclave", n->home);
    DIR *d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        count += strncmp(e->d_name, "scratch-", 8) == 0;
    closedir(d);
    return count;
}

/* One number of GET /metrics. */
static uint64_t metric(const struct fake_node *n, const char *name)
{
    static char page[64 << 10];
    char path[256], rq[] = "GET /metrics HTTP/1.0\r\n\r\n";
    struct mspan url;
    size_t got = 0;
    snprintf(path, sizeof(path), "%s/url", n->home);
    CHECK_OK(path_read_file(&url, path, 256));
    const char *colon = strrchr((const char *)url.p, ':');
    CHECK(colon != NULL);
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    free(url.p);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    CHECK(write(fd, rq, sizeof(rq) - 1) == (ssize_t)sizeof(rq) - 1);
    for (ssize_t k = 1; k > 0 && got < sizeof(page) - 1; got += (size_t)(k > 0 ? k : 0))
        k = read(fd, page + got, sizeof(page) - 1 - got);
    close(fd);
    page[got] = '\0';
    char line[128];
    snprintf(line, sizeof(line), "\ncrust_ipfsd_%s ", name);
    const char *p = strstr(page, line);
    CHECK(p != NULL);
    return strtoull(p + strlen(line), NULL, 10);
}

/* The replica is whole: the chain's draws are answered, and blocks come out again. */
static void check_replica(struct fake_node *n, const struct content_key *key)
{
    struct node_status s = fake_storage_status(n);
    CHECK(s.files == 1 && s.pending <= 1);
    CHECK(!entry_exists(n, "session-") && !entry_exists(n, "blocks-"));
    fake_chain_open(&chain, "test", s.worker, s.lineage);
    fake_chain_slot(&chain, n);
    for (int i = 0; i < 3; i++) {
        fake_chain_slot(&chain, n);
        CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    }
    fake_storage_check_unsealed(n, key);
}

/* ---- tests ---- */

static void a_killed_node_goes_on_behind_the_last_closed_segment(void **state)
{
    (void)state;
    struct fake_node n;
    struct asker a;
    static struct seen before[FILES_MAX], after[FILES_MAX];
    uint32_t kept = 0;
    open_node(&n);
    fake_node_start(&n);
    const struct content_key key = make_tree(&n, 1);
    for (uint32_t at = 1; at <= 7; at += 3) {
        struct session_file f;
        ask_begin(&a, &n, &key);
        CHECK(wait_segments(&n, at));
        CHECK(kill(n.process.pid, SIGKILL) == 0);
        CHECK(ask_end(&a) != OK);
        fake_node_kill(&n);
        CHECK(scratch_files(&n) > 0);
        CHECK(see_segments(after, &n) >= kept);
        CHECK(memcmp(before, after, kept * sizeof(before[0])) == 0);
        CHECK(read_session(&f, &n));
        CHECK(f.row_count >= at && f.row_count >= kept);
        kept = f.row_count;
        session_file_fini(&f);
        CHECK(see_segments(before, &n) >= kept);
        fake_node_start(&n);
        CHECK(fake_storage_status(&n).files == 0 && scratch_files(&n) == 0);
    }
    fake_storage_seal_key(&n, &key);
    uint32_t count = see_segments(after, &n);
    CHECK(count == 11 || count == 12);
    /* The same files with the same bytes, and nothing sealed that was sealed. */
    CHECK(memcmp(before, after, kept * sizeof(before[0])) == 0);
    CHECK(metric(&n, "segments_resumed_total") == kept);
    CHECK(metric(&n, "segments_sealed_total") == count - kept);
    check_replica(&n, &key);
    fake_node_kill(&n);
    fake_node_start(&n);
    CHECK(fake_storage_status(&n).files == 1);
    fake_node_close(&n);
}

static void a_killed_enclave_is_started_and_the_order_goes_on(void **state)
{
    (void)state;
    struct fake_node n;
    struct asker a;
    static struct seen segments[FILES_MAX];
    open_node(&n);
    fake_node_start(&n);
    const struct content_key key = make_tree(&n, 2);
    ask_begin(&a, &n, &key);
    for (uint32_t at = 2; at <= 8; at += 3) {
        CHECK(wait_segments(&n, at));
        pid_t pid = fake_storage_enclave_pid(&n);
        CHECK(pid > 1 && kill(pid, SIGKILL) == 0);
    }
    CHECK_OK(ask_end(&a));
    /* A segment that was closed is counted once, and there are no others. */
    CHECK(metric(&n, "segments_sealed_total") == see_segments(segments, &n));
    CHECK(metric(&n, "segments_resumed_total") >= 2 + 5 + 8);
    check_replica(&n, &key);
    fake_node_close(&n);
}

static void an_asker_that_left_finds_what_was_sealed(void **state)
{
    (void)state;
    struct fake_node n;
    struct asker a;
    static struct seen segments[FILES_MAX];
    open_node(&n);
    fake_node_start(&n);
    const struct content_key key = make_tree(&n, 3);
    const int fd = ipc_sync_fd(n.ipc.ipc); /* later it is the other thread's */
    ask_begin(&a, &n, &key);
    CHECK(wait_segments(&n, 2));
    CHECK(shutdown(fd, SHUT_RDWR) == 0);
    CHECK(ask_end(&a) != OK);
    ipc_sink_close(&n.ipc);
    CHECK_OK(ipc_sink_connect(&n.ipc, n.socket));
    fake_storage_seal_key(&n, &key);
    CHECK(metric(&n, "segments_resumed_total") >= 2);
    CHECK(metric(&n, "segments_sealed_total") == see_segments(segments, &n));
    check_replica(&n, &key);
    fake_node_close(&n);
}

/* Kills the node in the middle of a sealing and leaves it down. */
static struct content_key interrupted(struct fake_node *n, uint32_t seed)
{
    struct asker a;
    open_node(n);
    fake_node_start(n);
    const struct content_key key = make_tree(n, seed);
    ask_begin(&a, n, &key);
    CHECK(wait_segments(n, 3));
    CHECK(kill(n->process.pid, SIGKILL) == 0);
    CHECK(ask_end(&a) != OK);
    fake_node_kill(n);
    return key;
}

static void a_checkpoint_that_is_refused_is_started_over(void **state)
{
    (void)state;
    struct fake_node n;
    struct session_file f;
    char path[512];
    const struct content_key key = interrupted(&n, 4);
    CHECK(read_session(&f, &n));
    f.checkpoint[40] ^= 1; /* as if another key had made it */
    uint8_t *bytes = malloc(session_file_size(&f));
    CHECK(bytes != NULL);
    struct writer w = writer_of(bytes, session_file_size(&f));
    session_file_encode(&w, &f);
    only_entry(path, &n, "objects", "session-");
    CHECK_OK(path_write_file(path, writer_span(&w), 0600));
    free(bytes);
    session_file_fini(&f);
    fake_node_start(&n);
    fake_storage_seal_key(&n, &key);
    CHECK(metric(&n, "segments_resumed_total") == 0);
    check_replica(&n, &key); /* and it is the only one */
    fake_node_close(&n);
}

static void what_has_no_right_checkpoint_is_removed_at_start(void **state)
{
    (void)state;
    struct fake_node n;
    char path[512];
    const struct content_key key = interrupted(&n, 5);
    only_entry(path, &n, "objects", "session-");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, 100) == 0);
    close(fd);
    fake_node_start(&n);
    CHECK(!entry_exists(&n, "session-"));
    struct node_status s = fake_storage_status(&n);
    CHECK(s.files == 0 && s.disks[0].replicas == 0);
    fake_storage_seal_key(&n, &key);
    check_replica(&n, &key);
    fake_node_close(&n);
}

static void a_lost_segment_is_noticed(void **state)
{
    (void)state;
    struct fake_node n;
    char replica[512], path[600];
    const struct content_key key = interrupted(&n, 6);
    only_replica(replica, &n);
    snprintf(path, sizeof(path), "%s/seg-00001.sealed", replica);
    CHECK(truncate(path, 1000) == 0);
    fake_node_start(&n);
    fake_storage_seal_key(&n, &key);
    CHECK(metric(&n, "segments_resumed_total") == 0);
    check_replica(&n, &key);
    fake_node_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_node_goes_on_behind_the_last_closed_segment),
        cmocka_unit_test(a_killed_enclave_is_started_and_the_order_goes_on),
        cmocka_unit_test(an_asker_that_left_finds_what_was_sealed),
        cmocka_unit_test(a_checkpoint_that_is_refused_is_started_over),
        cmocka_unit_test(what_has_no_right_checkpoint_is_removed_at_start),
        cmocka_unit_test(a_lost_segment_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
