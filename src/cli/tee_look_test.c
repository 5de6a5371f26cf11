/* Trees of files as machines show them, and what is said about each. */
#include "cli/tee_look.h"

#include "base/check.h"
#include "rt/path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static char said[8192]; /* "state check | what | next" in lines */
static unsigned counts[3];

static void note(void *ctx, enum tee_state state, const char *check, const char *next,
                 const char *what)
{
    static const char *const words[] = { "ok", "note", "wrong" };
    size_t n = strlen(said);
    (void)ctx;
    counts[state]++;
    CHECK(state != TEE_BAD || next != NULL); /* each problem has its action */
    CHECK(state != TEE_GOOD || next == NULL);
    snprintf(said + n, sizeof(said) - n, "%s %s | %s | %s\n", words[state], check, what,
             next == NULL ? "" : next);
}

static void put(const char *path, const char *text)
{
    char full[256], folder[256];
    snprintf(full, sizeof(full), "%s%s", root, path);
    snprintf(folder, sizeof(folder), "%s", full);
    *strrchr(folder, '/') = '\0';
    CHECK_OK(path_make_dirs(folder, 0755));
    CHECK_OK(path_write_file(full, span_str(text), 0660));
    CHECK(chmod(full, 0660) == 0); /* whatever the umask */
}

static void drop(const char *path)
{
    char full[256];
    snprintf(full, sizeof(full), "%s%s", root, path);
    CHECK(unlink(full) == 0);
}

static void look_as(uid_t uid, const gid_t *groups, size_t count)
{
    const struct tee_place at = { root, uid, groups, count };
    said[0] = '\0';
    memset(counts, 0, sizeof(counts));
    tee_look(&at, note, NULL);
}

static bool says(const char *text)
{
    return strstr(said, text) != NULL;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/crust-tee-XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(root) != OK;
}

static void cpu(const char *flags, const char *kernel)
{
    char text[512];
    snprintf(text, sizeof(text),
             "processor\t: 0\nmicrocode\t: 0xd0003e7\nflags\t\t: fpu vme %s sse2\n\n"
             "processor\t: 1\nflags\t\t: sgx sev_snp tdx_guest\n",
             flags);
    put("/proc/cpuinfo", text);
    put("/proc/sys/kernel/osrelease", kernel);
}

static void sgx_machine(void)
{
    cpu("sgx sgx_lc", "6.1.0-53-amd64\n");
    put("/dev/sgx_enclave", "");
    put("/dev/sgx_provision", "");
    put("/var/run/aesmd/aesm.socket", "");
    put("/etc/sgx_default_qcnl.conf", "{}");
    put("/usr/bin/gramine-sgx", "");
}

static void an_sgx_machine(void **state)
{
    (void)state;
    static const struct {
        const char *path, *what, *next;
    } rows[] = {
        { "/dev/sgx_enclave", "there is no /dev/sgx_enclave", "firmware setup" },
        { "/dev/sgx_provision", "there is no /dev/sgx_provision", "firmware setup" },
        { "/var/run/aesmd/aesm.socket", "no quote service", "sgx-aesm-service" },
        { "/etc/sgx_default_qcnl.conf", "no certificate chain", "PCCS" },
        { "/usr/bin/gramine-sgx", "no gramine-sgx", "install Gramine" },
    };
    sgx_machine();
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 0 && counts[TEE_NOTE] == 0 && counts[TEE_GOOD] == 8);
    CHECK(says("revision 0xd0003e7;"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sgx_machine();
        drop(rows[i].path);
        look_as(0, NULL, 0);
        CHECK(counts[TEE_BAD] == 1 && says(rows[i].what) && says(rows[i].next));
    }
    sgx_machine();
    cpu("sgx sgx_lc", "5.10.0-30-amd64\n");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 1 && says("Linux 5.10, too old for its SGX driver"));
}

static void permissions_are_the_worker_s(void **state)
{
    (void)state;
    char full[256];
    struct stat st;
    sgx_machine();
    snprintf(full, sizeof(full), "%s/dev/sgx_provision", root);
    CHECK(stat(full, &st) == 0);
    const gid_t group = st.st_gid, other = st.st_gid + 1;
    const uid_t stranger = st.st_uid + 4711;
    look_as(stranger, &group, 1); /* mode 0660 */
    CHECK(counts[TEE_BAD] == 0);
    look_as(stranger, &other, 1);
    CHECK(counts[TEE_BAD] == 2 && says("sgx_prv") && says("not for user"));
    CHECK(chmod(full, 0666) == 0);
    look_as(stranger, NULL, 0);
    CHECK(counts[TEE_BAD] == 1);
}

static void a_host_of_snp_guests(void **state)
{
    (void)state;
    cpu("sev sev_snp", "6.12.9\n");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 4); /* KVM's switch, the firmware's driver, vsock, kvm */
    CHECK(says("RMP table") && says("modprobe ccp") && says("modprobe vhost_vsock"));
    put("/sys/module/kvm_amd/parameters/sev_snp", "Y\n");
    put("/dev/sev", "");
    put("/dev/vhost-vsock", "");
    put("/dev/kvm", "");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 0 && counts[TEE_NOTE] == 1); /* this file is no firmware */
    put("/sys/module/kvm_amd/parameters/sev_snp", "N\n");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 1);
}

static void a_host_of_tdx_guests(void **state)
{
    (void)state;
    cpu("tdx_host_platform", "6.16.0\n");
    put("/sys/module/kvm_intel/parameters/tdx", "Y\n");
    put("/var/run/tdx-qgs/qgs.socket", "");
    put("/dev/vhost-vsock", "");
    put("/dev/kvm", "");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 0 && says("KVM starts TDX guests"));
    drop("/var/run/tdx-qgs/qgs.socket");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 1 && says("install tdx-qgs"));
}

static void inside_a_guest(void **state)
{
    (void)state;
    cpu("", "6.12.95+deb12-cloud-amd64\n");
    put("/dev/sev-guest", "");
    put("/proc/mounts", "proc /proc proc rw 0 0\nnone /sys/kernel/config configfs rw 0 0\n");
    put("/sys/kernel/config/tsm/report/x", "");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 0 && says("a guest of SEV-SNP"));
    put("/proc/mounts", "proc /proc proc rw 0 0\n");
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 1 && says("mount -t configfs"));
    put("/proc/mounts", "none /sys/kernel/config configfs rw 0 0\n");
    drop("/sys/kernel/config/tsm/report/x");
    char full[256];
    snprintf(full, sizeof(full), "%s/sys/kernel/config/tsm/report", root);
    CHECK(rmdir(full) == 0);
    look_as(0, NULL, 0);
    CHECK(counts[TEE_BAD] == 1 && says("modprobe sev-guest"));
    cpu("tdx_guest", "6.6.0\n");
    drop("/dev/sev-guest");
    look_as(0, NULL, 0);
    CHECK(says("a guest of TDX") && says("too old for configfs-tsm") && says("volatile"));
    CHECK(says("modprobe tdx-guest"));
}

static void a_machine_with_none(void **state)
{
    (void)state;
    look_as(0, NULL, 0);
    CHECK(counts[TEE_NOTE] == 1 && counts[TEE_GOOD] + counts[TEE_BAD] == 0);
    cpu("sgx1x xsgx", "6.1.0\n"); /* words, not parts of words; and only the first processor */
    look_as(0, NULL, 0);
    CHECK(counts[TEE_NOTE] == 1 && says("only software workers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_sgx_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(permissions_are_the_worker_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_of_snp_guests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_of_tdx_guests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inside_a_guest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_machine_with_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
