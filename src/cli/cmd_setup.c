#include "cli/cli.h"
#include "cli/keyring.h"
#include "rt/path.h"
#include "rt/process.h"

#include <stdio.h>
#include <string.h>

static const char *const folders[] = { "", "keys", "store" };

static const char starting_config[] =
    "# Crust's configuration: a section per program, `key = value`. What is not here has its\n"
    "# default; `crust config show` prints every value and where it comes from.\n"
    "\n"
    "[cli]\n";

static enum cli_exit run_init(struct cli *c)
{
    char path[CONFIG_HOME_MAX + 32];
    bool fresh = !path_exists(c->config.file);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", c->home, folders[i]);
        enum err e = path_make_dirs(path, 0700);
        if (e != OK)
            return cli_fail(c, CLI_FAILED, NULL, "cannot make the folder %s: %s", path,
                            err_text(e));
    }
    if (fresh) {
        enum err e = path_write_file(c->config.file, span_str(starting_config), 0600);
        if (e != OK)
            return cli_fail(c, CLI_FAILED, NULL, "cannot write %s: %s", c->config.file,
                            err_text(e));
    }
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:b}", "home", c->home, "created", fresh));
    printf(fresh ? "ready: %s\nnext:  crust key new default\n" : "was there already: %s\n",
           c->home);
    return CLI_OK;
}

/* The daemons know their own keys: each prints its section. */
static void show_daemon(const struct cli *c, const char *program)
{
    char path[512];
    if (process_beside(path, sizeof(path), program) != OK || !path_exists(path))
        return;
    const char *argv[] = { path, "--home", c->home, "--show-config", NULL };
    struct process p;
    struct process_options o = {
        .path = path, .argv = argv, .fds = { { 1, 1 }, { 2, 2 } }, .fd_count = 2
    };
    if (process_spawn(&p, &o) != OK)
        return;
    enum { PATIENCE_MS = 5000 };
    if (process_wait(&p, PATIENCE_MS) != OK)
        process_stop(&p, 0);
    process_fini(&p);
}

static enum cli_exit run_config_show(struct cli *c)
{
    if (c->json) {
        json_t *o = json_object();
        for (size_t i = 0; i < c->config.table->key_count; i++)
            json_object_set_new(o, c->config.table->keys[i].name,
                                json_string(c->config.values[i].text));
        return cli_print_json(
            json_pack("{s:s, s:s, s:o}", "home", c->home, "file", c->config.file, "cli", o));
    }
    config_print(&c->config, stdout);
    fflush(stdout);
    show_daemon(c, "crust-ipfsd");
    show_daemon(c, "crust-chaind");
    show_daemon(c, "crust-agentd");
    return CLI_OK;
}

static const struct cli_option import_options[] = {
    { "derive", 'd', "PATH", "hard derivation path, such as //Alice" },
    { 0 },
};

const struct cli_verb cli_verbs_setup[] = {
    { "init", "", "make the folder for keys, store and configuration", "crust init", NULL, 0, 0,
      run_init },
    { "config show", "", "print every setting and where it comes from", "crust config show", NULL,
      0, 0, run_config_show },
    { "key new", "NAME", "make an account key and print its phrase", "crust key new default", NULL,
      1, 1, cmd_key_new },
    { "key import", "NAME", "take a key from a phrase: typed unseen, or from a pipe",
      "crust key import default\ncat phrase.txt | crust key import work", import_options, 1, 1,
      cmd_key_import },
    { "key list", "", "the keys of this user", "crust key list", NULL, 0, 0, cmd_key_list },
    { "key show", "[NAME]", "print the address of a key", "crust key show default", NULL, 0, 1,
      cmd_key_show },
    { "key export", "NAME", "print the secret seed of a key", "crust key export default", NULL, 1,
      1, cmd_key_export },
    { 0 },
};
