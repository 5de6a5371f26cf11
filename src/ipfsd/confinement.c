#include "ipfsd/confinement.h"

#include "ipfsd/disks.h"
#include "rt/confine.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/sandbox.h"
#include "rt/seed_file.h"

#include <stdio.h>

enum { PATHS_MAX = 64 };

#define P2P_FOLDER "/p2p"

struct paths {
    struct confine_path list[PATHS_MAX];
    char texts[PATHS_MAX][SETTINGS_PATH_MAX];
    size_t count;
};

/* What the C library, OpenSSL and the resolver read; the terminal and nothing else of /dev. */
static const struct confine_path of_the_system[] = {
    { "/usr", CONFINE_READ },
    { "/lib", CONFINE_READ },
    { "/lib64", CONFINE_READ },
    { "/etc", CONFINE_READ },
    { "/run/systemd/resolve", CONFINE_READ },
    { "/proc", CONFINE_READ },
    { "/sys/devices/system/cpu", CONFINE_READ },
    { "/dev/null", CONFINE_READ | CONFINE_WRITE },
    { "/dev/urandom", CONFINE_READ },
    /* The loaders that the kernel runs the enclave's program with. */
    { "/lib64/ld-linux-x86-64.so.2", CONFINE_RUN },
    { "/lib/ld-linux-aarch64.so.1", CONFINE_RUN },
};

static void add(struct paths *p, const char *path, unsigned rights)
{
    ASSERT(p->count < PATHS_MAX);
    char *text = p->texts[p->count];
    (void)snprintf(text, SETTINGS_PATH_MAX, "%s", path);
    p->list[p->count++] = (struct confine_path){ text, rights };
}

/* The folder that a file is in. */
static void add_folder(struct paths *p, const char *path, unsigned rights)
{
    add(p, path, rights);
    char *text = p->texts[p->count - 1], *slash = strrchr(text, '/');
    (void)snprintf(slash == NULL || slash == text ? text : slash, 2, "%s",
                   slash == NULL   ? "."
                   : slash == text ? "/"
                                   : "");
}

/* A disk that is away comes back where it was mounted, so what is mounted later below the nearest
 * folder that is there is allowed. */
static void add_disk(struct paths *p, const char *path)
{
    add(p, path, CONFINE_READ | CONFINE_WRITE);
    char *text = p->texts[p->count - 1], *slash;
    while (!path_exists(text) && (slash = strrchr(text, '/')) != NULL && slash != text)
        *slash = '\0';
}

static bool is_listed(char listed[DISKS_MAX][SETTINGS_PATH_MAX], const char *path)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        if (strcmp(listed[i], path) == 0)
            return true;
    }
    return false;
}

/* A disk that is listed and not there is away and must not be made. */
static void add_disks(struct paths *p, const struct settings *s)
{
    static char listed[DISKS_MAX][SETTINGS_PATH_MAX];
    disks_listed(listed, s);
    for (size_t i = 0; i < s->disk_count; i++) {
        const char *path = s->disks[i].path;
        if (!is_listed(listed, path))
            (void)!path_make_dirs(path, 0700); /* what is wrong is said when it is opened */
        add_disk(p, path);
    }
    for (uint32_t i = 0; i < DISKS_MAX; i++) {
        if (listed[i][0] != '\0')
            add_disk(p, listed[i]);
    }
}

/* What is remembered of peers. */
static void p2p_folder(char *out, size_t size, const struct settings *s)
{
    (void)snprintf(out, size, "%s" P2P_FOLDER, s->home);
}

static void list(struct paths *p, const struct settings *s)
{
    for (size_t i = 0; i < sizeof(of_the_system) / sizeof(of_the_system[0]); i++)
        add(p, of_the_system[i].path, of_the_system[i].rights);
    const unsigned all = CONFINE_READ | CONFINE_WRITE;
    add(p, s->store, all);
    add(p, s->names, all);
    add(p, s->name_keys, all);
    add_folder(p, s->listen, CONFINE_SOCKET);
    if (s->url_file[0] != '\0')
        add_folder(p, s->url_file, CONFINE_SOCKET | CONFINE_WRITE);
    if (s->p2p.on) {
        char folder[SETTINGS_PATH_MAX + sizeof(P2P_FOLDER)];
        add(p, s->p2p.key, CONFINE_READ);
        p2p_folder(folder, sizeof(folder), s);
        add(p, folder, all);
    }
    if (s->pinning_on)
        add(p, s->pinning, all);
    if (!s->storage && !s->rebuild)
        return;
    add(p, s->enclave, all);
    add(p, s->enclave_program, CONFINE_READ | CONFINE_RUN);
    if (s->enclave_next[0] != '\0')
        add(p, s->enclave_next, CONFINE_READ | CONFINE_RUN);
    add_disks(p, s);
}

/* What is made at the first start is made here, as it cannot be looked at any more later. */
static enum err make(const struct settings *s)
{
    TRY(path_make_dirs(s->home, 0700));
    TRY(path_make_dirs(s->store, 0700));
    TRY(path_make_dirs(s->names, 0700));
    TRY(path_make_dirs(s->name_keys, 0700));
    if (s->storage)
        TRY(path_make_dirs(s->enclave, 0700));
    char folder[SETTINGS_PATH_MAX + sizeof(P2P_FOLDER)];
    p2p_folder(folder, sizeof(folder), s);
    if (s->p2p.on)
        TRY(path_make_dirs(folder, 0700));
    if (s->pinning_on)
        TRY(path_make_dirs(s->pinning, 0700));
    struct ed25519_key key;
    if (!s->p2p.on || path_exists(s->p2p.key))
        return OK;
    TRY(seed_file_make(&key, s->p2p.key));
    ed25519_wipe(&key);
    return OK;
}

/* Where something is missing the node works all the same, and its log says what it works without.
 */
static enum err warn(enum err e, const char *what)
{
    if (e == ERR_UNSUPPORTED)
        log_warn("not-confined", "missing=\"%s\"", what);
    else if (e != OK)
        log_error("not-confined", "by=\"%s\" reason=\"%s\" next=\"confine = false\"", what,
                  err_text(e));
    return e == ERR_UNSUPPORTED ? OK : e;
}

enum err confinement_enter(const struct settings *s)
{
    static struct paths paths; /* large for a stack; at start only */
    if (!s->confine) {
        log_warn("not-confined", "by=\"confine = false\"");
        return OK;
    }
    paths.count = 0;
    enum err e = make(s);
    if (e != OK) {
        log_error("folders-not-made", "home=\"%s\" reason=\"%s\"", s->home, err_text(e));
        return e;
    }
    list(&paths, s);
    TRY(warn(confine_enter(paths.list, paths.count), "Landlock"));
#ifdef CRUST_SANITIZED
    return OK; /* the sanitizers' runtime makes calls of its own */
#else
    return warn(sandbox_refuse(confinement_calls, confinement_call_count, SANDBOX_MISSING),
                "seccomp");
#endif
}
