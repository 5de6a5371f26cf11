#include "cli/keyring.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

bool keyring_name_ok(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= KEYRING_NAME_MAX)
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == n;
}

static enum err key_path(const struct cli *c, char out[KEYRING_PATH_MAX], const char *name)
{
    int n = snprintf(out, KEYRING_PATH_MAX, "%s/keys/%s.key", c->home, name);
    return n < 0 || n >= KEYRING_PATH_MAX ? ERR_LIMIT : OK;
}

bool keyring_exists(const struct cli *c, const char *name)
{
    char path[KEYRING_PATH_MAX];
    return keyring_name_ok(name) && key_path(c, path, name) == OK && path_exists(path);
}

/* Reads byte by byte, so that nothing behind the line is taken from a pipe. */
static enum err read_line(int fd, char *out, size_t size)
{
    size_t n = 0;
    for (;;) {
        char ch;
        ssize_t got = read(fd, &ch, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_IO;
        if (got == 0 && n == 0)
            return ERR_SHORT;
        if (got == 0 || ch == '\n')
            break;
        if (n + 1 >= size)
            return ERR_LIMIT;
        out[n++] = ch;
    }
    if (n > 0 && out[n - 1] == '\r')
        n--;
    out[n] = '\0';
    return OK;
}

enum err keyring_secret_line(char *out, size_t size, const char *prompt)
{
    out[0] = '\0';
    if (isatty(STDIN_FILENO) != 1)
        return read_line(STDIN_FILENO, out, size);
    AUTO(path_close) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    struct termios shown;
    if (fd < 0 || tcgetattr(fd, &shown) != 0)
        return ERR_IO;
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0)
        return ERR_IO;
    dprintf(fd, "%s", prompt);
    enum err e = read_line(fd, out, size);
    (void)tcsetattr(fd, TCSAFLUSH, &shown);
    dprintf(fd, "\n");
    return e;
}

/* The password from --password-file, CRUST_PASSWORD or the terminal, in this order. */
enum cli_exit keyring_ask_password(const struct cli *c, char *out, const char *prompt)
{
    const char *file = config_text(&c->config, "password-file");
    const char *env = getenv("CRUST_PASSWORD");
    if (file[0] != '\0') {
        AUTO(path_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
        enum err e = fd < 0 ? ERR_NOT_FOUND : read_line(fd, out, KEYRING_PASSWORD_MAX);
        if (e != OK && e != ERR_SHORT)
            return cli_fail(c, CLI_FAILED, NULL, "cannot read the password file %s: %s", file,
                            err_text(e));
        return CLI_OK;
    }
    if (env != NULL) {
        if (strlen(env) >= KEYRING_PASSWORD_MAX)
            return cli_fail(c, CLI_USAGE, NULL, "CRUST_PASSWORD is longer than %d bytes",
                            KEYRING_PASSWORD_MAX - 1);
        (void)snprintf(out, KEYRING_PASSWORD_MAX, "%s", env);
        return CLI_OK;
    }
    if (isatty(STDIN_FILENO) != 1)
        return cli_fail(c, CLI_USAGE, "CRUST_PASSWORD=... crust ...",
                        "there is no terminal to ask for the password: set CRUST_PASSWORD or "
                        "give --password-file");
    enum err e = keyring_secret_line(out, KEYRING_PASSWORD_MAX, prompt);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "cannot read the password: %s", err_text(e));
    return CLI_OK;
}

enum cli_exit keyring_read(const struct cli *c, struct keystore *out, const char *name)
{
    char path[KEYRING_PATH_MAX];
    if (!keyring_name_ok(name) || key_path(c, path, name) != OK)
        return cli_fail(c, CLI_USAGE, "crust key list",
                        "\"%s\" is no key name: letters, digits, - and _, at most %d", name,
                        KEYRING_NAME_MAX - 1);
    struct mspan text;
    enum err e = path_read_file(&text, path, KEYSTORE_TEXT_MAX);
    if (e == ERR_NOT_FOUND)
        return cli_fail(c, CLI_NOT_FOUND, "crust key list", "there is no key named \"%s\"", name);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "cannot read %s: %s", path, err_text(e));
    e = keystore_parse(out, span_of(text.p, text.n));
    free(text.p);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s is no key file: %s", path, err_text(e));
    return CLI_OK;
}

enum cli_exit keyring_unlock(const struct cli *c, struct ed25519_key *out, const char *name)
{
    struct keystore k;
    char password[KEYRING_PASSWORD_MAX], prompt[KEYRING_NAME_MAX + 32];
    enum cli_exit exit = keyring_read(c, &k, name);
    if (exit != CLI_OK)
        return exit;
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)password, sizeof(password) };
    (void)snprintf(prompt, sizeof(prompt), "Password of key %s: ", name);
    exit = keyring_ask_password(c, password, prompt);
    if (exit != CLI_OK)
        return exit;
    enum err e = keystore_open(out, &k, span_str(password));
    if (e == ERR_SIGNATURE)
        return cli_fail(c, CLI_REFUSED, NULL, "the password of key \"%s\" is wrong", name);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "key \"%s\" cannot be opened: %s", name, err_text(e));
    return CLI_OK;
}

enum cli_exit keyring_new_password(const struct cli *c, char *out)
{
    enum cli_exit exit = keyring_ask_password(c, out, "New password: ");
    bool typed =
        config_text(&c->config, "password-file")[0] == '\0' && getenv("CRUST_PASSWORD") == NULL;
    if (exit != CLI_OK || !typed)
        return exit;
    char again[KEYRING_PASSWORD_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)again, sizeof(again) };
    exit = keyring_ask_password(c, again, "The same again: ");
    if (exit == CLI_OK && strcmp(out, again) != 0)
        return cli_fail(c, CLI_FAILED, NULL, "the two passwords differ");
    return exit;
}

enum cli_exit keyring_write(const struct cli *c, const char *name, const struct ed25519_key *key)
{
    char path[KEYRING_PATH_MAX], dir[CONFIG_HOME_MAX + 8], password[KEYRING_PASSWORD_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)password, sizeof(password) };
    if (!keyring_name_ok(name) || key_path(c, path, name) != OK)
        return cli_fail(c, CLI_USAGE, NULL,
                        "\"%s\" is no key name: letters, digits, - and _, at most %d", name,
                        KEYRING_NAME_MAX - 1);
    if (path_exists(path))
        return cli_fail(c, CLI_REFUSED, "crust key list",
                        "a key named \"%s\" exists already; it was not touched", name);
    enum cli_exit exit = keyring_new_password(c, password);
    if (exit != CLI_OK)
        return exit;
    struct keystore k = { .passes = KEYSTORE_PASSES, .kib = KEYSTORE_KIB };
    /* SPEC keystore 1.4: "Salt and nonce MUST be fresh random bytes each time a file is written."
     */
    random_bytes(k.salt, sizeof(k.salt));
    random_bytes(k.nonce, sizeof(k.nonce));
    enum err e = keystore_seal(&k, key, span_str(password));
    char text[KEYSTORE_TEXT_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/keys", c->home);
    if (e == OK)
        e = path_make_dirs(dir, 0700);
    if (e == OK) {
        size_t n = keystore_format(text, &k);
        e = path_write_file(path, span_of(text, n), 0600);
    }
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "cannot write %s: %s", path, err_text(e));
    return CLI_OK;
}
