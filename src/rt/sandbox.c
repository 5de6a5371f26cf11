#include "rt/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const scmp_datum_t name_spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                        CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

static enum err add_rule(scmp_filter_ctx ctx, const struct sandbox_rule *r)
{
    int number = seccomp_syscall_resolve_name(r->call);
    if (number == __NR_SCMP_ERROR)
        return ERR_FORMAT;
    if (number < 0)
        return OK; /* exists, but not on this machine's architecture */
    struct scmp_arg_cmp first = { .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)r->fd };
    if (r->fd == SANDBOX_NO_NAME_SPACE)
        first = (struct scmp_arg_cmp){ .op = SCMP_CMP_MASKED_EQ, .datum_a = name_spaces };
    unsigned count = r->fd == SANDBOX_ANY ? 0 : 1;
    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, number, count, &first) == 0 ? OK
                                                                                   : ERR_FORMAT;
}

enum err sandbox_refuse(const struct sandbox_rule *rules, size_t count,
                        enum sandbox_refusal refusal)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ERR_IO;
    scmp_filter_ctx ctx =
        seccomp_init(refusal == SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
    if (ctx == NULL)
        return ERR_UNSUPPORTED;
    enum err e = OK;
    for (size_t i = 0; e == OK && i < count; i++)
        e = add_rule(ctx, &rules[i]);
    if (e == OK && (seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) != 0 || seccomp_load(ctx) != 0))
        e = ERR_UNSUPPORTED;
    seccomp_release(ctx);
    return e;
}

enum err sandbox_enter(const struct sandbox_rule *rules, size_t count)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ERR_IO;
    return sandbox_refuse(rules, count, SANDBOX_KILL);
}

enum err sandbox_check_fds(int count)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return ERR_UNSUPPORTED;
    int found = 0;
    bool stranger = false;
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        char *end;
        long fd = strtol(d->d_name, &end, 10);
        if (end == d->d_name || fd == dirfd(dir))
            continue; /* ".", "..", and the one we look with */
        stranger = stranger || fd >= count;
        found++;
    }
    closedir(dir);
    return !stranger && found == count ? OK : ERR_DENIED;
}

enum err sandbox_limit(void)
{
    const struct rlimit none = { 0 };
    bool set = setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_FSIZE, &none) == 0 &&
               setrlimit(RLIMIT_NPROC, &none) == 0;
    return set ? OK : ERR_IO;
}
