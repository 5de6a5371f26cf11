/* handover_file: how far a hand-over of this node's worker has come: the file enclave/handover.
 * What each stage means: docs/design/handover.md. Format: docs/spec/node-host.md 8. */
#ifndef CRUST_IPFSD_HANDOVER_FILE_H
#define CRUST_IPFSD_HANDOVER_FILE_H

#include "base/err.h"
#include "base/span.h"
#include "codec/enclave_types.h"

enum handover_stage {
    HANDOVER_NONE,    /* there is no such file */
    HANDOVER_OFFERED, /* the successor's own keys are made: sealed, successor, exchange */
    HANDOVER_GIVEN,   /* envelope and given are here too; the state record is written next */
    HANDOVER_TAKEN,   /* the journal has the successor's final keys; taken is here too */
};

enum {
    HANDOVER_FILE_SIZE_MAX = 1024,
    HANDOVER_FILE_OWNER_AT = 3024, /* of the owner in a state record: docs/spec/seal.md 7.1 */
};

struct handover_file {
    enum handover_stage stage;
    uint8_t account[32], predecessor[32], successor[32], exchange[32];
    size_t sealed_size;
    uint8_t sealed[ENCLAVE_SEALED_KEYS_MAX]; /* before TAKE_OVER */
    uint8_t envelope[ENCLAVE_ENVELOPE_SIZE];
    uint8_t given[64], taken[64];
};

/* handover_file_decode reads the bytes of the file. ERR_FORMAT and a reader's errors, *out is
 * zeroed then. handover_file_encode gives exactly one form for each. */
NODISCARD enum err handover_file_decode(struct handover_file *out, struct span in);
size_t handover_file_encode(uint8_t out[HANDOVER_FILE_SIZE_MAX], const struct handover_file *f);

/* handover_file_load: a file that is not there is HANDOVER_NONE. Else ERR_IO or as decode. save is
 * durable when it returns OK. */
NODISCARD enum err handover_file_load(struct handover_file *out, const char *path);
NODISCARD enum err handover_file_save(const struct handover_file *f, const char *path);

/* Whether a state record belongs to the successor: the predecessor may not go on. */
bool handover_file_closes(const struct handover_file *f, struct span record);

#endif
