/* gateway_page: the pages that the gateway makes: of a folder, and of a block of values. */
#ifndef CRUST_API_GATEWAY_PAGE_H
#define CRUST_API_GATEWAY_PAGE_H

#include "api/gateway.h"

/* The next bytes of a folder's page, as gateway_next. */
NODISCARD enum err gateway_page_next(struct gateway_answer *a, size_t *size, struct mspan out);

/* The whole page of a block of size bytes, with its value as canonical DAG-JSON; empty: it cannot
 * be shown. Sticky in w. */
void gateway_page_dag(struct writer *w, const struct gateway_answer *a, size_t size,
                      struct span json);

#endif
