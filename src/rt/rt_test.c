/* Logs, clock, paths, lock files, addresses, the loop, child processes. */
#include "base/check.h"
#include "rt/clock.h"
#include "rt/lockfile.h"
#include "rt/log.h"
#include "rt/loop.h"
#include "rt/netaddr.h"
#include "rt/path.h"
#include "rt/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static const char *in_dir(const char *name)
{
    static char paths[32][128];
    static unsigned next;
    char *out = paths[next++ % 32];
    CHECK_OK(path_join(out, sizeof(paths[0]), dir, name));
    return out;
}

/* ---- log, clock, random ---- */

static void log_lines_cannot_be_forged(void **state)
{
    (void)state;
    int fds[2];
    CHECK(pipe(fds) == 0);
    log_to(fds[1]);
    log_init("prog", LOG_LEVEL_INFO);
    log_debug("hidden", "x=1");
    log_info("seen", "path=\"%s\" n=%d", "a\nb\x1b[0m", 7);
    char long_text[3000];
    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    log_error("long", "t=%s", long_text);
    log_to(-1);
    char out[8192];
    ssize_t n = read(fds[0], out, sizeof(out) - 1);
    CHECK(n > 0);
    out[n] = '\0';
    CHECK(strstr(out, " info prog seen path=\"a?b?[0m\" n=7\n") != NULL);
    CHECK(strstr(out, "hidden") == NULL);
    const char *second = strchr(out, '\n') + 1;
    CHECK(strlen(second) == LOG_LINE_MAX - 1 && strchr(second, '\n') == out + n - 1);
    enum log_level level;
    CHECK_OK(log_level_parse(&level, "warn"));
    CHECK(level == LOG_LEVEL_WARN);
    CHECK_ERR(log_level_parse(&level, "loud"), ERR_FORMAT);
    close(fds[0]);
    close(fds[1]);
}

static void dates_are_right(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        const char *text, *http;
    } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT" },
        { 951782399999, "2000-02-28T23:59:59.999Z", "Mon, 28 Feb 2000 23:59:59 GMT" },
        { 951782400000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT" },
        { 784111777000, "1994-11-06T08:49:37.000Z",
          "Sun, 06 Nov 1994 08:49:37 GMT" }, /* RFC 9110 */
        { 4107542400000, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[CLOCK_TEXT_MAX];
        clock_format(text, rows[i].ms);
        assert_string_equal(text, rows[i].text);
        clock_format_http(text, rows[i].ms);
        assert_string_equal(text, rows[i].http);
    }
    uint64_t at = clock_deadline(20);
    int left = clock_left(at);
    CHECK(left > 0 && left <= 20 && clock_left(clock_deadline(CLOCK_FOREVER)) == -1);
    clock_sleep_ms(25);
    CHECK(clock_left(at) == 0);
}

/* ---- files ---- */

static void files_are_replaced_whole(void **state)
{
    (void)state;
    const char *path = in_dir("a/b/file");
    CHECK_ERR(path_write_file(path, span_str("x"), 0600), ERR_NOT_FOUND);
    CHECK_OK(path_make_dirs(in_dir("a/b"), 0700));
    CHECK_OK(path_make_dirs(in_dir("a/b/"), 0700));
    CHECK_OK(path_write_file(path, span_str("first"), 0600));
    CHECK_OK(path_write_file(path, span_str("second!"), 0600));
    struct mspan got;
    CHECK_OK(path_read_file(&got, path, 7));
    assert_string_equal((char *)got.p, "second!");
    free(got.p);
    CHECK_ERR(path_read_file(&got, path, 6), ERR_LIMIT);
    CHECK_ERR(path_read_file(&got, in_dir("a"), 6), ERR_FORMAT);
    CHECK_ERR(path_read_file(&got, in_dir("none"), 6), ERR_NOT_FOUND);
    CHECK_ERR(path_make_dirs(in_dir("a/b/file/c"), 0700), ERR_EXISTS);
    CHECK(mkfifo(in_dir("fifo"), 0600) == 0);
    CHECK_ERR(path_read_file(&got, in_dir("fifo"), 6), ERR_FORMAT); /* and does not hang */
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    /* A symbolic link in the tree is removed, not followed. */
    CHECK_OK(path_make_dirs(in_dir("kept"), 0700));
    CHECK(symlink(in_dir("kept"), in_dir("a/link")) == 0);
    CHECK_OK(path_remove_tree(in_dir("a")));
    CHECK(!path_exists(in_dir("a")) && path_exists(in_dir("kept")));
    CHECK_OK(path_remove_tree(in_dir("a")));
    char small[4];
    CHECK_ERR(path_join(small, sizeof(small), "ab", "cd"), ERR_LIMIT);
}

static void a_lock_names_its_holder_and_dies_with_it(void **state)
{
    (void)state;
    const char *path = in_dir("LOCK");
    int ready[2];
    CHECK(pipe(ready) == 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct lockfile mine;
        char ok = lockfile_take(&mine, NULL, path, "crust-ipfsd") == OK;
        if (write(ready[1], &ok, 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char ok = 0;
    CHECK(read(ready[0], &ok, 1) == 1 && ok);
    struct lockfile lock;
    struct lockfile_holder holder;
    CHECK_ERR(lockfile_take(&lock, &holder, path, "crust"), ERR_BUSY);
    CHECK(holder.pid == pid);
    assert_string_equal(holder.program, "crust-ipfsd");
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_OK(lockfile_take(&lock, &holder, path, "crust"));
    lockfile_release(&lock);
    lockfile_release(&lock);
    close(ready[0]);
    close(ready[1]);
}

/* ---- addresses ---- */

static enum netaddr_class class_of(const char *text)
{
    uint8_t ip[16];
    if (inet_pton(AF_INET, text, ip) == 1)
        return netaddr_class_v4(ip);
    CHECK(inet_pton(AF_INET6, text, ip) == 1);
    return netaddr_class_v6(ip);
}

static void addresses_have_their_class(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum netaddr_class want;
    } rows[] = {
        { "1.1.1.1", NETADDR_GLOBAL },
        { "0.0.0.0", NETADDR_UNSPECIFIED },
        { "0.1.2.3", NETADDR_UNSPECIFIED },
        { "127.255.255.255", NETADDR_LOOPBACK },
        { "128.0.0.0", NETADDR_GLOBAL },
        { "10.0.0.1", NETADDR_PRIVATE },
        { "11.0.0.1", NETADDR_GLOBAL },
        { "172.15.255.255", NETADDR_GLOBAL },
        { "172.16.0.0", NETADDR_PRIVATE },
        { "172.31.255.255", NETADDR_PRIVATE },
        { "172.32.0.0", NETADDR_GLOBAL },
        { "192.168.255.1", NETADDR_PRIVATE },
        { "192.169.0.1", NETADDR_GLOBAL },
        { "100.63.255.255", NETADDR_GLOBAL },
        { "100.64.0.0", NETADDR_SHARED },
        { "100.128.0.0", NETADDR_GLOBAL },
        { "169.254.169.254", NETADDR_LINK_LOCAL },
        { "192.0.0.8", NETADDR_RESERVED },
        { "192.0.2.1", NETADDR_RESERVED },
        { "198.18.0.1", NETADDR_RESERVED },
        { "198.19.255.255", NETADDR_RESERVED },
        { "198.20.0.1", NETADDR_GLOBAL },
        { "203.0.113.9", NETADDR_RESERVED },
        { "224.0.0.1", NETADDR_MULTICAST },
        { "240.0.0.1", NETADDR_RESERVED },
        { "255.255.255.255", NETADDR_RESERVED },
        { "::", NETADDR_UNSPECIFIED },
        { "::1", NETADDR_LOOPBACK },
        { "2606:4700::1111", NETADDR_GLOBAL },
        { "fe80::1", NETADDR_LINK_LOCAL },
        { "febf::1", NETADDR_LINK_LOCAL },
        { "fec0::1", NETADDR_RESERVED },
        { "fc00::1", NETADDR_UNIQUE_LOCAL },
        { "fdff::1", NETADDR_UNIQUE_LOCAL },
        { "ff02::1", NETADDR_MULTICAST },
        { "::ffff:127.0.0.1", NETADDR_LOOPBACK },
        { "::ffff:8.8.8.8", NETADDR_GLOBAL },
        { "::127.0.0.1", NETADDR_LOOPBACK },
        { "64:ff9b::10.0.0.1", NETADDR_PRIVATE },
        { "64:ff9b::8.8.8.8", NETADDR_GLOBAL },
        { "64:ff9b:1::1", NETADDR_RESERVED },
        { "2002:7f00:1::", NETADDR_LOOPBACK },
        { "2002:0808:0808::", NETADDR_GLOBAL },
        { "2001:0:1:2:3:4:80ff:fffe", NETADDR_LOOPBACK },
        { "2001:db8::1", NETADDR_RESERVED },
        { "2001:10::1", NETADDR_RESERVED },
        { "2001:2f::1", NETADDR_RESERVED },
        { "2001:30::1", NETADDR_GLOBAL },
        { "3fff::1", NETADDR_RESERVED },
        { "4000::1", NETADDR_RESERVED },
        { "100::1", NETADDR_RESERVED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum netaddr_class got = class_of(rows[i].text);
        if (got != rows[i].want)
            print_error("%s is %s\n", rows[i].text, netaddr_class_name(got));
        CHECK(got == rows[i].want);
    }
    struct sockaddr other = { .sa_family = AF_UNIX };
    CHECK(netaddr_classify(&other, sizeof(other)) == NETADDR_RESERVED);
}

static void address_texts_round_trip(void **state)
{
    (void)state;
    static const char *const good[] = { "1.2.3.4:0", "127.0.0.1:65535", "[::1]:80",
                                        "[2001:db8::1]:9" };
    static const char *const bad[] = {
        "",        "1.2.3.4",    "1.2.3.4:",   "1.2.3.4:65536", "::1:80",
        "[::1]80", "1.2.3.4:+1", "1.2.3.4: 1", "localhost:1",   "[::1]"
    };
    struct sockaddr_storage sa;
    socklen_t n;
    for (size_t i = 0; i < 4; i++) {
        char text[NETADDR_TEXT_MAX];
        CHECK_OK(netaddr_parse(&sa, &n, good[i]));
        netaddr_format(text, (const struct sockaddr *)&sa);
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < 10; i++)
        CHECK_ERR(netaddr_parse(&sa, &n, bad[i]), ERR_FORMAT);
}

/* ---- the loop ---- */

struct counts {
    struct loop *l;
    atomic_uint posts, refused, events, jobs, done, ticks;
    struct loop_event event;
    struct loop_timer *timer;
    bool stopped_by_signal;
};

static void on_post(void *ctx)
{
    ((struct counts *)ctx)->posts++;
}

static void on_event(void *ctx)
{
    ((struct counts *)ctx)->events++;
}

static void *poster(void *ctx)
{
    struct counts *c = ctx;
    for (int i = 0; i < 10000; i++) {
        if (loop_post(c->l, on_post, c) != OK)
            c->refused++;
        if (i % 100 == 0)
            loop_post_event(c->l, &c->event);
    }
    return NULL;
}

static void posts_are_bounded_and_none_is_lost(void **state)
{
    (void)state;
    struct counts c = { 0 };
    CHECK_OK(loop_new(&c.l, 16));
    c.event = (struct loop_event){ .fn = on_event, .ctx = &c };
    for (int i = 0; i < 16; i++)
        CHECK_OK(loop_post(c.l, on_post, &c));
    CHECK_ERR(loop_post(c.l, on_post, &c), ERR_BUSY);
    loop_run_once(c.l, 10);
    CHECK(c.posts == 16);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, poster, &c) == 0);
    for (int i = 0; i < 200000 && c.posts + c.refused < 16 + 20000; i++)
        loop_run_once(c.l, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    loop_run_once(c.l, 1);
    CHECK(c.posts + c.refused == 16 + 20000 && c.posts > 16 && c.events >= 1);
    loop_free(c.l);
}

static void run_job(void *ctx)
{
    ((struct counts *)ctx)->jobs++;
}

static void job_done(void *ctx)
{
    ((struct counts *)ctx)->done++;
}

static void on_tick(void *ctx)
{
    struct counts *c = ctx;
    if (++c->ticks == 3) {
        loop_timer_free(c->timer);
        c->timer = NULL;
        loop_stop(c->l);
    }
}

static void on_signal_stop(void *ctx)
{
    struct counts *c = ctx;
    c->stopped_by_signal = true;
    loop_stop(c->l);
}

static void jobs_timers_and_signals(void **state)
{
    (void)state;
    struct counts c = { 0 };
    CHECK_OK(loop_new(&c.l, 0));
    for (int i = 0; i < LOOP_JOBS_MAX; i++)
        CHECK_OK(loop_work(c.l, run_job, job_done, &c));
    CHECK_ERR(loop_work(c.l, run_job, job_done, &c), ERR_BUSY);
    for (int i = 0; i < 1000 && c.done < LOOP_JOBS_MAX; i++)
        loop_run_once(c.l, 5);
    CHECK(c.jobs == LOOP_JOBS_MAX && c.done == LOOP_JOBS_MAX);
    CHECK_OK(loop_work(c.l, run_job, job_done, &c)); /* loop_free waits for this one */
    c.timer = loop_timer_new(c.l, on_tick, &c);
    CHECK(c.timer != NULL);
    uint64_t start = clock_mono_ms();
    loop_timer_start(c.timer, 5, 5);
    loop_run(c.l);
    CHECK(c.ticks == 3 && clock_mono_ms() - start >= 14);
    CHECK_OK(loop_signals_start(c.l));
    loop_on_signal(c.l, on_signal_stop, &c);
    raise(SIGTERM);
    loop_run(c.l);
    CHECK(c.stopped_by_signal);
    loop_free(c.l);
    CHECK(c.done == LOOP_JOBS_MAX + 1);
}

/* ---- processes ---- */

static const char *const sh_prefix[] = { "/bin/sh", "-c" };

static enum err run_sh(struct process *p, struct process_options *o, const char *script)
{
    static const char *argv[4];
    argv[0] = sh_prefix[0];
    argv[1] = sh_prefix[1];
    argv[2] = script;
    o->path = "/bin/sh";
    o->argv = argv;
    return process_spawn(p, o);
}

static void a_child_has_the_listed_descriptors_only(void **state)
{
    (void)state;
    int a[2], stray = dup(2); /* inheritable: no CLOEXEC */
    CHECK(pipe(a) == 0);
    struct process_options o = { .fds = { { a[1], 1 }, { a[0], 5 } }, .fd_count = 2 };
    struct process p;
    CHECK_OK(run_sh(&p, &o,
                    "for f in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do "
                    "[ -e /proc/$$/fd/$f ] && echo $f; done; exit 7"));
    CHECK_OK(process_wait(&p, 5000));
    CHECK(p.exit_code == 7 && p.signal == 0);
    close(a[1]);
    char out[256];
    size_t n = 0;
    for (ssize_t k; (k = read(a[0], out + n, sizeof(out) - 1 - n)) > 0;)
        n += (size_t)k;
    out[n] = '\0';
    assert_string_equal(out, "0\n1\n2\n5\n");
    process_fini(&p);
    close(a[0]);
    close(stray);
}

static void descriptors_may_be_swapped(void **state)
{
    (void)state;
    int a[2], b[2];
    CHECK(pipe(a) == 0 && pipe(b) == 0);
    /* Our a[1] and b[1] change places in the child. */
    CHECK(a[1] < 10 && b[1] < 10); /* the shell knows one digit */
    struct process_options o = { .fds = { { a[1], b[1] }, { b[1], a[1] } }, .fd_count = 2 };
    char script[64];
    snprintf(script, sizeof(script), "echo A >&%d; echo B >&%d", b[1], a[1]);
    struct process p;
    CHECK_OK(run_sh(&p, &o, script));
    CHECK_OK(process_wait(&p, 5000));
    process_fini(&p);
    char got[2];
    CHECK(read(a[0], got, 2) == 2 && got[0] == 'A');
    CHECK(read(b[0], got, 2) == 2 && got[0] == 'B');
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static void failures_and_signals_are_reported(void **state)
{
    (void)state;
    struct process p;
    static const char *const argv[] = { "x", NULL };
    struct process_options o = { .path = "/nowhere/x", .argv = argv };
    CHECK_ERR(process_spawn(&p, &o), ERR_NOT_FOUND);
    o.path = "/etc/passwd";
    CHECK_ERR(process_spawn(&p, &o), ERR_DENIED);
    o = (struct process_options){ 0 };
    CHECK_OK(run_sh(&p, &o, "trap '' TERM; sleep 30 & wait; sleep 30"));
    CHECK_ERR(process_wait(&p, 50), ERR_TIMEOUT);
    process_stop(&p, 50); /* it ignores SIGTERM */
    CHECK(p.ended && p.signal == SIGKILL && p.exit_code == 137);
    process_signal(&p, SIGTERM); /* of one that has ended: nothing */
    process_fini(&p);
    CHECK_OK(run_sh(&p, &o, "kill -s USR1 $$"));
    CHECK_OK(process_wait(&p, 5000));
    CHECK(p.signal == SIGUSR1);
    process_fini(&p);
    char path[PATH_TEXT_MAX];
    CHECK_OK(process_beside(path, sizeof(path), "crust"));
    CHECK(path[0] == '/' && strcmp(strrchr(path, '/'), "/crust") == 0);
}

/* A middle process starts a child and is killed with SIGKILL: the child must go, too. */
static void children_die_with_their_parent(void **state)
{
    (void)state;
    int tell[2];
    CHECK(pipe2(tell, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t middle = fork();
    if (middle == 0) {
        struct process p;
        struct process_options o = { .fds = { { tell[1], 4 } }, .fd_count = 1 };
        if (run_sh(&p, &o, "exec sleep 60") != OK || write(tell[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(tell[1]);
    char byte;
    CHECK(read(tell[0], &byte, 1) == 1);
    kill(middle, SIGKILL);
    CHECK(waitpid(middle, NULL, 0) == middle);
    uint64_t start = clock_mono_ms();
    CHECK(read(tell[0], &byte, 1) == 0); /* the child held the last copy of the pipe's end */
    CHECK(clock_mono_ms() - start < 5000);
    close(tell[0]);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/crust-rt-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(dir) != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_lines_cannot_be_forged),
        cmocka_unit_test(dates_are_right),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(a_lock_names_its_holder_and_dies_with_it),
        cmocka_unit_test(addresses_have_their_class),
        cmocka_unit_test(address_texts_round_trip),
        cmocka_unit_test(posts_are_bounded_and_none_is_lost),
        cmocka_unit_test(jobs_timers_and_signals),
        cmocka_unit_test(a_child_has_the_listed_descriptors_only),
        cmocka_unit_test(descriptors_may_be_swapped),
        cmocka_unit_test(failures_and_signals_are_reported),
        cmocka_unit_test(children_die_with_their_parent),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
