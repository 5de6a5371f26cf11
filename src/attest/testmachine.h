/* testmachine: an SGX machine of the made vendor of attest/testvendor.h: its PCK certificate, and
 * quotes over any report data. For tests and test tools. */
#ifndef CRUST_ATTEST_TESTMACHINE_H
#define CRUST_ATTEST_TESTMACHINE_H

#include "attest/quote.h"
#include "attest/testvendor.h"

static const uint8_t machine_fmspc[6] = { 0x00, 0xc0, 0xff, 0xee, 0x00, 0x00 };

/* One DER element; returns its size. Contents may stand in out already, behind two bytes. */
static inline size_t machine_der(uint8_t *out, uint8_t tag, const void *p, size_t n)
{
    size_t head = n < 128 ? 2 : n < 256 ? 3 : 4;
    memmove(out + head, p, n);
    out[0] = tag;
    out[1] = (uint8_t)(n < 128 ? n : 0x80 + head - 2);
    if (n >= 128)
        out[head - 1] = (uint8_t)n;
    if (n >= 256)
        out[2] = (uint8_t)(n >> 8);
    return head + n;
}

/* SEQUENCE { OID of Intel's extension and then these arcs, value } */
static inline size_t machine_member(uint8_t *out, const uint8_t *arcs, size_t arc_count,
                                    struct span value)
{
    static const uint8_t base[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
    uint8_t oid[16], both[1024];
    memcpy(oid, base, sizeof(base));
    memcpy(oid + sizeof(base), arcs, arc_count);
    size_t n = machine_der(both, 0x06, oid, sizeof(base) + arc_count);
    memcpy(both + n, value.p, value.n);
    return machine_der(out, 0x30, both, n + value.n);
}

static inline size_t machine_octets(uint8_t *out, uint8_t arc, const void *p, size_t n)
{
    uint8_t value[64];
    size_t size = machine_der(value, 0x04, p, n);
    return machine_member(out, &arc, 1, span_of(value, size));
}

static inline size_t machine_tcb(uint8_t *out, uint8_t svn)
{
    static const uint8_t pce_svn = 13, tcb_arc = 2;
    uint8_t list[1024], number[4], components[16], octets[20], sequence[1100];
    size_t n = 0;
    memset(components, svn, sizeof(components));
    for (uint8_t i = 1; i <= 18; i++) {
        const uint8_t arcs[2] = { tcb_arc, i };
        size_t size = machine_der(number, 0x02, i == 17 ? &pce_svn : &svn, 1);
        struct span value = span_of(number, size);
        if (i == 18)
            value = span_of(octets, machine_der(octets, 0x04, components, 16));
        n += machine_member(list + n, arcs, 2, value);
    }
    n = machine_der(sequence, 0x30, list, n);
    return machine_member(out, &tcb_arc, 1, span_of(sequence, n));
}

static inline struct span machine_extension(uint8_t out[1500], const struct vendor_machine *m)
{
    static const uint8_t pce_id[2] = { 0, 0 }, type[] = { 0x0a, 0x01, 0x00 }, type_arc = 5;
    uint8_t ppid[16], list[1400];
    memset(ppid, m->number, sizeof(ppid));
    size_t n = machine_octets(list, 1, ppid, sizeof(ppid));
    n += machine_tcb(list + n, m->svn);
    n += machine_octets(list + n, 3, pce_id, sizeof(pce_id));
    n += machine_octets(list + n, 4, machine_fmspc, sizeof(machine_fmspc));
    n += machine_member(list + n, &type_arc, 1, span_of(type, sizeof(type)));
    return span_of(out, machine_der(out, 0x30, list, n));
}

static inline size_t machine_pem(char *out, struct span der)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----\n",
                      end[] = "-----END CERTIFICATE-----\n";
    size_t n = sizeof(begin) - 1;
    memcpy(out, begin, n);
    for (size_t at = 0; at < der.n; at += 48) {
        struct span part = span_sub(der, at, 48);
        n += (size_t)EVP_EncodeBlock((unsigned char *)out + n, part.p, (int)part.n);
        out[n++] = '\n';
    }
    memcpy(out + n, end, sizeof(end) - 1);
    return n + sizeof(end) - 1;
}

/* Leaf and CA as a quote carries them. */
static inline size_t machine_chain(struct vendor *v, char *out, const struct vendor_machine *m)
{
    uint8_t room[2048], extension[1500];
    const struct testcert_spec spec = { .name = VENDOR_LEAF,
                                        .issuer = VENDOR_CA,
                                        .key = &v->leaf,
                                        .issuer_key = &v->ca,
                                        .serial = VENDOR_SERIAL + m->number,
                                        .from = v->from,
                                        .to = v->to,
                                        .sgx = machine_extension(extension, m) };
    size_t n = machine_pem(out, testcert_make(room, sizeof(room), &spec));
    return n + machine_pem(out + n, v->ca_cert);
}

/* The quoting enclave vouches for the key that signs the quote. */
static inline void machine_qe(struct vendor *v, uint8_t report[384], const uint8_t auth[32])
{
    struct sha256 h;
    memset(report, 0, 384);
    report[48] = 0x15;
    memset(report + 128, 0xaa, 32);
    report[256] = 1;
    report[258] = 8;
    sha256_init(&h);
    sha256_update(&h, span_of(v->quoting.public_key, 64));
    sha256_update(&h, span_of(auth, 32));
    sha256_final(&h, report + 320);
}

/* An SGX quote v3 over report_data. */
static inline struct span machine_quote(struct vendor *v, uint8_t out[VENDOR_QUOTE_MAX],
                                        const struct vendor_machine *m,
                                        const uint8_t report_data[64])
{
    static const uint8_t vendor_id[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    memset(out, 0, VENDOR_QUOTE_MAX);
    out[0] = 3;
    out[2] = 2;
    memcpy(out + 12, vendor_id, 16);
    uint8_t *body = out + 48, *s = out + 436;
    memset(body, m->svn, 16);
    body[48] = 0x05 | m->flags;
    body[56] = 7;
    memset(body + 64, m->program, 32);
    memset(body + 128, 0xbb, 32);
    memcpy(body + 320, report_data, 64);
    testcert_sign(&v->quoting, s, span_of(out, 432));
    memcpy(s + 64, v->quoting.public_key, 64);
    for (uint8_t i = 0; i < 32; i++)
        s[578 + i] = i;
    machine_qe(v, s + 128, s + 578);
    testcert_sign(&v->leaf, s + 512, span_of(s + 128, 384));
    s[576] = 32;
    s[610] = 5;
    size_t n = machine_chain(v, (char *)s + 616, m);
    store_le32(s + 612, (uint32_t)n);
    store_le32(out + 432, (uint32_t)(616 + n));
    CHECK(436 + 616 + n <= VENDOR_QUOTE_MAX);
    return span_of(out, 436 + 616 + n);
}

/* The same as evidence that binds b. */
static inline struct span machine_evidence(struct vendor *v, uint8_t out[VENDOR_QUOTE_MAX],
                                           const struct vendor_machine *m,
                                           const struct attest_binding *b)
{
    uint8_t quote[VENDOR_QUOTE_MAX], report_data[ATTEST_REPORT_DATA_SIZE];
    struct writer w = writer_of(out, VENDOR_QUOTE_MAX);
    attest_report_data(report_data, b);
    cbor_write_map(&w, 2);
    cbor_write_str(&w, "data");
    cbor_write_bytes(&w, machine_quote(v, quote, m, report_data));
    cbor_write_str(&w, "kind");
    cbor_write_str(&w, "sgx");
    CHECK_OK(w.err);
    return writer_span(&w);
}

#endif
