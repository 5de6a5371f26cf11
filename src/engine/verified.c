#include "engine/verified.h"

#include <stdlib.h>

struct verified {
    uint8_t ids[VERIFIED_SETS][VERIFIED_WAYS][TX_ID_SIZE]; /* newest first; zeros: none */
};

struct verified *verified_new(void)
{
    return calloc(1, sizeof(struct verified));
}

void verified_free(struct verified *v)
{
    free(v);
}

static size_t set_of(const uint8_t id[TX_ID_SIZE])
{
    return (size_t)id[0] << 8 | id[1];
}

bool verified_has(const struct verified *v, const uint8_t id[TX_ID_SIZE])
{
    for (size_t i = 0; i < VERIFIED_WAYS; i++)
        if (memcmp(v->ids[set_of(id)][i], id, TX_ID_SIZE) == 0)
            return true;
    return false;
}

void verified_add(struct verified *v, const uint8_t id[TX_ID_SIZE])
{
    uint8_t(*set)[TX_ID_SIZE] = v->ids[set_of(id)];
    if (verified_has(v, id))
        return;
    memmove(set[1], set[0], (VERIFIED_WAYS - 1) * sizeof(*set));
    memcpy(set[0], id, TX_ID_SIZE);
}
