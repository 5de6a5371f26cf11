/* name publish, resolve, list, and name key gen, list, rename, rm, export, import: IPNS names of
 * this node. docs/guide/names.md. */
#include "cli/local.h"
#include "cli/peers.h"
#include "codec/cid.h"
#include "codec/key_pem.h"
#include "codec/node_name.h"
#include "codec/peer_key.h"
#include "crypto/secret.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 4096 };

#define FORMAT_LIBP2P "libp2p-protobuf-cleartext"
#define FORMAT_PEM    "pem-pkcs8-cleartext"

/* ---- asking the node ------------------------------------------------------------------------- */

static enum cli_exit ask(const struct cli *c, json_t **answer, enum node_name_msg type,
                         const struct node_name *m)
{
    char socket[CONFIG_HOME_MAX + 16];
    uint8_t body[NODE_NAME_BODY_MAX];
    struct ipc_sink daemon = { 0 };
    struct ipc_msg reply;
    struct writer w = writer_of(body, sizeof(body));
    *answer = NULL;
    local_socket(c, socket);
    if (ipc_sink_connect(&daemon, socket) != OK)
        return cli_fail(c, CLI_UNREACHABLE, "crust-ipfsd --p2p &",
                        "crust-ipfsd does not run: it keeps the keys of names and tells their "
                        "records");
    node_name_encode(&w, m);
    enum err e = w.err;
    if (e == OK)
        e = ipc_sink_call(&daemon, &reply, (uint16_t)type, writer_span(&w));
    secret_wipe_bytes(body, sizeof(body));
    if (e == OK) {
        *answer = json_loadb((const char *)reply.bulk.p, reply.bulk.n, 0, NULL);
        e = json_is_object(*answer) ? OK : ERR_FORMAT;
    }
    enum cli_exit exit = CLI_OK;
    if (e != OK)
        exit = cli_fail(c, cli_exit_of(e), daemon.next[0] == '\0' ? NULL : daemon.next, "%s",
                        daemon.what[0] == '\0' ? err_text(e) : daemon.what);
    ipc_sink_close(&daemon);
    return exit;
}

/* One question; the answer is printed by show, or as it is with --json. */
static enum cli_exit ask_and_show(const struct cli *c, enum node_name_msg type,
                                  const struct node_name *m,
                                  void (*show)(const struct cli *c, const json_t *answer))
{
    json_t *answer;
    enum cli_exit exit = ask(c, &answer, type, m);
    if (exit == CLI_OK && c->json)
        return cli_print_json(answer);
    if (exit == CLI_OK)
        show(c, answer);
    json_decref(answer);
    return exit;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void show_published(const struct cli *c, const json_t *a)
{
    unsigned long long nodes = peers_number(a, "nodes"), routers = peers_number(a, "routers");
    (void)c;
    printf("Published to %s: %s\n", peers_text(a, "name"), peers_text(a, "value"));
    if (nodes + routers > 0)
        fprintf(stderr, "told to %llu nodes of the DHT and %llu routers; valid until %s\n", nodes,
                routers, peers_text(a, "until"));
    else
        fprintf(stderr, "nobody could be told yet: the node goes on trying (crust swarm dht)\n");
}

/* "CID", "/ipfs/CID/a", "/ipns/NAME". */
static enum cli_exit path_of(const struct cli *c, char out[NODE_NAME_VALUE_MAX], const char *arg)
{
    struct cid cid;
    bool whole = strncmp(arg, "/ipfs/", 6) == 0, name = strncmp(arg, "/ipns/", 6) == 0;
    const char *at = whole || name ? arg + 6 : arg;
    size_t n = strcspn(at, "/");
    if (!name && cid_parse(&cid, span_of(at, n)) != OK)
        return cli_usage(c, "%s: neither a CID nor /ipfs/CID nor /ipns/NAME", arg);
    if (snprintf(out, NODE_NAME_VALUE_MAX, "%s%s", whole || name ? "" : "/ipfs/", arg) >=
        NODE_NAME_VALUE_MAX)
        return cli_usage(c, "the path is too long");
    return CLI_OK;
}

static enum cli_exit seconds_of(const struct cli *c, uint64_t *out, const char *option)
{
    uint64_t ms = 0;
    const char *text = cli_value(c, option);
    *out = 0;
    if (text != NULL && (config_number(&ms, CONFIG_DURATION, text) != OK || ms < 1000))
        return cli_usage(c, "--%s: a time such as 48h or 30m", option);
    *out = ms / 1000;
    return CLI_OK;
}

static enum cli_exit run_publish(struct cli *c)
{
    char path[NODE_NAME_VALUE_MAX];
    struct node_name m = { .flag = false };
    enum cli_exit exit = path_of(c, path, c->args[0]);
    if (exit == CLI_OK)
        exit = seconds_of(c, &m.lifetime_s, "lifetime");
    if (exit == CLI_OK)
        exit = seconds_of(c, &m.ttl_s, "ttl");
    if (exit != CLI_OK)
        return exit;
    m.key = span_str(cli_value(c, "key") == NULL ? "self" : cli_value(c, "key"));
    m.value = span_str(path);
    return ask_and_show(c, NODE_NAME_PUBLISH, &m, show_published);
}

static void show_path(const struct cli *c, const json_t *a)
{
    (void)c;
    printf("%s\n", peers_text(a, "path"));
}

static enum cli_exit run_resolve(struct cli *c)
{
    const struct node_name m = { .value = span_str(c->arg_count == 0 ? "self" : c->args[0]),
                                 .flag = cli_has(c, "once") };
    return ask_and_show(c, NODE_NAME_RESOLVE, &m, show_path);
}

static void show_list(const struct cli *c, const json_t *a)
{
    size_t i, shown = 0;
    const json_t *k;
    (void)c;
    json_array_foreach(json_object_get(a, "keys"), i, k)
    {
        if (peers_text(k, "value")[0] == '\0')
            continue;
        shown++;
        printf("%s  %s  %s  number %s, valid until %s\n", peers_text(k, "name"),
               peers_text(k, "key"), peers_text(k, "value"), peers_text(k, "sequence"),
               peers_text(k, "until"));
    }
    if (shown == 0)
        printf("nothing is published: crust name publish CID\n");
}

static enum cli_exit run_list(struct cli *c)
{
    const struct node_name m = { .flag = false };
    return ask_and_show(c, NODE_NAME_LIST, &m, show_list);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void show_id(const struct cli *c, const json_t *a)
{
    (void)c;
    printf("%s\n", peers_text(a, "name"));
}

static enum cli_exit run_gen(struct cli *c)
{
    const struct node_name m = { .key = span_str(c->args[0]) };
    return ask_and_show(c, NODE_NAME_GEN, &m, show_id);
}

static void show_keys(const struct cli *c, const json_t *a)
{
    size_t i;
    const json_t *k;
    json_array_foreach(json_object_get(a, "keys"), i, k)
    {
        if (cli_has(c, "long"))
            printf("%s %s\n", peers_text(k, "name"), peers_text(k, "key"));
        else
            printf("%s\n", peers_text(k, "key"));
    }
}

static enum cli_exit run_key_list(struct cli *c)
{
    const struct node_name m = { .flag = false };
    return ask_and_show(c, NODE_NAME_LIST, &m, show_keys);
}

static void show_renamed(const struct cli *c, const json_t *a)
{
    printf("Key %s renamed from %s to %s\n", peers_text(a, "name"), c->args[0],
           peers_text(a, "key"));
}

static enum cli_exit run_rename(struct cli *c)
{
    const struct node_name m = { .key = span_str(c->args[0]),
                                 .value = span_str(c->args[1]),
                                 .flag = cli_has(c, "force") };
    return ask_and_show(c, NODE_NAME_RENAME, &m, show_renamed);
}

static void show_key(const struct cli *c, const json_t *a)
{
    (void)c;
    printf("%s\n", peers_text(a, "key"));
}

static enum cli_exit run_rm(struct cli *c)
{
    enum cli_exit exit = CLI_OK;
    for (size_t i = 0; i < c->arg_count && exit == CLI_OK; i++) {
        const struct node_name m = { .key = span_str(c->args[i]) };
        exit = ask_and_show(c, NODE_NAME_RM, &m, show_key);
    }
    return exit;
}

/* ---- keys in files --------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n <= 64 && name[n] == '\0' && name[0] != '.';
}

static enum err read_key(struct ed25519_key *out, struct mspan *file, const char *path)
{
    TRY(path_read_file(file, path, FILE_MAX));
    struct span text = span_of(file->p, file->n);
    enum err e = key_pem_is(text) ? key_pem_read(out, text) : peer_key_private_decode(out, text);
    secret_wipe_bytes(file->p, file->n);
    free(file->p);
    return e;
}

/* The node keeps each key in a file of its own, which belongs to whoever asks here. */
static enum cli_exit run_export(struct cli *c)
{
    char relative[96], path[PATH_TEXT_MAX], output[PATH_TEXT_MAX];
    uint8_t bytes[KEY_PEM_SIZE];
    struct mspan file;
    struct ed25519_key pair;
    struct writer w = writer_of(bytes, sizeof(bytes));
    const char *name = c->args[0], *format = cli_value(c, "format"), *to = cli_value(c, "output");
    bool pem = format != NULL && strcmp(format, FORMAT_PEM) == 0;
    if (format != NULL && !pem && strcmp(format, FORMAT_LIBP2P) != 0)
        return cli_usage(c, "--format: " FORMAT_LIBP2P " or " FORMAT_PEM);
    if (strcmp(name, "self") == 0)
        return cli_fail(c, CLI_REFUSED, NULL,
                        "\"self\" is the node's identity, which must not be at two places: it is "
                        "in p2p.key");
    if (!is_plain(name))
        return cli_usage(c, "%s is no name of a key", name);
    (void)snprintf(relative, sizeof(relative), "name-keys/%s.key", name);
    (void)snprintf(output, sizeof(output), "%s%s", to == NULL ? name : to,
                   to != NULL ? ""
                   : pem      ? ".pem"
                              : ".key");
    if (path_exists(output))
        return cli_fail(c, CLI_REFUSED, NULL, "%s is there already", output);
    enum err e = cli_path(c, path, sizeof(path), relative);
    if (e == OK)
        e = read_key(&pair, &file, path);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), "crust name key list", "the key %s: %s", name,
                        err_text(e));
    if (pem)
        key_pem_write(&w, &pair);
    else
        peer_key_private_write(&w, &pair);
    ed25519_wipe(&pair);
    e = path_write_file(output, writer_span(&w), 0600);
    secret_wipe_bytes(bytes, sizeof(bytes));
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", output, err_text(e));
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s}", "key", name, "file", output));
    printf("%s\n", output);
    return CLI_OK;
}

static enum cli_exit run_import(struct cli *c)
{
    uint8_t secret[PEER_KEY_PRIVATE_SIZE];
    struct mspan file;
    struct ed25519_key pair;
    struct writer w = writer_of(secret, sizeof(secret));
    enum err e = read_key(&pair, &file, c->args[1]);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s: %s", c->args[1],
                        e == ERR_FORMAT || e == ERR_UNSUPPORTED
                            ? "no Ed25519 key, as libp2p's protobuf or as PEM (PKCS #8)"
                            : err_text(e));
    peer_key_private_write(&w, &pair);
    ed25519_wipe(&pair);
    const struct node_name m = { .key = span_str(c->args[0]), .secret = writer_span(&w) };
    enum cli_exit exit = ask_and_show(c, NODE_NAME_IMPORT, &m, show_id);
    secret_wipe_bytes(secret, sizeof(secret));
    return exit;
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static const struct cli_option publish_options[] = {
    { "key", 'k', "NAME", "the key whose name it is (self)" },
    { "lifetime", 't', "TIME", "how long the record is valid (name-lifetime: 48h)" },
    { "ttl", 0, "TIME", "how long others may keep it without asking again (name-ttl: 5m)" },
    { 0 },
};

static const struct cli_option resolve_options[] = {
    { "once", 0, NULL, "one step: a name that leads to a name is not followed" },
    { 0 },
};

static const struct cli_option list_options[] = {
    { "long", 'l', NULL, "with the name that each stands for" },
    { 0 },
};

static const struct cli_option rename_options[] = {
    { "force", 'f', NULL, "replace a key that has that name" },
    { 0 },
};

static const struct cli_option export_options[] = {
    { "format", 'f', "FORMAT", FORMAT_LIBP2P " (default) or " FORMAT_PEM },
    { "output", 'o', "FILE", "where to write it; default: NAME.key or NAME.pem here" },
    { 0 },
};

const struct cli_verb cli_verbs_names[] = {
    { "name publish", "CID or PATH", "let a name of this node lead to content",
      "crust name publish CID --key site\ncrust name publish /ipfs/CID/docs --lifetime 7d",
      publish_options, 1, 1, run_publish },
    { "name resolve", "[NAME]", "what a name stands for: k51..., a domain, or one of our keys",
      "crust name resolve k51qzi5uqu5d...", resolve_options, 0, 1, run_resolve },
    { "name list", "", "what this node has published", "crust name list", NULL, 0, 0, run_list },
    { "name key gen", "NAME", "make a key, and so a name", "crust name key gen site", NULL, 1, 1,
      run_gen },
    { "name key list", "", "the keys of this node's names", "crust name key list -l", list_options,
      0, 0, run_key_list },
    { "name key rename", "NAME NEW", "call a key otherwise; the name it stands for stays",
      "crust name key rename site blog", rename_options, 2, 2, run_rename },
    { "name key rm", "NAME...", "forget keys for good: their names cannot be published any more",
      "crust name key rm blog", NULL, 1, 16, run_rm },
    { "name key export", "NAME", "write a key to a file that only you can read",
      "crust name key export site -o site.key", export_options, 1, 1, run_export },
    { "name key import", "NAME FILE", "take a key from a file of this, of ipfs, or of OpenSSL",
      "crust name key import site site.key", NULL, 2, 2, run_import },
    { 0 },
};
