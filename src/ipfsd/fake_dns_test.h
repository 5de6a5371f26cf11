/* fake_dns_test: a DNS server on a thread of the test, which knows the TXT records of a table and
 * says of other names that they do not exist. */
#ifndef CRUST_IPFSD_FAKE_DNS_TEST_H
#define CRUST_IPFSD_FAKE_DNS_TEST_H

#include "base/check.h"
#include "codec/dns.h"
#include "ipfsd/dns_ask.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_dns_row {
    const char *name, *text;
};

struct fake_dns {
    int fd;
    pthread_t thread;
    atomic_int asked;
    const struct fake_dns_row *rows;
    size_t count;
    struct dns_server at;
};

/* A row's name may end in '*'. */
static bool fake_dns_is(const struct fake_dns_row *row, const char *name)
{
    size_t n = strlen(row->name);
    return strcmp(row->name, name) == 0 ||
           (row->name[n - 1] == '*' && strncmp(row->name, name, n - 1) == 0);
}

static size_t fake_dns_answer(const struct fake_dns *s, uint8_t *out, size_t max, struct span q)
{
    struct dns_message m;
    struct dns_record rr;
    struct writer w = writer_of(out, max);
    uint16_t counts[DNS_SECTIONS] = { 1, 0, 0, 0 };
    if (dns_open(&m, q) != OK || !dns_next(&m, &rr) || rr.type != DNS_TXT)
        return 0;
    for (size_t i = 0; i < s->count; i++)
        if (fake_dns_is(&s->rows[i], rr.name.text))
            counts[DNS_ANSWERS]++;
    dns_write_head(&w, m.id, counts[DNS_ANSWERS] == 0 ? 0x8183 : 0x8180, counts);
    dns_write_question(&w, rr.name.text, DNS_TXT, DNS_IN);
    rr.ttl_s = 300;
    for (size_t i = 0; i < s->count; i++) {
        struct span text = span_str(s->rows[i].text);
        if (!fake_dns_is(&s->rows[i], rr.name.text))
            continue;
        struct span first = span_sub(text, 0, 200), rest = span_sub(text, 200, text.n);
        dns_write_record(&w, &rr, text.n + 1 + (rest.n != 0));
        dns_write_text(&w, first);
        if (rest.n != 0)
            dns_write_text(&w, rest);
    }
    return w.err == OK ? w.len : 0;
}

static void *fake_dns_serve(void *ctx)
{
    struct fake_dns *s = ctx;
    static uint8_t out[4096];
    uint8_t q[512];
    struct sockaddr_in from;
    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(s->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &size);
        if (n < 12) /* the test ends it with an empty message */
            return NULL;
        atomic_fetch_add(&s->asked, 1);
        size_t answer = fake_dns_answer(s, out, sizeof(out), span_of(q, (size_t)n));
        (void)!sendto(s->fd, out, answer, 0, (struct sockaddr *)&from, size);
    }
}

static void fake_dns_start(struct fake_dns *s, const struct fake_dns_row *rows, size_t count)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(at);
    memset(s, 0, sizeof(*s));
    s->rows = rows;
    s->count = count;
    s->fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, size) == 0);
    CHECK(getsockname(s->fd, (struct sockaddr *)&at, &size) == 0);
    s->at = (struct dns_server){ { 127, 0, 0, 1 }, ntohs(at.sin_port) };
    CHECK(pthread_create(&s->thread, NULL, fake_dns_serve, s) == 0);
}

static void fake_dns_stop(struct fake_dns *s)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(s->at.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CHECK(sendto(s->fd, "", 0, 0, (struct sockaddr *)&at, sizeof(at)) == 0);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

#endif
