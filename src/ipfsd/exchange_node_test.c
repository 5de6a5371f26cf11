/* Real nodes that exchange blocks as libp2p peers: one has a content, the second seals it with
 * nobody else to fetch from, the third gets it out of the sealed replica. */
#include "ipfsd/fake_disk_test.h"

enum { PATIENCE_MS = 60000 };

static void add_arg(struct fake_node *n, const char *arg)
{
    CHECK(n->arg_count < FAKE_NODE_ARGS);
    n->args[n->arg_count++] = arg;
}

/* Starts the node as a libp2p peer that stays connected with `with` (NULL: nobody), and reads from
 * its log where it listens. */
static void start_peer(struct fake_node *n, char address[160], const char *with)
{
    char path[96], text[4096];
    add_arg(n, "--p2p");
    add_arg(n, "--p2p-dht");
    add_arg(n, "off");
    add_arg(n, "--allow-private-origins");
    add_arg(n, "--p2p-listen");
    add_arg(n, "/ip4/127.0.0.1/tcp/0");
    if (with != NULL) {
        add_arg(n, "--p2p-peers");
        add_arg(n, with);
    }
    snprintf(path, sizeof(path), "%s/log", n->home);
    n->log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    CHECK(n->log >= 0);
    fake_node_start(n);
    const char *at = NULL;
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; at == NULL && clock_mono_ms() < end;) {
        ssize_t size = pread(n->log, text, sizeof(text) - 1, 0);
        text[size > 0 ? size : 0] = '\0';
        at = strstr(text, "/ip4/127.0.0.1/tcp/");
        if (at != NULL && strchr(at, '\n') == NULL)
            at = NULL; /* the line is not whole yet */
        if (at == NULL)
            clock_sleep_ms(20);
    }
    CHECK(at != NULL);
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./");
    CHECK(length < 160 && strstr(at, "/p2p/") != NULL);
    memcpy(address, at, length);
    address[length] = '\0';
}

static void stop_peer(struct fake_node *n)
{
    fake_node_close(n);
    close(n->log);
}

static enum err fetch(struct fake_node *n, const struct content_key *key)
{
    uint8_t body[1024];
    struct ipc_msg reply;
    const struct node_seal m = { .key = *key, .size_max = 64 << 20 };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_seal(&w, &m);
    const struct ipc_msg rq = { .type = NODE_FETCH, .body = writer_span(&w) };
    return ipc_sink_call_long(&n->ipc, &reply, &rq, NULL, NULL);
}

/* Until the peers have met nobody has it. */
static bool again(enum err e, uint64_t end)
{
    if (e != ERR_NOT_FOUND || clock_mono_ms() >= end)
        return false;
    clock_sleep_ms(50);
    return true;
}

static void a_content_goes_from_peer_to_peer(void **state)
{
    (void)state;
    struct fake_node holder, storage, reader;
    char address[160], sealed_at[160], own[160];
    const char *args[] = { "--store-reserve", "0", "--no-gateway" };
    struct node_sealed out;
    struct node_repo_stat stat;
    enum err e;
    fake_node_open(&holder, args, 3);
    start_peer(&holder, address, NULL);
    const struct content_key key = fake_storage_make_content(&holder, 3, 20, 200000);
    CHECK_OK(ipc_sink_stat(&holder.ipc, &stat));
    uint64_t blocks = stat.blocks;

    fake_storage_open(&storage, "disk-a");
    start_peer(&storage, sealed_at, address);
    const struct node_seal m = { .key = key, .size_max = 64 << 20 };
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    do
        e = fake_storage_seal(&storage, &out, &m);
    while (again(e, end));
    CHECK_OK(e);
    CHECK_OK(ipc_sink_stat(&storage.ipc, &stat));
    CHECK(stat.blocks == 0 && fake_storage_status(&storage).files == 1);
    stop_peer(&holder);

    fake_node_open(&reader, args, 3);
    start_peer(&reader, own, sealed_at);
    end = clock_mono_ms() + PATIENCE_MS;
    do
        e = fetch(&reader, &key);
    while (again(e, end));
    CHECK_OK(e);
    CHECK_OK(ipc_sink_stat(&reader.ipc, &stat));
    CHECK(stat.blocks == blocks);
    const struct content_key absent = fake_storage_key_of(CID_CODEC_RAW, span_str("nowhere"));
    CHECK_ERR(fetch(&reader, &absent), ERR_NOT_FOUND);
    stop_peer(&reader);
    stop_peer(&storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_content_goes_from_peer_to_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
