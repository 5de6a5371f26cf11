#include "ipfsd/names.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    LOOK_MS = 1000,
    SETTLED_S = 2,
    CACHE_MAX_S = 86400,
    FOUND_MIN_S = 60,
    FOUND_MAX_S = 3600,
    CACHE_NONE_S = 30, /* how long a domain without link is not asked for again */
};

static const char ending[] = ".ipns-record";

struct record {
    struct peer_id name;
    size_t size;
    uint8_t *bytes;
    bool own; /* this node publishes it: others are not asked */
};

struct link {
    char domain[NAMES_DOMAIN_MAX];
    char value[GATEWAY_VALUE_MAX]; /* or empty: in the DNS */
};

/* What the DNS has said. */
struct answer {
    char domain[NAMES_DOMAIN_MAX]; /* empty: a free place */
    char value[GATEWAY_VALUE_MAX]; /* empty: there is none */
    uint64_t until_ms;
};

/* A name that others were asked for. */
struct asked {
    struct peer_id name; /* size 0: a free place */
    uint64_t until_ms;   /* not again before */
};

struct names {
    pthread_mutex_t lock;
    char folder[PATH_TEXT_MAX]; /* or empty */
    struct timespec changed;    /* the folder, when it was read last */
    uint64_t looked_ms;
    int64_t now_s;
    struct record *records; /* sorted by name */
    size_t record_count;
    struct link *links;
    size_t link_count;
    bool dns;
    struct dns_server server;
    struct answer *answers;
    names_find_fn find; /* NULL: nobody */
    void *find_ctx;
    size_t asked_next;
    struct asked asked[NAMES_CACHE];
};

static int64_t now_of(const struct names *n)
{
    return n->now_s != 0 ? n->now_s : (int64_t)(clock_wall_ms() / 1000);
}

/* ---- records -------------------------------------------------------------------------------- */

/* Where name stands, or would stand. */
static size_t place_of(const struct names *n, const struct peer_id *name, bool *there)
{
    size_t from = 0, to = n->record_count;
    *there = false;
    while (from < to && !*there) {
        size_t mid = from + (to - from) / 2;
        int c = span_cmp(peer_id_span(name), peer_id_span(&n->records[mid].name));
        *there = c == 0;
        if (c == 0)
            from = mid;
        else if (c < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return from;
}

static bool is_newer(const struct record *old, const struct ipns_record *new)
{
    struct ipns_record r;
    return ipns_decode(&r, span_of(old->bytes, old->size)) != OK || ipns_compare(new, &r) > 0;
}

static enum err insert(struct names *n, const struct peer_id *name, struct span bytes,
                       const struct ipns_record *r)
{
    bool there;
    size_t at = place_of(n, name, &there);
    if (there && !is_newer(&n->records[at], r))
        return OK;
    if (!there && n->record_count == NAMES_MAX)
        return ERR_FULL;
    uint8_t *copy = malloc(bytes.n);
    if (copy == NULL)
        return ERR_MEMORY;
    memcpy(copy, bytes.p, bytes.n);
    struct record *place = &n->records[at];
    if (there) {
        free(place->bytes);
    } else {
        memmove(place + 1, place, (n->record_count - at) * sizeof(*place));
        n->record_count++;
    }
    *place = (struct record){ *name, bytes.n, copy, there && place->own };
    return OK;
}

/* With the lock held. */
static enum err put(struct names *n, const struct peer_id *name, struct span bytes)
{
    struct ipns_record r;
    TRY(ipns_decode(&r, bytes));
    TRY(ipns_verify(&r, name, now_of(n)));
    return insert(n, name, bytes, &r);
}

enum err names_put(struct names *n, const struct peer_id *name, struct span record)
{
    pthread_mutex_lock(&n->lock);
    enum err e = put(n, name, record);
    pthread_mutex_unlock(&n->lock);
    return e;
}

enum err names_own(struct names *n, const struct peer_id *name, struct span record)
{
    bool there;
    pthread_mutex_lock(&n->lock);
    enum err e = put(n, name, record);
    size_t at = place_of(n, name, &there);
    if (there)
        n->records[at].own = true;
    pthread_mutex_unlock(&n->lock);
    return e;
}

void names_disown(struct names *n, const struct peer_id *name)
{
    bool there;
    pthread_mutex_lock(&n->lock);
    size_t at = place_of(n, name, &there);
    if (there)
        n->records[at].own = false;
    pthread_mutex_unlock(&n->lock);
}

/* ---- the folder ----------------------------------------------------------------------------- */

static void read_record(struct names *n, const char *file)
{
    char path[PATH_TEXT_MAX];
    struct peer_id name;
    struct mspan bytes = { NULL, 0 };
    enum err e = peer_id_parse(&name, span_of(file, strcspn(file, "_.")));
    if (e == OK)
        e = path_join(path, sizeof(path), n->folder, file);
    if (e == OK)
        e = path_read_file(&bytes, path, IPNS_RECORD_MAX);
    if (e == OK)
        e = put(n, &name, span_of(bytes.p, bytes.n));
    if (e != OK)
        log_warn("ipns-record-refused", "file=\"%s\" reason=\"%s\"", file, err_text(e));
    free(bytes.p);
}

/* Reads the folder again when it has changed. With the lock held. */
static void look(struct names *n)
{
    struct stat st;
    uint64_t now = clock_mono_ms();
    if (n->folder[0] == '\0' || (n->looked_ms != 0 && now - n->looked_ms < LOOK_MS))
        return;
    n->looked_ms = now;
    if (stat(n->folder, &st) != 0 ||
        (st.st_mtim.tv_sec == n->changed.tv_sec && st.st_mtim.tv_nsec == n->changed.tv_nsec))
        return;
    DIR *d = opendir(n->folder);
    if (d == NULL)
        return;
    /* A folder that changed just now may change again within the same tick of its clock. */
    bool settled = (int64_t)(clock_wall_ms() / 1000) - st.st_mtim.tv_sec >= SETTLED_S;
    n->changed = settled ? st.st_mtim : (struct timespec){ 0 };
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        size_t size = strlen(e->d_name);
        if (size > sizeof(ending) && strcmp(e->d_name + size - sizeof(ending) + 1, ending) == 0)
            read_record(n, e->d_name);
    }
    closedir(d);
}

enum err names_record(struct names *n, size_t *size, struct mspan buf, const struct peer_id *name)
{
    struct ipns_record r;
    bool there;
    pthread_mutex_lock(&n->lock);
    look(n);
    size_t at = place_of(n, name, &there);
    const struct record *found = &n->records[at];
    enum err e = there ? ipns_decode(&r, span_of(found->bytes, found->size)) : ERR_NOT_FOUND;
    if (e == OK && r.validity_s < now_of(n))
        e = ERR_NOT_FOUND;
    if (e == OK && found->size > buf.n)
        e = ERR_LIMIT;
    if (e == OK) {
        memcpy(buf.p, found->bytes, found->size);
        *size = found->size;
    }
    pthread_mutex_unlock(&n->lock);
    return e;
}

/* ---- records of others ------------------------------------------------------------------------
 */

void names_finder(struct names *n, names_find_fn fn, void *ctx)
{
    n->find = fn;
    n->find_ctx = ctx;
}

/* The place of a name among those asked for; the oldest one when there is none. Under the lock. */
static struct asked *asked_of(struct names *n, const struct peer_id *name)
{
    for (size_t i = 0; i < NAMES_CACHE; i++)
        if (peer_id_eq(&n->asked[i].name, name))
            return &n->asked[i];
    struct asked *a = &n->asked[n->asked_next];
    n->asked_next = (n->asked_next + 1) % NAMES_CACHE;
    *a = (struct asked){ .name = *name };
    return a;
}

/* How long a record is good for. */
static uint64_t good_for_s(struct span bytes)
{
    struct ipns_record r;
    if (ipns_decode(&r, bytes) != OK)
        return CACHE_NONE_S;
    uint64_t s = r.ttl_ns / 1000000000;
    return s < FOUND_MIN_S ? FOUND_MIN_S : s > FOUND_MAX_S ? FOUND_MAX_S : s;
}

bool names_find_due(struct names *n, const struct peer_id *name)
{
    if (n->find == NULL)
        return false;
    pthread_mutex_lock(&n->lock);
    bool there;
    size_t at = place_of(n, name, &there);
    bool own = there && n->records[at].own;
    bool due = !own && clock_mono_ms() >= asked_of(n, name)->until_ms;
    pthread_mutex_unlock(&n->lock);
    return due;
}

void names_find(struct names *n, const struct peer_id *name)
{
    uint8_t record[IPNS_RECORD_MAX];
    const struct mspan buf = { record, sizeof(record) };
    size_t size;
    uint64_t wait_s = CACHE_NONE_S;
    if (!names_find_due(n, name))
        return;
    pthread_mutex_lock(&n->lock); /* one asks, others take what is here */
    asked_of(n, name)->until_ms = clock_mono_ms() + wait_s * 1000;
    pthread_mutex_unlock(&n->lock);
    if (n->find(n->find_ctx, &size, buf, name) == OK)
        (void)!names_put(n, name, span_of(record, size)); /* one that is no good changes nothing */
    if (names_record(n, &size, buf, name) == OK)
        wait_s = good_for_s(span_of(record, size));
    pthread_mutex_lock(&n->lock);
    asked_of(n, name)->until_ms = clock_mono_ms() + wait_s * 1000;
    pthread_mutex_unlock(&n->lock);
}

/* ---- DNSLinks ------------------------------------------------------------------------------- */

/* "DOMAIN:/ipfs/..." or "DOMAIN". */
static enum err take_link(struct link *out, struct span item)
{
    size_t n = 0;
    while (n < item.n && item.p[n] != ':')
        n++;
    struct span value = span_sub(item, n + 1, item.n);
    if (n == 0 || n >= NAMES_DOMAIN_MAX || value.n >= GATEWAY_VALUE_MAX)
        return ERR_FORMAT;
    bool path =
        value.n >= 7 && (memcmp(value.p, "/ipfs/", 6) == 0 || memcmp(value.p, "/ipns/", 6) == 0);
    if (n < item.n && !path)
        return ERR_FORMAT;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = item.p[i];
        out->domain[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out->domain[n] = '\0';
    if (value.n != 0)
        memcpy(out->value, value.p, value.n);
    out->value[value.n] = '\0';
    return strchr(out->domain, '.') == NULL || out->domain[0] == '/' ? ERR_FORMAT : OK;
}

static enum err take_links(struct names *n, const char *list)
{
    for (const char *s = list; *s != '\0';) {
        s += strspn(s, ", \n");
        size_t len = strcspn(s, ", \n");
        if (len == 0)
            break;
        if (n->link_count == NAMES_LINKS_MAX)
            return ERR_LIMIT;
        TRY(take_link(&n->links[n->link_count], span_of(s, len)));
        n->link_count++;
        s += len;
    }
    return OK;
}

static const struct link *link_of(const struct names *n, const char *domain)
{
    for (size_t i = 0; i < n->link_count; i++) {
        if (strcmp(n->links[i].domain, domain) == 0)
            return &n->links[i];
    }
    return NULL;
}

bool names_is_site(const struct names *n, const char *host)
{
    return link_of(n, host) != NULL;
}

/* The place of a domain: its own, else the one that is free or ends first. With the lock held. */
static struct answer *answer_of(struct names *n, const char *domain)
{
    struct answer *best = &n->answers[0];
    for (size_t i = 0; i < NAMES_CACHE; i++) {
        struct answer *a = &n->answers[i];
        if (strcmp(a->domain, domain) == 0)
            return a;
        if (a->until_ms < best->until_ms)
            best = a;
    }
    return best;
}

/* True when the DNS has been asked, and its answer still holds. */
static bool recall(struct names *n, struct gateway_dnslink *out, const char *domain)
{
    uint64_t now = clock_mono_ms();
    pthread_mutex_lock(&n->lock);
    const struct answer *a = answer_of(n, domain);
    bool known = strcmp(a->domain, domain) == 0 && a->until_ms > now;
    if (known) {
        memcpy(out->value, a->value, sizeof(out->value));
        out->ttl_s = (uint32_t)((a->until_ms - now) / 1000) + 1;
    }
    pthread_mutex_unlock(&n->lock);
    return known;
}

static void remember(struct names *n, const struct gateway_dnslink *link, const char *domain)
{
    uint64_t s = link->value[0] == '\0' ? CACHE_NONE_S : link->ttl_s;
    if (s > CACHE_MAX_S)
        s = CACHE_MAX_S;
    pthread_mutex_lock(&n->lock);
    struct answer *a = answer_of(n, domain);
    (void)snprintf(a->domain, sizeof(a->domain), "%s", domain);
    memcpy(a->value, link->value, sizeof(a->value));
    a->until_ms = clock_mono_ms() + s * 1000;
    pthread_mutex_unlock(&n->lock);
}

/* The links of the settings never change after names_open: no lock. */
enum err names_dnslink(struct names *n, struct gateway_dnslink *out, const char *domain, bool wait)
{
    const struct link *l = link_of(n, domain);
    *out = (struct gateway_dnslink){ 0 };
    if (strlen(domain) >= NAMES_DOMAIN_MAX || (l == NULL && !n->dns))
        return ERR_NOT_FOUND;
    if (l != NULL && l->value[0] != '\0') {
        memcpy(out->value, l->value, sizeof(out->value));
        return OK;
    }
    if (!recall(n, out, domain)) {
        if (!wait)
            return ERR_NOT_FOUND;
        enum err e = dns_link_query(out, domain, &n->server);
        if (e != OK && e != ERR_NOT_FOUND)
            return e;
        remember(n, out, domain);
    }
    return out->value[0] == '\0' ? ERR_NOT_FOUND : OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum err fill(struct names *n, const struct names_options *o)
{
    n->now_s = o->now_s;
    n->records = calloc(NAMES_MAX, sizeof(*n->records));
    n->links = calloc(NAMES_LINKS_MAX, sizeof(*n->links));
    n->answers = calloc(NAMES_CACHE, sizeof(*n->answers));
    n->dns = o->dns;
    n->server = o->server;
    if (n->records == NULL || n->links == NULL || n->answers == NULL)
        return ERR_MEMORY;
    if (o->folder != NULL && strlen(o->folder) >= sizeof(n->folder))
        return ERR_LIMIT;
    if (o->folder != NULL)
        memcpy(n->folder, o->folder, strlen(o->folder) + 1);
    return o->dnslinks == NULL ? OK : take_links(n, o->dnslinks);
}

enum err names_open(struct names **out, const struct names_options *o)
{
    *out = NULL;
    struct names *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_MEMORY;
    pthread_mutex_init(&n->lock, NULL);
    enum err e = fill(n, o);
    if (e == OK)
        *out = n;
    else
        names_close(n);
    return e;
}

void names_close(struct names *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->record_count; i++)
        free(n->records[i].bytes);
    free(n->records);
    free(n->links);
    free(n->answers);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
