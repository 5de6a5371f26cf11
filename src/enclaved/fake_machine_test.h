/* fake_machine_test: a machine with a TEE as providers see it, in memory: configfs-tsm as the
 * kernel does it, /dev/attestation as Gramine does it, /dev/sev-guest. Any operation can be made to
 * fail, and another writer can come in between. Only tests include it. */
#ifndef CRUST_ENCLAVED_FAKE_MACHINE_TEST_H
#define CRUST_ENCLAVED_FAKE_MACHINE_TEST_H

#include "base/check.h"
#include "enclaved/nodes.h"

#include <errno.h>
#include <stdio.h>

#define FAKE_ROOT "/mock"

enum { FAKE_FDS = 4, FAKE_DIRS = 16, FAKE_BLOB = 20 << 10, FAKE_SNP_REPORT = 1184 };

struct fake_dir {
    bool used;
    char path[NODES_PATH_MAX];
    unsigned generation, level;
    bool set;
    uint8_t inblob[64];
};

struct fake_fd {
    bool open, writing;
    char path[NODES_PATH_MAX];
    struct fake_dir *dir;
    uint8_t bytes[FAKE_BLOB];
    size_t size, at;
};

static struct fake_machine {
    const char *driver;  /* of configfs-tsm; NULL: there is none */
    const char *type;    /* of /dev/attestation; NULL: there is none */
    unsigned floor;      /* of privilege levels */
    unsigned tdx;        /* version of quotes */
    size_t table;        /* size of the certificate table */
    size_t step;         /* most bytes a read gives; 0: no limit */
    unsigned calls;      /* operations so far */
    unsigned fail_at;    /* the operation that fails, from 1; 0: none */
    unsigned fail_count; /* how many from there on */
    int fail_errno;
    unsigned intruders; /* so many requests are disturbed by another writer */
    unsigned lost;      /* so many writes of inblob are lost at close */
    unsigned stale;     /* so many quotes are of another report data */
    uint32_t snp_status;
    uint64_t snp_fields; /* asked for */
    unsigned dirs_made, pauses, paused_ms;
    bool report_data_set;
    uint8_t report_data[64];
    struct fake_dir dirs[FAKE_DIRS];
    struct fake_fd fds[FAKE_FDS];
} fake;

static inline bool fake_fails(void)
{
    fake.calls++;
    bool fails = fake.fail_at != 0 && fake.calls >= fake.fail_at &&
                 fake.calls < fake.fail_at + fake.fail_count;
    if (fails)
        errno = fake.fail_errno;
    return fails;
}

static inline int fake_error(int number)
{
    errno = number;
    return -1;
}

static inline int fake_make_dir(const char *path)
{
    static const char folder[] = FAKE_ROOT "/sys/kernel/config/tsm/report/";
    if (fake_fails())
        return -1;
    if (strncmp(path, folder, sizeof(folder) - 1) != 0)
        return fake_error(ENOENT);
    if (fake.driver == NULL)
        return fake_error(ENXIO);
    for (size_t i = 0; i < FAKE_DIRS; i++) {
        CHECK(!fake.dirs[i].used || strcmp(fake.dirs[i].path, path) != 0);
        if (fake.dirs[i].used)
            continue;
        fake.dirs[i] = (struct fake_dir){ .used = true };
        snprintf(fake.dirs[i].path, NODES_PATH_MAX, "%s", path);
        fake.dirs_made++;
        return 0;
    }
    return fake_error(ENOSPC);
}

static inline int fake_remove_dir(const char *path)
{
    if (fake_fails())
        return -1;
    for (size_t i = 0; i < FAKE_FDS; i++)
        CHECK(!fake.fds[i].open);
    for (size_t i = 0; i < FAKE_DIRS; i++) {
        if (fake.dirs[i].used && strcmp(fake.dirs[i].path, path) == 0) {
            fake.dirs[i].used = false;
            return 0;
        }
    }
    return fake_error(ENOENT);
}

/* The quote or report over 64 bytes, filled so that every byte says where it stands. */
static inline size_t fake_report(uint8_t *out, const uint8_t report_data[64])
{
    size_t n = FAKE_SNP_REPORT, at = 0x50;
    if (fake.driver == NULL || strcmp(fake.driver, "tdx_guest") == 0) {
        n = fake.driver == NULL ? 4600 : 5006;
        at = fake.driver == NULL ? 368 : (fake.tdx == 4 ? 568 : 574);
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(i * 7);
    out[0] = (uint8_t)(fake.driver == NULL ? 3 : fake.tdx);
    out[1] = 0;
    memcpy(out + at, report_data, 64);
    return n;
}

static inline bool fake_ends(const char *path, const char *name)
{
    size_t a = strlen(path), b = strlen(name);
    return a >= b && strcmp(path + a - b, name) == 0;
}

static inline int fake_text(struct fake_fd *f, const char *text)
{
    f->size = strlen(text);
    memcpy(f->bytes, text, f->size);
    return 0;
}

#endif
