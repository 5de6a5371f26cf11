/* openapi: docs/openapi/chain.json, linked into the program. Read-only, as long as the process. */
#ifndef CRUST_CHAIND_OPENAPI_H
#define CRUST_CHAIND_OPENAPI_H

#include <stdint.h>

extern const uint8_t openapi_json[];
extern const uint32_t openapi_json_size;

#endif
