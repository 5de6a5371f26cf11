#include "cli/reading.h"
#include "ipfs/dag_block.h"

#include <stdlib.h>

enum cli_exit reading_parse(const struct cli *c, struct reading_name *out, const char *text)
{
    const char *at = strncmp(text, "/ipfs/", 6) == 0 ? text + 6 : text;
    size_t n = strcspn(at, "/");
    enum err e = cid_parse(&out->cid, span_of(at, n));
    if (e != OK)
        return cli_usage(c, "\"%.*s\" is no CID: %s", (int)(n > 100 ? 100 : n), at, err_text(e));
    out->path = span_str(at + n);
    return CLI_OK;
}

enum cli_exit reading_open(const struct cli *c, struct reading *out)
{
    *out = (struct reading){ 0 };
    out->memory = (struct mspan){ malloc(UNIXFS_READ_MEMORY), UNIXFS_READ_MEMORY };
    out->block = (struct mspan){ malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX };
    if (out->memory.p == NULL || out->block.p == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    enum cli_exit exit = local_open(c, &out->local);
    out->source = out->local.source;
    return exit;
}

enum cli_exit reading_open_far(const struct cli *c, struct reading *out)
{
    enum cli_exit exit = reading_open(c, out);
    if (exit != CLI_OK || cli_has(c, "offline"))
        return exit;
    out->far = true;
    gateways_init(&out->gateways, c, &out->local.source);
    out->source = gateways_source(&out->gateways);
    return CLI_OK;
}

void reading_expect(struct reading *r, const struct cid *cid, enum carpull_scope scope,
                    uint64_t from, uint64_t to)
{
    const struct carpull_want want = { .cid = *cid, .scope = scope, .from = from, .to = to };
    if (r->far)
        gateways_expect(&r->gateways, &want);
}

void reading_turn(struct reading *r)
{
    if (r->far)
        gateways_turn(&r->gateways);
}

void reading_close(struct reading *r)
{
    if (r->far)
        gateways_close(&r->gateways);
    local_close(&r->local);
    free(r->memory.p);
    free(r->block.p);
    *r = (struct reading){ 0 };
}

/* Nobody has it: whom did we ask? */
static enum cli_exit nowhere(const struct cli *c, const struct reading *r, const char *cid,
                             const char *next)
{
    size_t dead = 0;
    if (r == NULL || !r->far)
        return cli_fail(c, CLI_NOT_FOUND, next, "the block %s is not in this store", cid);
    for (size_t i = 0; i < r->gateways.count; i++)
        dead += r->gateways.list[i].failures > 0;
    return cli_fail(c, CLI_NOT_FOUND, next,
                    "the block %s is not in this store, and none of %zu gateways gives it; %zu of "
                    "them do not answer",
                    cid, r->gateways.count, dead);
}

enum cli_exit reading_failed(const struct cli *c, const struct reading *r, enum err e,
                             const struct cid *cid)
{
    char text[CID_TEXT_MAX], next[CID_TEXT_MAX + 32];
    cid_format(text, cid);
    (void)snprintf(next, sizeof(next), "crust doctor %s", text);
    switch ((int)e) {
    case ERR_NOT_FOUND:
        return nowhere(c, r, text, next);
    case ERR_CORRUPT:
        return cli_fail(c, CLI_FAILED, "crust repo verify", "the block %s is damaged in this store",
                        text);
    case ERR_FORMAT:
    case ERR_SHORT:
    case ERR_TRAILING:
        return cli_fail(c, CLI_FAILED, NULL, "%s is not what was asked for: %s", text, err_text(e));
    default:
        return cli_fail(c, cli_exit_of(e), NULL, "cannot read %s: %s", text, err_text(e));
    }
}

enum cli_exit reading_resolve(const struct cli *c, struct reading *r, struct cid *out,
                              const char *text)
{
    struct reading_name name;
    struct unixfs_path p;
    struct span block;
    enum cli_exit exit = reading_parse(c, &name, text);
    if (exit != CLI_OK)
        return exit;
    if (unixfs_path_init(&p, &name.cid, name.path) != OK)
        return cli_usage(c, "the path in \"%s\" cannot be used", text);
    if (r->far)
        gateways_root(&r->gateways, &name.cid);
    while (!p.done) {
        enum err e = dag_block_get(&block, r->block, &r->source, &p.cid);
        if (e != OK)
            return reading_failed(c, r, e, &p.cid);
        e = unixfs_path_step(&p, block);
        if (e == ERR_NOT_FOUND)
            return cli_fail(c, CLI_NOT_FOUND, NULL, "there is no \"%.*s\" in %s", (int)p.rest.n,
                            (const char *)p.rest.p, text);
        if (e != OK)
            return reading_failed(c, r, e, &p.cid);
    }
    if (p.inside.n != 0)
        return cli_fail(c, CLI_USAGE, NULL, "\"%s\" names a value inside a dag-cbor block", text);
    *out = p.cid;
    return CLI_OK;
}

enum cli_exit reading_stat(const struct cli *c, struct reading *r, struct unixfs_read_stat *out,
                           const struct cid *cid)
{
    struct span block;
    enum err e = dag_block_get(&block, r->block, &r->source, cid);
    if (e == OK)
        e = unixfs_read_stat(out, cid, block);
    return e == OK ? CLI_OK : reading_failed(c, r, e, cid);
}
