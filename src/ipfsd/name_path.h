/* name_path: paths under /ipns/ followed to what they stand for, with what is known here and what
 * others know. docs/spec/names.md 4. For threads that wait. */
#ifndef CRUST_IPFSD_NAME_PATH_H
#define CRUST_IPFSD_NAME_PATH_H

#include "ipfsd/names.h"

enum { NAME_PATH_MAX = 4096, NAME_PATH_ROUNDS = 8, NAME_PATH_WHY_MAX = 200 };

/* name_path_follow writes "/ipfs/CID/rest" for "/ipns/NAME/rest", or what one step leads to. ask:
 * others are asked too. why: the reason in words.
 * ERR_FORMAT (no path), ERR_NOT_FOUND, ERR_LIMIT (too long, too many steps), as names_dnslink. */
NODISCARD enum err name_path_follow(struct names *n, char out[NAME_PATH_MAX], const char *path,
                                    bool ask, bool once, char why[NAME_PATH_WHY_MAX]);

#endif
