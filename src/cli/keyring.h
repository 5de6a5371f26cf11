/* keyring: the user's keys, one encrypted file each: CRUST_HOME/keys/NAME.key
 * (docs/spec/keystore.md). */
#ifndef CRUST_CLI_KEYRING_H
#define CRUST_CLI_KEYRING_H

#include "cli/cli.h"
#include "codec/keystore.h"

enum {
    KEYRING_NAME_MAX = 64,
    KEYRING_PASSWORD_MAX = 256,
    KEYRING_PATH_MAX = CONFIG_HOME_MAX + KEYRING_NAME_MAX + 16,
};

/* A name is letters, digits, '-' and '_', at most KEYRING_NAME_MAX - 1. */
bool keyring_name_ok(const char *name);

/* keyring_read reads the file of a key without decrypting it. On failure it has told the user. */
enum cli_exit keyring_read(const struct cli *c, struct keystore *out, const char *name);

/* keyring_unlock reads and decrypts, asking for the password. Wipe with ed25519_wipe. */
enum cli_exit keyring_unlock(const struct cli *c, struct ed25519_key *out, const char *name);

/* keyring_write seals a key under a new password and stores it; a name that exists is refused. */
enum cli_exit keyring_write(const struct cli *c, const char *name, const struct ed25519_key *key);

/* keyring_exists: there is a key of that name. */
bool keyring_exists(const struct cli *c, const char *name);

/* keyring_secret_line reads one line without echo from the terminal, or from standard input when
 * that is a pipe. The line end is cut. ERR_LIMIT, ERR_IO, ERR_SHORT (end of input). */
NODISCARD enum err keyring_secret_line(char *out, size_t size, const char *prompt);

/* keyring_ask_password takes it from --password-file, CRUST_PASSWORD or the terminal;
 * keyring_new_password asks twice on a terminal. out holds KEYRING_PASSWORD_MAX bytes. On failure
 * they have told the user. */
enum cli_exit keyring_ask_password(const struct cli *c, char *out, const char *prompt);
enum cli_exit keyring_new_password(const struct cli *c, char *out);

/* The keys verbs, for the verb table. */
enum cli_exit cmd_key_new(struct cli *c);
enum cli_exit cmd_key_import(struct cli *c);
enum cli_exit cmd_key_list(struct cli *c);
enum cli_exit cmd_key_show(struct cli *c);
enum cli_exit cmd_key_export(struct cli *c);

#endif
