/* What a confined node can still do, tried in child processes by plain system calls. */
#include "ipfsd/confinement.h"

#include "base/check.h"
#include "rt/log.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNSUPPORTED = 77 };

static char home[64];
static struct settings s;

static void at(char out[SETTINGS_PATH_MAX], const char *name)
{
    CHECK_OK(path_join(out, SETTINGS_PATH_MAX, home, name));
}

static int setup(void **state)
{
    (void)state;
    char path[SETTINGS_PATH_MAX];
    (void)snprintf(home, sizeof(home), "/tmp/crust-confinement-XXXXXX");
    CHECK(mkdtemp(home) != NULL);
    memset(&s, 0, sizeof(s));
    s.confine = true;
    s.storage = true;
    s.p2p.on = true;
    (void)snprintf(s.home, sizeof(s.home), "%s", home);
    at(s.listen, "ipfsd.sock");
    at(s.store, "store");
    at(s.names, "names");
    at(s.name_keys, "name-keys");
    at(s.enclave, "enclave");
    at(s.p2p.key, "p2p.key");
    (void)snprintf(s.enclave_program, sizeof(s.enclave_program), "/bin/true");
    at(s.disks[0].path, "disk");
    s.disk_count = 1;
    at(path, "keys");
    CHECK_OK(path_make_dirs(path, 0700));
    at(path, "keys/main.key");
    CHECK_OK(path_write_file(path, span_str("secret"), 0600));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return path_remove_tree(home) == OK ? 0 : -1;
}

/* How act, run in a confined child, ends: 0 when all it expects is so, else the line where not. */
static int confined(int (*act)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        log_init("test", LOG_LEVEL_OFF);
        if (confinement_enter(&s) != OK)
            _exit(255);
        if (open("/", O_RDONLY | O_DIRECTORY) >= 0)
            _exit(UNSUPPORTED);
        _exit(act());
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int opens(const char *name, int flags)
{
    char path[SETTINGS_PATH_MAX];
    if (path_join(path, sizeof(path), s.home, name) != OK)
        return ENAMETOOLONG;
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int act_files(void)
{
    if (opens("store/a", O_RDWR | O_CREAT) != 0 || opens("store/a", O_RDONLY) != 0)
        return 1;
    if (opens("disk/a", O_RDWR | O_CREAT) != 0 || opens("enclave/a", O_RDWR | O_CREAT) != 0)
        return 2;
    if (opens("p2p.key", O_RDONLY) != 0 || opens("p2p.key", O_WRONLY) != EACCES)
        return 3;
    if (opens("keys/main.key", O_RDONLY) != EACCES || opens("keys/main.key", O_WRONLY) != EACCES)
        return 4;
    if (opens("stranger", O_RDWR | O_CREAT) != EACCES || opens("/tmp/x", O_WRONLY | O_CREAT) == 0)
        return 5;
    if (opens("/etc/hosts", O_RDONLY) != 0 || opens("/etc/hosts", O_WRONLY) != EACCES)
        return 6;
    if (opens("/proc/self/status", O_RDONLY) != 0 || opens("/dev/urandom", O_RDONLY) != 0)
        return 7;
    return 0;
}

static int act_socket(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/ipfsd.sock", home);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
        return 1;
    return unlink(a.sun_path) == 0 ? 0 : 2;
}

static int act_programs(void)
{
    char *argv[] = { NULL, NULL }, shell[] = "/bin/sh", right[] = "/bin/true";
    argv[0] = shell;
    if (execv(shell, argv) != -1 || errno != EACCES)
        return 1;
    argv[0] = right;
    (void)execv(right, argv); /* ends with 0 */
    return 2;
}

static int act_calls(void)
{
#ifdef CRUST_SANITIZED
    return 0; /* no filter: the sanitizers' runtime makes calls of its own */
#else
    if (syscall(SYS_ptrace, 0, 0, 0, 0) != -1 || errno != ENOSYS)
        return 1;
    if (syscall(SYS_unshare, 0) != -1 || errno != ENOSYS)
        return 2;
    if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != ENOSYS)
        return 3;
    if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != ENOSYS)
        return 4;
    return syscall(SYS_getpid) > 0 ? 0 : 5;
#endif
}

static void expect(int (*act)(void))
{
    int got = confined(act);
    if (got == UNSUPPORTED) {
        print_message("skip - this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(got, 0);
}

static void files_outside_its_folders_are_out_of_reach(void **state)
{
    (void)state;
    expect(act_files);
}

static void it_may_make_its_socket(void **state)
{
    (void)state;
    expect(act_socket);
}

static void it_runs_nothing_but_the_enclave(void **state)
{
    (void)state;
    expect(act_programs);
}

static void other_system_calls_are_missing(void **state)
{
    (void)state;
    expect(act_calls);
}

/* A disk that the list knows and that is away is not made: what comes back must be seen as it is.
 */
static void a_missing_disk_is_not_made(void **state)
{
    (void)state;
    char path[SETTINGS_PATH_MAX], line[SETTINGS_PATH_MAX + 64];
    at(path, "enclave");
    CHECK_OK(path_make_dirs(path, 0700));
    at(path, "enclave/disks");
    (void)snprintf(line, sizeof(line), "0 %032d %s/away\n", 0, home);
    CHECK_OK(path_write_file(path, span_str(line), 0600));
    at(s.disks[1].path, "away");
    s.disk_count = 2;
    expect(act_socket);
    CHECK(!path_exists(s.disks[1].path));
    s.disk_count = 1;
}

static int act_free(void)
{
    return opens("keys/main.key", O_RDONLY);
}

/* The setting is honoured, and the test above would see it if the kernel did nothing. */
static void confine_false_changes_nothing(void **state)
{
    (void)state;
    fflush(NULL);
    s.confine = false;
    pid_t pid = fork();
    if (pid == 0)
        _exit(confinement_enter(&s) == OK ? act_free() : 255);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    s.confine = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_outside_its_folders_are_out_of_reach),
        cmocka_unit_test(it_may_make_its_socket),
        cmocka_unit_test(it_runs_nothing_but_the_enclave),
        cmocka_unit_test(other_system_calls_are_missing),
        cmocka_unit_test(a_missing_disk_is_not_made),
        cmocka_unit_test(confine_false_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
