#include "codec/agreement.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"

static const uint8_t nobody[AGREEMENT_ADDRESS_SIZE];

/* "proposer" is empty when there is none, so that a value has one encoding. */
static struct span proposer_span(const struct agreement *a)
{
    bool none = memcmp(a->proposer, nobody, sizeof(nobody)) == 0;
    return span_of(a->proposer, none ? 0 : sizeof(a->proposer));
}

static void encode(struct writer *w, const struct agreement *a)
{
    ASSERT(a->vote_count <= AGREEMENT_VOTES_MAX && a->offence_count <= AGREEMENT_OFFENCES_MAX);
    cbor_write_map(w, 3);
    cbor_write_str(w, "votes");
    cbor_write_array(w, a->vote_count);
    for (uint32_t i = 0; i < a->vote_count; i++) {
        const struct agreement_vote *v = &a->votes[i];
        cbor_write_array(w, 3);
        cbor_write_bytes(w, span_of(v->address, sizeof(v->address)));
        cbor_write_uint(w, v->power);
        cbor_write_uint(w, v->flag);
    }
    cbor_write_str(w, "offences");
    cbor_write_array(w, a->offence_count);
    for (uint32_t i = 0; i < a->offence_count; i++) {
        const struct agreement_offence *o = &a->offences[i];
        cbor_write_array(w, 6);
        cbor_write_uint(w, o->type);
        cbor_write_bytes(w, span_of(o->address, sizeof(o->address)));
        cbor_write_uint(w, o->power);
        cbor_write_uint(w, o->height);
        cbor_write_uint(w, o->time_ms);
        cbor_write_uint(w, o->total_power);
    }
    cbor_write_str(w, "proposer");
    cbor_write_bytes(w, proposer_span(a));
}

/* What agreement_encode gives for all zeros, without an agreement at hand. */
static void encode_nothing(struct writer *w)
{
    cbor_write_map(w, 3);
    cbor_write_str(w, "votes");
    cbor_write_array(w, 0);
    cbor_write_str(w, "offences");
    cbor_write_array(w, 0);
    cbor_write_str(w, "proposer");
    cbor_write_bytes(w, span_of(NULL, 0));
}

void agreement_encode(struct writer *w, const struct agreement *a)
{
    if (a == NULL)
        encode_nothing(w);
    else
        encode(w, a);
}

static void vote_read(struct agreement_vote *v, struct cbor_reader *c)
{
    cbor_read_array_of(c, 3);
    cbor_read_bytes_of(c, v->address, sizeof(v->address));
    v->power = cbor_read_uint(c);
    v->flag = (uint8_t)cbor_read_uint_max(c, AGREEMENT_NIL);
    /* SPEC block 4.2: "1 absent, 2 signed the block, 3 signed for none; no other number is legal"
     */
    cbor_require(c, v->flag >= AGREEMENT_ABSENT, ERR_FORMAT);
}

static void offence_read(struct agreement_offence *o, struct cbor_reader *c)
{
    cbor_read_array_of(c, 6);
    o->type = (uint8_t)cbor_read_uint_max(c, AGREEMENT_LIGHT_CLIENT_ATTACK);
    cbor_require(c, o->type >= AGREEMENT_DUPLICATE_VOTE, ERR_FORMAT);
    cbor_read_bytes_of(c, o->address, sizeof(o->address));
    o->power = cbor_read_uint(c);
    o->height = cbor_read_uint(c);
    o->time_ms = cbor_read_uint(c);
    o->total_power = cbor_read_uint(c);
}

enum err agreement_decode(struct agreement *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    memset(out, 0, sizeof(*out));
    cbor_read_map_of(&c, 3);
    cbor_read_key(&c, "votes");
    size_t votes = cbor_read_array(&c);
    cbor_require(&c, votes <= AGREEMENT_VOTES_MAX, ERR_LIMIT);
    for (size_t i = 0; i < votes && c.r.err == OK; i++)
        vote_read(&out->votes[i], &c);
    cbor_read_key(&c, "offences");
    size_t offences = cbor_read_array(&c);
    cbor_require(&c, offences <= AGREEMENT_OFFENCES_MAX, ERR_LIMIT);
    for (size_t i = 0; i < offences && c.r.err == OK; i++)
        offence_read(&out->offences[i], &c);
    cbor_read_key(&c, "proposer");
    struct span proposer = cbor_read_bytes(&c);
    if (proposer.n != 0) {
        /* SPEC block 4.1: "empty when there is none, which zeros MUST NOT say" */
        cbor_require(&c,
                     proposer.n == AGREEMENT_ADDRESS_SIZE &&
                         memcmp(proposer.p, nobody, sizeof(nobody)) != 0,
                     ERR_FORMAT);
        if (c.r.err == OK)
            memcpy(out->proposer, proposer.p, sizeof(out->proposer));
    }
    out->vote_count = (uint32_t)votes;
    out->offence_count = (uint32_t)offences;
    enum err e = cbor_finish(&c);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

void agreement_hash_encoded(uint8_t out[AGREEMENT_HASH_SIZE], struct span encoded)
{
    sha256_tagged(out, "crust/agreement/1", &encoded, 1);
}

void agreement_hash(uint8_t out[AGREEMENT_HASH_SIZE], const struct agreement *a)
{
    uint8_t buf[AGREEMENT_SIZE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    agreement_encode(&w, a);
    ASSERT(w.err == OK);
    agreement_hash_encoded(out, writer_span(&w));
}

void agreement_address(uint8_t out[AGREEMENT_ADDRESS_SIZE], const uint8_t key[32])
{
    uint8_t hash[32];
    sha256(hash, span_of(key, 32));
    memcpy(out, hash, AGREEMENT_ADDRESS_SIZE);
}
