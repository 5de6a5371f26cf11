/* disks: the volumes of this node: opened from the settings, numbered, probed on a timer. The
 * numbers are in the enclave's trees, so they are kept in the file enclave/disks (format:
 * docs/spec/node-host.md 5); when that is lost, a disk's own list of leaves says its number. Any
 * thread, except that open and close are the main thread's. */
#ifndef CRUST_IPFSD_DISKS_H
#define CRUST_IPFSD_DISKS_H

#include "ipfsd/settings.h"
#include "store/volume.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DISKS_MAX = SETTINGS_DISKS_MAX };

/* What the operator has said; kept over restarts. */
enum disk_want {
    DISK_USED,
    DISK_STOPPED, /* crust disk suspend */
    DISK_DROPPED, /* crust disk drop: its data goes once the chain has accepted that */
    DISK_GONE,    /* it has: the number is free again at the next start */
};

struct disk {
    struct volume *volume; /* NULL: this number is not in use here */
    char path[SETTINGS_PATH_MAX];
    uint8_t id[VOLUME_ID_SIZE];
    pthread_mutex_t lock; /* one thread changes a volume at a time */
    _Atomic enum disk_want want;
    atomic_bool wipe;     /* DROPPED, and the chain has accepted it */
    atomic_uint permille; /* of a check of its bytes; 0: none is under way */
};

struct disks {
    struct disk disks[DISKS_MAX]; /* by number */
    char list[SETTINGS_PATH_MAX + 16];
    pthread_mutex_t list_lock;
};

/* disks_open opens each disk of the settings; a path that is new gets the lowest free number and,
 * when it holds nothing, a marker. A disk that is known and not mounted is OFFLINE, not an error.
 * One that cannot be opened is left out, which has been logged; when that is all of them, its error
 * is returned: ERR_EXISTS (files without a marker, or sealed data that the list does not know),
 * ERR_LIMIT, ERR_IO ... */
NODISCARD enum err disks_open(struct disks *d, const struct settings *s);
void disks_close(struct disks *d);
/* disks_open_known opens the disks of the list besides those of the settings. */
NODISCARD enum err disks_open_known(struct disks *d, const struct settings *s);

/* disks_listed reads the list before the disks are opened. A damaged list has nobody on it.
 * Out: paths by number, "" for none. */
void disks_listed(char paths[DISKS_MAX][SETTINGS_PATH_MAX], const struct settings *s);

/* disks_say keeps what the operator wants of a disk. ERR_NOT_FOUND: no such disk. */
NODISCARD enum err disks_say(struct disks *d, uint32_t number, enum disk_want want);

/* The disk's state in words; what stands before a colon names it. */
enum { DISKS_TEXT_MAX = 80 };
void disks_text(const struct disks *d, uint32_t number, char out[DISKS_TEXT_MAX]);

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

/* disks_probe looks at every disk and logs changes of state. */
void disks_probe(struct disks *d);

/* The bits are the volumes that are in this state. Does not touch the disks. */
uint16_t disks_in(const struct disks *d, enum volume_state state);

#endif
