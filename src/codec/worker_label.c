#include "codec/worker_label.h"

#include "base/hex.h"

enum { PREFIX = sizeof(WORKER_LABEL_PREFIX) - 1 };

void worker_label_format(char out[WORKER_LABEL_MAX], const uint8_t lineage[32])
{
    memcpy(out, WORKER_LABEL_PREFIX, PREFIX);
    hex_format(out + PREFIX, span_of(lineage, 32));
}

/* SPEC bitswap 4.6: "64 digits, those above 9 in lower case" */
enum err worker_label_parse(uint8_t lineage[32], struct span text)
{
    char digits[65] = { 0 }, again[65];
    memset(lineage, 0, 32);
    if (text.n != PREFIX + 64 || memcmp(text.p, WORKER_LABEL_PREFIX, PREFIX) != 0)
        return ERR_FORMAT;
    memcpy(digits, text.p + PREFIX, 64);
    TRY(hex_parse(lineage, 32, digits));
    hex_format(again, span_of(lineage, 32));
    if (memcmp(again, digits, 64) == 0)
        return OK;
    memset(lineage, 0, 32);
    return ERR_FORMAT;
}

enum err worker_label_of(uint8_t lineage[32], const struct identify *id)
{
    memset(lineage, 0, 32);
    for (uint32_t i = 0; i < id->protocol_count; i++)
        if (worker_label_parse(lineage, id->protocols[i]) == OK)
            return OK;
    return ERR_NOT_FOUND;
}
