/* sandbox: what a process may still do after start. A seccomp filter from a list of system calls; a
 * check of the open descriptors; resource limits. */
#ifndef CRUST_RT_SANDBOX_H
#define CRUST_RT_SANDBOX_H

#include "base/err.h"

#include <stddef.h>

enum {
    SANDBOX_ANY = -1,
    /* Of clone: its flags make no name space. Whoever makes one of users is root in it, and meets
     * parts of the kernel that are full of holes. (The flags of clone3 no filter can see.) */
    SANDBOX_NO_NAME_SPACE = -2,
};

/* One system call that is allowed. Several rules for one call are alternatives. */
struct sandbox_rule {
    const char *call;
    int fd; /* what its first argument must be, or one of the above */
};

/* What becomes of a call that no rule names. */
enum sandbox_refusal {
    SANDBOX_KILL,    /* the process dies */
    SANDBOX_MISSING, /* the call fails with ENOSYS, as on a kernel that does not have it */
};

/* sandbox_refuse loads the filter for all threads after it has set no_new_privs. What is started
 * later stays under it. There is no way back.
 * Returns: as sandbox_enter. */
NODISCARD enum err sandbox_refuse(const struct sandbox_rule *rules, size_t count,
                                  enum sandbox_refusal refusal);

/* sandbox_enter sets no_new_privs, makes the process not dumpable, and loads the filter for all
 * threads: whatever no rule names kills the process. There is no way back.
 * Returns: OK, ERR_FORMAT (an unknown call), ERR_UNSUPPORTED (no seccomp here), ERR_IO. */
NODISCARD enum err sandbox_enter(const struct sandbox_rule *rules, size_t count);

/* sandbox_check_fds: the descriptors 0 to count - 1 are open and no others are.
 * Returns: OK, ERR_DENIED, ERR_UNSUPPORTED (no /proc/self/fd to look at). */
NODISCARD enum err sandbox_check_fds(int count);

/* sandbox_limit forbids core files, writes that extend a file, and new processes. ERR_IO. */
NODISCARD enum err sandbox_limit(void);

#endif
