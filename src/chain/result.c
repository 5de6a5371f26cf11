#include "chain/result.h"

const char *result_name(unsigned number)
{
    switch (number) {
#define RESULT_NAME(value, name, text)                                                             \
    case value:                                                                                    \
        return #name;
        TX_RESULT_LIST(RESULT_NAME)
#undef RESULT_NAME
    default:
        return "UNKNOWN";
    }
}

const char *result_text(unsigned number)
{
    switch (number) {
#define RESULT_TEXT(value, name, text)                                                             \
    case value:                                                                                    \
        return text;
        TX_RESULT_LIST(RESULT_TEXT)
#undef RESULT_TEXT
    default:
        return "no result with this number";
    }
}
