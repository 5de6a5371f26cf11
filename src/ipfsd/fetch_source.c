#include "ipfsd/fetch_source.h"

#include <stdio.h>

static size_t scheme_size(struct span url)
{
    static const char *const schemes[] = { "http://", "https://" };
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (url.n > n && memcmp(url.p, schemes[i], n) == 0)
            return n;
    }
    return 0;
}

/* No user names, queries, fragments, spaces or control characters. */
static bool plain(struct span url)
{
    for (size_t i = 0; i < url.n; i++) {
        uint8_t c = url.p[i];
        if (c <= ' ' || c >= 0x7f || c == '?' || c == '#' || c == '@' || c == '\\' || c == '"')
            return false;
    }
    return true;
}

enum err fetch_source_parse(struct fetch_source *out, struct span url)
{
    *out = (struct fetch_source){ 0 };
    size_t scheme = scheme_size(url);
    if (url.n > FETCH_URL_MAX)
        return ERR_LIMIT;
    if (scheme == 0 || !plain(url))
        return ERR_FORMAT;
    size_t host = scheme;
    while (host < url.n && url.p[host] != '/')
        host++;
    if (host == scheme)
        return ERR_FORMAT;
    size_t n = url.n;
    for (size_t i = host; i + 6 <= url.n && n == url.n; i++) {
        if (memcmp(url.p + i, "/ipfs/", 6) == 0)
            n = i;
    }
    while (n > host && url.p[n - 1] == '/')
        n--;
    memcpy(out->url, url.p, n);
    out->host_n = host;
    return OK;
}

void fetch_source_url(char out[FETCH_LEG_URL_MAX], const struct fetch_source *s,
                      const struct content_key *key, const char *format)
{
    char text[CID_TEXT_MAX];
    struct cid cid = cid_of_key(key);
    cid_format(text, &cid);
    int n = snprintf(out, FETCH_LEG_URL_MAX, "%s/ipfs/%s?format=%s", s->url, text, format);
    ASSERT(n > 0 && n < FETCH_LEG_URL_MAX);
}

struct span fetch_source_host(const struct fetch_source *s)
{
    return span_of(s->url, s->host_n);
}

static uint32_t cost_of(enum fetch_fault fault, const struct fetch_source *s)
{
    if (fault >= FETCH_FAULT_DIGEST)
        return FETCH_RANK_LIED;
    bool missing = fault == FETCH_FAULT_HTTP && s->err == ERR_NOT_FOUND && s->status != 0;
    return missing || fault == FETCH_FAULT_INCOMPLETE ? FETCH_RANK_MISSING : FETCH_RANK_BROKEN;
}

void fetch_source_fail(struct fetch_source *s, struct fetch_ranks *r, enum fetch_fault fault,
                       const struct fetch_leg_state *state)
{
    s->fault = fault;
    s->err = state == NULL ? OK : state->err;
    s->status = state == NULL ? 0 : state->status;
    s->banned = s->banned || fault >= FETCH_FAULT_DIGEST;
    uint32_t cost = cost_of(fault, s);
    if (cost == FETCH_RANK_MISSING)
        s->missing++;
    else
        s->failures++;
    fetch_rank_failed(r, fetch_source_host(s), cost);
}

void fetch_source_good(struct fetch_source *s, struct fetch_ranks *r, uint64_t bytes)
{
    s->failures = 0;
    s->bytes += bytes;
    s->blocks++;
    fetch_rank_served(r, fetch_source_host(s), bytes);
}

bool fetch_source_passing(const struct fetch_source *s)
{
    if (s->banned)
        return false;
    if (s->fault == FETCH_FAULT_CUT || s->fault == FETCH_FAULT_SILENT ||
        s->fault == FETCH_FAULT_SLOW)
        return true;
    return s->fault == FETCH_FAULT_HTTP && (s->err == ERR_TIMEOUT || s->err == ERR_CLOSED ||
                                            s->err == ERR_BUSY || s->err == ERR_IO);
}

static const char *words_of_error(const struct fetch_source *s)
{
    switch ((int)s->err) {
    case ERR_NOT_FOUND:
        return "its host name is not known";
    case ERR_DENIED:
        return "its address is not a public one";
    case ERR_TIMEOUT:
        return s->status == 0 ? "did not answer in time" : "stopped sending";
    case ERR_CLOSED:
        return s->status == 0 ? "refused or closed the connection" : "broke off";
    case ERR_LIMIT:
        return "sent a block over 2 MiB, or too many redirects";
    case ERR_SIGNATURE:
        return "its TLS certificate is not valid";
    case ERR_UNSUPPORTED:
        return "does not send CAR archives";
    default:
        return err_text(s->err);
    }
}

static void words_of_http(char *out, size_t size, const struct fetch_source *s)
{
    if (s->status == 404 || s->status == 410)
        snprintf(out, size, "has not got it (%u)", (unsigned)s->status);
    else if (s->err == ERR_BUSY)
        snprintf(out, size, "is busy (%u)", (unsigned)s->status);
    else if (s->status >= 300 && (s->err == ERR_NOT_FOUND || s->err == ERR_IO))
        snprintf(out, size, "answered %u", (unsigned)s->status);
    else
        snprintf(out, size, "%s", words_of_error(s));
}

/* Peers are many. */
static void words_of_peers(char *out, size_t size, const struct fetch_source *s)
{
    const char *words = s->blocks > 0 ? "served well" : s->asked ? "were slower" : "were not asked";
    if (s->fault == FETCH_FAULT_DIGEST)
        words = "sent bytes that do not match their CID";
    else if (s->fault == FETCH_FAULT_SILENT)
        words = "kept silent";
    else if (s->fault != FETCH_FAULT_NONE && s->err == ERR_NOT_FOUND)
        words = "have not got it, nor were others found that have";
    else if (s->fault != FETCH_FAULT_NONE && s->err == ERR_TIMEOUT)
        words = "did not give it in time";
    else if (s->fault != FETCH_FAULT_NONE)
        words = err_text(s->err);
    snprintf(out, size, "%s", words);
}

void fetch_source_why(char *out, size_t size, const struct fetch_source *s)
{
    static const char *const words[] = {
        [FETCH_FAULT_CUT] = "its archive ended early",
        [FETCH_FAULT_INCOMPLETE] = "its archive left blocks out",
        [FETCH_FAULT_SILENT] = "stopped sending",
        [FETCH_FAULT_SLOW] = "was too slow",
        [FETCH_FAULT_REPEATS] = "sent the same blocks again and again",
        [FETCH_FAULT_DIGEST] = "sent bytes that do not match their CID",
        [FETCH_FAULT_NO_CAR] = "sent what is not an archive",
        [FETCH_FAULT_STRANGE] = "sent blocks that the content does not link to",
    };
    if (s->peers)
        words_of_peers(out, size, s);
    else if (s->fault == FETCH_FAULT_HTTP)
        words_of_http(out, size, s);
    else if (s->fault != FETCH_FAULT_NONE)
        snprintf(out, size, "%s", words[s->fault]);
    else
        snprintf(out, size, "%s",
                 s->blocks > 0 ? "served well"
                 : s->asked    ? "was slower"
                               : "was not asked");
}
