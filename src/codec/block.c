#include "codec/block.h"

#include "codec/cbor.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"

static struct merkle_tags tx_tags(void)
{
    return (struct merkle_tags){ .leaf = span_str("crust/block-tx/1"),
                                 .node = span_str("crust/block-node/1") };
}

static void write_hash(struct writer *w, const char *key, const uint8_t hash[BLOCK_HASH_SIZE])
{
    cbor_write_str(w, key);
    cbor_write_bytes(w, span_of(hash, BLOCK_HASH_SIZE));
}

static void read_hash(struct cbor_reader *c, const char *key, uint8_t out[BLOCK_HASH_SIZE])
{
    cbor_read_key(c, key);
    cbor_read_bytes_of(c, out, BLOCK_HASH_SIZE);
}

static void header_encode(struct writer *w, const struct block_header *h)
{
    cbor_write_map(w, 8);
    cbor_write_str(w, "time");
    cbor_write_uint(w, h->time_ms);
    write_hash(w, "chain", h->chain);
    cbor_write_str(w, "height");
    cbor_write_uint(w, h->height);
    write_hash(w, "parent", h->parent);
    write_hash(w, "tx_root", h->tx_root);
    write_hash(w, "app_hash", h->app_hash);
    write_hash(w, "proposer", h->proposer);
    write_hash(w, "agreement", h->agreement);
}

static void header_read(struct block_header *h, struct cbor_reader *c)
{
    cbor_read_map_of(c, 8);
    cbor_read_key(c, "time");
    h->time_ms = cbor_read_uint(c);
    read_hash(c, "chain", h->chain);
    cbor_read_key(c, "height");
    h->height = cbor_read_uint(c);
    read_hash(c, "parent", h->parent);
    read_hash(c, "tx_root", h->tx_root);
    read_hash(c, "app_hash", h->app_hash);
    read_hash(c, "proposer", h->proposer);
    read_hash(c, "agreement", h->agreement);
}

void block_encode(struct writer *w, const struct block_header *header,
                  const struct agreement *agreement, const struct span *txs, size_t tx_count)
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "txs");
    cbor_write_array(w, tx_count);
    for (size_t i = 0; i < tx_count; i++)
        cbor_write_bytes(w, txs[i]);
    cbor_write_str(w, "header");
    header_encode(w, header);
    cbor_write_str(w, "agreement");
    agreement_encode(w, agreement);
}

size_t block_encoded_max(const struct span *txs, size_t tx_count)
{
    size_t n = BLOCK_HEADER_MAX + AGREEMENT_SIZE_MAX;
    for (size_t i = 0; i < tx_count; i++)
        n += txs[i].n + BLOCK_TX_OVERHEAD;
    return n;
}

/* Leaves where the items of an array of count byte strings stand, and their root. */
static struct span read_txs(struct cbor_reader *c, size_t count, uint8_t root[BLOCK_HASH_SIZE])
{
    const struct merkle_tags tags = tx_tags();
    struct merkle m;
    merkle_init(&m, &tags);
    const uint8_t *start = c->r.p;
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        uint8_t leaf[MERKLE_HASH_SIZE];
        merkle_leaf(leaf, &tags, cbor_read_bytes(c));
        merkle_add(&m, leaf);
    }
    merkle_root(root, &m);
    return c->r.err == OK ? span_of(start, (size_t)(c->r.p - start)) : (struct span){ NULL, 0 };
}

/* The agreement's bytes, checked. */
static struct span read_agreement(struct cbor_reader *c, const struct block_header *h)
{
    uint8_t hash[BLOCK_HASH_SIZE];
    struct agreement ignored;
    cbor_read_key(c, "agreement");
    struct span encoded = cbor_read_item(c);
    if (c->r.err != OK)
        return encoded;
    enum err e = agreement_decode(&ignored, encoded);
    cbor_require(c, e == OK, e);
    agreement_hash_encoded(hash, encoded);
    /* SPEC block 4.4: "A record whose header has another hash MUST be refused." */
    cbor_require(c, memcmp(hash, h->agreement, sizeof(hash)) == 0, ERR_FORMAT);
    return encoded;
}

enum err block_decode(struct block *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    uint8_t root[BLOCK_HASH_SIZE];
    *out = (struct block){ 0 };
    cbor_require(&c, in.n <= BLOCK_BYTES_MAX, ERR_LIMIT);
    cbor_read_map_of(&c, 3);
    cbor_read_key(&c, "txs");
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= BLOCK_TXS_MAX, ERR_LIMIT);
    out->tx_count = (uint32_t)count;
    out->txs = read_txs(&c, c.r.err == OK ? count : 0, root);
    cbor_read_key(&c, "header");
    header_read(&out->header, &c);
    out->agreement = read_agreement(&c, &out->header);
    enum err e = cbor_finish(&c);
    /* SPEC block 1.5: "A record whose `tx_root` is another MUST be refused." */
    if (e == OK && memcmp(root, out->header.tx_root, sizeof(root)) != 0)
        e = ERR_FORMAT;
    if (e != OK)
        *out = (struct block){ 0 };
    return e;
}

bool block_next_tx(struct span *tx, struct span *txs)
{
    *tx = (struct span){ NULL, 0 };
    if (txs->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*txs, CBOR_STRICT);
    *tx = cbor_read_bytes(&c);
    ASSERT(c.r.err == OK); /* block_decode has read it before */
    *txs = span_of(c.r.p, c.r.n);
    return true;
}

void block_hash(uint8_t out[BLOCK_HASH_SIZE], const struct block_header *header)
{
    uint8_t buf[BLOCK_HEADER_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    header_encode(&w, header);
    ASSERT(w.err == OK);
    const struct span part = writer_span(&w);
    sha256_tagged(out, "crust/block/1", &part, 1);
}

void block_tx_root(uint8_t out[BLOCK_HASH_SIZE], const struct span *txs, size_t tx_count)
{
    const struct merkle_tags tags = tx_tags();
    struct merkle m;
    merkle_init(&m, &tags);
    for (size_t i = 0; i < tx_count; i++) {
        uint8_t leaf[MERKLE_HASH_SIZE];
        merkle_leaf(leaf, &tags, txs[i]);
        merkle_add(&m, leaf);
    }
    merkle_root(out, &m);
}

/* ---- results --------------------------------------------------------------------------------- */

void block_event_encode(struct writer *w, const struct block_event *event)
{
    cbor_write_array(w, 3);
    if (event->tx < 0)
        cbor_write_null(w);
    else
        cbor_write_uint(w, (uint64_t)event->tx);
    cbor_write_text(w, event->type);
    cbor_write_array(w, (uint64_t)event->attr_count * 2);
    for (uint32_t i = 0; i < event->attr_count; i++) {
        cbor_write_text(w, event->attrs[i].key);
        cbor_write_text(w, event->attrs[i].value);
    }
}

static void event_read(struct block_event *out, struct cbor_reader *c)
{
    *out = (struct block_event){ .tx = BLOCK_NO_TX };
    cbor_read_array_of(c, 3);
    if (!cbor_try_null(c))
        out->tx = (int64_t)cbor_read_uint_max(c, BLOCK_TXS_MAX - 1);
    out->type = cbor_read_text(c);
    size_t count = cbor_read_array(c);
    cbor_require(c, count % 2 == 0, ERR_FORMAT);
    cbor_require(c, count / 2 <= BLOCK_EVENT_ATTRS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count / 2 && c->r.err == OK; i++) {
        out->attrs[i].key = cbor_read_text(c);
        out->attrs[i].value = cbor_read_text(c);
        out->attr_count++;
    }
}

static void tx_result_read(struct block_tx_result *out, struct cbor_reader *c)
{
    cbor_read_array_of(c, 2);
    out->code = (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
    out->fee = cbor_read_amount(c);
}

void block_result_encode(struct writer *w, const struct block_result *result,
                         const struct block_tx_result *txs)
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "txs");
    cbor_write_array(w, result->tx_count);
    for (uint32_t i = 0; i < result->tx_count; i++) {
        cbor_write_array(w, 2);
        cbor_write_uint(w, txs[i].code);
        cbor_write_amount(w, txs[i].fee);
    }
    cbor_write_str(w, "events");
    cbor_write_array(w, result->event_count);
    write_span(w, result->events);
    write_hash(w, "app_hash", result->app_hash);
}

static void result_read(struct block_result *out, struct cbor_reader *c)
{
    cbor_read_map_of(c, 3);
    cbor_read_key(c, "txs");
    size_t count = cbor_read_array(c);
    cbor_require(c, count <= BLOCK_TXS_MAX, ERR_LIMIT);
    const uint8_t *start = c->r.p;
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        struct block_tx_result ignored;
        tx_result_read(&ignored, c);
    }
    out->tx_count = (uint32_t)count;
    out->txs = c->r.err == OK ? span_of(start, (size_t)(c->r.p - start)) : out->txs;
    cbor_read_key(c, "events");
    size_t events = cbor_read_array(c);
    cbor_require(c, events <= BLOCK_EVENTS_MAX, ERR_LIMIT);
    start = c->r.p;
    for (size_t i = 0; i < events && c->r.err == OK; i++) {
        struct block_event event;
        event_read(&event, c);
        /* SPEC block 2.2: "it MUST be below the number of transactions" */
        cbor_require(c, event.tx < (int64_t)count, ERR_FORMAT);
    }
    out->event_count = (uint32_t)events;
    out->events = c->r.err == OK ? span_of(start, (size_t)(c->r.p - start)) : out->events;
    read_hash(c, "app_hash", out->app_hash);
}

enum err block_result_decode(struct block_result *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    *out = (struct block_result){ 0 };
    cbor_require(&c, in.n <= BLOCK_RESULT_MAX, ERR_LIMIT);
    result_read(out, &c);
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct block_result){ 0 };
    return e;
}

bool block_next_result(struct block_tx_result *out, struct span *txs)
{
    *out = (struct block_tx_result){ 0 };
    if (txs->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*txs, CBOR_STRICT);
    tx_result_read(out, &c);
    ASSERT(c.r.err == OK); /* block_result_decode has read it before */
    *txs = span_of(c.r.p, c.r.n);
    return true;
}

bool block_next_event(struct block_event *out, struct span *events)
{
    *out = (struct block_event){ 0 };
    if (events->n == 0)
        return false;
    struct cbor_reader c = cbor_reader_of(*events, CBOR_STRICT);
    event_read(out, &c);
    ASSERT(c.r.err == OK); /* block_result_decode has read it before */
    *events = span_of(c.r.p, c.r.n);
    return true;
}
