#include "attest/pck.h"

/* 1.2.840.113741.1.13.1; its members carry one more number behind it. */
static const uint8_t oid_sgx[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

enum {
    MEMBER_PPID = 1,
    MEMBER_TCB = 2,
    MEMBER_PCE_ID = 3,
    MEMBER_FMSPC = 4,
    MEMBER_TYPE = 5,
    MEMBER_INSTANCE = 6,
    MEMBER_CONFIGURATION = 7,
    MEMBERS_NEEDED = 0x3e, /* bits 1 to 5 */
    TCB_PCE_SVN = 17,
    TCB_CPU_SVN = 18,
    TCB_NEEDED = 0x7fffe, /* bits 1 to 18 */
    CONFIGURATION_SMT = 3,
};

/* Reads an OID of n bytes behind base and gives its last number, 1 to 31; each only once. */
static unsigned read_member(struct reader *r, struct span base, uint32_t *seen)
{
    struct span oid = der_read(r, DER_OID);
    reader_require(r, oid.n == base.n + 1 && span_eq(span_sub(oid, 0, base.n), base), ERR_FORMAT);
    unsigned number = r->err == OK ? oid.p[base.n] : 0;
    reader_require(r, number >= 1 && number <= 31, ERR_FORMAT);
    if (r->err != OK)
        return 0;
    reader_require(r, (*seen & 1u << number) == 0, ERR_FORMAT);
    *seen |= 1u << number;
    return number;
}

static void read_octets(struct reader *r, uint8_t *out, size_t n)
{
    struct span s = der_read(r, DER_OCTET_STRING);
    reader_require(r, s.n == n, ERR_FORMAT);
    if (r->err == OK)
        memcpy(out, s.p, n);
}

static void read_tcb(struct reader *r, struct pck *out)
{
    uint8_t base[sizeof(oid_sgx) + 1], cpu_svn[16];
    memcpy(base, oid_sgx, sizeof(oid_sgx));
    base[sizeof(oid_sgx)] = MEMBER_TCB;
    uint32_t seen = 0;
    struct reader list = der_enter(r, DER_SEQUENCE);
    while (list.err == OK && list.n > 0) {
        struct reader pair = der_enter(&list, DER_SEQUENCE);
        unsigned number = read_member(&pair, span_of(base, sizeof(base)), &seen);
        if (number >= 1 && number <= 16)
            out->components[number - 1] = (uint8_t)der_read_uint(&pair, DER_INTEGER, 255);
        else if (number == TCB_PCE_SVN)
            out->pce_svn = (uint16_t)der_read_uint(&pair, DER_INTEGER, 65535);
        else
            read_octets(&pair, cpu_svn, sizeof(cpu_svn)); /* says the components again */
        reader_require(&pair, number <= TCB_CPU_SVN, ERR_FORMAT);
        reader_join(&list, &pair);
    }
    reader_join(r, &list);
    reader_require(r, seen == TCB_NEEDED, ERR_FORMAT);
}

static void read_configuration(struct reader *r, struct pck *out)
{
    uint8_t base[sizeof(oid_sgx) + 1];
    memcpy(base, oid_sgx, sizeof(oid_sgx));
    base[sizeof(oid_sgx)] = MEMBER_CONFIGURATION;
    uint32_t seen = 0;
    struct reader list = der_enter(r, DER_SEQUENCE);
    while (list.err == OK && list.n > 0) {
        struct reader pair = der_enter(&list, DER_SEQUENCE);
        unsigned number = read_member(&pair, span_of(base, sizeof(base)), &seen);
        struct span b = der_read(&pair, DER_BOOLEAN);
        reader_require(&pair, b.n == 1 && (b.p[0] == 0xff || b.p[0] == 0), ERR_FORMAT);
        if (pair.err == OK && number == CONFIGURATION_SMT) {
            out->smt_known = true;
            out->smt = b.p[0] != 0;
        }
        reader_join(&list, &pair);
    }
    reader_join(r, &list);
}

static void read_value(struct reader *pair, unsigned number, struct pck *out)
{
    switch (number) {
    case MEMBER_PPID:
        read_octets(pair, out->ppid, sizeof(out->ppid));
        break;
    case MEMBER_TCB:
        read_tcb(pair, out);
        break;
    case MEMBER_PCE_ID:
        read_octets(pair, out->pce_id, sizeof(out->pce_id));
        break;
    case MEMBER_FMSPC:
        read_octets(pair, out->fmspc, sizeof(out->fmspc));
        break;
    case MEMBER_TYPE:
        out->type = (enum pck_type)der_read_uint(pair, DER_ENUMERATED, PCK_SCALABLE_INTEGRITY);
        break;
    case MEMBER_INSTANCE:
        read_octets(pair, out->instance, sizeof(out->instance));
        out->has_instance = true;
        break;
    case MEMBER_CONFIGURATION:
        read_configuration(pair, out);
        break;
    default:
        reader_fail(pair, ERR_FORMAT);
    }
}

static enum err decode(struct pck *out, struct span value)
{
    struct reader r = reader_of(value);
    struct reader list = der_enter(&r, DER_SEQUENCE);
    uint32_t seen = 0;
    while (list.err == OK && list.n > 0) {
        struct reader pair = der_enter(&list, DER_SEQUENCE);
        unsigned number = read_member(&pair, span_of(oid_sgx, sizeof(oid_sgx)), &seen);
        if (pair.err == OK)
            read_value(&pair, number, out);
        reader_join(&list, &pair);
    }
    reader_join(&r, &list);
    reader_require(&r, (seen & MEMBERS_NEEDED) == MEMBERS_NEEDED, ERR_FORMAT);
    return reader_finish(&r);
}

enum err pck_decode_extension(struct pck *out, struct span value)
{
    *out = (struct pck){ 0 };
    enum err e = decode(out, value);
    if (e != OK)
        *out = (struct pck){ 0 };
    return e;
}

enum err pck_decode(struct pck *out, const struct x509 *cert)
{
    struct span value;
    *out = (struct pck){ 0 };
    if (!x509_extension(cert, &value, span_of(oid_sgx, sizeof(oid_sgx))))
        return ERR_NOT_FOUND;
    return pck_decode_extension(out, value);
}
