#include "codec/succession.h"

#include "crypto/sha256.h"

static void hash(uint8_t out[32], const char *tag, const struct succession *s)
{
    const struct span parts[] = { span_of(s->chain, 32), span_of(s->account, 32),
                                  span_of(s->predecessor, 32), span_of(s->successor, 32) };
    sha256_tagged(out, tag, parts, 4);
}

void succession_given(uint8_t out[32], const struct succession *s)
{
    hash(out, "crust/succession-given/1", s);
}

void succession_taken(uint8_t out[32], const struct succession *s)
{
    hash(out, "crust/succession-taken/1", s);
}
