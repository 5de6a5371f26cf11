#include "codec/bitswap.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "codec/varint_frame.h"
#include "crypto/sha256.h"

#include <stdio.h>

static struct cid cid_of(const char *text)
{
    struct cid c = {
        .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
    };
    sha256(c.digest, span_str(text));
    return c;
}

static struct span bin(const struct cid *c, uint8_t out[CID_SIZE_MAX])
{
    struct writer w = writer_of(out, CID_SIZE_MAX);
    cid_write(&w, c);
    CHECK_OK(w.err);
    return writer_span(&w);
}

/* What a message says, as one line of text. */
struct story {
    char text[4096];
    uint8_t memory[1024];
    bool refuse;
};

static void say(struct story *s, const struct bitswap_item *it)
{
    size_t n = strlen(s->text);
    char *at = s->text + n;
    size_t room = sizeof(s->text) - n;
    switch (it->what) {
    case BITSWAP_MORE:
        return;
    case BITSWAP_ENTRY:
        snprintf(at, room, "entry %zu:%02x %d%s%s%s; ", it->entry.cid.n, it->entry.cid.p[4],
                 it->entry.priority, it->entry.cancel ? " cancel" : "",
                 it->entry.have ? " have" : "", it->entry.send_dont_have ? " sdh" : "");
        return;
    case BITSWAP_FULL:
        snprintf(at, room, "full; ");
        return;
    case BITSWAP_PRESENCE:
        snprintf(at, room, "%s %02x; ", it->have ? "have" : "dont", it->cid.p[4]);
        return;
    case BITSWAP_MEMORY:
        snprintf(at, room, "memory %zu; ", it->block_size);
        return;
    case BITSWAP_BLOCK:
        snprintf(at, room, "block %zu%s '%.*s'; ", it->prefix.n, it->refused ? " refused" : "",
                 (int)it->block.n, (const char *)it->block.p);
        return;
    case BITSWAP_END:
        snprintf(at, room, "end; ");
        return;
    }
}

/* Feeds in pieces; what was not taken is given again, from memory of its exact size. */
static enum err tell(struct story *s, struct span in, size_t piece)
{
    struct bitswap_reader r;
    struct bitswap_item it;
    size_t at = 0, end = 0, taken;
    bitswap_reader_init(&r);
    s->text[0] = '\0';
    while (end < in.n) {
        end = end + piece < in.n ? end + piece : in.n;
        do {
            uint8_t *exact = check_dup(in.p + at, end - at);
            enum err e = bitswap_read(&r, span_of(exact, end - at), &taken, &it);
            if (e == OK)
                say(s, &it);
            free(exact);
            if (e != OK)
                return e;
            if (it.what == BITSWAP_MEMORY)
                bitswap_reader_memory(&r, s->refuse ? NULL : s->memory);
            at += taken;
        } while (it.what != BITSWAP_MORE);
    }
    return at == in.n && r.state == BITSWAP_AT_LENGTH ? OK : ERR_SHORT;
}

static size_t sample(uint8_t *out, size_t n)
{
    uint8_t a[CID_SIZE_MAX], b[CID_SIZE_MAX];
    struct cid one = cid_of("one"), two = cid_of("two");
    struct bitswap_entry entries[3] = {
        { .cid = bin(&one, a), .priority = 7, .have = true, .send_dont_have = true },
        { .cid = bin(&two, b), .priority = -1 },
        { .cid = bin(&two, b), .cancel = true },
    };
    struct writer w = writer_of(out + VARINT_FRAME_HEAD_MAX, n - VARINT_FRAME_HEAD_MAX);
    bitswap_write_wantlist(&w, entries, 3, true);
    bitswap_write_block_head(&w, &one, 3);
    write_bytes(&w, "one", 3);
    bitswap_write_block_head(&w, &two, 0);
    bitswap_write_presence(&w, entries[0].cid, true);
    bitswap_write_presence(&w, entries[1].cid, false);
    CHECK_OK(w.err);
    struct span frame = varint_frame_close(out, w.len);
    memmove(out, frame.p, frame.n);
    return frame.n;
}

static const char *const sample_story =
    "entry 36:76 7 have sdh; entry 36:3f -1; entry 36:3f 0 cancel; full; memory 3; "
    "block 4 'one'; memory 0; block 4 ''; have 76; dont 3f; end; ";

static void a_message_reads_the_same_in_pieces(void **state)
{
    (void)state;
    static uint8_t buf[1024];
    static struct story s;
    size_t n = sample(buf, sizeof(buf));
    memmove(buf + n, buf, n); /* two messages on one stream */
    for (size_t piece = 1; piece <= 2 * n; piece = piece < 20 ? piece + 1 : piece * 2) {
        CHECK_OK(tell(&s, span_of(buf, 2 * n), piece));
        char want[4096], one[1024];
        snprintf(one, sizeof(one), "%s", sample_story);
        char *gap = strstr(one, "memory 0; "); /* no memory is asked for nothing */
        memmove(gap, gap + 10, strlen(gap + 10) + 1);
        snprintf(want, sizeof(want), "%s%s", one, one);
        if (strcmp(s.text, want) != 0)
            fail_msg("in pieces of %zu: %s", piece, s.text);
    }
    s.refuse = true;
    CHECK_OK(tell(&s, span_of(buf, n), 1));
    CHECK(strstr(s.text, "block 4 refused ''") != NULL);
    for (size_t cut = 1; cut < n; cut++)
        CHECK_ERR(tell(&s, span_of(buf, cut), 7), ERR_SHORT);
}

/* Vector of docs/spec/bitswap.md 2.6: what Kubo asks with a want-have for a raw CIDv1. */
static void these_are_the_bytes(void **state)
{
    (void)state;
    uint8_t buf[128], c[CID_SIZE_MAX], want[128];
    struct cid one = cid_of("one");
    struct bitswap_entry e = {
        .cid = bin(&one, c), .priority = 1, .have = true, .send_dont_have = true
    };
    struct writer w = writer_of(buf, sizeof(buf));
    bitswap_write_wantlist(&w, &e, 1, false);
    static const char *hex = "0a2e0a2c0a2401551220"
                             "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
                             "100120012801";
    CHECK_OK(hex_parse(want, strlen(hex) / 2, hex));
    CHECK_SPAN(writer_span(&w), span_of(want, strlen(hex) / 2));
    CHECK(bitswap_entry_size(&e) == w.len - 2);
    w.len = 0;
    bitswap_write_presence(&w, e.cid, false);
    CHECK(w.len == bitswap_presence_size(e.cid));
}

static void the_prefix_and_the_data_give_the_cid(void **state)
{
    (void)state;
    struct cid c, one = cid_of("one");
    CHECK_OK(bitswap_block_cid(&c, span_of("\x01\x55\x12\x20", 4), span_str("one")));
    CHECK(cid_eq(&c, &one));
    CHECK_OK(bitswap_block_cid(&c, span_of("\x00\x70\x12\x20", 4), span_str("one")));
    CHECK(c.version == 0 && memcmp(c.digest, one.digest, 32) == 0);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x00\x55\x12\x20", 4), span_str("one")), ERR_FORMAT);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x02\x55\x12\x20", 4), span_str("one")), ERR_FORMAT);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x01\x55\x12", 3), span_str("one")), ERR_FORMAT);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x01\x55\x12\x20\x00", 5), span_str("one")),
              ERR_FORMAT);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x01\x55\x13\x40", 4), span_str("one")),
              ERR_UNSUPPORTED);
    CHECK_ERR(bitswap_block_cid(&c, span_of("\x01\x55\x12\x1f", 4), span_str("one")),
              ERR_UNSUPPORTED);
}

static void rules_of_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *hex;
        enum err want;
        const char *story;
    } rows[] = {
        { "nothing", "00", OK, "end; " },
        { "Helia's empty wantlist", "040a021000", OK, "end; " },
        { "length of 4 MiB and one", "81808002", ERR_LIMIT, "" },
        { "length of 4 MiB", "80808002", ERR_SHORT, "" },
        { "padded length", "8000", ERR_FORMAT, "" },
        { "data over the limit", "8780c0011a8280c0011281808001", ERR_LIMIT, "" },
        { "field over its message", "020a05", ERR_FORMAT, "" },
        { "entry over its wantlist", "040a020a05", ERR_FORMAT, "" },
        { "key cut by its message", "0180", ERR_FORMAT, "" },
        { "unknown fields whole", "0b7801790000000000000000", OK, "end; " },
        { "group", "010b", ERR_FORMAT, "" },
        { "wantlist as a number", "020801", ERR_FORMAT, "" },
        { "full as bytes", "040a021200", ERR_FORMAT, "" },
        { "entry without CID", "040a020a00", OK, "end; " },
        { "CID as a number", "060a040a020801", ERR_FORMAT, "" },
        { "data twice", "0a1a08120161120161", ERR_FORMAT, "memory 1; " },
        { "old blocks are passed over", "0512036f6e65", OK, "end; " },
        { "pending bytes", "022805", OK, "end; " },
        { "presence of an empty CID", "0422020a00", OK, "end; " },
    };
    static struct story s;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        size_t n = strlen(rows[i].hex) / 2;
        CHECK_OK(hex_parse(bytes, n, rows[i].hex));
        enum err e = tell(&s, span_of(bytes, n), 1);
        if (e != rows[i].want || strcmp(s.text, rows[i].story) != 0)
            fail_msg("%s: %s, %s", rows[i].rule, err_name(e), s.text);
    }
}

static void long_items_are_passed_over(void **state)
{
    (void)state;
    static uint8_t buf[8192], longer[BITSWAP_CID_MAX + 200];
    static struct story s;
    uint8_t c[CID_SIZE_MAX];
    struct cid one = cid_of("one");
    memset(longer, 7, sizeof(longer));
    struct bitswap_entry e[3] = { { .cid = span_of(longer, BITSWAP_CID_MAX + 1), .priority = 3 },
                                  { .cid = span_of(longer, sizeof(longer)), .have = true },
                                  { .cid = bin(&one, c) } };
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, 4096);
    bitswap_write_wantlist(&w, e, 3, false);
    bitswap_write_presence(&w, e[1].cid, true);
    CHECK_OK(tell(&s, varint_frame_close(buf, w.len), 13));
    CHECK(strcmp(s.text, "entry 36:76 0; end; ") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reads_the_same_in_pieces),
        cmocka_unit_test(these_are_the_bytes),
        cmocka_unit_test(the_prefix_and_the_data_give_the_cid),
        cmocka_unit_test(rules_of_the_format),
        cmocka_unit_test(long_items_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
