#include "base/hex.h"
#include "cli/cmd_add.h"
#include "cli/devnet.h"
#include "cli/keyring.h"
#include "cli/put.h"
#include "codec/ss58.h"
#include "rt/clock.h"
#include "rt/http_client.h"
#include "rt/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FOLLOW_PATIENCE_MS = 300000,
    FETCH_IDLE_MS = 20000,
    STATUS_TIMEOUT_MS = 500,
    HELPER_PATIENCE_MS = 300000,
};

/* What the story knows; one at a time. */
struct story {
    struct devnet *d;
    const char *path;
    struct put put;
    struct chain_client_order order;
    uint64_t begin_ms;
    struct {
        char last[200]; /* what the agent said last */
        uint64_t verified_height;
    } nodes[DEVNET_NODES_MAX];
    uint64_t files, bytes; /* compared */
};

__attribute__((format(printf, 2, 3))) static void say(const struct story *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cli_progress_end(s->d->c);
    printf("%5.1f s  ", (double)(clock_mono_ms() - s->begin_ms) / 1000);
    (void)vprintf(fmt, ap);
    printf("\n");
    fflush(stdout);
    va_end(ap);
}

static enum cli_exit add_content(struct story *s)
{
    struct import_options o = { .progress = cmd_add_progress, .progress_ctx = s->d->c };
    char size[24], cid[CID_TEXT_MAX];
    if (unixfs_add_profile(&o.params, "unixfs-v1-2025") != OK)
        return CLI_FAILED;
    say(s, "hashing and storing %s in your own node", s->path);
    enum cli_exit exit = put_add(s->d->c, &s->put, s->path, &o);
    if (exit != CLI_OK)
        return exit;
    cli_format_size(size, s->put.bytes);
    cid_format(cid, &s->put.root);
    say(s, "%llu files, %s; its CID is %s", (unsigned long long)s->put.files, size, cid);
    return CLI_OK;
}

static enum cli_exit order_content(struct story *s)
{
    char total[AMOUNT_TEXT_MAX + 8];
    struct put_split split;
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    enum cli_exit exit = put_quote(s->d->c, &s->put);
    if (exit != CLI_OK)
        return exit;
    put_price_split(&split, &s->put);
    ledger_amount(total, split.total);
    say(s, "the network asks %s to keep it on %u nodes for %u blocks", total, s->put.price.replicas,
        s->put.price.duration_blocks);
    exit = keyring_unlock(s->d->c, &key, "default");
    if (exit == CLI_OK)
        exit = put_place(s->d->c, &s->put, &key);
    if (exit == CLI_OK)
        say(s, "paid: the order is in block %llu", (unsigned long long)s->put.tx.height);
    return exit;
}

/* ---- following ------------------------------------------------------------------------------ */

static int node_of(const struct devnet *d, const uint8_t account[32])
{
    for (uint32_t i = 0; i < d->nodes; i++) {
        if (memcmp(d->accounts[i], account, 32) == 0)
            return (int)i;
    }
    return -1;
}

static void tell_chain(void *ctx, enum put_step step, const struct chain_client_holder *holder,
                       uint64_t height)
{
    struct story *s = ctx;
    int i = node_of(s->d, holder->account);
    if (i < 0)
        return;
    if (step == PUT_REPORTED) {
        say(s, "node %d: its enclave has sealed the replica; the report is on chain (block %llu)",
            i + 1, (unsigned long long)height);
        return;
    }
    s->nodes[i].verified_height = height;
    say(s, "node %d: proven to everyone: drawn bytes opened in a verified report (block %llu)",
        i + 1, (unsigned long long)height);
}

/* Work under way is told once, with its progress on a terminal only. */
static void agent_says(struct story *s, uint32_t i, const char *text)
{
    static const char fetching[] = "fetching and sealing";
    unsigned long long done = 0, total = 0;
    char *last = s->nodes[i].last;
    bool under_way = strncmp(text, fetching, sizeof(fetching) - 1) == 0;
    const char *digits = text + strcspn(text, "0123456789");
    if (under_way && *digits != '\0') {
        char *rest;
        char what[64];
        done = strtoull(digits, &rest, 10);
        rest += strcspn(rest, "0123456789");
        total = strtoull(rest, NULL, 10);
        (void)snprintf(what, sizeof(what), "node %u: %s", i + 1, fetching);
        cli_progress(s->d->c, what, done, total);
        text = fetching;
    }
    if (strcmp(text, last) == 0)
        return;
    (void)snprintf(last, sizeof(s->nodes[i].last), "%.199s", text);
    say(s, "node %u: %s", i + 1, last);
}

/* What an agent says about the order, told when it is new. */
static void tell_agent(struct story *s, uint32_t i)
{
    char name[24], url[256], id[65];
    (void)snprintf(name, sizeof(name), "agent%u", i + 1);
    const struct devnet_member *m = devnet_find(s->d, name);
    hex_format(id, span_of(s->put.order, 32));
    (void)snprintf(url, sizeof(url), "%s/v1/orders/%s", m->url, id);
    struct http_fetch_options o = {
        .method = HTTP_GET, .url = url, .total_timeout_ms = STATUS_TIMEOUT_MS, .size_max = 64 << 10
    };
    struct mspan body = { 0 };
    uint16_t status = 0;
    if (http_fetch_text(&body, &o, true, &status) == OK && status == 200) {
        json_t *answer = json_loadb((const char *)body.p, body.n, 0, NULL);
        const char *text = json_string_value(json_object_get(answer, "text"));
        if (text != NULL)
            agent_says(s, i, text);
        json_decref(answer);
    }
    free(body.p);
}

static enum cli_exit follow(struct story *s)
{
    enum { STEP_MS = 300 };
    uint64_t deadline = clock_deadline(FOLLOW_PATIENCE_MS);
    static struct put_progress progress;
    memset(&progress, 0, sizeof(progress));
    for (;;) {
        for (uint32_t i = 0; i < s->d->nodes; i++)
            tell_agent(s, i);
        enum cli_exit exit = put_follow_once(s->d->c, &s->put, &s->order, &progress, tell_chain, s);
        if (exit == CLI_OK)
            return CLI_OK;
        if (!devnet_alive(s->d))
            return CLI_FAILED;
        if (clock_left(deadline) == 0)
            return cli_fail(s->d->c, CLI_FAILED, "crust order show CID",
                            "only %u of %u replicas are proven after %d s", s->order.replicas,
                            s->order.replicas_wanted, FOLLOW_PATIENCE_MS / 1000);
        clock_sleep_ms(STEP_MS);
    }
}

/* ---- fetching back -------------------------------------------------------------------------- */

struct download {
    struct story *s;
    int fd;
    uint64_t bytes;
};

static enum err download_body(void *ctx, struct span chunk)
{
    struct download *dl = ctx;
    while (chunk.n > 0) {
        ssize_t n = write(dl->fd, chunk.p, chunk.n);
        if (n < 0)
            return ERR_IO;
        chunk = span_of(chunk.p + n, chunk.n - (size_t)n);
        dl->bytes += (uint64_t)n;
    }
    cli_progress(dl->s->d->c, "fetching", dl->bytes, 0);
    return OK;
}

/* The whole DAG as a CAR from a node's gateway into a file. */
static enum cli_exit download(struct story *s, const char *gateway, const char *file)
{
    char cid[CID_TEXT_MAX], url[CID_TEXT_MAX + 256];
    cid_format(cid, &s->put.root);
    (void)snprintf(url, sizeof(url), "%s/ipfs/%s?format=car", gateway, cid);
    AUTO(path_close) int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct download dl = { .s = s, .fd = fd };
    struct http_fetch_options o = { .method = HTTP_GET,
                                    .url = url,
                                    .idle_timeout_ms = FETCH_IDLE_MS,
                                    .size_max = UINT64_MAX,
                                    .on_body = download_body,
                                    .ctx = &dl };
    uint16_t status = 0;
    enum err e = fd < 0 ? ERR_IO : http_fetch_sync(&o, true, &status);
    cli_progress_end(s->d->c);
    if (e != OK || status != 200)
        return cli_fail(s->d->c, CLI_FAILED, NULL, "%s does not give the content back: %s (%d)",
                        gateway, err_text(e), status);
    return CLI_OK;
}

/* Runs this program with a home of its own, so that nothing of the first one can help. */
static enum cli_exit run_crust(struct story *s, const char *home, const char *const *words)
{
    char program[DEVNET_PATH_MAX];
    const char *argv[16] = { program };
    size_t n = 1;
    if (path_join(program, sizeof(program), s->d->programs, "crust") != OK)
        return CLI_FAILED;
    for (; words[n - 1] != NULL && n < 13; n++)
        argv[n] = words[n - 1];
    argv[n++] = "--home";
    argv[n++] = home;
    argv[n] = NULL;
    struct process p;
    struct process_options o = {
        .path = program, .argv = argv, .fds = { { 2, 2 } }, .fd_count = 1
    };
    enum err e = process_spawn(&p, &o);
    if (e == OK && process_wait(&p, HELPER_PATIENCE_MS) != OK)
        process_stop(&p, 0);
    bool good = e == OK && p.ended && p.exit_code == 0;
    if (e == OK)
        process_fini(&p);
    return good ? CLI_OK
                : cli_fail(s->d->c, CLI_FAILED, NULL, "crust %s %s failed", words[0], words[1]);
}

static enum cli_exit fetch_back(struct story *s)
{
    char car[DEVNET_PATH_MAX], home[DEVNET_PATH_MAX], back[DEVNET_PATH_MAX], cid[CID_TEXT_MAX];
    char where[DEVNET_PATH_MAX];
    if (path_join(car, sizeof(car), s->d->dir, "back.car") != OK ||
        path_join(home, sizeof(home), s->d->dir, "back-home") != OK ||
        path_join(back, sizeof(back), s->d->dir, "back") != OK)
        return CLI_FAILED;
    cid_format(cid, &s->put.root);
    struct devnet_member *user = devnet_find(s->d, "user"), *node = devnet_find(s->d, "node1");
    devnet_stop_one(user);
    say(s, "your own node is stopped; fetching everything back from node 1, %s", node->url);
    enum cli_exit exit = download(s, node->url, car);
    const char *const import[] = { "dag", "import", car, NULL };
    const char *const get[] = { "get", cid, "--offline", "-o", back, NULL };
    if (exit == CLI_OK)
        exit = run_crust(s, home, import);
    if (exit == CLI_OK)
        exit = run_crust(s, home, get);
    if (exit != CLI_OK)
        return exit;
    if (!devnet_compare(s->path, back, &s->files, &s->bytes, where))
        return cli_fail(s->d->c, CLI_FAILED, NULL, "what came back differs: %s", where);
    char size[24];
    cli_format_size(size, s->bytes);
    say(s, "compared byte for byte: %llu files, %s, all equal", (unsigned long long)s->files, size);
    (void)!path_remove_tree(car);
    (void)!path_remove_tree(home);
    (void)!path_remove_tree(back);
    return CLI_OK;
}

/* ---- the summary ---------------------------------------------------------------------------- */

static void row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void row(const char *name, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("| %-10s ", name);
    (void)vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
}

static void summary(const struct story *s)
{
    char cid[CID_TEXT_MAX], id[65], size[24], total[AMOUNT_TEXT_MAX + 8];
    char parts[3][AMOUNT_TEXT_MAX + 8];
    struct put_split split;
    put_price_split(&split, &s->put);
    cid_format(cid, &s->put.root);
    hex_format(id, span_of(s->put.order, 32));
    cli_format_size(size, s->bytes);
    ledger_amount(total, split.total);
    ledger_amount(parts[0], amount_sat_add(split.storage, split.tip));
    ledger_amount(parts[1], split.staking);
    ledger_amount(parts[2], split.reserve);
    printf("\n+---------- stored, proven, fetched back, equal\n");
    row("what", "%s", s->path);
    row("CID", "%s", cid);
    row("size", "%s in %llu files", size, (unsigned long long)s->files);
    row("order", "%s, block %llu", id, (unsigned long long)s->put.tx.height);
    row("fee", "%s = %s to those who keep it, %s to stakers, %s to the reserve", total, parts[0],
        parts[1], parts[2]);
    for (uint32_t i = 0; i < s->d->nodes; i++) {
        char name[24], address[SS58_TEXT_MAX];
        (void)snprintf(name, sizeof(name), "node%u", i + 1);
        ss58_format(address, s->d->accounts[i]);
        if (s->nodes[i].verified_height != 0)
            row(i == 0 ? "replicas" : "",
                "node %u (%.12s...), first verified report in block %llu, %s", i + 1, address,
                (unsigned long long)s->nodes[i].verified_height,
                ((const struct devnet_member *)devnet_find(s->d, name))->url);
    }
    row("gateway", "%s/ipfs/%s/", devnet_find(s->d, "node1")->url, cid);
    row("status", "%s/v1/status", devnet_find(s->d, "chain")->url);
    row("note", "the enclaves here are of the kind \"software\": no hardware protects them");
    printf("+---------- in a second terminal:\n  . %s/env\n  crust put ~/any.file\n\n", s->d->dir);
    fflush(stdout);
}

enum cli_exit devnet_run(struct devnet *d, const char *path)
{
    static struct story s;
    s = (struct story){ .d = d, .path = path, .begin_ms = clock_mono_ms() };
    enum cli_exit exit = add_content(&s);
    if (exit == CLI_OK)
        exit = order_content(&s);
    if (exit == CLI_OK)
        exit = follow(&s);
    if (exit == CLI_OK)
        exit = fetch_back(&s);
    if (exit == CLI_OK)
        summary(&s);
    return exit;
}
