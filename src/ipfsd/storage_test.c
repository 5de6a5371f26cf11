/* The real crust-ipfsd with the real crust-enclaved, against a chain in memory. */
#include "codec/cid.h"
#include "codec/dagpb.h"
#include "ipfsd/fake_chain_test.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

static struct fake_chain chain; /* large for a stack */

static void open_node(struct fake_node *n, const char *disks)
{
    const char *args[] = { "--store-reserve", "0",     "--no-gateway",      "--storage",
                           "--chain-id",      "test",  "--disks",           disks,
                           "--disk-reserve",  "0",     "--extent-size",     "1M",
                           "--disk-probe",    "500ms", "--enclave-workers", "1" };
    fake_node_open(n, args, sizeof(args) / sizeof(args[0]));
}

static struct node_status status_of(struct fake_node *n)
{
    struct ipc_msg reply;
    struct node_status s;
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_none(&w);
    CHECK_OK(ipc_sink_call(&n->ipc, &reply, NODE_STATUS, writer_span(&w)));
    CHECK_OK(node_msg_decode_status(&s, reply.body));
    return s;
}

static void open_chain(struct fake_node *n)
{
    struct node_status s = status_of(n);
    CHECK(s.storage && span_eq(s.provider, span_str("software")));
    fake_chain_open(&chain, "test", s.worker, s.lineage);
}

static struct content_key key_of(uint32_t codec, struct span data)
{
    struct content_key k = { .codec = codec };
    sha256(k.digest, data);
    return k;
}

static void put(struct fake_node *n, const struct content_key *key, struct span data)
{
    struct block_sink sink = ipc_sink_interface(&n->ipc);
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, 32);
    CHECK_OK(block_sink_put(&sink, &k, data));
}

static void commit(struct fake_node *n)
{
    struct block_sink sink = ipc_sink_interface(&n->ipc);
    CHECK_OK(block_sink_commit(&sink));
}

/* A content of `count` raw blocks of `size` bytes under one dag-cbor root; fills from seed. */
static struct content_key make_content(struct fake_node *n, uint32_t seed, uint32_t count,
                                       size_t size)
{
    static uint8_t root[256 * 1024], block[1 << 20];
    struct writer w = writer_of(root, sizeof(root));
    CHECK(size <= sizeof(block));
    cbor_write_array(&w, count);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < size; k++)
            block[k] = (uint8_t)(seed * 31 + i * 7 + k * (k >> 8));
        if (size >= 8) {
            store_le32(block, seed);
            store_le32(block + 4, i);
        }
        const struct content_key key = key_of(CID_CODEC_RAW, span_of(block, size));
        const struct cid cid = cid_of_key(&key);
        cbor_write_link(&w, &cid);
        put(n, &key, span_of(block, size));
    }
    CHECK_OK(w.err);
    const struct content_key key = key_of(CID_CODEC_DAG_CBOR, writer_span(&w));
    put(n, &key, writer_span(&w));
    commit(n);
    return key;
}

static enum err seal(struct fake_node *n, struct node_sealed *out, const struct node_seal *m)
{
    uint8_t body[4096];
    struct ipc_msg reply;
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_seal(&w, m);
    CHECK_OK(w.err);
    const struct ipc_msg rq = { .type = NODE_SEAL, .body = writer_span(&w) };
    TRY(ipc_sink_call_long(&n->ipc, &reply, &rq, NULL, NULL));
    return node_msg_decode_sealed(out, reply.body);
}

static struct node_sealed seal_key(struct fake_node *n, const struct content_key *key)
{
    struct node_sealed out;
    const struct node_seal m = { .key = *key, .size_max = 64 << 20 };
    CHECK_OK(seal(n, &out, &m));
    CHECK(cid_key_cmp(&out.key, key) == 0);
    return out;
}

static uint64_t ask_size(struct fake_node *n, uint16_t type, uint64_t size)
{
    uint8_t body[64];
    struct ipc_msg reply;
    struct node_size m = { size };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_size(&w, &m);
    const struct ipc_msg rq = { .type = type, .body = writer_span(&w) };
    CHECK_OK(ipc_sink_call_long(&n->ipc, &reply, &rq, NULL, NULL));
    CHECK_OK(node_msg_decode_size(&m, reply.body));
    return m.size;
}

static void remove_key(struct fake_node *n, const struct content_key *key)
{
    uint8_t body[128];
    struct ipc_msg reply;
    const struct node_key m = { *key };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_key(&w, &m);
    CHECK_OK(ipc_sink_call(&n->ipc, &reply, NODE_REMOVE, writer_span(&w)));
}

/* Deletes a block from the store, so that only the sealed one is left, and compares. */
static void check_unsealed(struct fake_node *n, const struct content_key *key)
{
    static uint8_t before[1 << 20], after[1 << 20];
    size_t size, again;
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, 32);
    struct block_source source = ipc_sink_source(&n->ipc);
    CHECK_OK(source.get(source.ctx, &size, (struct mspan){ before, sizeof(before) }, &k));
    CHECK_OK(ipc_sink_delete(&n->ipc, &k));
    commit(n);
    struct node_repo_stat stat;
    CHECK_OK(ipc_sink_stat(&n->ipc, &stat));
    CHECK_OK(source.get(source.ctx, &again, (struct mspan){ after, sizeof(after) }, &k));
    CHECK_SPAN(span_of(after, again), span_of(before, size));
}

static void a_sealed_content_is_reported_proven_and_read(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = make_content(&n, 1, 40, 5000);
    const struct content_key b = make_content(&n, 2, 3, 300000);
    struct node_sealed sealed = seal_key(&n, &a);
    CHECK(sealed.index == 0 && sealed.size > 40 * 5000);
    seal_key(&n, &b);
    CHECK(status_of(&n).files == 2 && status_of(&n).pending == 2);
    fake_chain_slot(&chain, &n); /* nothing to open yet; the step comes */
    CHECK(chain.stepped && chain.opened == 0 && chain.state.seq == 1);
    CHECK(chain.state.volumes[0].files.count == 2);
    for (int i = 0; i < 5; i++) {
        fake_chain_slot(&chain, &n);
        CHECK(!chain.stepped && chain.misses == 0 && chain.failed == 0);
        CHECK(chain.opened == FAKE_DRAWS);
    }
    check_unsealed(&n, &a);
    check_unsealed(&n, &b);
    /* Sealing again what is here is no new replica. */
    struct node_sealed same = seal_key(&n, &a);
    CHECK(memcmp(same.seal_root, sealed.seal_root, 32) == 0);
    fake_node_close(&n);
}

static void everything_acknowledged_survives_kills(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a,disk-b");
    fake_node_start(&n);
    open_chain(&n);
    struct content_key keys[6];
    for (uint32_t i = 0; i < 6; i++) {
        keys[i] = make_content(&n, 10 + i, 5 + i, 20000);
        seal_key(&n, &keys[i]);
        if (i % 2 == 1) {
            fake_node_kill(&n); /* and the enclave dies with it */
            fake_node_start(&n);
        }
        if (i == 2) {
            /* A report that the chain took, but the node did not hear of it. */
            fake_chain_next_slot(&chain);
            CHECK_OK(fake_chain_ask(&chain, &n, true));
            fake_chain_apply(&chain, true);
            CHECK(chain.stepped);
        }
    }
    CHECK(status_of(&n).files == 6);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.opened == FAKE_DRAWS);
    uint32_t files = 0;
    for (int v = 0; v < WORK_VOLUMES; v++)
        files += chain.state.volumes[v].files.count;
    CHECK(files == 6);
    for (uint32_t i = 0; i < 6; i++)
        check_unsealed(&n, &keys[i]);
    fake_node_close(&n);
}

static void extents_are_filled_proven_and_released(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a:64M");
    fake_node_start(&n);
    open_chain(&n);
    CHECK(ask_size(&n, NODE_FILL, 5 << 20) == 5 << 20);
    CHECK(status_of(&n).extents == 5);
    fake_chain_slot(&chain, &n);
    CHECK(chain.state.volumes[0].srd.count == 5);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    uint64_t before = status_of(&n).disks[0].extents;
    CHECK(ask_size(&n, NODE_RELEASE, 2 << 20) == 2 << 20);
    /* Not before the chain has accepted it. */
    CHECK(status_of(&n).disks[0].extents == before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.stepped && chain.misses == 0 && chain.state.volumes[0].srd.count == 3);
    CHECK(status_of(&n).disks[0].extents < before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0);
    fake_node_close(&n);
}

static void a_removed_file_is_freed_when_the_chain_has_accepted(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = make_content(&n, 1, 10, 50000);
    const struct content_key b = make_content(&n, 2, 10, 50000);
    seal_key(&n, &a);
    seal_key(&n, &b);
    fake_chain_slot(&chain, &n);
    uint64_t before = status_of(&n).disks[0].replicas;
    remove_key(&n, &a);
    CHECK(status_of(&n).files == 1);
    fake_node_kill(&n);
    fake_node_start(&n);
    CHECK(status_of(&n).disks[0].replicas == before);
    /* The chain still opens the old roots. */
    fake_chain_slot(&chain, &n);
    CHECK(chain.stepped && chain.misses == 0 && chain.failed == 0);
    CHECK(status_of(&n).disks[0].replicas < before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.opened == FAKE_DRAWS);
    fake_node_close(&n);
}

static struct content_key small_content(struct fake_node *n, uint32_t seed)
{
    return make_content(n, seed, 4, 30000);
}

/* The pid of the node's one child. */
static pid_t enclave_pid(const struct fake_node *n)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)n->process.pid,
             (int)n->process.pid);
    FILE *f = fopen(path, "r");
    char text[64] = "";
    CHECK(f != NULL && fgets(text, sizeof(text), f) != NULL);
    fclose(f);
    pid = (int)strtol(text, NULL, 10);
    CHECK(pid > 1);
    return pid;
}

static void a_dead_enclave_is_started_again(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = small_content(&n, 1);
    seal_key(&n, &a);
    CHECK(kill(enclave_pid(&n), SIGKILL) == 0);
    const struct content_key b = small_content(&n, 2);
    struct node_sealed out;
    const struct node_seal m = { .key = b, .size_max = 1 << 20 };
    enum err e = ERR_CLOSED;
    for (int i = 0; i < 100 && e == ERR_CLOSED; i++) {
        e = seal(&n, &out, &m);
        if (e == ERR_CLOSED)
            clock_sleep_ms(50);
    }
    CHECK_OK(e);
    CHECK(status_of(&n).files == 2);
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    fake_node_close(&n);
}

/* Applies fn to every file below disk whose name begins with prefix; returns how many. */
static int each_file(const char *dir, const char *prefix, void (*fn)(const char *path))
{
    char command[512];
    int count = 0;
    snprintf(command, sizeof(command), "%s", dir);
    DIR *d = opendir(command);
    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[1024];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            if (strcmp(e->d_name, "journal") != 0)
                count += each_file(path, prefix, fn);
        } else if (st.st_size > 20000 && strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            fn(path);
            count++;
        }
    }
    closedir(d);
    return count;
}

static void damage(const char *path)
{
    static uint8_t bytes[64 << 10];
    random_bytes(bytes, sizeof(bytes));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(bytes)) {
        size_t want =
            st.st_size - at < (off_t)sizeof(bytes) ? (size_t)(st.st_size - at) : sizeof(bytes);
        CHECK(pwrite(fd, bytes, want, at) == (ssize_t)want);
    }
    close(fd);
}

static void damaged_segments_are_misses_and_failures_of_their_volume(void **state)
{
    (void)state;
    struct fake_node n;
    char dir[256];
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = make_content(&n, 1, 8, 40000);
    seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    snprintf(dir, sizeof(dir), "%s/disk-a", n.home);
    CHECK(each_file(dir, "", damage) >= 1);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == FAKE_DRAWS && chain.opened == 0 && chain.failed == 1);
    /* The block is not given out either, once the store has it no more. */
    struct block_key k = { .codec = a.codec };
    memcpy(k.digest, a.digest, 32);
    CHECK_OK(ipc_sink_delete(&n.ipc, &k));
    commit(&n);
    static uint8_t buf[1 << 20];
    size_t size;
    struct block_source source = ipc_sink_source(&n.ipc);
    CHECK(source.get(source.ctx, &size, (struct mspan){ buf, sizeof(buf) }, &k) != OK);
    fake_node_close(&n);
}

static struct node_disk disk_of(struct fake_node *n, uint32_t volume)
{
    static struct node_status s;
    s = status_of(n);
    CHECK(volume < s.disk_count && s.disks[volume].volume == volume);
    return s.disks[volume];
}

static void wait_disk(struct fake_node *n, uint32_t volume, const char *want)
{
    for (int i = 0; i < 200; i++) {
        struct span state = disk_of(n, volume).state;
        if (state.n >= strlen(want) && memcmp(state.p, want, strlen(want)) == 0)
            return;
        clock_sleep_ms(50);
    }
    CHECK(false);
}

static void a_disk_that_goes_is_missed_and_comes_back_whole(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256], away[256];
    open_node(&n, "disk-a,disk-b");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = make_content(&n, 1, 8, 40000);
    struct node_sealed sealed = seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    snprintf(disk, sizeof(disk), "%s/disk-%c", n.home, sealed.volume == 0 ? 'a' : 'b');
    snprintf(away, sizeof(away), "%s/away", n.home);
    CHECK(rename(disk, away) == 0);
    wait_disk(&n, sealed.volume, "offline");
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == FAKE_DRAWS && chain.failed == 1u << sealed.volume);
    /* New content goes to the other disk meanwhile. */
    const struct content_key b = small_content(&n, 2);
    CHECK(seal_key(&n, &b).volume != sealed.volume);
    CHECK_OK(path_remove_tree(disk)); /* what a program may have left at the mount point */
    CHECK(rename(away, disk) == 0);
    wait_disk(&n, sealed.volume, "ok");
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.opened == FAKE_DRAWS);
    fake_node_close(&n);
}

/* Records in several groups, and blocks in two segments. */
static void large_contents_are_opened_anywhere(void **state)
{
    (void)state;
    struct fake_node n;
    struct node_sealed out;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key many = make_content(&n, 1, 2500, 600);
    seal_key(&n, &many);
    fake_chain_slot(&chain, &n);
    for (int i = 0; i < 4; i++) {
        fake_chain_slot(&chain, &n);
        CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    }
    const struct node_seal m = { .key = make_content(&n, 2, 66, 1 << 20), .size_max = 80 << 20 };
    uint64_t begin = clock_mono_ms();
    CHECK_OK(seal(&n, &out, &m));
    print_message("sealed %d MiB in %d ms\n", 66, (int)(clock_mono_ms() - begin));
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    check_unsealed(&n, &m.key);
    fake_node_close(&n);
}

static void orders_that_do_not_agree_leave_nothing(void **state)
{
    (void)state;
    struct fake_node n;
    struct node_sealed out;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    const struct content_key a = small_content(&n, 1);
    struct node_seal m = { .key = a, .size_max = 1 << 20, .has_data_root = true };
    memset(m.data_root, 3, 32);
    CHECK_ERR(seal(&n, &out, &m), ERR_CORRUPT);
    CHECK(strstr(n.ipc.what, "0303030303") != NULL && strstr(n.ipc.what, "data_root is") != NULL);
    m.has_data_root = false;
    memset(m.data_root, 0, 32);
    m.size_max = 100000; /* the content has 120 thousand */
    CHECK_ERR(seal(&n, &out, &m), ERR_LIMIT);
    m.size_max = 1 << 20;
    m.key.digest[0] ^= 1;
    CHECK(seal(&n, &out, &m) != OK);
    CHECK(strstr(n.ipc.what, "could not be had") != NULL);
    struct node_status s = status_of(&n);
    CHECK(s.files == 0 && s.pending == 0 && s.disks[0].replicas == 0);
    m.key = a;
    CHECK_OK(seal(&n, &out, &m));
    m.has_data_root = true;
    memcpy(m.data_root, out.data_root, 32);
    CHECK_OK(seal(&n, &out, &m));
    fake_node_close(&n);
}

static void a_chain_that_is_behind_is_caught_up_step_by_step(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    fake_node_start(&n);
    open_chain(&n);
    /* Three steps are cut; the chain takes none of them at first. */
    for (uint32_t i = 0; i < 3; i++) {
        struct fake_chain saved;
        const struct content_key a = small_content(&n, 1 + i);
        seal_key(&n, &a);
        fake_chain_next_slot(&chain);
        saved = chain;
        CHECK_OK(fake_chain_ask(&chain, &n, true));
        fake_chain_apply(&chain, true);
        if (i < 2) {
            /* The node hears of the new state, so that the next step builds on it. */
            CHECK_OK(fake_chain_ask(&chain, &n, false));
        }
        if (i == 0)
            chain = saved; /* the report was lost */
    }
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.state.volumes[0].files.count == 3 && chain.misses == 0);
    /* A state that is not ours is refused in words. */
    chain.state.seq += 5;
    CHECK_ERR(fake_chain_ask(&chain, &n, true), ERR_NOT_FOUND);
    CHECK(strstr(n.ipc.what, "does not know") != NULL);
    fake_node_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_enclave_is_started_again),
        cmocka_unit_test(damaged_segments_are_misses_and_failures_of_their_volume),
        cmocka_unit_test(a_disk_that_goes_is_missed_and_comes_back_whole),
        cmocka_unit_test(large_contents_are_opened_anywhere),
        cmocka_unit_test(orders_that_do_not_agree_leave_nothing),
        cmocka_unit_test(a_chain_that_is_behind_is_caught_up_step_by_step),
        cmocka_unit_test(a_sealed_content_is_reported_proven_and_read),
        cmocka_unit_test(everything_acknowledged_survives_kills),
        cmocka_unit_test(extents_are_filled_proven_and_released),
        cmocka_unit_test(a_removed_file_is_freed_when_the_chain_has_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
