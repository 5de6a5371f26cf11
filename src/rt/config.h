/* config: one table of keys per program, filled from defaults, then crust.conf, then flags.
 * The folder and the file are described in docs/guide/configuration.md.
 *
 *   # comment                         crust-ipfsd --gateway-port 8081 --offline
 *   [ipfsd]
 *   gateway-port = 8080
 *   offline = false
 *
 * A value runs to the end of its line; a '#' starts a comment at the start of a line or of
 * a value, or after a blank. Every key is a flag too: --key value, --key=value, and for bools --key
 * and --no-key. Keys of other programs' sections are left to those programs. Not for several
 * threads. */
#ifndef CRUST_RT_CONFIG_H
#define CRUST_RT_CONFIG_H

#include "base/err.h"
#include "base/span.h"

#include <stdio.h>

enum {
    CONFIG_KEYS_MAX = 80,
    CONFIG_FILE_MAX = 64 * 1024,
    CONFIG_VALUE_MAX = 1024, /* with its NUL */
    CONFIG_ERROR_MAX = 320,
    CONFIG_HOME_MAX = 512,
    CONFIG_ARGS_MAX = 64,
    CONFIG_URLS_MAX = 8,
    CONFIG_URL_MAX = 129, /* with its NUL */
    CONFIG_PORT_TRIES_MAX = 1000,
};

enum config_type {
    CONFIG_STRING,
    CONFIG_U64,
    CONFIG_SIZE,     /* bytes: a number, then nothing or K, M, G, T (1024 each), iB and B allowed */
    CONFIG_BOOL,     /* true/false, yes/no, on/off, 1/0 */
    CONFIG_DURATION, /* a number, then ms, s, m, h or d; kept in milliseconds; 0 needs no unit */
};

struct config_key {
    const char *name; /* lower-case words joined by '-' */
    enum config_type type;
    const char *value; /* the default as text, "" for none; "~crust" is replaced by the home */
    const char *help;  /* one line */
};

/* Rows that several programs have: one text for one thing. */
#define CONFIG_KEY_CHAIN                                                                           \
    {                                                                                              \
        "chain", CONFIG_STRING, "http://127.0.0.1:7001",                                           \
            "URLs of chain nodes, in order of preference"                                          \
    }
#define CONFIG_KEY_LOG_LEVEL                                                                       \
    {                                                                                              \
        "log-level", CONFIG_STRING, "info", "debug, info, warn, error or off"                      \
    }

struct config_table {
    const char *program; /* the section: "ipfsd" */
    const char *usage;   /* "crust-ipfsd [--key value]..." */
    const char *about;   /* a sentence or more, for --help; ends with an example */
    const struct config_key *keys;
    size_t key_count; /* at most CONFIG_KEYS_MAX */
};

enum config_source { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_FLAG };

/* What the command line asks for. */
enum config_action { CONFIG_RUN, CONFIG_HELP, CONFIG_SHOW, CONFIG_VERSION };

struct config_value {
    char text[CONFIG_VALUE_MAX];
    uint64_t number; /* by type; bool 0 or 1 */
    enum config_source source;
    uint32_t line; /* in the file */
};

struct config {
    const struct config_table *table; /* kept */
    enum config_action action;
    char home[CONFIG_HOME_MAX];        /* $CRUST_HOME or ~/.crust, or --home */
    char file[CONFIG_HOME_MAX + 16];   /* home/crust.conf, or --config */
    const char *args[CONFIG_ARGS_MAX]; /* words that are no flags, borrowed from argv */
    size_t arg_count;
    char error[CONFIG_ERROR_MAX]; /* one line for the user after a failure, else "" */
    struct config_value values[CONFIG_KEYS_MAX];
};

/* Values that take more than one setting or have parts. */
struct config_urls {
    uint32_t count;
    char urls[CONFIG_URLS_MAX][CONFIG_URL_MAX];
};
struct config_port {
    uint16_t port; /* 0: any free one */
    uint16_t tries;
};

/* config_load does everything: defaults, then the file when it is there, then the flags. --home,
 * --config, --help, --version and --show-config belong to every program.
 * Returns: OK (look at action), or an error with c->error telling what to do. */
NODISCARD enum err config_load(struct config *c, const struct config_table *t, int argc,
                               char **argv);

/* The steps of config_load, for programs with verbs of their own. */
NODISCARD enum err config_init(struct config *c, const struct config_table *t);
NODISCARD enum err config_read_file(struct config *c, const char *path); /* ERR_NOT_FOUND: none */
NODISCARD enum err config_read_args(struct config *c, int argc, char **argv); /* from argv[1] on */

/* config_parse reads the text of a file; total. name stands in messages.
 * Returns: OK, ERR_FORMAT, ERR_RANGE, ERR_LIMIT, ERR_NOT_FOUND (unknown key or section),
 *          ERR_EXISTS (a key twice). */
NODISCARD enum err config_parse(struct config *c, struct span text, const char *name);

/* The values. Asking for a name or type that the table does not have is a bug of ours. */
const char *config_text(const struct config *c, const char *name);
uint64_t config_u64(const struct config *c, const char *name); /* CONFIG_U64 and CONFIG_SIZE */
bool config_bool(const struct config *c, const char *name);
uint64_t config_duration_ms(const struct config *c, const char *name);
bool config_is_default(const struct config *c, const char *name);

/* config_path writes the value as a path: relative ones are under home. ERR_LIMIT. */
NODISCARD enum err config_path(char *out, size_t size, const struct config *c, const char *name);
/* The same, but "" stays "": no file is wanted. */
NODISCARD enum err config_path_or_none(char *out, size_t size, const struct config *c,
                                       const char *name);

/* config_copy copies the text of a value. ERR_LIMIT: it does not fit with its NUL. */
NODISCARD enum err config_copy(char *out, size_t size, const struct config *c, const char *name);

/* config_urls reads a comma-separated value of at most CONFIG_URLS_MAX URLs, without the slashes at
 * their ends. ERR_LIMIT: too many or too long; ERR_FORMAT: no http:// or https:// before it. */
NODISCARD enum err config_urls(struct config_urls *out, const struct config *c, const char *name);

/* config_port reads "NAME-port" and "NAME-port-tries". On ERR_FORMAT error says what they may be.
 */
NODISCARD enum err config_port(struct config_port *out, char error[CONFIG_ERROR_MAX],
                               const struct config *c, const char *name);

/* config_refuse writes what into error, for settings that make no sense together: ERR_FORMAT. */
NODISCARD enum err config_refuse(char error[CONFIG_ERROR_MAX], const char *what);

/* config_list_next cuts the next item off a comma-separated value: *cursor starts at the text.
 * False at the end. An item that does not fit is cut. */
bool config_list_next(char *out, size_t size, const char **cursor);

/* config_number reads one value as its type says. ERR_FORMAT, ERR_RANGE. */
NODISCARD enum err config_number(uint64_t *out, enum config_type type, const char *text);

/* config_nearest gives the name nearest to a misspelt one by edit distance, or NULL when none is
 * near. Also for verbs. */
const char *config_nearest(const char *word, const char *const *names, size_t count);

void config_print_help(const struct config *c, FILE *out);
/* Each value as a line of crust.conf with a comment that says where it comes from. */
void config_print(const struct config *c, FILE *out);

/* config_home writes $CRUST_HOME, or ~/.crust. ERR_NOT_FOUND when neither is known, ERR_LIMIT. */
NODISCARD enum err config_home(char out[CONFIG_HOME_MAX]);

#endif
