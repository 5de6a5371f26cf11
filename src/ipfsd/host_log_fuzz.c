/* Any records in the journal of the host: opening refuses them, or gives a state that is written
 * and read again as it is. A record is its length (u16) and its bytes; the first may be a snapshot.
 */
#include "ipfsd/host_log.h"

#include "store/file_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct host_log one, two; /* large for a stack */

static void write_records(const struct files *files, struct span in)
{
    struct journal *j;
    const struct journal_config c = { .files = files, .dirs = { "/j" }, .dir_count = 1 };
    enum err e = journal_open(&j, &c);
    ASSERT(e == OK);
    for (bool first = true; in.n >= 2; first = false) {
        size_t n = load_le16(in.p);
        struct span record = span_sub(in, 2, n & 0x7fff);
        in = span_sub(in, 2 + record.n, SIZE_MAX);
        if (first && n >= 0x8000)
            (void)!journal_snapshot(j, record);
        else
            (void)!journal_append(j, record);
    }
    (void)!journal_commit(j);
    journal_close(j);
}

static enum err open_log(struct host_log *l, const struct files *files)
{
    const struct journal_config c = { .files = files, .dirs = { "/j" }, .dir_count = 1 };
    return host_log_open(l, &c);
}

static void check_same(void)
{
    ASSERT(one.keys_size == two.keys_size && memcmp(one.keys, two.keys, one.keys_size) == 0);
    ASSERT(one.version == two.version && one.record_size == two.record_size);
    ASSERT(one.base.seq == two.base.seq && one.step_count == two.step_count);
    for (uint32_t i = 0; i < one.step_count; i++)
        ASSERT(one.steps[i].size == two.steps[i].size &&
               memcmp(one.steps[i].bytes, two.steps[i].bytes, one.steps[i].size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file_fault *ff = file_fault_new(1, 1 << 24);
    const struct files *files = file_fault_files(ff);
    write_records(files, span_of(data, size));
    if (open_log(&one, files) == OK) {
        ASSERT(one.step_count <= HOST_LOG_STEPS_MAX && one.record_size <= ENCLAVE_STATE_MAX);
        enum err e = host_log_state(&one, one.version + 1, span_str("record"));
        ASSERT(e == OK);
        host_log_close(&one);
        e = open_log(&two, files);
        ASSERT(e == OK);
        check_same();
        host_log_close(&two);
    } else {
        host_log_close(&one);
    }
    file_fault_free(ff);
    return 0;
}
