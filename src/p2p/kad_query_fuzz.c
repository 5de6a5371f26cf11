#include "p2p/kad_query.h"

/* Bytes become events of a look-up: how nodes answer, and when. Whatever comes, no more than the
 * limits are asked and known, the closest stand first, and it ends in time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct kad_query *q)
{
    uint32_t asked = 0;
    ASSERT(q->count <= KAD_QUERY_KNOWN && q->provider_count <= KAD_QUERY_PROVIDERS);
    for (uint32_t i = 0; i < q->count; i++) {
        asked += q->known[i].state == KAD_ASKED || q->known[i].state == KAD_STORING;
        if (i > 0)
            ASSERT(kad_contact_cmp(q->target, q->known[i - 1].contact.place,
                                   q->known[i].contact.place) < 0);
    }
    ASSERT(asked == q->at_once && asked <= KAD_QUERY_AT_ONCE);
}

static void seed(struct kad_query *q, uint8_t n)
{
    uint8_t id[38] = { 0x00, 0x24, 0x08, 0x01, 0x12, 0x20, n };
    uint8_t addr[8] = { 4, 1, 2, 3, n, 6, 0x0f, 0xa1 };
    struct kad_peer p = { .id = span_of(id, sizeof(id)), .addr_count = n % 4 != 3 };
    struct kad_contact c;
    p.addrs[0] = span_of(addr, sizeof(addr));
    kad_contact_of(&c, &p, NULL);
    kad_query_seed(q, &c);
}

/* One event from the front of in; false at its end. */
static bool event(struct kad_query *q, struct reader *in, uint64_t *now)
{
    const struct kad_contact *who = NULL;
    struct span value;
    uint8_t what = read_u8(in), n = read_u8(in);
    if (in->err != OK)
        return false;
    switch (what % 6) {
    case 0:
        seed(q, n);
        break;
    case 1:
        (void)kad_query_next(q, &who, *now);
        break;
    case 2:
        *now += (uint64_t)n * 50;
        kad_query_step(q, *now);
        break;
    case 3:
        if (q->count > 0)
            kad_query_failed(q, kad_contact_id(&q->known[n % q->count].contact));
        break;
    default: {
        struct span message = read_span(in, n < in->n ? n : in->n);
        if (q->count == 0)
            break;
        struct kad_contact from = q->known[what % q->count].contact;
        enum err e = kad_query_answer(q, kad_contact_id(&from), message, &value);
        if (e == OK && value.n > 0)
            kad_query_good(q);
        kad_query_sent(q, kad_contact_id(&from));
    }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_query q;
    static uint8_t request[16384];
    uint8_t id[38] = { 0x00, 0x24, 0x08, 0x01, 0x12, 0x20, 255 };
    uint8_t addr[8] = { 4, 1, 2, 3, 4, 6, 0x0f, 0xa1 };
    struct kad_peer p = { .id = span_of(id, sizeof(id)), .addr_count = 1 };
    struct kad_contact self;
    p.addrs[0] = span_of(addr, sizeof(addr));
    kad_contact_of(&self, &p, NULL);
    struct reader in = reader_of(span_of(data, size));
    const struct kad_query_start start = { .goal = (enum kad_goal)(read_u8(&in) % 6),
                                           .key = span_str("key"),
                                           .value = span_str("value"),
                                           .self = &self };
    uint64_t now = 0;
    ASSERT(kad_query_init(&q, &start, 0) == OK);
    while (event(&q, &in, &now)) {
        struct writer w = writer_of(request, sizeof(request));
        check(&q);
        kad_query_request(&q, &w);
        ASSERT(w.err == OK);
    }
    kad_query_step(&q, KAD_QUERY_ALL_MS);
    ASSERT(q.phase == KAD_QUERY_DONE);
    return 0;
}
