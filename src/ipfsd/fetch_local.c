/* A node without the network: every source is silent. The store is asked by the caller itself. */
#include "ipfsd/fetch.h"

#include <stdio.h>
#include <stdlib.h>

struct fetch {
    uint32_t sources;
};

enum err fetch_open(struct fetch **out, const struct fetch_options *o)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_MEMORY;
    (*out)->sources = o->source_count;
    return OK;
}

void fetch_close(struct fetch *f)
{
    free(f);
}

enum err fetch_next(struct fetch *f, struct fetch_block *out)
{
    (void)f;
    *out = (struct fetch_block){ 0 };
    return ERR_NOT_FOUND;
}

enum err fetch_get(struct fetch *f, size_t *size, struct mspan buf, const struct content_key *key)
{
    (void)f;
    (void)buf;
    (void)key;
    *size = 0;
    return ERR_NOT_FOUND;
}

void fetch_prefetch(struct fetch *f, const struct content_key *keys, size_t count)
{
    (void)f;
    (void)keys;
    (void)count;
}

void fetch_cancel(struct fetch *f)
{
    (void)f;
}

struct fetch_stat fetch_stat(struct fetch *f)
{
    (void)f;
    return (struct fetch_stat){ 0 };
}

void fetch_why(struct fetch *f, char out[FETCH_WHY_MAX])
{
    (void)snprintf(out, FETCH_WHY_MAX, "not in the local store; %u sources not asked", f->sources);
}
