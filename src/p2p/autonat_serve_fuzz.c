#include "p2p/autonat_serve.h"

/* Bytes become what an asker sends and when, and how dials go. Whatever comes: nothing is dialled
 * that was not allowed, none at another address before the data has come, and one answer is the
 * last word. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool may(void *ctx, const struct multiaddr_tcp *t)
{
    (void)ctx;
    return t->ip[0] != 10 && t->host == MULTIADDR_IP4;
}

static void check(const struct autonat_serve *s, uint64_t came)
{
    struct multiaddr_tcp t;
    if (s->state != AUTONAT_SERVE_DIAL)
        return;
    enum err e = multiaddr_tcp_of(&t, &s->address);
    ASSERT(e == OK && t.ip[0] != 10 && t.peer.size == 0 && s->owed == 0);
    ASSERT(memcmp(t.ip, s->ip, 4) == 0 || came >= AUTONAT_SERVE_PAY_MIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t in_bytes[AUTONAT_SERVE_IN], out_bytes[AUTONAT_SERVE_OUT];
    static struct autonat_limits limits;
    static const uint8_t zeros[256];
    struct reader r = reader_of(span_of(data, size));
    const struct autonat_policy p = { &limits, may, NULL };
    struct ring in = ring_of(in_bytes, sizeof(in_bytes));
    struct ring out = ring_of(out_bytes, sizeof(out_bytes));
    const uint8_t ip[4] = { 45, 33, 7, (uint8_t)(11 + (read_u8(&r) & 1)) };
    struct autonat_serve s;
    uint64_t now = 0, came = 0;
    memset(&limits, 0, sizeof(limits));
    autonat_serve_init(&s, span_of(ip, 4), 0, now);
    while (r.err == OK && s.state != AUTONAT_SERVE_SAID) {
        uint8_t what = read_u8(&r), n = read_u8(&r);
        if (what % 5 == 0) {
            came += n;
            (void)ring_put(&in, span_of(&n, 1));
            (void)ring_put(&in, read_span(&r, n <= r.n ? n : r.n));
        } else if (what % 5 == 4) { /* a message of data, with 250 bytes */
            const uint8_t head[] = { 0xff, 0x01, 0x22, 0xfc, 0x01, 0x0a, 0xf9, 0x01 };
            for (int i = 0; i < n; i++) {
                came += 249;
                (void)ring_put(&in, span_of(head, sizeof(head)));
                (void)ring_put(&in, span_of(zeros, 249));
                if (autonat_serve_step(&s, &p, &in, &out, now) != OK)
                    return 0;
            }
        } else if (what % 5 == 2) {
            now += (uint64_t)n * 20;
        } else if (what % 5 == 3 && s.state == AUTONAT_SERVE_DIAL) {
            enum err e =
                autonat_serve_dialled(&s, &out, n % 2 ? AUTONAT_REACHED : AUTONAT_UNREACHED);
            ASSERT(e == OK || ring_used(&out) != 0);
        }
        if (s.state != AUTONAT_SERVE_SAID && autonat_serve_step(&s, &p, &in, &out, now) != OK)
            return 0;
        check(&s, came);
    }
    return 0;
}
