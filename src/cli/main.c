#include "cli/cli.h"

#include "base/release.h"
#include "crypto/random.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct config_key keys[] = {
    CONFIG_KEY_CHAIN,
    { "chain-id", CONFIG_STRING, "", "name of the network; set by crust network use" },
    { "genesis", CONFIG_STRING, "", "hash of its genesis; nodes of another one are refused" },
    { "gateway", CONFIG_STRING, "http://127.0.0.1:8080", "URL of the gateway shown in links" },
    { "agents", CONFIG_STRING, "", "URLs of storage agents to ask why an order was taken or not" },
    { "key", CONFIG_STRING, "default", "name of the key that pays and signs" },
    { "password-file", CONFIG_STRING, "", "file with the keystore's password" },
    { "store-quota", CONFIG_SIZE, "0", "most bytes the local store may take; 0: no limit" },
    { "store-reserve", CONFIG_SIZE, "256M", "bytes the local store leaves free on its disk" },
};

static const struct config_table table = {
    .program = "cli",
    .usage = "crust VERB",
    .about = "The command line.",
    .keys = keys,
    .key_count = sizeof(keys) / sizeof(keys[0]),
};

static bool wants_help(char **words, size_t count)
{
    for (size_t i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            return true;
    }
    return false;
}

static enum cli_exit unknown_verb(const char *word)
{
    const char *names[128];
    size_t n = 0;
    for (size_t i = 0; n < sizeof(names) / sizeof(names[0]) && cli_verb_at(NULL, i) != NULL; i++)
        names[n++] = cli_verb_at(NULL, i)->name;
    const char *near = config_nearest(word, names, n);
    if (near != NULL)
        return cli_fail(NULL, CLI_USAGE, "crust --help", "there is no verb \"%s\"; near: %s", word,
                        near);
    return cli_fail(NULL, CLI_USAGE, "crust --help", "there is no verb \"%s\"", word);
}

static struct cli cli; /* some 100 KiB: not for the stack */

static enum cli_exit run(int argc, char **argv)
{
    char **words = argv + 1;
    size_t count = argc > 0 ? (size_t)argc - 1 : 0;
    if (count == 0 || strcmp(words[0], "--help") == 0 || strcmp(words[0], "help") == 0) {
        cli_print_help(NULL);
        return count == 0 ? CLI_USAGE : CLI_OK;
    }
    if (strcmp(words[0], "--version") == 0) {
        printf("crust %s\n", RELEASE);
        return CLI_OK;
    }
    size_t used;
    const struct cli_verb *verb = cli_find(&used, words, count);
    if (verb == NULL)
        return unknown_verb(words[0]);
    if (wants_help(words + used, count - used)) {
        cli_print_help(verb);
        return CLI_OK;
    }
    if (random_init() != OK)
        return cli_fail(NULL, CLI_FAILED, NULL, "this system has no source of random numbers");
    cli.verb = verb;
    cli.tty = isatty(STDERR_FILENO) == 1;
    cli.config.table = &table;
    enum cli_exit e = cli_parse(&cli, words + used, count - used);
    if (e == CLI_OK)
        e = verb->run(&cli);
    cli_progress_end(&cli);
    if (fflush(stdout) != 0 && e == CLI_OK)
        e = cli_fail(&cli, CLI_FAILED, NULL, "cannot write to standard output");
    return e;
}

int main(int argc, char **argv)
{
    return (int)run(argc, argv);
}
