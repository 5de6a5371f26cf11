#include "codec/kad.h"

/* What was read is written so that it reads back the same, and writing that again changes nothing.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(struct writer *w, const struct kad_message *m)
{
    static const enum kad_list lists[] = { KAD_CLOSER, KAD_PROVIDERS };
    struct kad_peer peer;
    kad_write(w, m->type, m->key);
    if (m->has_record)
        kad_write_record(w, m->record_key, m->value);
    for (int i = 0; i < 2; i++) {
        struct kad_iter it = kad_peers(m, lists[i]);
        while (kad_next(&it, &peer)) {
            ASSERT(kad_id_valid(peer.id) && peer.addr_count <= KAD_ADDRS_MAX);
            kad_write_peer(w, lists[i], &peer);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[2 * KAD_MESSAGE_MAX], second[2 * KAD_MESSAGE_MAX];
    struct writer a = writer_of(first, sizeof(first)), b = writer_of(second, sizeof(second));
    struct kad_message m, again;
    if (kad_decode(&m, span_of(data, size)) != OK)
        return 0;
    rewrite(&a, &m);
    ASSERT(a.err == OK);
    if (a.len > KAD_MESSAGE_MAX)
        return 0;
    ASSERT(kad_decode(&again, writer_span(&a)) == OK);
    ASSERT(again.type == m.type && span_eq(again.key, m.key) && span_eq(again.value, m.value));
    rewrite(&b, &again);
    ASSERT(b.err == OK && span_eq(writer_span(&a), writer_span(&b)));
    return 0;
}
