/* fake_nodes_test: the file operations of a fake machine. Only tests include it. */
#ifndef CRUST_ENCLAVED_FAKE_NODES_TEST_H
#define CRUST_ENCLAVED_FAKE_NODES_TEST_H

#include "enclaved/fake_machine_test.h"

#include <fcntl.h>
#include <linux/sev-guest.h>
#include <sys/ioctl.h>

/* What the file of a report's folder holds now; -1 and errno when it cannot be read. */
static inline int fake_render_tsm(struct fake_fd *f)
{
    char text[32];
    struct fake_dir *d = f->dir;
    if (fake_ends(f->path, "/provider")) {
        snprintf(text, sizeof(text), "%s\n", fake.driver);
        return fake_text(f, text);
    }
    if (fake_ends(f->path, "/generation")) {
        snprintf(text, sizeof(text), "%u\n", d->generation);
        return fake_text(f, text);
    }
    if (fake_ends(f->path, "/privlevel_floor")) {
        snprintf(text, sizeof(text), "%u\n", fake.floor);
        return fake_text(f, text);
    }
    if (!d->set || d->level < fake.floor)
        return fake_error(EINVAL);
    if (fake_ends(f->path, "/auxblob")) {
        memset(f->bytes, 0xaa, fake.table);
        f->size = fake.table;
        return 0;
    }
    if (!fake_ends(f->path, "/outblob"))
        return fake_error(ENOENT);
    if (fake.intruders > 0) { /* somebody else writes, and this is his report */
        fake.intruders--;
        d->generation++;
        memset(d->inblob, 0xee, sizeof(d->inblob));
    }
    f->size = fake_report(f->bytes, d->inblob);
    return 0;
}

static inline int fake_render_sgx(struct fake_fd *f)
{
    uint8_t other[64];
    if (fake_ends(f->path, "/attestation_type"))
        return fake_text(f, fake.type);
    for (size_t i = 0; i < 512; i++)
        f->bytes[i] = (uint8_t)(i + 1);
    f->size = fake_ends(f->path, "/my_target_info") ? 512 : 16;
    if (fake_ends(f->path, "/my_target_info") || fake_ends(f->path, "/keys/_sgx_mrenclave"))
        return 0;
    if (!fake_ends(f->path, "/quote"))
        return fake_error(ENOENT);
    if (!fake.report_data_set)
        return fake_error(EINVAL);
    fake.report_data_set = false;
    memset(other, 0xdd, sizeof(other));
    f->size = fake_report(f->bytes, fake.stale > 0 ? other : fake.report_data);
    fake.stale -= fake.stale > 0;
    return 0;
}

static inline int fake_open(const char *path, int flags)
{
    size_t at = 0;
    if (fake_fails())
        return -1;
    while (at < FAKE_FDS && fake.fds[at].open)
        at++;
    CHECK(at < FAKE_FDS);
    struct fake_fd *f = &fake.fds[at];
    *f = (struct fake_fd){ .writing = (flags & O_ACCMODE) == O_WRONLY };
    snprintf(f->path, sizeof(f->path), "%s", path);
    for (size_t i = 0; i < FAKE_DIRS; i++) {
        size_t n = strlen(fake.dirs[i].path);
        if (fake.dirs[i].used && strncmp(path, fake.dirs[i].path, n) == 0 && path[n] == '/')
            f->dir = &fake.dirs[i];
    }
    bool sgx = strncmp(path, FAKE_ROOT "/dev/attestation/", 22) == 0 && fake.type != NULL;
    bool sev = strcmp(path, FAKE_ROOT "/dev/sev-guest") == 0;
    if (f->dir == NULL && !sgx && !sev)
        return fake_error(ENOENT);
    if (fake_ends(path, "/privlevel_floor") && strcmp(fake.driver, "tdx_guest") == 0)
        return fake_error(ENOENT); /* it is a file of SNP guests */
    f->open = true;
    return 100 + (int)at;
}

static inline ssize_t fake_read(int fd, void *p, size_t n)
{
    struct fake_fd *f = &fake.fds[fd - 100];
    CHECK(f->open && !f->writing);
    if (fake_fails())
        return -1;
    if (f->at == 0 && (f->dir != NULL ? fake_render_tsm(f) : fake_render_sgx(f)) != 0)
        return -1;
    if (fake.step != 0 && n > fake.step)
        n = fake.step;
    if (n > f->size - f->at)
        n = f->size - f->at;
    memcpy(p, f->bytes + f->at, n);
    f->at += n;
    return (ssize_t)n;
}

static inline ssize_t fake_write(int fd, const void *p, size_t n)
{
    struct fake_fd *f = &fake.fds[fd - 100];
    CHECK(f->open && f->writing && f->at == 0); /* one write */
    if (fake_fails())
        return -1;
    CHECK(n <= sizeof(f->bytes));
    memcpy(f->bytes, p, n);
    f->at = n;
    if (fake_ends(f->path, "/privlevel")) {
        CHECK(n == 1);
        f->dir->level = (unsigned)(f->bytes[0] - '0');
        f->dir->generation++;
    } else if (fake_ends(f->path, "/user_report_data")) {
        CHECK(n == 64);
        memcpy(fake.report_data, p, n);
        fake.report_data_set = true;
    }
    return (ssize_t)n;
}

static inline int fake_close(int fd)
{
    struct fake_fd *f = &fake.fds[fd - 100];
    CHECK(f->open);
    f->open = false;
    bool fails = fake_fails();
    bool blob = f->writing && f->at > 0 && fake_ends(f->path, "/inblob");
    if (blob && fake.lost > 0)
        fake.lost--; /* the kernel could not take it, and close says nothing */
    else if (blob && !fails) {
        CHECK(f->at == 64);
        memcpy(f->dir->inblob, f->bytes, 64);
        f->dir->set = true;
        f->dir->generation++;
    }
    return fails ? -1 : 0;
}

static inline int fake_control(int fd, unsigned long request, void *argument)
{
    struct snp_guest_request_ioctl *io = argument;
    CHECK(fake.fds[fd - 100].open && request == SNP_GET_DERIVED_KEY && io->msg_version == 1);
    if (fake_fails())
        return -1;
    struct snp_derived_key_req rq;
    struct snp_derived_key_resp answer = { { 0 } };
    memcpy(&rq, (const void *)(uintptr_t)io->req_data, sizeof(rq));
    fake.snp_fields = rq.guest_field_select;
    CHECK(rq.root_key_select == 0 && rq.rsvd == 0);
    store_le32(answer.data, fake.snp_status);
    memset(answer.data + 32, 0x5b, 32);
    memcpy((void *)(uintptr_t)io->resp_data, &answer, sizeof(answer));
    return 0;
}

static inline void fake_pause(uint32_t ms)
{
    fake.pauses++;
    fake.paused_ms += ms;
}

static const struct nodes fake_nodes = { .make_dir = fake_make_dir,
                                         .remove_dir = fake_remove_dir,
                                         .open = fake_open,
                                         .read = fake_read,
                                         .write = fake_write,
                                         .close = fake_close,
                                         .control = fake_control,
                                         .pause = fake_pause };

static inline unsigned fake_left(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < FAKE_DIRS; i++)
        n += fake.dirs[i].used;
    for (size_t i = 0; i < FAKE_FDS; i++)
        n += fake.fds[i].open;
    return n;
}

#endif
