/* node backup, node restore: what of a node can be kept elsewhere, in one encrypted file.
 * docs/guide/upgrade.md says what cannot. */
#include "cli/keyring.h"
#include "cli/local.h"
#include "cli/market.h"
#include "codec/backup.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/path.h"
#include "store/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 512, FILE_MAX = 64 << 20, TRIES = 20 };

/* Files and folders below the home; folders are taken without their own folders. */
static const struct {
    const char *path;
    bool folder;
} places[] = {
    { "crust.conf", false },       { "p2p.key", false },  { "enclave/software.key", false },
    { "enclave/handover", false }, { "keys", true },      { "names", true },
    { "enclave/journal", true },   { "name-keys", true },
};

struct collect {
    const struct cli *c;
    const char *folder;
    struct writer w; /* the plain part */
    uint32_t count;
};

static enum err add_file(struct collect *k, const char *relative)
{
    char path[CONFIG_HOME_MAX + BACKUP_PATH_MAX + 2];
    struct mspan bytes;
    if (!backup_path_ok(span_str(relative)) || cli_path(k->c, path, sizeof(path), relative) != OK)
        return OK; /* a temporary file, or nothing of ours */
    TRY(path_read_file(&bytes, path, FILE_MAX));
    const struct backup_file f = { span_str(relative), span_of(bytes.p, bytes.n) };
    backup_write_file(&k->w, &f);
    secret_wipe_bytes(bytes.p, bytes.n);
    free(bytes.p);
    k->count++;
    return k->w.err;
}

static enum err add_listed(void *ctx, const char *name)
{
    struct collect *k = ctx;
    char relative[BACKUP_PATH_MAX + FILE_NAME_SIZE];
    (void)snprintf(relative, sizeof(relative), "%s/%s", k->folder, name);
    enum err e = add_file(k, relative);
    return e == ERR_FORMAT ? OK : e; /* a folder within */
}

static enum err collect_once(struct collect *k)
{
    char path[CONFIG_HOME_MAX + BACKUP_PATH_MAX + 2];
    k->w.len = 0;
    k->w.err = OK;
    k->count = 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        TRY(cli_path(k->c, path, sizeof(path), places[i].path));
        if (!path_exists(path))
            continue;
        k->folder = places[i].path;
        TRY(places[i].folder ? file_system()->list(file_system()->ctx, path, add_listed, k)
                             : add_file(k, places[i].path));
    }
    return k->w.err;
}

/* The node may be writing: what is read twice alike stood still in between. */
static enum err collect_still(struct collect *k, struct mspan again)
{
    for (int i = 0; i < TRIES; i++) {
        TRY(collect_once(k));
        const size_t n = k->w.len;
        memcpy(again.p, k->w.p, n);
        enum err e = collect_once(k);
        if (e == OK && k->w.len == n && memcmp(again.p, k->w.p, n) == 0)
            return OK;
    }
    return ERR_BUSY;
}

static enum cli_exit write_sealed(struct cli *c, const struct collect *k)
{
    char password[KEYRING_PASSWORD_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)password, sizeof(password) };
    enum cli_exit exit = keyring_new_password(c, password);
    if (exit != CLI_OK)
        return exit;
    struct backup_head head = { .passes = KEYSTORE_PASSES, .kib = KEYSTORE_KIB };
    random_bytes(head.salt, sizeof(head.salt));
    random_bytes(head.nonce, sizeof(head.nonce));
    const size_t n = BACKUP_HEAD_SIZE + k->w.len + AEAD_TAG_SIZE;
    uint8_t *out = malloc(n);
    enum err e = out == NULL
                     ? ERR_MEMORY
                     : backup_seal(out, &head, span_of(k->w.p, k->w.len), span_str(password));
    if (e == OK)
        e = path_write_file(c->args[0], span_of(out, n), 0600);
    free(out);
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "%s cannot be written: %s", c->args[0],
                        err_text(e));
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:i, s:I}", "file", c->args[0], "files",
                                        (int)k->count, "bytes", (json_int_t)n));
    printf(
        "written   %s: %u files, encrypted with that password\n"
        "in it     keys, settings, p2p identity, the enclave's sealed keys and journal\n"
        "not in it sealed files (they are on the disks), the block store, what can be fetched\n"
        "note      the enclave's keys open on this machine and with this program alone; and the\n"
        "          chain takes reports only from the newest state: a backup of the enclave is\n"
        "          out of date after the next change. Every disk keeps the newest by itself.\n",
        c->args[0], k->count);
    return CLI_OK;
}

enum cli_exit cmd_backup_run(struct cli *c)
{
    struct mspan room = { malloc(BACKUP_SIZE_MAX), BACKUP_SIZE_MAX };
    struct mspan again = { malloc(BACKUP_SIZE_MAX), BACKUP_SIZE_MAX };
    enum cli_exit exit = CLI_FAILED;
    if (room.p != NULL && again.p != NULL) {
        struct collect k = { .c = c, .w = writer_of(room.p, room.n) };
        enum err e = collect_still(&k, again);
        exit = e != OK ? cli_fail(c, cli_exit_of(e), "try again", "the node's files: %s",
                                  e == ERR_BUSY ? "they do not stand still" : err_text(e))
               : k.count == 0
                   ? cli_fail(c, CLI_NOT_FOUND, NULL, "%s holds nothing of a node", c->home)
                   : write_sealed(c, &k);
        secret_wipe_bytes(room.p, k.w.len);
        secret_wipe_bytes(again.p, k.w.len);
    } else {
        exit = cli_fail(c, CLI_FAILED, NULL, "out of memory");
    }
    free(room.p);
    free(again.p);
    return exit;
}

/* ---- restore ------------------------------------------------------------------------------- */

/* Whether this home has been somebody's: then nothing is written over. */
static bool is_used(const struct cli *c)
{
    static const char *const marks[] = { "keys", "enclave", "p2p.key", "ipfsd.sock" };
    char path[CONFIG_HOME_MAX + 32];
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (cli_path(c, path, sizeof(path), marks[i]) != OK || path_exists(path))
            return true;
    }
    return false;
}

static enum err put_file(const struct cli *c, const struct backup_file *f)
{
    char relative[BACKUP_PATH_MAX + 1], path[CONFIG_HOME_MAX + BACKUP_PATH_MAX + 2];
    memcpy(relative, f->path.p, f->path.n);
    relative[f->path.n] = '\0';
    TRY(cli_path(c, path, sizeof(path), relative));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    TRY(path_make_dirs(path, 0700));
    *slash = '/';
    return path_write_file(path, f->bytes, 0600);
}

/* All files are read before the first is written. */
static enum err put_all(const struct cli *c, struct span plain, uint32_t *count)
{
    for (int write = 0; write < 2; write++) {
        struct reader r = reader_of(plain);
        struct backup_file f;
        enum err e;
        *count = 0;
        while ((e = backup_next(&f, &r)) == OK) {
            if (write == 1)
                TRY(put_file(c, &f));
            (*count)++;
        }
        if (e != ERR_NOT_FOUND)
            return e;
    }
    return OK;
}

static enum cli_exit restore(struct cli *c, struct span in)
{
    char password[KEYRING_PASSWORD_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)password, sizeof(password) };
    uint32_t count = 0;
    struct backup_head head;
    if (backup_head_decode(&head, in) != OK || in.n < BACKUP_HEAD_SIZE + AEAD_TAG_SIZE)
        return cli_fail(c, CLI_REFUSED, NULL, "%s is no backup of a node", c->args[0]);
    enum cli_exit exit = keyring_ask_password(c, password, "Password of the backup: ");
    if (exit != CLI_OK)
        return exit;
    const size_t n = in.n - BACKUP_HEAD_SIZE - AEAD_TAG_SIZE;
    uint8_t *plain = malloc(n + 1);
    if (plain == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    enum err e = backup_open(plain, in, span_str(password));
    if (e == OK)
        e = put_all(c, span_of(plain, n), &count);
    secret_wipe_bytes(plain, n);
    free(plain);
    if (e == ERR_SIGNATURE)
        return cli_fail(c, CLI_REFUSED, NULL, "the password is wrong, or the file was changed");
    if (e != OK)
        return cli_fail(c, cli_exit_of(e), NULL, "it cannot be restored: %s", err_text(e));
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:i}", "home", c->home, "files", (int)count));
    printf(
        "restored  %u files to %s\n"
        "warning   never run it beside the original. The chain takes reports only from the state\n"
        "          that it stores: of two copies, the first to report goes on and the other is\n"
        "          refused for ever; a copy that is older than the last report is refused at "
        "once.\n"
        "next:     attach the disks; they hold the newest journal, which is used before this one\n",
        count, c->home);
    return CLI_OK;
}

enum cli_exit cmd_backup_restore(struct cli *c)
{
    struct mspan in;
    if (is_used(c))
        return cli_fail(c, CLI_REFUSED, "crust node restore FILE --home NEW",
                        "%s is in use: a restored node never goes over another", c->home);
    enum err e = path_read_file(&in, c->args[0], BACKUP_SIZE_MAX);
    if (e != OK)
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s cannot be read: %s", c->args[0], err_text(e));
    enum cli_exit exit = restore(c, span_of(in.p, in.n));
    free(in.p);
    return exit;
}
