#include "rt/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the policy text ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off *s; empty at the end of the line. */
static struct span next_word(struct span *s)
{
    size_t i = 0;
    while (i < s->n && is_blank(s->p[i]))
        i++;
    size_t from = i;
    while (i < s->n && !is_blank(s->p[i]))
        i++;
    struct span word = span_sub(*s, from, i - from);
    *s = span_sub(*s, i, s->n);
    return word;
}

static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

static enum err parse_number(uint64_t *out, struct span s)
{
    unsigned base = 10;
    if (s.n > 2 && s.p[0] == '0' && s.p[1] == 'x') {
        base = 16;
        s = span_sub(s, 2, s.n);
    }
    if (s.n == 0)
        return ERR_FORMAT;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)digit_value(s.p[i]);
        if (d >= base)
            return ERR_FORMAT;
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return ERR_RANGE;
    }
    *out = v;
    return OK;
}

static const struct {
    const char *text;
    enum sandbox_op op;
} ops[] = {
    { "!=", SANDBOX_NE }, { "<=", SANDBOX_LE }, { ">=", SANDBOX_GE },
    { "=", SANDBOX_EQ },  { "<", SANDBOX_LT },  { ">", SANDBOX_GT },
};

static enum err parse_argument(uint8_t *arg, struct span *s)
{
    if (s->n >= 2 && memcmp(s->p, "fd", 2) == 0) {
        *arg = 0;
        *s = span_sub(*s, 2, s->n);
        return OK;
    }
    if (s->n < 4 || memcmp(s->p, "arg", 3) != 0 || s->p[3] < '0' || s->p[3] > '9')
        return ERR_FORMAT;
    if (s->p[3] > '5')
        return ERR_RANGE;
    *arg = (uint8_t)(s->p[3] - '0');
    *s = span_sub(*s, 4, s->n);
    return OK;
}

static enum err parse_condition(struct sandbox_condition *out, struct span s)
{
    *out = (struct sandbox_condition){ 0 };
    TRY(parse_argument(&out->arg, &s));
    if (s.n > 0 && s.p[0] == '&') {
        const uint8_t *equals = memchr(s.p, '=', s.n);
        if (equals == NULL)
            return ERR_FORMAT;
        size_t at = (size_t)(equals - s.p);
        out->op = SANDBOX_MASKED;
        TRY(parse_number(&out->mask, span_sub(s, 1, at - 1)));
        return parse_number(&out->value, span_sub(s, at + 1, s.n));
    }
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        size_t n = strlen(ops[i].text);
        if (s.n >= n && memcmp(s.p, ops[i].text, n) == 0) {
            out->op = ops[i].op;
            return parse_number(&out->value, span_sub(s, n, s.n));
        }
    }
    return ERR_FORMAT;
}

static enum err parse_name(char out[SANDBOX_NAME_MAX], struct span s)
{
    if (s.n == 0)
        return ERR_FORMAT;
    if (s.n >= SANDBOX_NAME_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return ERR_FORMAT;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return OK;
}

static enum err parse_rule(struct sandbox_policy *p, struct span s)
{
    const uint8_t *hash = s.n == 0 ? NULL : memchr(s.p, '#', s.n);
    if (hash != NULL)
        s.n = (size_t)(hash - s.p);
    if (s.n > SANDBOX_LINE_MAX)
        return ERR_LIMIT;
    struct span word = next_word(&s);
    if (word.n == 0)
        return OK;
    struct sandbox_rule rule = { .line = p->error_line };
    if (span_eq(word, span_str("refuse"))) {
        rule.refuse = true;
        word = next_word(&s);
    }
    TRY(parse_name(rule.name, word));
    for (word = next_word(&s); word.n > 0; word = next_word(&s)) {
        if (rule.condition_count == SANDBOX_CONDITIONS_MAX)
            return ERR_LIMIT;
        TRY(parse_condition(&rule.conditions[rule.condition_count], word));
        /* The kernel's filter takes one comparison an argument and rule. */
        for (uint8_t i = 0; i < rule.condition_count; i++) {
            if (rule.conditions[i].arg == rule.conditions[rule.condition_count].arg)
                return ERR_FORMAT;
        }
        rule.condition_count++;
    }
    if (p->rule_count == SANDBOX_RULES_MAX)
        return ERR_LIMIT;
    p->rules[p->rule_count++] = rule;
    return OK;
}

enum err sandbox_parse(struct sandbox_policy *out, struct span text)
{
    memset(out, 0, sizeof(*out));
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p);
        out->error_line++;
        enum err e = parse_rule(out, span_sub(text, 0, n));
        if (e != OK) {
            uint32_t line = out->error_line;
            memset(out, 0, sizeof(*out));
            out->error_line = line;
            return e;
        }
        text = span_sub(text, n + 1, text.n);
    }
    out->error_line = 0;
    return OK;
}

static int format_condition(char *out, size_t size, const struct sandbox_condition *c)
{
    if (c->op == SANDBOX_MASKED)
        return snprintf(out, size, " arg%u&0x%" PRIx64 "=0x%" PRIx64, c->arg, c->mask, c->value);
    const char *op = "=";
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i].op == c->op)
            op = ops[i].text;
    }
    return snprintf(out, size, " arg%u%s%" PRIu64, c->arg, op, c->value);
}

enum err sandbox_format(struct mspan out, size_t *len, const struct sandbox_policy *p)
{
    *len = 0;
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct sandbox_rule *r = &p->rules[i];
        char line[512];
        int n = snprintf(line, sizeof(line), "%s%s", r->refuse ? "refuse " : "", r->name);
        for (uint8_t k = 0; k < r->condition_count; k++)
            n += format_condition(line + n, sizeof(line) - (size_t)n, &r->conditions[k]);
        line[n++] = '\n';
        if ((size_t)n > out.n - *len)
            return ERR_LIMIT;
        memcpy(out.p + *len, line, (size_t)n);
        *len += (size_t)n;
    }
    return OK;
}

/* ---- the kernel's filter ---- */

static struct scmp_arg_cmp comparison_of(const struct sandbox_condition *c)
{
    static const enum scmp_compare compare[] = {
        [SANDBOX_EQ] = SCMP_CMP_EQ,
        [SANDBOX_NE] = SCMP_CMP_NE,
        [SANDBOX_LT] = SCMP_CMP_LT,
        [SANDBOX_LE] = SCMP_CMP_LE,
        [SANDBOX_GT] = SCMP_CMP_GT,
        [SANDBOX_GE] = SCMP_CMP_GE,
        [SANDBOX_MASKED] = SCMP_CMP_MASKED_EQ,
    };
    struct scmp_arg_cmp out = { .arg = c->arg, .op = compare[c->op], .datum_a = c->value };
    if (c->op == SANDBOX_MASKED) {
        out.datum_a = c->mask;
        out.datum_b = c->value;
    }
    return out;
}

static enum err add_rules(scmp_filter_ctx ctx, struct sandbox_policy *p)
{
    for (uint32_t i = 0; i < p->rule_count; i++) {
        const struct sandbox_rule *r = &p->rules[i];
        p->error_line = r->line;
        int number = seccomp_syscall_resolve_name(r->name);
        if (number == __NR_SCMP_ERROR)
            return ERR_FORMAT;
        if (number < 0)
            continue; /* exists, but not on this machine's architecture */
        struct scmp_arg_cmp args[SANDBOX_CONDITIONS_MAX];
        for (uint8_t k = 0; k < r->condition_count; k++)
            args[k] = comparison_of(&r->conditions[k]);
        uint32_t action = r->refuse ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW;
        int status = seccomp_rule_add_array(ctx, action, number, r->condition_count, args);
        if (status != 0 && status != -EEXIST)
            return ERR_FORMAT;
    }
    p->error_line = 0;
    return OK;
}

enum err sandbox_enter(struct sandbox_policy *p)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ERR_IO;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL)
        return ERR_UNSUPPORTED;
    enum err e = add_rules(ctx, p);
    if (e == OK && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) != 0)
        e = ERR_UNSUPPORTED;
    if (e == OK && seccomp_load(ctx) != 0)
        e = ERR_UNSUPPORTED;
    seccomp_release(ctx);
    return e;
}

/* ---- descriptors and limits ---- */

static bool listed(int fd, const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] == fd)
            return true;
    }
    return false;
}

/* The first open descriptor that is not listed, or -1. */
static int first_stranger(const int *fds, size_t count)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        for (int fd = 0; fd < 4096; fd++) {
            if (!listed(fd, fds, count) && fcntl(fd, F_GETFD) >= 0)
                return fd;
        }
        return -1;
    }
    int stranger = -1;
    for (struct dirent *d; stranger < 0 && (d = readdir(dir)) != NULL;) {
        char *end;
        long fd = strtol(d->d_name, &end, 10);
        if (end == d->d_name || *end != '\0' || fd == dirfd(dir))
            continue;
        if (!listed((int)fd, fds, count))
            stranger = (int)fd;
    }
    closedir(dir);
    return stranger;
}

enum err sandbox_check_fds(int *odd, const int *fds, size_t count)
{
    int wrong = first_stranger(fds, count);
    for (size_t i = 0; wrong < 0 && i < count; i++) {
        if (fcntl(fds[i], F_GETFD) < 0)
            wrong = fds[i];
    }
    if (odd != NULL)
        *odd = wrong;
    return wrong < 0 ? OK : ERR_DENIED;
}

static enum err limit_to(__rlimit_resource_t resource, uint64_t value)
{
    struct rlimit r = { .rlim_cur = value, .rlim_max = value };
    if (setrlimit(resource, &r) == 0)
        return OK;
    return errno == EPERM ? ERR_DENIED : ERR_IO;
}

enum err sandbox_limit(const struct sandbox_limits *l)
{
    if (l->open_files != 0)
        TRY(limit_to(RLIMIT_NOFILE, l->open_files));
    if (l->address_space != 0)
        TRY(limit_to(RLIMIT_AS, l->address_space));
    if (l->no_core)
        TRY(limit_to(RLIMIT_CORE, 0));
    if (l->no_file_writes)
        TRY(limit_to(RLIMIT_FSIZE, 0));
    if (l->no_processes)
        TRY(limit_to(RLIMIT_NPROC, 0));
    return OK;
}
