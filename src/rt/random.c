#include "rt/random.h"

#include "base/err.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(uint8_t *out, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = getrandom(out + done, n - done, 0);
        ASSERT(got > 0 || errno == EINTR);
        if (got > 0)
            done += (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint8_t bytes[8];
    random_bytes(bytes, sizeof(bytes));
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | bytes[i];
    return v;
}
