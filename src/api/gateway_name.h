/* gateway_name: names under /ipns/: keys and domains, what they stand for, and their records. */
#ifndef CRUST_API_GATEWAY_NAME_H
#define CRUST_API_GATEWAY_NAME_H

#include "api/gateway.h"

/* Whether text is a key's name: a CID of codec libp2p-key (or dag-pb, as it was once written), or
 * a bare multihash in base58btc. */
bool gateway_name_is_key(struct span text);

/* gateway_name_take sets q->by_name, is_key, key and name. ERR_FORMAT: neither a key nor a domain
 * of at least two labels. */
NODISCARD enum err gateway_name_take(struct gateway_query *q, struct span text);

/* gateway_name_resolve sets a->root, path, path_own and max_age_s: of a name by following it, else
 * as the query says. False: *a says why not. */
bool gateway_name_resolve(struct gateway_answer *a);

/* The answer to ?format=ipns-record. */
void gateway_name_record(struct gateway_answer *a);

#endif
