#include "codec/node_name.h"

#include "codec/cbor.h"

void node_name_encode(struct writer *w, const struct node_name *in)
{
    cbor_write_map(w, 6);
    cbor_write_str(w, "key");
    cbor_write_text(w, in->key);
    cbor_write_str(w, "ttl");
    cbor_write_uint(w, in->ttl_s);
    cbor_write_str(w, "flag");
    cbor_write_bool(w, in->flag);
    cbor_write_str(w, "value");
    cbor_write_text(w, in->value);
    cbor_write_str(w, "secret");
    cbor_write_bytes(w, in->secret);
    cbor_write_str(w, "lifetime");
    cbor_write_uint(w, in->lifetime_s);
}

enum err node_name_decode(struct node_name *out, struct span body)
{
    struct cbor_reader c = cbor_reader_of(body, CBOR_STRICT);
    struct node_name m = { .flag = false };
    cbor_read_map_of(&c, 6);
    cbor_read_key(&c, "key");
    m.key = cbor_read_text(&c);
    cbor_require(&c, m.key.n <= NODE_NAME_KEY_MAX, ERR_LIMIT);
    cbor_read_key(&c, "ttl");
    m.ttl_s = cbor_read_uint(&c);
    cbor_read_key(&c, "flag");
    m.flag = cbor_read_bool(&c);
    cbor_read_key(&c, "value");
    m.value = cbor_read_text(&c);
    cbor_require(&c, m.value.n <= NODE_NAME_VALUE_MAX, ERR_LIMIT);
    cbor_read_key(&c, "secret");
    m.secret = cbor_read_bytes(&c);
    cbor_require(&c, m.secret.n <= NODE_NAME_SECRET_MAX, ERR_LIMIT);
    cbor_read_key(&c, "lifetime");
    m.lifetime_s = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    *out = e == OK ? m : (struct node_name){ .flag = false };
    return e;
}
