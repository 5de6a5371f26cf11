/* The real crust-ipfsd with the real crust-enclaved, against a chain in memory. */
#include "codec/dagpb.h"
#include "ipfsd/fake_disk_test.h"

#include <signal.h>

static void a_sealed_content_is_reported_proven_and_read(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    const struct content_key a = fake_storage_make_content(&n, 1, 40, 5000);
    const struct content_key b = fake_storage_make_content(&n, 2, 3, 300000);
    struct node_sealed sealed = fake_storage_seal_key(&n, &a);
    CHECK(sealed.index == 0 && sealed.size > 40 * 5000);
    fake_storage_seal_key(&n, &b);
    CHECK(fake_storage_status(&n).files == 2 && fake_storage_status(&n).pending == 2);
    fake_chain_slot(&chain, &n); /* nothing to open yet; the step comes */
    CHECK(chain.stepped && chain.opened == 0 && chain.state.seq == 1);
    CHECK(chain.state.volumes[0].files.count == 2);
    for (int i = 0; i < 5; i++) {
        fake_chain_slot(&chain, &n);
        CHECK(!chain.stepped && chain.misses == 0 && chain.failed == 0);
        CHECK(chain.opened == FAKE_DRAWS);
    }
    fake_storage_check_unsealed(&n, &a);
    fake_storage_check_unsealed(&n, &b);
    /* Sealing again what is here is no new replica. */
    struct node_sealed same = fake_storage_seal_key(&n, &a);
    CHECK(memcmp(same.seal_root, sealed.seal_root, 32) == 0);
    fake_node_close(&n);
}

static void everything_acknowledged_survives_kills(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a,disk-b");
    struct content_key keys[6];
    for (uint32_t i = 0; i < 6; i++) {
        keys[i] = fake_storage_make_content(&n, 10 + i, 5 + i, 20000);
        fake_storage_seal_key(&n, &keys[i]);
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
    CHECK(fake_storage_status(&n).files == 6);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.failed == 0 && chain.opened == FAKE_DRAWS);
    CHECK(files_on_chain() == 6);
    for (uint32_t i = 0; i < 6; i++)
        fake_storage_check_unsealed(&n, &keys[i]);
    fake_node_close(&n);
}

static void extents_are_filled_proven_and_released(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a:64M");
    CHECK(fake_storage_ask_size(&n, NODE_FILL, 5 << 20) == 5 << 20);
    CHECK(fake_storage_status(&n).extents == 5);
    fake_chain_slot(&chain, &n);
    CHECK(chain.state.volumes[0].srd.count == 5);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    uint64_t before = fake_storage_status(&n).disks[0].extents;
    CHECK(fake_storage_ask_size(&n, NODE_RELEASE, 2 << 20) == 2 << 20);
    /* Not before the chain has accepted it. */
    CHECK(fake_storage_status(&n).disks[0].extents == before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.stepped && chain.misses == 0 && chain.state.volumes[0].srd.count == 3);
    CHECK(fake_storage_status(&n).disks[0].extents < before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0);
    fake_node_close(&n);
}

static void a_removed_file_is_freed_when_the_chain_has_accepted(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    const struct content_key a = fake_storage_make_content(&n, 1, 10, 50000);
    const struct content_key b = fake_storage_make_content(&n, 2, 10, 50000);
    fake_storage_seal_key(&n, &a);
    fake_storage_seal_key(&n, &b);
    fake_chain_slot(&chain, &n);
    uint64_t before = fake_storage_status(&n).disks[0].replicas;
    fake_storage_remove_key(&n, &a);
    CHECK(fake_storage_status(&n).files == 1);
    fake_node_kill(&n);
    fake_node_start(&n);
    CHECK(fake_storage_status(&n).disks[0].replicas == before);
    /* The chain still opens the old roots. */
    fake_chain_slot(&chain, &n);
    CHECK(chain.stepped && chain.misses == 0 && chain.failed == 0);
    CHECK(fake_storage_status(&n).disks[0].replicas < before);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == 0 && chain.opened == FAKE_DRAWS);
    fake_node_close(&n);
}

static void a_dead_enclave_is_started_again(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    const struct content_key a = small_content(&n, 1);
    fake_storage_seal_key(&n, &a);
    pid_t pid = fake_storage_enclave_pid(&n);
    CHECK(pid > 1 && kill(pid, SIGKILL) == 0);
    const struct content_key b = small_content(&n, 2);
    struct node_sealed out;
    const struct node_seal m = { .key = b, .size_max = 1 << 20 };
    enum err e = ERR_CLOSED;
    for (int i = 0; i < 100 && e == ERR_CLOSED; i++) {
        e = fake_storage_seal(&n, &out, &m);
        if (e == ERR_CLOSED)
            clock_sleep_ms(50);
    }
    CHECK_OK(e);
    CHECK(fake_storage_status(&n).files == 2);
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    fake_node_close(&n);
}

static void damaged_segments_are_misses_and_failures_of_their_volume(void **state)
{
    (void)state;
    struct fake_node n;
    char dir[256];
    open_node(&n, "disk-a");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    fake_storage_seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    snprintf(dir, sizeof(dir), "%s/disk-a", n.home);
    CHECK(each_file(dir, "", damage) >= 1);
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == FAKE_DRAWS && chain.opened == 0 && chain.failed == 1);
    /* The block is not given out either, once the store has it no more. */
    struct block_key k = { .codec = a.codec };
    memcpy(k.digest, a.digest, 32);
    CHECK_OK(ipc_sink_delete(&n.ipc, &k));
    fake_storage_commit(&n);
    static uint8_t buf[1 << 20];
    size_t size;
    struct block_source source = ipc_sink_source(&n.ipc);
    CHECK(source.get(source.ctx, &size, (struct mspan){ buf, sizeof(buf) }, &k) != OK);
    fake_node_close(&n);
}

static void a_disk_that_goes_is_missed_and_comes_back_whole(void **state)
{
    (void)state;
    struct fake_node n;
    char disk[256], away[256];
    open_node(&n, "disk-a,disk-b");
    const struct content_key a = fake_storage_make_content(&n, 1, 8, 40000);
    struct node_sealed sealed = fake_storage_seal_key(&n, &a);
    fake_chain_slot(&chain, &n);
    snprintf(disk, sizeof(disk), "%s/disk-%c", n.home, sealed.volume == 0 ? 'a' : 'b');
    snprintf(away, sizeof(away), "%s/away", n.home);
    CHECK(rename(disk, away) == 0);
    wait_disk(&n, sealed.volume, "offline");
    fake_chain_slot(&chain, &n);
    CHECK(chain.misses == FAKE_DRAWS && chain.failed == 1u << sealed.volume);
    CHECK(chain.suspend == sealed.volume); /* nobody had to ask for it */
    /* New content goes to the other disk meanwhile. */
    const struct content_key b = small_content(&n, 2);
    CHECK(fake_storage_seal_key(&n, &b).volume != sealed.volume);
    CHECK_OK(path_remove_tree(disk)); /* what a program may have left at the mount point */
    CHECK(rename(away, disk) == 0);
    wait_disk(&n, sealed.volume, "ok");
    chain.suspended = 0; /* as after a return */
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
    const struct content_key many = fake_storage_make_content(&n, 1, 2500, 600);
    fake_storage_seal_key(&n, &many);
    fake_chain_slot(&chain, &n);
    for (int i = 0; i < 4; i++) {
        fake_chain_slot(&chain, &n);
        CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    }
    const struct node_seal m = { .key = fake_storage_make_content(&n, 2, 66, 1 << 20),
                                 .size_max = 80 << 20 };
    uint64_t begin = clock_mono_ms();
    CHECK_OK(fake_storage_seal(&n, &out, &m));
    print_message("sealed %d MiB in %d ms\n", 66, (int)(clock_mono_ms() - begin));
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    fake_storage_check_unsealed(&n, &m.key);
    fake_node_close(&n);
}

static void orders_that_do_not_agree_leave_nothing(void **state)
{
    (void)state;
    struct fake_node n;
    struct node_sealed out;
    open_node(&n, "disk-a");
    const struct content_key a = small_content(&n, 1);
    struct node_seal m = { .key = a, .size_max = 1 << 20, .has_data_root = true };
    memset(m.data_root, 3, 32);
    CHECK_ERR(fake_storage_seal(&n, &out, &m), ERR_CORRUPT);
    CHECK(strstr(n.ipc.what, "0303030303") != NULL && strstr(n.ipc.what, "data_root is") != NULL);
    m.has_data_root = false;
    memset(m.data_root, 0, 32);
    m.size_max = 100000; /* the content has 120 thousand */
    CHECK_ERR(fake_storage_seal(&n, &out, &m), ERR_LIMIT);
    m.size_max = 1 << 20;
    m.key.digest[0] ^= 1;
    CHECK(fake_storage_seal(&n, &out, &m) != OK);
    CHECK(strstr(n.ipc.what, "could not be had") != NULL);
    struct node_status s = fake_storage_status(&n);
    CHECK(s.files == 0 && s.pending == 0 && s.disks[0].replicas == 0);
    m.key = a;
    CHECK_OK(fake_storage_seal(&n, &out, &m));
    m.has_data_root = true;
    memcpy(m.data_root, out.data_root, 32);
    CHECK_OK(fake_storage_seal(&n, &out, &m));
    fake_node_close(&n);
}

/* A shard of a directory whose every link leads to the same child, twelve of them in each other:
 * thirteen blocks would be 256^12 entries to whoever counted paths. */
static struct content_key make_bomb(struct fake_node *n, uint64_t *size, bool missing)
{
    static const uint8_t shard[] = { 0x08, 5, 0x12, 0, 0x28, 0x22, 0x30, 0x80, 0x02 };
    static uint8_t block[256 * 64];
    static const uint8_t leaf[20] = "behind 256^12 doors";
    struct content_key key = fake_storage_key_of(CID_CODEC_RAW, span_of(leaf, sizeof(leaf)));
    *size = sizeof(leaf);
    if (!missing)
        fake_storage_put(n, &key, span_of(leaf, sizeof(leaf)));
    for (int level = 0; level < 12; level++) {
        struct writer w = writer_of(block, sizeof(block));
        uint8_t cid[CID_SIZE_MAX];
        struct writer c = writer_of(cid, sizeof(cid));
        const struct cid child = cid_of_key(&key);
        cid_write(&c, &child);
        for (unsigned i = 0; i < 256; i++) {
            char name[4];
            snprintf(name, sizeof(name), "%02X", i);
            dagpb_write_link(&w, writer_span(&c), span_str(name), 1);
        }
        dagpb_write_data(&w, span_of(shard, sizeof(shard)));
        CHECK_OK(w.err);
        key = fake_storage_key_of(CID_CODEC_DAG_PB, writer_span(&w));
        fake_storage_put(n, &key, writer_span(&w));
        *size += w.len;
    }
    fake_storage_commit(n);
    return key;
}

static void a_bomb_is_sealed_block_by_block(void **state)
{
    (void)state;
    struct fake_node n;
    struct node_sealed out;
    uint64_t size;
    open_node(&n, "disk-a");
    struct node_seal m = { .size_max = 64 << 20 };
    m.key = make_bomb(&n, &size, true);
    CHECK(fake_storage_seal(&n, &out, &m) != OK); /* one look for the block that is nowhere */
    CHECK(strstr(n.ipc.what, "could not be had") != NULL);
    m.key = make_bomb(&n, &size, false);
    m.size_max = size - 1;
    CHECK_ERR(fake_storage_seal(&n, &out, &m), ERR_LIMIT);
    m.size_max = size;
    CHECK_OK(fake_storage_seal(&n, &out, &m));
    CHECK(out.size == size);
    /* It is proven like any other content. */
    fake_chain_slot(&chain, &n);
    fake_chain_slot(&chain, &n);
    CHECK(chain.opened == FAKE_DRAWS && chain.misses == 0 && chain.failed == 0);
    fake_node_close(&n);
}

static void a_chain_that_is_behind_is_caught_up_step_by_step(void **state)
{
    (void)state;
    struct fake_node n;
    open_node(&n, "disk-a");
    /* Three steps are cut; the chain takes none of them at first. */
    for (uint32_t i = 0; i < 3; i++) {
        struct fake_chain saved;
        const struct content_key a = small_content(&n, 1 + i);
        fake_storage_seal_key(&n, &a);
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
        cmocka_unit_test(a_bomb_is_sealed_block_by_block),
        cmocka_unit_test(a_chain_that_is_behind_is_caught_up_step_by_step),
        cmocka_unit_test(a_sealed_content_is_reported_proven_and_read),
        cmocka_unit_test(everything_acknowledged_survives_kills),
        cmocka_unit_test(extents_are_filled_proven_and_released),
        cmocka_unit_test(a_removed_file_is_freed_when_the_chain_has_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
