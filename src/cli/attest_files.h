/* attest_files: finds, in folders of files, the certificates and documents that a quote or report
 * needs. Nothing here decides anything: the verifier checks what it is given. */
#ifndef CRUST_CLI_ATTEST_FILES_H
#define CRUST_CLI_ATTEST_FILES_H

#include "attest/attest.h"

enum {
    ATTEST_FILES_MAX = 512,        /* documents and certificates */
    ATTEST_FILES_BYTES = 16 << 20, /* of all files */
    ATTEST_FILES_FILE_MAX = 64 << 10,
};

enum attest_files_kind {
    ATTEST_FILES_TCB_INFO,
    ATTEST_FILES_QE_IDENTITY,
    ATTEST_FILES_CERT,
    ATTEST_FILES_CRL,
};

struct attest_files_item {
    enum attest_files_kind kind;
    struct span bytes;
    uint64_t from, to;   /* validity, seconds */
    uint32_t evaluation; /* of the two documents */
};

struct attest_files {
    struct attest_files_item items[ATTEST_FILES_MAX];
    size_t count;
    uint8_t *room; /* ATTEST_FILES_BYTES; freed by attest_files_fini */
    size_t used;
};

NODISCARD enum err attest_files_init(struct attest_files *f);
void attest_files_fini(struct attest_files *f);

/* attest_files_add reads every regular file of a folder; those that are neither are passed over.
 * Returns OK, ERR_NOT_FOUND, ERR_IO, ERR_LIMIT. */
NODISCARD enum err attest_files_add(struct attest_files *f, const char *folder);

/* attest_files_choose fills *out with what fits the evidence best at that time: valid then, of the
 * highest evaluation number, issued last. What is not there stays empty. */
void attest_files_choose(struct attest_collateral *out, const struct attest_files *f,
                         struct span evidence, const struct attest_roots *roots, uint64_t time);

#endif
