/* init: the first program of a guest that runs crust-enclaved and nothing else. It lies in the
 * initial RAM disk, which is measured with the kernel and its command line, and does what is
 * written here, in this order: loads the listed kernel modules, opens the root disk under dm-verity
 * with the root hash of the command line, mounts it read-only, forbids further modules, and starts
 * the one program, again and again. There is no shell, no login, no network and nothing that can be
 * configured from outside.
 *
 * Command line: crust.root=ROOTHASH:DATABLOCKS (4096-byte blocks; the hash tree follows the data
 * and one block of header), crust.provider=snp or tdx; crust.once: power off instead of a second
 * start. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK   "/dev/vda"
#define MAPPED "/dev/dm-0"
#define PORT   "7913"

enum { TEXT = 1024, STARTS = 10, WAIT_S = 30, PAUSE_S = 5, BLOCK = 4096, SECTOR = 512 };

static char command_line[4096];

static void say(const char *what, const char *more)
{
    char line[TEXT];
    int n = snprintf(line, sizeof(line), "crust-guest: %s%s\n", what, more);
    if (n > 0)
        (void)!write(2, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

__attribute__((noreturn)) static void give_up(const char *what)
{
    say(what, errno != 0 ? strerror(errno) : "");
    sync();
    reboot(RB_POWER_OFF);
    _exit(1); /* which is a panic */
}

static void must(int result, const char *what)
{
    if (result < 0)
        give_up(what);
}

/* The value of "name=value" in the command line, or of "name" alone "": NULL when it is not there.
 */
static const char *option(const char *name, char out[TEXT])
{
    size_t n = strlen(name);
    for (const char *p = command_line; *p != '\0'; p += strcspn(p, " \n"), p += strspn(p, " \n")) {
        size_t word = strcspn(p, " \n");
        if (strncmp(p, name, n) != 0 || (p[n] != '=' && n != word))
            continue;
        size_t size = n == word ? 0 : word - n - 1;
        if (size >= TEXT)
            return NULL;
        memcpy(out, p + n + (n != word), size);
        out[size] = '\0';
        return out;
    }
    return NULL;
}

static void read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    must(fd, path);
    size_t at = 0;
    for (ssize_t n; at + 1 < size && (n = read(fd, out + at, size - 1 - at)) > 0;)
        at += (size_t)n;
    out[at] = '\0';
    close(fd);
}

/* Each line of /modules is a module's file; those that end in "?" are of a TEE that may be absent.
 */
static void load_modules(void)
{
    static char list[TEXT * 4];
    read_file("/modules", list, sizeof(list));
    for (char *next, *line = list; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        if (*next == '\n')
            *next++ = '\0';
        size_t n = strlen(line);
        int optional = n > 0 && line[n - 1] == '?';
        if (optional)
            line[n - 1] = '\0';
        int fd = open(line, O_RDONLY | O_CLOEXEC);
        must(fd, line);
        if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST && !optional)
            give_up(line);
        close(fd);
    }
}

static void wait_for(const char *path)
{
    for (int i = 0; i < WAIT_S * 10 && access(path, F_OK) != 0; i++)
        usleep(100000);
    must(access(path, F_OK), path);
}

struct dm {
    struct dm_ioctl head;
    char rest[TEXT];
};

static void dm_call(int control, unsigned long request, struct dm *d, unsigned flags)
{
    d->head.version[0] = DM_VERSION_MAJOR;
    d->head.data_size = sizeof(*d);
    d->head.data_start = sizeof(d->head);
    d->head.flags = flags;
    (void)snprintf(d->head.name, sizeof(d->head.name), "root");
    must(ioctl(control, request, d), "device mapper: ");
}

/* The disk under dm-verity as the kernel's documentation describes the table
 * (admin-guide/device-mapper/ verity): format 1, no salt, SHA-256. A block that does not match is
 * an error, and the guest ends. */
static void open_root(void)
{
    char hash[TEXT];
    static struct dm d;
    if (option("crust.root", hash) == NULL)
        give_up("no crust.root in the command line");
    char *colon = strchr(hash, ':');
    unsigned long blocks = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
    if (blocks == 0 || colon - hash != 64)
        give_up("crust.root is not ROOTHASH:DATABLOCKS");
    *colon = '\0';
    wait_for(DISK);
    int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    must(control, "/dev/mapper/control: ");
    dm_call(control, DM_DEV_CREATE, &d, DM_READONLY_FLAG);
    d = (struct dm){ .head = { .target_count = 1 } };
    struct dm_target_spec spec = { .length = blocks * (BLOCK / SECTOR), .target_type = "verity" };
    memcpy(d.rest, &spec, sizeof(spec));
    (void)snprintf(d.rest + sizeof(spec), sizeof(d.rest) - sizeof(spec),
                   "1 " DISK " " DISK " %d %d %lu %lu sha256 %.64s - 1 panic_on_corruption", BLOCK,
                   BLOCK, blocks, blocks + 1, hash);
    dm_call(control, DM_TABLE_LOAD, &d, DM_READONLY_FLAG);
    d = (struct dm){ 0 };
    dm_call(control, DM_DEV_SUSPEND, &d, 0); /* without the flag it resumes */
    close(control);
    wait_for(MAPPED);
    must(mount(MAPPED, "/root", "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL),
         "mount of the root: ");
}

static void enter_root(void)
{
    must(mount("/dev", "/root/dev", NULL, MS_MOVE, NULL), "dev: ");
    must(mount("/proc", "/root/proc", NULL, MS_MOVE, NULL), "proc: ");
    must(mount("/sys", "/root/sys", NULL, MS_MOVE, NULL), "sys: ");
    must(chdir("/root"), "root: ");
    must(mount(".", "/", NULL, MS_MOVE, NULL), "root: ");
    must(chroot("."), "root: ");
    must(chdir("/"), "root: ");
    /* Kernel code ends here: what is loaded is what was measured. */
    int fd = open("/proc/sys/kernel/modules_disabled", O_WRONLY | O_CLOEXEC);
    must(fd, "modules_disabled: ");
    must((int)write(fd, "1", 1), "modules_disabled: ");
    close(fd);
}

static int run(const char *provider)
{
    static char keys[TEXT];
    char program[64], name[16];
    (void)snprintf(program, sizeof(program), "/bin/crust-enclaved-%.8s", provider);
    (void)snprintf(name, sizeof(name), "%.8s-tsm", provider);
    char *argv[] = { program,       "--provider",     name, "--workers", "4", "--listen",
                     "vsock:" PORT, "--release-keys", keys, NULL };
    if (option("crust.releases", keys) == NULL)
        argv[7] = NULL;
    char *const envp[] = { NULL };
    pid_t child = fork();
    must(child, "fork: ");
    if (child == 0) {
        execve(program, argv, envp);
        say(program, ": cannot be started");
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int main(void)
{
    char provider[TEXT], unused[TEXT], text[32];
    must(mount("proc", "/proc", "proc", 0, NULL), "proc: ");
    must(mount("sysfs", "/sys", "sysfs", 0, NULL), "sys: ");
    if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY)
        give_up("dev: ");
    if (fcntl(2, F_GETFD) < 0) { /* no console: the descriptors are there all the same */
        must(open("/dev/null", O_RDWR), "/dev/null: ");
        (void)!dup2(0, 1);
        (void)!dup2(0, 2);
    }
    read_file("/proc/cmdline", command_line, sizeof(command_line));
    load_modules();
    must(mount("configfs", "/sys/kernel/config", "configfs", 0, NULL), "configfs: ");
    open_root();
    enter_root();
    if (option("crust.provider", provider) == NULL)
        give_up("no crust.provider in the command line");
    errno = 0;
    say("the root is verified; starting the enclave for ", provider);
    for (int i = 0; i < STARTS; i++) {
        int status = run(provider);
        (void)snprintf(text, sizeof(text), "%d",
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        say("the enclave ended with ", text);
        if (option("crust.once", unused) != NULL)
            break;
        sleep(PAUSE_S);
    }
    errno = 0;
    give_up("powering off");
}
