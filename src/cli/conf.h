/* conf: changes crust.conf as a person would: one key of one section, everything else as it
 * stands. Format: docs/guide/configuration.md. */
#ifndef CRUST_CLI_CONF_H
#define CRUST_CLI_CONF_H

#include "cli/cli.h"

enum { CONF_CHANGES_MAX = 16 };

struct conf_change {
    const char *section, *key;
    const char *value; /* no line end in it; NULL: the key's line is taken out */
};

/* conf_edit gives text with one change made. Out: *out, given: free(3) its p. ERR_FORMAT (a line
 * end in the value), ERR_LIMIT (longer than CONFIG_FILE_MAX), ERR_MEMORY. */
NODISCARD enum err conf_edit(struct mspan *out, struct span text, const struct conf_change *change);

/* conf_get copies the value of a key, "" when it is not there; cut when it does not fit. */
void conf_get(char *out, size_t size, struct span text, const char *section, const char *key);

/* conf_read reads the file of this home, empty when there is none; free(3) its p. */
enum cli_exit conf_read(const struct cli *c, struct mspan *out);

/* conf_write makes the changes in the file of this home, all or none. On failure it has told the
 * user. */
enum cli_exit conf_write(const struct cli *c, const struct conf_change *changes, size_t count);

#endif
