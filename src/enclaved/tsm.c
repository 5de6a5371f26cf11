#include "enclaved/tsm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NUMBER_TEXT = 24 };

enum err tsm_init(struct tsm *t, const struct nodes *n, const char *driver, const char *root)
{
    *t = (struct tsm){ .nodes = n, .driver = driver };
    return nodes_path(t->root, root, TSM_FOLDER);
}

static enum err read_number(uint64_t *out, const struct nodes *n, const char *dir, const char *name)
{
    char text[NUMBER_TEXT], *end;
    TRY(nodes_read_text(n, dir, name, (struct mspan){ (uint8_t *)text, sizeof(text) }));
    *out = strtoull(text, &end, 10);
    return end != text && *end == '\0' ? OK : ERR_IO;
}

/* Below the floor of this guest's privilege levels no report is given (an SVSM holds the lower
 * ones); without one the kernel's own choice stands. */
static enum err choose_level(const struct nodes *n, const char *dir)
{
    uint64_t floor;
    char text[NUMBER_TEXT];
    enum err e = read_number(&floor, n, dir, "/privlevel_floor");
    if (e == ERR_NOT_FOUND || (e == OK && floor == 0))
        return OK;
    TRY(e);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)floor);
    return nodes_write(n, dir, "/privlevel", span_str(text));
}

/* Everything between mkdir and rmdir. */
static enum err ask_in(const struct tsm *t, struct tsm_request *rq, const char *dir)
{
    uint64_t before, after;
    char driver[32];
    const struct nodes *n = t->nodes;
    TRY(nodes_read_text(n, dir, "/provider", (struct mspan){ (uint8_t *)driver, sizeof(driver) }));
    if (strcmp(driver, t->driver) != 0)
        return ERR_UNSUPPORTED;
    TRY(choose_level(n, dir));
    TRY(read_number(&before, n, dir, "/generation"));
    TRY(nodes_write(n, dir, "/inblob", span_of(rq->report_data, TSM_REPORT_DATA)));
    TRY(nodes_read(n, dir, "/outblob", &rq->out));
    if (rq->aux.n > 0) {
        enum err e = nodes_read(n, dir, "/auxblob", &rq->aux);
        if (e != OK)
            rq->aux.n = 0;
        if (e != OK && e != ERR_LIMIT)
            return e;
    }
    TRY(read_number(&after, n, dir, "/generation"));
    /* The kernel takes what was written when the file is closed, and tells nobody when it could
     * not. That it did, and that nobody else wrote, shows in this number alone. */
    return after == before + 1 ? OK : ERR_BUSY;
}

struct attempt {
    struct tsm *t;
    struct tsm_request *rq;
    size_t out_room, aux_room;
};

static enum err attempt(void *ctx)
{
    const struct attempt *a = ctx;
    char dir[NODES_PATH_MAX], name[NUMBER_TEXT];
    (void)snprintf(name, sizeof(name), "/crust-%ld-%u", (long)getpid(), (unsigned)a->t->count++);
    TRY(nodes_path(dir, a->t->root, name));
    a->rq->out.n = a->out_room;
    a->rq->aux.n = a->aux_room;
    if (a->t->nodes->make_dir(dir) != 0)
        return nodes_error();
    enum err e = ask_in(a->t, a->rq, dir);
    (void)a->t->nodes->remove_dir(dir);
    return e;
}

enum err tsm_report(struct tsm *t, struct tsm_request *rq)
{
    struct attempt a = { t, rq, rq->out.n, rq->aux.n };
    enum err e = nodes_try(t->nodes, attempt, &a);
    if (e != OK)
        rq->out.n = rq->aux.n = 0;
    return e;
}

enum err tsm_confine(struct tsm *t)
{
    if (chdir(t->root) != 0 || chroot(".") != 0)
        return nodes_error();
    t->root[0] = '\0';
    return OK;
}
