/* fetch_tales: how the newest fetches went, in words: who was raced for a content, who won, who
 * failed and why (fetch_story). For those who ask about a content (crust doctor CID). In memory
 * only; any thread. */
#ifndef CRUST_IPFSD_FETCH_TALES_H
#define CRUST_IPFSD_FETCH_TALES_H

#include "ipfsd/fetch.h"

enum { FETCH_TALES = 32 }; /* contents; the oldest is forgotten */

struct fetch_tales;

struct fetch_tales *fetch_tales_new(void); /* NULL: out of memory */
void fetch_tales_free(struct fetch_tales *t);

/* t may be NULL in the rest: then nothing is remembered. Of a content the newest tale is kept. */
void fetch_tales_put(struct fetch_tales *t, const struct content_key *root, const char *tale);

/* True: there is one, told so many milliseconds ago. */
bool fetch_tales_get(struct fetch_tales *t, char out[FETCH_STORY_MAX], uint64_t *ago_ms,
                     const struct content_key *root);

#endif
