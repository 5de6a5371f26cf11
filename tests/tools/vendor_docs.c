/* Makes a vendor, a machine of his, and what he publishes about it, into folders:
 *
 *   vendor_docs NOW FOLDER...
 *
 * The first folder gets root.der, quote.bin and the documents of that time, which lapse 30 days
 * later; each further one the documents as they are a day and one evaluation number later than
 * those before. */
#include "attest/testmachine.h"
#include "rt/path.h"

#include <stdlib.h>

enum { DAY = 86400 };

static void put(const char *folder, const char *name, struct span bytes)
{
    char path[1024];
    CHECK_OK(path_make_dirs(folder, 0755));
    CHECK_OK(path_join(path, sizeof(path), folder, name));
    CHECK_OK(path_write_file(path, bytes, 0644));
}

static void put_list(const char *folder, const char *name, const char *issuer,
                     const struct testcert_key *key, uint64_t from)
{
    uint8_t room[4096];
    const struct testcert_list spec = {
        .issuer = issuer, .key = key, .from = from, .to = from + 30 * (uint64_t)DAY
    };
    put(folder, name, testcert_crl(room, sizeof(room), &spec));
}

int main(int argc, char **argv)
{
    static struct vendor v;
    static char text[VENDOR_DOCUMENT_MAX];
    static uint8_t quote[VENDOR_QUOTE_MAX];
    const struct vendor_machine machine = { .number = 1, .program = 0x11, .svn = 7 };
    const uint8_t report_data[64] = { 1 };
    if (argc < 3)
        return 2;
    uint64_t now = strtoull(argv[1], NULL, 10);
    vendor_init(&v, now - 1000 * (uint64_t)DAY, now + 1000 * (uint64_t)DAY);
    put(argv[2], "root.der", v.root_cert);
    put(argv[2], "quote.bin", machine_quote(&v, quote, &machine, report_data));
    for (int i = 2; i < argc; i++) {
        uint64_t from = now - 10 * (uint64_t)DAY + (uint64_t)(i - 2) * DAY,
                 to = from + 30 * (uint64_t)DAY;
        unsigned evaluation = 17 + (unsigned)(i - 2);
        put(argv[i], "ca.der", v.ca_cert);
        put(argv[i], "signer.der", v.signer_cert);
        put(argv[i], "tcb.json", vendor_tcb_info(&v, text, from, to, evaluation, 7));
        put(argv[i], "qe.json", vendor_qe_identity(&v, text, from, to, evaluation));
        put_list(argv[i], "root.crl", VENDOR_ROOT, &v.root, from);
        put_list(argv[i], "pck.crl", VENDOR_CA, &v.ca, from);
    }
    vendor_fini(&v);
    return 0;
}
