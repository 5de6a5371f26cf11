/* Any path and query: the plan points into itself and keeps its limits, asking again gives the
 * same, and every refusal says why in JSON that stays one line. Input: path, line feed, query. */
#include "api/kubo_rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(const struct kubo_plan *p, const char *s)
{
    return s >= p->text && s + strlen(s) < p->text + sizeof(p->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[40000];
    static struct kubo_plan a, b;
    char why[KUBO_RPC_WHY_MAX], again[KUBO_RPC_WHY_MAX];
    uint8_t out[KUBO_RPC_ERROR_MAX];
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *query = strchr(text, '\n');
    if (query == NULL)
        query = text + size;
    else
        *query++ = '\0';
    enum err e = kubo_rpc_parse(&a, why, text, query);
    ASSERT(kubo_rpc_parse(&b, again, text, query) == e && strcmp(why, again) == 0);
    ASSERT((e == OK) == (why[0] == '\0'));
    struct span body = kubo_rpc_error(out, why);
    ASSERT(body.n > 0 && memchr(body.p, '\n', body.n) == body.p + body.n - 1);
    if (e != OK)
        return 0;
    ASSERT(a.arg_count <= KUBO_RPC_ARGS_MAX);
    for (size_t i = 0; i < a.arg_count; i++)
        ASSERT(inside(&a, a.args[i]));
    for (size_t i = 0; i < KUBO_OPT_COUNT; i++)
        ASSERT(!a.options[i].given || inside(&a, a.options[i].text));
    ASSERT(a.command != KUBO_ADD || unixfs_add_check(&a.add) == OK);
    return 0;
}
