#include "codec/node_msg.h"

#include <stddef.h>

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

static void write_data_root(struct writer *w, const void *message)
{
    const struct node_seal *in = message;
    if (in->has_data_root)
        cbor_write_bytes(w, span_of(in->data_root, 32));
    else
        cbor_write_null(w);
}

static void read_data_root(struct cbor_reader *c, void *message)
{
    struct node_seal *out = message;
    out->has_data_root = !cbor_try_null(c);
    if (out->has_data_root)
        cbor_read_bytes_of(c, out->data_root, 32);
}

static void write_texts(struct writer *w, const struct span *list, uint32_t count)
{
    cbor_write_array(w, count);
    for (uint32_t i = 0; i < count; i++)
        cbor_write_text(w, list[i]);
}

/* At most max texts of NODE_URL_MAX bytes; *count is how many have been read. */
static void read_texts(struct cbor_reader *c, struct span *list, uint32_t *count, size_t max)
{
    size_t n = cbor_read_array(c);
    cbor_require(c, n <= max, ERR_LIMIT);
    for (size_t i = 0; i < n && c->r.err == OK; i++) {
        list[i] = cbor_read_text(c);
        cbor_require(c, list[i].n <= NODE_URL_MAX, ERR_LIMIT);
        (*count)++;
    }
}

static void write_sources(struct writer *w, const void *message)
{
    const struct node_seal *in = message;
    write_texts(w, in->sources, in->source_count);
}

static void read_sources(struct cbor_reader *c, void *message)
{
    struct node_seal *out = message;
    read_texts(c, out->sources, &out->source_count, NODE_SOURCES_MAX);
}

static void write_peers(struct writer *w, const void *message)
{
    const struct node_status *in = message;
    write_texts(w, in->peers, in->peer_count);
}

static void read_peers(struct cbor_reader *c, void *message)
{
    struct node_status *out = message;
    read_texts(c, out->peers, &out->peer_count, NODE_PEERS_MAX);
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

static void write_draws(struct writer *w, const void *message)
{
    const struct node_report *in = message;
    cbor_write_array(w, 3);
    cbor_write_uint(w, in->draws_files);
    cbor_write_uint(w, in->draws_srd);
    cbor_write_uint(w, in->draws_return);
}

static void read_draws(struct cbor_reader *c, void *message)
{
    struct node_report *out = message;
    cbor_read_array_of(c, 3);
    out->draws_files = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    out->draws_srd = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    out->draws_return = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
}

static void write_owed_list(struct writer *w, const void *message)
{
    const struct node_report *in = message;
    cbor_write_array(w, in->owed_count);
    for (uint32_t i = 0; i < in->owed_count; i++)
        write_owed(w, &in->owed[i]);
}

static void read_owed_list(struct cbor_reader *c, void *message)
{
    struct node_report *out = message;
    size_t n = cbor_read_array(c);
    cbor_require(c, n <= NODE_OWED_MAX, ERR_LIMIT);
    for (size_t i = 0; i < n && c->r.err == OK; i++)
        read_owed(c, &out->owed[out->owed_count++]);
}

static void write_returned(struct writer *w, const void *message)
{
    const struct node_report *in = message;
    if (in->has_return_beacon)
        write_owed(w, &in->returned);
    else
        cbor_write_null(w);
}

static void read_returned(struct cbor_reader *c, void *message)
{
    struct node_report *out = message;
    out->has_return_beacon = !cbor_try_null(c);
    if (out->has_return_beacon)
        read_owed(c, &out->returned);
}

static void write_disks(struct writer *w, const void *message)
{
    const struct node_status *in = message;
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

static void read_disks(struct cbor_reader *c, void *message)
{
    struct node_status *out = message;
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

/* ---- messages ------------------------------------------------------------------------------- */

/* What a field is in the struct, and what it is in a body. */
enum kind {
    U16,    /* uint16_t: a number */
    U32,    /* uint32_t */
    U64,    /* uint64_t */
    BOOL,   /* bool */
    CODE,   /* enum err: a number */
    VOLUME, /* uint32_t: a number, or null for NODE_VOLUME_NONE */
    HASH,   /* uint8_t[32]: bytes */
    BYTES,  /* struct span: bytes */
    TEXT,   /* struct span: text of at most NODE_TEXT_MAX bytes */
    KEY,    /* struct content_key: an array of codec and digest */
    PART,   /* several members: by functions that see the whole message */
};

/* A message is a map of these fields, in the order of canonical DAG-CBOR. Both directions use the
 * same rows, so they cannot drift apart. The tables are those of docs/spec/node-ipc.md. */
struct field {
    const char *name;
    enum kind kind;
    size_t at;
    void (*write)(struct writer *w, const void *message);
    void (*read)(struct cbor_reader *c, void *message);
};

static const struct field hello_fields[] = {
    { "gateway", TEXT, offsetof(struct node_hello, gateway), NULL, NULL },
    { "storage", BOOL, offsetof(struct node_hello, storage), NULL, NULL },
    { "version", TEXT, offsetof(struct node_hello, version), NULL, NULL },
};
static const struct field block_fields[] = {
    { "codec", U32, offsetof(struct node_block, codec), NULL, NULL },
    { "digest", HASH, offsetof(struct node_block, digest), NULL, NULL },
};
static const struct field size_fields[] = {
    { "size", U64, offsetof(struct node_size, size), NULL, NULL },
};
static const struct field cid_fields[] = {
    { "cid", BYTES, offsetof(struct node_cid, cid), NULL, NULL },
};
static const struct field pin_fields[] = {
    { "cid", BYTES, offsetof(struct node_pin, cid), NULL, NULL },
    { "name", TEXT, offsetof(struct node_pin, name), NULL, NULL },
    { "time_s", U64, offsetof(struct node_pin, time_s), NULL, NULL },
    { "profile", TEXT, offsetof(struct node_pin, profile), NULL, NULL },
    { "recursive", BOOL, offsetof(struct node_pin, recursive), NULL, NULL },
};
static const struct field repo_stat_fields[] = {
    { "disk", U64, offsetof(struct node_repo_stat, disk), NULL, NULL },
    { "free", U64, offsetof(struct node_repo_stat, free), NULL, NULL },
    { "pins", U64, offsetof(struct node_repo_stat, pins), NULL, NULL },
    { "bytes", U64, offsetof(struct node_repo_stat, bytes), NULL, NULL },
    { "quota", U64, offsetof(struct node_repo_stat, quota), NULL, NULL },
    { "blocks", U64, offsetof(struct node_repo_stat, blocks), NULL, NULL },
    { "extents", U64, offsetof(struct node_repo_stat, extents), NULL, NULL },
    { "replicas", U64, offsetof(struct node_repo_stat, replicas), NULL, NULL },
    { "extent_bytes", U64, offsetof(struct node_repo_stat, extent_bytes), NULL, NULL },
    { "replica_bytes", U64, offsetof(struct node_repo_stat, replica_bytes), NULL, NULL },
};
static const struct field progress_fields[] = {
    { "bad", U64, offsetof(struct node_progress, bad), NULL, NULL },
    { "done", U64, offsetof(struct node_progress, done), NULL, NULL },
    { "phase", TEXT, offsetof(struct node_progress, phase), NULL, NULL },
    { "total", U64, offsetof(struct node_progress, total), NULL, NULL },
};
static const struct field status_fields[] = {
    { "s", HASH, offsetof(struct node_status, s), NULL, NULL },
    { "seq", U64, offsetof(struct node_status, seq), NULL, NULL },
    { "disks", PART, 0, write_disks, read_disks },
    { "files", U64, offsetof(struct node_status, files), NULL, NULL },
    { "peers", PART, 0, write_peers, read_peers },
    { "worker", HASH, offsetof(struct node_status, worker), NULL, NULL },
    { "extents", U64, offsetof(struct node_status, extents), NULL, NULL },
    { "lineage", HASH, offsetof(struct node_status, lineage), NULL, NULL },
    { "pending", U32, offsetof(struct node_status, pending), NULL, NULL },
    { "storage", BOOL, offsetof(struct node_status, storage), NULL, NULL },
    { "provider", TEXT, offsetof(struct node_status, provider), NULL, NULL },
    { "file_bytes", U64, offsetof(struct node_status, file_bytes), NULL, NULL },
    { "predecessor", HASH, offsetof(struct node_status, predecessor), NULL, NULL },
    { "extent_bytes", U64, offsetof(struct node_status, extent_bytes), NULL, NULL },
};
static const struct field register_fields[] = {
    { "chain", HASH, offsetof(struct node_register, chain), NULL, NULL },
    { "account", HASH, offsetof(struct node_register, account), NULL, NULL },
    { "release", HASH, offsetof(struct node_register, release), NULL, NULL },
    { "block_hash", HASH, offsetof(struct node_register, block_hash), NULL, NULL },
    { "block_height", U64, offsetof(struct node_register, block_height), NULL, NULL },
};
static const struct field evidence_fields[] = {
    { "worker", HASH, offsetof(struct node_evidence, worker), NULL, NULL },
    { "evidence", BYTES, offsetof(struct node_evidence, evidence), NULL, NULL },
};
static const struct field hand_over_fields[] = {
    { "step", U32, offsetof(struct node_hand_over, step), NULL, NULL },
    { "time", U64, offsetof(struct node_hand_over, time), NULL, NULL },
    { "account", HASH, offsetof(struct node_hand_over, account), NULL, NULL },
    { "documents", BYTES, offsetof(struct node_hand_over, documents), NULL, NULL },
    { "block_hash", HASH, offsetof(struct node_hand_over, block_hash), NULL, NULL },
    { "certificate", BYTES, offsetof(struct node_hand_over, certificate), NULL, NULL },
};
static const struct field handed_fields[] = {
    { "stage", U32, offsetof(struct node_handed, stage), NULL, NULL },
    { "evidence", BYTES, offsetof(struct node_handed, evidence), NULL, NULL },
    { "successor", HASH, offsetof(struct node_handed, successor), NULL, NULL },
    { "predecessor", HASH, offsetof(struct node_handed, predecessor), NULL, NULL },
};
static const struct field succession_fields[] = {
    { "given", BYTES, offsetof(struct node_succession, given), NULL, NULL },
    { "taken", BYTES, offsetof(struct node_succession, taken), NULL, NULL },
    { "worker", HASH, offsetof(struct node_succession, worker), NULL, NULL },
    { "release", HASH, offsetof(struct node_succession, release), NULL, NULL },
    { "evidence", BYTES, offsetof(struct node_succession, evidence), NULL, NULL },
    { "exchange", HASH, offsetof(struct node_succession, exchange), NULL, NULL },
    { "predecessor", HASH, offsetof(struct node_succession, predecessor), NULL, NULL },
};
static const struct field seal_fields[] = {
    { "key", KEY, offsetof(struct node_seal, key), NULL, NULL },
    { "order", HASH, offsetof(struct node_seal, order), NULL, NULL },
    { "sources", PART, 0, write_sources, read_sources },
    { "size_max", U64, offsetof(struct node_seal, size_max), NULL, NULL },
    { "data_root", PART, 0, write_data_root, read_data_root },
};
static const struct field sealed_fields[] = {
    { "key", KEY, offsetof(struct node_sealed, key), NULL, NULL },
    { "size", U64, offsetof(struct node_sealed, size), NULL, NULL },
    { "index", U32, offsetof(struct node_sealed, index), NULL, NULL },
    { "volume", U32, offsetof(struct node_sealed, volume), NULL, NULL },
    { "data_root", HASH, offsetof(struct node_sealed, data_root), NULL, NULL },
    { "seal_root", HASH, offsetof(struct node_sealed, seal_root), NULL, NULL },
};
static const struct field key_fields[] = {
    { "key", KEY, offsetof(struct node_key, key), NULL, NULL },
};
static const struct field report_fields[] = {
    { "owed", PART, 0, write_owed_list, read_owed_list },
    { "slot", U64, offsetof(struct node_report, slot), NULL, NULL },
    { "step", BOOL, offsetof(struct node_report, step), NULL, NULL },
    { "chain", HASH, offsetof(struct node_report, chain), NULL, NULL },
    { "draws", PART, 0, write_draws, read_draws },
    { "first", BOOL, offsetof(struct node_report, first), NULL, NULL },
    { "state", BYTES, offsetof(struct node_report, state), NULL, NULL },
    { "beacon", HASH, offsetof(struct node_report, beacon), NULL, NULL },
    { "return", VOLUME, offsetof(struct node_report, return_volume), NULL, NULL },
    { "account", HASH, offsetof(struct node_report, account), NULL, NULL },
    { "suspend", VOLUME, offsetof(struct node_report, suspend_volume), NULL, NULL },
    { "returned", PART, 0, write_returned, read_returned },
    { "suspended", U16, offsetof(struct node_report, suspended), NULL, NULL },
};
static const struct field bytes_fields[] = {
    { "bytes", BYTES, offsetof(struct node_bytes, bytes), NULL, NULL },
};
static const struct field accepted_fields[] = {
    { "s", HASH, offsetof(struct node_accepted, s), NULL, NULL },
    { "seq", U64, offsetof(struct node_accepted, seq), NULL, NULL },
};
static const struct field error_fields[] = {
    { "code", CODE, offsetof(struct node_error, code), NULL, NULL },
    { "next", TEXT, offsetof(struct node_error, next), NULL, NULL },
    { "what", TEXT, offsetof(struct node_error, what), NULL, NULL },
};

static void write_field(struct writer *w, const struct field *f, const void *message)
{
    const void *at = (const uint8_t *)message + f->at;
    cbor_write_str(w, f->name);
    switch (f->kind) {
    case U16:
        cbor_write_uint(w, *(const uint16_t *)at);
        break;
    case U32:
        cbor_write_uint(w, *(const uint32_t *)at);
        break;
    case U64:
        cbor_write_uint(w, *(const uint64_t *)at);
        break;
    case BOOL:
        cbor_write_bool(w, *(const bool *)at);
        break;
    case CODE:
        cbor_write_uint(w, (uint64_t) * (const enum err *)at);
        break;
    case VOLUME:
        write_volume(w, *(const uint32_t *)at);
        break;
    case HASH:
        cbor_write_bytes(w, span_of(at, 32));
        break;
    case BYTES:
        cbor_write_bytes(w, *(const struct span *)at);
        break;
    case TEXT:
        cbor_write_text(w, *(const struct span *)at);
        break;
    case KEY:
        write_key(w, at);
        break;
    case PART:
        f->write(w, message);
        break;
    }
}

static void read_field(struct cbor_reader *c, const struct field *f, void *message)
{
    void *at = (uint8_t *)message + f->at;
    cbor_read_key(c, f->name);
    switch (f->kind) {
    case U16:
        *(uint16_t *)at = (uint16_t)cbor_read_uint_max(c, UINT16_MAX);
        break;
    case U32:
        *(uint32_t *)at = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
        break;
    case U64:
        *(uint64_t *)at = cbor_read_uint(c);
        break;
    case BOOL:
        *(bool *)at = cbor_read_bool(c);
        break;
    case CODE:
        *(enum err *)at = (enum err)cbor_read_uint_max(c, ERR_COUNT - 1);
        break;
    case VOLUME:
        *(uint32_t *)at = read_volume(c);
        break;
    case HASH:
        cbor_read_bytes_of(c, at, 32);
        break;
    case BYTES:
        *(struct span *)at = cbor_read_bytes(c);
        break;
    case TEXT:
        *(struct span *)at = read_text(c);
        break;
    case KEY:
        read_key(c, at);
        break;
    case PART:
        f->read(c, message);
        break;
    }
}

struct message {
    const struct field *fields;
    size_t count;
    size_t size; /* of its struct */
};

static void encode(struct writer *w, const struct message *m, const void *in)
{
    cbor_write_map(w, m->count);
    for (size_t i = 0; i < m->count; i++)
        write_field(w, &m->fields[i], in);
}

/* Zeroes what was read so far when the body is not good. */
static enum err decode(void *out, const struct message *m, struct span body)
{
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    memset(out, 0, m->size);
    cbor_read_map_of(&c, m->count);
    for (size_t i = 0; i < m->count; i++)
        read_field(&c, &m->fields[i], out);
    enum err e = cbor_finish(&c);
    if (e != OK)
        memset(out, 0, m->size);
    return e;
}

#define NODE_MSG_DEFINE(name)                                                                      \
    static const struct message name##_message = { name##_fields,                                  \
                                                   sizeof(name##_fields) /                         \
                                                       sizeof(name##_fields[0]),                   \
                                                   sizeof(struct node_##name) };                   \
    void node_msg_encode_##name(struct writer *w, const struct node_##name *in)                    \
    {                                                                                              \
        encode(w, &name##_message, in);                                                            \
    }                                                                                              \
    enum err node_msg_decode_##name(struct node_##name *out, struct span body)                     \
    {                                                                                              \
        return decode(out, &name##_message, body);                                                 \
    }
NODE_MSG_LIST(NODE_MSG_DEFINE)

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
