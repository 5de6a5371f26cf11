/* program: how the main of every daemon begins: settings, --help and its like, the log. Program
 * texts go to stdout, what is wrong to stderr, with the program's name before it. */
#ifndef CRUST_RT_PROGRAM_H
#define CRUST_RT_PROGRAM_H

#include "rt/config.h"

enum {
    PROGRAM_EXIT_FAILURE = 1, /* it could not do its work */
    PROGRAM_EXIT_USAGE = 2,   /* settings or flags are wrong */
};

/* program_start prepares random numbers, loads the settings of t (which has CONFIG_KEY_LOG_LEVEL)
 * and starts the log; flags only, no words. c and t are kept.
 *
 * Returns: -1 to go on; else what main returns: 0 after --help, --version or --show-config,
 *          PROGRAM_EXIT_*, with the reason on stderr. */
NODISCARD int program_start(struct config *c, const struct config_table *t, int argc, char **argv);

/* program_refuse says what is wrong with the settings; returns PROGRAM_EXIT_USAGE. */
int program_refuse(const struct config *c, const char *what);

/* program_url writes the URL of a server at host, an IPv6 address in brackets. */
void program_url(char out[CONFIG_URL_MAX], const char *host, uint16_t port);

/* program_publish writes a URL as one line to the url-file of the settings, whose folder it makes;
 * path "": none is wanted. Errors of path_make_dirs and path_write_file. */
NODISCARD enum err program_publish(const char *path, const char *url);

#endif
