#include "base/check.h"
#include "base/memkv.h"
#include "base/prng.h"

enum { MODEL_KEYS = 64 };

struct model {
    bool there[MODEL_KEYS];
    uint8_t size[MODEL_KEYS];
    uint8_t fill[MODEL_KEYS];
};

static void check_against_model(const struct kv *kv, const struct model *model)
{
    uint8_t from[1] = { 0 };
    bool after = false;
    for (int k = 0; k < MODEL_KEYS; k++) {
        uint8_t name = (uint8_t)k;
        struct span value;
        enum err e = kv_get(kv, &value, span_of(&name, 1));
        CHECK_ERR(e, model->there[k] ? OK : ERR_NOT_FOUND);
        if (!model->there[k])
            continue;
        CHECK(value.n == model->size[k]);
        for (size_t i = 0; i < value.n; i++)
            CHECK(value.p[i] == model->fill[k]);
        struct span key;
        CHECK_OK(kv_next(kv, &key, &value, span_of(from, 1), after));
        CHECK(key.n == 1 && key.p[0] == k);
        from[0] = name;
        after = true;
    }
    struct span key, value;
    CHECK_ERR(kv_next(kv, &key, &value, span_of(from, after ? 1 : 0), after), ERR_NOT_FOUND);
}

static void it_behaves_as_a_plain_table(void **state)
{
    (void)state;
    static uint8_t memory[65536];
    struct memkv m;
    memkv_init(&m, memory, sizeof(memory));
    struct kv kv = memkv_kv(&m);
    struct model model = { 0 };
    struct prng g;
    prng_init(&g, 7);
    for (int i = 0; i < 4000; i++) {
        uint8_t k = (uint8_t)prng_below(&g, MODEL_KEYS);
        uint8_t buf[200];
        if (prng_below(&g, 3) == 0) {
            CHECK_OK(kv_del(&kv, span_of(&k, 1)));
            model.there[k] = false;
        } else {
            model.size[k] = (uint8_t)prng_below(&g, sizeof(buf));
            model.fill[k] = (uint8_t)prng_u64(&g);
            memset(buf, model.fill[k], sizeof(buf));
            CHECK_OK(kv_put(&kv, span_of(&k, 1), span_of(buf, model.size[k])));
            model.there[k] = true;
        }
        if (i % 16 == 0)
            check_against_model(&kv, &model);
    }
}

static void full_memory_refuses_and_keeps_what_is_there(void **state)
{
    (void)state;
    uint8_t memory[2048];
    struct memkv m;
    memkv_init(&m, memory, sizeof(memory));
    struct kv kv = memkv_kv(&m);
    uint8_t key[2] = { 0 };
    enum err e = OK;
    size_t put = 0;
    for (; put < 1000 && e == OK; put++) {
        store_be16(key, (uint16_t)put);
        e = kv_put(&kv, span_of(key, 2), span_of("some value", 10));
    }
    CHECK_ERR(e, ERR_MEMORY);
    CHECK(m.count == put - 1);
    struct span value;
    CHECK_ERR(kv_get(&kv, &value, span_of(key, 2)), ERR_NOT_FOUND);
    store_be16(key, 0);
    CHECK_OK(kv_get(&kv, &value, span_of(key, 2)));
    CHECK_SPAN(value, span_str("some value"));
    CHECK_OK(kv_del(&kv, span_of(key, 2)));
    CHECK_OK(kv_put(&kv, span_of(key, 2), span_of("other", 5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_behaves_as_a_plain_table),
        cmocka_unit_test(full_memory_refuses_and_keeps_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
