#include "rt/sandbox.h"

#include "base/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void only_the_listed_descriptors_are_open(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        close_range(3, ~0U, 0);
        if (sandbox_check_fds(3) != OK)
            _exit(1);
        if (sandbox_check_fds(4) != ERR_DENIED) /* missing */
            _exit(2);
        if (dup2(0, 7) != 7)
            _exit(3);
        if (sandbox_check_fds(3) != ERR_DENIED) /* a stranger */
            _exit(4);
        if (sandbox_check_fds(4) != ERR_DENIED) /* as many as expected, but another */
            _exit(5);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

static void limits_are_set(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit r;
        if (sandbox_limit() != OK || getrlimit(RLIMIT_NPROC, &r) != 0 || r.rlim_max != 0)
            _exit(1);
        if (getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_max != 0)
            _exit(2);
        _exit(getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_max == 0 ? 0 : 3);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

/* Runs act in a child under a policy that lets it write to descriptor 1 and end. */
static int status_of(void (*act)(void))
{
    static const struct sandbox_rule rules[] = { { "exit_group", SANDBOX_ANY }, { "write", 1 } };
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (sandbox_enter(rules, sizeof(rules) / sizeof(rules[0])) != OK)
            _exit(99);
        act();
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void act_allowed(void)
{
    if (syscall(SYS_write, 1, "", 0) != 0)
        _exit(1);
}

static void act_forbidden(void)
{
    syscall(SYS_getpid);
}

static void act_other_descriptor(void)
{
    syscall(SYS_write, 2, "", 0);
}

static void act_open(void)
{
    syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static bool killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void a_forbidden_call_kills(void **state)
{
    (void)state;
#ifdef CRUST_SANITIZED
    print_message("skip - the sanitizers' runtime makes calls of its own\n");
    skip();
#else
    assert_int_equal(status_of(act_allowed), 0);
    CHECK(killed(status_of(act_forbidden)));
    CHECK(killed(status_of(act_other_descriptor)));
    CHECK(killed(status_of(act_open)));
#endif
    (void)status_of;
    (void)killed;
    (void)act_allowed;
    (void)act_forbidden;
    (void)act_other_descriptor;
    (void)act_open;
}

static void an_unknown_call_is_refused(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        static const struct sandbox_rule rules[] = { { "read", 0 }, { "no_such_call", 0 } };
        _exit(sandbox_enter(rules, 2) == ERR_FORMAT &&
                      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_DUMPABLE) == 0
                  ? 0
                  : 2);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_listed_descriptors_are_open),
        cmocka_unit_test(limits_are_set),
        cmocka_unit_test(a_forbidden_call_kills),
        cmocka_unit_test(an_unknown_call_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
