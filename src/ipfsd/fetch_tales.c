#include "ipfsd/fetch_tales.h"

#include "rt/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct tale {
    struct content_key root;
    uint64_t at_ms; /* 0: free */
    char text[FETCH_STORY_MAX];
};

struct fetch_tales {
    pthread_mutex_t lock;
    struct tale list[FETCH_TALES];
};

struct fetch_tales *fetch_tales_new(void)
{
    struct fetch_tales *t = calloc(1, sizeof(*t));
    if (t != NULL)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

void fetch_tales_free(struct fetch_tales *t)
{
    if (t == NULL)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static struct tale *find(struct fetch_tales *t, const struct content_key *root)
{
    for (size_t i = 0; i < FETCH_TALES; i++)
        if (t->list[i].at_ms != 0 && cid_key_cmp(&t->list[i].root, root) == 0)
            return &t->list[i];
    return NULL;
}

void fetch_tales_put(struct fetch_tales *t, const struct content_key *root, const char *tale)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    struct tale *at = find(t, root);
    for (size_t i = 0; at == NULL && i < FETCH_TALES; i++)
        if (t->list[i].at_ms == 0)
            at = &t->list[i];
    if (at == NULL) {
        at = &t->list[0];
        for (size_t i = 1; i < FETCH_TALES; i++)
            if (t->list[i].at_ms < at->at_ms)
                at = &t->list[i];
    }
    at->root = *root;
    at->at_ms = clock_mono_ms();
    (void)snprintf(at->text, sizeof(at->text), "%s", tale);
    pthread_mutex_unlock(&t->lock);
}

bool fetch_tales_get(struct fetch_tales *t, char out[FETCH_STORY_MAX], uint64_t *ago_ms,
                     const struct content_key *root)
{
    bool there = false;
    out[0] = '\0';
    *ago_ms = 0;
    if (t == NULL)
        return false;
    pthread_mutex_lock(&t->lock);
    const struct tale *at = find(t, root);
    if (at != NULL) {
        there = true;
        *ago_ms = clock_mono_ms() - at->at_ms;
        memcpy(out, at->text, sizeof(at->text));
    }
    pthread_mutex_unlock(&t->lock);
    return there;
}
