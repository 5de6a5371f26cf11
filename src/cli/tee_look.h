/* tee_look: what this machine has of SGX, TDX and SEV-SNP, and what is missing for a worker: device
 * nodes, drivers, permissions, quote services, kernel, firmware. Reads files only; the tree that it
 * looks at is a parameter. Why each is needed: docs/guide/tee-sgx.md, tee-tdx.md, tee-snp.md. */
#ifndef CRUST_CLI_TEE_LOOK_H
#define CRUST_CLI_TEE_LOOK_H

#include <stddef.h>
#include <sys/types.h>

enum tee_state { TEE_GOOD, TEE_NOTE, TEE_BAD };

struct tee_place {
    const char *root; /* goes before every path; "" is this machine */
    uid_t uid;        /* who is going to run the worker */
    const gid_t *groups;
    size_t group_count;
};

/* One finding. next: the one thing to do about it; NULL when there is nothing to do. Texts are
 * borrowed until return. */
typedef void (*tee_found)(void *ctx, enum tee_state state, const char *check, const char *next,
                          const char *what);

/* tee_look reports every finding, at least one. */
void tee_look(const struct tee_place *at, tee_found found, void *ctx);

#endif
