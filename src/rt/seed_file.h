/* seed_file: an Ed25519 seed in a file of its own, as 64 hexadecimal digits and a line end,
 * readable by its owner alone. Beacon keys are kept like that (docs/guide/validator.md). */
#ifndef CRUST_RT_SEED_FILE_H
#define CRUST_RT_SEED_FILE_H

#include "crypto/ed25519.h"

/* seed_file_read. Out: *key, zeroed on failure; wipe it with ed25519_wipe. ERR_NOT_FOUND, ERR_IO,
 * ERR_LIMIT, ERR_FORMAT. */
NODISCARD enum err seed_file_read(struct ed25519_key *key, const char *path);

/* seed_file_make writes a new random seed. ERR_EXISTS: something is there already; ERR_IO. */
NODISCARD enum err seed_file_make(struct ed25519_key *key, const char *path);

#endif
