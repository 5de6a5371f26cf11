#include "rt/config.h"

#include "rt/path.h"

#include <stdarg.h>
#include <stdlib.h>

/* Every section that crust.conf may have. */
static const char *const sections[] = { "agentd", "chaind", "cli", "devnet", "enclaved", "ipfsd" };
enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

static const char *const common_flags[] = { "home", "config", "help", "version", "show-config" };

__attribute__((format(printf, 3, 4))) static enum err fail(struct config *c, enum err e,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    for (int i = 0; i < n && i < (int)sizeof(c->error) - 1; i++) {
        unsigned char ch = (unsigned char)c->error[i];
        if (ch < 0x20 || ch == 0x7f)
            c->error[i] = '?';
    }
    return e;
}

/* ---- names ---- */

enum { NEAREST_WORD_MAX = 40 };

/* Edit distance with insertions, deletions and substitutions, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NEAREST_WORD_MAX + 1];
    size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

const char *config_nearest(const char *word, const char *const *names, size_t count)
{
    size_t n = strlen(word);
    if (n > NEAREST_WORD_MAX)
        return NULL;
    const char *best = NULL;
    size_t best_distance = n / 3 + 2; /* further away is another word, not a slip */
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NEAREST_WORD_MAX)
            continue;
        size_t d = distance(word, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

static enum err unknown_key(struct config *c, const char *where, const char *word, bool flag)
{
    const char *names[CONFIG_KEYS_MAX + 8];
    size_t count = 0;
    for (size_t i = 0; i < c->table->key_count; i++)
        names[count++] = c->table->keys[i].name;
    for (size_t i = 0; flag && i < sizeof(common_flags) / sizeof(common_flags[0]); i++)
        names[count++] = common_flags[i];
    const char *near = config_nearest(word, names, count);
    const char *dashes = flag ? "--" : "";
    if (near == NULL)
        return fail(c, ERR_NOT_FOUND, "%s: unknown %s %s%.64s (--help lists them)", where,
                    flag ? "flag" : "key", dashes, word);
    return fail(c, ERR_NOT_FOUND, "%s: unknown %s %s%.64s; did you mean %s%s?", where,
                flag ? "flag" : "key", dashes, word, dashes, near);
}

static size_t key_index(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->table->key_count; i++) {
        if (strcmp(c->table->keys[i].name, name) == 0)
            return i;
    }
    return CONFIG_KEYS_MAX;
}

/* ---- values ---- */

static enum err scan_u64(uint64_t *out, const char **text)
{
    const char *p = *text;
    uint64_t v = 0;
    if (*p < '0' || *p > '9')
        return ERR_FORMAT;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, *p - '0', &v))
            return ERR_RANGE;
    }
    *out = v;
    *text = p;
    return OK;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static enum err with_unit(uint64_t *out, const char *text, const struct unit *units, size_t count)
{
    uint64_t v = 0;
    TRY(scan_u64(&v, &text));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, units[i].name) == 0)
            return __builtin_mul_overflow(v, units[i].factor, out) ? ERR_RANGE : OK;
    }
    return ERR_FORMAT;
}

static enum err parse_size(uint64_t *out, const char *text)
{
    static const struct unit units[] = {
        { "", 1 },           { "B", 1 },
        { "K", 1ULL << 10 }, { "KiB", 1ULL << 10 },
        { "M", 1ULL << 20 }, { "MiB", 1ULL << 20 },
        { "G", 1ULL << 30 }, { "GiB", 1ULL << 30 },
        { "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
    };
    return with_unit(out, text, units, sizeof(units) / sizeof(units[0]));
}

static enum err parse_duration(uint64_t *out, const char *text)
{
    static const struct unit units[] = {
        { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
    };
    if (strcmp(text, "0") == 0) {
        *out = 0;
        return OK;
    }
    return with_unit(out, text, units, sizeof(units) / sizeof(units[0]));
}

static enum err parse_bool(uint64_t *out, const char *text)
{
    static const char *const words[2][4] = { { "false", "no", "off", "0" },
                                             { "true", "yes", "on", "1" } };
    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; i < 4; i++) {
            if (strcmp(text, words[v][i]) == 0) {
                *out = v;
                return OK;
            }
        }
    }
    return ERR_FORMAT;
}

enum err config_number(uint64_t *out, enum config_type type, const char *text)
{
    *out = 0;
    enum err e = ERR_FORMAT;
    uint64_t v = 0;
    switch (type) {
    case CONFIG_STRING:
        return OK;
    case CONFIG_U64:
        e = with_unit(&v, text, &(struct unit){ "", 1 }, 1);
        break;
    case CONFIG_SIZE:
        e = parse_size(&v, text);
        break;
    case CONFIG_BOOL:
        e = parse_bool(&v, text);
        break;
    case CONFIG_DURATION:
        e = parse_duration(&v, text);
        break;
    }
    if (e == OK)
        *out = v;
    return e;
}

static const char *type_hint(enum config_type type)
{
    switch (type) {
    case CONFIG_STRING:
        return "text";
    case CONFIG_U64:
        return "a whole number";
    case CONFIG_SIZE:
        return "a size such as 64M or 2G";
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_DURATION:
        return "a duration such as 500ms, 30s, 5m, 2h or 1d";
    }
    return "a value";
}

static enum err set(struct config *c, size_t i, struct span text, enum config_source source,
                    uint32_t line, const char *where)
{
    const struct config_key *k = &c->table->keys[i];
    struct config_value *v = &c->values[i];
    if (text.n >= sizeof(v->text))
        return fail(c, ERR_LIMIT, "%s: the value of %s is longer than %d bytes", where, k->name,
                    CONFIG_VALUE_MAX - 1);
    char copy[CONFIG_VALUE_MAX];
    if (text.n > 0)
        memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    uint64_t number = 0;
    enum err e = OK;
    if (k->type != CONFIG_STRING && !(source == CONFIG_FROM_DEFAULT && text.n == 0))
        e = config_number(&number, k->type, copy);
    if (e != OK)
        return fail(c, e, "%s: %s must be %s, not \"%.64s\"%s", where, k->name, type_hint(k->type),
                    copy, e == ERR_RANGE ? " (too large)" : "");
    memcpy(v->text, copy, text.n + 1);
    v->number = number;
    v->source = source;
    v->line = line;
    return OK;
}

/* ---- the file ---- */

static struct span trim(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = span_sub(s, 1, s.n);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static struct span without_comment(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '#' && (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            return span_sub(s, 0, i);
    }
    return s;
}

struct file_state {
    const char *name;
    uint32_t line;
    bool in_section, ours;
    bool seen[CONFIG_KEYS_MAX];
};

enum { WORD_MAX = 64, WHERE_MAX = 160 };

/* Copies a short name; ERR_FORMAT for characters that no key or section has. */
static enum err take_word(char out[WORD_MAX], struct span s)
{
    out[0] = '\0';
    if (s.n == 0 || s.n >= WORD_MAX)
        return ERR_FORMAT;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t ch = s.p[i];
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' ||
                    (ch >= 'A' && ch <= 'Z') || ch == '_';
        if (!fine)
            return ERR_FORMAT;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return OK;
}

static enum err parse_section(struct config *c, struct file_state *f, struct span s,
                              const char *where)
{
    char word[WORD_MAX];
    if (s.n < 2 || s.p[s.n - 1] != ']' || take_word(word, trim(span_sub(s, 1, s.n - 2))) != OK)
        return fail(c, ERR_FORMAT, "%s: a section is written [name]", where);
    f->in_section = true;
    f->ours = strcmp(word, c->table->program) == 0;
    if (f->ours)
        return OK;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (strcmp(word, sections[i]) == 0)
            return OK;
    }
    const char *near = config_nearest(word, sections, SECTION_COUNT);
    return fail(c, ERR_NOT_FOUND, "%s: unknown section [%s]; did you mean [%s]?", where, word,
                near != NULL ? near : c->table->program);
}

static enum err parse_line(struct config *c, struct file_state *f, struct span s)
{
    char where[WHERE_MAX];
    snprintf(where, sizeof(where), "%.120s:%u", f->name, (unsigned)f->line);
    if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
        return fail(c, ERR_FORMAT, "%s: a NUL byte", where);
    s = trim(without_comment(s));
    if (s.n == 0)
        return OK;
    if (s.p[0] == '[')
        return parse_section(c, f, s, where);
    const uint8_t *equals = memchr(s.p, '=', s.n);
    if (equals == NULL)
        return fail(c, ERR_FORMAT, "%s: expected \"key = value\" or \"[section]\"", where);
    size_t at = (size_t)(equals - s.p);
    char word[WORD_MAX];
    if (take_word(word, trim(span_sub(s, 0, at))) != OK)
        return fail(c, ERR_FORMAT, "%s: this is no key: \"%.*s\"", where,
                    (int)(at < WORD_MAX ? at : WORD_MAX), (const char *)s.p);
    if (!f->in_section)
        return fail(c, ERR_FORMAT, "%s: key %s stands before the first [section]", where, word);
    if (!f->ours)
        return OK;
    size_t i = key_index(c, word);
    if (i == CONFIG_KEYS_MAX)
        return unknown_key(c, where, word, false);
    if (f->seen[i])
        return fail(c, ERR_EXISTS, "%s: %s is set twice", where, word);
    f->seen[i] = true;
    struct span value = trim(span_sub(s, at + 1, s.n));
    if (value.n > 0 && value.p[0] == '#') /* "key =# words" means what "key = # words" means */
        value.n = 0;
    return set(c, i, value, CONFIG_FROM_FILE, f->line, where);
}

enum err config_parse(struct config *c, struct span text, const char *name)
{
    struct file_state f = { .name = name };
    if (text.n > CONFIG_FILE_MAX)
        return fail(c, ERR_LIMIT, "%.120s: longer than %d bytes", name, CONFIG_FILE_MAX);
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = end == NULL ? text.n : (size_t)(end - text.p);
        f.line++;
        TRY(parse_line(c, &f, span_sub(text, 0, n)));
        text = span_sub(text, n + 1, text.n);
    }
    return OK;
}

enum err config_read_file(struct config *c, const char *path)
{
    struct mspan file;
    enum err e = path_read_file(&file, path, CONFIG_FILE_MAX);
    if (e != OK)
        return fail(c, e, "%.160s: %s", path, err_text(e));
    e = config_parse(c, span_of(file.p, file.n), path);
    free(file.p);
    return e;
}

/* ---- flags ---- */

static enum err copy_path(struct config *c, char *out, size_t size, const char *value)
{
    int n = snprintf(out, size, "%s", value);
    if (n < 0 || (size_t)n >= size)
        return fail(c, ERR_LIMIT, "the path is longer than %zu bytes: %.64s...", size - 1, value);
    return OK;
}

/* The flags that every program has. *known tells whether it was one. */
static enum err common_flag(struct config *c, const char *name, const char *value, bool *known)
{
    *known = true;
    if (strcmp(name, "help") == 0)
        c->action = CONFIG_HELP;
    else if (strcmp(name, "version") == 0)
        c->action = CONFIG_VERSION;
    else if (strcmp(name, "show-config") == 0)
        c->action = CONFIG_SHOW;
    else if (strcmp(name, "home") == 0 && value != NULL)
        return copy_path(c, c->home, sizeof(c->home), value);
    else if (strcmp(name, "config") == 0 && value != NULL)
        return copy_path(c, c->file, sizeof(c->file), value);
    else
        *known = false;
    return OK;
}

static bool takes_value(const struct config *c, const char *name)
{
    size_t i = key_index(c, name);
    if (i < CONFIG_KEYS_MAX)
        return c->table->keys[i].type != CONFIG_BOOL;
    return strcmp(name, "home") == 0 || strcmp(name, "config") == 0;
}

static enum err apply_flag(struct config *c, const char *name, const char *value)
{
    char where[WHERE_MAX];
    snprintf(where, sizeof(where), "flag --%.100s", name);
    size_t i = key_index(c, name);
    if (i < CONFIG_KEYS_MAX) {
        if (value == NULL && c->table->keys[i].type != CONFIG_BOOL)
            return fail(c, ERR_FORMAT, "%s needs %s", where, type_hint(c->table->keys[i].type));
        return set(c, i, span_str(value == NULL ? "true" : value), CONFIG_FROM_FLAG, 0, where);
    }
    if (strncmp(name, "no-", 3) == 0 && value == NULL) {
        i = key_index(c, name + 3);
        if (i < CONFIG_KEYS_MAX && c->table->keys[i].type == CONFIG_BOOL)
            return set(c, i, span_str("false"), CONFIG_FROM_FLAG, 0, where);
    }
    bool known;
    TRY(common_flag(c, name, value, &known));
    return known ? OK : unknown_key(c, "command line", name, true);
}

/* Reads one word of the command line, and the next when it is its value. */
static enum err read_arg(struct config *c, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    char name[WORD_MAX];
    if (strcmp(word, "-h") == 0)
        return apply_flag(c, "help", NULL);
    if (strncmp(word, "--", 2) != 0) {
        if (c->arg_count == CONFIG_ARGS_MAX)
            return fail(c, ERR_LIMIT, "more than %d arguments", CONFIG_ARGS_MAX);
        c->args[c->arg_count++] = word;
        return OK;
    }
    const char *equals = strchr(word, '=');
    size_t n = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    if (take_word(name, span_of(word + 2, n)) != OK)
        return fail(c, ERR_FORMAT, "this is no flag: %.64s", word);
    const char *value = equals == NULL ? NULL : equals + 1;
    if (value == NULL && takes_value(c, name)) {
        if (*at + 1 >= argc)
            return fail(c, ERR_FORMAT, "flag --%s needs a value", name);
        value = argv[++*at];
    }
    return apply_flag(c, name, value);
}

enum err config_read_args(struct config *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") != 0) {
            TRY(read_arg(c, argc, argv, &i));
            continue;
        }
        for (i++; i < argc; i++) { /* what follows "--" are no flags */
            if (c->arg_count == CONFIG_ARGS_MAX)
                return fail(c, ERR_LIMIT, "more than %d arguments", CONFIG_ARGS_MAX);
            c->args[c->arg_count++] = argv[i];
        }
    }
    return OK;
}

/* ---- all of it ---- */

enum err config_home(char out[CONFIG_HOME_MAX])
{
    const char *home = getenv("CRUST_HOME");
    const char *tail = "";
    if (home == NULL || home[0] == '\0') {
        home = getenv("HOME");
        tail = "/.crust";
    }
    out[0] = '\0';
    if (home == NULL || home[0] == '\0')
        return ERR_NOT_FOUND;
    int n = snprintf(out, CONFIG_HOME_MAX, "%s%s", home, tail);
    return n > 0 && n < CONFIG_HOME_MAX ? OK : ERR_LIMIT;
}

static enum err set_default(struct config *c, size_t i)
{
    const struct config_key *k = &c->table->keys[i];
    static const char mark[] = "~crust";
    if (k->type != CONFIG_STRING || strncmp(k->value, mark, sizeof(mark) - 1) != 0)
        return set(c, i, span_str(k->value), CONFIG_FROM_DEFAULT, 0, "default");
    char text[CONFIG_VALUE_MAX];
    int n = snprintf(text, sizeof(text), "%s%s", c->home, k->value + sizeof(mark) - 1);
    if (n < 0 || (size_t)n >= sizeof(text))
        return fail(c, ERR_LIMIT, "the home folder's path is too long");
    return set(c, i, span_of(text, (size_t)n), CONFIG_FROM_DEFAULT, 0, "default");
}

enum err config_init(struct config *c, const struct config_table *t)
{
    ASSERT(t->key_count <= CONFIG_KEYS_MAX);
    memset(c, 0, sizeof(*c));
    c->table = t;
    enum err e = config_home(c->home);
    if (e != OK)
        return fail(c, e, "neither CRUST_HOME nor HOME names a folder: set CRUST_HOME");
    for (size_t i = 0; i < t->key_count; i++)
        TRY(set_default(c, i));
    return OK;
}

/* --home and --config decide which file is read, so they are looked for before the rest. */
static enum err find_home(struct config *c, int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i] != NULL && strcmp(argv[i], "--") != 0; i++) {
        static const char *const names[] = { "--home", "--config" };
        for (int k = 0; k < 2; k++) {
            size_t n = strlen(names[k]);
            const char *value = NULL;
            if (strncmp(argv[i], names[k], n) != 0)
                continue;
            if (argv[i][n] == '=')
                value = argv[i] + n + 1;
            else if (argv[i][n] == '\0' && i + 1 < argc)
                value = argv[i + 1];
            if (value != NULL)
                TRY(copy_path(c, k == 0 ? c->home : c->file,
                              k == 0 ? sizeof(c->home) : sizeof(c->file), value));
        }
    }
    return OK;
}

enum err config_load(struct config *c, const struct config_table *t, int argc, char **argv)
{
    enum err e = config_init(c, t);
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    TRY(find_home(c, argc, argv));
    if (c->home[0] == '\0')
        return ERR_NOT_FOUND; /* config_init has said why */
    c->error[0] = '\0';
    for (size_t i = 0; i < t->key_count; i++) /* again: --home may have moved them */
        TRY(set_default(c, i));
    bool named = c->file[0] != '\0';
    if (!named)
        snprintf(c->file, sizeof(c->file), "%s/crust.conf", c->home);
    e = config_read_file(c, c->file);
    if (e == ERR_NOT_FOUND && !named && !path_exists(c->file))
        c->error[0] = '\0';
    else if (e != OK)
        return e;
    return config_read_args(c, argc, argv);
}

/* ---- reading values ---- */

static const struct config_value *value_of(const struct config *c, const char *name)
{
    size_t i = key_index(c, name);
    ASSERT(i < CONFIG_KEYS_MAX);
    return &c->values[i];
}

const char *config_text(const struct config *c, const char *name)
{
    return value_of(c, name)->text;
}

static uint64_t number_of(const struct config *c, const char *name, enum config_type a,
                          enum config_type b)
{
    size_t i = key_index(c, name);
    ASSERT(i < CONFIG_KEYS_MAX);
    ASSERT(c->table->keys[i].type == a || c->table->keys[i].type == b);
    return c->values[i].number;
}

uint64_t config_u64(const struct config *c, const char *name)
{
    return number_of(c, name, CONFIG_U64, CONFIG_SIZE);
}

bool config_bool(const struct config *c, const char *name)
{
    return number_of(c, name, CONFIG_BOOL, CONFIG_BOOL) != 0;
}

uint64_t config_duration_ms(const struct config *c, const char *name)
{
    return number_of(c, name, CONFIG_DURATION, CONFIG_DURATION);
}

bool config_is_default(const struct config *c, const char *name)
{
    return value_of(c, name)->source == CONFIG_FROM_DEFAULT;
}

enum err config_path(char *out, size_t size, const struct config *c, const char *name)
{
    return path_join(out, size, c->home, config_text(c, name));
}

enum err config_refuse(char error[CONFIG_ERROR_MAX], const char *what)
{
    (void)snprintf(error, CONFIG_ERROR_MAX, "%s", what);
    return ERR_FORMAT;
}

enum err config_copy(char *out, size_t size, const struct config *c, const char *name)
{
    const char *text = config_text(c, name);
    size_t n = strlen(text);
    if (n >= size)
        return ERR_LIMIT;
    memcpy(out, text, n + 1);
    return OK;
}

static enum err url_add(struct config_urls *out, const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '/')
        n--;
    if (out->count == CONFIG_URLS_MAX || n >= CONFIG_URL_MAX)
        return ERR_LIMIT;
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return ERR_FORMAT;
    memcpy(out->urls[out->count], text, n);
    out->urls[out->count++][n] = '\0';
    return OK;
}

enum err config_urls(struct config_urls *out, const struct config *c, const char *name)
{
    char item[CONFIG_VALUE_MAX];
    const char *cursor = config_text(c, name);
    enum err e = OK;
    memset(out, 0, sizeof(*out));
    while (e == OK && config_list_next(item, sizeof(item), &cursor))
        e = url_add(out, item);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

enum err config_port(struct config_port *out, char error[CONFIG_ERROR_MAX], const struct config *c,
                     const char *name)
{
    char port[64], tries[64];
    *out = (struct config_port){ 0 };
    (void)snprintf(port, sizeof(port), "%s-port", name);
    (void)snprintf(tries, sizeof(tries), "%s-port-tries", name);
    if (config_u64(c, port) > UINT16_MAX || config_u64(c, tries) > CONFIG_PORT_TRIES_MAX) {
        (void)snprintf(error, CONFIG_ERROR_MAX, "%s: 0 to 65535; %s: up to %d", port, tries,
                       CONFIG_PORT_TRIES_MAX);
        return ERR_FORMAT;
    }
    out->port = (uint16_t)config_u64(c, port);
    out->tries = (uint16_t)config_u64(c, tries);
    return OK;
}

enum err config_path_or_none(char *out, size_t size, const struct config *c, const char *name)
{
    if (config_text(c, name)[0] == '\0')
        return config_copy(out, size, c, name);
    return config_path(out, size, c, name);
}

bool config_list_next(char *out, size_t size, const char **cursor)
{
    const char *p = *cursor;
    while (*p == ',' || *p == ' ' || *p == '\t')
        p++;
    if (*p == '\0') {
        *cursor = p;
        return false;
    }
    size_t n = strcspn(p, ",");
    *cursor = p + n;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    if (n >= size)
        n = size - 1;
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

/* ---- printing ---- */

void config_print_help(const struct config *c, FILE *out)
{
    const struct config_table *t = c->table;
    static const char *const types[] = { "TEXT", "N", "SIZE", "", "TIME" };
    fprintf(out, "Usage: %s\n\n%s\n\nKeys: flags, or lines \"key = value\" under [%s] in %s\n\n",
            t->usage, t->about, t->program,
            c->file[0] != '\0' ? c->file : "$CRUST_HOME/crust.conf");
    for (size_t i = 0; i < t->key_count; i++) {
        const struct config_key *k = &t->keys[i];
        char left[WORD_MAX + 16];
        snprintf(left, sizeof(left), "--%s %s", k->name, types[k->type]);
        fprintf(out, "  %-28s %s", left, k->help);
        if (k->value[0] != '\0')
            fprintf(out, " [%s]", k->value);
        fputc('\n', out);
    }
    fprintf(out,
            "\n  %-28s the folder of everything [$CRUST_HOME or ~/.crust]\n"
            "  %-28s another configuration file [HOME/crust.conf]\n"
            "  %-28s print every value and where it comes from\n"
            "  %-28s print the version\n  %-28s print this\n",
            "--home DIR", "--config FILE", "--show-config", "--version", "--help");
}

void config_print(const struct config *c, FILE *out)
{
    fprintf(out, "# home = %s\n[%s]\n", c->home, c->table->program);
    for (size_t i = 0; i < c->table->key_count; i++) {
        const struct config_value *v = &c->values[i];
        fprintf(out, "%s = %s    # ", c->table->keys[i].name, v->text);
        switch (v->source) {
        case CONFIG_FROM_DEFAULT:
            fprintf(out, "default\n");
            break;
        case CONFIG_FROM_FILE:
            fprintf(out, "%s:%u\n", c->file, (unsigned)v->line);
            break;
        case CONFIG_FROM_FLAG:
            fprintf(out, "command line\n");
            break;
        }
    }
}
