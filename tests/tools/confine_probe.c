/* Stands in for the enclave's program and so runs under exactly what crust-ipfsd has taken from
 * itself. It tries what a program that has been taken over would try, and writes how each attempt
 * ended, an errno or 0, as one JSON object to HOME/enclave/probe.json, which it may write.
 *
 * Environment: PROBE_HOME, the node's home; PROBE_OUTSIDE, a folder with a file "secret", a program
 * "program", a listening socket "socket"; PROBE_PID, a process outside; PROBE_ABSTRACT, the name of
 * a socket outside; PROBE_CALLS: calls of the kernel's own matters are tried too. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *out;
static char home[512], outside[512];

static void tell(const char *name, long result)
{
    fprintf(out, "%s\n  \"%s\": %d", ftell(out) > 1 ? "," : "", name, result < 0 ? errno : 0);
}

static const char *at(const char *folder, const char *name)
{
    static char path[2][1100];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void try_open(const char *name, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    tell(name, fd);
    if (fd >= 0)
        close(fd);
}

/* ---- files ---- */

static void own_files(void)
{
    try_open("own store", at(home, "store/probe"), O_RDWR | O_CREAT);
    try_open("own names", at(home, "names/probe"), O_RDWR | O_CREAT);
    try_open("own disk", at(home, "disk/probe"), O_RDWR | O_CREAT);
    try_open("own p2p", at(home, "p2p/probe"), O_RDWR | O_CREAT);
    try_open("own identity", at(home, "p2p.key"), O_RDONLY);
    try_open("hosts", "/etc/hosts", O_RDONLY);
    tell("rename within", rename(at(home, "store/probe"), at(home, "store/probe2")));
    tell("remove", unlink(at(home, "store/probe2")));
}

static void other_files(void)
{
    try_open("read outside", at(outside, "secret"), O_RDONLY);
    try_open("write outside", at(outside, "secret"), O_WRONLY);
    try_open("make outside", at(outside, "new"), O_WRONLY | O_CREAT);
    try_open("make a temporary file outside", outside, O_WRONLY | O_TMPFILE);
    try_open("list outside", outside, O_RDONLY | O_DIRECTORY);
    try_open("list the root", "/", O_RDONLY | O_DIRECTORY);
    try_open("read an account's key", at(home, "keys/account.key"), O_RDONLY);
    try_open("read the settings", at(home, "crust.conf"), O_RDONLY);
    try_open("make in the home", at(home, "stranger"), O_WRONLY | O_CREAT);
    try_open("write the identity", at(home, "p2p.key"), O_WRONLY);
    try_open("write the system", "/etc/hosts", O_WRONLY);
    try_open("read the disks", "/dev/vda", O_RDONLY);
    try_open("read memory", "/dev/mem", O_RDONLY);
    try_open("climb out", at(home, "store/../../outside/secret"), O_RDONLY);
    tell("make a folder outside", mkdir(at(outside, "folder"), 0700));
    tell("move out", rename(at(home, "disk/probe"), at(outside, "moved")));
    tell("symlink", symlink(at(outside, "secret"), at(home, "store/link")));
    tell("hard link", link(at(outside, "secret"), at(home, "store/link")));
    tell("device node", mknod(at(home, "store/node"), S_IFBLK | 0600, 0xfe00));
    tell("change mode", chmod(at(outside, "secret"), 0777));
    tell("change mode at", fchmodat(AT_FDCWD, at(outside, "secret"), 0777, 0));
    tell("change owner", chown(at(outside, "secret"), (uid_t)-1, (gid_t)-1));
    tell("cut off", truncate(at(outside, "secret"), 0));
    tell("change times", syscall(SYS_utimensat, AT_FDCWD, at(outside, "secret"), NULL, 0));
    tell("set an attribute",
         syscall(SYS_setxattr, at(outside, "secret"), "user.a", "b", (size_t)1, 0));
    tell("move in", rename(at(outside, "secret"), at(home, "names/moved")));
    tell("remove outside", unlink(at(outside, "secret")));
}

/* ---- programs and processes ---- */

static void try_run(const char *name, const char *path)
{
    char *argv[] = { NULL, NULL }, copy[1100];
    snprintf(copy, sizeof(copy), "%s", path);
    argv[0] = copy;
    pid_t pid = fork();
    if (pid == 0) {
        execv(copy, argv);
        _exit(errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    errno = WEXITSTATUS(status);
    tell(name, errno == 0 ? 0 : -1);
}

static void programs(pid_t stranger)
{
    try_run("run a shell", "/bin/sh");
    try_run("run a program outside", at(outside, "program"));
    tell("run what is open", syscall(SYS_execveat, 0, "", NULL, NULL, 0x1000));
    tell("signal a stranger", kill(stranger, 0));
    tell("trace", ptrace(PTRACE_SEIZE, stranger, NULL, NULL));
    tell("read another's memory", syscall(SYS_process_vm_readv, stranger, NULL, 0L, NULL, 0L, 0L));
    tell("write another's memory",
         syscall(SYS_process_vm_writev, stranger, NULL, 0L, NULL, 0L, 0L));
    tell("take another's descriptor", syscall(SYS_pidfd_getfd, 0, 0, 0));
    tell("compare processes", syscall(SYS_kcmp, stranger, stranger, 0, 0, 0));
    long child = syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    tell("clone into a name space", child);
    tell("clone3", syscall(SYS_clone3, NULL, (size_t)0));
}

/* ---- the kernel ---- */

static void calls(void)
{
    static const struct {
        const char *name;
        long number;
    } list[] = {
        { "unshare", SYS_unshare },
        { "setns", SYS_setns },
        { "mount", SYS_mount },
        { "umount", SYS_umount2 },
        { "pivot_root", SYS_pivot_root },
        { "chroot", SYS_chroot },
        { "bpf", SYS_bpf },
        { "io_uring_setup", SYS_io_uring_setup },
        { "perf_event_open", SYS_perf_event_open },
        { "userfaultfd", SYS_userfaultfd },
        { "keyctl", SYS_keyctl },
        { "add_key", SYS_add_key },
        { "init_module", SYS_init_module },
        { "finit_module", SYS_finit_module },
        { "kexec_load", SYS_kexec_load },
        { "reboot", SYS_reboot },
        { "swapon", SYS_swapon },
        { "setuid", SYS_setuid },
        { "setresuid", SYS_setresuid },
        { "setgid", SYS_setgid },
        { "setgroups", SYS_setgroups },
        { "capset", SYS_capset },
        { "personality", SYS_personality },
        { "open_by_handle_at", SYS_open_by_handle_at },
        { "name_to_handle_at", SYS_name_to_handle_at },
        { "quotactl", SYS_quotactl },
        { "acct", SYS_acct },
        { "syslog", SYS_syslog },
        { "sethostname", SYS_sethostname },
        { "clock_settime", SYS_clock_settime },
        { "settimeofday", SYS_settimeofday },
        { "fanotify_init", SYS_fanotify_init },
        { "mq_open", SYS_mq_open },
        { "process_madvise", SYS_process_madvise },
        { "memfd_secret", 447 },
        { "landlock_restrict_self", 446 },
    };
    /* Arguments that do nothing, should a call be there after all. */
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        tell(list[i].name, syscall(list[i].number, -1L, -1L, -1L, -1L, -1L, -1L));
    tell("shmget", syscall(SYS_shmget, 1L, 0L, 0L));
    tell("msgget", syscall(SYS_msgget, 1L, 0L));
}

/* ---- sockets ---- */

static void try_connect(const char *name, const char *path, size_t skip)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(a.sun_path + skip, sizeof(a.sun_path) - skip, "%s", path);
    size_t n = offsetof(struct sockaddr_un, sun_path) + skip + strlen(path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    tell(name, connect(fd, (const struct sockaddr *)&a, (socklen_t)n));
    close(fd);
}

static void sockets(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    static const struct {
        const char *name;
        int family, type;
    } list[] = {
        { "packet socket", AF_PACKET, SOCK_RAW }, { "crypto socket", AF_ALG, SOCK_SEQPACKET },
        { "key socket", AF_KEY, SOCK_RAW },       { "bluetooth socket", AF_BLUETOOTH, SOCK_RAW },
        { "can socket", AF_CAN, SOCK_RAW },       { "xdp socket", 44, SOCK_RAW },
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        tell(list[i].name, socket(list[i].family, list[i].type, 0));
    tell("tcp socket", socket(AF_INET, SOCK_STREAM, 0));
    /* A name is a number of bytes behind a zero. */
    try_connect("abstract socket outside", getenv("PROBE_ABSTRACT"), 1);
    try_connect("socket outside", at(outside, "socket"), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", at(outside, "made"));
    tell("make a socket outside", bind(fd, (const struct sockaddr *)&a, sizeof(a)));
}

int main(void)
{
    const char *h = getenv("PROBE_HOME"), *o = getenv("PROBE_OUTSIDE"), *p = getenv("PROBE_PID");
    if (h == NULL || o == NULL || p == NULL || getenv("PROBE_ABSTRACT") == NULL)
        return 2;
    snprintf(home, sizeof(home), "%s", h);
    snprintf(outside, sizeof(outside), "%s", o);
    out = fopen(at(home, "enclave/probe.tmp"), "w");
    if (out == NULL)
        return 3;
    fputc('{', out);
    own_files();
    other_files();
    programs((pid_t)strtol(p, NULL, 10));
    if (getenv("PROBE_CALLS") != NULL)
        calls();
    sockets();
    fputs("\n}\n", out);
    fclose(out);
    return rename(at(home, "enclave/probe.tmp"), at(home, "enclave/probe.json")) == 0 ? 0 : 4;
}
