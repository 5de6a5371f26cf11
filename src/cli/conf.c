#include "cli/conf.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

/* The line that begins at p, without its end. */
static struct span line_at(struct span text, size_t at)
{
    const uint8_t *p = text.p + at;
    const uint8_t *end = memchr(p, '\n', text.n - at);
    return span_of(p, end == NULL ? text.n - at : (size_t)(end - p));
}

static struct span trim(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = span_of(s.p + 1, s.n - 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static bool is_section(struct span line, const char *name)
{
    line = trim(line);
    return line.n >= 2 && line.p[0] == '[' && line.p[line.n - 1] == ']' &&
           (name == NULL || span_eq(trim(span_of(line.p + 1, line.n - 2)), span_str(name)));
}

/* Whether the line sets the key; *value is then what follows the '='. */
static bool is_key(struct span *value, struct span line, const char *key)
{
    line = trim(line);
    const uint8_t *eq = line.n == 0 ? NULL : memchr(line.p, '=', line.n);
    if (eq == NULL || !span_eq(trim(span_of(line.p, (size_t)(eq - line.p))), span_str(key)))
        return false;
    *value = trim(span_of(eq + 1, line.n - (size_t)(eq + 1 - line.p)));
    return true;
}

/* Where a key stands, or where it belongs. */
struct place {
    bool section;    /* it is there */
    bool found;      /* the key too: its line is [from, to) with its end */
    size_t from, to; /* found is false: both are where a new line goes */
    struct span value;
};

static struct place find(struct span text, const char *section, const char *key)
{
    struct place p = { .from = text.n, .to = text.n };
    bool inside = false;
    for (size_t at = 0; at < text.n;) {
        struct span line = line_at(text, at);
        size_t next = at + line.n + (at + line.n < text.n);
        if (is_section(line, NULL)) {
            inside = is_section(line, section);
            if (inside && !p.section) {
                p.section = true;
                p.from = p.to = next;
            }
        } else if (inside && is_key(&p.value, line, key)) {
            p.found = true;
            p.from = at;
            p.to = next;
            return p;
        } else if (inside && trim(line).n > 0) {
            p.from = p.to = next; /* behind the last line that says something */
        }
        at = next;
    }
    return p;
}

enum err conf_edit(struct mspan *out, struct span text, const struct conf_change *change)
{
    *out = (struct mspan){ NULL, 0 };
    if (change->value != NULL && strpbrk(change->value, "\r\n") != NULL)
        return ERR_FORMAT;
    struct place p = find(text, change->section, change->key);
    size_t room = text.n + CONFIG_VALUE_MAX + 256;
    char *buf = malloc(room + 1);
    if (buf == NULL)
        return ERR_MEMORY;
    bool open_line = p.from > 0 && text.p[p.from - 1] != '\n';
    size_t n = p.from;
    memcpy(buf, text.p == NULL ? (const void *)"" : text.p, n);
    if (change->value != NULL) {
        int len = snprintf(buf + n, room - n, "%s%s%s%s%s = %s\n", open_line ? "\n" : "",
                           p.section ? "" : (n > 0 ? "\n[" : "["), p.section ? "" : change->section,
                           p.section ? "" : "]\n", change->key, change->value);
        n += len < 0 ? room : (size_t)len;
    }
    if (n + (text.n - p.to) > room || n + (text.n - p.to) > CONFIG_FILE_MAX) {
        free(buf);
        return ERR_LIMIT;
    }
    if (text.n > p.to)
        memcpy(buf + n, text.p + p.to, text.n - p.to);
    n += text.n - p.to;
    buf[n] = '\0';
    *out = (struct mspan){ (uint8_t *)buf, n };
    return OK;
}

void conf_get(char *out, size_t size, struct span text, const char *section, const char *key)
{
    struct place p = find(text, section, key);
    if (!p.found)
        p.value.n = 0;
    for (size_t i = 0; i < p.value.n; i++) { /* a comment behind a blank */
        if (p.value.p[i] == '#' && (i == 0 || p.value.p[i - 1] == ' ' || p.value.p[i - 1] == '\t'))
            p.value.n = i;
    }
    p.value = trim(p.value);
    (void)snprintf(out, size, "%.*s", (int)p.value.n,
                   p.value.n == 0 ? "" : (const char *)p.value.p);
}

enum cli_exit conf_read(const struct cli *c, struct mspan *out)
{
    enum err e = path_read_file(out, c->config.file, CONFIG_FILE_MAX);
    if (e == ERR_NOT_FOUND) {
        *out = (struct mspan){ NULL, 0 };
        return CLI_OK;
    }
    return e == OK
               ? CLI_OK
               : cli_fail(c, CLI_FAILED, NULL, "cannot read %s: %s", c->config.file, err_text(e));
}

enum cli_exit conf_write(const struct cli *c, const struct conf_change *changes, size_t count)
{
    struct mspan text;
    enum cli_exit exit = conf_read(c, &text);
    if (exit != CLI_OK)
        return exit;
    enum err e = path_make_dirs(c->home, 0700);
    for (size_t i = 0; e == OK && i < count; i++) {
        struct mspan next;
        e = conf_edit(&next, span_of(text.p, text.n), &changes[i]);
        if (e == OK) {
            free(text.p);
            text = next;
        }
    }
    if (e == OK)
        e = path_write_file(c->config.file, span_of(text.p, text.n), 0600);
    free(text.p);
    return e == OK
               ? CLI_OK
               : cli_fail(c, CLI_FAILED, NULL, "cannot write %s: %s", c->config.file, err_text(e));
}
