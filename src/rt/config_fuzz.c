/* Any text: the parser ends, says what is wrong in one clean line, and what it accepts prints as a
 * file that gives the same values. */
#include "rt/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_key keys[] = {
    { "name", CONFIG_STRING, "x", "text" },    { "count", CONFIG_U64, "1", "number" },
    { "size", CONFIG_SIZE, "64M", "size" },    { "on", CONFIG_BOOL, "false", "switch" },
    { "wait", CONFIG_DURATION, "5s", "time" },
};
static const struct config_table table = { "ipfsd", "usage", "about", keys, 5 };

static void check_error_line(const struct config *c)
{
    ASSERT(c->error[0] != '\0');
    for (const char *p = c->error; *p != '\0'; p++)
        ASSERT((unsigned char)*p >= 0x20 && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    setenv("CRUST_HOME", "/nowhere", 1);
    static struct config a, b;
    ASSERT(config_init(&a, &table) == OK && config_init(&b, &table) == OK);
    if (config_parse(&a, span_of(data, size), "file") != OK) {
        check_error_line(&a);
        return 0;
    }
    static char text[8192];
    size_t n = (size_t)snprintf(text, sizeof(text), "[ipfsd]\n");
    for (size_t i = 0; i < table.key_count; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s = %s\n", keys[i].name,
                              a.values[i].text);
    ASSERT(config_parse(&b, span_of(text, n), "again") == OK);
    for (size_t i = 0; i < table.key_count; i++) {
        ASSERT(strcmp(a.values[i].text, b.values[i].text) == 0);
        ASSERT(a.values[i].number == b.values[i].number);
    }
    return 0;
}
