/* file_fault: the test version of store/file.h: files in memory that remember what is durable.
 *
 * A crash keeps what was synced; of the rest it keeps, drops or tears writes as the seed says, and
 * a random prefix of the unsynced creations, renames and removals. LMDB environments beside it stay
 * on the real disk: their commits are atomic and durable, and before_commit counts as a call, so a
 * run can be stopped there too. The same seed and the same calls give the same end. Linked into
 * tests and the simulator only by use. Any thread. */
#ifndef CRUST_STORE_FILE_FAULT_H
#define CRUST_STORE_FILE_FAULT_H

#include "store/file.h"

struct file_fault; /* opaque; given by file_fault_new, destroyed by file_fault_free */

/* file_fault_new: one empty disk of total_bytes, every directory path existing that is made. */
struct file_fault *file_fault_new(uint64_t seed, uint64_t total_bytes);
void file_fault_free(struct file_fault *ff);

/* The interface; borrowed until free. */
const struct files *file_fault_files(struct file_fault *ff);

/* The number of calls so far that can be made to fail. Reads count only in file_fault_fail_read. */
uint64_t file_fault_calls(const struct file_fault *ff);
uint64_t file_fault_syncs(const struct file_fault *ff);

/* The n-th changing call from now (1: the next) fails with e and does nothing, or, for a write, a
 * prefix of it. Only that one; 0 switches it off. */
void file_fault_fail_at(struct file_fault *ff, uint64_t n, enum err e);

/* The n-th read from now fails with ERR_IO. */
void file_fault_fail_read(struct file_fault *ff, uint64_t n);

/* The n-th changing call from now is the last: it may be torn, and every later call fails with
 * ERR_IO until file_fault_crash. 0 switches it off. */
void file_fault_stop_at(struct file_fault *ff, uint64_t n);
bool file_fault_stopped(const struct file_fault *ff);

/* Power off and on: all handles are gone, unsynced bytes meet their fate. */
void file_fault_crash(struct file_fault *ff);

/* Flips one bit of a file, as rot does. ERR_NOT_FOUND, ERR_RANGE. */
NODISCARD enum err file_fault_flip(struct file_fault *ff, const char *path, uint64_t offset,
                                   unsigned bit);

/* Changes the size of the disk: writes beyond it give ERR_FULL. */
void file_fault_set_total(struct file_fault *ff, uint64_t total_bytes);

/* Hides (true) or shows everything below a directory, as unmounting does. */
void file_fault_hide(struct file_fault *ff, const char *dir, bool hidden);

#endif
