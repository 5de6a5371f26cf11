/* blockstore_rows: the rows of the block store's index. Format: docs/spec/store.md section 5. Pure.
 * Not for use outside the block store. */
#ifndef CRUST_STORE_BLOCKSTORE_ROWS_H
#define CRUST_STORE_BLOCKSTORE_ROWS_H

#include "store/blockstore.h"

enum { BLOCKSTORE_PIN_BYTES = 16 + PIN_CID_MAX + PIN_NAME_MAX + PIN_PROFILE_MAX };

/* A row of the table "blocks", and the head of a row of "pins". */
struct blockstore_entry {
    uint32_t segment;
    uint64_t offset; /* of the record's header */
    uint32_t length;
    uint32_t crc32c;
    uint64_t birth; /* number of the commit that wrote or last confirmed it */
};

/* A row of the table "segments". */
struct blockstore_row {
    bool sealed;
    uint64_t tail;       /* end of the last committed record */
    uint64_t live_bytes; /* records, headers included, that the tables point to */
    uint64_t live_count;
    uint64_t freed;     /* bytes given back by punching */
    uint64_t last_dead; /* commit that removed an entry here last */
};

enum {
    BLOCKSTORE_ENTRY_SIZE = 24,
    BLOCKSTORE_ROW_SIZE = 41,
    BLOCKSTORE_DEAD_KEY = 16,
    BLOCKSTORE_GAP_KEY = 8,
};

void blockstore_entry_encode(uint8_t out[BLOCKSTORE_ENTRY_SIZE], const struct blockstore_entry *e);
NODISCARD enum err blockstore_entry_decode(struct blockstore_entry *e, struct span in);
void blockstore_row_encode(uint8_t out[BLOCKSTORE_ROW_SIZE], const struct blockstore_row *r);
NODISCARD enum err blockstore_row_decode(struct blockstore_row *r, struct span in);
void blockstore_dead_key(uint8_t out[BLOCKSTORE_DEAD_KEY], uint64_t seq, uint32_t segment,
                         uint64_t offset);
void blockstore_gap_key(uint8_t out[BLOCKSTORE_GAP_KEY], uint32_t segment, uint64_t offset);
NODISCARD enum err blockstore_pin_encode(uint8_t out[BLOCKSTORE_PIN_BYTES], size_t *size,
                                         const struct pin *pin);
/* out->pin points into out->bytes. */
NODISCARD enum err blockstore_pin_decode(struct blockstore_pin *out, struct span in);

#endif
