#include "ipfsd/handover_file.h"

#include "base/reader.h"
#include "base/writer.h"
#include "rt/path.h"

#include <stdlib.h>
#include <string.h>

static const char magic[] = "crust/handover-file/1";

enum err handover_file_decode(struct handover_file *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct handover_file){ 0 };
    reader_require(&r, span_eq(read_span(&r, sizeof(magic)), span_of(magic, sizeof(magic))),
                   ERR_FORMAT);
    uint8_t stage = read_u8(&r);
    reader_require(&r, stage >= HANDOVER_OFFERED && stage <= HANDOVER_TAKEN, ERR_FORMAT);
    out->stage = (enum handover_stage)stage;
    read_into(&r, out->account, 32);
    read_into(&r, out->predecessor, 32);
    read_into(&r, out->successor, 32);
    read_into(&r, out->exchange, 32);
    out->sealed_size = read_le32(&r);
    reader_require(&r, out->sealed_size <= sizeof(out->sealed), ERR_LIMIT);
    if (r.err == OK)
        read_into(&r, out->sealed, out->sealed_size);
    if (stage >= HANDOVER_GIVEN) {
        read_into(&r, out->envelope, sizeof(out->envelope));
        read_into(&r, out->given, sizeof(out->given));
    }
    if (stage == HANDOVER_TAKEN)
        read_into(&r, out->taken, sizeof(out->taken));
    enum err e = reader_finish(&r);
    if (e != OK)
        *out = (struct handover_file){ 0 };
    return e;
}

size_t handover_file_encode(uint8_t out[HANDOVER_FILE_SIZE_MAX], const struct handover_file *f)
{
    struct writer w = writer_of(out, HANDOVER_FILE_SIZE_MAX);
    write_bytes(&w, magic, sizeof(magic));
    write_u8(&w, (uint8_t)f->stage);
    write_bytes(&w, f->account, 32);
    write_bytes(&w, f->predecessor, 32);
    write_bytes(&w, f->successor, 32);
    write_bytes(&w, f->exchange, 32);
    write_le32(&w, (uint32_t)f->sealed_size);
    write_bytes(&w, f->sealed, f->sealed_size);
    if (f->stage >= HANDOVER_GIVEN) {
        write_bytes(&w, f->envelope, sizeof(f->envelope));
        write_bytes(&w, f->given, sizeof(f->given));
    }
    if (f->stage == HANDOVER_TAKEN)
        write_bytes(&w, f->taken, sizeof(f->taken));
    ASSERT(w.err == OK);
    return w.len;
}

enum err handover_file_load(struct handover_file *out, const char *path)
{
    struct mspan bytes;
    *out = (struct handover_file){ 0 };
    enum err e = path_read_file(&bytes, path, HANDOVER_FILE_SIZE_MAX);
    if (e != OK)
        return e == ERR_NOT_FOUND ? OK : e;
    e = handover_file_decode(out, span_of(bytes.p, bytes.n));
    free(bytes.p);
    return e;
}

enum err handover_file_save(const struct handover_file *f, const char *path)
{
    uint8_t bytes[HANDOVER_FILE_SIZE_MAX];
    size_t n = handover_file_encode(bytes, f);
    return path_write_file(path, span_of(bytes, n), 0600);
}

bool handover_file_closes(const struct handover_file *f, struct span record)
{
    struct span owner = span_sub(record, HANDOVER_FILE_OWNER_AT, 32);
    return f->stage >= HANDOVER_GIVEN && span_eq(owner, span_of(f->successor, 32));
}
