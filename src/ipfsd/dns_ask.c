#include "ipfsd/dns_ask.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>

enum { WAIT_S = 3, TRIES = 2 };

static enum err ask(struct __res_state *state, struct mspan *answer, const char *name,
                    uint16_t type)
{
    int size = res_nquery(state, name, DNS_IN, type, answer->p, DNS_ASK_MAX);
    answer->n = size < 0 ? 0 : (size_t)size;
    if (size >= 0)
        return answer->n > DNS_ASK_MAX ? ERR_FORMAT : OK;
    bool none = state->res_h_errno == HOST_NOT_FOUND || state->res_h_errno == NO_DATA;
    return none ? ERR_NOT_FOUND : ERR_TIMEOUT;
}

enum err dns_ask(struct mspan *answer, const char *name, uint16_t type,
                 const struct dns_server *server)
{
    struct __res_state state = { 0 };
    *answer = (struct mspan){ NULL, 0 };
    if (strlen(name) > DNS_NAME_MAX)
        return ERR_LIMIT;
    if (res_ninit(&state) != 0)
        return ERR_IO;
    state.retrans = WAIT_S;
    state.retry = TRIES;
    if (server->port != 0) {
        state.nscount = 1;
        state.nsaddr_list[0] =
            (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(server->port) };
        memcpy(&state.nsaddr_list[0].sin_addr, server->ip, 4);
    }
    answer->p = malloc(DNS_ASK_MAX);
    enum err e = answer->p == NULL ? ERR_MEMORY : ask(&state, answer, name, type);
    if (e != OK) {
        free(answer->p);
        *answer = (struct mspan){ NULL, 0 };
    }
    res_nclose(&state);
    return e;
}
