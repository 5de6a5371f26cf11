#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const texts[] = {
#define ERR_TEXT(name, text) text,
    ERR_LIST(ERR_TEXT)
#undef ERR_TEXT
};

static const char *const names[] = {
#define ERR_NAME(name, text) #name,
    ERR_LIST(ERR_NAME)
#undef ERR_NAME
};

const char *err_text(enum err e)
{
    return (unsigned)e < ERR_COUNT ? texts[e] : "unknown error";
}

const char *err_name(enum err e)
{
    return (unsigned)e < ERR_COUNT ? names[e] : "ERR_UNKNOWN";
}

void assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, what);
    abort();
}
