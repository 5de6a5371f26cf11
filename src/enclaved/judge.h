/* judge: makes the verifier of evidence ready for the sandbox, where a hand-over asks it what a
 * successor is (seal/handover.h). */
#ifndef CRUST_ENCLAVED_JUDGE_H
#define CRUST_ENCLAVED_JUDGE_H

#include "base/err.h"

/* judge_prepare gets the heap that libcrypto will need, and checks the vendors' roots. To be called
 * before the sandbox. ERR_MEMORY, ERR_SIGNATURE (a root is not whole), or a decoder's error. */
NODISCARD enum err judge_prepare(void);

#endif
