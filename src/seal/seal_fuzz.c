/* Bytes as a sequence of requests to an enclave that is ready: type u8, body size u16, bulk size
 * u16, body, bulk. Whatever comes, it answers or refuses; what it answers has one encoding; and
 * what it claims to hold never changes without an operation in the step. */
#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct seal seal;
static struct seal_job job;

/* The same "random" bytes each time, so that a seed may hold records and checkpoints. */
static void entropy(void *out, size_t n)
{
    memset(out, 0x5a, n);
}

static bool ask(uint16_t type, struct span body, struct span bulk)
{
    static uint8_t out[ENCLAVE_BODY_MAX];
    struct work_state before = seal.state.now;
    if (seal_take(&seal, &job, type, body, bulk) != OK)
        return false;
    (void)seal_lane(&seal, &job);
    if (seal_handle(&seal, &job) != OK) {
        ASSERT(memcmp(&before, &seal.state.now, sizeof(before)) == 0);
        return true;
    }
    struct writer w = writer_of(out, sizeof(out));
    struct enclave_reply reply;
    enclave_reply_encode(&w, &job.reply);
    ASSERT(w.err == OK && enclave_reply_decode(&reply, type, writer_span(&w)) == OK);
    return true;
}

static void start(void)
{
    static const uint8_t hello[] = { 0x82, 0x01, 0x58, 0x20 }, null[] = { 0x81, 0xf6 };
    uint8_t body[36] = { 0 };
    memcpy(body, hello, sizeof(hello));
    if (seal.config.entropy == NULL) {
        const struct seal_config config = { .provider = &seal_provider_software,
                                            .release = span_str("fuzz"),
                                            .entropy = entropy };
        enum err e = seal_init(&seal, &config);
        ASSERT(e == OK);
        e = seal_job_init(&job);
        ASSERT(e == OK);
    }
    seal_reset(&seal);
    bool greeted = ask(ENCLAVE_HELLO, span_of(body, sizeof(body)), (struct span){ NULL, 0 });
    bool keyed = ask(ENCLAVE_PROVISION, span_of(null, sizeof(null)), (struct span){ NULL, 0 });
    bool ready = ask(ENCLAVE_LOAD, span_of(null, sizeof(null)), (struct span){ NULL, 0 });
    ASSERT(greeted && keyed && ready && seal.phase == SEAL_READY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(span_of(data, size));
    start();
    while (r.n > 0) {
        uint16_t type = read_u8(&r), body = read_le16(&r), bulk = read_le16(&r);
        struct span b = read_span(&r, body), k = read_span(&r, bulk);
        if (r.err != OK || !ask(type, b, k))
            break;
    }
    return 0;
}
