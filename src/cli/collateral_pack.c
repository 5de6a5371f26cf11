/* The documents that one machine's evidence is judged by, together in one file: for the enclave
 * that hands over, which asks nobody. */
#include "attest/attest.h"
#include "base/hex.h"
#include "cli/attest_files.h"
#include "cli/collateral.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALL_MAX = 64 << 10, NAMES_MAX = 200 };

static struct collateral_chain chain;
static struct bundle files;

/* One document of the chain, and its issuer, into the bundle. */
static enum cli_exit take(const struct cli *c, const struct chain_client_document *d)
{
    static uint8_t room[2 * COLLATERAL_DOCUMENT_MAX];
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r;
    struct chain_client_post post;
    chain_client_document_path(path, d->entry.id);
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit != CLI_OK)
        return exit;
    const struct mspan all = { room, sizeof(room) };
    exit = ledger_end(c, &r, chain_client_decode_post(&post, all, span_of(r.body.p, r.body.n)));
    if (exit != CLI_OK)
        return exit;
    enum err e = bundle_take(&files, post.document);
    if (e == OK)
        e = bundle_take(&files, post.issuer);
    return e == OK ? CLI_OK : cli_fail(c, CLI_FAILED, NULL, "too many documents");
}

static enum cli_exit take_all(const struct cli *c, const struct needs *needs, const char *folder)
{
    enum cli_exit exit = collateral_read(c, &chain);
    enum err e = exit == CLI_OK && folder != NULL ? attest_files_add(&files, folder) : OK;
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", folder,
                        e == ERR_NOT_FOUND ? "no such folder" : err_text(e));
    for (uint32_t i = 0; exit == CLI_OK && i < needs->count; i++) {
        const struct chain_client_document *d =
            collateral_find(&chain, needs->items[i].kind, needs->items[i].id);
        if (d != NULL)
            exit = take(c, d);
    }
    return exit;
}

/* Names of what was not found, with commas between them; "" when nothing is missing. */
static void missing(char out[NAMES_MAX], const struct needs *n, const struct attest_collateral *got)
{
    const struct {
        bool wanted;
        struct span got;
        const char *name;
    } rows[] = {
        { n->intel, got->tcb_info, "the TCB info of its platform" },
        { n->intel, got->qe_identity, "the identity of the quoting enclave" },
        { n->intel, got->tcb_signer, "their signing certificate" },
        { n->intel, got->root_crl, "the root's revocation list" },
        { n->intel, got->pck_crl, "that of its PCK CA" },
        { !n->intel, got->snp_crl, "AMD's revocation list" },
        { !n->intel && !n->has_ca, got->snp_ca, "AMD's intermediate certificate" },
    };
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].wanted && rows[i].got.n == 0 && used < NAMES_MAX)
            used += (size_t)snprintf(out + used, NAMES_MAX - used, "%s%s", used == 0 ? "" : ", ",
                                     rows[i].name);
    }
}

static enum cli_exit incomplete(const struct cli *c, const struct needs *n, const char *names)
{
    char next[160], fmspc[13];
    hex_format(fmspc, span_of(n->fmspc, sizeof(n->fmspc)));
    if (n->intel)
        (void)snprintf(next, sizeof(next),
                       "crust attest collateral fetch --tee %s --fmspc %s --out DIR",
                       n->tdx ? "tdx" : "sgx", fmspc);
    else
        (void)snprintf(next, sizeof(next), "crust attest collateral fetch --product %s --out DIR",
                       snp_product_name(n->product));
    return cli_fail(c, CLI_NOT_FOUND, next,
                    "of what the machine's evidence is judged by is missing: %s; fetch it, then "
                    "post the folder or name it",
                    names);
}

static enum cli_exit choose(const struct cli *c, struct writer *w, const struct needs *needs,
                            struct span evidence)
{
    struct attest_collateral chosen;
    static struct attest_verdict verdict;
    char names[NAMES_MAX];
    uint64_t now = clock_wall_ms() / 1000;
    bundle_choose(&chosen, &files, evidence, &chain.roots, now);
    missing(names, needs, &chosen);
    if (names[0] != '\0')
        return incomplete(c, needs, names);
    const struct attest_inputs inputs = { &chain.roots, &chosen, now };
    if (attest_verify_bare(&verdict, evidence, &inputs) != OK)
        return cli_fail(c, CLI_REFUSED, "crust attest collateral status --for FILE",
                        "the machine's evidence does not verify by these documents: %s",
                        verdict_text(verdict.code));
    bundle_encode(w, &chosen);
    return w->err == OK ? CLI_OK : cli_fail(c, CLI_FAILED, NULL, "the documents are too long");
}

enum cli_exit collateral_gather(const struct cli *c, struct mspan *out, struct span evidence,
                                const char *folder)
{
    struct needs needs;
    *out = (struct mspan){ NULL, 0 };
    if (needs_of(&needs, evidence) != OK)
        return cli_fail(c, CLI_USAGE, "crust attest verify FILE",
                        "this is neither a quote of Intel's nor a report of AMD's with the "
                        "certificate of its chip behind it");
    uint8_t *room = malloc(ALL_MAX);
    enum cli_exit exit = room == NULL || attest_files_init(&files) != OK
                             ? cli_fail(c, CLI_FAILED, NULL, "out of memory")
                             : take_all(c, &needs, folder);
    struct writer w = writer_of(room, ALL_MAX);
    if (exit == CLI_OK)
        exit = choose(c, &w, &needs, evidence);
    attest_files_fini(&files);
    if (exit == CLI_OK)
        *out = (struct mspan){ room, writer_span(&w).n };
    else
        free(room);
    return exit;
}

enum cli_exit collateral_pack(struct cli *c)
{
    struct mspan evidence, all;
    const char *from = cli_value(c, "for"), *to = cli_value(c, "out");
    if (from == NULL || to == NULL)
        return cli_usage(c, "pack needs --for FILE and --out FILE");
    enum cli_exit exit = collateral_evidence(c, &evidence, from);
    if (exit != CLI_OK)
        return exit;
    exit = collateral_gather(c, &all, span_of(evidence.p, evidence.n),
                             c->arg_count == 2 ? c->args[1] : NULL);
    free(evidence.p);
    if (exit != CLI_OK)
        return exit;
    enum err e = path_write_file(to, span_of(all.p, all.n), 0644);
    free(all.p);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", to, err_text(e));
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:I}", "out", to, "bytes", (json_int_t)all.n));
    printf("%zu bytes of documents are in %s; for crust node upgrade --documents %s\n", all.n, to,
           to);
    return CLI_OK;
}
