/* err: the one error type of the project, and the two macros of control flow.
 * Rules: docs/dev/style.md "Errors". Pure.
 *
 * An enum err says that the outside was wrong (a peer, a file, a disk, a user). When we are wrong
 * ourselves, that is an ASSERT, which is on in every build. */
#ifndef CRUST_BASE_ERR_H
#define CRUST_BASE_ERR_H

#define NODISCARD __attribute__((warn_unused_result))
#define UNUSED    __attribute__((unused))

/* Grouped by what the caller can do about it. */
#define ERR_LIST(X)                                                                                \
    X(OK, "success")                                                                               \
    /* refuse the input */                                                                         \
    X(ERR_SHORT, "the input ends too early")                                                       \
    X(ERR_TRAILING, "bytes follow the end of the input")                                           \
    X(ERR_FORMAT, "the input breaks a rule of its format")                                         \
    X(ERR_LIMIT, "a limit is exceeded")                                                            \
    X(ERR_RANGE, "a number is out of range")                                                       \
    X(ERR_CORRUPT, "the bytes do not match their digest")                                          \
    X(ERR_SIGNATURE, "the signature or the authentication tag is wrong")                           \
    X(ERR_DENIED, "not permitted")                                                                 \
    X(ERR_UNSUPPORTED, "not supported")                                                            \
    X(ERR_STATE, "not possible in the present state")                                              \
    /* look elsewhere */                                                                           \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_EXISTS, "exists already")                                                                \
    /* retry later */                                                                              \
    X(ERR_BUSY, "busy, try again")                                                                 \
    X(ERR_TIMEOUT, "timed out")                                                                    \
    X(ERR_CLOSED, "the other side has closed the connection")                                      \
    /* give up, or make room */                                                                    \
    X(ERR_FULL, "no space left")                                                                   \
    X(ERR_MEMORY, "out of memory")                                                                 \
    X(ERR_IO, "input/output error")

enum err {
#define ERR_ENUM(name, text) name,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
        ERR_COUNT
};

/* err_text gives a short English phrase without full stop; never NULL. Static storage. */
const char *err_text(enum err e);

/* err_name gives the identifier ("ERR_SHORT"); never NULL. Static storage. */
const char *err_name(enum err e);

/* TRY returns from the calling function when the expression is not OK. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum err try_err_ = (expr);                                                                \
        if (try_err_ != OK)                                                                        \
            return try_err_;                                                                       \
    } while (0)

/* AUTO(fn) T x = ...; calls fn(&x) when x goes out of scope, also when nothing else uses x. */
#define AUTO(fn) __attribute__((cleanup(fn), unused))

/* assert_failed prints the place and the condition to standard error and aborts. */
__attribute__((noreturn, cold)) void assert_failed(const char *file, int line, const char *what);

/* ASSERT states a condition that only a bug of ours can break; on in every build. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            assert_failed(__FILE__, __LINE__, #cond);                                              \
    } while (0)

#endif
