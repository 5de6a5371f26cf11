/* attest_files: folders of the vendors' documents and certificates, read into a bundle. */
#ifndef CRUST_CLI_ATTEST_FILES_H
#define CRUST_CLI_ATTEST_FILES_H

#include "attest/bundle.h"

enum {
    ATTEST_FILES_BYTES = 16 << 20, /* of all files */
    ATTEST_FILES_FILE_MAX = 64 << 10,
};

NODISCARD enum err attest_files_init(struct bundle *f);
void attest_files_fini(struct bundle *f);

/* attest_files_add reads every regular file of a folder; those that are neither are passed over.
 * Returns OK, ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
NODISCARD enum err attest_files_add(struct bundle *f, const char *folder);

#endif
