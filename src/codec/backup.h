/* backup: files of a node's folder as one sealed file, for crust node backup. Format:
 * docs/spec/backup.md. Pure: salt and nonce come from the caller. */
#ifndef CRUST_CODEC_BACKUP_H
#define CRUST_CODEC_BACKUP_H

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/argon2.h"

enum {
    BACKUP_HEAD_SIZE = 15 + 4 + 4 + ARGON2_SALT_SIZE + AEAD_NONCE_SIZE,
    BACKUP_PATH_MAX = 128,
    BACKUP_SIZE_MAX = 128 << 20, /* of a whole backup */
};

struct backup_head {
    uint32_t passes, kib; /* of Argon2id */
    uint8_t salt[ARGON2_SALT_SIZE];
    uint8_t nonce[AEAD_NONCE_SIZE];
};

/* A file. path: relative, of names of letters, digits, '-', '_' and '.', none of which begins with
 * '.', joined by '/'. */
struct backup_file {
    struct span path, bytes;
};

/* Whether a path is one that a backup may hold. */
bool backup_path_ok(struct span path);

/* backup_write_file adds a file to the plain part; its path is a good one (asserted). */
void backup_write_file(struct writer *w, const struct backup_file *f);

/* backup_next takes the next file. ERR_NOT_FOUND: that was all. ERR_SHORT, ERR_FORMAT. Spans borrow
 * from the reader's input. */
NODISCARD enum err backup_next(struct backup_file *out, struct reader *r);

/* backup_seal writes head and sealed plain part to out, of BACKUP_HEAD_SIZE + plain.n +
 * AEAD_TAG_SIZE bytes. ERR_RANGE (passes, kib), ERR_MEMORY. */
NODISCARD enum err backup_seal(uint8_t *out, const struct backup_head *head, struct span plain,
                               struct span password);

/* backup_head_decode reads the head alone. ERR_SHORT, ERR_FORMAT. */
NODISCARD enum err backup_head_decode(struct backup_head *out, struct span in);

/* backup_open writes the plain part to out, of in.n - BACKUP_HEAD_SIZE - AEAD_TAG_SIZE bytes.
 * ERR_SIGNATURE (the password is wrong, or the file was changed), ERR_RANGE, ERR_MEMORY, or as
 * backup_head_decode. */
NODISCARD enum err backup_open(uint8_t *out, struct span in, struct span password);

#endif
