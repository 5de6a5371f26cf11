/* testcases: reads tests/vectors/attest (or the folder that CRUST_ATTEST_CASES names) for tests and
 * benchmarks. Everything is kept in static memory of the program that includes it. */
#ifndef CRUST_ATTEST_TESTCASES_H
#define CRUST_ATTEST_TESTCASES_H

#include "attest/attest.h"
#include "attest/dcap.h"
#include "attest/pem.h"
#include "attest/quote.h"
#include "attest/tcbinfo.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

enum { TESTCASES_ROOM = 1 << 20, TESTCASES_JSON_MAX = 1 << 20 };

/* What a case consists of; spans are into the room. */
struct testcase {
    const char *id, *kind;
    struct json_value json, expect;
    bool dcap, signatures_only;
    struct span evidence; /* quote or report */
    struct attest_collateral collateral;
    struct attest_roots roots;
    struct attest_inputs inputs; /* points to the two above */
};

static uint8_t testcases_room[TESTCASES_ROOM];
static size_t testcases_used;
static struct json testcases_doc;

static inline void testcases_fail(const char *what, const char *name)
{
    (void)fprintf(stderr, "%s: %s\n", what, name);
    abort();
}

static inline struct span testcases_read(const char *name)
{
    char path[512];
    const char *folder = getenv("CRUST_ATTEST_CASES");
    (void)snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "tests/vectors/attest",
                   name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        testcases_fail("cannot open", path);
    uint8_t *at = testcases_room + testcases_used;
    size_t n = fread(at, 1, sizeof(testcases_room) - testcases_used, f);
    if (!feof(f))
        testcases_fail("too large", path);
    (void)fclose(f);
    testcases_used += n;
    return span_of(at, n);
}

/* Text of a member; NULL when it is missing or null. */
static inline const char *testcases_text(struct json_value object, const char *name)
{
    struct json_value v = json_find(object, name);
    return json_kind(v) == JSON_KIND_TEXT ? json_text(v) : NULL;
}

static inline struct span testcases_file(struct json_value object, const char *name)
{
    const char *file = testcases_text(object, name);
    return file == NULL ? (struct span){ NULL, 0 } : testcases_read(file);
}

/* The first certificate of a PEM file, or the DER file itself. */
static inline struct span testcases_cert(struct json_value object, const char *name)
{
    static struct pem_chain chain;
    struct span file = testcases_file(object, name);
    if (file.n == 0 || file.p[0] == 0x30)
        return file;
    if (pem_decode(&chain, file) != OK || testcases_used + chain.certs[0].n > TESTCASES_ROOM)
        testcases_fail("not a certificate", testcases_text(object, name));
    uint8_t *at = testcases_room + testcases_used;
    memcpy(at, chain.certs[0].p, chain.certs[0].n);
    testcases_used += chain.certs[0].n;
    return span_of(at, chain.certs[0].n);
}

/* The vendors' roots, except for the synthetic cases, which name their own. */
static inline void testcases_load_roots(struct testcase *out)
{
    const char *root = testcases_text(out->json, out->dcap ? "trust_root" : "trusted_ark");
    out->roots = *attest_vendor_roots();
    if (root == NULL || strncmp(root, "synthetic/", 10) != 0)
        return;
    if (out->dcap) {
        out->roots = (struct attest_roots){ .intel = testcases_cert(out->json, "trust_root") };
        return;
    }
    struct span ark = testcases_cert(out->json, "trusted_ark");
    out->roots = (struct attest_roots){ .amd = { ark, ark, ark } };
}

static inline void testcases_load(struct testcase *out, struct json_value json)
{
    testcases_used = 0;
    *out = (struct testcase){ .json = json };
    out->id = json_text(json_get(json, "id"));
    out->kind = json_text(json_get(json, "kind"));
    out->expect = json_get(json, "expect");
    out->dcap = strncmp(out->kind, "dcap", 4) == 0;
    out->signatures_only = strcmp(out->kind, "dcap-signatures-only") == 0;
    out->evidence = testcases_file(json, out->dcap ? "quote" : "report");
    testcases_load_roots(out);
    out->collateral = (struct attest_collateral){
        .tcb_info = testcases_file(json, "tcb_info"),
        .qe_identity = testcases_file(json, "qe_identity"),
        .tcb_signer = testcases_cert(json, "signing_chain"),
        .root_crl = testcases_file(json, "root_crl"),
        .pck_crl = testcases_file(json, "pck_crl"),
        .snp_leaf = testcases_cert(json, "leaf"),
        .snp_ca = testcases_cert(json, "ca"),
        .snp_crl = testcases_file(json, "crl"),
    };
    struct json_value time = json_find(json, "time");
    out->inputs = (struct attest_inputs){
        .roots = &out->roots,
        .collateral = &out->collateral,
        .time = time.of == NULL ? 0 : json_u64(time, UINT64_MAX),
    };
}

static inline struct json_value testcases_open(const char *list)
{
    if (testcases_doc.root == NULL) {
        testcases_used = 0;
        if (json_open(&testcases_doc, testcases_read("cases.json"), TESTCASES_JSON_MAX) != OK)
            testcases_fail("cases.json", testcases_doc.what);
    }
    return json_get(json_root(&testcases_doc), list);
}

/* testcases_find loads the case with this id. */
static inline void testcases_find(struct testcase *out, const char *id)
{
    struct json_value list = testcases_open("cases");
    for (size_t i = 0; i < json_count(list); i++) {
        if (strcmp(json_text(json_get(json_at(list, i), "id")), id) == 0) {
            testcases_load(out, json_at(list, i));
            out->inputs.collateral = &out->collateral;
            return;
        }
    }
    testcases_fail("no case", id);
}

/* What the verifier of a case's kind says. */
static inline enum err testcases_verify(struct attest_verdict *v, const struct testcase *t)
{
    return t->signatures_only ? dcap_verify_signatures(v, t->evidence, &t->inputs)
                              : attest_verify_bare(v, t->evidence, &t->inputs);
}

#endif
