/* testtamper: the tamper recipes of tests/vectors/attest, for tests. */
#ifndef CRUST_ATTEST_TESTTAMPER_H
#define CRUST_ATTEST_TESTTAMPER_H

#include "attest/testcases.h"

static inline void testcases_edit(struct mspan *bytes, size_t room, struct json_value edit)
{
    struct json_value cut = json_find(edit, "truncate"), more = json_find(edit, "append");
    if (cut.of != NULL) {
        bytes->n = json_u64(cut, bytes->n);
    } else if (more.of != NULL) {
        size_t n = strlen(json_text(more)) / 2;
        if (n > room - bytes->n)
            testcases_fail("too large", "append");
        json_hex(more, bytes->p + bytes->n, n);
        bytes->n += n;
    } else {
        size_t at = json_u64(json_get(edit, "offset"), bytes->n - 1);
        bytes->p[at] ^= (uint8_t)json_u64(json_get(edit, "xor"), 255);
    }
}

/* testcases_tamper applies the edits of a recipe to bytes, which have room for that many. */
static inline void testcases_tamper(struct mspan *bytes, size_t room, struct json_value edits)
{
    for (size_t i = 0; i < json_count(edits); i++)
        testcases_edit(bytes, room, json_at(edits, i));
    if (testcases_doc.err != OK)
        testcases_fail("recipe", testcases_doc.what);
}

/* The part of a case that a recipe changes. */
static inline struct span *testcases_field(struct testcase *t, const char *name)
{
    const struct {
        const char *name;
        struct span *span;
    } fields[] = {
        { "quote", &t->evidence },
        { "report", &t->evidence },
        { "tcb_info", &t->collateral.tcb_info },
        { "qe_identity", &t->collateral.qe_identity },
        { "root_crl", &t->collateral.root_crl },
        { "pck_crl", &t->collateral.pck_crl },
        { "leaf", &t->collateral.snp_leaf },
        { "ca", &t->collateral.snp_ca },
        { "crl", &t->collateral.snp_crl },
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].span;
    }
    testcases_fail("no field", name);
    return NULL;
}

#endif
