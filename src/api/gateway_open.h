/* gateway_open: the parts of gateway_open, each for one kind of content. All take a->cid, which the
 * path has led to, and its block, and fill in the rest of the answer. */
#ifndef CRUST_API_GATEWAY_OPEN_H
#define CRUST_API_GATEWAY_OPEN_H

#include "api/gateway_head.h"

/* Follows a->path from a->root. Out: a->cid, a->named, a->roots, *block. *lacking: there is no such
 * name (and no answer yet). False also when *a is a refusal. */
bool gateway_open_path(struct gateway_answer *a, struct span *block, bool *lacking);

/* A UnixFS file, folder or symlink. */
void gateway_open_unixfs(struct gateway_answer *a, struct span block);

/* A block in its own codec, or a page that shows it. */
void gateway_open_native(struct gateway_answer *a, struct span block);

/* A TAR archive of what is below a->cid. */
void gateway_open_tar(struct gateway_answer *a);

/* What the site's _redirects says of a path that is not there. */
enum gateway_open_rule {
    GATEWAY_OPEN_NOTHING,
    GATEWAY_OPEN_ANSWERED, /* *a is a redirect or a refusal */
    GATEWAY_OPEN_SHOW,     /* the page at a->path, with a->page_status */
};
enum gateway_open_rule gateway_open_redirects(struct gateway_answer *a);

#endif
