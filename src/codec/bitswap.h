/* bitswap: messages of /ipfs/bitswap/1.2.0, read as a stream and written. Format and limits:
 * docs/spec/bitswap.md 1, 2. Pure, no allocation.
 *
 * A message has up to 4 MiB, and a peer may send it as slowly as it likes; so it is read piece by
 * piece, and memory is asked for only when a block comes, of that block's size. */
#ifndef CRUST_CODEC_BITSWAP_H
#define CRUST_CODEC_BITSWAP_H

#include "codec/cid.h"

#define BITSWAP_ID "/ipfs/bitswap/1.2.0"

enum {
    BITSWAP_MESSAGE_MAX = 4 * 1024 * 1024,
    BITSWAP_BLOCK_MAX = 2 * 1024 * 1024,
    BITSWAP_CID_MAX = 168,       /* longer ones are ignored, as boxo does */
    BITSWAP_ITEM_MAX = 256,      /* an entry or a presence; longer ones are ignored */
    BITSWAP_PREFIX_MAX = 40,     /* four numbers */
    BITSWAP_BLOCK_OVERHEAD = 64, /* bytes around the data of one block in a message, at most */
};

struct bitswap_entry {
    struct span cid; /* binary, not looked into; 1 to BITSWAP_CID_MAX bytes */
    int32_t priority;
    bool cancel;
    bool have; /* want-have; else want-block */
    bool send_dont_have;
};

enum bitswap_what {
    BITSWAP_MORE,     /* nothing: feed more bytes */
    BITSWAP_ENTRY,    /* entry */
    BITSWAP_FULL,     /* the wantlist of this message replaces what was wanted before */
    BITSWAP_PRESENCE, /* cid, have */
    BITSWAP_MEMORY,   /* a block of block_size bytes begins: bitswap_reader_memory is due */
    BITSWAP_BLOCK,    /* prefix, and block unless its memory was refused */
    BITSWAP_END,      /* of the message */
};

/* Spans borrow the input, block and prefix the reader and the memory given to it; all until the
 * next call. */
struct bitswap_item {
    enum bitswap_what what;
    struct bitswap_entry entry;
    struct span cid;
    bool have;
    size_t block_size; /* also with BITSWAP_BLOCK */
    bool refused;      /* the block's memory */
    struct span prefix, block;
};

struct bitswap_reader {
    enum bitswap_reader_state {
        BITSWAP_AT_LENGTH,
        BITSWAP_IN_MESSAGE,
        BITSWAP_IN_WANTLIST,
        BITSWAP_IN_PAYLOAD,
        BITSWAP_AT_MEMORY,
        BITSWAP_IN_DATA,
    } state;
    enum err err;
    size_t left;     /* of the message */
    size_t sub_left; /* of the wantlist or the payload in it */
    size_t skip;     /* bytes to pass over */
    size_t data_size, data_have;
    bool data_seen, refused;
    uint8_t *memory;
    size_t prefix_size;
    uint8_t prefix[BITSWAP_PREFIX_MAX];
};

void bitswap_reader_init(struct bitswap_reader *r);

/* bitswap_read takes bytes from in and gives the next item.
 *
 * Out:     *taken, the bytes of in that are done with; *item. BITSWAP_MORE: give more bytes behind
 *          what was not taken (512 bytes suffice for everything but data, which is taken as it
 * comes). Returns: OK; ERR_LIMIT (message or block too long); ERR_FORMAT. Not OK sticks. */
NODISCARD enum err bitswap_read(struct bitswap_reader *r, struct span in, size_t *taken,
                                struct bitswap_item *item);

/* Answers BITSWAP_MEMORY: block_size bytes, kept until BITSWAP_BLOCK; NULL to have it passed over.
 */
void bitswap_reader_memory(struct bitswap_reader *r, uint8_t *memory);

/* bitswap_block_cid computes the CID of a block that came, which is its only verification.
 * ERR_FORMAT (no prefix), ERR_UNSUPPORTED (a hash other than sha2-256 over 32 bytes). */
NODISCARD enum err bitswap_block_cid(struct cid *out, struct span prefix, struct span block);

/* The same but for the digest, which the caller computes; until then it is zeros. */
NODISCARD enum err bitswap_prefix_cid(struct cid *out, struct span prefix);

/* Writers of the parts of a message, in this order: one wantlist, blocks, presences. */
void bitswap_write_wantlist(struct writer *w, const struct bitswap_entry *entries, size_t count,
                            bool full);
void bitswap_write_presence(struct writer *w, struct span cid, bool have);

/* The head of a block of size bytes, which the caller writes next: its data. */
void bitswap_write_block_head(struct writer *w, const struct cid *cid, size_t size);

/* The bytes of one entry in a wantlist, and of a presence, with their heads. */
size_t bitswap_entry_size(const struct bitswap_entry *e);
size_t bitswap_presence_size(struct span cid);

#endif
