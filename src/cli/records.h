/* records: gathers the records of a DAG while its blocks pass by, and gives its commitment.
 * Takes 72 bytes a block. */
#ifndef CRUST_CLI_RECORDS_H
#define CRUST_CLI_RECORDS_H

#include "proof/content.h"

struct records {
    uint8_t (*rows)[CONTENT_RECORD_SIZE];
    size_t count, capacity;
};

NODISCARD enum err records_add(struct records *r, const struct content_record *record);

/* records_finish sorts, drops repeats and computes the commitment. Adding may go on afterwards. */
NODISCARD enum err records_finish(struct records *r, struct content_commitment *out);

void records_fini(struct records *r);

#endif
