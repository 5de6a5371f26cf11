/* status: what crust-agentd tells over HTTP, on a local address, read only: GET /v1/status,
 * /v1/orders, /v1/orders/{id}, /metrics. docs/guide/merchant.md. */
#ifndef CRUST_AGENTD_STATUS_H
#define CRUST_AGENTD_STATUS_H

#include "agentd/agent.h"

enum {
    STATUS_BODY_MAX = 256 * 1024,
    STATUS_WAIT_MS = 5000,
    STATUS_LIST_MAX = 200,
    STATUS_TEXT_MAX = 320
};

/* Serves when the settings say so, and writes the URL to FOLDER/url. ERR_EXISTS: the port. */
NODISCARD enum err status_open(struct agent *a);
void status_close(struct agent *a);

#endif
