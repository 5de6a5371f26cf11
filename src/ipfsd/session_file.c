#include "ipfsd/session_file.h"

#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MAGIC = 0x31535243, /* "CRS1" */
    PART_SIZE_MAX = SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE + SESSION_FILE_DIGEST,
};

static const char NAME[] = "session-";
static const char PART[] = "blocks-";

void session_file_fini(struct session_file *f)
{
    free(f->rows);
    *f = (struct session_file){ 0 };
}

enum err session_file_add(struct session_file *f, const struct session_file_row *row)
{
    if (f->row_count == REPLICA_SEGMENTS_MAX)
        return ERR_LIMIT;
    if (f->row_count == f->row_room) {
        uint32_t room = f->row_room == 0 ? 16 : 2 * f->row_room;
        struct session_file_row *more = realloc(f->rows, room * sizeof(*more));
        if (more == NULL)
            return ERR_MEMORY;
        f->rows = more;
        f->row_room = room;
    }
    f->rows[f->row_count++] = *row;
    return OK;
}

/* ---- the file ---- */

size_t session_file_size(const struct session_file *f)
{
    return SESSION_FILE_HEAD_SIZE + f->checkpoint_size +
           (size_t)f->row_count * SESSION_FILE_ROW_SIZE + SESSION_FILE_DIGEST;
}

void session_file_encode(struct writer *w, const struct session_file *f)
{
    uint8_t digest[32];
    const size_t from = w->len;
    write_le32(w, MAGIC);
    write_le32(w, f->key.codec);
    write_bytes(w, f->key.digest, 32);
    write_le64(w, f->number);
    write_le32(w, (uint32_t)f->checkpoint_size);
    write_le32(w, f->row_count);
    write_bytes(w, f->checkpoint, f->checkpoint_size);
    for (uint32_t i = 0; i < f->row_count; i++) {
        write_le32(w, f->rows[i].length);
        write_bytes(w, f->rows[i].wrapped, ENCLAVE_WRAPPED_SIZE);
        write_le32(w, f->rows[i].parts);
    }
    if (w->err != OK)
        return;
    sha256(digest, span_of(w->p + from, w->len - from));
    write_bytes(w, digest, sizeof(digest));
}

static enum err decode_rows(struct session_file *out, struct reader *r, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct session_file_row row = { .length = read_le32(r) };
        read_into(r, row.wrapped, sizeof(row.wrapped));
        row.parts = read_le32(r);
        /* SPEC node-host 6: "a segment has at most 64 MiB and at most 65536 parts" */
        reader_require(r, row.length <= ENCLAVE_SEGMENT_MAX, ERR_CORRUPT);
        reader_require(r, row.parts <= SESSION_FILE_PARTS_MAX, ERR_CORRUPT);
        if (r->err != OK)
            return ERR_CORRUPT;
        TRY(session_file_add(out, &row));
    }
    return reader_finish(r) == OK ? OK : ERR_CORRUPT;
}

static enum err decode(struct session_file *out, struct span in)
{
    uint8_t digest[32];
    if (in.n < SESSION_FILE_HEAD_SIZE + SESSION_FILE_DIGEST)
        return ERR_CORRUPT;
    struct span body = span_sub(in, 0, in.n - SESSION_FILE_DIGEST);
    sha256(digest, body);
    if (memcmp(digest, in.p + body.n, sizeof(digest)) != 0)
        return ERR_CORRUPT;
    struct reader r = reader_of(body);
    reader_require(&r, read_le32(&r) == MAGIC, ERR_CORRUPT);
    out->key.codec = read_le32(&r);
    read_into(&r, out->key.digest, 32);
    out->number = read_le64(&r);
    const uint32_t size = read_le32(&r), count = read_le32(&r);
    /* SPEC node-host 6: "A checkpoint has 1 to 4096 bytes, and there are 1 to 16384 segments" */
    reader_require(&r, size > 0 && size <= ENCLAVE_CHECKPOINT_MAX, ERR_CORRUPT);
    reader_require(&r, count > 0 && count <= REPLICA_SEGMENTS_MAX, ERR_CORRUPT);
    if (r.err != OK)
        return ERR_CORRUPT;
    out->checkpoint_size = size;
    read_into(&r, out->checkpoint, size);
    return decode_rows(out, &r, count);
}

enum err session_file_decode(struct session_file *out, struct span in)
{
    *out = (struct session_file){ 0 };
    enum err e = decode(out, in);
    if (e != OK)
        session_file_fini(out);
    return e;
}

static void file_name(char out[VOLUME_OBJECT_NAME_MAX], const struct volume_replica *id)
{
    char hex[2 * VOLUME_REPLICA_SIZE + 1];
    hex_format(hex, span_of(id->bytes, VOLUME_REPLICA_SIZE));
    (void)snprintf(out, VOLUME_OBJECT_NAME_MAX, "%s%s", NAME, hex);
}

enum err session_file_put(const struct replica_at *at, const struct session_file *f)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    const size_t size = session_file_size(f);
    uint8_t *p = malloc(size);
    if (p == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(p, size);
    session_file_encode(&w, f);
    ASSERT(w.err == OK && w.len == size);
    file_name(name, &at->id);
    enum err e = volume_object_put(at->volume, NULL, name, writer_span(&w));
    free(p);
    return e;
}

enum err session_file_get(struct session_file *out, const struct replica_at *at)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    uint64_t size;
    *out = (struct session_file){ 0 };
    file_name(name, &at->id);
    TRY(volume_object_size(at->volume, &size, NULL, name));
    if (size > SESSION_FILE_SIZE_MAX)
        return ERR_CORRUPT;
    uint8_t *p = malloc(size > 0 ? (size_t)size : 1);
    if (p == NULL)
        return ERR_MEMORY;
    enum err e = volume_object_read(at->volume, (struct mspan){ p, (size_t)size }, NULL, name, 0);
    if (e == OK)
        e = session_file_decode(out, span_of(p, (size_t)size));
    free(p);
    return e;
}

enum err session_file_delete(const struct replica_at *at)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    file_name(name, &at->id);
    return volume_object_delete(at->volume, NULL, name);
}

struct lister {
    volume_replica_visit visit;
    void *ctx;
};

static enum err list_name(void *ctx, const char *name)
{
    const struct lister *l = ctx;
    struct volume_replica id;
    if (strlen(name) != sizeof(NAME) - 1 + (size_t)2 * VOLUME_REPLICA_SIZE ||
        memcmp(name, NAME, sizeof(NAME) - 1) != 0 ||
        hex_parse(id.bytes, VOLUME_REPLICA_SIZE, name + sizeof(NAME) - 1) != OK)
        return OK;
    return l->visit(l->ctx, &id);
}

enum err session_file_list(struct volume *v, volume_replica_visit visit, void *ctx)
{
    struct lister l = { visit, ctx };
    return volume_object_list(v, NULL, list_name, &l);
}

/* ---- parts ---- */

static void part_name(char out[VOLUME_OBJECT_NAME_MAX], const struct session_file_part *p)
{
    (void)snprintf(out, VOLUME_OBJECT_NAME_MAX, "%s%05u-%05u", PART, p->segment, p->part);
}

static void part_digest(uint8_t out[32], const struct volume_replica *id,
                        const struct session_file_part *p, struct span records)
{
    uint8_t place[8];
    store_le32(place, p->segment);
    store_le32(place + 4, p->part);
    const struct span parts[] = { span_of(id->bytes, VOLUME_REPLICA_SIZE),
                                  span_of(place, sizeof(place)), records };
    sha256_tagged(out, "crust/session-part/1", parts, 3);
}

enum err session_file_part_put(const struct replica_at *at, const struct session_file_part *p,
                               struct span records)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    ASSERT(records.n > 0 && records.n % CONTENT_RECORD_SIZE == 0);
    ASSERT(records.n <= (size_t)SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE);
    uint8_t *bytes = malloc(records.n + SESSION_FILE_DIGEST);
    if (bytes == NULL)
        return ERR_MEMORY;
    memcpy(bytes, records.p, records.n);
    part_digest(bytes + records.n, &at->id, p, records);
    part_name(name, p);
    enum err e = volume_object_put(at->volume, &at->id, name,
                                   span_of(bytes, records.n + SESSION_FILE_DIGEST));
    free(bytes);
    return e;
}

enum err session_file_part_check(struct span *records, const struct volume_replica *id,
                                 const struct session_file_part *p, struct span in)
{
    uint8_t digest[32];
    *records = (struct span){ NULL, 0 };
    if (in.n <= SESSION_FILE_DIGEST || in.n > PART_SIZE_MAX ||
        (in.n - SESSION_FILE_DIGEST) % CONTENT_RECORD_SIZE != 0)
        return ERR_CORRUPT;
    struct span body = span_sub(in, 0, in.n - SESSION_FILE_DIGEST);
    part_digest(digest, id, p, body);
    if (memcmp(digest, in.p + body.n, sizeof(digest)) != 0)
        return ERR_CORRUPT;
    *records = body;
    return OK;
}

enum err session_file_part_get(uint8_t out[SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE],
                               uint32_t *count, const struct replica_at *at,
                               const struct session_file_part *p)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    uint64_t size;
    struct span records;
    *count = 0;
    part_name(name, p);
    TRY(volume_object_size(at->volume, &size, &at->id, name));
    if (size > PART_SIZE_MAX)
        return ERR_CORRUPT;
    uint8_t *bytes = malloc(PART_SIZE_MAX);
    if (bytes == NULL)
        return ERR_MEMORY;
    const struct mspan room = { bytes, (size_t)size };
    enum err e = volume_object_read(at->volume, room, &at->id, name, 0);
    if (e == OK)
        e = session_file_part_check(&records, &at->id, p, span_of(bytes, (size_t)size));
    if (e == OK) {
        memcpy(out, records.p, records.n);
        *count = (uint32_t)(records.n / CONTENT_RECORD_SIZE);
    }
    free(bytes);
    return e;
}

struct sweep {
    const struct replica_at *at;
    uint32_t from;
};

static enum err sweep_part(void *ctx, const char *name)
{
    const struct sweep *s = ctx;
    if (strncmp(name, PART, sizeof(PART) - 1) != 0)
        return OK;
    unsigned long segment = strtoul(name + sizeof(PART) - 1, NULL, 10);
    return segment < s->from ? OK : volume_object_delete(s->at->volume, &s->at->id, name);
}

enum err session_file_parts_delete(const struct replica_at *at, uint32_t from)
{
    struct sweep s = { at, from };
    return volume_object_list(at->volume, &at->id, sweep_part, &s);
}
