#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* In the order of the overview. */
static const struct {
    const char *title;
    const struct cli_verb *verbs;
} groups[] = {
    { "keys and settings", cli_verbs_setup },
    { "content on this machine", cli_verbs_content },
    { "the local store", cli_verbs_store },
    { "names", cli_verbs_names },
    { "paying others to keep it", cli_verbs_market },
    { "orders", cli_verbs_orders },
    { "money", cli_verbs_accounts },
    { "stake and votes", cli_verbs_stake },
    { "groups of storage nodes", cli_verbs_group },
    { "network and this node", cli_verbs_network },
    { "evidence of hardware", cli_verbs_attest },
    { "a network of one's own", cli_verbs_devnet },
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

const struct cli_verb *cli_verb_at(const char **group, size_t i)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (const struct cli_verb *v = groups[g].verbs; v->name != NULL; v++) {
            if (i-- > 0)
                continue;
            if (group != NULL)
                *group = groups[g].title;
            return v;
        }
    }
    return NULL;
}

/* Whether the first words spell the name; returns how many it took, 0 if not. */
static size_t words_match(const char *name, char **words, size_t count)
{
    size_t used = 0;
    while (*name != '\0') {
        size_t n = strcspn(name, " ");
        if (used >= count || strlen(words[used]) != n || memcmp(words[used], name, n) != 0)
            return 0;
        used++;
        name += n;
        while (*name == ' ')
            name++;
    }
    return used;
}

const struct cli_verb *cli_find(size_t *used, char **words, size_t count)
{
    const struct cli_verb *best = NULL;
    *used = 0;
    for (size_t i = 0;; i++) {
        const struct cli_verb *v = cli_verb_at(NULL, i);
        if (v == NULL)
            return best;
        size_t n = words_match(v->name, words, count);
        if (n > *used) {
            *used = n;
            best = v;
        }
    }
}

static size_t option_count(const struct cli_verb *v)
{
    size_t n = 0;
    while (v->options != NULL && v->options[n].name != NULL)
        n++;
    ASSERT(n <= CLI_OPTIONS_MAX);
    return n;
}

/* The place of an option by long name (n bytes) or letter; option_count when there is none. */
static size_t option_find(const struct cli_verb *v, const char *name, size_t n, char letter)
{
    size_t count = option_count(v);
    for (size_t i = 0; i < count; i++) {
        const struct cli_option *o = &v->options[i];
        if (name != NULL && strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return i;
        if (letter != 0 && o->letter == letter)
            return i;
    }
    return count;
}

static const struct cli_given *given_of(const struct cli *c, const char *option)
{
    size_t i = option_find(c->verb, option, strlen(option), 0);
    ASSERT(i < option_count(c->verb));
    return &c->given[i];
}

bool cli_has(const struct cli *c, const char *option)
{
    return given_of(c, option)->count > 0;
}

const char *cli_value(const struct cli *c, const char *option)
{
    const struct cli_given *g = given_of(c, option);
    return g->count == 0 ? NULL : g->values[g->count - 1];
}

const struct cli_given *cli_values(const struct cli *c, const char *option)
{
    return given_of(c, option);
}

enum err cli_path(const struct cli *c, char *out, size_t size, const char *relative)
{
    int n = snprintf(out, size, "%s/%s", c->home, relative);
    return n < 0 || (size_t)n >= size ? ERR_LIMIT : OK;
}

/* Words that are no option of the verb: keys of crust.conf, collected for rt/config. */
struct config_words {
    char *words[CONFIG_ARGS_MAX];
    size_t count;
};

static bool is_config_key(const struct cli *c, const char *name, size_t n, bool *takes_value)
{
    if (n > 3 && memcmp(name, "no-", 3) == 0) {
        name += 3;
        n -= 3;
    }
    static const char *const global[] = { "home", "config" };
    for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
        if (strlen(global[i]) == n && memcmp(global[i], name, n) == 0)
            return *takes_value = true;
    }
    for (size_t i = 0; i < c->config.table->key_count; i++) {
        const struct config_key *k = &c->config.table->keys[i];
        if (strlen(k->name) == n && memcmp(k->name, name, n) == 0) {
            *takes_value = k->type != CONFIG_BOOL;
            return true;
        }
    }
    return false;
}

static enum cli_exit take(struct cli *c, size_t i, const char *value)
{
    struct cli_given *g = &c->given[i];
    if (g->count == CLI_REPEAT_MAX)
        return cli_usage(c, "--%s is given more than %d times", c->verb->options[i].name,
                         CLI_REPEAT_MAX);
    g->values[g->count++] = value;
    return CLI_OK;
}

/* One --word; *i is its place and moves on when the value is the next word. */
static enum cli_exit parse_long(struct cli *c, struct config_words *conf, char **words,
                                size_t count, size_t *i)
{
    char *word = words[*i];
    const char *name = word + 2;
    size_t n = strcspn(name, "=");
    const char *inline_value = name[n] == '=' ? name + n + 1 : NULL;
    if (n == 4 && memcmp(name, "json", 4) == 0 && inline_value == NULL) {
        c->json = true;
        return CLI_OK;
    }
    size_t at = option_find(c->verb, name, n, 0);
    if (at == option_count(c->verb)) {
        bool takes_value = false;
        if (!is_config_key(c, name, n, &takes_value))
            return cli_usage(c, "there is no option --%.*s", (int)n, name);
        if (conf->count + 2 > CONFIG_ARGS_MAX)
            return cli_usage(c, "too many options");
        conf->words[conf->count++] = word;
        if (takes_value && inline_value == NULL && *i + 1 < count)
            conf->words[conf->count++] = words[++*i];
        return CLI_OK;
    }
    if (c->verb->options[at].value == NULL) {
        if (inline_value != NULL)
            return cli_usage(c, "--%s takes no value", c->verb->options[at].name);
        return take(c, at, "");
    }
    if (inline_value == NULL) {
        if (*i + 1 >= count)
            return cli_usage(c, "--%s needs a value: %s", c->verb->options[at].name,
                             c->verb->options[at].value);
        inline_value = words[++*i];
    }
    return take(c, at, inline_value);
}

/* One -abc; the last letter may take a value, attached or as the next word. */
static enum cli_exit parse_short(struct cli *c, char **words, size_t count, size_t *i)
{
    for (const char *s = words[*i] + 1; *s != '\0'; s++) {
        size_t at = option_find(c->verb, NULL, 0, *s);
        if (at == option_count(c->verb))
            return cli_usage(c, "there is no option -%c", *s);
        if (c->verb->options[at].value == NULL) {
            enum cli_exit e = take(c, at, "");
            if (e != CLI_OK)
                return e;
            continue;
        }
        if (s[1] != '\0')
            return take(c, at, s + 1);
        if (*i + 1 >= count)
            return cli_usage(c, "-%c needs a value: %s", *s, c->verb->options[at].value);
        return take(c, at, words[++*i]);
    }
    return CLI_OK;
}

static enum cli_exit load_config(struct cli *c, struct config_words *conf)
{
    char *argv[CONFIG_ARGS_MAX + 1];
    argv[0] = (char[]){ "crust" };
    for (size_t i = 0; i < conf->count; i++)
        argv[i + 1] = conf->words[i];
    enum err e = config_load(&c->config, c->config.table, (int)conf->count + 1, argv);
    c->home = c->config.home;
    if (e != OK)
        return cli_fail(c, CLI_USAGE, "crust config show", "%s", c->config.error);
    return CLI_OK;
}

enum cli_exit cli_parse(struct cli *c, char **words, size_t count)
{
    struct config_words conf = { .count = 0 };
    bool options_end = false;
    for (size_t i = 0; i < count; i++) {
        const char *w = words[i];
        enum cli_exit e = CLI_OK;
        if (!options_end && strcmp(w, "--") == 0) {
            options_end = true;
        } else if (!options_end && w[0] == '-' && w[1] == '-') {
            e = parse_long(c, &conf, words, count, &i);
        } else if (!options_end && w[0] == '-' && w[1] != '\0') {
            e = parse_short(c, words, count, &i);
        } else {
            if (c->arg_count == CLI_ARGS_MAX)
                return cli_usage(c, "more than %d arguments", CLI_ARGS_MAX);
            c->args[c->arg_count++] = w;
        }
        if (e != CLI_OK)
            return e;
    }
    if (c->arg_count < c->verb->args_min)
        return cli_usage(c, "something is missing: %s", c->verb->args);
    if (c->arg_count > c->verb->args_max)
        return cli_usage(c, "\"%s\" is one argument too many", c->args[c->verb->args_max]);
    return load_config(c, &conf);
}
