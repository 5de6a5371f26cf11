/* unixfs_add_driver: builds described trees with src/ipfs/unixfs_add and prints their root CIDs.
 * tests/peers/importer_diff.mjs compares these with another importer's.
 *
 * Lines on standard input; names and targets in hexadecimal:
 *   tree PROFILE CHUNK LINKS HAMT   begin; 0 keeps the profile's number
 *   d NAME          a directory; its entries follow
 *   u               its end
 *   f NAME SIZE SEED   a file of bytes from the generator below
 *   l NAME TARGET   a symlink
 *   end             print the root directory's CID */
#include "base/hex.h"
#include "ipfs/unixfs_add.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 20000, DEPTH = 64, TEXT = 1 << 20, ARENA = 16 << 20 };

static struct unixfs_add_entry entries[ENTRIES];
static size_t entry_count, starts[DEPTH], depth;
static struct span dir_names[DEPTH];
static uint8_t text[TEXT];
static size_t text_used;
static uint8_t scratch[UNIXFS_ADD_SCRATCH], chunk[UNIXFS_ADD_CHUNK_MAX], arena_memory[ARENA];

static enum err drop_block(void *ctx, const struct block_key *key, struct span data)
{
    (void)ctx;
    (void)key;
    (void)data;
    return OK;
}

static const struct block_sink sink = { .put = drop_block };
static struct unixfs_add add = { .sink = &sink, .scratch = { scratch, sizeof(scratch) } };

static void must(enum err e)
{
    if (e == OK)
        return;
    fprintf(stderr, "unixfs_add_driver: %s\n", err_name(e));
    exit(1);
}

static struct span keep(const void *p, size_t n)
{
    if (n > TEXT - text_used)
        must(ERR_LIMIT);
    uint8_t *at = text + text_used;
    memcpy(at, p, n);
    text_used += n;
    return span_of(at, n);
}

static struct span keep_hex(const char *hex)
{
    uint8_t bytes[4096];
    size_t n = strlen(hex) / 2;
    if (n > sizeof(bytes))
        must(ERR_LIMIT);
    must(hex_parse(bytes, n, hex));
    return keep(bytes, n);
}

static void add_entry(struct span name, const struct unixfs_add_node *node)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(bin, sizeof(bin));
    if (entry_count == ENTRIES)
        must(ERR_LIMIT);
    cid_write(&w, &node->cid);
    entries[entry_count++] =
        (struct unixfs_add_entry){ .name = name, .cid = keep(bin, w.len), .tsize = node->tsize };
}

static struct unixfs_add_node add_file(uint64_t size, uint32_t seed)
{
    struct unixfs_add_stream s;
    struct unixfs_add_node node;
    struct arena arena = arena_of(arena_memory, sizeof(arena_memory));
    unixfs_add_stream_init(&s, &add, &arena, (struct mspan){ chunk, sizeof(chunk) }, NULL);
    static uint8_t piece[65536];
    while (size > 0) {
        size_t n = size < sizeof(piece) ? (size_t)size : sizeof(piece);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            piece[i] = (uint8_t)(seed >> 24);
        }
        must(unixfs_add_stream_write(&s, span_of(piece, n)));
        size -= n;
    }
    must(unixfs_add_stream_finish(&s, &node));
    return node;
}

static struct unixfs_add_node close_dir(void)
{
    struct unixfs_add_node node;
    size_t start = starts[depth];
    struct unixfs_add_entries list = { entries + start, entry_count - start };
    must(unixfs_add_dir(&add, &node, list, NULL));
    entry_count = start;
    return node;
}

static void begin(char *args[4])
{
    must(unixfs_add_profile(&add.params, args[0]));
    uint64_t v = strtoull(args[1], NULL, 10);
    add.params.chunk_size = v != 0 ? (uint32_t)v : add.params.chunk_size;
    v = strtoull(args[2], NULL, 10);
    add.params.file_links = v != 0 ? (uint32_t)v : add.params.file_links;
    v = strtoull(args[3], NULL, 10);
    add.params.hamt_above = v != 0 ? v : add.params.hamt_above;
    must(unixfs_add_check(&add.params));
    entry_count = 0;
    text_used = 0;
    depth = 0;
}

static void finish_tree(void)
{
    char cid[CID_TEXT_MAX];
    struct unixfs_add_node node = close_dir();
    cid_format(cid, &node.cid);
    puts(cid);
    fflush(stdout);
}

static void line_of(char *verb, char *args[4])
{
    struct unixfs_add_node node;
    if (strcmp(verb, "tree") == 0) {
        begin(args);
    } else if (strcmp(verb, "d") == 0) {
        if (depth + 1 == DEPTH)
            must(ERR_LIMIT);
        dir_names[++depth] = keep_hex(args[0]);
        starts[depth] = entry_count;
    } else if (strcmp(verb, "u") == 0) {
        node = close_dir();
        add_entry(dir_names[depth--], &node);
    } else if (strcmp(verb, "f") == 0) {
        node = add_file(strtoull(args[1], NULL, 10), (uint32_t)strtoul(args[2], NULL, 10));
        add_entry(keep_hex(args[0]), &node);
    } else if (strcmp(verb, "l") == 0) {
        must(unixfs_add_symlink(&add, &node, keep_hex(args[1]), NULL));
        add_entry(keep_hex(args[0]), &node);
    } else if (strcmp(verb, "end") == 0) {
        finish_tree();
    } else {
        must(ERR_FORMAT);
    }
}

int main(void)
{
    static char line[16384];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *save = NULL, *args[4];
        char *verb = strtok_r(line, " \n", &save);
        for (size_t i = 0; i < 4; i++) {
            args[i] = strtok_r(NULL, " \n", &save);
            if (args[i] == NULL)
                args[i] = line + strlen(line); /* the empty string */
        }
        if (verb != NULL)
            line_of(verb, args);
    }
    return 0;
}
