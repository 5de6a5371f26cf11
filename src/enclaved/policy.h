/* policy: the text of src/enclaved/policy.seccomp, taken into the program when it is built. */
#ifndef CRUST_ENCLAVED_POLICY_H
#define CRUST_ENCLAVED_POLICY_H

#include "base/span.h"

/* Static storage. */
struct span policy_text(void);

#endif
