/* policy: what crust-enclaved may still do once it serves. Whatever is not in it kills the process.
 */
#ifndef CRUST_ENCLAVED_POLICY_H
#define CRUST_ENCLAVED_POLICY_H

#include "rt/sandbox.h"

enum { POLICY_LISTENER_FD = 3, POLICY_KEY_FD = 4, POLICY_RULES = 21, POLICY_MORE_MAX = 8 };

extern const struct sandbox_rule policy_rules[POLICY_RULES];

/* policy_enter sets the resource limits and loads the filter with count more rules, at most
 * POLICY_MORE_MAX; see rt/sandbox.h. */
NODISCARD enum err policy_enter(const struct sandbox_rule *more, size_t count);

#endif
