#include "attest/status.h"

static const struct {
    const char *word;
    uint8_t status;
} words[] = {
    { "UpToDate", STATUS_UP_TO_DATE },
    { "SWHardeningNeeded", STATUS_HARDENING },
    { "ConfigurationNeeded", STATUS_CONFIGURATION },
    { "ConfigurationAndSWHardeningNeeded", STATUS_CONFIGURATION | STATUS_HARDENING },
    { "OutOfDate", STATUS_OUT_OF_DATE },
    { "OutOfDateConfigurationNeeded", STATUS_OUT_OF_DATE | STATUS_CONFIGURATION },
    { "Revoked", STATUS_REVOKED },
    /* What follows is said, never read. */
    { "TDRelaunchAdvised", STATUS_RELAUNCH },
    { "TDRelaunchAdvisedConfigurationNeeded", STATUS_RELAUNCH | STATUS_CONFIGURATION },
    { "None", STATUS_NONE },
};

enum { READ_WORDS = 7, ALL_WORDS = sizeof(words) / sizeof(words[0]) };

const char *status_text(uint8_t status)
{
    for (size_t i = 0; i < ALL_WORDS; i++) {
        if (words[i].status == status)
            return words[i].word;
    }
    return "?";
}

enum err status_parse(uint8_t *out, struct span word)
{
    *out = STATUS_REVOKED;
    for (size_t i = 0; i < READ_WORDS; i++) {
        if (span_eq(word, span_str(words[i].word))) {
            *out = words[i].status;
            return OK;
        }
    }
    return ERR_FORMAT;
}

uint8_t status_join(uint8_t a, uint8_t b)
{
    uint8_t all = (uint8_t)((a == STATUS_NONE ? 0 : a) | (b == STATUS_NONE ? 0 : b));
    if ((all & STATUS_REVOKED) != 0)
        return STATUS_REVOKED;
    if ((all & STATUS_OUT_OF_DATE) != 0)
        all &= (uint8_t)~STATUS_HARDENING;
    return all;
}

enum err status_add(struct status_advisories *list, struct span id)
{
    if (id.n == 0 || id.n >= STATUS_ADVISORY_SIZE)
        return ERR_LIMIT;
    char text[STATUS_ADVISORY_SIZE] = { 0 };
    for (size_t i = 0; i < id.n; i++) {
        char c = (char)id.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
            return ERR_FORMAT;
        text[i] = c;
    }
    uint32_t at = 0;
    while (at < list->count && strcmp(list->ids[at], text) < 0)
        at++;
    if (at < list->count && strcmp(list->ids[at], text) == 0)
        return OK;
    if (list->count == STATUS_ADVISORIES_MAX)
        return ERR_LIMIT;
    memmove(list->ids[at + 1], list->ids[at], (list->count - at) * sizeof(list->ids[0]));
    memcpy(list->ids[at], text, sizeof(text));
    list->count++;
    return OK;
}
