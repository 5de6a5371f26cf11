#include "ipfsd/service.h"

enum err service_status(struct call *c)
{
    struct node_status s = { 0 };
    TRY(node_msg_decode_none(c->body));
    struct writer w = call_reply_room(c, 32 << 10);
    node_msg_encode_status(&w, &s);
    call_reply_set(c, &w);
    return OK;
}
#define LATER(name)                                                                                \
    enum err service_##name(struct call *c)                                                        \
    {                                                                                              \
        (void)c;                                                                                   \
        return ERR_UNSUPPORTED;                                                                    \
    }
LATER(register)
LATER(seal)
LATER(remove)
LATER(fill)
LATER(release)
LATER(report)
LATER(accepted)
LATER(fetch)
LATER(replica_next)
LATER(drop_volume)
