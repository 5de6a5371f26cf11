/* volume_impl: what the files volume*.c share. Not for use outside them. */
#ifndef CRUST_STORE_VOLUME_IMPL_H
#define CRUST_STORE_VOLUME_IMPL_H

#include "store/volume.h"

#include <pthread.h>

/* Why the state is what it is; for volume_text. */
enum volume_cause {
    VOLUME_BECAUSE_NOTHING,
    VOLUME_BECAUSE_IO,
    VOLUME_BECAUSE_READ_ONLY,
    VOLUME_BECAUSE_NO_MARKER,
    VOLUME_BECAUSE_OTHER_DISK,
    VOLUME_BECAUSE_BAD_MARKER,
    VOLUME_BECAUSE_DOUBT,
};

struct volume {
    struct files files;
    char path[FILE_PATH_MAX];
    uint64_t capacity;
    uint64_t reserve;
    uint8_t id[VOLUME_ID_SIZE];
    pthread_mutex_t mutex; /* state and the sums */
    enum volume_state state;
    enum volume_cause cause;
    unsigned good_probes;
    struct file_space disk;              /* as last seen */
    uint64_t replicas, extents, objects; /* bytes on the disk */
};

enum volume_sum { VOLUME_REPLICAS, VOLUME_EXTENTS, VOLUME_OBJECTS };

/* Adds to or takes from a sum. */
void volume_count(struct volume *v, enum volume_sum sum, uint64_t added, uint64_t taken);

/* May this volume be read, or written, now? ERR_STATE. */
NODISCARD enum err volume_readable(struct volume *v);
NODISCARD enum err volume_writable(struct volume *v);

/* Passes e on; an I/O error makes a good volume suspect. */
enum err volume_note(struct volume *v, enum err e);

/* ERR_FULL unless need more bytes may be written. */
NODISCARD enum err volume_room(struct volume *v, uint64_t need);

/* Paths. replica NULL: the volume's own objects. */
NODISCARD enum err volume_replica_dir(const struct volume *v, char out[FILE_PATH_MAX],
                                      const struct volume_replica *replica);
NODISCARD enum err volume_segment_path(const struct volume *v, char out[FILE_PATH_MAX],
                                       const struct volume_replica *replica, uint32_t number,
                                       const char *suffix);
NODISCARD enum err volume_extent_path(const struct volume *v, char out[FILE_PATH_MAX],
                                      uint32_t number, const char *suffix);

/* The number in an extent's file name; false for other names. */
bool volume_extent_number(uint32_t *number, const char *name, const char *suffix);

/* Size of a file by its path; ERR_NOT_FOUND. */
NODISCARD enum err volume_file_size(struct volume *v, uint64_t *size, const char *path);
NODISCARD enum err volume_file_read(struct volume *v, struct mspan buf, const char *path,
                                    uint64_t offset);
bool volume_ends_with(const char *name, const char *suffix);

/* Removes all that Crust keeps in the directory, but for the marker. */
NODISCARD enum err volume_clear(struct volume *v);

/* Walks the disk once: removes what a crash left half-written, and sums up. */
NODISCARD enum err volume_survey(struct volume *v);

#endif
