#include "enclaved/provider.h"

#include "base/writer.h"
#include "crypto/hmac.h"

void provider_derive(struct secret *out, struct span key, const char *name, const char *label)
{
    uint8_t info[96];
    struct writer w = writer_of(info, sizeof(info));
    write_span(&w, span_str("crust/provider-key/1 "));
    write_span(&w, span_str(name));
    write_u8(&w, ' ');
    write_span(&w, span_str(label));
    ASSERT(w.err == OK);
    hmac_hkdf((struct mspan){ out->b, SECRET_SIZE }, (struct span){ NULL, 0 }, key,
              writer_span(&w));
}
