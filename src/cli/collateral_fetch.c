/* What the vendors' services serve: Intel's PCS v4 (a PCCS answers in the same way), AMD's KDS.
 * Facts: Intel "Provisioning Certification Service" v4, AMD 57230 (VCEK certificate and KDS). */
#include "attest/pem.h"
#include "attest/tcbinfo.h"
#include "base/hex.h"
#include "cli/collateral.h"
#include "rt/http_client.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

#define INTEL          "https://api.trustedservices.intel.com"
#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define AMD            "https://kdsintf.amd.com"

enum { TIMEOUT_MS = 30000, CHAIN_MAX = 16384 };

struct job {
    struct cli *c;
    const char *out;
    char chain[CHAIN_MAX]; /* the header with the issuers of the last answer, as sent */
    bool private;          /* a PCCS is often in the local network: the user has named it */
    uint32_t written;
};

static enum err on_reply(void *ctx, const struct http_reply *reply)
{
    struct job *j = ctx;
    (void)snprintf(j->chain, sizeof(j->chain), "%s", reply->header);
    return OK;
}

/* %XX and nothing else, in place. */
static size_t unescape(char *text)
{
    size_t n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        int high = p[0] == '%' ? hex_digit(p[1]) : -1;
        int low = high >= 0 ? hex_digit(p[2]) : -1;
        text[n++] = low >= 0 ? (char)(high << 4 | low) : *p;
        p += low >= 0 ? 2 : 0;
    }
    text[n] = '\0';
    return n;
}

static enum cli_exit keep(struct job *j, const char *name, struct span bytes)
{
    char path[PATH_TEXT_MAX];
    enum err e = path_join(path, sizeof(path), j->out, name);
    if (e == OK)
        e = path_write_file(path, bytes, 0644);
    if (e != OK)
        return cli_fail(j->c, cli_exit_of(e), NULL, "%s/%s: %s", j->out, name, err_text(e));
    j->written++;
    return CLI_OK;
}

/* hex: a PCCS gives revocation lists as hexadecimal digits. */
static struct span binary_of(struct mspan body)
{
    if (body.n == 0 || body.n % 2 != 0 || body.p[0] == DER_SEQUENCE || body.p[0] == '{' ||
        body.p[0] == '-')
        return span_of(body.p, body.n);
    for (size_t i = 0; i < body.n; i += 2) {
        int high = hex_digit((char)body.p[i]), low = hex_digit((char)body.p[i + 1]);
        if (high < 0 || low < 0)
            return span_of(body.p, body.n);
        body.p[i / 2] = (uint8_t)(high << 4 | low);
    }
    return span_of(body.p, body.n / 2);
}

/* Downloads one thing as name; the certificates over it, when a header brings them, as name.pem. */
static enum cli_exit get(struct job *j, const char *name, const char *chain_header, const char *url)
{
    struct mspan body = { NULL, 0 };
    uint16_t status = 0;
    char beside[80];
    const struct http_fetch_options o = { .method = HTTP_GET,
                                          .url = url,
                                          .wanted = chain_header,
                                          .on_reply = on_reply,
                                          .ctx = j,
                                          .total_timeout_ms = TIMEOUT_MS,
                                          .redirects_max = 3,
                                          .size_max = COLLATERAL_DOCUMENT_MAX * 2 };
    j->chain[0] = '\0';
    enum err e = http_fetch_text(&body, &o, j->private, &status);
    enum cli_exit exit = CLI_OK;
    if (e != OK)
        exit = cli_fail(j->c, CLI_UNREACHABLE, NULL, "%s: %s", url, err_text(e));
    else if (status != 200)
        exit = cli_fail(j->c, status == 404 ? CLI_NOT_FOUND : CLI_FAILED, NULL,
                        "%s answers with status %u", url, (unsigned)status);
    else
        exit = keep(j, name, binary_of(body));
    free(body.p);
    size_t n = exit == CLI_OK ? unescape(j->chain) : 0;
    if (n == 0)
        return exit;
    (void)snprintf(beside, sizeof(beside), "%s.pem", name);
    return keep(j, beside, span_str(j->chain));
}

static enum cli_exit intel(struct job *j, const char *base, const char *tee, const char *fmspc)
{
    char url[HTTP_URL_MAX], name[64];
    const char *own = base == NULL ? INTEL : base;
    (void)snprintf(url, sizeof(url), "%s/%s/certification/v4/tcb?fmspc=%s", own, tee, fmspc);
    (void)snprintf(name, sizeof(name), "tcb-%s-%s.json", tee, fmspc);
    enum cli_exit exit = get(j, name, "TCB-Info-Issuer-Chain", url);
    (void)snprintf(url, sizeof(url), "%s/%s/certification/v4/qe/identity", own, tee);
    (void)snprintf(name, sizeof(name), "qe-%s.json", tee);
    if (exit == CLI_OK)
        exit = get(j, name, "SGX-Enclave-Identity-Issuer-Chain", url);
    static const char *const cas[] = { "platform", "processor" };
    for (size_t i = 0; i < 2 && exit == CLI_OK; i++) {
        (void)snprintf(url, sizeof(url), "%s/sgx/certification/v4/pckcrl?ca=%s&encoding=der", own,
                       cas[i]);
        (void)snprintf(name, sizeof(name), "pck-%s.crl", cas[i]);
        exit = get(j, name, "SGX-PCK-CRL-Issuer-Chain", url);
    }
    (void)snprintf(url, sizeof(url), "%s/sgx/certification/v4/rootcacrl", own);
    return exit != CLI_OK ? exit : get(j, "root.crl", NULL, base == NULL ? INTEL_ROOT_CRL : url);
}

static enum cli_exit amd(struct job *j, const char *base, const char *product, bool vlek)
{
    char url[HTTP_URL_MAX], name[64];
    const char *own = base == NULL ? AMD : base, *kind = vlek ? "vlek" : "vcek";
    (void)snprintf(url, sizeof(url), "%s/%s/v1/%s/cert_chain", own, kind, product);
    (void)snprintf(name, sizeof(name), "%s-%s.pem", kind, product);
    enum cli_exit exit = get(j, name, NULL, url);
    (void)snprintf(url, sizeof(url), "%s/%s/v1/%s/crl", own, kind, product);
    (void)snprintf(name, sizeof(name), "%s-%s.crl", kind, product);
    return exit != CLI_OK ? exit : get(j, name, NULL, url);
}

/* A machine's own words, or those of --tee, --fmspc and --product. */
static enum cli_exit chosen(struct cli *c, struct needs *out)
{
    const char *file = cli_value(c, "for"), *tee = cli_value(c, "tee"),
               *fmspc = cli_value(c, "fmspc"), *product = cli_value(c, "product");
    memset(out, 0, sizeof(*out));
    if (file != NULL)
        return collateral_needs(c, out, file);
    if (product != NULL) {
        for (int i = 0; i < SNP_PRODUCTS; i++) {
            out->product = (enum snp_product)i;
            if (strcmp(product, snp_product_name(out->product)) == 0)
                return CLI_OK;
        }
        return cli_usage(c, "--product: Milan, Genoa or Turin");
    }
    if (tee == NULL || fmspc == NULL)
        return cli_usage(c, "fetch needs --for FILE, or --tee and --fmspc, or --product");
    out->intel = true;
    out->tdx = strcmp(tee, "tdx") == 0;
    if (!out->tdx && strcmp(tee, "sgx") != 0)
        return cli_usage(c, "--tee: sgx or tdx");
    if (hex_parse(out->fmspc, 6, fmspc) != OK)
        return cli_usage(c, "--fmspc: 12 hexadecimal digits");
    return CLI_OK;
}

enum cli_exit collateral_fetch(struct cli *c)
{
    static struct job job;
    struct needs needs;
    char fmspc[13];
    const char *from = cli_value(c, "from"), *amd_from = cli_value(c, "amd-from");
    job = (struct job){ .c = c, .out = cli_value(c, "out") };
    job.private = from != NULL || amd_from != NULL;
    if (job.out == NULL)
        return cli_usage(c, "fetch needs --out DIR");
    enum cli_exit exit = chosen(c, &needs);
    if (exit != CLI_OK)
        return exit;
    enum err e = path_make_dirs(job.out, 0755);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", job.out, err_text(e));
    hex_format(fmspc, span_of(needs.fmspc, 6));
    if (needs.intel)
        exit = intel(&job, from, needs.tdx ? "tdx" : "sgx", fmspc);
    else
        exit = amd(&job, amd_from, snp_product_name(needs.product), needs.vlek);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(
            json_pack("{s:s, s:I}", "out", job.out, "files", (json_int_t)job.written));
    printf("%u files are in %s; next: crust attest collateral post %s\n", job.written, job.out,
           job.out);
    return CLI_OK;
}
