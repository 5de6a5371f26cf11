/* Commands of the Kubo RPC about DAGs and single blocks. */
#include "codec/dag_json.h"
#include "codec/dagpb.h"
#include "ipfs/unixfs_path.h"
#include "ipfsd/kubo_rpc_http.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CBOR_MAX = 2 * BLOCK_SIZE_MAX, /* a block as a value: links of dag-pb grow a little */
    JSON_MAX = 6 * BLOCK_SIZE_MAX + 4096,
    LISTED = 256, /* of refs/local, at once */
};

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* ---- dag/get ---- */

/* ipld.io/specs/codecs/dag-pb: the logical format. */
static enum err dagpb_value(struct writer *w, struct span block)
{
    struct dagpb node;
    struct dagpb_link link;
    TRY(dagpb_decode(&node, block));
    struct dagpb_iter it = dagpb_links(&node);
    cbor_write_map(w, node.has_data ? 2 : 1);
    if (node.has_data) {
        cbor_write_str(w, "Data");
        cbor_write_bytes(w, node.data);
    }
    cbor_write_str(w, "Links");
    cbor_write_array(w, node.link_count);
    while (dagpb_next(&it, &link)) {
        cbor_write_map(w, 1 + (link.has_name ? 1u : 0u) + (link.has_tsize ? 1u : 0u));
        cbor_write_str(w, "Hash");
        cbor_write_link(w, &link.cid);
        if (link.has_name) {
            cbor_write_str(w, "Name");
            cbor_write_text(w, link.name);
        }
        if (link.has_tsize) {
            cbor_write_str(w, "Tsize");
            cbor_write_uint(w, link.tsize);
        }
    }
    return w->err;
}

static enum err block_value(struct writer *w, const struct cid *cid, struct span block)
{
    switch (cid->codec) {
    case CID_CODEC_DAG_CBOR:
        write_bytes(w, block.p, block.n);
        return w->err;
    case CID_CODEC_DAG_PB:
        return dagpb_value(w, block);
    case CID_CODEC_RAW:
        cbor_write_bytes(w, block);
        return w->err;
    default:
        return ERR_UNSUPPORTED;
    }
}

static enum err tell_value(struct kubo_call *c, struct span value, bool json)
{
    if (!json)
        return kubo_io_write(c->io, value);
    size_t scratch = DAG_JSON_SCRATCH(value.n);
    AUTO(free_bytes) uint8_t *memory = malloc(scratch + JSON_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(memory + scratch, JSON_MAX);
    TRY(dag_json_from_cbor(&w, value, (struct mspan){ memory, scratch }));
    return kubo_io_write(c->io, writer_span(&w));
}

enum err kubo_call_dag_get(struct kubo_call *c)
{
    struct cid cid;
    struct span inside, block, value;
    char named[KUBO_RPC_PATH_MAX];
    const struct kubo_value *codec = &c->plan->options[KUBO_OPT_OUTPUT_CODEC];
    bool json = !codec->given || strcmp(codec->text, "dag-json") == 0;
    if (!json && strcmp(codec->text, "dag-cbor") != 0)
        return kubo_call_fail(c, ERR_UNSUPPORTED, "the codec %.40s is not written here",
                              codec->text);
    AUTO(free_bytes) uint8_t *memory = malloc((size_t)BLOCK_SIZE_MAX + CBOR_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    TRY(kubo_call_inside(c, &cid, &inside, named, c->plan->args[0]));
    TRY(kubo_call_block(c, &block, (struct mspan){ memory, BLOCK_SIZE_MAX }, &cid));
    struct writer w = writer_of(memory + BLOCK_SIZE_MAX, CBOR_MAX);
    enum err e = block_value(&w, &cid, block);
    if (e != OK)
        return kubo_call_fail(c, e, "the block cannot be read: %s", err_text(e));
    TRY(unixfs_path_value(&value, writer_span(&w), inside));
    kubo_io_answer(c->io, KUBO_ANSWER_BYTES);
    return tell_value(c, value, json);
}

enum err kubo_call_dag_resolve(struct kubo_call *c)
{
    struct cid cid;
    struct span inside;
    struct kubo_text t;
    char named[KUBO_RPC_PATH_MAX], text[CID_TEXT_MAX];
    TRY(kubo_call_inside(c, &cid, &inside, named, c->plan->args[0]));
    cid_format(text, &cid);
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_key(&t.j, "Cid");
    json_out_object(&t.j);
    json_out_member_str(&t.j, "/", text);
    json_out_object_end(&t.j);
    json_out_key(&t.j, "RemPath");
    json_out_text(&t.j, inside);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

/* ---- dag/stat ---- */

struct stat_sum {
    uint64_t blocks, bytes; /* each block once */
    uint64_t all;           /* bytes of every root, what they share several times */
};

static enum err stat_root(struct kubo_text *t, uint8_t *memory, struct dag_walk_seen *all,
                          struct stat_sum *sum, const struct cid *root)
{
    struct kubo_walk w;
    struct dag_walk_item item = { .end = false };
    struct content_key key;
    char text[CID_TEXT_MAX];
    uint64_t blocks = 0, bytes = 0;
    const struct block_source source = kubo_call_source(t->c);
    kubo_walk_init(&w, memory, &source, false);
    TRY(dag_walk_add(&w.dag, root));
    for (;;) {
        bool fresh = true;
        enum err e = dag_walk_next(&w.dag, &item);
        if (e != OK)
            return kubo_call_missing(t->c, e, &w.dag.cid);
        if (item.end)
            break;
        blocks++;
        bytes += item.block.n;
        if (cid_key(&key, &item.cid) == OK)
            TRY(all->add(all->ctx, &fresh, &key));
        sum->blocks += fresh;
        sum->bytes += fresh ? item.block.n : 0;
    }
    sum->all += bytes;
    cid_format(text, root);
    json_out_object(&t->j);
    json_out_member_str(&t->j, "Cid", text);
    json_out_member_u64(&t->j, "Size", bytes);
    json_out_member_u64(&t->j, "NumBlocks", blocks);
    json_out_object_end(&t->j);
    return kubo_text_flush(t);
}

/* A number with nine digits behind the point, the last zeros left out. */
static void ratio_text(char out[32], uint64_t all, uint64_t bytes)
{
    uint64_t whole = bytes == 0 ? 0 : all / bytes;
    uint64_t part = 0, rest = bytes == 0 ? 0 : all % bytes;
    for (int i = 0; i < 9; i++) { /* digit by digit: both are far below 2^60 */
        part = part * 10 + (bytes == 0 ? 0 : rest * 10 / bytes);
        rest = bytes == 0 ? 0 : rest * 10 % bytes;
    }
    size_t n = (size_t)snprintf(out, 32, "%llu.%09llu", (unsigned long long)whole,
                                (unsigned long long)part);
    while (out[n - 1] == '0')
        out[--n] = '\0';
    if (out[n - 1] == '.')
        out[--n] = '\0';
}

enum err kubo_call_dag_stat(struct kubo_call *c)
{
    struct kubo_text t;
    struct dag_walk_table table;
    struct stat_sum sum = { 0 };
    char ratio[32];
    AUTO(free_bytes) uint8_t *memory = malloc((size_t)KUBO_WALK_MEMORY + KUBO_WALK_SEEN);
    if (memory == NULL)
        return ERR_MEMORY;
    dag_walk_table_init(&table, (struct mspan){ memory + KUBO_WALK_MEMORY, KUBO_WALK_SEEN });
    struct dag_walk_seen all = dag_walk_table_seen(&table);
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_key(&t.j, "DagStats");
    json_out_array(&t.j);
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        struct cid cid;
        TRY(kubo_call_resolve(c, &cid, c->plan->args[i]));
        TRY(stat_root(&t, memory, &all, &sum, &cid));
    }
    json_out_array_end(&t.j);
    json_out_member_u64(&t.j, "UniqueBlocks", sum.blocks);
    json_out_member_u64(&t.j, "TotalSize", sum.bytes);
    json_out_member_u64(&t.j, "SharedSize", sum.all - sum.bytes);
    json_out_key(&t.j, "Ratio");
    ratio_text(ratio, sum.all, sum.bytes);
    write_bytes(&t.w, ratio, strlen(ratio));
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

/* ---- block/rm ---- */

/* Whether a block is under a pin; names it. */
static enum err find_pin(struct kubo_call *c, uint8_t *memory, bool *pinned,
                         const struct content_key *key)
{
    struct blockstore_pin pin = { 0 };
    uint8_t after[PIN_CID_MAX];
    struct span at = { NULL, 0 };
    struct kubo_walk w;
    const struct block_source source = kubo_call_store(c);
    kubo_walk_init(&w, memory, &source, false);
    *pinned = false;
    for (;;) {
        struct cid root;
        struct content_key found;
        struct dag_walk_item item = { .end = false };
        enum err e = blockstore_pin_next(c->node->repo.store, &pin, at);
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
        TRY(cid_decode(&root, pin.pin.cid));
        TRY(dag_walk_add(&w.dag, &root));
        do {
            TRY(dag_walk_next(&w.dag, &item));
            if (!item.end && cid_key(&found, &item.cid) == OK && cid_key_cmp(&found, key) == 0) {
                *pinned = true;
                return OK;
            }
        } while (!item.end && pin.pin.mode == PIN_RECURSIVE);
        memcpy(after, pin.pin.cid.p, pin.pin.cid.n);
        at = span_of(after, pin.pin.cid.n);
        kubo_walk_init(&w, memory, &source, false);
    }
}

static enum err remove_block(struct kubo_call *c, uint8_t *memory, const char **why,
                             const struct cid *cid)
{
    struct content_key key;
    bool pinned;
    *why = NULL;
    if (cid_key(&key, cid) != OK) {
        *why = "this is no block of the store";
        return OK;
    }
    if (blockstore_has(c->node->repo.store, NULL, key.digest) != OK) {
        if (kubo_rpc_option(c->plan, KUBO_OPT_FORCE, 0) == 0)
            *why = "ipld: could not find it";
        return OK;
    }
    TRY(find_pin(c, memory, &pinned, &key));
    if (pinned) {
        *why = "pinned";
        return OK;
    }
    struct storer_op op = { .kind = STORER_DELETE, .key = { .codec = key.codec } };
    memcpy(op.key.digest, key.digest, sizeof(op.key.digest));
    TRY(kubo_call_store_op(c, &op));
    return kubo_call_commit(c);
}

enum err kubo_call_block_rm(struct kubo_call *c)
{
    struct kubo_text t;
    char text[CID_TEXT_MAX];
    bool quiet = kubo_rpc_option(c->plan, KUBO_OPT_QUIET, 0) != 0;
    AUTO(free_bytes) uint8_t *memory = malloc(KUBO_WALK_MEMORY);
    if (memory == NULL)
        return ERR_MEMORY;
    kubo_text_init(&t, c);
    for (size_t i = 0; i < c->plan->arg_count; i++) {
        struct cid cid;
        const char *why;
        TRY(kubo_call_resolve(c, &cid, c->plan->args[i]));
        TRY(remove_block(c, memory, &why, &cid));
        if (quiet && why == NULL)
            continue;
        cid_format(text, &cid);
        json_out_object(&t.j);
        json_out_member_str(&t.j, "Hash", text);
        if (why != NULL)
            json_out_member_str(&t.j, "Error", why);
        json_out_object_end(&t.j);
        TRY(kubo_text_line(&t));
    }
    return OK;
}

/* ---- refs/local ---- */

/* Blocks are known by their digest: the codec raw, as Kubo says it. */
enum err kubo_call_refs_local(struct kubo_call *c)
{
    struct kubo_text t;
    struct blockstore_item items[LISTED];
    uint8_t after[BLOCK_DIGEST_SIZE];
    size_t count = 0;
    bool first = true;
    char text[CID_TEXT_MAX];
    kubo_text_init(&t, c);
    do {
        TRY(blockstore_list(c->node->repo.store, items, &count, LISTED, first ? NULL : after));
        for (size_t i = 0; i < count; i++) {
            struct content_key key = { .codec = CID_CODEC_RAW };
            memcpy(key.digest, items[i].digest, sizeof(key.digest));
            memcpy(after, items[i].digest, sizeof(after));
            struct cid cid = cid_of_key(&key);
            cid_format(text, &cid);
            json_out_object(&t.j);
            json_out_member_str(&t.j, "Ref", text);
            json_out_member_str(&t.j, "Err", "");
            json_out_object_end(&t.j);
            TRY(kubo_text_line(&t));
        }
        first = false;
    } while (count > 0);
    return OK;
}
