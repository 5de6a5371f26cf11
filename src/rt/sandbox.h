/* sandbox: what a process may still do after start. A seccomp filter from a text policy that lies
 * beside the code it confines; a check of the open descriptors; resource limits.
 *
 * Policy grammar, one rule a line ('#' starts a comment, blanks separate words):
 *
 *   NAME [CONDITION...]          allow the system call when all conditions hold
 *   refuse NAME [CONDITION...]   answer EPERM instead of killing (library probes)
 *
 *   CONDITION  argN=V  argN!=V  argN<V  argN<=V  argN>V  argN>=V  argN&MASK=V   with N in 0..5;
 *              "fd" stands for arg0; V and MASK are decimal or 0x hexadecimal, 64 bits, unsigned.
 *
 * Several lines for one call are alternatives. Whatever no line names kills the process. */
#ifndef CRUST_RT_SANDBOX_H
#define CRUST_RT_SANDBOX_H

#include "base/err.h"
#include "base/span.h"

enum {
    SANDBOX_RULES_MAX = 256,
    SANDBOX_NAME_MAX = 32,      /* with its NUL */
    SANDBOX_CONDITIONS_MAX = 6, /* a system call has six arguments */
    SANDBOX_LINE_MAX = 256,
};

enum sandbox_op {
    SANDBOX_EQ,
    SANDBOX_NE,
    SANDBOX_LT,
    SANDBOX_LE,
    SANDBOX_GT,
    SANDBOX_GE,
    SANDBOX_MASKED
};

struct sandbox_condition {
    uint8_t arg;
    enum sandbox_op op;
    uint64_t mask; /* SANDBOX_MASKED only, else 0 */
    uint64_t value;
};

struct sandbox_rule {
    char name[SANDBOX_NAME_MAX];
    bool refuse;
    uint32_t line;
    uint8_t condition_count;
    struct sandbox_condition conditions[SANDBOX_CONDITIONS_MAX];
};

struct sandbox_policy {
    uint32_t rule_count;
    uint32_t error_line; /* after a failure: where; 0 when not about a line */
    struct sandbox_rule rules[SANDBOX_RULES_MAX];
};

/* sandbox_parse reads a policy. Pure and total.
 * Out:     *out; on failure no rules, and error_line.
 * Returns: OK, ERR_FORMAT (a line breaks the grammar), ERR_LIMIT (too many rules, conditions, or
 *          too long a line or name), ERR_RANGE (a number above 64 bits, N above 5). */
NODISCARD enum err sandbox_parse(struct sandbox_policy *out, struct span text);

/* sandbox_format writes the policy in its canonical form, one rule a line: parsing that gives the
 * same rules again. ERR_LIMIT when out is too small. */
NODISCARD enum err sandbox_format(struct mspan out, size_t *len, const struct sandbox_policy *p);

/* sandbox_enter sets no_new_privs, makes the process not dumpable, and loads the filter for all
 * threads. There is no way back. p->error_line names a line with an unknown system call.
 * Returns: OK, ERR_FORMAT (unknown call), ERR_UNSUPPORTED (no seccomp here), ERR_IO. */
NODISCARD enum err sandbox_enter(struct sandbox_policy *p);

/* sandbox_check_fds: exactly these descriptors are open, no more, no fewer.
 * Returns: OK or ERR_DENIED; *odd (may be NULL) is then the first that should not be there, or
 * that is missing. Needs /proc/self/fd or tries numbers up to 4095. */
NODISCARD enum err sandbox_check_fds(int *odd, const int *fds, size_t count);

struct sandbox_limits {
    uint64_t open_files;    /* 0 leaves each as it is */
    uint64_t address_space; /* bytes */
    bool no_core;
    bool no_file_writes; /* RLIMIT_FSIZE 0: no write may extend a file */
    bool no_processes;   /* RLIMIT_NPROC 0 */
};

/* sandbox_limit sets resource limits, hard and soft. ERR_DENIED, ERR_IO. */
NODISCARD enum err sandbox_limit(const struct sandbox_limits *l);

#endif
