/* crust attest verify: explains a quote or report in plain words. */
#include "attest/dcap.h"
#include "attest/jtext.h"
#include "attest/policy.h"
#include "base/hex.h"
#include "cli/attest_files.h"
#include "cli/attest_show.h"
#include "cli/collateral.h"
#include "codec/cbor.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 256 << 10 };

/* ---- what is asked --------------------------------------------------------------------------- */

static enum cli_exit take_time(const struct cli *c, uint64_t *out)
{
    const char *text = cli_value(c, "at");
    *out = clock_wall_ms() / 1000;
    if (text == NULL)
        return CLI_OK;
    if (config_number(out, CONFIG_U64, text) == OK)
        return CLI_OK;
    char quoted[40];
    int n =
        snprintf(quoted, sizeof(quoted), strlen(text) == 10 ? "\"%sT00:00:00Z\"" : "\"%s\"", text);
    if (n > 0 && (size_t)n < sizeof(quoted)) {
        struct jtext j = jtext_of(span_str(quoted));
        *out = jtext_time(&j);
        if (jtext_finish(&j) == OK)
            return CLI_OK;
    }
    return cli_usage(
        c, "--at: \"%s\" is no time such as 2026-06-01, 2026-06-01T12:00:00Z or seconds", text);
}

/* {"data": bytes, "kind": text}, as it stands in a registration: the data. */
static bool take_evidence(struct span *out, struct span content)
{
    struct cbor_reader r = cbor_reader_of(content, CBOR_STRICT);
    cbor_read_map_of(&r, 2);
    cbor_read_key(&r, "data");
    struct span data = cbor_read_bytes(&r);
    cbor_read_key(&r, "kind");
    (void)cbor_read_text(&r);
    if (cbor_finish(&r) != OK)
        return false;
    *out = data;
    return true;
}

/* Text of hex digits, with or without 0x and space around, is what it stands for; in place. */
static struct span take_hex(struct mspan content)
{
    size_t at = content.n >= 2 && content.p[0] == '0' && content.p[1] == 'x' ? 2 : 0, n = 0;
    uint8_t high = 0;
    for (size_t i = at; i < content.n; i++) {
        int d = hex_digit((char)content.p[i]);
        if (d < 0 && strchr(" \t\r\n", content.p[i]) != NULL)
            continue;
        if (d < 0)
            return span_of(content.p, content.n);
        if (n % 2 == 0)
            high = (uint8_t)(d << 4);
        else
            content.p[n / 2] = (uint8_t)(high | d);
        n++;
    }
    return span_of(content.p, n / 2);
}

/* Only digits and space: then it is hex for sure, since no evidence is text. */
static bool is_hex(struct span s)
{
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool prefix = i == 1 && s.p[0] == '0' && s.p[1] == 'x';
        bool digit = s.p[i] != 0 && hex_digit((char)s.p[i]) >= 0;
        if (!prefix && !digit && (s.p[i] == 0 || strchr(" \t\r\n", s.p[i]) == NULL))
            return false;
        digits += digit;
    }
    return digits >= 64;
}

static enum cli_exit read_collateral(const struct cli *c, struct bundle *files)
{
    const struct cli_given *given = cli_values(c, "collateral");
    enum err e = attest_files_init(files);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s", err_text(e));
    for (size_t i = 0; i < given->count; i++) {
        e = attest_files_add(files, given->values[i]);
        if (e != OK)
            return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", given->values[i],
                            e == ERR_NOT_FOUND ? "no such folder" : err_text(e));
    }
    return CLI_OK;
}

/* ---- the answer --------------------------------------------------------------------------------
 */

static enum cli_exit explain(const struct cli *c, struct span evidence, const struct bundle *files,
                             uint64_t time)
{
    static struct attest_verdict verdict, bare;
    struct attest_policy policy = *attest_policy_default();
    struct attest_collateral collateral;
    const struct attest_roots *roots = attest_vendor_roots();
    bundle_choose(&collateral, files, evidence, roots, time);
    const struct attest_inputs inputs = { roots, &collateral, time };
    const struct attest_situation situation = { .time = time, .admitted = cli_has(c, "renewal") };
    struct attest_show show = { .verdict = &verdict,
                                .collateral = &collateral,
                                .time = time,
                                .is_quote = attest_is_quote(evidence),
                                .size = evidence.n };
    policy.any_release = true; /* a network's releases are its own: README of the verb says so */
    show.genuine = attest_verify_bare(&verdict, evidence, &inputs) == OK;
    if (show.genuine)
        show.refusals = attest_policy_refusals(&policy, &verdict, &situation);
    else if (show.is_quote && dcap_verify_signatures(&bare, evidence, &inputs) == OK)
        show.bare = &bare;
    enum cli_exit printed = c->json ? attest_show_json(&show) : attest_show_text(&show);
    if (printed != CLI_OK)
        return printed;
    return show.genuine && show.refusals == 0 ? CLI_OK : CLI_REFUSED;
}

static enum cli_exit cmd_attest_verify(struct cli *c)
{
    static struct bundle files;
    struct mspan content;
    uint64_t time;
    enum cli_exit exit = take_time(c, &time);
    if (exit != CLI_OK)
        return exit;
    enum err e = path_read_file(&content, c->args[0], FILE_MAX);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", c->args[0], err_text(e));
    struct span evidence = span_of(content.p, content.n);
    if (is_hex(evidence))
        evidence = take_hex(content);
    (void)take_evidence(&evidence, evidence);
    exit = read_collateral(c, &files);
    if (exit == CLI_OK)
        exit = explain(c, evidence, &files, time);
    attest_files_fini(&files);
    free(content.p);
    return exit;
}

static const struct cli_option verify_options[] = {
    { "collateral", 0, "DIR",
      "folder with certificates, CRLs, TCB info and QE identity; may be repeated" },
    { "at", 0, "TIME",
      "judge as of this time: a date, an RFC 3339 time or Unix seconds; default now" },
    { "renewal", 0, NULL, "judge as a worker that was admitted before: the time to update counts" },
    { 0 },
};

const struct cli_verb cli_verbs_attest[] = {
    { "attest verify", "FILE",
      "explain an SGX or TDX quote or a SEV-SNP report: who signed it, how good it is",
      "crust attest verify quote.bin --collateral /var/lib/collateral\n"
      "crust attest verify report.bin --collateral certs --at 2026-06-01 --json",
      verify_options, 1, 1, cmd_attest_verify },
    { "attest collateral", "status | post DIR... | fetch | pack [DIR]",
      "the vendors' documents that the chain judges evidence by",
      "crust attest collateral status --for quote.bin\n"
      "crust attest collateral fetch --for quote.bin --out docs\n"
      "crust attest collateral post docs --yes",
      cmd_collateral_options, 1, CLI_ARGS_MAX, cmd_collateral },
    { 0 },
};
