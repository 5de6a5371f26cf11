/* leaves: each disk's own list of what its volume's trees hold: one row for each change of a leaf,
 * in the file `leaves` beside the sealed data, so that the trees can be made anew when enclave/ is
 * lost. Format: docs/spec/node-host.md 6. The file is opened for each call: a disk can be
 * unmounted at any time. One thread at a time (the host's lock). */
#ifndef CRUST_IPFSD_LEAVES_H
#define CRUST_IPFSD_LEAVES_H

#include "store/file.h"

#include <stdbool.h>

enum {
    LEAVES_DATA_MAX = 124, /* what the trees keep with a leaf: HOST_FILE_DATA is the longest */
    LEAVES_ROW_SIZE = 8 + 8 + 4 + 4 + LEAVES_DATA_MAX + 4,
};

/* With this version of the trees the leaf became data, or went (removed: data is what it was). */
struct leaves_row {
    uint64_t version;
    uint64_t tree;
    uint32_t index;
    bool removed;
    uint32_t data_size;
    uint8_t data[LEAVES_DATA_MAX];
};

struct leaves {
    const struct files *files; /* kept */
    char path[FILE_PATH_MAX];
    uint64_t count; /* rows, all durable */
    bool behind;    /* a change could not be written: the file is to be written anew */
};

/* leaves_open looks at dir/leaves; a torn end does not count, rows of versions above newest are cut
 * off (changes that never were). A file that is not there is empty. On failure l is behind. */
NODISCARD enum err leaves_open(struct leaves *l, const struct files *files, const char *dir,
                               uint64_t newest);

/* leaves_add is durable when it returns OK; otherwise l is behind. leaves_undo takes the last row
 * back. */
NODISCARD enum err leaves_add(struct leaves *l, const struct leaves_row *row);
void leaves_undo(struct leaves *l);

/* Reads up to max rows from row number at on; *got 0 at the end. ERR_CORRUPT: a damaged row. */
NODISCARD enum err leaves_read(const struct leaves *l, struct leaves_row *rows, size_t *got,
                               size_t max, uint64_t at);

/* Writing the file anew: begin, put in order, finish, which replaces the old file, or abort. */
enum { LEAVES_BATCH = 256 };
struct leaves_writer {
    struct leaves *leaves;
    char path[FILE_PATH_MAX]; /* of the new file */
    int handle;
    uint64_t count;
    size_t waiting; /* rows in buf */
    uint8_t buf[LEAVES_BATCH * LEAVES_ROW_SIZE];
};
NODISCARD enum err leaves_begin(struct leaves_writer *w, struct leaves *l);
NODISCARD enum err leaves_put(struct leaves_writer *w, const struct leaves_row *row);
NODISCARD enum err leaves_finish(struct leaves_writer *w); /* ends w in any case */
void leaves_abort(struct leaves_writer *w);

#endif
