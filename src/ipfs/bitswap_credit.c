#include "ipfs/bitswap_credit.h"

#include "base/reader.h"
#include "base/writer.h"

void bitswap_credit_init(struct bitswap_ledger *l, struct bitswap_credit *list, size_t count)
{
    ASSERT(count > 0);
    *l = (struct bitswap_ledger){ .list = list, .count = count };
    memset(list, 0, count * sizeof(list[0]));
}

/* SPEC bitswap 4.3: "All numbers are halved every hour" */
static void age(struct bitswap_credit *c, uint64_t hour)
{
    uint64_t passed = hour > c->hour ? hour - c->hour : 0;
    if (passed == 0)
        return;
    c->sent = passed < 64 ? c->sent >> passed : 0;
    c->received = passed < 64 ? c->received >> passed : 0;
    c->kept = passed < 32 ? c->kept >> passed : 0;
    c->broken = passed < 32 ? c->broken >> passed : 0;
    c->hour = hour;
}

/* What is lost when the record is given up. Broken promises weigh most: else a peer that breaks
 * them would only have to wait until strangers have pushed it out. */
static uint64_t weight(const struct bitswap_credit *c)
{
    return c->sent / 65536 + c->received / 65536 + c->kept + (uint64_t)c->broken * 1024;
}

struct bitswap_credit *bitswap_credit_of(struct bitswap_ledger *l,
                                         const uint8_t peer[BITSWAP_CREDIT_ID], uint64_t hour)
{
    struct bitswap_credit *least = NULL;
    for (size_t i = 0; i < BITSWAP_CREDIT_PROBES; i++) {
        struct bitswap_credit *c = &l->list[(load_le64(peer) % l->count + i) % l->count];
        age(c, hour);
        if (memcmp(c->peer, peer, BITSWAP_CREDIT_ID) == 0)
            return c;
        if (least == NULL || weight(c) < weight(least))
            least = c;
    }
    *least = (struct bitswap_credit){ .hour = hour };
    memcpy(least->peer, peer, BITSWAP_CREDIT_ID);
    return least;
}

bool bitswap_credit_find(const struct bitswap_ledger *l, struct bitswap_credit *out,
                         const uint8_t peer[BITSWAP_CREDIT_ID], uint64_t hour)
{
    *out = (struct bitswap_credit){ 0 };
    for (size_t i = 0; i < BITSWAP_CREDIT_PROBES; i++) {
        const struct bitswap_credit *c = &l->list[(load_le64(peer) % l->count + i) % l->count];
        if (memcmp(c->peer, peer, BITSWAP_CREDIT_ID) != 0)
            continue;
        *out = *c;
        age(out, hour);
        return true;
    }
    return false;
}

/* SPEC bitswap 4.2: "and more than a quarter of all" */
bool bitswap_credit_doubted(const struct bitswap_credit *c)
{
    return (uint64_t)c->broken * 4 > (uint64_t)c->kept + c->broken;
}

enum bitswap_rank bitswap_credit_rank(const struct bitswap_credit *c, bool proven)
{
    if (c->broken >= BITSWAP_CREDIT_BROKEN && bitswap_credit_doubted(c))
        return BITSWAP_LAST;
    return proven ? BITSWAP_FIRST : BITSWAP_NORMAL;
}

void bitswap_credit_encode(uint8_t out[BITSWAP_CREDIT_SIZE], const struct bitswap_credit *c)
{
    struct writer w = writer_of(out, BITSWAP_CREDIT_SIZE);
    write_bytes(&w, c->peer, sizeof(c->peer));
    write_le64(&w, c->sent);
    write_le64(&w, c->received);
    write_le64(&w, c->hour);
    write_le32(&w, c->kept);
    write_le32(&w, c->broken);
    ASSERT(w.err == OK && w.len == BITSWAP_CREDIT_SIZE);
}

enum err bitswap_credit_decode(struct bitswap_credit *out, struct span in)
{
    struct reader r = reader_of(in);
    read_into(&r, out->peer, sizeof(out->peer));
    out->sent = read_le64(&r);
    out->received = read_le64(&r);
    out->hour = read_le64(&r);
    out->kept = read_le32(&r);
    out->broken = read_le32(&r);
    if (reader_finish(&r) != OK)
        *out = (struct bitswap_credit){ 0 };
    return r.err;
}
