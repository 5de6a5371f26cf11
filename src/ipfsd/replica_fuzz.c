/* Any bytes in the files of a replica: reading refuses them or gives what fits together. The input:
 * what is asked for (offset u64, segment u32), the sizes of three files (u16 each), the head behind
 * its magic, then the files. */
#include "ipfsd/replica.h"

#include "store/file_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIX = 8 + 4 + 3 * 2 };

static void put(const struct replica_at *at, const char *name, struct span *in, size_t n)
{
    struct span bytes = span_sub(*in, 0, n);
    *in = span_sub(*in, bytes.n, SIZE_MAX);
    enum err e = volume_object_put(at->volume, &at->id, name, bytes);
    ASSERT(e == OK);
}

static void read_all(const struct replica_at *at, uint64_t offset, uint32_t segment)
{
    static struct replica_record records[REPLICA_GROUP];
    static struct replica_place place;
    static struct replica_seal seal;
    struct replica_head head;
    uint32_t length;
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    if (replica_head_get(&head, at) != OK)
        return;
    ASSERT(head.record_count > 0 && head.segment_count > 0);
    if (replica_find(&place, at, &head, offset) == OK)
        ASSERT(place.index < head.record_count && place.path_size % 40 == 0 &&
               place.record.record.length > 0);
    if (replica_seal_path(&seal, at, &head, segment) == OK)
        ASSERT(segment < head.segment_count && seal.steps <= 32);
    (void)!replica_segment_get(&length, wrapped, at, segment);
    (void)!replica_group_get(records, at, &head, 0);
    (void)!replica_record_get(&records[0], at, &head, offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct volume_replica id = { { 1 } };
    struct volume *v;
    if (size < PREFIX)
        return 0;
    struct file_fault *ff = file_fault_new(1, 1 << 24);
    const struct volume_config c = { .files = file_fault_files(ff), .path = "/d", .create = true };
    enum err e = volume_open(&v, &c);
    ASSERT(e == OK);
    const struct replica_at at = { v, id };
    uint8_t head[REPLICA_HEAD_SIZE] = { 'C', 'R', 'H', '1' };
    struct span in = span_of(data + PREFIX, size - PREFIX);
    struct span fields = span_sub(in, 0, sizeof(head) - 4);
    if (fields.n > 0)
        memcpy(head + 4, fields.p, fields.n);
    in = span_sub(in, fields.n, SIZE_MAX);
    struct span whole = span_of(head, sizeof(head));
    put(&at, "head", &whole, sizeof(head));
    put(&at, "groups", &in, load_le16(data + 12));
    put(&at, "segments", &in, load_le16(data + 14));
    put(&at, "records-00000000", &in, load_le16(data + 16));
    read_all(&at, load_le64(data), load_le32(data + 8));
    volume_close(v);
    file_fault_free(ff);
    return 0;
}
