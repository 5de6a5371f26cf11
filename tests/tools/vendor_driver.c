/* A made vendor of TEEs for tests/e2e (src/attest/testmachine.h): its documents and its machines'
 * quotes. One command a line on standard input, one answer a line; bytes in hex, times in seconds.
 *
 * - init NOW: keys and certificates; the root certificate.
 * - document KIND ISSUED NEXT EVALUATION GOOD REVOKED: issuer (or "-") and document of a
 *   collateral.post; GOOD is the SVN that is up to date, REVOKED a machine's number or "-".
 * - quote NUMBER PROGRAM SVN REPORT-DATA: an SGX quote. */
#include "driver.h"

#include "attest/testmachine.h"
#include "base/hex.h"
#include "crypto/random.h"

#include <stdlib.h>

enum { DAY = 86400, VALID_BEFORE = 1000 * DAY, VALID_AFTER = 3000 * DAY };

static struct vendor v;

static void tell(struct span s, char end)
{
    static char text[2 * VENDOR_QUOTE_MAX + 1];
    CHECK(s.n <= VENDOR_QUOTE_MAX);
    hex_format(text, s);
    printf("%s%c", s.n == 0 ? "-" : text, end);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static struct span list_of(uint8_t room[1024], enum collateral_kind kind, char *args[6])
{
    const long revoked[] = { VENDOR_SERIAL + (long)number(args[5]) };
    bool root = kind == COLLATERAL_ROOT_CRL;
    const struct testcert_list list = { .issuer = root ? VENDOR_ROOT : VENDOR_CA,
                                        .key = root ? &v.root : &v.ca,
                                        .from = number(args[1]),
                                        .to = number(args[2]),
                                        .serials = revoked,
                                        .count = strcmp(args[5], "-") != 0 };
    return testcert_crl(room, 1024, &list);
}

static bool document(char *args[6])
{
    char text[VENDOR_DOCUMENT_MAX];
    uint8_t room[1024];
    uint64_t issued = number(args[1]), next = number(args[2]);
    unsigned evaluation = (unsigned)number(args[3]), good = (unsigned)number(args[4]);
    struct span issuer = v.signer_cert, bytes;
    switch (number(args[0])) {
    case COLLATERAL_TCB_INFO:
        bytes = vendor_tcb_info(&v, text, issued, next, evaluation, good);
        break;
    case COLLATERAL_QE_IDENTITY:
        bytes = vendor_qe_identity(&v, text, issued, next, evaluation);
        break;
    case COLLATERAL_ROOT_CRL:
        issuer = (struct span){ NULL, 0 };
        bytes = list_of(room, COLLATERAL_ROOT_CRL, args);
        break;
    case COLLATERAL_PCK_CRL:
        issuer = v.ca_cert;
        bytes = list_of(room, COLLATERAL_PCK_CRL, args);
        break;
    default:
        return false;
    }
    tell(issuer, ' ');
    tell(bytes, '\n');
    return true;
}

static bool quote(char *args[4])
{
    static uint8_t room[VENDOR_QUOTE_MAX];
    uint8_t data[ATTEST_REPORT_DATA_SIZE];
    const struct vendor_machine m = { .number = (uint8_t)number(args[0]),
                                      .program = (uint8_t)number(args[1]),
                                      .svn = (uint8_t)number(args[2]) };
    if (hex_parse(data, sizeof(data), args[3]) != OK)
        return false;
    tell(machine_quote(&v, room, &m, data), '\n');
    return true;
}

static bool init(const char *text)
{
    uint64_t now = number(text);
    if (v.root.pkey != NULL || now < VALID_BEFORE)
        return false;
    vendor_init(&v, now - VALID_BEFORE, now + VALID_AFTER);
    tell(v.root_cert, '\n');
    return true;
}

static bool answer(char *words[DRIVER_WORDS], size_t count)
{
    if (count == 2 && strcmp(words[0], "init") == 0)
        return init(words[1]);
    if (v.root.pkey == NULL)
        return false;
    if (count == 7 && strcmp(words[0], "document") == 0)
        return document(&words[1]);
    return count == 5 && strcmp(words[0], "quote") == 0 && quote(&words[1]);
}

int main(void)
{
    if (random_init() != OK)
        return EXIT_FAILURE;
    driver_run(answer);
    vendor_fini(&v);
    return EXIT_SUCCESS;
}
