#include "codec/block.h"

#include "base/err.h"
#include "codec/cbor.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_block(struct span in, uint8_t *room, size_t room_size)
{
    struct block b;
    if (block_decode(&b, in) != OK)
        return;
    struct span *list = malloc((b.tx_count + 1u) * sizeof(*list)), left = b.txs;
    if (list == NULL)
        abort();
    size_t n = 0;
    while (block_next_tx(&list[n], &left))
        n++;
    ASSERT(n == b.tx_count);
    struct agreement agreement;
    ASSERT(agreement_decode(&agreement, b.agreement) == OK);
    struct writer w = writer_of(room, room_size);
    block_encode(&w, &b.header, &agreement, list, n);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK);
    free(list);
}

static void check_result(struct span in, uint8_t *room, size_t room_size)
{
    struct block_result r;
    if (block_result_decode(&r, in) != OK)
        return;
    struct block_tx_result *list = malloc((r.tx_count + 1u) * sizeof(*list));
    if (list == NULL)
        abort();
    size_t n = 0;
    struct span left = r.txs;
    while (block_next_result(&list[n], &left))
        n++;
    ASSERT(n == r.tx_count);
    struct block_event event;
    uint32_t events = 0;
    left = r.events;
    while (block_next_event(&event, &left))
        events++;
    ASSERT(events == r.event_count);
    struct writer w = writer_of(room, room_size);
    block_result_encode(&w, &r, list);
    ASSERT(w.err == OK && span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK);
    free(list);
}

/* What decodes encodes to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room_size = size + 64;
    uint8_t *room = malloc(room_size);
    if (room == NULL)
        abort();
    check_block(span_of(data, size), room, room_size);
    check_result(span_of(data, size), room, room_size);
    free(room);
    return 0;
}
