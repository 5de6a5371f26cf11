/* The API's description as part of the program: docs/openapi/chain.json, byte for byte. */
#include "chaind/openapi.h"

__asm__(".section .rodata\n"
        ".global openapi_json\n"
        ".global openapi_json_size\n"
        ".balign 16\n"
        "openapi_json:\n"
        ".incbin \"docs/openapi/chain.json\"\n"
        "openapi_json_end:\n"
        ".balign 4\n"
        "openapi_json_size:\n"
        ".long openapi_json_end - openapi_json\n"
        ".previous\n");
