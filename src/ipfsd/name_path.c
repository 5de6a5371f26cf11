#include "ipfsd/name_path.h"

#include <stdarg.h>
#include <stdio.h>

#define PREFIX "/ipns/"

__attribute__((format(printf, 3, 4))) static enum err fail(char why[NAME_PATH_WHY_MAX], enum err e,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, NAME_PATH_WHY_MAX, format, args);
    va_end(args);
    return e;
}

static enum err value_of(struct names *n, char out[NAME_PATH_MAX], const char *name, bool ask,
                         char why[NAME_PATH_WHY_MAX])
{
    uint8_t buf[IPNS_RECORD_MAX];
    struct peer_id key;
    struct ipns_record record;
    struct gateway_dnslink link;
    size_t size;
    enum err e;
    if (peer_id_parse(&key, span_str(name)) == OK) {
        if (ask)
            names_find(n, &key);
        e = names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &key);
        if (e == OK)
            e = ipns_decode(&record, span_of(buf, size));
        if (e == OK)
            (void)snprintf(
                out, NAME_PATH_MAX, "%.*s",
                (int)(record.value.n < NAME_PATH_MAX / 2 ? record.value.n : NAME_PATH_MAX / 2),
                (const char *)record.value.p);
    } else {
        e = names_dnslink(n, &link, name, ask);
        if (e == OK)
            (void)snprintf(out, NAME_PATH_MAX, "%s", link.value);
    }
    return e == ERR_NOT_FOUND ? fail(why, e, "could not resolve name: \"%.100s\" is not known %s",
                                     name, ask ? "here or to those who were asked" : "here")
                              : e;
}

enum err name_path_follow(struct names *n, char out[NAME_PATH_MAX], const char *path, bool ask,
                          bool once, char why[NAME_PATH_WHY_MAX])
{
    char name[512], rest[NAME_PATH_MAX], value[NAME_PATH_MAX];
    const size_t from = strlen(PREFIX);
    (void)snprintf(out, NAME_PATH_MAX, "%s", path);
    for (int i = 0; i < NAME_PATH_ROUNDS && strncmp(out, PREFIX, from) == 0; i++) {
        size_t size = strcspn(out + from, "/");
        if (size == 0 || size >= sizeof(name) || strlen(out) >= NAME_PATH_MAX / 2)
            return fail(why, ERR_FORMAT, "invalid path \"%.100s\"", path);
        (void)snprintf(name, sizeof(name), "%.*s", (int)size, out + from);
        (void)snprintf(rest, sizeof(rest), "%s", out + from + size);
        TRY(value_of(n, value, name, ask, why));
        if ((size_t)snprintf(out, NAME_PATH_MAX, "%s%s", value, rest) >= NAME_PATH_MAX)
            return ERR_LIMIT;
        if (once)
            return OK;
    }
    return strncmp(out, "/ipfs/", 6) == 0
               ? OK
               : fail(why, ERR_LIMIT, "\"%.100s\" leads to no content", path);
}
