#include "attest/verdict.h"

static const struct {
    const char *name, *text;
} codes[VERDICT_CODE_COUNT] = {
#define VERDICT_ROW(name, text) { #name, text },
    VERDICT_CODES(VERDICT_ROW)
#undef VERDICT_ROW
};

const char *verdict_name(enum verdict_code code)
{
    return (unsigned)code < VERDICT_CODE_COUNT ? codes[code].name : "?";
}

const char *verdict_text(enum verdict_code code)
{
    return (unsigned)code < VERDICT_CODE_COUNT ? codes[code].text : "?";
}

enum err verdict_refuse(struct attest_verdict *out, enum verdict_code code, const char *what)
{
    ASSERT(code != VERDICT_GENUINE);
    *out = (struct attest_verdict){ .code = code };
    size_t n = strlen(what);
    memcpy(out->what, what, n < VERDICT_WHAT_SIZE ? n : VERDICT_WHAT_SIZE - 1);
    if (code == VERDICT_FORMAT)
        return ERR_FORMAT;
    if (code == VERDICT_UNSUPPORTED)
        return ERR_UNSUPPORTED;
    return code == VERDICT_SOFTWARE ? ERR_DENIED : ERR_SIGNATURE;
}

enum err verdict_check_dates(struct attest_verdict *out, uint64_t time,
                             const struct verdict_dates *dates, const char *what)
{
    if (time < dates->from)
        return verdict_refuse(out, dates->early, what);
    if (time > dates->to)
        return verdict_refuse(out, dates->late, what);
    if (out->lapses == 0 || dates->to < out->lapses)
        out->lapses = dates->to;
    return OK;
}
