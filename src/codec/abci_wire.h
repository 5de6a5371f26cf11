/* abci_wire: messages of protobuf by table: one reader, one writer and one size for all of ABCI.
 * Part of codec/abci.c. Pure. */
#ifndef CRUST_CODEC_ABCI_WIRE_H
#define CRUST_CODEC_ABCI_WIRE_H

#include "codec/abci_types.h"

enum abci_wire_type {
    ABCI_WIRE_U64,
    ABCI_WIRE_U32,
    ABCI_WIRE_I64,
    ABCI_WIRE_I32,
    ABCI_WIRE_BOOL,
    ABCI_WIRE_BYTES,   /* struct span; texts too */
    ABCI_WIRE_PACKED,  /* struct span of packed 32 bit numbers */
    ABCI_WIRE_VALUE,   /* a message that is always written */
    ABCI_WIRE_MESSAGE, /* a message whose struct begins with `bool present` */
    ABCI_WIRE_LIST,    /* struct abci_list of messages, or of bytes when `of` is NULL */
};

struct abci_wire_field {
    uint32_t number;
    enum abci_wire_type type;
    size_t offset;
    const struct abci_wire_message *of;
};

struct abci_wire_message {
    const struct abci_wire_field *fields;
    size_t count;
};

enum { ABCI_WIRE_ITEM_MAX = 256 }; /* no item of a list has a larger struct */

/* abci_wire_read reads all of r into the zeroed struct out. Failures stay in r. */
void abci_wire_read(struct reader *r, void *out, const struct abci_wire_message *m);

void abci_wire_write(struct writer *w, const void *in, const struct abci_wire_message *m);
size_t abci_wire_size(const void *in, const struct abci_wire_message *m);

/* The next item's bytes. */
bool abci_wire_next(struct span *item, struct abci_list *l);

#endif
