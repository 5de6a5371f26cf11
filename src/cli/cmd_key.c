#include "cli/keyring.h"
#include "codec/bip39.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/path.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { PHRASE_LINE_MAX = 512 };

static enum cli_exit print_key(const struct cli *c, const char *name, const uint8_t key[32],
                               const char *phrase)
{
    char address[SS58_TEXT_MAX];
    ss58_format(address, key);
    if (c->json)
        return cli_print_json(
            json_pack("{s:s, s:s, s:s*}", "name", name, "address", address, "phrase", phrase));
    if (phrase == NULL) {
        printf("%s\n", address);
        return CLI_OK;
    }
    printf("key      %s\naddress  %s\nphrase   %s\n\n"
           "Write the phrase down and keep it where nobody finds it. It is the key: whoever has it "
           "owns the\naccount, and without it and the password the account is lost.\n",
           name, address, phrase);
    return CLI_OK;
}

enum cli_exit cmd_key_new(struct cli *c)
{
    enum { ENTROPY = 16 }; /* 12 words */
    uint8_t entropy[ENTROPY];
    char phrase[BIP39_TEXT_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { entropy, sizeof(entropy) };
    AUTO(secret_wipe_span) struct mspan guard2 = { (uint8_t *)phrase, sizeof(phrase) };
    AUTO(ed25519_wipe) struct ed25519_key key;
    random_bytes(entropy, sizeof(entropy));
    enum err e = bip39_format(phrase, span_of(entropy, sizeof(entropy)));
    if (e == OK)
        e = bip39_keypair(&key, span_str(phrase), span_str(""), span_str(""));
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "cannot make a key: %s", err_text(e));
    enum cli_exit exit = keyring_write(c, c->args[0], &key);
    return exit == CLI_OK ? print_key(c, c->args[0], key.public_key, phrase) : exit;
}

static enum cli_exit phrase_refused(const struct cli *c, enum err e)
{
    switch ((int)e) {
    case ERR_RANGE:
        return cli_fail(c, CLI_USAGE, NULL,
                        "a phrase has 12, 15, 18, 21 or 24 words; this one does not");
    case ERR_NOT_FOUND:
        return cli_fail(c, CLI_USAGE, NULL, "the phrase has a word that is not on the BIP-39 list");
    case ERR_CORRUPT:
        return cli_fail(c, CLI_USAGE, NULL,
                        "the words do not belong together: one is wrong or misplaced");
    case ERR_UNSUPPORTED:
        return cli_fail(c, CLI_USAGE, NULL, "only hard derivation (//) works with Ed25519 keys");
    default:
        return cli_fail(c, CLI_FAILED, NULL, "cannot use the phrase: %s", err_text(e));
    }
}

enum cli_exit cmd_key_import(struct cli *c)
{
    char line[PHRASE_LINE_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)line, sizeof(line) };
    AUTO(ed25519_wipe) struct ed25519_key key;
    if (keyring_exists(c, c->args[0]))
        return cli_fail(c, CLI_REFUSED, "crust key list",
                        "a key named \"%s\" exists already; it was not touched", c->args[0]);
    enum err e = keyring_secret_line(line, sizeof(line), "Phrase (not shown): ");
    if (e != OK)
        return cli_fail(c, CLI_USAGE, "echo WORDS... | crust key import NAME",
                        "no phrase could be read: %s", err_text(e));
    const char *path = cli_value(c, "derive");
    e = bip39_keypair(&key, span_str(line), span_str(""), span_str(path == NULL ? "" : path));
    if (e != OK)
        return phrase_refused(c, e);
    enum cli_exit exit = keyring_write(c, c->args[0], &key);
    return exit == CLI_OK ? print_key(c, c->args[0], key.public_key, NULL) : exit;
}

enum cli_exit cmd_key_show(struct cli *c)
{
    struct keystore k;
    const char *name = c->arg_count > 0 ? c->args[0] : config_text(&c->config, "key");
    enum cli_exit exit = keyring_read(c, &k, name);
    return exit == CLI_OK ? print_key(c, name, k.public_key, NULL) : exit;
}

enum cli_exit cmd_key_export(struct cli *c)
{
    AUTO(ed25519_wipe) struct ed25519_key key;
    enum cli_exit exit = keyring_unlock(c, &key, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    char text[2 * ED25519_SEED_SIZE + 1];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)text, sizeof(text) };
    for (size_t i = 0; i < ED25519_SEED_SIZE; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", key.seed[i]);
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s}", "name", c->args[0], "seed", text));
    printf("0x%s\n", text);
    return CLI_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum cli_exit cmd_key_list(struct cli *c)
{
    enum { KEYS_MAX = 1024 };
    static char names[KEYS_MAX][KEYRING_NAME_MAX];
    size_t count = 0;
    char dir[CONFIG_HOME_MAX + 8];
    (void)snprintf(dir, sizeof(dir), "%s/keys", c->home);
    DIR *d = opendir(dir);
    const struct dirent *ent;
    while (d != NULL && count < KEYS_MAX && (ent = readdir(d)) != NULL) {
        size_t n = strlen(ent->d_name);
        if (n <= 4 || n - 4 >= KEYRING_NAME_MAX || strcmp(ent->d_name + n - 4, ".key") != 0)
            continue;
        memcpy(names[count], ent->d_name, n - 4);
        names[count][n - 4] = '\0';
        count += keyring_name_ok(names[count]);
    }
    if (d != NULL)
        closedir(d);
    qsort(names, count, sizeof(names[0]), by_name);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct keystore k;
        char address[SS58_TEXT_MAX];
        if (keyring_read(c, &k, names[i]) != CLI_OK)
            continue;
        ss58_format(address, k.public_key);
        if (!c->json)
            printf("%-20s %s\n", names[i], address);
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", names[i], "address", address));
    }
    if (c->json)
        return cli_print_json(list);
    json_decref(list);
    if (count == 0)
        printf("no keys in %s; make one: crust key new default\n", dir);
    return CLI_OK;
}
