#include "codec/backup.h"

#include "crypto/secret.h"

static const char magic[] = "crust-backup/1\n";

_Static_assert(sizeof(magic) - 1 == 15, "size of the head");

bool backup_path_ok(struct span path)
{
    bool first = true; /* of a name */
    for (size_t i = 0; i < path.n; i++) {
        char c = (char)path.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
        /* SPEC backup 2: "a name MUST NOT begin with a dot" */
        if (first ? !letter : !letter && c != '.' && c != '/')
            return false;
        first = c == '/';
    }
    return path.n >= 1 && path.n <= BACKUP_PATH_MAX && !first;
}

void backup_write_file(struct writer *w, const struct backup_file *f)
{
    ASSERT(backup_path_ok(f->path));
    write_u8(w, (uint8_t)f->path.n);
    write_span(w, f->path);
    write_le32(w, (uint32_t)f->bytes.n);
    write_span(w, f->bytes);
}

enum err backup_next(struct backup_file *out, struct reader *r)
{
    *out = (struct backup_file){ 0 };
    if (r->err == OK && r->n == 0)
        return ERR_NOT_FOUND;
    out->path = read_span(r, read_u8(r));
    reader_require(r, backup_path_ok(out->path), ERR_FORMAT);
    out->bytes = read_span(r, read_le32(r));
    if (r->err != OK)
        *out = (struct backup_file){ 0 };
    return r->err;
}

static void encode_head(uint8_t out[BACKUP_HEAD_SIZE], const struct backup_head *h)
{
    struct writer w = writer_of(out, BACKUP_HEAD_SIZE);
    write_bytes(&w, magic, sizeof(magic) - 1);
    write_le32(&w, h->passes);
    write_le32(&w, h->kib);
    write_bytes(&w, h->salt, sizeof(h->salt));
    write_bytes(&w, h->nonce, sizeof(h->nonce));
    ASSERT(w.err == OK && w.len == BACKUP_HEAD_SIZE);
}

enum err backup_head_decode(struct backup_head *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct backup_head){ 0 };
    struct span m = read_span(&r, sizeof(magic) - 1);
    reader_require(&r, span_eq(m, span_of(magic, sizeof(magic) - 1)), ERR_FORMAT);
    out->passes = read_le32(&r);
    out->kib = read_le32(&r);
    read_into(&r, out->salt, sizeof(out->salt));
    read_into(&r, out->nonce, sizeof(out->nonce));
    if (r.err != OK)
        *out = (struct backup_head){ 0 };
    return r.err;
}

enum err backup_seal(uint8_t *out, const struct backup_head *head, struct span plain,
                     struct span password)
{
    AUTO(secret_wipe) struct secret key = { { 0 } };
    encode_head(out, head);
    TRY(argon2_id(&key, password, head->salt, head->passes, head->kib));
    const struct aead a = { key.b, head->nonce, span_of(out, BACKUP_HEAD_SIZE) };
    aead_seal(out + BACKUP_HEAD_SIZE, &a, plain);
    return OK;
}

enum err backup_open(uint8_t *out, struct span in, struct span password)
{
    AUTO(secret_wipe) struct secret key = { { 0 } };
    struct backup_head head;
    TRY(backup_head_decode(&head, in));
    if (in.n < BACKUP_HEAD_SIZE + AEAD_TAG_SIZE)
        return ERR_SHORT;
    TRY(argon2_id(&key, password, head.salt, head.passes, head.kib));
    const struct aead a = { key.b, head.nonce, span_sub(in, 0, BACKUP_HEAD_SIZE) };
    return aead_open(out, &a, span_sub(in, BACKUP_HEAD_SIZE, SIZE_MAX));
}
