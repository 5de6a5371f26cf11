/* worker_label: how a node tells its peers whose worker it is the host of: the name of a protocol
 * in identify, under which no stream is spoken. Spec: docs/spec/bitswap.md 4.6. Pure. */
#ifndef CRUST_CODEC_WORKER_LABEL_H
#define CRUST_CODEC_WORKER_LABEL_H

#include "codec/identify.h"

#define WORKER_LABEL_PREFIX "/crust/worker/1.0.0/"

enum { WORKER_LABEL_MAX = sizeof(WORKER_LABEL_PREFIX) + 64 }; /* with its NUL */

void worker_label_format(char out[WORKER_LABEL_MAX], const uint8_t lineage[32]);

/* worker_label_parse reads one. ERR_FORMAT: it is something else; lineage is zeroed then. */
NODISCARD enum err worker_label_parse(uint8_t lineage[32], struct span text);

/* The worker of a peer: the first that it lists. ERR_NOT_FOUND. */
NODISCARD enum err worker_label_of(uint8_t lineage[32], const struct identify *id);

#endif
