#include "enclaved/judge.h"

#include "attest/attest.h"
#include "attest/x509.h"

#include <malloc.h>
#include <stdlib.h>

enum { HEAP = 1 << 20 }; /* one judgement holds some 20 KiB at a time */

/* libcrypto takes small pieces of heap and gives them back; in the sandbox the C library can get
 * none. So it gets them now and keeps what is given back. The first use of each curve also happens
 * here, on certificates that must verify. */
enum err judge_prepare(void)
{
    const struct attest_roots *roots = attest_vendor_roots();
    const struct span all[] = { roots->intel, roots->amd[SNP_MILAN], roots->amd[SNP_GENOA],
                                roots->amd[SNP_TURIN] };
#ifndef CRUST_SANITIZED /* the sanitizers have a heap of their own, and no sandbox here */
    if (mallopt(M_TRIM_THRESHOLD, INT32_MAX) != 1 || mallopt(M_MMAP_THRESHOLD, HEAP) != 1)
        return ERR_MEMORY;
#endif
    void *heap = malloc(HEAP - 1);
    if (heap == NULL)
        return ERR_MEMORY;
    free(heap);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct x509 root;
        TRY(x509_decode(&root, all[i]));
        TRY(x509_check_seal(&root.seal, &root.key));
    }
    return OK;
}
