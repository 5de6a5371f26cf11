/* crc32c: the Castagnoli CRC of RFC 3720 B.4 (polynomial 0x1EDC6F41, reflected), for records on
 * disk. It finds accidents, not malice. Uses SSE 4.2 and PCLMUL where the processor has them. Pure.
 */
#ifndef CRUST_CRYPTO_CRC32C_H
#define CRUST_CRYPTO_CRC32C_H

#include "base/span.h"

/* crc32c gives the CRC of the bytes whose CRC is crc followed by in; crc is 0 at the start. */
uint32_t crc32c(uint32_t crc, struct span in);

/* crc32c_portable gives the same without special instructions; for tests. */
uint32_t crc32c_portable(uint32_t crc, struct span in);

#endif
