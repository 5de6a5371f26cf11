#include "cli/content.h"
#include "cli/reading.h"
#include "crypto/sha256.h"
#include "ipfs/car_stream.h"
#include "ipfs/dag_block.h"
#include "rt/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIECE = 256 * 1024,
    SEEN_MEMORY = 37 << 20, /* 700,000 blocks; a DAG with more is exported with repeats */
};

/* ---- export --------------------------------------------------------------------------------- */

/* One pass; ERR_LIMIT when the seen set is full. */
static enum cli_exit export_to(struct cli *c, struct reading *r, struct car_stream *s,
                               const struct cid *root)
{
    static uint8_t piece[PIECE];
    uint64_t done = 0;
    for (;;) {
        size_t n;
        enum err e = car_stream_next(s, &n, (struct mspan){ piece, sizeof(piece) });
        if (e != OK)
            return reading_failed(c, NULL, e, root);
        if (n == 0)
            break;
        if (fwrite(piece, 1, n, stdout) != n)
            return cli_fail(c, CLI_FAILED, NULL, "cannot write to standard output");
        done += n;
        cli_progress(c, "exporting", done, 0);
    }
    (void)r;
    return CLI_OK;
}

enum cli_exit cmd_dag_export(struct cli *c)
{
    struct reading r;
    struct cid root;
    struct car_stream *s = malloc(sizeof(*s));
    uint8_t *slots = malloc(SEEN_MEMORY);
    enum cli_exit exit = reading_open(c, &r);
    if (exit == CLI_OK && (s == NULL || slots == NULL))
        exit = cli_fail(c, CLI_FAILED, NULL, "out of memory");
    if (exit == CLI_OK)
        exit = reading_resolve(c, &r, &root, c->args[0]);
    if (exit == CLI_OK) {
        struct dag_walk_table table;
        dag_walk_table_init(&table, (struct mspan){ slots, SEEN_MEMORY });
        struct dag_walk_seen seen = dag_walk_table_seen(&table);
        struct car_stream_params params = { .root = root, .scope = CAR_STREAM_ALL, .seen = &seen };
        car_stream_init(s, &r.local.source, r.memory, &params);
        exit = export_to(c, &r, s, &root);
    }
    free(s);
    free(slots);
    reading_close(&r);
    return exit;
}

/* ---- import --------------------------------------------------------------------------------- */

static enum err import_from(struct cli *c, struct car_stream_import *im, int fd)
{
    static uint8_t piece[PIECE];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            return car_stream_import_finish(im);
        TRY(car_stream_import_feed(im, span_of(piece, (size_t)n)));
        cli_progress(c, "importing", im->block_bytes, 0);
    }
}

static enum err pin_root(struct local *l, const struct cid *root)
{
    uint8_t cid[CID_SIZE_MAX];
    struct span inlined;
    struct writer w = writer_of(cid, sizeof(cid));
    cid_write(&w, root);
    if (cid_inlined(&inlined, root))
        return OK;
    struct pin pin = { .cid = writer_span(&w),
                       .mode = PIN_RECURSIVE,
                       .time_unix_s = clock_wall_ms() / 1000 };
    return block_sink_pin(&l->sink, &pin);
}

static enum cli_exit import_one(struct cli *c, struct local *l, const char *path)
{
    static struct car_stream_import im;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *section = malloc(CAR_SECTION_MAX);
    if (fd < 0) {
        free(section);
        return cli_fail(c, CLI_NOT_FOUND, NULL, "cannot open %s", path);
    }
    enum err e = section == NULL ? ERR_MEMORY : OK;
    if (e == OK) {
        car_stream_import_init(&im, &l->sink, (struct mspan){ section, CAR_SECTION_MAX });
        e = import_from(c, &im, fd);
    }
    cli_progress_end(c);
    close(fd);
    free(section);
    size_t roots = im.root_count < CAR_STREAM_ROOTS ? im.root_count : CAR_STREAM_ROOTS;
    bool pin = !cli_has(c, "no-pin");
    for (size_t i = 0; e == OK && pin && i < roots; i++)
        e = pin_root(l, &im.roots[i]);
    if (e == OK)
        e = block_sink_commit(&l->sink);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL,
                        "%s cannot be imported: %s (after %llu blocks; nothing was pinned)", path,
                        err_text(e), (unsigned long long)im.block_count);
    json_t *list = json_array();
    for (size_t i = 0; i < roots; i++) {
        char text[CID_TEXT_MAX];
        cid_format(text, &im.roots[i]);
        if (!c->json)
            printf("%s\n", text);
        json_array_append_new(list, json_string(text));
    }
    if (c->json)
        return cli_print_json(
            json_pack("{s:o, s:I}", "roots", list, "blocks", (json_int_t)im.block_count));
    json_decref(list);
    return CLI_OK;
}

enum cli_exit cmd_dag_import(struct cli *c)
{
    struct local local;
    enum cli_exit exit = local_open(c, &local);
    for (size_t i = 0; exit == CLI_OK && i < c->arg_count; i++)
        exit = import_one(c, &local, c->args[i]);
    local_close(&local);
    return exit;
}

/* ---- single blocks -------------------------------------------------------------------------- */

static enum cli_exit block_open(struct cli *c, struct reading *r, struct span *block,
                                struct cid *cid)
{
    struct reading_name name;
    enum cli_exit exit = reading_parse(c, &name, c->args[0]);
    if (exit == CLI_OK)
        exit = reading_open(c, r);
    if (exit != CLI_OK)
        return exit;
    *cid = name.cid;
    enum err e = dag_block_get(block, r->block, &r->local.source, cid);
    return e == OK ? CLI_OK : reading_failed(c, NULL, e, cid);
}

enum cli_exit cmd_dag_block_get(struct cli *c)
{
    struct reading r = { 0 };
    struct span block;
    struct cid cid;
    enum cli_exit exit = block_open(c, &r, &block, &cid);
    if (exit == CLI_OK && fwrite(block.p, 1, block.n, stdout) != block.n)
        exit = cli_fail(c, CLI_FAILED, NULL, "cannot write to standard output");
    reading_close(&r);
    return exit;
}

enum cli_exit cmd_dag_block_stat(struct cli *c)
{
    struct reading r = { 0 };
    struct span block;
    struct cid cid;
    char text[CID_TEXT_MAX];
    enum cli_exit exit = block_open(c, &r, &block, &cid);
    if (exit == CLI_OK) {
        cid_format(text, &cid);
        if (c->json)
            exit =
                cli_print_json(json_pack("{s:s, s:I}", "cid", text, "size", (json_int_t)block.n));
        else
            printf("cid   %s\nsize  %zu\n", text, block.n);
    }
    reading_close(&r);
    return exit;
}

static enum err read_block(const char *path, struct mspan *buf)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_NOT_FOUND;
    size_t have = 0;
    ssize_t n = 0;
    while (have < buf->n && (n = read(fd, buf->p + have, buf->n - have)) > 0)
        have += (size_t)n;
    close(fd);
    if (n < 0)
        return ERR_IO;
    if (have == buf->n)
        return ERR_LIMIT;
    buf->n = have;
    return OK;
}

enum cli_exit cmd_dag_block_put(struct cli *c)
{
    static uint8_t data[BLOCK_SIZE_MAX + 1];
    static const struct {
        const char *name;
        uint32_t codec;
    } codecs[] = { { "raw", CID_CODEC_RAW },
                   { "dag-pb", CID_CODEC_DAG_PB },
                   { "dag-cbor", CID_CODEC_DAG_CBOR } };
    const char *wanted = cli_value(c, "cid-codec");
    struct block_key key = { 0 };
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (strcmp(wanted == NULL ? "raw" : wanted, codecs[i].name) == 0)
            key.codec = codecs[i].codec;
    }
    if (key.codec == 0)
        return cli_usage(c, "--cid-codec is raw, dag-pb or dag-cbor");
    struct mspan block = { data, sizeof(data) };
    enum err e = read_block(c->args[0], &block);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "cannot take %s as a block: %s%s", c->args[0],
                        err_text(e), e == ERR_LIMIT ? " (2 MiB)" : "");
    sha256(key.digest, span_of(block.p, block.n));
    struct local local;
    enum cli_exit exit = local_open(c, &local);
    if (exit == CLI_OK) {
        e = block_sink_put(&local.sink, &key, span_of(block.p, block.n));
        if (e == OK)
            e = block_sink_commit(&local.sink);
        if (e != OK)
            exit = cli_fail(c, cli_exit_of(e), NULL, "cannot store the block: %s", err_text(e));
    }
    local_close(&local);
    if (exit != CLI_OK)
        return exit;
    char text[CID_TEXT_MAX];
    struct content_key content = { .codec = (uint32_t)key.codec };
    memcpy(content.digest, key.digest, sizeof(content.digest));
    struct cid cid = cid_of_key(&content);
    cid_format(text, &cid);
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:I}", "cid", text, "size", (json_int_t)block.n));
    printf("%s\n", text);
    return CLI_OK;
}
