#include "p2p/kad_sweep.h"

/* Bytes of a file of what was told, then a list: whatever stands there, what is saved again is
 * sorted and loads, and nothing of the list is lost. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_sweep_key a[KEYS], b[KEYS];
    struct kad_sweep s, again;
    uint8_t saved[KEYS * KAD_SWEEP_SAVED];
    struct reader in = reader_of(span_of(data, size));
    uint8_t count = read_u8(&in);
    uint32_t now = read_be32(&in) | 1;
    kad_sweep_init(&s, a, b, KEYS, KAD_SWEEP_INTERVAL_S);
    if (in.err != OK || kad_sweep_load(&s, span_of(data + 5, size - 5)) != OK)
        s.count = 0;
    kad_sweep_list_begin(&s);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t digest[32] = { (uint8_t)(i % 50) };
        kad_sweep_list_add(&s, digest);
    }
    kad_sweep_list_sort(&s);
    kad_sweep_list_end(&s);
    ASSERT(s.count == (count < 50 ? count : 50));
    size_t at, told = 0;
    while (kad_sweep_next(&s, 0, now, &at)) {
        kad_sweep_done(&s, 0, at, now);
        ASSERT(++told <= s.count);
    }
    ASSERT(kad_sweep_told(&s, 0, now) == s.count);
    struct writer w = writer_of(saved, sizeof(saved));
    kad_sweep_save(&s, &w);
    ASSERT(w.err == OK && w.len == s.count * KAD_SWEEP_SAVED);
    kad_sweep_init(&again, b, a, KEYS, KAD_SWEEP_INTERVAL_S);
    ASSERT(kad_sweep_load(&again, writer_span(&w)) == OK && again.count == s.count);
    return 0;
}
