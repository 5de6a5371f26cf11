#include "chain/work_proof.h"

#include "codec/cbor.h"

static void read_record(struct cbor_reader *c, struct work_proof_record *r)
{
    cbor_read_array_of(c, 3);
    r->index = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    struct span record = cbor_read_bytes(c);
    cbor_require(c, record.n == CONTENT_RECORD_SIZE, ERR_FORMAT);
    r->record = record.p;
    r->path = cbor_read_bytes(c);
}

enum err work_proof_decode(struct work_proof *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    *out = (struct work_proof){ 0 };
    cbor_read_map_of(&c, 5);
    cbor_read_key(&c, "n");
    out->n = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_key(&c, "size");
    out->size = cbor_read_uint_max(&c, INT64_MAX);
    cbor_read_key(&c, "missing");
    out->has_key = !cbor_try_null(&c);
    if (out->has_key) {
        cbor_read_array_of(&c, 2);
        out->key.codec = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
        cbor_read_bytes_of(&c, out->key.digest, 32);
    }
    cbor_read_key(&c, "records");
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= WORK_PROOF_RECORDS_MAX, ERR_LIMIT);
    out->count = c.r.err == OK ? (uint32_t)count : 0;
    for (uint32_t i = 0; i < out->count && c.r.err == OK; i++)
        read_record(&c, &out->records[i]);
    cbor_read_key(&c, "data_root");
    struct span root = cbor_read_bytes(&c);
    cbor_require(&c, root.n == 32, ERR_FORMAT);
    out->data_root = root.p;
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct work_proof){ 0 };
    return e;
}

void work_proof_encode(struct writer *w, const struct work_proof *proof)
{
    ASSERT(proof->count <= WORK_PROOF_RECORDS_MAX);
    cbor_write_map(w, 5);
    cbor_write_str(w, "n");
    cbor_write_uint(w, proof->n);
    cbor_write_str(w, "size");
    cbor_write_uint(w, proof->size);
    cbor_write_str(w, "missing");
    if (proof->has_key) {
        cbor_write_array(w, 2);
        cbor_write_uint(w, proof->key.codec);
        cbor_write_bytes(w, span_of(proof->key.digest, 32));
    } else {
        cbor_write_null(w);
    }
    cbor_write_str(w, "records");
    cbor_write_array(w, proof->count);
    for (uint32_t i = 0; i < proof->count; i++) {
        cbor_write_array(w, 3);
        cbor_write_uint(w, proof->records[i].index);
        cbor_write_bytes(w, span_of(proof->records[i].record, CONTENT_RECORD_SIZE));
        cbor_write_bytes(w, proof->records[i].path);
    }
    cbor_write_str(w, "data_root");
    cbor_write_bytes(w, span_of(proof->data_root, 32));
}
