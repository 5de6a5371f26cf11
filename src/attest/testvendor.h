/* testvendor: a made Intel: certificates, revocation lists, TCB info, QE identity, and SGX machines
 * that quote any report data. Real evidence binds what its owner bound, so that a test of a whole
 * chain needs machines of its own; a genesis that takes software evidence may name their root. */
#ifndef CRUST_ATTEST_TESTVENDOR_H
#define CRUST_ATTEST_TESTVENDOR_H

#include "attest/attest.h"
#include "attest/collateral.h"
#include "attest/testcert.h"
#include "codec/cbor.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <time.h>

enum { VENDOR_DOCUMENT_MAX = 4096, VENDOR_QUOTE_MAX = 8192, VENDOR_SERIAL = 1000 };

#define VENDOR_ROOT   "Intel SGX Root CA"
#define VENDOR_CA     "Intel SGX PCK Platform CA"
#define VENDOR_LEAF   "Intel SGX PCK Certificate"
#define VENDOR_SIGNER "Intel SGX TCB Signing"

struct vendor {
    struct testcert_key root, ca, signer, leaf, quoting;
    uint8_t bytes[3][2048];
    struct span root_cert, ca_cert, signer_cert;
    uint64_t from, to; /* validity of certificates */
};

/* A machine and its program. */
struct vendor_machine {
    uint8_t number;  /* PPID, and serial VENDOR_SERIAL + number */
    uint8_t program; /* MRENCLAVE is 32 of these */
    uint8_t svn;     /* of all components: 7 UpToDate, 5 SWHardeningNeeded, 3 OutOfDate */
    uint8_t flags;   /* of its attributes besides INIT and MODE64BIT: 2 DEBUG */
};

static inline struct span vendor_cert(struct vendor *v, uint8_t room[2048], const char *name,
                                      const struct testcert_key *key, long serial)
{
    const struct testcert_spec spec = { .name = name,
                                        .issuer = VENDOR_ROOT,
                                        .key = key,
                                        .issuer_key = &v->root,
                                        .serial = serial,
                                        .from = v->from,
                                        .to = v->to,
                                        .ca = key != &v->signer };
    return testcert_make(room, 2048, &spec);
}

static inline void vendor_init(struct vendor *v, uint64_t from, uint64_t to)
{
    *v = (struct vendor){ .from = from, .to = to };
    struct testcert_key *keys[] = { &v->root, &v->ca, &v->signer, &v->leaf, &v->quoting };
    for (size_t i = 0; i < 5; i++)
        testcert_key_make(keys[i]);
    v->root_cert = vendor_cert(v, v->bytes[0], VENDOR_ROOT, &v->root, 1);
    v->ca_cert = vendor_cert(v, v->bytes[1], VENDOR_CA, &v->ca, 2);
    v->signer_cert = vendor_cert(v, v->bytes[2], VENDOR_SIGNER, &v->signer, 3);
}

static inline void vendor_fini(struct vendor *v)
{
    EVP_PKEY *keys[] = { v->root.pkey, v->ca.pkey, v->signer.pkey, v->leaf.pkey, v->quoting.pkey };
    for (size_t i = 0; i < 5; i++)
        EVP_PKEY_free(keys[i]);
}

/* ---- documents ------------------------------------------------------------------------------- */

static inline void vendor_date(char out[24], uint64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    CHECK(gmtime_r(&t, &tm) != NULL && strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 20);
}

/* {"name":body,"signature":...} */
static inline struct span vendor_signed(struct vendor *v, char *out, const char *name,
                                        const char *body)
{
    uint8_t signature[64];
    testcert_sign(&v->signer, signature, span_str(body));
    int n = snprintf(out, VENDOR_DOCUMENT_MAX, "{\"%s\":%s,\"signature\":\"", name, body);
    for (size_t i = 0; i < 64; i++)
        n += snprintf(out + n, VENDOR_DOCUMENT_MAX - (size_t)n, "%02x", signature[i]);
    n += snprintf(out + n, VENDOR_DOCUMENT_MAX - (size_t)n, "\"}");
    CHECK(n < VENDOR_DOCUMENT_MAX);
    return span_of(out, (size_t)n);
}

static inline int vendor_level(char *out, size_t room, unsigned svn, const char *rest)
{
    int n = snprintf(out, room, "{\"tcb\":{\"sgxtcbcomponents\":[");
    for (int i = 0; i < 16; i++)
        n += snprintf(out + n, room - (size_t)n, "%s{\"svn\":%u}", i == 0 ? "" : ",", svn);
    return n + snprintf(out + n, room - (size_t)n, "],\"pcesvn\":13},%s}", rest);
}

/* Levels: 9 or raised, UpToDate; 5, SWHardeningNeeded; 3, OutOfDate since then. */
static inline struct span vendor_tcb_info(struct vendor *v, char *out, uint64_t issued,
                                          uint64_t next, unsigned evaluation, unsigned good)
{
    char body[3000], from[24], to[24];
    vendor_date(from, issued);
    vendor_date(to, next);
    int n = snprintf(body, sizeof(body),
                     "{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
                     "\"fmspc\":\"00c0ffee0000\",\"pceId\":\"0000\",\"tcbType\":0,"
                     "\"tcbEvaluationDataNumber\":%u,\"tcbLevels\":[",
                     from, to, evaluation);
    char rest[256];
    (void)snprintf(rest, sizeof(rest), "\"tcbDate\":\"%s\",\"tcbStatus\":\"UpToDate\"", from);
    n += vendor_level(body + n, sizeof(body) - (size_t)n, good, rest);
    body[n++] = ',';
    (void)snprintf(rest, sizeof(rest),
                   "\"tcbDate\":\"%s\",\"tcbStatus\":\"SWHardeningNeeded\","
                   "\"advisoryIDs\":[\"INTEL-SA-00615\"]",
                   from);
    n += vendor_level(body + n, sizeof(body) - (size_t)n, good - 2, rest);
    body[n++] = ',';
    (void)snprintf(rest, sizeof(rest),
                   "\"tcbDate\":\"2020-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
                   "\"advisoryIDs\":[\"INTEL-SA-99900\"]");
    n += vendor_level(body + n, sizeof(body) - (size_t)n, good - 4, rest);
    n += snprintf(body + n, sizeof(body) - (size_t)n, "]}");
    return vendor_signed(v, out, "tcbInfo", body);
}

static inline struct span vendor_qe_identity(struct vendor *v, char *out, uint64_t issued,
                                             uint64_t next, unsigned evaluation)
{
    char body[1500], from[24], to[24];
    vendor_date(from, issued);
    vendor_date(to, next);
    (void)snprintf(
        body, sizeof(body),
        "{\"id\":\"QE\",\"version\":2,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"tcbEvaluationDataNumber\":%u,\"miscselect\":\"00000000\",\"miscselectMask\":"
        "\"FFFFFFFF\","
        "\"attributes\":\"11000000000000000000000000000000\","
        "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"isvprodid\":1,"
        "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":8},\"tcbDate\":\"2025-01-01T00:00:00Z\","
        "\"tcbStatus\":\"UpToDate\"}]}",
        from, to, evaluation);
    return vendor_signed(v, out, "enclaveIdentity", body);
}

#endif
