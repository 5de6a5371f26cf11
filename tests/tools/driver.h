/* driver: the loop of a program that end to end tests drive: a command a line on standard input, an
 * answer a line. tests/e2e/driver_lib.py is the other side. */
#ifndef CRUST_TESTS_TOOLS_DRIVER_H
#define CRUST_TESTS_TOOLS_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { DRIVER_WORDS = 8, DRIVER_LINE = 4096 };

/* Prints the answer to a command of count words, or returns false. */
typedef bool driver_answer(char *words[DRIVER_WORDS], size_t count);

/* The words of a line, cut out of it; what comes after DRIVER_WORDS of them is left out. */
static inline size_t driver_split(char *words[DRIVER_WORDS], char *line)
{
    size_t count = 0;
    for (char *at = line; count < DRIVER_WORDS; count++) {
        at += strspn(at, " \n");
        if (*at == '\0')
            break;
        words[count] = at;
        at += strcspn(at, " \n");
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}

/* Answers until the input ends; "error" is the answer to what answer does not take. */
static inline void driver_run(driver_answer *answer)
{
    static char line[DRIVER_LINE];
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *words[DRIVER_WORDS] = { 0 };
        if (!answer(words, driver_split(words, line)))
            printf("error\n");
        fflush(stdout);
    }
}

#endif
