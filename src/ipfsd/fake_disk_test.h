/* fake_disk_test: what tests do to the disks of a storage node. Only tests include it. */
#ifndef CRUST_IPFSD_FAKE_DISK_TEST_H
#define CRUST_IPFSD_FAKE_DISK_TEST_H

#include "ipfsd/fake_storage_test.h"

#include <dirent.h>
#include <sys/stat.h>

static struct fake_chain chain; /* large for a stack */

static inline void open_chain(struct fake_node *n)
{
    struct node_status s = fake_storage_status(n);
    CHECK(s.storage && span_eq(s.provider, span_str("software")));
    fake_chain_open(&chain, "test", s.worker, s.lineage);
}

/* A node with these disks, running, and a chain that knows its worker. */
static inline void open_node(struct fake_node *n, const char *disks)
{
    fake_storage_open(n, disks);
    fake_node_start(n);
    open_chain(n);
}

/* Sum over the volumes, as the chain has them. */
static inline uint32_t files_on_chain(void)
{
    uint32_t count = 0;
    for (int v = 0; v < WORK_VOLUMES; v++)
        count += chain.state.volumes[v].files.count;
    return count;
}

static inline struct content_key small_content(struct fake_node *n, uint32_t seed)
{
    return fake_storage_make_content(n, seed, 4, 30000);
}

/* Applies fn to every file below disk whose name begins with prefix; returns how many. */
static inline int each_file(const char *dir, const char *prefix, void (*fn)(const char *path))
{
    int count = 0;
    DIR *d = opendir(dir);
    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[1024];
        struct stat st;
        CHECK(snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path));
        if (e->d_name[0] == '.' || lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            if (strcmp(e->d_name, "journal") != 0)
                count += each_file(path, prefix, fn);
        } else if (st.st_size > 20000 && strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            fn(path);
            count++;
        }
    }
    closedir(d);
    return count;
}

static inline void damage(const char *path)
{
    static uint8_t bytes[64 << 10];
    random_bytes(bytes, sizeof(bytes));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    struct stat st;
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(bytes)) {
        size_t want =
            st.st_size - at < (off_t)sizeof(bytes) ? (size_t)(st.st_size - at) : sizeof(bytes);
        CHECK(pwrite(fd, bytes, want, at) == (ssize_t)want);
    }
    close(fd);
}

static inline struct node_disk disk_of(struct fake_node *n, uint32_t volume)
{
    static struct node_status s;
    s = fake_storage_status(n);
    CHECK(volume < s.disk_count && s.disks[volume].volume == volume);
    return s.disks[volume];
}

static inline void wait_disk(struct fake_node *n, uint32_t volume, const char *want)
{
    for (int i = 0; i < 200; i++) {
        struct span state = disk_of(n, volume).state;
        if (state.n >= strlen(want) && memcmp(state.p, want, strlen(want)) == 0)
            return;
        clock_sleep_ms(50);
    }
    CHECK(false);
}

#endif
