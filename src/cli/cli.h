/* cli: what every verb of `crust` shares: the verb table, arguments, output, errors, exit codes. */
#ifndef CRUST_CLI_CLI_H
#define CRUST_CLI_CLI_H

#include "base/err.h"
#include "rt/config.h"

#include <jansson.h>

enum {
    CLI_ARGS_MAX = 4096,
    CLI_OPTIONS_MAX = 16,
    CLI_REPEAT_MAX = 8, /* times an option may be given */
};

/* Exit codes; listed in docs/guide/cli.md. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* it was tried and did not work */
    CLI_USAGE = 2,       /* the command line is wrong; nothing was tried */
    CLI_NOT_FOUND = 3,   /* the thing named is not there */
    CLI_REFUSED = 4,     /* the network or the store said no: balance, quota, rule */
    CLI_UNREACHABLE = 5, /* a program or node that is needed does not answer */
    CLI_CANCELLED = 6,   /* the user said no */
};

struct cli_option {
    const char *name;  /* long, without dashes */
    char letter;       /* 0: none */
    const char *value; /* what stands for the value in help; NULL: a switch */
    const char *help;
};

struct cli;

struct cli_verb {
    const char *name;                 /* "key new": words by one space */
    const char *args;                 /* for the usage line: "NAME"; "" for none */
    const char *summary;              /* one line */
    const char *example;              /* one or more lines, each a command */
    const struct cli_option *options; /* ends with a NULL name; NULL: none */
    size_t args_min, args_max;
    enum cli_exit (*run)(struct cli *c);
};

struct cli_given {
    const char *values[CLI_REPEAT_MAX];
    size_t count;
};

struct cli {
    const struct cli_verb *verb;
    const char *args[CLI_ARGS_MAX];
    size_t arg_count;
    struct cli_given given[CLI_OPTIONS_MAX]; /* one for each of the verb's options */
    bool json;                               /* --json */
    bool tty;             /* standard error is a terminal: progress may be shown */
    struct config config; /* of section [cli] */
    const char *home;
};

/* ---- arguments ---- */

bool cli_has(const struct cli *c, const char *option);
/* The last value given, or NULL. */
const char *cli_value(const struct cli *c, const char *option);
const struct cli_given *cli_values(const struct cli *c, const char *option);

/* cli_path joins the home folder and a relative path. ERR_LIMIT. */
NODISCARD enum err cli_path(const struct cli *c, char *out, size_t size, const char *relative);

/* ---- output ---- */

/* cli_fail prints what happened and the next command to run (NULL: none), and returns code. */
__attribute__((format(printf, 4, 5))) enum cli_exit
cli_fail(const struct cli *c, enum cli_exit code, const char *next, const char *what, ...);

/* cli_usage prints a usage error with the verb's usage line. */
__attribute__((format(printf, 2, 3))) enum cli_exit cli_usage(const struct cli *c, const char *what,
                                                              ...);

/* cli_exit_of maps an error to the exit code that fits it. */
enum cli_exit cli_exit_of(enum err e);

/* cli_print_json prints one JSON value and a newline, and releases it (taken). */
enum cli_exit cli_print_json(json_t *value);

/* cli_progress shows a line that is overwritten, on a terminal only, a few times a second.
 * total 0: unknown. cli_progress_end wipes it. */
void cli_progress(struct cli *c, const char *what, uint64_t done, uint64_t total);
void cli_progress_end(struct cli *c);

/* "1.5 MiB". out holds 24 bytes. */
void cli_format_size(char out[24], uint64_t bytes);

/* ---- the verbs; each array ends with a NULL name ---- */

extern const struct cli_verb cli_verbs_setup[];   /* init, config, key */
extern const struct cli_verb cli_verbs_content[]; /* add, cat, get, ls, dag, block */
extern const struct cli_verb cli_verbs_store[];   /* pin, repo */
extern const struct cli_verb cli_verbs_market[];  /* put */
extern const struct cli_verb cli_verbs_stake[];   /* stake, gov */
extern const struct cli_verb cli_verbs_group[];   /* group */
extern const struct cli_verb cli_verbs_devnet[];  /* devnet */
extern const struct cli_verb cli_verbs_orders[];
extern const struct cli_verb cli_verbs_accounts[];
extern const struct cli_verb cli_verbs_attest[]; /* attest */
extern const struct cli_verb cli_verbs_names[];  /* name */
extern const struct cli_verb cli_verbs_network[];

/* cli_find gives the verb that the words name (one or two), NULL when there is none; *used is the
 * number of words it took. */
const struct cli_verb *cli_find(size_t *used, char **words, size_t count);
/* The i-th verb of all, NULL at the end; *group (may be NULL) is the title it stands under. */
const struct cli_verb *cli_verb_at(const char **group, size_t i);

void cli_print_help(const struct cli_verb *verb); /* NULL: the overview */

/* cli_parse reads the words after the verb into c. On failure it has printed why. */
enum cli_exit cli_parse(struct cli *c, char **words, size_t count);

#endif
