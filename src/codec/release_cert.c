#include "codec/release_cert.h"

#include "base/hex.h"
#include "crypto/sha256.h"

enum { VERSION = 1 };

static void read_program(struct reader *r, struct release_cert_program *p)
{
    p->kind = read_u8(r);
    reader_require(r, p->kind < RELEASE_CERT_KIND_END, ERR_RANGE);
    read_into(r, p->measurement, sizeof(p->measurement));
    if (p->kind == RELEASE_CERT_KIND_TDX)
        read_into(r, &p->rtmr[0][0], sizeof(p->rtmr));
}

static void read_body(struct reader *r, struct release_cert *c)
{
    reader_require(r, read_u8(r) == VERSION, ERR_FORMAT);
    read_into(r, c->chain, 32);
    c->number = read_le32(r);
    c->issued = read_le64(r);
    read_into(r, c->release_id, 32);
    c->evaluation_min = read_le32(r);
    read_into(r, &c->snp_min[0][0], sizeof(c->snp_min));
    c->program_count = read_u8(r);
    reader_require(r, c->program_count >= 1, ERR_FORMAT);
    reader_require(r, c->program_count <= RELEASE_CERT_PROGRAMS_MAX, ERR_LIMIT);
    for (uint8_t i = 0; r->err == OK && i < c->program_count; i++)
        read_program(r, &c->programs[i]);
}

static void read_signatures(struct reader *r, struct release_cert *c)
{
    c->signature_count = read_u8(r);
    reader_require(r, c->signature_count <= RELEASE_CERT_KEYS_MAX, ERR_LIMIT);
    for (uint8_t i = 0; r->err == OK && i < c->signature_count; i++) {
        c->signers[i] = read_u8(r);
        reader_require(r, c->signers[i] < RELEASE_CERT_KEYS_MAX, ERR_RANGE);
        reader_require(r, i == 0 || c->signers[i] > c->signers[i - 1], ERR_FORMAT);
        c->signatures[i] = read_span(r, ED25519_SIGNATURE_SIZE).p;
    }
}

enum err release_cert_decode(struct release_cert *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct release_cert){ 0 };
    reader_require(&r, in.n <= RELEASE_CERT_SIZE_MAX, ERR_LIMIT);
    read_body(&r, out);
    out->body = span_sub(in, 0, in.n - r.n);
    read_signatures(&r, out);
    enum err e = reader_finish(&r);
    if (e != OK)
        *out = (struct release_cert){ 0 };
    return e;
}

void release_cert_encode_body(struct writer *w, const struct release_cert *c)
{
    write_u8(w, VERSION);
    write_bytes(w, c->chain, 32);
    write_le32(w, c->number);
    write_le64(w, c->issued);
    write_bytes(w, c->release_id, 32);
    write_le32(w, c->evaluation_min);
    write_bytes(w, c->snp_min, sizeof(c->snp_min));
    write_u8(w, c->program_count);
    for (uint8_t i = 0; i < c->program_count; i++) {
        const struct release_cert_program *p = &c->programs[i];
        write_u8(w, p->kind);
        write_bytes(w, p->measurement, sizeof(p->measurement));
        if (p->kind == RELEASE_CERT_KIND_TDX)
            write_bytes(w, p->rtmr, sizeof(p->rtmr));
    }
}

void release_cert_hash(uint8_t out[32], struct span body)
{
    sha256_tagged(out, "crust/release-cert/1", &body, 1);
}

enum err release_cert_check(const struct release_cert *c, const struct release_cert_keys *keys)
{
    uint8_t hash[32];
    /* SPEC handover 1.4: "A certificate MUST carry at least `needed` signatures, and every
     * signature it carries MUST be right." */
    if (keys->needed == 0 || c->signature_count < keys->needed)
        return ERR_DENIED;
    release_cert_hash(hash, c->body);
    for (uint8_t i = 0; i < c->signature_count; i++) {
        if (c->signers[i] >= keys->count)
            return ERR_DENIED;
        TRY(ed25519_verify(c->signatures[i], span_of(hash, 32), keys->keys[c->signers[i]]));
    }
    return OK;
}

static void parse_keys(struct reader *r, struct release_cert_keys *k)
{
    char text[65] = { 0 };
    while (r->err == OK && r->n > 0) {
        reader_require(r, read_u8(r) == (k->count == 0 ? ':' : ','), ERR_FORMAT);
        reader_require(r, k->count < RELEASE_CERT_KEYS_MAX, ERR_FORMAT);
        read_into(r, (uint8_t *)text, 64);
        if (r->err != OK)
            return;
        uint8_t *key = k->keys[k->count];
        reader_require(r, hex_parse(key, 32, text) == OK, ERR_FORMAT);
        reader_require(r, k->count == 0 || memcmp(key - 32, key, 32) < 0, ERR_FORMAT);
        k->count++;
    }
}

enum err release_cert_keys_parse(struct release_cert_keys *out, struct span text)
{
    struct reader r = reader_of(text);
    *out = (struct release_cert_keys){ 0 };
    while (r.n > 0 && r.p[0] >= '0' && r.p[0] <= '9' && out->needed <= RELEASE_CERT_KEYS_MAX)
        out->needed = (uint8_t)(out->needed * 10 + read_u8(&r) - '0');
    parse_keys(&r, out);
    if (r.err == OK && out->needed >= 1 && out->needed <= out->count)
        return OK;
    *out = (struct release_cert_keys){ 0 };
    return ERR_FORMAT;
}

void release_cert_keys_hash(uint8_t out[32], const struct release_cert_keys *keys)
{
    const uint8_t head[2] = { keys->needed, keys->count };
    const struct span parts[] = { span_of(head, 2), span_of(keys->keys, (size_t)keys->count * 32) };
    sha256_tagged(out, "crust/release-keys/1", parts, 2);
}
