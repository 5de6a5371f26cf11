/* dns: messages of the Domain Name System and of multicast DNS: RFC 1035 4, RFC 6762. One reader
 * and writer for DNSLinks, names in addresses and the local network. Pure, no allocation.
 *
 *   struct dns_message m;
 *   struct dns_record rr;
 *   dns_open(&m, bytes);
 *   while (dns_next(&m, &rr)) ...
 *   if (m.r.err != OK) the message is cut or malformed: what came before it is not to be trusted */
#ifndef CRUST_CODEC_DNS_H
#define CRUST_CODEC_DNS_H

#include "base/reader.h"
#include "base/writer.h"

enum {
    DNS_NAME_MAX = 254,     /* of a name as text */
    DNS_LABEL_MAX = 63,     /* RFC 1035 2.3.4 */
    DNS_JUMPS_MAX = 16,     /* pointers within one name; each leads backwards, too */
    DNS_MESSAGE_MAX = 9000, /* of multicast, RFC 6762 17 */
};

enum { DNS_A = 1, DNS_PTR = 12, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_ANY = 255 };

enum {
    DNS_IN = 1,                 /* the Internet's class */
    DNS_CLASS_BITS = 0x7fff,    /* of a class; the highest bit has a meaning of its own in mDNS */
    DNS_UNIQUE = 0x8000,        /* a record replaces others; a question wants a direct answer */
    DNS_ANSWER_FLAG = 0x8000,   /* in flags: an answer */
    DNS_AUTHORITATIVE = 0x0400, /* likewise */
    DNS_CODE_BITS = 15,         /* of flags: */
    DNS_CODE_NO_NAME = 3,       /* there is no such name */
};

enum dns_section { DNS_QUESTIONS, DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTIONS };

struct dns_message {
    struct span whole; /* borrowed */
    struct reader r;   /* err: the first thing that is wrong */
    uint16_t id, flags;
    uint16_t left[DNS_SECTIONS]; /* entries that are still to come */
};

/* A name as text: labels in lower case with dots between; a byte that is no printable character, a
 * dot or a backslash is given as '?', so such a name equals none that we know. */
struct dns_name {
    char text[DNS_NAME_MAX + 1];
};

struct dns_record {
    enum dns_section section;
    struct dns_name name;
    uint16_t type, class;
    uint32_t ttl_s;   /* 0 for questions */
    struct span data; /* empty for questions */
};

/* dns_open reads the head. ERR_SHORT. */
NODISCARD enum err dns_open(struct dns_message *m, struct span whole);

/* dns_next takes the next entry of the message; false at the end, or after a failure recorded in
 * m->r: ERR_SHORT, ERR_FORMAT (a label or pointer that cannot be, a name that is too long). */
bool dns_next(struct dns_message *m, struct dns_record *out);

/* dns_target reads the name that is the data of a PTR record of m. False: it holds none. */
bool dns_target(struct dns_name *out, const struct dns_message *m, const struct dns_record *rr);

/* dns_text takes the next string of the data of a TXT record; r begins as reader_of(data). False at
 * the end or when it is cut (r->err). */
bool dns_text(struct reader *r, struct span *out);

/* Writers, in the order of a message. A name is labels of 1 to DNS_LABEL_MAX bytes with dots
 * between, else w fails with ERR_FORMAT; it is written without pointers. */
void dns_write_head(struct writer *w, uint16_t id, uint16_t flags,
                    const uint16_t counts[DNS_SECTIONS]);
void dns_write_name(struct writer *w, const char *name);
void dns_write_question(struct writer *w, const char *name, uint16_t type, uint16_t class);
/* head: of a record whose data, size bytes, are written next. */
void dns_write_record(struct writer *w, const struct dns_record *head, size_t size);
/* A string of a TXT record; at most 255 bytes, else ERR_LIMIT. */
void dns_write_text(struct writer *w, struct span text);

/* The bytes that dns_write_name writes. */
size_t dns_name_size(const char *name);

#endif
