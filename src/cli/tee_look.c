#include "cli/tee_look.h"

#include <fcntl.h>
#include <linux/psp-sev.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = 512,
    TEXT_SIZE = 256,
    CPUINFO_SIZE = 16 << 10, /* of the first processor */
    MOUNTS_SIZE = 64 << 10,
    KERNEL_SGX = 511, /* the driver of the kernel itself: 5.11 */
    KERNEL_TSM = 607, /* configfs-tsm */
};

#define REPORTS "/sys/kernel/config/tsm/report"

struct look {
    const struct tee_place *at;
    tee_found found;
    void *ctx;
    unsigned kernel; /* major * 100 + minor */
    bool any;        /* a TEE was seen */
    char cpu[CPUINFO_SIZE];
};

__attribute__((format(printf, 5, 6))) static void say(struct look *l, enum tee_state state,
                                                      const char *check, const char *next,
                                                      const char *what, ...)
{
    char text[TEXT_SIZE];
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    l->found(l->ctx, state, check, next, text);
}

static bool full_path(const struct look *l, char out[PATH_SIZE], const char *path)
{
    int n = snprintf(out, PATH_SIZE, "%s%s", l->at->root, path);
    return n > 0 && n < PATH_SIZE;
}

static bool there(const struct look *l, const char *path)
{
    char full[PATH_SIZE];
    return full_path(l, full, path) && access(full, F_OK) == 0;
}

/* The beginning of a file as a string; "" when it cannot be read. */
static bool read_text(const struct look *l, const char *path, char *out, size_t size)
{
    char full[PATH_SIZE];
    out[0] = '\0';
    if (!full_path(l, full, path))
        return false;
    FILE *f = fopen(full, "re");
    if (f == NULL)
        return false;
    size_t n = fread(out, 1, size - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n > 0;
}

/* Whether the worker's user may read and write a node, by its mode bits. */
static bool may_use(const struct look *l, const char *path, bool *is_there)
{
    char full[PATH_SIZE];
    struct stat st;
    *is_there = full_path(l, full, path) && stat(full, &st) == 0;
    if (!*is_there || l->at->uid == 0)
        return *is_there;
    mode_t want = S_IROTH | S_IWOTH;
    bool in_group = false;
    for (size_t i = 0; i < l->at->group_count; i++)
        in_group = in_group || l->at->groups[i] == st.st_gid;
    if (st.st_uid == l->at->uid)
        want = S_IRUSR | S_IWUSR;
    else if (in_group)
        want = S_IRGRP | S_IWGRP;
    return (st.st_mode & want) == want;
}

/* A word of the processor's flags. */
static bool has_flag(const struct look *l, const char *flag)
{
    size_t n = strlen(flag);
    for (const char *p = l->cpu; (p = strstr(p, flag)) != NULL; p += n) {
        if (p != l->cpu && p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
            return true;
    }
    return false;
}

static bool module_says(const struct look *l, const char *parameter)
{
    char text[8];
    return read_text(l, parameter, text, sizeof(text)) && (text[0] == 'Y' || text[0] == '1');
}

static void device(struct look *l, const char *check, const char *path, const char *missing,
                   const char *denied)
{
    bool is_there;
    bool may = may_use(l, path, &is_there);
    if (!is_there)
        say(l, TEE_BAD, check, missing, "there is no %s", path);
    else if (!may)
        say(l, TEE_BAD, check, denied, "%s is there, but not for user %u", path,
            (unsigned)l->at->uid);
    else
        say(l, TEE_GOOD, check, NULL, "%s", path);
}

static void kernel_at_least(struct look *l, unsigned wanted, const char *why)
{
    bool enough = l->kernel >= wanted;
    say(l, enough ? TEE_GOOD : TEE_BAD, "kernel",
        enough ? NULL : "boot a newer kernel (Debian: linux-image-amd64 from backports)",
        "Linux %u.%u%s%s", l->kernel / 100, l->kernel % 100, enough ? "" : ", too old for ",
        enough ? "" : why);
}

/* ---- SGX: the worker runs on this machine, under Gramine --------------------------------------
 */

static void look_at_sgx(struct look *l)
{
    bool nodes = there(l, "/dev/sgx_enclave");
    if (!has_flag(l, "sgx") && !nodes)
        return;
    l->any = true;
    say(l, TEE_GOOD, "sgx", NULL, "the processor has SGX");
    kernel_at_least(l, KERNEL_SGX, "its SGX driver");
    if (!has_flag(l, "sgx_lc") && !nodes)
        say(l, TEE_BAD, "launch", "switch on SGX and flexible launch control in the firmware setup",
            "no flexible launch control (sgx_lc): the kernel does not use SGX without it");
    device(l, "enclave", "/dev/sgx_enclave", "switch SGX on in the firmware setup",
           "usermod -aG sgx USER (or the group that owns it), then log in again");
    device(l, "provision", "/dev/sgx_provision", "switch SGX on in the firmware setup",
           "usermod -aG sgx_prv USER: without it there is no quote");
    if (there(l, "/var/run/aesmd/aesm.socket"))
        say(l, TEE_GOOD, "quotes", NULL, "the quote service (aesmd) runs");
    else
        say(l, TEE_BAD, "quotes", "install sgx-aesm-service and libsgx-aesm-quote-ex-plugin",
            "no quote service: there is no /var/run/aesmd/aesm.socket");
    if (there(l, "/etc/sgx_default_qcnl.conf"))
        say(l, TEE_GOOD, "pck", NULL, "/etc/sgx_default_qcnl.conf names where certificates are");
    else
        say(l, TEE_BAD, "pck",
            "install libsgx-dcap-default-qpl and name a PCCS in /etc/sgx_default_qcnl.conf",
            "no /etc/sgx_default_qcnl.conf: quotes would carry no certificate chain");
    if (there(l, "/usr/bin/gramine-sgx"))
        say(l, TEE_GOOD, "gramine", NULL, "/usr/bin/gramine-sgx");
    else
        say(l, TEE_BAD, "gramine", "install Gramine: docs/guide/tee-sgx.md", "no gramine-sgx");
}

/* ---- hosts of guests --------------------------------------------------------------------------
 */

static void host_of_guests(struct look *l)
{
    if (there(l, "/dev/vhost-vsock"))
        say(l, TEE_GOOD, "vsock", NULL, "/dev/vhost-vsock");
    else
        say(l, TEE_BAD, "vsock", "modprobe vhost_vsock",
            "no /dev/vhost-vsock: crust-ipfsd cannot reach an enclave in a guest");
    device(l, "kvm", "/dev/kvm", "switch virtualization on in the firmware setup",
           "usermod -aG kvm USER");
}

static void sev_firmware(struct look *l)
{
    char full[PATH_SIZE];
    struct sev_user_data_status status = { 0 };
    struct sev_issue_cmd command = { .cmd = SEV_PLATFORM_STATUS,
                                     .data = (uint64_t)(uintptr_t)&status };
    int fd = full_path(l, full, "/dev/sev") ? open(full, O_RDWR | O_CLOEXEC) : -1;
    bool told = fd >= 0 && ioctl(fd, SEV_ISSUE_CMD, &command) == 0;
    if (fd >= 0)
        close(fd);
    if (told)
        say(l, TEE_GOOD, "firmware", NULL, "SEV firmware %u.%u.%u", status.api_major,
            status.api_minor, status.build);
    else
        say(l, TEE_NOTE, "firmware", "run crust doctor tee as root, to see the level",
            "the level of the SEV firmware cannot be read");
}

static void look_at_snp_host(struct look *l)
{
    bool on = module_says(l, "/sys/module/kvm_amd/parameters/sev_snp");
    if (!has_flag(l, "sev_snp") && !on)
        return;
    l->any = true;
    say(l, TEE_GOOD, "snp", NULL, "the processor has SEV-SNP");
    if (on)
        say(l, TEE_GOOD, "host", NULL, "KVM starts SEV-SNP guests");
    else
        say(l, TEE_BAD, "host",
            "switch on SEV-SNP, SMEE and the RMP table in the firmware setup, IOMMU on",
            "KVM starts no SEV-SNP guests (kvm_amd: sev_snp is not Y)");
    if (there(l, "/dev/sev"))
        sev_firmware(l);
    else
        say(l, TEE_BAD, "firmware", "modprobe ccp; look at dmesg for ccp and SEV",
            "there is no /dev/sev: the security processor's driver does not run");
    host_of_guests(l);
}

static void look_at_tdx_host(struct look *l)
{
    bool on = module_says(l, "/sys/module/kvm_intel/parameters/tdx");
    if (!has_flag(l, "tdx_host_platform") && !on)
        return;
    l->any = true;
    say(l, TEE_GOOD, "tdx", NULL, "the processor has TDX");
    if (on)
        say(l, TEE_GOOD, "host", NULL, "KVM starts TDX guests");
    else
        say(l, TEE_BAD, "host", "add kvm_intel.tdx=1 to the kernel's command line (Linux 6.16+)",
            "KVM starts no TDX guests (kvm_intel: tdx is not Y)");
    if (there(l, "/var/run/tdx-qgs/qgs.socket") || there(l, "/usr/bin/qgs") ||
        there(l, "/opt/intel/tdx-qgs/qgs"))
        say(l, TEE_GOOD, "quotes", NULL, "the quote generation service (QGS) is installed");
    else
        say(l, TEE_BAD, "quotes", "install tdx-qgs, and libsgx-dcap-default-qpl with a PCCS",
            "no quote generation service: guests get no quotes");
    host_of_guests(l);
}

/* ---- inside a guest ---------------------------------------------------------------------------
 */

static void look_at_guest(struct look *l)
{
    bool tdx = has_flag(l, "tdx_guest") || there(l, "/dev/tdx_guest");
    bool snp = there(l, "/dev/sev-guest") || there(l, "/sys/module/sev_guest");
    char mounts[MOUNTS_SIZE];
    if (!tdx && !snp)
        return;
    l->any = true;
    say(l, TEE_GOOD, "guest", NULL, "this is a guest of %s", tdx ? "TDX" : "SEV-SNP");
    kernel_at_least(l, KERNEL_TSM, "configfs-tsm");
    (void)read_text(l, "/proc/mounts", mounts, sizeof(mounts));
    if (strstr(mounts, " /sys/kernel/config configfs ") == NULL)
        say(l, TEE_BAD, "configfs", "mount -t configfs none /sys/kernel/config",
            "configfs is not mounted");
    else if (!there(l, REPORTS))
        say(l, TEE_BAD, "reports", tdx ? "modprobe tdx-guest" : "modprobe sev-guest",
            "there is no " REPORTS ": no driver gives reports");
    else
        say(l, TEE_GOOD, "reports", NULL, REPORTS);
    if (snp && !tdx)
        device(l, "keys", "/dev/sev-guest", "modprobe sev-guest",
               "the enclave runs as root in its guest");
    else
        say(l, TEE_NOTE, "keys", NULL,
            "TDX has no sealing key: a worker here is volatile, and ends with its guest");
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void look_at_kernel(struct look *l)
{
    char release[TEXT_SIZE], *end;
    (void)read_text(l, "/proc/sys/kernel/osrelease", release, sizeof(release));
    unsigned long major = strtoul(release, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    l->kernel = (unsigned)(major * 100 + (minor < 100 ? minor : 99));
}

static void look_at_microcode(struct look *l)
{
    const char *p = strstr(l->cpu, "microcode");
    const char *value = p == NULL ? NULL : strstr(p, "0x");
    if (value != NULL)
        say(l, TEE_GOOD, "microcode", NULL,
            "revision %.*s; whether it is new enough, evidence "
            "shows: crust attest verify",
            (int)strcspn(value, "\n"), value);
}

void tee_look(const struct tee_place *at, tee_found found, void *ctx)
{
    static struct look l;
    l = (struct look){ .at = at, .found = found, .ctx = ctx };
    (void)read_text(&l, "/proc/cpuinfo", l.cpu, sizeof(l.cpu));
    char *second = strstr(l.cpu, "\n\n");
    if (second != NULL)
        *second = '\0';
    look_at_kernel(&l);
    look_at_guest(&l);
    look_at_sgx(&l);
    look_at_snp_host(&l);
    look_at_tdx_host(&l);
    if (l.any)
        look_at_microcode(&l);
    else
        say(&l, TEE_NOTE, "tee", "use a machine with SGX, TDX or SEV-SNP: docs/guide/security.md",
            "neither SGX, TDX nor SEV-SNP here: only software workers, which networks with value "
            "refuse");
}
