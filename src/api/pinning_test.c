#include "api/pinning.h"

#include "base/check.h"

#include <stdio.h>

#define RAW   "bafkreidgvpkjawlxz6sffxzwgooowe5yt7i6wsyg236mfoks77nywkptdq" /* "hello" */
#define PB_V0 "QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN"
#define PB_V1 "bafybeiffndsajwhk3lwjewwdxqntmjm4b5wxaaanokonsggenkbw6slwk4"

static uint8_t room[PINNING_ENCODED_MAX];
static char why[PINNING_WHY_MAX];
static struct span encoded;
static struct pinning_request rq;
static struct pinning_filter f;

static enum err body(const char *text)
{
    TRY(pinning_body(&encoded, why, (struct mspan){ room, sizeof(room) }, span_str(text)));
    return pinning_decode(&rq, encoded);
}

static void routes_are_the_six_of_the_api(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        enum pinning_route route;
        uint64_t id;
    } rows[] = {
        { "GET", "/pins", PINNING_LIST, 0 },
        { "POST", "/pins", PINNING_ADD, 0 },
        { "DELETE", "/pins", PINNING_NO_METHOD, 0 },
        { "GET", "/pins/0000019abcdef012", PINNING_GET, 0x19abcdef012 },
        { "POST", "/pins/0000019abcdef012", PINNING_REPLACE, 0x19abcdef012 },
        { "DELETE", "/pins/0000019abcdef012", PINNING_REMOVE, 0x19abcdef012 },
        { "PUT", "/pins/0000019abcdef012", PINNING_NO_METHOD, 0x19abcdef012 },
        { "GET", "/pins/0000019ABCDEF012", PINNING_GET, 0 },
        { "GET", "/pins/0000019abcdef0123", PINNING_GET, 0 },
        { "GET", "/pins/", PINNING_GET, 0 },
        { "OPTIONS", "/pins/x", PINNING_PREFLIGHT, 0 },
        { "GET", "/pinsx", PINNING_NO_PATH, 0 },
        { "GET", "/", PINNING_NO_PATH, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t id;
        CHECK(pinning_route(rows[i].method, rows[i].path, &id) == rows[i].route);
        CHECK(id == rows[i].id);
    }
}

static void a_body_becomes_a_request(void **state)
{
    (void)state;
    CHECK_OK(body("{\"cid\":\"" PB_V0 "\",\"name\":\"a \\u00e9\",\"origins\":[\"/ip4/1.2.3.4/tcp/1/"
                  "p2p/x\",\"/quic-v9/y\"],\"meta\":{\"app\":\"1\",\"z\":\"\"},\"later\":7}"));
    CHECK_SPAN(rq.cid, span_str(PB_V0));
    CHECK(rq.has_name && rq.origin_count == 2 && rq.meta_count == 2 && !rq.inlined);
    CHECK_SPAN(rq.name, span_str("a \xc3\xa9"));
    CHECK_SPAN(rq.origins[1], span_str("/quic-v9/y"));
    CHECK_SPAN(rq.meta[0].name, span_str("app"));
    CHECK(rq.key.codec == CID_CODEC_DAG_PB);
    CHECK_OK(body("{\"cid\":\"" RAW "\",\"name\":null,\"origins\":null,\"meta\":null}"));
    CHECK(!rq.has_name && rq.origin_count == 0 && rq.meta_count == 0);
    CHECK_OK(body("{\"cid\":\"bafkqaaa\"}"));
    CHECK(rq.inlined);
}

static void what_cannot_be_stored_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
        enum err e;
    } rows[] = {
        { "", "JSON", ERR_FORMAT },
        { "[]", "not an object", ERR_FORMAT },
        { "{}", "cid: missing", ERR_FORMAT },
        { "{\"cid\":7}", "cid: not a string", ERR_FORMAT },
        { "{\"cid\":\"Qm\"}", "cid: this is no CID", ERR_FORMAT },
        { "{\"cid\":\"" RAW "\",\"cid\":\"" RAW "\"}", "JSON", ERR_FORMAT },
        /* an inlined dag-pb block, a libp2p key */
        { "{\"cid\":\"bafyaaaa\"}", "sha2-256", ERR_UNSUPPORTED },
        { "{\"cid\":\"k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8\"}",
          "sha2-256", ERR_UNSUPPORTED },
        { "{\"cid\":\"" RAW "\",\"name\":1}", "name", ERR_FORMAT },
        { "{\"cid\":\"" RAW "\",\"origins\":\"/ip4\"}", "origins", ERR_FORMAT },
        { "{\"cid\":\"" RAW "\",\"origins\":[\"x\"]}", "origins[0]: this is no multiaddr",
          ERR_FORMAT },
        { "{\"cid\":\"" RAW "\",\"meta\":[]}", "meta: not an object", ERR_FORMAT },
        { "{\"cid\":\"" RAW "\",\"meta\":{\"a\":1}}", "meta.a: not a string", ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(body(rows[i].body), rows[i].e);
        CHECK(strstr(why, rows[i].why) != NULL);
    }
}

/* Each limit, and one beyond. */
static void limits_hold(void **state)
{
    (void)state;
    static char text[PINNING_BODY_MAX + 100];
    for (int over = 0; over < 2; over++) {
        int n = snprintf(text, sizeof(text), "{\"cid\":\"" RAW "\",\"name\":\"");
        for (int i = 0; i < PINNING_NAME_MAX + over; i++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "\xc3\xa9");
        (void)snprintf(text + n, sizeof(text) - (size_t)n, "\"}");
        CHECK_ERR(body(text), over ? ERR_LIMIT : OK);
        n = snprintf(text, sizeof(text), "{\"cid\":\"" RAW "\",\"origins\":[\"/a\"");
        for (int i = 1; i < PINNING_ORIGINS_MAX + over; i++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"/a\"");
        (void)snprintf(text + n, sizeof(text) - (size_t)n, "]}");
        CHECK_ERR(body(text), over ? ERR_LIMIT : OK);
        n = snprintf(text, sizeof(text), "{\"cid\":\"" RAW "\",\"meta\":{\"m\":\"\"");
        for (int i = 1; i < PINNING_META_MAX + over; i++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"m%d\":\"\"", i);
        (void)snprintf(text + n, sizeof(text) - (size_t)n, "}}");
        CHECK_ERR(body(text), over ? ERR_LIMIT : OK);
        n = snprintf(text, sizeof(text), "{\"cid\":\"" RAW "\",\"meta\":{\"m\":\"");
        memset(text + n, 'x', (size_t)(PINNING_META_BYTES - 1 + over));
        n += PINNING_META_BYTES - 1 + over;
        (void)snprintf(text + n, sizeof(text) - (size_t)n, "\"}}");
        CHECK_ERR(body(text), over ? ERR_LIMIT : OK);
    }
    memset(text, ' ', PINNING_BODY_MAX + 1);
    text[PINNING_BODY_MAX + 1] = '\0';
    CHECK_ERR(body(text), ERR_LIMIT);
}

static void every_length_of_the_encoded_form(void **state)
{
    (void)state;
    CHECK_OK(
        body("{\"cid\":\"" RAW "\",\"name\":\"n\",\"origins\":[\"/a\"],\"meta\":{\"k\":\"v\"}}"));
    struct pinning_request copy;
    for (size_t n = 0; n <= encoded.n + 1; n++) {
        uint8_t *exact = check_dup(room, n);
        CHECK_ERR(pinning_decode(&copy, span_of(exact, n)), n < encoded.n    ? ERR_SHORT
                                                            : n == encoded.n ? OK
                                                                             : ERR_TRAILING);
        free(exact);
    }
    static const char vector[] = "\x01\x00\x00\x00\x00\x55";
    uint8_t bytes[44] = { 0 };
    memcpy(bytes, vector, 6);
    memcpy(bytes + 38,
           "\x00\x02"
           "ba\x00\x00",
           6);
    const uint8_t tail[] = { 0, 0 };
    uint8_t whole[46];
    memcpy(whole, bytes, 44);
    memcpy(whole + 44, tail, 2);
    CHECK_OK(pinning_decode(&copy, span_of(whole, sizeof(whole)))); /* of spec 4.1 */
    CHECK_SPAN(copy.cid, span_str("ba"));
    CHECK(copy.key.codec == CID_CODEC_RAW && !copy.has_name && copy.origin_count == 0);
    room[0] = 2;
    CHECK_ERR(pinning_decode(&copy, encoded), ERR_FORMAT);
    room[0] = 1;
    room[1] |= 4;
    CHECK_ERR(pinning_decode(&copy, encoded), ERR_FORMAT);
    room[1] &= 3;
    CHECK_OK(pinning_decode(&copy, encoded));
    room[encoded.n - 1] = 0; /* the last text is "v": no text has zero bytes */
    CHECK_ERR(pinning_decode(&copy, encoded), ERR_FORMAT);
}

static bool listed(const char *query, enum pinning_status status, uint64_t created)
{
    CHECK_OK(pinning_query(&f, why, query));
    return pinning_matches(&f, &rq, status, created);
}

static void filters_choose(void **state)
{
    (void)state;
    CHECK_OK(
        body("{\"cid\":\"" PB_V0 "\",\"name\":\"Report.pdf\",\"meta\":{\"a\":\"1\",\"b\":\"2\"}}"));
    CHECK(listed("", PINNING_PINNED, 5) && !listed("", PINNING_QUEUED, 5));
    CHECK(listed("limit=3", PINNING_PINNED, 5) &&
          !listed("limit=3&before=2999-01-01T00:00:00Z", PINNING_FAILED, 5));
    CHECK(listed("name=Report.pdf", PINNING_QUEUED, 5));
    CHECK(!listed("name=Report.pdf&status=pinned", PINNING_QUEUED, 5));
    CHECK(listed("status=queued%2Cfailed", PINNING_FAILED, 5));
    CHECK(!listed("name=report.pdf", PINNING_QUEUED, 5) &&
          !listed("name=Report", PINNING_QUEUED, 5));
    CHECK(listed("name=REPORT.PDF&match=iexact", PINNING_QUEUED, 5));
    CHECK(!listed("name=REPORT.PD&match=iexact", PINNING_QUEUED, 5));
    CHECK(listed("name=ort.&match=partial", PINNING_QUEUED, 5));
    CHECK(!listed("name=ORT.&match=partial", PINNING_QUEUED, 5));
    CHECK(listed("name=ORT.PDF&match=ipartial", PINNING_QUEUED, 5));
    CHECK(listed("cid=" RAW "," PB_V1, PINNING_QUEUED, 5) &&
          !listed("cid=" RAW, PINNING_QUEUED, 5));
    CHECK(listed("meta=%7B%22b%22%3A%222%22%7D", PINNING_QUEUED, 5));
    CHECK(!listed("meta=%7B%22b%22%3A%223%22%7D", PINNING_QUEUED, 5));
    CHECK(listed("status=queued&before=1970-01-01T00:00:00.006Z", PINNING_QUEUED, 5));
    CHECK(!listed("status=queued&before=1970-01-01T00:00:00.005Z", PINNING_QUEUED, 5));
    CHECK(listed("status=queued&after=1970-01-01T00:00:00.004Z", PINNING_QUEUED, 5));
    CHECK(!listed("status=queued&after=1970-01-01T00:00:00.005Z", PINNING_QUEUED, 5));
    rq.has_name = false;
    CHECK(!listed("name=&match=partial", PINNING_QUEUED, 5));
}

static void bad_filters_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "limit=0",
        "limit=1001",
        "limit=",
        "limit=1x",
        "limit=-1",
        "limit=99999",
        "status=",
        "status=lost",
        "match=regex",
        "cid=",
        "cid=x",
        "before=now",
        "after=2026-11-22",
        "meta=x",
        "meta=[]",
        "meta=%7B%22a%22%3A1%7D",
        "name=%zz",
        "limit=1&limit=2",
        "cid=" RAW "," RAW "," RAW "," RAW "," RAW "," RAW "," RAW "," RAW "," RAW "," RAW "," RAW,
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(pinning_query(&f, why, rows[i]) != OK);
        CHECK(why[0] != '\0');
    }
    CHECK_OK(pinning_query(&f, why, "limit=1000&unknown=1"));
    CHECK(f.limit == 1000);
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2000-02-29T23:59:59.999Z", 951868799999 },
        { "2026-11-22T14:05:31.123456789Z", 1795356331123 },
        { "2026-11-22t16:05:31.1+02:00", 1795356331100 },
        { "2026-11-22T00:05:31-14:00", 1795356331000 },
        { "9999-12-31T23:59:59.999Z", 253402300799999 },
    };
    uint64_t ms;
    char text[PINNING_TIME_MAX];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_OK(pinning_time_parse(&ms, span_str(rows[i].text)));
        CHECK(ms == rows[i].ms);
    }
    static const char *const bad[] = { "",
                                       "2026-11-22",
                                       "2026-11-22T14:05:31",
                                       "2026-13-22T14:05:31Z",
                                       "2026-02-29T14:05:31Z",
                                       "1900-02-29T14:05:31Z",
                                       "2026-11-22T24:05:31Z",
                                       "2026-11-22T14:60:31Z",
                                       "2026-11-22T14:05:31.Z",
                                       "2026-11-22T14:05:31+2:00",
                                       "2026-11-22T14:05:31ZZ",
                                       "1969-12-31T23:59:59Z" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(pinning_time_parse(&ms, span_str(bad[i])) != OK);
    /* Every day of four hundred years and some. */
    for (uint64_t day = 0; day < 160000; day++) {
        pinning_time_format(text, day * 86400000 + day % 86400000);
        CHECK_OK(pinning_time_parse(&ms, span_str(text)));
        CHECK(ms == day * 86400000 + day % 86400000);
    }
    pinning_time_format(text, 1795356331007);
    CHECK(strcmp(text, "2026-11-22T14:05:31.007Z") == 0);
}

static void answers_are_those_of_the_api(void **state)
{
    (void)state;
    uint8_t out[4096];
    struct writer w = writer_of(out, sizeof(out));
    const char *delegates[] = { "/ip4/1.2.3.4/tcp/4001/p2p/Q" };
    const struct pinning_pair info = { span_str("order"), span_str("00ff") };
    CHECK_OK(
        body("{\"cid\":\"" RAW "\",\"name\":\"n\",\"origins\":[\"/a\"],\"meta\":{\"k\":\"v\"}}"));
    const struct pinning_pin pin = { .request = &rq,
                                     .created_ms = 1795356331007,
                                     .status = PINNING_PINNING,
                                     .details = span_str("why"),
                                     .info = &info,
                                     .info_count = 1,
                                     .delegates = delegates,
                                     .delegate_count = 1 };
    pinning_write_pin(&w, &pin);
    CHECK_SPAN(writer_span(&w),
               span_str("{\"requestid\":\"000001a203938bff\",\"status\":\"pinning\",\"created\":\""
                        "2026-11-22T14:05:31.007Z\",\"pin\":{\"cid\":\"" RAW
                        "\",\"name\":\"n\",\"origins\":[\"/a\"],\"meta\":{\"k\":\"v\"}},"
                        "\"delegates\":[\"/ip4/1.2.3.4/tcp/4001/p2p/Q\"],\"info\":{"
                        "\"status_details\":\"why\",\"order\":\"00ff\"}}"));
    w.len = 0;
    pinning_write_error(&w, 401, "a \"token\"");
    CHECK_SPAN(writer_span(&w), span_str("{\"error\":{\"reason\":\"UNAUTHORIZED\",\"details\":\"a "
                                         "\\\"token\\\"\"}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_are_the_six_of_the_api),
        cmocka_unit_test(a_body_becomes_a_request),
        cmocka_unit_test(what_cannot_be_stored_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(every_length_of_the_encoded_form),
        cmocka_unit_test(filters_choose),
        cmocka_unit_test(bad_filters_are_refused),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(answers_are_those_of_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
