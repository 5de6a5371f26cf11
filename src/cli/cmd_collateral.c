/* crust attest collateral status|post|fetch|pack: the documents that evidence is judged by. */
#include "base/hex.h"
#include "chain/registry.h"
#include "cli/attest_files.h"
#include "cli/collateral.h"
#include "cli/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAY = 86400, SOON_DAYS = 7 };

static struct collateral_chain chain;

/* ---- status ---------------------------------------------------------------------------------- */

static void day_of(char out[16], uint64_t time)
{
    time_t t = (time_t)time;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        (void)snprintf(out, 16, "?");
}

/* "in 12 days", "lapsed 3 days ago". */
static void left_text(char out[32], uint64_t lapses, uint64_t now)
{
    if (lapses >= now)
        (void)snprintf(out, 32, "in %llu days", (unsigned long long)((lapses - now) / DAY));
    else
        (void)snprintf(out, 32, "%llu days ago", (unsigned long long)((now - lapses) / DAY));
}

static json_t *json_of(const struct chain_client_document *d)
{
    char id[65];
    hex_format(id, span_of(d->entry.id, 32));
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:I}", "kind", d->kind, "about", d->about,
                     "id", id, "issued", (json_int_t)d->entry.issued, "lapses",
                     (json_int_t)d->entry.lapses, "evaluation", (json_int_t)d->entry.evaluation,
                     "lapsed", d->lapsed, "height", (json_int_t)d->height);
}

static void print_one(const struct chain_client_document *d)
{
    char issued[16], lapses[16], left[32];
    day_of(issued, d->entry.issued);
    day_of(lapses, d->entry.lapses);
    left_text(left, d->entry.lapses, chain.time);
    printf("%-12s %-28s %-10s  %-10s  %-14s %6u\n", d->kind, d->about, issued, lapses, left,
           d->entry.evaluation);
}

static const char *need_text(enum collateral_kind kind)
{
    static const char *const names[COLLATERAL_KINDS] = {
        "TCB info of its platform",         "identity of the quoting enclave",
        "revocation list of Intel's root",  "revocation list of its PCK CA",
        "revocation list of AMD's product", "AMD's intermediate certificate"
    };
    return names[kind];
}

/* What this machine needs: whether each is there. Returns the number of those that are not. */
static uint32_t show_needs(const struct needs *n, json_t *list)
{
    uint32_t missing = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct chain_client_document *d =
            collateral_find(&chain, n->items[i].kind, n->items[i].id);
        const char *state = d == NULL ? "missing" : d->lapsed ? "lapsed" : "there";
        char left[32] = "";
        missing += d == NULL || d->lapsed;
        if (d != NULL)
            left_text(left, d->entry.lapses, chain.time);
        if (list != NULL)
            (void)json_array_append_new(
                list,
                json_pack("{s:s, s:s}", "document", need_text(n->items[i].kind), "state", state));
        else
            printf("%-8s %-36s %s%s\n", state, need_text(n->items[i].kind),
                   d == NULL ? "" : "lapses ", left);
    }
    return missing;
}

static enum cli_exit status_for(struct cli *c, const char *path)
{
    struct needs needs;
    char fmspc[13];
    enum cli_exit exit = collateral_needs(c, &needs, path);
    if (exit != CLI_OK)
        return exit;
    hex_format(fmspc, span_of(needs.fmspc, 6));
    json_t *list = c->json ? json_array() : NULL;
    if (!c->json && needs.intel)
        printf("An %s quote; platform (FMSPC) %s\n", needs.tdx ? "TDX" : "SGX", fmspc);
    else if (!c->json)
        printf("A SEV-SNP report; product %s\n", snp_product_name(needs.product));
    uint32_t missing = show_needs(&needs, list);
    if (c->json)
        exit = cli_print_json(json_pack("{s:b, s:o}", "complete", missing == 0, "documents", list));
    if (missing != 0 && !c->json)
        return cli_fail(c, CLI_NOT_FOUND,
                        "crust attest collateral fetch --for FILE --out DIR, then crust attest "
                        "collateral post DIR",
                        "%u of %u documents are missing or have lapsed: evidence of this machine "
                        "is refused",
                        missing, needs.count);
    return exit == CLI_OK && missing != 0 ? CLI_NOT_FOUND : exit;
}

static enum cli_exit status(struct cli *c)
{
    enum cli_exit exit = collateral_read(c, &chain);
    if (exit != CLI_OK)
        return exit;
    const char *file = cli_value(c, "for");
    if (file != NULL)
        return status_for(c, file);
    if (c->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < chain.count; i++)
            (void)json_array_append_new(list, json_of(&chain.documents[i]));
        return cli_print_json(
            json_pack("{s:I, s:o}", "time", (json_int_t)chain.time, "documents", list));
    }
    uint32_t lapsed = 0, soon = 0;
    if (chain.count != 0)
        printf("%-12s %-28s %-10s  %-10s  %-14s %6s\n", "document", "of", "issued", "lapses", "",
               "number");
    for (size_t i = 0; i < chain.count; i++) {
        const struct chain_client_document *d = &chain.documents[i];
        print_one(d);
        lapsed += d->lapsed;
        soon += !d->lapsed && d->entry.lapses < chain.time + SOON_DAYS * DAY;
    }
    printf("%zu documents, %u lapsed, %u lapse within %d days\n", chain.count, lapsed, soon,
           SOON_DAYS);
    if (chain.count == 0)
        printf("Hardware evidence is refused until somebody posts them: crust attest collateral "
               "post DIR\n");
    return CLI_OK;
}

/* ---- post ------------------------------------------------------------------------------------ */

static enum cli_exit read_folders(struct cli *c, struct bundle *files)
{
    enum err e = attest_files_init(files);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s", err_text(e));
    for (size_t i = 1; i < c->arg_count; i++) {
        e = attest_files_add(files, c->args[i]);
        if (e != OK)
            return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", c->args[i],
                            e == ERR_NOT_FOUND ? "no such folder" : err_text(e));
    }
    return CLI_OK;
}

static enum cli_exit send_all(struct cli *c, const struct bundle_plan *plan,
                              const struct ed25519_key *key)
{
    json_t *done = json_array();
    enum cli_exit exit = CLI_OK;
    for (size_t i = 0; i < plan->count && exit == CLI_OK; i++) {
        const struct bundle_step *s = &plan->steps[i];
        struct chain_client_tx tx;
        struct tx_call call = { .kind = TX_COLLATERAL_POST };
        char day[16];
        call.collateral.kind = s->post.kind;
        call.collateral.issuer = s->post.issuer;
        call.collateral.document = s->post.document;
        exit = ledger_send(c, &tx, &call, key);
        if (exit != CLI_OK)
            break;
        day_of(day, s->entry.lapses);
        if (!c->json)
            printf("%-12s taken in block %llu; it lapses %s\n", registry_kind_name(s->entry.kind),
                   (unsigned long long)tx.height, day);
        (void)json_array_append_new(
            done, json_pack("{s:s, s:I, s:I}", "kind", registry_kind_name(s->entry.kind), "height",
                            (json_int_t)tx.height, "lapses", (json_int_t)s->entry.lapses));
    }
    if (exit != CLI_OK || !c->json) {
        json_decref(done);
        return exit;
    }
    return cli_print_json(json_pack("{s:o, s:I, s:I}", "posted", done, "old", (json_int_t)plan->old,
                                    "bad", (json_int_t)plan->bad));
}

static enum cli_exit post_plan(struct cli *c, const struct bundle_plan *plan)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    char what[120];
    if (!c->json && (plan->old != 0 || plan->bad != 0))
        printf("%zu documents are not newer than the chain's, %zu are not the vendor's or not "
               "valid now\n",
               plan->old, plan->bad);
    if (plan->count == 0 && !c->json)
        printf("nothing to post\n");
    if (plan->count == 0)
        return c->json ? send_all(c, plan, &key) : CLI_OK;
    (void)snprintf(what, sizeof(what), "post %zu documents (each is free if it is of use)",
                   plan->count);
    enum cli_exit exit = ledger_confirm(c, what);
    if (exit == CLI_OK)
        exit = keyring_unlock(c, &key, config_text(&c->config, "key"));
    return exit == CLI_OK ? send_all(c, plan, &key) : exit;
}

static enum cli_exit post(struct cli *c)
{
    static struct bundle files;
    static struct bundle_plan plan;
    if (c->arg_count < 2)
        return cli_usage(c, "post needs one or more folders with documents");
    enum cli_exit exit = collateral_read(c, &chain);
    if (exit == CLI_OK)
        exit = read_folders(c, &files);
    if (exit == CLI_OK) {
        const struct bundle_kept kept = { chain.entries, chain.count, chain.root_crl };
        bundle_plan(&plan, &files, &kept, &chain.roots, chain.time);
        exit = post_plan(c, &plan);
    }
    attest_files_fini(&files);
    return exit;
}

enum cli_exit cmd_collateral(struct cli *c)
{
    if (strcmp(c->args[0], "status") == 0 && c->arg_count == 1)
        return status(c);
    if (strcmp(c->args[0], "post") == 0)
        return post(c);
    if (strcmp(c->args[0], "fetch") == 0 && c->arg_count == 1)
        return collateral_fetch(c);
    if (strcmp(c->args[0], "pack") == 0 && c->arg_count <= 2)
        return collateral_pack(c);
    return cli_usage(c, "it is status, post DIR..., fetch, or pack [DIR]");
}

const struct cli_option cmd_collateral_options[] = {
    { "for", 0, "FILE", "status, fetch, pack: what the machine of this quote or report needs" },
    { "out", 0, "PATH", "fetch: the folder to write to; pack: the file" },
    { "from", 0, "URL", "fetch: Intel's service, or a PCCS (https://pccs.example:8081)" },
    { "amd-from", 0, "URL", "fetch: AMD's service" },
    { "tee", 0, "sgx|tdx", "fetch: without --for: which of the two, with --fmspc" },
    { "fmspc", 0, "HEX", "fetch: the platform, 12 digits" },
    { "product", 0, "NAME", "fetch: Milan, Genoa or Turin" },
    { "yes", 'y', NULL, "post: do not ask" },
    { 0 },
};
