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

static struct sandbox_policy policy;

static void the_grammar_is_read_and_written(void **state)
{
    (void)state;
    static const char text[] = "# what a program may do\n"
                               "read fd=3   # the socket\n\n"
                               "mmap arg2&0x4=0x0 arg0!=1\r\n"
                               "\trefuse openat\n"
                               "futex arg1<=129 arg2>0 arg3>=0x10 arg4<9";
    CHECK_OK(sandbox_parse(&policy, span_str(text)));
    CHECK(policy.rule_count == 4 && policy.rules[1].line == 4 && policy.rules[2].refuse);
    CHECK(policy.rules[1].conditions[0].op == SANDBOX_MASKED);
    CHECK(policy.rules[1].conditions[0].mask == 4);
    char out[512];
    size_t n;
    CHECK_OK(sandbox_format((struct mspan){ (uint8_t *)out, sizeof(out) }, &n, &policy));
    CHECK_SPAN(span_of(out, n), span_str("read arg0=3\nmmap arg2&0x4=0x0 arg0!=1\nrefuse openat\n"
                                         "futex arg1<=129 arg2>0 arg3>=16 arg4<9\n"));
    CHECK_ERR(sandbox_format((struct mspan){ (uint8_t *)out, n - 1 }, &n, &policy), ERR_LIMIT);
}

static void what_breaks_the_grammar_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        { "read\nwrite fd", ERR_FORMAT },
        { "\nwrite fd=", ERR_FORMAT },
        { "\nwrite fd==3", ERR_FORMAT },
        { "\nwrite fd=3x", ERR_FORMAT },
        { "\nwrite fd=0x", ERR_FORMAT },
        { "\nwrite fd=-1", ERR_FORMAT },
        { "\nwrite arg6=1", ERR_RANGE },
        { "\nwrite arg=1", ERR_FORMAT },
        { "\nwrite arg0&7", ERR_FORMAT },
        { "\nwrite arg0&=7", ERR_FORMAT },
        { "\nwrite fd=3 arg0=4", ERR_FORMAT }, /* twice the same argument */
        { "\nWrite", ERR_FORMAT },
        { "\nrefuse", ERR_FORMAT },
        { "\nwrite fd=18446744073709551616", ERR_RANGE },
        { "\nwrite arg0=0x10000000000000000", ERR_RANGE },
        { "\nabcdefghijklmnopqrstuvwxyzabcdefgh", ERR_LIMIT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = sandbox_parse(&policy, span_str(rows[i].text));
        if (e != rows[i].want)
            print_error("%s: %s\n", rows[i].text, err_name(e));
        CHECK(e == rows[i].want && policy.error_line == 2 && policy.rule_count == 0);
    }
    static char many[SANDBOX_RULES_MAX * 5 + 10];
    for (size_t i = 0; i <= SANDBOX_RULES_MAX; i++)
        memcpy(many + i * 5, "read\n", 6);
    CHECK_ERR(sandbox_parse(&policy, span_str(many)), ERR_LIMIT);
    static char long_line[SANDBOX_LINE_MAX + 2];
    memset(long_line, ' ', SANDBOX_LINE_MAX + 1);
    CHECK_ERR(sandbox_parse(&policy, span_str(long_line)), ERR_LIMIT);
    CHECK_OK(sandbox_parse(&policy, span_str("")));
}

static void only_the_listed_descriptors_are_open(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        int fds[] = { 0, 1, 2, 3 };
        int odd = -1;
        close_range(3, ~0U, 0);
        if (sandbox_check_fds(&odd, fds, 3) != OK)
            _exit(1);
        if (sandbox_check_fds(&odd, fds, 4) != ERR_DENIED || odd != 3) /* missing */
            _exit(2);
        if (dup2(0, 7) != 7)
            _exit(3);
        if (sandbox_check_fds(&odd, fds, 3) != ERR_DENIED || odd != 7) /* a stranger */
            _exit(4);
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
        struct sandbox_limits l = { .open_files = 10, .no_core = true, .no_file_writes = true };
        struct rlimit r;
        if (sandbox_limit(&l) != OK || getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_max != 10)
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
    static const char text[] = "exit_group\nwrite fd=1\nrefuse getppid\nclone arg0=0\n";
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (sandbox_parse(&policy, span_str(text)) != OK || sandbox_enter(&policy) != OK)
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

static void act_refused(void)
{
    if (syscall(SYS_getppid) != -1)
        _exit(1);
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
    skip(); /* the sanitizers' runtime makes calls of its own */
#else
    assert_int_equal(status_of(act_allowed), 0);
    assert_int_equal(status_of(act_refused), 0);
    CHECK(killed(status_of(act_forbidden)));
    CHECK(killed(status_of(act_other_descriptor)));
    CHECK(killed(status_of(act_open)));
#endif
    (void)status_of;
    (void)killed;
    (void)act_allowed;
    (void)act_refused;
    (void)act_forbidden;
    (void)act_other_descriptor;
    (void)act_open;
}

static void an_unknown_call_is_named_by_its_line(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (sandbox_parse(&policy, span_str("read\n\nno_such_call\n")) != OK)
            _exit(1);
        _exit(sandbox_enter(&policy) == ERR_FORMAT && policy.error_line == 3 &&
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
        cmocka_unit_test(the_grammar_is_read_and_written),
        cmocka_unit_test(what_breaks_the_grammar_is_refused),
        cmocka_unit_test(only_the_listed_descriptors_are_open),
        cmocka_unit_test(limits_are_set),
        cmocka_unit_test(a_forbidden_call_kills),
        cmocka_unit_test(an_unknown_call_is_named_by_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
