#include "ipfsd/resolve.h"

#include "rt/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* One address being resolved. */
struct work {
    struct resolved *out;
    const struct dns_server *server;
    const _Atomic bool *stop;
    uint64_t deadline_ms;
    uint32_t questions;
    uint16_t port;
    struct peer_id peer; /* that all results must name; size 0: any */
};

static bool may_ask(struct work *w)
{
    if (w->questions == RESOLVE_QUESTIONS || clock_left(w->deadline_ms) == 0 ||
        (w->stop != NULL && atomic_load(w->stop)))
        return false;
    w->questions++;
    return true;
}

static void fail(struct work *w, enum err e)
{
    if (w->out->err == OK)
        w->out->err = e;
}

/* SPEC peer 5.3: "an address that names another peer is left out" */
static void take(struct work *w, struct span ip, uint16_t port, const struct peer_id *peer)
{
    struct resolved *out = w->out;
    struct multiaddr a = multiaddr_of_ip(ip, port);
    if (w->peer.size != 0 && peer->size != 0 && !peer_id_eq(peer, &w->peer))
        return;
    const struct peer_id *named = peer->size != 0 ? peer : &w->peer;
    if (named->size != 0 && multiaddr_add(&a, MULTIADDR_P2P, peer_id_span(named)) != OK)
        return;
    for (size_t i = 0; i < out->count; i++)
        if (multiaddr_eq(&out->list[i], &a))
            return;
    if (out->count < RESOLVE_MAX)
        out->list[out->count++] = a;
}

/* ---- /dns, /dns4, /dns6: the system's resolver, which also knows /etc/hosts -------------------
 */

static enum err err_of(int code)
{
    if (code == EAI_AGAIN)
        return ERR_TIMEOUT;
    return code == EAI_MEMORY ? ERR_MEMORY : ERR_NOT_FOUND;
}

static void look_up(struct work *w, const struct multiaddr_tcp *t)
{
    struct addrinfo *list = NULL;
    int family = t->host == MULTIADDR_DNS4 ? AF_INET : t->host == MULTIADDR_DNS6 ? AF_INET6 : 0;
    const struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
    if (!may_ask(w)) {
        fail(w, ERR_LIMIT);
        return;
    }
    int code = getaddrinfo(t->name, NULL, &hints, &list);
    if (code != 0) {
        fail(w, err_of(code));
        return;
    }
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        const struct sockaddr_in *in = (const void *)a->ai_addr;
        const struct sockaddr_in6 *in6 = (const void *)a->ai_addr;
        if (a->ai_family == AF_INET)
            take(w, span_of(&in->sin_addr, 4), t->port, &t->peer);
        else if (a->ai_family == AF_INET6)
            take(w, span_of(&in6->sin6_addr, 16), t->port, &t->peer);
    }
    freeaddrinfo(list);
}

/* ---- /dnsaddr: TXT records that hold addresses ------------------------------------------------
 */

/* NAME of /dnsaddr/NAME, with or without /p2p/ID behind it. */
static bool dnsaddr_of(char name[MULTIADDR_NAME_MAX + 1], struct peer_id *peer,
                       const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part p;
    *peer = (struct peer_id){ 0 };
    if (!multiaddr_next(&r, &p) || p.code != MULTIADDR_DNSADDR || p.value.n > MULTIADDR_NAME_MAX)
        return false;
    memcpy(name, p.value.p, p.value.n);
    name[p.value.n] = '\0';
    if (multiaddr_next(&r, &p) &&
        (p.code != MULTIADDR_P2P || peer_id_decode(peer, p.value) != OK || multiaddr_next(&r, &p)))
        return false;
    return r.err == OK;
}

static void resolve(struct work *w, const struct multiaddr *a, uint32_t depth);

/* One TXT record of _dnsaddr.NAME; its strings are one text. */
static void take_text(struct work *w, struct span data, uint32_t depth)
{
    static const char prefix[] = "dnsaddr=";
    const size_t skip = sizeof(prefix) - 1;
    uint8_t text[MULTIADDR_TEXT_MAX];
    struct writer t = writer_of(text, sizeof(text));
    struct reader r = reader_of(data);
    struct span string;
    struct multiaddr a;
    while (dns_text(&r, &string))
        write_span(&t, string);
    if (r.err != OK || t.err != OK || t.len < skip || memcmp(text, prefix, skip) != 0)
        return;
    if (multiaddr_parse(&a, span_of(text + skip, t.len - skip)) == OK)
        resolve(w, &a, depth);
}

static enum err take_answer(struct work *w, struct span answer, uint32_t depth)
{
    struct dns_message m;
    struct dns_record rr;
    TRY(dns_open(&m, answer));
    while (dns_next(&m, &rr))
        if (rr.section == DNS_ANSWERS && rr.type == DNS_TXT && rr.class == DNS_IN)
            take_text(w, rr.data, depth);
    return m.r.err;
}

static void look_up_dnsaddr(struct work *w, const char *name, uint32_t depth)
{
    char domain[MULTIADDR_NAME_MAX + sizeof("_dnsaddr.")];
    struct mspan answer;
    (void)snprintf(domain, sizeof(domain), "_dnsaddr.%s", name);
    if (depth == RESOLVE_DEPTH || !may_ask(w)) {
        fail(w, ERR_LIMIT);
        return;
    }
    enum err e = dns_ask(&answer, domain, DNS_TXT, w->server);
    if (e != OK) {
        fail(w, e);
        return;
    }
    e = take_answer(w, span_of(answer.p, answer.n), depth + 1);
    free(answer.p);
    if (e != OK)
        fail(w, e);
}

static void resolve(struct work *w, const struct multiaddr *a, uint32_t depth)
{
    struct multiaddr_tcp t;
    struct peer_id peer;
    char name[MULTIADDR_NAME_MAX + 1];
    if (dnsaddr_of(name, &peer, a)) {
        if (w->peer.size != 0 && peer.size != 0 && !peer_id_eq(&peer, &w->peer))
            return;
        struct peer_id outer = w->peer;
        if (peer.size != 0)
            w->peer = peer;
        look_up_dnsaddr(w, name, depth);
        w->peer = outer;
    } else if (multiaddr_tcp_of(&t, a) == OK) {
        if (t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6)
            take(w, span_of(t.ip, t.host == MULTIADDR_IP4 ? 4 : 16), t.port, &t.peer);
        else if (w->peer.size == 0 || t.peer.size == 0 || peer_id_eq(&t.peer, &w->peer))
            look_up(w, &t);
    } else {
        fail(w, ERR_UNSUPPORTED);
    }
}

void resolve_address(struct resolved *out, const struct multiaddr *a,
                     const struct dns_server *server, const _Atomic bool *stop)
{
    struct work w = {
        .out = out, .server = server, .stop = stop, .deadline_ms = clock_deadline(RESOLVE_MS)
    };
    memset(out, 0, sizeof(*out));
    resolve(&w, a, 0);
    if (out->count != 0)
        out->err = OK;
    else if (out->err == OK)
        out->err = ERR_NOT_FOUND;
}

/* ---- on the loop ----------------------------------------------------------------------------- */

struct job {
    struct resolver *resolver;
    bool used;
    struct multiaddr address;
    struct resolved found;
    resolver_fn fn;
    void *ctx;
};

struct resolver {
    struct loop *loop;
    struct dns_server server;
    _Atomic bool stop;
    uint32_t busy;
    struct job jobs[RESOLVE_JOBS];
};

static void run(void *ctx)
{
    struct job *j = ctx;
    resolve_address(&j->found, &j->address, &j->resolver->server, &j->resolver->stop);
}

static void done(void *ctx)
{
    struct job *j = ctx;
    j->resolver->busy--;
    if (!atomic_load(&j->resolver->stop))
        j->fn(j->ctx, &j->found);
    j->used = false;
}

enum err resolve_open(struct resolver **out, struct loop *l, const struct dns_server *server)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return ERR_MEMORY;
    (*out)->loop = l;
    (*out)->server = *server;
    return OK;
}

enum err resolve_start(struct resolver *r, const struct multiaddr *a, resolver_fn fn, void *ctx)
{
    for (size_t i = 0; i < RESOLVE_JOBS; i++) {
        struct job *j = &r->jobs[i];
        if (j->used)
            continue;
        j->resolver = r;
        j->address = *a;
        j->fn = fn;
        j->ctx = ctx;
        TRY(loop_work(r->loop, run, done, j));
        j->used = true;
        r->busy++;
        return OK;
    }
    return ERR_BUSY;
}

void resolve_close(struct resolver *r)
{
    if (r == NULL)
        return;
    atomic_store(&r->stop, true);
    while (r->busy > 0)
        loop_run_once(r->loop, 50);
    free(r);
}
