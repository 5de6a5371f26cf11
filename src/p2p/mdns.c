#include "p2p/mdns.h"

#include <stdio.h>

static const char prefix[] = "dnsaddr=";
enum { PREFIX_SIZE = sizeof(prefix) - 1, INSTANCE_MAX = DNS_NAME_MAX };

/* ---- reading --------------------------------------------------------------------------------- */

static bool ends_with_peer(const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part p;
    bool peer = false;
    while (multiaddr_next(&r, &p))
        peer = p.code == MULTIADDR_P2P;
    return peer;
}

static void take_texts(struct mdns_heard *out, struct span data)
{
    struct reader r = reader_of(data);
    struct span text;
    while (out->count < MDNS_PEERS_MAX && dns_text(&r, &text)) {
        struct multiaddr *a = &out->list[out->count];
        if (text.n <= PREFIX_SIZE || memcmp(text.p, prefix, PREFIX_SIZE) != 0)
            continue;
        bool good = multiaddr_parse(a, span_sub(text, PREFIX_SIZE, text.n)) == OK;
        if (good && ends_with_peer(a))
            out->count++;
        else
            *a = (struct multiaddr){ 0 };
    }
}

/* Whether a name is an instance of the service: LABEL.MDNS_SERVICE. */
static bool is_instance(const char *name, const char *own)
{
    size_t label = strcspn(name, ".");
    return label > 0 && name[label] == '.' && strcmp(name + label + 1, MDNS_SERVICE) == 0 &&
           !(strlen(own) == label && memcmp(name, own, label) == 0);
}

static void take(struct mdns_heard *out, const struct dns_message *m, const struct dns_record *rr,
                 const char *own)
{
    bool answer = (m->flags & DNS_ANSWER_FLAG) != 0;
    if ((rr->class & DNS_CLASS_BITS) != DNS_IN)
        return;
    if (rr->section != DNS_QUESTIONS) {
        if (answer && rr->type == DNS_TXT && is_instance(rr->name.text, own))
            take_texts(out, rr->data);
        return;
    }
    if (answer || (rr->type != DNS_PTR && rr->type != DNS_ANY))
        return;
    out->asks_peers = out->asks_peers || strcmp(rr->name.text, MDNS_SERVICE) == 0;
    out->asks_types = out->asks_types || strcmp(rr->name.text, MDNS_TYPES) == 0;
}

enum err mdns_read(struct mdns_heard *out, struct span message, const char *own)
{
    struct dns_message m;
    struct dns_record rr;
    memset(out, 0, sizeof(*out));
    if (message.n > DNS_MESSAGE_MAX)
        return ERR_LIMIT;
    TRY(dns_open(&m, message));
    while (dns_next(&m, &rr))
        take(out, &m, &rr, own);
    if (m.r.err != OK)
        memset(out, 0, sizeof(*out));
    return m.r.err;
}

/* ---- writing --------------------------------------------------------------------------------- */

void mdns_write_query(struct writer *w)
{
    const uint16_t counts[DNS_SECTIONS] = { 1, 0, 0, 0 };
    dns_write_head(w, 0, 0, counts);
    dns_write_question(w, MDNS_SERVICE, DNS_PTR, DNS_IN);
}

static struct dns_record record_of(const char *name, uint16_t type, uint16_t class)
{
    struct dns_record rr = { .type = type, .class = class, .ttl_s = MDNS_TTL_S };
    (void)snprintf(rr.name.text, sizeof(rr.name.text), "%s", name);
    return rr;
}

static void write_pointer(struct writer *w, const char *name, const char *target)
{
    const struct dns_record rr = record_of(name, DNS_PTR, DNS_IN);
    dns_write_record(w, &rr, dns_name_size(target));
    dns_write_name(w, target);
}

static void write_texts(struct writer *w, const char *instance, const struct mdns_self *me)
{
    uint8_t data[DNS_MESSAGE_MAX];
    struct writer d = writer_of(data, sizeof(data));
    for (size_t i = 0; i < me->count; i++) {
        char text[PREFIX_SIZE + MULTIADDR_TEXT_MAX];
        memcpy(text, prefix, PREFIX_SIZE);
        multiaddr_format(text + PREFIX_SIZE, &me->list[i]);
        if (strlen(text) <= MDNS_TEXT_MAX)
            dns_write_text(&d, span_str(text));
    }
    if (d.len == 0)
        dns_write_text(&d, (struct span){ NULL, 0 }); /* RFC 6763 6.1: never without a string */
    const struct dns_record rr = record_of(instance, DNS_TXT, DNS_IN | DNS_UNIQUE);
    dns_write_record(w, &rr, d.len);
    write_span(w, writer_span(&d));
    if (d.err != OK)
        writer_fail(w, d.err);
}

/* Go's library takes no peer without the address of a host, although nobody uses it. */
static void write_host(struct writer *w, const char *instance, const struct mdns_self *me)
{
    char host[INSTANCE_MAX];
    (void)snprintf(host, sizeof(host), "%s.local", me->name);
    struct dns_record rr = record_of(instance, DNS_SRV, DNS_IN | DNS_UNIQUE);
    dns_write_record(w, &rr, 6 + dns_name_size(host));
    write_be32(w, 0); /* priority and weight */
    write_be16(w, me->port);
    dns_write_name(w, host);
    rr = record_of(host, DNS_A, DNS_IN | DNS_UNIQUE);
    dns_write_record(w, &rr, me->ip.n);
    write_span(w, me->ip);
}

void mdns_write_answer(struct writer *w, const struct mdns_self *me)
{
    const uint16_t counts[DNS_SECTIONS] = { 0, 1, 0, 3 };
    char instance[INSTANCE_MAX];
    ASSERT(me->ip.n == 4);
    (void)snprintf(instance, sizeof(instance), "%s." MDNS_SERVICE, me->name);
    dns_write_head(w, 0, DNS_ANSWER_FLAG | DNS_AUTHORITATIVE, counts);
    write_pointer(w, MDNS_SERVICE, instance);
    write_texts(w, instance, me);
    write_host(w, instance, me);
}

void mdns_write_types(struct writer *w)
{
    const uint16_t counts[DNS_SECTIONS] = { 0, 1, 0, 0 };
    dns_write_head(w, 0, DNS_ANSWER_FLAG | DNS_AUTHORITATIVE, counts);
    write_pointer(w, MDNS_TYPES, MDNS_SERVICE);
}

void mdns_name(char out[MDNS_NAME_SIZE + 1], const uint8_t random[MDNS_NAME_SIZE])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
    for (size_t i = 0; i < MDNS_NAME_SIZE; i++)
        out[i] = digits[random[i] & 31];
    out[MDNS_NAME_SIZE] = '\0';
}
