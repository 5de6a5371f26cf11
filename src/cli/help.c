#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_overview(void)
{
    printf("crust: keep files on a network of independent nodes that prove they hold them\n\n"
           "usage: crust VERB [options] [arguments]\n");
    const char *shown = NULL;
    for (size_t i = 0;; i++) {
        const char *group = NULL;
        const struct cli_verb *v = cli_verb_at(&group, i);
        if (v == NULL)
            break;
        if (group != shown)
            printf("\n%s\n", group);
        shown = group;
        char head[64];
        (void)snprintf(head, sizeof(head), "%s %s", v->name, v->args);
        printf("  %-28s %s\n", head, v->summary);
    }
    printf(
        "\nEvery verb has --help with an example, and --json. --home DIR or CRUST_HOME names the\n"
        "folder that holds keys, store and configuration (~/.crust).\n");
}

static void print_verb(const struct cli_verb *v)
{
    printf("%s\n\nusage: crust %s [options] %s\n\n", v->summary, v->name, v->args);
    for (const struct cli_option *o = v->options; o != NULL && o->name != NULL; o++) {
        char head[64];
        (void)snprintf(head, sizeof(head), "--%s%s%s", o->name, o->value == NULL ? "" : " ",
                       o->value == NULL ? "" : o->value);
        if (o->letter != 0)
            printf("  -%c, %-26s %s\n", o->letter, head, o->help);
        else
            printf("      %-26s %s\n", head, o->help);
    }
    printf("      %-26s %s\n\nexample:\n", "--json", "print JSON");
    for (const char *line = v->example; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        printf("  %.*s\n", (int)n, line);
        line += n;
        while (*line == '\n')
            line++;
    }
}

void cli_print_help(const struct cli_verb *verb)
{
    if (verb == NULL)
        print_overview();
    else
        print_verb(verb);
}
