#include "cli/collateral.h"

#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVIDENCE_MAX = 256 << 10 };

/* ---- asking the chain ------------------------------------------------------------------------ */

static enum cli_exit read_page(const struct cli *c, struct collateral_chain *out,
                               struct chain_client_documents *page)
{
    char path[CHAIN_CLIENT_PATH_MAX], cursor[CHAIN_CLIENT_CURSOR_MAX];
    struct ledger_reply r;
    (void)snprintf(cursor, sizeof(cursor), "%s", page->cursor);
    chain_client_documents_path(path, cursor);
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit != CLI_OK)
        return exit;
    exit = ledger_end(c, &r, chain_client_decode_documents(page, span_of(r.body.p, r.body.n)));
    for (size_t i = 0; exit == CLI_OK && i < page->count; i++) {
        if (out->count == COLLATERAL_ENTRIES_MAX)
            return cli_fail(c, CLI_FAILED, NULL, "the chain has more than %d documents",
                            COLLATERAL_ENTRIES_MAX);
        out->documents[out->count] = page->items[i];
        out->entries[out->count++] = page->items[i].entry;
    }
    return exit;
}

static enum cli_exit read_root_crl(const struct cli *c, struct collateral_chain *out)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r;
    size_t size = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (out->entries[i].kind != COLLATERAL_ROOT_CRL)
            continue;
        chain_client_document_path(path, out->entries[i].id);
        enum cli_exit exit = ledger_get(c, &r, path);
        if (exit != CLI_OK)
            return exit;
        const struct mspan room = { out->root_crl_room, sizeof(out->root_crl_room) };
        exit = ledger_end(c, &r,
                          chain_client_decode_document(&size, room, span_of(r.body.p, r.body.n)));
        out->root_crl = span_of(out->root_crl_room, size);
        return exit;
    }
    return CLI_OK;
}

enum cli_exit collateral_read(const struct cli *c, struct collateral_chain *out)
{
    static struct chain_client_documents page;
    struct chain_client_status status;
    struct ledger_reply r;
    memset(out, 0, sizeof(*out));
    memset(&page, 0, sizeof(page));
    enum cli_exit exit = ledger_status(c, &status);
    out->time = status.time_ms / 1000;
    do {
        if (exit == CLI_OK)
            exit = read_page(c, out, &page);
    } while (exit == CLI_OK && page.cursor[0] != '\0');
    if (exit == CLI_OK)
        exit = ledger_get(c, &r, CHAIN_CLIENT_ROOTS);
    if (exit == CLI_OK)
        exit = ledger_end(
            c, &r,
            chain_client_decode_roots(&out->roots, out->roots_room, span_of(r.body.p, r.body.n)));
    return exit == CLI_OK ? read_root_crl(c, out) : exit;
}

const struct chain_client_document *collateral_find(const struct collateral_chain *from,
                                                    enum collateral_kind kind,
                                                    const uint8_t id[COLLATERAL_ID_SIZE])
{
    for (size_t i = 0; i < from->count; i++) {
        if (from->entries[i].kind == kind &&
            memcmp(from->entries[i].id, id, COLLATERAL_ID_SIZE) == 0)
            return &from->documents[i];
    }
    return NULL;
}

/* ---- evidence -------------------------------------------------------------------------------- */

enum cli_exit collateral_evidence(const struct cli *c, struct mspan *out, const char *path)
{
    enum err e = path_read_file(out, path, EVIDENCE_MAX);
    return e == OK ? CLI_OK : cli_fail(c, cli_exit_of(e), NULL, "%s: %s", path, err_text(e));
}

enum cli_exit collateral_needs(const struct cli *c, struct needs *out, const char *path)
{
    struct mspan content;
    enum cli_exit exit = collateral_evidence(c, &content, path);
    if (exit != CLI_OK)
        return exit;
    enum err e = needs_of(out, span_of(content.p, content.n));
    free(content.p);
    if (e == ERR_NOT_FOUND)
        return cli_fail(c, CLI_USAGE, NULL,
                        "%s is a SEV-SNP report without the certificate of its chip behind it: "
                        "the provider snp-tsm adds it",
                        path);
    if (e != OK)
        return cli_fail(c, CLI_USAGE, "crust attest verify FILE",
                        "%s is neither a quote of Intel's nor a report of AMD's", path);
    return CLI_OK;
}
