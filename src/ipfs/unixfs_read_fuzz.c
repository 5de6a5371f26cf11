#include "ipfs/car_stream.h"

/* A hostile DAG: the input is a list of blocks (two bytes of length each), and the first byte of a
 * digest chooses one, so that links can point anywhere, even in circles. Every reader must end or
 * go on in small steps, and never read outside what it was given. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 500, BLOCKS = 64 };

static struct span blocks[BLOCKS];
static size_t block_count;
static uint8_t memory[256 * 1024];

static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    (void)ctx;
    *size = 0;
    if (block_count == 0 || key->digest[1] == 0xff)
        return ERR_NOT_FOUND;
    struct span b = blocks[key->digest[0] % block_count];
    *size = b.n;
    if (b.n > buf.n)
        return ERR_LIMIT;
    if (b.n != 0)
        memcpy(buf.p, b.p, b.n);
    return OK;
}

static const struct block_source source = { .get = get };

static void read_file(struct mspan mem, const struct cid *root)
{
    struct unixfs_read_walk w;
    struct unixfs_read_part part = { .end = false };
    uint64_t from = blocks[0].n % 7, sum = 0;
    unixfs_read_file_init(&w, &source, mem, root);
    unixfs_read_file_range(&w, from, UINT64_MAX);
    for (int i = 0; i < STEPS && !part.end && unixfs_read_file_part(&w, &part) == OK; i++)
        for (size_t k = 0; k < part.data.n; k++)
            sum += part.data.p[k];
    ASSERT(sum < UINT64_MAX);
}

static void list_dir(struct mspan mem, const struct cid *root)
{
    struct unixfs_read_walk w;
    struct unixfs_read_item item = { .event = UNIXFS_READ_BLOCK };
    unixfs_read_dir_init(&w, &source, mem, root);
    for (int i = 0; i < STEPS && item.event != UNIXFS_READ_END; i++)
        if (unixfs_read_dir_next(&w, &item) != OK)
            break;
}

static void resolve(struct mspan mem, const struct cid *root, const char *text)
{
    struct unixfs_path p;
    struct span block;
    if (unixfs_path_init(&p, root, span_str(text)) != OK)
        return;
    for (int i = 0; i < STEPS && !p.done; i++)
        if (dag_block_get(&block, mem, &source, &p.cid) != OK || unixfs_path_step(&p, block) != OK)
            break;
}

static void export_car(struct mspan mem, const struct cid *root, enum car_stream_scope scope)
{
    struct car_stream s;
    struct car_stream_params params = { .root = *root, .scope = scope };
    uint8_t out[512];
    size_t n = 1;
    car_stream_init(&s, &source, mem, &params);
    for (int i = 0; i < STEPS && n > 0; i++)
        if (car_stream_next(&s, &n, (struct mspan){ out, sizeof(out) }) != OK)
            break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(span_of(data, size));
    struct content_key key = { .codec = CID_CODEC_DAG_PB };
    struct mspan mem = { memory, sizeof(memory) };
    block_count = 0;
    while (r.n > 0 && block_count < BLOCKS)
        blocks[block_count++] = read_span(&r, read_be16(&r));
    if (block_count == 0)
        return 0;
    struct cid root = cid_of_key(&key);
    read_file(mem, &root);
    list_dir(mem, &root);
    resolve(mem, &root, "a/b/0");
    export_car(mem, &root, CAR_STREAM_ENTITY);
    export_car(mem, &root, CAR_STREAM_ALL);
    root.codec = CID_CODEC_DAG_CBOR;
    resolve(mem, &root, "a/0/b");
    return 0;
}
