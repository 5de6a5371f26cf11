/* door: the node's HTTP side: the gateway over everything this node can give, and GET /metrics. */
#ifndef CRUST_IPFSD_DOOR_H
#define CRUST_IPFSD_DOOR_H

#include "ipfsd/ipfsd.h"

/* door_open serves on the address of the settings, and writes the URL to url-file once it does.
 * When the settings name no URL, the one served at becomes it. What fails has been logged:
 * ERR_EXISTS (ports in use), ERR_DENIED, ERR_FORMAT (host), ERR_IO. */
NODISCARD enum err door_open(struct ipfsd *n);
void door_close(struct ipfsd *n);

#endif
