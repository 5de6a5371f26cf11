#include "codec/comet.h"

#include "codec/pb.h"
#include "crypto/merkle.h"

enum {
    HEADER_FIELDS = 14,
    FIELD_MAX = 128, /* encoded */
    TYPE_PRECOMMIT = 2,
};

int comet_time_cmp(struct comet_time a, struct comet_time b)
{
    if (a.seconds != b.seconds)
        return a.seconds < b.seconds ? -1 : 1;
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos;
}

void comet_address(uint8_t out[COMET_ADDRESS_SIZE], const uint8_t key[COMET_KEY_SIZE])
{
    uint8_t hash[SHA256_SIZE];
    sha256(hash, span_of(key, COMET_KEY_SIZE));
    memcpy(out, hash, COMET_ADDRESS_SIZE);
}

/* ---- encodings: proto3 leaves out what is zero or empty ------------------------------------- */

static void put_uint(struct writer *w, uint32_t number, uint64_t v)
{
    if (v != 0)
        pb_write_uint(w, number, v);
}

static void put_bytes(struct writer *w, uint32_t number, struct span s)
{
    if (s.n != 0)
        pb_write_bytes(w, number, s);
}

static struct span hash_span(const struct comet_hash *h)
{
    return span_of(h->bytes, h->there ? COMET_HASH_SIZE : 0);
}

static void put_time(struct writer *w, struct comet_time t)
{
    put_uint(w, 1, (uint64_t)t.seconds);
    put_uint(w, 2, t.nanos);
}

/* BlockID and CanonicalBlockID have the same fields. */
static void put_block_id(struct writer *w, const struct comet_block_id *id)
{
    uint8_t inner[48];
    struct writer parts = writer_of(inner, sizeof(inner));
    put_uint(&parts, 1, id->parts_total);
    put_bytes(&parts, 2, hash_span(&id->parts));
    put_bytes(w, 1, hash_span(&id->hash));
    pb_write_bytes(w, 2, writer_span(&parts)); /* always there */
}

/* The header's fields in order, each as a message of its own. */
static void put_field(struct writer *w, const struct comet_header *h, size_t field)
{
    const struct comet_hash *hashes[] = { &h->last_commit,     &h->data,      &h->validators,
                                          &h->next_validators, &h->consensus, &h->app,
                                          &h->last_results,    &h->evidence };
    switch (field) {
    case 0:
        put_uint(w, 1, h->version_block);
        put_uint(w, 2, h->version_app);
        break;
    case 1:
        put_bytes(w, 1, span_str(h->chain_id));
        break;
    case 2:
        put_uint(w, 1, h->height);
        break;
    case 3:
        put_time(w, h->time);
        break;
    case 4:
        put_block_id(w, &h->last_block);
        break;
    case HEADER_FIELDS - 1:
        put_bytes(w, 1, span_of(h->proposer, sizeof(h->proposer)));
        break;
    default:
        put_bytes(w, 1, hash_span(hashes[field - 5]));
        break;
    }
}

void comet_header_hash(uint8_t out[COMET_HASH_SIZE], const struct comet_header *header)
{
    uint8_t leaves[HEADER_FIELDS][MERKLE_HASH_SIZE];
    for (size_t i = 0; i < HEADER_FIELDS; i++) {
        uint8_t field[FIELD_MAX];
        struct writer w = writer_of(field, sizeof(field));
        put_field(&w, header, i);
        ASSERT(w.err == OK);
        merkle_leaf(leaves[i], &merkle_rfc6962, writer_span(&w));
    }
    merkle_root_of(out, &merkle_rfc6962, (const uint8_t(*)[MERKLE_HASH_SIZE])leaves, HEADER_FIELDS);
}

void comet_validators_hash(uint8_t out[COMET_HASH_SIZE], const struct comet_validators *set)
{
    struct merkle m;
    merkle_init(&m, &merkle_rfc6962);
    for (size_t i = 0; i < set->count; i++) {
        uint8_t pair[FIELD_MAX], leaf[MERKLE_HASH_SIZE];
        struct writer w = writer_of(pair, sizeof(pair));
        pb_write_message(&w, 1, pb_bytes_size(1, COMET_KEY_SIZE));
        pb_write_bytes(&w, 1, span_of(set->list[i].key, COMET_KEY_SIZE));
        put_uint(&w, 2, set->list[i].power);
        ASSERT(w.err == OK);
        merkle_leaf(leaf, &merkle_rfc6962, writer_span(&w));
        merkle_add(&m, leaf);
    }
    merkle_root(out, &m);
}

void comet_data_leaf(uint8_t out[COMET_HASH_SIZE], const uint8_t id[COMET_HASH_SIZE])
{
    merkle_leaf(out, &merkle_rfc6962, span_of(id, COMET_HASH_SIZE));
}

void comet_result_leaf(uint8_t out[COMET_HASH_SIZE], uint32_t code)
{
    uint8_t result[FIELD_MAX];
    struct writer w = writer_of(result, sizeof(result));
    put_uint(&w, 1, code);
    merkle_leaf(out, &merkle_rfc6962, writer_span(&w));
}

static bool stands_before(const struct comet_validator *a, const struct comet_validator *b)
{
    if (a->power != b->power)
        return a->power > b->power;
    return memcmp(a->address, b->address, sizeof(a->address)) < 0;
}

void comet_sort(struct comet_validators *set)
{
    for (size_t i = 1; i < set->count; i++) {
        struct comet_validator moving = set->list[i];
        size_t at = i;
        for (; at > 0 && stands_before(&moving, &set->list[at - 1]); at--)
            set->list[at] = set->list[at - 1];
        set->list[at] = moving;
    }
}

struct span comet_vote_bytes(uint8_t out[COMET_VOTE_SIZE_MAX], const char *chain_id,
                             const struct comet_commit *commit, size_t index)
{
    const struct comet_vote *vote = &commit->votes[index];
    uint8_t body[COMET_VOTE_SIZE_MAX], part[FIELD_MAX];
    struct writer w = writer_of(body, sizeof(body));
    pb_write_uint(&w, 1, TYPE_PRECOMMIT);
    if (commit->height != 0)
        pb_write_fixed64(&w, 2, commit->height);
    if (commit->round != 0)
        pb_write_fixed64(&w, 3, commit->round);
    struct writer p = writer_of(part, sizeof(part));
    if (vote->flag == COMET_COMMIT) { /* a vote for nil names no block */
        put_block_id(&p, &commit->block);
        pb_write_bytes(&w, 4, writer_span(&p));
    }
    p = writer_of(part, sizeof(part));
    put_time(&p, vote->time);
    pb_write_bytes(&w, 5, writer_span(&p));
    put_bytes(&w, 6, span_str(chain_id));
    ASSERT(w.err == OK);
    struct writer all = writer_of(out, COMET_VOTE_SIZE_MAX);
    pb_write_varint(&all, w.len);
    write_span(&all, writer_span(&w));
    ASSERT(all.err == OK);
    return writer_span(&all);
}
