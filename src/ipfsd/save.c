#include "ipfsd/save.h"

#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

struct save *save_new(const char *path, const char *event, size_t max)
{
    struct save *s = malloc(sizeof(*s) + max);
    if (s == NULL)
        return NULL;
    *s = (struct save){ .event = event, .max = max };
    (void)snprintf(s->path, sizeof(s->path), "%s", path);
    return s;
}

static void run(void *ctx)
{
    struct save *s = ctx;
    s->result = path_write_file(s->path, span_of(s->bytes, s->size), 0600);
}

static void done(void *ctx)
{
    struct save *s = ctx;
    if (s->result != OK)
        log_warn(s->event, "path=\"%s\" reason=\"%s\"", s->path, err_text(s->result));
    free(s);
}

void save_go(struct save *s, struct loop *l, bool now)
{
    ASSERT(s->size <= s->max);
    if (now || loop_work(l, run, done, s) != OK) {
        run(s);
        done(s);
    }
}
