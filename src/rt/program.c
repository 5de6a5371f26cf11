#include "rt/program.h"

#include "base/release.h"
#include "crypto/random.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>

int program_refuse(const struct config *c, const char *what)
{
    fprintf(stderr, "crust-%s: %s\n", c->table->program, what);
    return PROGRAM_EXIT_USAGE;
}

int program_start(struct config *c, const struct config_table *t, int argc, char **argv)
{
    /* "crust-" and the section's name; kept by the log for as long as the process runs. */
    static char name[32];
    enum log_level level;
    (void)snprintf(name, sizeof(name), "crust-%s", t->program);
    if (random_init() != OK) {
        fprintf(stderr, "%s: the system has no source of random numbers\n", name);
        return PROGRAM_EXIT_FAILURE;
    }
    if (config_load(c, t, argc, argv) != OK)
        return program_refuse(c, c->error);
    switch (c->action) {
    case CONFIG_HELP:
        config_print_help(c, stdout);
        return 0;
    case CONFIG_SHOW:
        config_print(c, stdout);
        return 0;
    case CONFIG_VERSION:
        printf("%s %s\n", name, RELEASE);
        return 0;
    case CONFIG_RUN:
        break;
    }
    if (c->arg_count != 0)
        return program_refuse(c, "it takes flags only; see --help");
    if (log_level_parse(&level, config_text(c, "log-level")) != OK)
        return program_refuse(c, "log-level: debug, info, warn, error or off");
    log_init(name, level);
    return -1;
}

void program_url(char out[CONFIG_URL_MAX], const char *host, uint16_t port)
{
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(out, CONFIG_URL_MAX, v6 ? "http://[%s]:%u" : "http://%s:%u", host,
                   (unsigned)port);
}

enum err program_publish(const char *path, const char *url)
{
    char folder[PATH_TEXT_MAX], line[CONFIG_URL_MAX + 1];
    if (path[0] == '\0')
        return OK;
    int n = snprintf(folder, sizeof(folder), "%s", path);
    if (n < 0 || (size_t)n >= sizeof(folder))
        return ERR_LIMIT;
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        TRY(path_make_dirs(folder, 0700));
    }
    n = snprintf(line, sizeof(line), "%s\n", url);
    return path_write_file(path, span_of(line, (size_t)n), 0644);
}
