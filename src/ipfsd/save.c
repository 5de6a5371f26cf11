#include "ipfsd/save.h"

#include "rt/log.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* One content at a time is with a worker thread; the newest of those that come meanwhile waits. The
 * loop itself writes at the end, and when no thread takes work: then a worker may still come with
 * an older one, which finds that a newer has been written. */
struct save {
    struct loop *loop;
    const char *event;
    uint64_t given;                      /* contents so far */
    struct save_content *busy, *waiting; /* with a worker; not yet */
    bool closed;
    pthread_mutex_t writing;
    uint64_t written; /* under it: the newest that was tried */
    char path[PATH_TEXT_MAX];
};

enum err save_open(struct save **out, struct loop *l, const char *path, const char *event)
{
    *out = NULL;
    if (strlen(path) >= PATH_TEXT_MAX)
        return ERR_LIMIT;
    struct save *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->loop = l;
    s->event = event;
    (void)snprintf(s->path, sizeof(s->path), "%s", path);
    pthread_mutex_init(&s->writing, NULL);
    *out = s;
    return OK;
}

struct save_content *save_content_new(size_t max)
{
    struct save_content *c = malloc(sizeof(*c) + max);
    if (c != NULL)
        *c = (struct save_content){ .max = max };
    return c;
}

/* On any thread. */
static void write_newer(struct save *s, const struct save_content *c)
{
    enum err e = OK;
    pthread_mutex_lock(&s->writing);
    if (c->number > s->written) {
        s->written = c->number;
        e = path_write_file(s->path, span_of(c->bytes, c->size), 0600);
    }
    pthread_mutex_unlock(&s->writing);
    if (e != OK)
        log_warn(s->event, "path=\"%s\" reason=\"%s\"", s->path, err_text(e));
}

static void run(void *ctx)
{
    struct save *s = ctx;
    write_newer(s, s->busy);
}

static void save_free(struct save *s)
{
    pthread_mutex_destroy(&s->writing);
    free(s);
}

static void begin(struct save *s);

static void done(void *ctx)
{
    struct save *s = ctx;
    free(s->busy);
    s->busy = NULL;
    if (s->closed)
        save_free(s);
    else if (s->waiting != NULL)
        begin(s);
}

static void begin(struct save *s)
{
    s->busy = s->waiting;
    s->waiting = NULL;
    if (loop_work(s->loop, run, done, s) != OK) {
        write_newer(s, s->busy);
        free(s->busy);
        s->busy = NULL;
    }
}

void save_go(struct save *s, struct save_content *c)
{
    ASSERT(!s->closed && c->size <= c->max);
    c->number = ++s->given;
    free(s->waiting);
    s->waiting = c;
    if (s->busy == NULL)
        begin(s);
}

void save_close(struct save *s)
{
    if (s == NULL)
        return;
    s->closed = true;
    if (s->waiting != NULL)
        write_newer(s, s->waiting);
    else if (s->busy != NULL)
        write_newer(s, s->busy); /* waits, if a worker is at it */
    free(s->waiting);
    s->waiting = NULL;
    if (s->busy == NULL)
        save_free(s);
}
