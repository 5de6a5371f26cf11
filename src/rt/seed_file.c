#include "rt/seed_file.h"

#include "base/hex.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/path.h"

#include <stdlib.h>

enum { FILE_MAX = 256 };

enum err seed_file_read(struct ed25519_key *key, const char *path)
{
    struct mspan file;
    uint8_t seed[ED25519_SEED_SIZE];
    memset(key, 0, sizeof(*key));
    TRY(path_read_file(&file, path, FILE_MAX));
    char *text = (char *)file.p;
    text[strcspn(text, "\r\n")] = '\0';
    enum err e = hex_parse(seed, sizeof(seed), text);
    secret_wipe_bytes(file.p, file.n);
    free(file.p);
    if (e == OK)
        ed25519_keypair(key, seed);
    secret_wipe_bytes(seed, sizeof(seed));
    return e;
}

enum err seed_file_make(struct ed25519_key *key, const char *path)
{
    uint8_t seed[ED25519_SEED_SIZE];
    char text[2 * ED25519_SEED_SIZE + 2];
    memset(key, 0, sizeof(*key));
    if (path_exists(path))
        return ERR_EXISTS;
    random_bytes(seed, sizeof(seed));
    hex_format(text, span_of(seed, sizeof(seed)));
    text[sizeof(text) - 2] = '\n';
    text[sizeof(text) - 1] = '\0';
    enum err e = path_write_file(path, span_str(text), 0600);
    if (e == OK)
        ed25519_keypair(key, seed);
    secret_wipe_bytes(seed, sizeof(seed));
    secret_wipe_bytes(text, sizeof(text));
    return e;
}
