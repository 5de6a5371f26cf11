#include "api/routing_serve.h"

#include "api/uri.h"

#include <stdio.h>
#include <strings.h>

enum { PART_MAX = CID_TEXT_MAX, LIST_MAX = ROUTING_FILTER_NAMES * ROUTING_FILTER_NAME };

/* ---- what is accepted ---------------------------------------------------------------------------
 */

static bool is_word(struct span a, const char *b)
{
    return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

/* The next media type of an Accept header, without its parameters. */
static bool next_type(struct span *out, struct span *rest)
{
    if (rest->n == 0)
        return false;
    const uint8_t *comma = memchr(rest->p, ',', rest->n);
    size_t n = comma == NULL ? rest->n : (size_t)(comma - rest->p);
    struct span item = span_sub(*rest, 0, n);
    *rest = span_sub(*rest, n + 1, rest->n);
    const uint8_t *semicolon = item.n == 0 ? NULL : memchr(item.p, ';', item.n);
    *out = uri_trim(span_sub(item, 0, semicolon == NULL ? item.n : (size_t)(semicolon - item.p)));
    return true;
}

/* SPEC routing-v1 2.3: "Lines only for who names them" */
static bool choose(struct routing_serve_request *r, const char *accept)
{
    bool any = accept == NULL || accept[0] == '\0', json = false, lines = false, record = false;
    struct span rest = span_str(any ? "" : accept), type;
    while (next_type(&type, &rest)) {
        any = any || is_word(type, "*/*") || is_word(type, "application/*");
        json = json || is_word(type, "application/json");
        lines = lines || is_word(type, "application/x-ndjson");
        record = record || is_word(type, ROUTING_SERVE_IPNS_TYPE);
    }
    if (r->what == ROUTING_SERVE_IPNS)
        return any || record;
    r->ndjson = lines;
    return any || json || lines;
}

/* ---- paths --------------------------------------------------------------------------------------
 */

static const struct path_row {
    const char *path;
    enum routing_serve_what what;
} paths[] = {
    { "providers/", ROUTING_SERVE_PROVIDERS },
    { "peers/", ROUTING_SERVE_PEERS },
    { "dht/closest/peers/", ROUTING_SERVE_CLOSEST },
    { "ipns/", ROUTING_SERVE_IPNS },
};

/* The row of a path below the prefix with something behind it, in *part. */
static const struct path_row *find_path(const char **part, const char *path)
{
    size_t skip = strlen(ROUTING_SERVE_PREFIX);
    if (strncmp(path, ROUTING_SERVE_PREFIX, skip) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t n = strlen(paths[i].path);
        if (strncmp(path + skip, paths[i].path, n) != 0)
            continue;
        *part = path + skip + n;
        return **part == '\0' || strchr(*part, '/') != NULL ? NULL : &paths[i];
    }
    return NULL;
}

/* The multihash of a peer id as that of a CID. */
static enum err cid_of_peer(struct cid *out, const struct peer_id *peer)
{
    uint8_t bytes[2 + PEER_ID_SIZE_MAX] = { 1, CID_CODEC_LIBP2P_KEY };
    memcpy(bytes + 2, peer->bytes, peer->size);
    return cid_decode(out, span_of(bytes, 2u + peer->size));
}

static enum err take_part(struct routing_serve_request *r, const char *part)
{
    char text[PART_MAX];
    TRY(uri_decode(text, sizeof(text), span_str(part), false));
    if (r->what == ROUTING_SERVE_PROVIDERS)
        return cid_parse(&r->cid, span_str(text));
    enum err e = peer_id_parse(&r->peer, span_str(text));
    if (r->what != ROUTING_SERVE_CLOSEST)
        return e;
    return e == OK ? cid_of_peer(&r->cid, &r->peer) : cid_parse(&r->cid, span_str(text));
}

static enum err take_filter(struct routing_filter *out, bool *taken, struct span value)
{
    char list[LIST_MAX];
    if (*taken)
        return OK; /* the first one counts */
    *taken = true;
    TRY(uri_decode(list, sizeof(list), value, true));
    return routing_filter_parse(out, span_str(list));
}

static enum err take_query(struct routing_serve_request *r, const char *query)
{
    struct span rest = span_str(query), name, value;
    bool addrs = false, protocols = false;
    while (uri_param(&name, &value, &rest)) {
        if (span_eq(name, span_str("filter-addrs")))
            TRY(take_filter(&r->addrs, &addrs, value));
        else if (span_eq(name, span_str("filter-protocols")))
            TRY(take_filter(&r->protocols, &protocols, value));
    }
    return OK;
}

static uint16_t refuse(struct routing_serve_request *r, const char **out, uint16_t status,
                       const char *why)
{
    memset(r, 0, sizeof(*r));
    *out = why;
    return status;
}

uint16_t routing_serve_parse(struct routing_serve_request *out, const char **why, const char *path,
                             const char *query, const char *accept)
{
    const char *part;
    const struct path_row *row = find_path(&part, path);
    memset(out, 0, sizeof(*out));
    *why = "";
    if (row == NULL)
        return refuse(out, why, 400,
                      "there is /routing/v1/providers/CID, peers/ID, ipns/NAME and "
                      "dht/closest/peers/KEY\n");
    out->what = row->what;
    if (strlen(part) >= 3 * PART_MAX)
        return refuse(out, why, 414, "the name is too long\n");
    if (take_part(out, part) != OK)
        return refuse(out, why, 422,
                      row->what == ROUTING_SERVE_PROVIDERS ? "this is no CID\n"
                      : row->what == ROUTING_SERVE_CLOSEST ? "this is no CID and no peer id\n"
                                                           : "this is no peer id\n");
    if (take_query(out, query) != OK)
        return refuse(out, why, 422, "filters are at most 32 names of at most 63 characters\n");
    if (!choose(out, accept))
        return refuse(out, why, 406,
                      row->what == ROUTING_SERVE_IPNS
                          ? "ask for " ROUTING_SERVE_IPNS_TYPE "\n"
                          : "ask for application/json or application/x-ndjson\n");
    return 200;
}

void routing_serve_cache(char out[ROUTING_SERVE_CACHE_MAX], uint64_t max_age, uint64_t stale)
{
    int n =
        snprintf(out, ROUTING_SERVE_CACHE_MAX,
                 "public, max-age=%llu, stale-while-revalidate=%llu, stale-if-error=%llu",
                 (unsigned long long)max_age, (unsigned long long)stale, (unsigned long long)stale);
    ASSERT(n > 0 && n < ROUTING_SERVE_CACHE_MAX);
}
