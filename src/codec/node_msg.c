#include "codec/node_msg.h"

/* Texts for people: bounded, so that a peer cannot make us print a book. */
static struct span read_text(struct cbor_reader *c)
{
    struct span s = cbor_read_text(c);
    cbor_require(c, s.n <= NODE_TEXT_MAX, ERR_LIMIT);
    return s;
}

static void write_key(struct writer *w, const struct content_key *key)
{
    cbor_write_array(w, 2);
    cbor_write_uint(w, key->codec);
    cbor_write_bytes(w, span_of(key->digest, 32));
}

static void read_key(struct cbor_reader *c, struct content_key *key)
{
    cbor_read_array_of(c, 2);
    key->codec = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    cbor_read_bytes_of(c, key->digest, 32);
}

/* A volume number, or null for none. */
static void write_volume(struct writer *w, uint32_t volume)
{
    if (volume == NODE_VOLUME_NONE)
        cbor_write_null(w);
    else
        cbor_write_uint(w, volume);
}

static uint32_t read_volume(struct cbor_reader *c)
{
    if (cbor_try_null(c))
        return NODE_VOLUME_NONE;
    return (uint32_t)cbor_read_uint_max(c, NODE_DISKS_MAX - 1);
}

static void write_data_root(struct writer *w, const struct node_seal *in)
{
    if (in->has_data_root)
        cbor_write_bytes(w, span_of(in->data_root, 32));
    else
        cbor_write_null(w);
}

static void read_data_root(struct cbor_reader *c, struct node_seal *out)
{
    out->has_data_root = !cbor_try_null(c);
    if (out->has_data_root)
        cbor_read_bytes_of(c, out->data_root, 32);
}

static void write_sources(struct writer *w, const struct node_seal *in)
{
    cbor_write_array(w, in->source_count);
    for (uint32_t i = 0; i < in->source_count; i++)
        cbor_write_text(w, in->sources[i]);
}

static void read_sources(struct cbor_reader *c, struct node_seal *out)
{
    size_t n = cbor_read_array(c);
    cbor_require(c, n <= NODE_SOURCES_MAX, ERR_LIMIT);
    for (size_t i = 0; i < n && c->r.err == OK; i++) {
        out->sources[i] = cbor_read_text(c);
        cbor_require(c, out->sources[i].n <= NODE_URL_MAX, ERR_LIMIT);
        out->source_count++;
    }
}

static void write_owed(struct writer *w, const struct node_owed *in)
{
    cbor_write_array(w, 3);
    cbor_write_uint(w, in->slot);
    cbor_write_bytes(w, span_of(in->beacon, 32));
    cbor_write_uint(w, in->suspended);
}

static void read_owed(struct cbor_reader *c, struct node_owed *out)
{
    cbor_read_array_of(c, 3);
    out->slot = cbor_read_uint(c);
    cbor_read_bytes_of(c, out->beacon, 32);
    out->suspended = (uint16_t)cbor_read_uint_max(c, UINT16_MAX);
}

static void write_draws(struct writer *w, const struct node_report *in)
{
    cbor_write_array(w, 3);
    cbor_write_uint(w, in->draws_files);
    cbor_write_uint(w, in->draws_srd);
    cbor_write_uint(w, in->draws_return);
}

static void read_draws(struct cbor_reader *c, struct node_report *out)
{
    cbor_read_array_of(c, 3);
    out->draws_files = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    out->draws_srd = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    out->draws_return = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
}

static void write_owed_list(struct writer *w, const struct node_report *in)
{
    cbor_write_array(w, in->owed_count);
    for (uint32_t i = 0; i < in->owed_count; i++)
        write_owed(w, &in->owed[i]);
}

static void read_owed_list(struct cbor_reader *c, struct node_report *out)
{
    size_t n = cbor_read_array(c);
    cbor_require(c, n <= NODE_OWED_MAX, ERR_LIMIT);
    for (size_t i = 0; i < n && c->r.err == OK; i++)
        read_owed(c, &out->owed[out->owed_count++]);
}

static void write_returned(struct writer *w, const struct node_report *in)
{
    if (in->has_return_beacon)
        write_owed(w, &in->returned);
    else
        cbor_write_null(w);
}

static void read_returned(struct cbor_reader *c, struct node_report *out)
{
    out->has_return_beacon = !cbor_try_null(c);
    if (out->has_return_beacon)
        read_owed(c, &out->returned);
}

static void write_disks(struct writer *w, const struct node_status *in)
{
    cbor_write_array(w, in->disk_count);
    for (uint32_t i = 0; i < in->disk_count; i++) {
        const struct node_disk *d = &in->disks[i];
        cbor_write_array(w, 7);
        cbor_write_uint(w, d->volume);
        cbor_write_text(w, d->path);
        cbor_write_text(w, d->state);
        cbor_write_uint(w, d->capacity);
        cbor_write_uint(w, d->replicas);
        cbor_write_uint(w, d->extents);
        cbor_write_uint(w, d->free);
    }
}

static void read_disks(struct cbor_reader *c, struct node_status *out)
{
    size_t n = cbor_read_array(c);
    cbor_require(c, n <= NODE_DISKS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < n && c->r.err == OK; i++) {
        struct node_disk *d = &out->disks[out->disk_count++];
        cbor_read_array_of(c, 7);
        d->volume = (uint32_t)cbor_read_uint_max(c, NODE_DISKS_MAX - 1);
        d->path = read_text(c);
        d->state = read_text(c);
        d->capacity = cbor_read_uint(c);
        d->replicas = cbor_read_uint(c);
        d->extents = cbor_read_uint(c);
        d->free = cbor_read_uint(c);
    }
}

/* Zeroes what was read so far when the body is not good. */
#define FINISH(c, out)                                                                             \
    do {                                                                                           \
        enum err finish_err_ = cbor_finish(c);                                                     \
        if (finish_err_ != OK)                                                                     \
            memset(out, 0, sizeof(*(out)));                                                        \
        return finish_err_;                                                                        \
    } while (0)

void node_msg_encode_hello(struct writer *w, const struct node_hello *in)
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "gateway");
    cbor_write_text(w, in->gateway);
    cbor_write_str(w, "storage");
    cbor_write_bool(w, in->storage);
    cbor_write_str(w, "version");
    cbor_write_text(w, in->version);
}

enum err node_msg_decode_hello(struct node_hello *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 3);
    cbor_read_key(&c, "gateway");
    out->gateway = read_text(&c);
    cbor_read_key(&c, "storage");
    out->storage = cbor_read_bool(&c);
    cbor_read_key(&c, "version");
    out->version = read_text(&c);
    FINISH(&c, out);
}

void node_msg_encode_block(struct writer *w, const struct node_block *in)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "codec");
    cbor_write_uint(w, in->codec);
    cbor_write_str(w, "digest");
    cbor_write_bytes(w, span_of(in->digest, 32));
}

enum err node_msg_decode_block(struct node_block *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "codec");
    out->codec = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_key(&c, "digest");
    cbor_read_bytes_of(&c, out->digest, 32);
    FINISH(&c, out);
}

void node_msg_encode_size(struct writer *w, const struct node_size *in)
{
    cbor_write_map(w, 1);
    cbor_write_str(w, "size");
    cbor_write_uint(w, in->size);
}

enum err node_msg_decode_size(struct node_size *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 1);
    cbor_read_key(&c, "size");
    out->size = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_cid(struct writer *w, const struct node_cid *in)
{
    cbor_write_map(w, 1);
    cbor_write_str(w, "cid");
    cbor_write_bytes(w, in->cid);
}

enum err node_msg_decode_cid(struct node_cid *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 1);
    cbor_read_key(&c, "cid");
    out->cid = cbor_read_bytes(&c);
    FINISH(&c, out);
}

void node_msg_encode_pin(struct writer *w, const struct node_pin *in)
{
    cbor_write_map(w, 5);
    cbor_write_str(w, "cid");
    cbor_write_bytes(w, in->cid);
    cbor_write_str(w, "name");
    cbor_write_text(w, in->name);
    cbor_write_str(w, "time_s");
    cbor_write_uint(w, in->time_s);
    cbor_write_str(w, "profile");
    cbor_write_text(w, in->profile);
    cbor_write_str(w, "recursive");
    cbor_write_bool(w, in->recursive);
}

enum err node_msg_decode_pin(struct node_pin *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 5);
    cbor_read_key(&c, "cid");
    out->cid = cbor_read_bytes(&c);
    cbor_read_key(&c, "name");
    out->name = read_text(&c);
    cbor_read_key(&c, "time_s");
    out->time_s = cbor_read_uint(&c);
    cbor_read_key(&c, "profile");
    out->profile = read_text(&c);
    cbor_read_key(&c, "recursive");
    out->recursive = cbor_read_bool(&c);
    FINISH(&c, out);
}

void node_msg_encode_repo_stat(struct writer *w, const struct node_repo_stat *in)
{
    cbor_write_map(w, 10);
    cbor_write_str(w, "disk");
    cbor_write_uint(w, in->disk);
    cbor_write_str(w, "free");
    cbor_write_uint(w, in->free);
    cbor_write_str(w, "pins");
    cbor_write_uint(w, in->pins);
    cbor_write_str(w, "bytes");
    cbor_write_uint(w, in->bytes);
    cbor_write_str(w, "quota");
    cbor_write_uint(w, in->quota);
    cbor_write_str(w, "blocks");
    cbor_write_uint(w, in->blocks);
    cbor_write_str(w, "extents");
    cbor_write_uint(w, in->extents);
    cbor_write_str(w, "replicas");
    cbor_write_uint(w, in->replicas);
    cbor_write_str(w, "extent_bytes");
    cbor_write_uint(w, in->extent_bytes);
    cbor_write_str(w, "replica_bytes");
    cbor_write_uint(w, in->replica_bytes);
}

enum err node_msg_decode_repo_stat(struct node_repo_stat *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 10);
    cbor_read_key(&c, "disk");
    out->disk = cbor_read_uint(&c);
    cbor_read_key(&c, "free");
    out->free = cbor_read_uint(&c);
    cbor_read_key(&c, "pins");
    out->pins = cbor_read_uint(&c);
    cbor_read_key(&c, "bytes");
    out->bytes = cbor_read_uint(&c);
    cbor_read_key(&c, "quota");
    out->quota = cbor_read_uint(&c);
    cbor_read_key(&c, "blocks");
    out->blocks = cbor_read_uint(&c);
    cbor_read_key(&c, "extents");
    out->extents = cbor_read_uint(&c);
    cbor_read_key(&c, "replicas");
    out->replicas = cbor_read_uint(&c);
    cbor_read_key(&c, "extent_bytes");
    out->extent_bytes = cbor_read_uint(&c);
    cbor_read_key(&c, "replica_bytes");
    out->replica_bytes = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_progress(struct writer *w, const struct node_progress *in)
{
    cbor_write_map(w, 4);
    cbor_write_str(w, "bad");
    cbor_write_uint(w, in->bad);
    cbor_write_str(w, "done");
    cbor_write_uint(w, in->done);
    cbor_write_str(w, "phase");
    cbor_write_text(w, in->phase);
    cbor_write_str(w, "total");
    cbor_write_uint(w, in->total);
}

enum err node_msg_decode_progress(struct node_progress *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 4);
    cbor_read_key(&c, "bad");
    out->bad = cbor_read_uint(&c);
    cbor_read_key(&c, "done");
    out->done = cbor_read_uint(&c);
    cbor_read_key(&c, "phase");
    out->phase = read_text(&c);
    cbor_read_key(&c, "total");
    out->total = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_status(struct writer *w, const struct node_status *in)
{
    cbor_write_map(w, 12);
    cbor_write_str(w, "s");
    cbor_write_bytes(w, span_of(in->s, 32));
    cbor_write_str(w, "seq");
    cbor_write_uint(w, in->seq);
    cbor_write_str(w, "disks");
    write_disks(w, in);
    cbor_write_str(w, "files");
    cbor_write_uint(w, in->files);
    cbor_write_str(w, "worker");
    cbor_write_bytes(w, span_of(in->worker, 32));
    cbor_write_str(w, "extents");
    cbor_write_uint(w, in->extents);
    cbor_write_str(w, "lineage");
    cbor_write_bytes(w, span_of(in->lineage, 32));
    cbor_write_str(w, "pending");
    cbor_write_uint(w, in->pending);
    cbor_write_str(w, "storage");
    cbor_write_bool(w, in->storage);
    cbor_write_str(w, "provider");
    cbor_write_text(w, in->provider);
    cbor_write_str(w, "file_bytes");
    cbor_write_uint(w, in->file_bytes);
    cbor_write_str(w, "extent_bytes");
    cbor_write_uint(w, in->extent_bytes);
}

enum err node_msg_decode_status(struct node_status *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 12);
    cbor_read_key(&c, "s");
    cbor_read_bytes_of(&c, out->s, 32);
    cbor_read_key(&c, "seq");
    out->seq = cbor_read_uint(&c);
    cbor_read_key(&c, "disks");
    read_disks(&c, out);
    cbor_read_key(&c, "files");
    out->files = cbor_read_uint(&c);
    cbor_read_key(&c, "worker");
    cbor_read_bytes_of(&c, out->worker, 32);
    cbor_read_key(&c, "extents");
    out->extents = cbor_read_uint(&c);
    cbor_read_key(&c, "lineage");
    cbor_read_bytes_of(&c, out->lineage, 32);
    cbor_read_key(&c, "pending");
    out->pending = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_key(&c, "storage");
    out->storage = cbor_read_bool(&c);
    cbor_read_key(&c, "provider");
    out->provider = read_text(&c);
    cbor_read_key(&c, "file_bytes");
    out->file_bytes = cbor_read_uint(&c);
    cbor_read_key(&c, "extent_bytes");
    out->extent_bytes = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_register(struct writer *w, const struct node_register *in)
{
    cbor_write_map(w, 5);
    cbor_write_str(w, "chain");
    cbor_write_bytes(w, span_of(in->chain, 32));
    cbor_write_str(w, "account");
    cbor_write_bytes(w, span_of(in->account, 32));
    cbor_write_str(w, "release");
    cbor_write_bytes(w, span_of(in->release, 32));
    cbor_write_str(w, "block_hash");
    cbor_write_bytes(w, span_of(in->block_hash, 32));
    cbor_write_str(w, "block_height");
    cbor_write_uint(w, in->block_height);
}

enum err node_msg_decode_register(struct node_register *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 5);
    cbor_read_key(&c, "chain");
    cbor_read_bytes_of(&c, out->chain, 32);
    cbor_read_key(&c, "account");
    cbor_read_bytes_of(&c, out->account, 32);
    cbor_read_key(&c, "release");
    cbor_read_bytes_of(&c, out->release, 32);
    cbor_read_key(&c, "block_hash");
    cbor_read_bytes_of(&c, out->block_hash, 32);
    cbor_read_key(&c, "block_height");
    out->block_height = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_evidence(struct writer *w, const struct node_evidence *in)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "worker");
    cbor_write_bytes(w, span_of(in->worker, 32));
    cbor_write_str(w, "evidence");
    cbor_write_bytes(w, in->evidence);
}

enum err node_msg_decode_evidence(struct node_evidence *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "worker");
    cbor_read_bytes_of(&c, out->worker, 32);
    cbor_read_key(&c, "evidence");
    out->evidence = cbor_read_bytes(&c);
    FINISH(&c, out);
}

void node_msg_encode_seal(struct writer *w, const struct node_seal *in)
{
    cbor_write_map(w, 5);
    cbor_write_str(w, "key");
    write_key(w, &in->key);
    cbor_write_str(w, "order");
    cbor_write_bytes(w, span_of(in->order, 32));
    cbor_write_str(w, "sources");
    write_sources(w, in);
    cbor_write_str(w, "size_max");
    cbor_write_uint(w, in->size_max);
    cbor_write_str(w, "data_root");
    write_data_root(w, in);
}

enum err node_msg_decode_seal(struct node_seal *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 5);
    cbor_read_key(&c, "key");
    read_key(&c, &out->key);
    cbor_read_key(&c, "order");
    cbor_read_bytes_of(&c, out->order, 32);
    cbor_read_key(&c, "sources");
    read_sources(&c, out);
    cbor_read_key(&c, "size_max");
    out->size_max = cbor_read_uint(&c);
    cbor_read_key(&c, "data_root");
    read_data_root(&c, out);
    FINISH(&c, out);
}

void node_msg_encode_sealed(struct writer *w, const struct node_sealed *in)
{
    cbor_write_map(w, 6);
    cbor_write_str(w, "key");
    write_key(w, &in->key);
    cbor_write_str(w, "size");
    cbor_write_uint(w, in->size);
    cbor_write_str(w, "index");
    cbor_write_uint(w, in->index);
    cbor_write_str(w, "volume");
    cbor_write_uint(w, in->volume);
    cbor_write_str(w, "data_root");
    cbor_write_bytes(w, span_of(in->data_root, 32));
    cbor_write_str(w, "seal_root");
    cbor_write_bytes(w, span_of(in->seal_root, 32));
}

enum err node_msg_decode_sealed(struct node_sealed *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 6);
    cbor_read_key(&c, "key");
    read_key(&c, &out->key);
    cbor_read_key(&c, "size");
    out->size = cbor_read_uint(&c);
    cbor_read_key(&c, "index");
    out->index = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_key(&c, "volume");
    out->volume = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_key(&c, "data_root");
    cbor_read_bytes_of(&c, out->data_root, 32);
    cbor_read_key(&c, "seal_root");
    cbor_read_bytes_of(&c, out->seal_root, 32);
    FINISH(&c, out);
}

void node_msg_encode_key(struct writer *w, const struct node_key *in)
{
    cbor_write_map(w, 1);
    cbor_write_str(w, "key");
    write_key(w, &in->key);
}

enum err node_msg_decode_key(struct node_key *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 1);
    cbor_read_key(&c, "key");
    read_key(&c, &out->key);
    FINISH(&c, out);
}

void node_msg_encode_report(struct writer *w, const struct node_report *in)
{
    cbor_write_map(w, 13);
    cbor_write_str(w, "owed");
    write_owed_list(w, in);
    cbor_write_str(w, "slot");
    cbor_write_uint(w, in->slot);
    cbor_write_str(w, "step");
    cbor_write_bool(w, in->step);
    cbor_write_str(w, "chain");
    cbor_write_bytes(w, span_of(in->chain, 32));
    cbor_write_str(w, "draws");
    write_draws(w, in);
    cbor_write_str(w, "first");
    cbor_write_bool(w, in->first);
    cbor_write_str(w, "state");
    cbor_write_bytes(w, in->state);
    cbor_write_str(w, "beacon");
    cbor_write_bytes(w, span_of(in->beacon, 32));
    cbor_write_str(w, "return");
    write_volume(w, in->return_volume);
    cbor_write_str(w, "account");
    cbor_write_bytes(w, span_of(in->account, 32));
    cbor_write_str(w, "suspend");
    write_volume(w, in->suspend_volume);
    cbor_write_str(w, "returned");
    write_returned(w, in);
    cbor_write_str(w, "suspended");
    cbor_write_uint(w, in->suspended);
}

enum err node_msg_decode_report(struct node_report *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 13);
    cbor_read_key(&c, "owed");
    read_owed_list(&c, out);
    cbor_read_key(&c, "slot");
    out->slot = cbor_read_uint(&c);
    cbor_read_key(&c, "step");
    out->step = cbor_read_bool(&c);
    cbor_read_key(&c, "chain");
    cbor_read_bytes_of(&c, out->chain, 32);
    cbor_read_key(&c, "draws");
    read_draws(&c, out);
    cbor_read_key(&c, "first");
    out->first = cbor_read_bool(&c);
    cbor_read_key(&c, "state");
    out->state = cbor_read_bytes(&c);
    cbor_read_key(&c, "beacon");
    cbor_read_bytes_of(&c, out->beacon, 32);
    cbor_read_key(&c, "return");
    out->return_volume = read_volume(&c);
    cbor_read_key(&c, "account");
    cbor_read_bytes_of(&c, out->account, 32);
    cbor_read_key(&c, "suspend");
    out->suspend_volume = read_volume(&c);
    cbor_read_key(&c, "returned");
    read_returned(&c, out);
    cbor_read_key(&c, "suspended");
    out->suspended = (uint16_t)cbor_read_uint_max(&c, UINT16_MAX);
    FINISH(&c, out);
}

void node_msg_encode_bytes(struct writer *w, const struct node_bytes *in)
{
    cbor_write_map(w, 1);
    cbor_write_str(w, "bytes");
    cbor_write_bytes(w, in->bytes);
}

enum err node_msg_decode_bytes(struct node_bytes *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 1);
    cbor_read_key(&c, "bytes");
    out->bytes = cbor_read_bytes(&c);
    FINISH(&c, out);
}

void node_msg_encode_accepted(struct writer *w, const struct node_accepted *in)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "s");
    cbor_write_bytes(w, span_of(in->s, 32));
    cbor_write_str(w, "seq");
    cbor_write_uint(w, in->seq);
}

enum err node_msg_decode_accepted(struct node_accepted *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "s");
    cbor_read_bytes_of(&c, out->s, 32);
    cbor_read_key(&c, "seq");
    out->seq = cbor_read_uint(&c);
    FINISH(&c, out);
}

void node_msg_encode_error(struct writer *w, const struct node_error *in)
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "code");
    cbor_write_uint(w, (uint64_t)in->code);
    cbor_write_str(w, "next");
    cbor_write_text(w, in->next);
    cbor_write_str(w, "what");
    cbor_write_text(w, in->what);
}

enum err node_msg_decode_error(struct node_error *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 3);
    cbor_read_key(&c, "code");
    out->code = (enum err)cbor_read_uint_max(&c, ERR_COUNT - 1);
    cbor_read_key(&c, "next");
    out->next = read_text(&c);
    cbor_read_key(&c, "what");
    out->what = read_text(&c);
    FINISH(&c, out);
}

void node_msg_encode_none(struct writer *w)
{
    cbor_write_map(w, 0);
}

enum err node_msg_decode_none(struct span body)
{
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    cbor_read_map_of(&c, 0);
    return cbor_finish(&c);
}
