/* provider: what the machine under crust-enclaved gives it: evidence, and a key for what its host
 * keeps. Why it is cut like this: docs/design/providers.md.
 *
 * Each program has one: crust-enclaved the software provider, for development, and
 * crust-enclaved-sgx, -tdx and -snp their own, so that none can make evidence of another kind. */
#ifndef CRUST_ENCLAVED_PROVIDER_H
#define CRUST_ENCLAVED_PROVIDER_H

#include "crypto/secret.h"
#include "rt/sandbox.h"
#include "seal/seal_provider.h"

enum { PROVIDER_RULES_MAX = 8, PROVIDER_WHY_SIZE = 160 };

struct nodes; /* enclaved/nodes.h */

/* Where a provider looks, and what it found wrong. */
struct provider_place {
    const struct nodes *nodes;
    const char *root; /* goes before "/dev" and "/sys"; kept */
    char why[PROVIDER_WHY_SIZE];
};

struct provider {
    const char *name;
    const struct nodes *nodes; /* how it reads the machine; NULL: it does not */
    const char *warning;       /* said at start; NULL: nothing to say */
    bool key_fd;               /* descriptor 4 holds the sealing key */
    bool own_sandbox; /* it runs where system calls are not filtered, but made for it (Gramine) */

    /* Reads what there is to read before the sandbox. Out: *seal, *sealing (when this kind of
     * machine has no key for us, a random one, and seal->is_volatile). On failure place->why says,
     * in a sentence without full stop, what is missing. */
    enum err (*open)(struct seal_provider *seal, struct secret *sealing,
                     struct provider_place *place);
    /* Gives up the sight of every file but those that evidence needs; may be NULL. */
    enum err (*confine)(void);
    /* What evidence needs of the system, beside the policy's calls. */
    struct sandbox_rule rules[PROVIDER_RULES_MAX];
    size_t rule_count;
};

extern const struct provider provider_software, provider_sgx, provider_tdx, provider_snp;

/* provider_derive makes a sealing key of 32 bytes out of a machine's key: HKDF-SHA256 with the
 * provider's name and label in its info, so that it equals no key made for another use. */
void provider_derive(struct secret *out, struct span key, const char *name, const char *label);

#endif
