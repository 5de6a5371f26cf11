#include "codec/dns.h"

/* Any message: reading ends, names have their form, and what is read is written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[1 << 18];

static void check_name(const struct dns_name *name)
{
    size_t n = strlen(name->text);
    ASSERT(n < DNS_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        ASSERT(name->text[i] > ' ' && name->text[i] <= '~');
}

static void check_record(const struct dns_message *m, const struct dns_record *rr)
{
    struct dns_name target;
    struct span text;
    struct reader r = reader_of(rr->data);
    check_name(&rr->name);
    ASSERT(rr->section < DNS_SECTIONS);
    if (dns_target(&target, m, rr))
        check_name(&target);
    while (dns_text(&r, &text))
        ASSERT(text.n <= UINT8_MAX);
    struct writer w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 0, 1 };
    struct dns_message again;
    struct dns_record back;
    if (rr->section == DNS_QUESTIONS)
        return;
    dns_write_head(&w, m->id, m->flags, counts);
    dns_write_record(&w, rr, rr->data.n);
    write_span(&w, rr->data);
    ASSERT(w.err == OK);
    ASSERT(dns_open(&again, writer_span(&w)) == OK && dns_next(&again, &back));
    ASSERT(strcmp(back.name.text, rr->name.text) == 0 && back.type == rr->type);
    ASSERT(back.class == rr->class && back.ttl_s == rr->ttl_s && span_eq(back.data, rr->data));
    ASSERT(!dns_next(&again, &back) && again.r.err == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message m;
    struct dns_record rr;
    if (dns_open(&m, span_of(data, size)) != OK)
        return 0;
    for (size_t n = 0; dns_next(&m, &rr); n++) {
        ASSERT(n < size);
        if (n < 200)
            check_record(&m, &rr);
    }
    return 0;
}
