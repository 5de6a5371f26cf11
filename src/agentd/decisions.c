#include "agentd/decisions.h"

#include "codec/json_out.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct decisions {
    int fd;
    uint64_t size;
    char path[PATH_TEXT_MAX], before[PATH_TEXT_MAX];
};

static enum err reopen(struct decisions *d)
{
    struct stat st;
    d->fd = open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (d->fd < 0 || fstat(d->fd, &st) != 0)
        return ERR_IO;
    d->size = (uint64_t)st.st_size;
    return OK;
}

enum err decisions_open(struct decisions **out, const char *folder)
{
    struct decisions *d = calloc(1, sizeof(*d));
    *out = NULL;
    if (d == NULL)
        return ERR_MEMORY;
    d->fd = -1;
    enum err e = path_join(d->path, sizeof(d->path), folder, "decisions.jsonl");
    if (e == OK)
        e = path_join(d->before, sizeof(d->before), folder, "decisions.jsonl.1");
    if (e == OK)
        e = reopen(d);
    if (e != OK) {
        decisions_close(d);
        return e;
    }
    *out = d;
    return OK;
}

void decisions_close(struct decisions *d)
{
    if (d == NULL)
        return;
    if (d->fd >= 0)
        close(d->fd);
    free(d);
}

void decisions_line(struct writer *w, const struct order *row, uint64_t height, uint64_t wall_ms)
{
    char cid[CID_TEXT_MAX], time[CLOCK_TEXT_MAX];
    struct cid c = { .version = 1, .digest_size = 32, .codec = row->key.codec };
    c.hash = CID_HASH_SHA2_256;
    memcpy(c.digest, row->key.digest, 32);
    cid_format(cid, &c);
    clock_format(time, wall_ms);
    struct json_out j = json_out_to(w);
    json_out_object(&j);
    json_out_member_str(&j, "time", time);
    json_out_member_u64(&j, "height", height);
    json_out_member_hex(&j, "order", span_of(row->id, 32));
    json_out_member_str(&j, "cid", cid);
    json_out_member_str(&j, "step", orders_step_text(row->step));
    json_out_member_str(&j, "reason", orders_reason_text(row->reason));
    json_out_member_str(&j, "detail", row->detail);
    json_out_member_u64_text(&j, "size", row->size);
    json_out_member_u64(&j, "rank", row->rank);
    json_out_member_u64(&j, "tries", row->tries);
    json_out_object_end(&j);
    write_u8(w, '\n');
}

void decisions_note(struct decisions *d, const struct order *row, uint64_t height)
{
    uint8_t line[DECISIONS_LINE_MAX];
    struct writer w = writer_of(line, sizeof(line));
    decisions_line(&w, row, height, clock_wall_ms());
    if (w.err != OK)
        return;
    if (d->size + w.len > DECISIONS_FILE_MAX) {
        close(d->fd);
        (void)rename(d->path, d->before);
        if (reopen(d) != OK)
            log_warn("journal", "path=\"%s\" reason=\"cannot be opened\"", d->path);
    }
    ssize_t n = d->fd < 0 ? -1 : write(d->fd, w.p, w.len);
    if (n != (ssize_t)w.len)
        log_warn("journal", "path=\"%s\" reason=\"cannot be written\"", d->path);
    else
        d->size += w.len;
}
