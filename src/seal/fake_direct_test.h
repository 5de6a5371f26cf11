/* fake_direct: an enclave without its process, for tests: requests and replies go through their
 * bytes all the same. */
#ifndef CRUST_SEAL_FAKE_DIRECT_TEST_H
#define CRUST_SEAL_FAKE_DIRECT_TEST_H

#include "base/check.h"
#include "seal/seal.h"

/* The enclave's object and one job. */
struct direct {
    struct seal seal;
    struct seal_job job;
    uint8_t request[ENCLAVE_BODY_MAX], reply[SEAL_JOB_OUT + 4096];
    enum err violation; /* what seal_take said last */
};

/* Of a fake_host; ctx is a struct direct. */
static inline enum err direct_call(void *ctx, struct enclave_reply *reply, struct span *reply_bulk,
                                   const struct enclave_request *request, struct span bulk)
{
    struct direct *d = ctx;
    *reply_bulk = (struct span){ NULL, 0 };
    struct writer w = writer_of(d->request, sizeof(d->request));
    enclave_msg_encode(&w, request);
    CHECK_OK(w.err);
    d->violation = seal_take(&d->seal, &d->job, request->type, writer_span(&w), bulk);
    TRY(d->violation);
    TRY(seal_handle(&d->seal, &d->job));
    w = writer_of(d->reply, sizeof(d->reply));
    enclave_reply_encode(&w, &d->job.reply);
    CHECK_OK(w.err);
    *reply_bulk = d->job.reply_bulk;
    return enclave_reply_decode(reply, request->type, writer_span(&w));
}

#endif
