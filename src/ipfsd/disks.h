/* disks: the volumes of this node: opened from the settings, numbered for good, probed on a timer.
 * The numbers are in the enclave's trees, so they are kept in the file enclave/disks: one line
 * "number id path" each. Any thread, except that open and close are the main thread's. */
#ifndef CRUST_IPFSD_DISKS_H
#define CRUST_IPFSD_DISKS_H

#include "ipfsd/settings.h"
#include "store/volume.h"

#include <pthread.h>

enum { DISKS_MAX = SETTINGS_DISKS_MAX };

struct disk {
    struct volume *volume; /* NULL: this number is not in use here */
    char path[SETTINGS_PATH_MAX];
    uint8_t id[VOLUME_ID_SIZE];
    pthread_mutex_t lock; /* one thread changes a volume at a time */
};

struct disks {
    struct disk disks[DISKS_MAX]; /* by number */
    char list[SETTINGS_PATH_MAX + 16];
};

/* disks_open opens each disk of the settings; a path that is new gets the lowest free number and,
 * when it holds nothing, a marker. A disk that is known and not mounted is OFFLINE, not an error.
 * ERR_EXISTS (files without a marker), ERR_LIMIT, ERR_IO ... : it has been logged. */
NODISCARD enum err disks_open(struct disks *d, const struct settings *s);
void disks_close(struct disks *d);

/* The volume of a number, or NULL. */
struct volume *disks_volume(const struct disks *d, uint32_t number);

/* True when the volume can be read now. */
bool disks_readable(const struct disks *d, uint32_t number);

/* disks_choose gives the volume with the most free space that can be written and has room for
 * bytes. ERR_FULL. */
NODISCARD enum err disks_choose(const struct disks *d, uint32_t *number, uint64_t bytes);

/* Writing is one thread at a time per volume. */
void disks_lock(struct disks *d, uint32_t number);
void disks_unlock(struct disks *d, uint32_t number);

/* disks_probe looks at every disk and logs changes of state; the bits are the volumes that are
 * RETURNING and wait for a check of samples. */
uint16_t disks_probe(struct disks *d);

#endif
