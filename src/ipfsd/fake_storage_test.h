/* fake_storage_test: a real crust-ipfsd with the real crust-enclaved and a disk or more, and
 * contents for it to seal. Only tests include it. */
#ifndef CRUST_IPFSD_FAKE_STORAGE_TEST_H
#define CRUST_IPFSD_FAKE_STORAGE_TEST_H

#include "codec/cid.h"
#include "codec/dagpb.h"
#include "ipfsd/fake_chain_test.h"

#include <dirent.h>

static inline void fake_storage_open(struct fake_node *n, const char *disks)
{
    const char *args[] = { "--store-reserve", "0",     "--no-gateway",      "--storage",
                           "--chain-id",      "test",  "--disks",           disks,
                           "--disk-reserve",  "0",     "--extent-size",     "1M",
                           "--disk-probe",    "500ms", "--enclave-workers", "1" };
    fake_node_open(n, args, sizeof(args) / sizeof(args[0]));
}

static inline struct node_status fake_storage_status(struct fake_node *n)
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

static inline struct content_key fake_storage_key_of(uint32_t codec, struct span data)
{
    struct content_key k = { .codec = codec };
    sha256(k.digest, data);
    return k;
}

static inline void fake_storage_put(struct fake_node *n, const struct content_key *key,
                                    struct span data)
{
    struct block_sink sink = ipc_sink_interface(&n->ipc);
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, 32);
    CHECK_OK(block_sink_put(&sink, &k, data));
}

static inline void fake_storage_commit(struct fake_node *n)
{
    struct block_sink sink = ipc_sink_interface(&n->ipc);
    CHECK_OK(block_sink_commit(&sink));
}

/* A content of `count` raw blocks of `size` bytes under one dag-cbor root; fills from seed. */
static inline struct content_key fake_storage_make_content(struct fake_node *n, uint32_t seed,
                                                           uint32_t count, size_t size)
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
        const struct content_key key = fake_storage_key_of(CID_CODEC_RAW, span_of(block, size));
        const struct cid cid = cid_of_key(&key);
        cbor_write_link(&w, &cid);
        fake_storage_put(n, &key, span_of(block, size));
    }
    CHECK_OK(w.err);
    const struct content_key key = fake_storage_key_of(CID_CODEC_DAG_CBOR, writer_span(&w));
    fake_storage_put(n, &key, writer_span(&w));
    fake_storage_commit(n);
    return key;
}

static inline enum err fake_storage_seal(struct fake_node *n, struct node_sealed *out,
                                         const struct node_seal *m)
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

static inline struct node_sealed fake_storage_seal_key(struct fake_node *n,
                                                       const struct content_key *key)
{
    struct node_sealed out;
    const struct node_seal m = { .key = *key, .size_max = 64 << 20 };
    CHECK_OK(fake_storage_seal(n, &out, &m));
    CHECK(cid_key_cmp(&out.key, key) == 0);
    return out;
}

static inline uint64_t fake_storage_ask_size(struct fake_node *n, uint16_t type, uint64_t size)
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

static inline void fake_storage_remove_key(struct fake_node *n, const struct content_key *key)
{
    uint8_t body[128];
    struct ipc_msg reply;
    const struct node_key m = { *key };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_key(&w, &m);
    CHECK_OK(ipc_sink_call(&n->ipc, &reply, NODE_REMOVE, writer_span(&w)));
}

/* Deletes a block from the store, so that only the sealed one is left, and compares. */
static inline void fake_storage_check_unsealed(struct fake_node *n, const struct content_key *key)
{
    static uint8_t before[1 << 20], after[1 << 20];
    size_t size, again;
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, 32);
    struct block_source source = ipc_sink_source(&n->ipc);
    CHECK_OK(source.get(source.ctx, &size, (struct mspan){ before, sizeof(before) }, &k));
    CHECK_OK(ipc_sink_delete(&n->ipc, &k));
    fake_storage_commit(n);
    struct node_repo_stat stat;
    CHECK_OK(ipc_sink_stat(&n->ipc, &stat));
    CHECK_OK(source.get(source.ctx, &again, (struct mspan){ after, sizeof(after) }, &k));
    CHECK_SPAN(span_of(after, again), span_of(before, size));
}

/* The pid of the node's one child, which is the child of one of its threads. */
static inline pid_t fake_storage_enclave_pid(const struct fake_node *n)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof(path), "/proc/%d/task", (int)n->process.pid);
    DIR *d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e != NULL && text[0] == '\0'; e = readdir(d)) {
        char children[128];
        snprintf(children, sizeof(children), "%s/%.20s/children", path, e->d_name);
        FILE *f = fopen(children, "r");
        if (f != NULL && fgets(text, sizeof(text), f) == NULL)
            text[0] = '\0';
        if (f != NULL)
            fclose(f);
    }
    closedir(d);
    int pid = (int)strtol(text, NULL, 10);
    return pid;
}

#endif
