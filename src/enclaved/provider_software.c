/* The software provider: a key in a file, and the worker's own signature as evidence. */
#include "enclaved/policy.h"
#include "enclaved/provider.h"

#include <stdio.h>
#include <unistd.h>

/* Reads exactly one key and closes the descriptor. */
static enum err open_software(struct seal_provider *seal, struct secret *sealing,
                              struct provider_place *place)
{
    uint8_t more;
    ssize_t n = read(POLICY_KEY_FD, sealing->b, SECRET_SIZE);
    ssize_t rest = n == SECRET_SIZE ? read(POLICY_KEY_FD, &more, 1) : 1;
    close(POLICY_KEY_FD);
    (void)snprintf(place->why, PROVIDER_WHY_SIZE,
                   "descriptor 4 must hold the 32 bytes of the software key");
    *seal = seal_provider_software;
    return rest == 0 ? OK : ERR_FORMAT;
}

const struct provider provider_software = {
    .name = "software",
    .warning = "NO hardware protects the keys of this worker; for development only",
    .key_fd = true,
    .open = open_software,
};
