#include "codec/car.h"

/* An archive gives the same items however it is cut into pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buffer[CAR_SECTION_MAX];

static uint64_t parse(struct span in, size_t piece, enum err *e)
{
    struct car_parser p;
    struct car_item item;
    uint64_t sum = 0;
    car_parser_init(&p, (struct mspan){ buffer, sizeof(buffer) });
    *e = OK;
    while (in.n > 0 && *e == OK) {
        struct span part = span_sub(in, 0, piece);
        in = span_sub(in, part.n, in.n);
        while (part.n > 0 && (*e = car_parser_next(&p, &item, &part)) == OK) {
            if (item.event == CAR_HEADER)
                sum = sum * 31 + item.header.root_count;
            for (size_t i = 0; item.event == CAR_BLOCK && i < item.data.n; i++)
                sum = sum * 31 + item.data.p[i];
            if (item.event == CAR_MORE || item.event == CAR_END)
                break;
        }
    }
    if (*e == OK)
        *e = car_parser_finish(&p);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum err whole, bytes;
    uint64_t one = parse(span_of(data, size), SIZE_MAX, &whole);
    uint64_t many = parse(span_of(data, size), 1, &bytes);
    ASSERT(whole == bytes && one == many);
    return 0;
}
