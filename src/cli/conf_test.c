#include "base/check.h"
#include "cli/conf.h"

static void edit(const char *text, struct conf_change change, const char *want)
{
    struct mspan out;
    CHECK_OK(conf_edit(&out, span_str(text), &change));
    CHECK_SPAN(span_of(out.p, out.n), span_str(want));
    /* Once more changes nothing, and the value can be read back. */
    struct mspan again;
    char value[CONFIG_VALUE_MAX];
    CHECK_OK(conf_edit(&again, span_of(out.p, out.n), &change));
    CHECK_SPAN(span_of(again.p, again.n), span_of(out.p, out.n));
    conf_get(value, sizeof(value), span_of(out.p, out.n), change.section, change.key);
    CHECK(strcmp(value, change.value == NULL ? "" : change.value) == 0);
    free(out.p);
    free(again.p);
}

static void a_key_is_set_where_it_belongs(void **state)
{
    (void)state;
    const struct conf_change set = { "cli", "chain", "http://a" };
    edit("", set, "[cli]\nchain = http://a\n");
    edit("[cli]\n", set, "[cli]\nchain = http://a\n");
    edit("[cli]", set, "[cli]\nchain = http://a\n");
    edit("# top\n[cli]\nkey = bob\n\n[ipfsd]\nchain = http://b\n", set,
         "# top\n[cli]\nkey = bob\nchain = http://a\n\n[ipfsd]\nchain = http://b\n");
    edit("[ipfsd]\nchain = http://b\n", set,
         "[ipfsd]\nchain = http://b\n\n[cli]\nchain = http://a\n");
    edit("[ipfsd]\nchain = http://b", set,
         "[ipfsd]\nchain = http://b\n\n[cli]\nchain = http://a\n");
}

static void a_key_is_replaced_in_its_own_section(void **state)
{
    (void)state;
    const struct conf_change set = { "cli", "chain", "http://a" };
    edit("[cli]\n  chain=http://old # mine\nkey = x\n", set, "[cli]\nchain = http://a\nkey = x\n");
    edit("[ipfsd]\nchain = 1\n[cli]\nchain = 2\n[agentd]\nchain = 3\n", set,
         "[ipfsd]\nchain = 1\n[cli]\nchain = http://a\n[agentd]\nchain = 3\n");
    edit("[cli]\nchain-id = x\n", set, "[cli]\nchain-id = x\nchain = http://a\n");
    edit("[cli]\nchain = http://old", set, "[cli]\nchain = http://a\n");
}

static void a_key_is_taken_out(void **state)
{
    (void)state;
    const struct conf_change none = { "cli", "chain", NULL };
    edit("[cli]\nchain = 1\nkey = x\n", none, "[cli]\nkey = x\n");
    edit("[cli]\nkey = x\n", none, "[cli]\nkey = x\n");
    edit("", none, "");
}

static void values_are_read_without_comments(void **state)
{
    (void)state;
    char value[16];
    const struct span text = span_str("[a]\nx = one # two\ny = a#b\nz =\n[b]\nx = 2\n");
    conf_get(value, sizeof(value), text, "a", "x");
    CHECK(strcmp(value, "one") == 0);
    conf_get(value, sizeof(value), text, "a", "y");
    CHECK(strcmp(value, "a#b") == 0);
    conf_get(value, sizeof(value), text, "a", "z");
    CHECK(strcmp(value, "") == 0);
    conf_get(value, sizeof(value), text, "b", "x");
    CHECK(strcmp(value, "2") == 0);
    conf_get(value, sizeof(value), text, "b", "y");
    CHECK(strcmp(value, "") == 0);
}

static void lines_cannot_be_smuggled_in(void **state)
{
    (void)state;
    struct mspan out;
    const struct conf_change bad = { "cli", "chain", "x\n[ipfsd]" };
    CHECK_ERR(conf_edit(&out, span_str("[cli]\n"), &bad), ERR_FORMAT);
    CHECK(out.p == NULL);
    static char large[CONFIG_FILE_MAX];
    memset(large, '\n', sizeof(large));
    const struct conf_change set = { "cli", "chain", "x" };
    CHECK_ERR(conf_edit(&out, span_of(large, sizeof(large)), &set), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_set_where_it_belongs),
        cmocka_unit_test(a_key_is_replaced_in_its_own_section),
        cmocka_unit_test(a_key_is_taken_out),
        cmocka_unit_test(values_are_read_without_comments),
        cmocka_unit_test(lines_cannot_be_smuggled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
