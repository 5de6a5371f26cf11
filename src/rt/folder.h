/* folder: the files of a folder that somebody else writes into. Reads disks: on worker threads, or
 * in programs that may wait. */
#ifndef CRUST_RT_FOLDER_H
#define CRUST_RT_FOLDER_H

#include "base/err.h"
#include "base/span.h"

/* What is not OK ends the walk and is its result. content is borrowed until return. */
typedef enum err (*folder_fn)(void *ctx, struct span content);

/* folder_each reads every regular file of a folder of at most file_max bytes, one after the other
 * in no certain order. Hidden ones, longer ones and folders are passed over, as are those that
 * cannot be read. Returns OK, ERR_NOT_FOUND (no such folder), or what fn gave. */
NODISCARD enum err folder_each(const char *folder, size_t file_max, folder_fn fn, void *ctx);

/* folder_mark gives 32 bytes that are others once a file has come, gone or been written: over
 * names, sizes and times of change. ERR_NOT_FOUND (out is zeroed). */
NODISCARD enum err folder_mark(uint8_t out[32], const char *folder);

#endif
