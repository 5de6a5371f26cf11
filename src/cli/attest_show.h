/* attest_show: says what a verification found, in plain words or as JSON. */
#ifndef CRUST_CLI_ATTEST_SHOW_H
#define CRUST_CLI_ATTEST_SHOW_H

#include "attest/attest.h"
#include "attest/policy.h"
#include "cli/cli.h"

struct attest_show {
    const struct attest_verdict *verdict;
    const struct attest_collateral *collateral; /* what was found */
    const struct attest_verdict *bare; /* refused, but the quote's own signatures hold; else NULL */
    uint64_t time;
    uint64_t refusals; /* of policy; for a genuine one */
    size_t size;       /* of the evidence */
    bool genuine, is_quote;
};

enum cli_exit attest_show_text(const struct attest_show *s);
enum cli_exit attest_show_json(const struct attest_show *s);

/* "2026-06-01T12:00:00Z"; out holds 24 bytes. */
void attest_show_time(char out[24], uint64_t seconds);

/* attest_show_missing names what a refused verification would still need, "" for nothing. */
const char *attest_show_missing(const struct attest_show *s, unsigned i);

#endif
