#include "enclaved/policy.h"

/* The assembler takes the file in as it stands, so the program cannot differ from the text. */
__asm__(".section .rodata\n"
        ".global policy_begin\n"
        "policy_begin:\n"
        ".incbin \"src/enclaved/policy.seccomp\"\n"
        ".global policy_end\n"
        "policy_end:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t policy_begin[];
extern const uint8_t policy_end[];

struct span policy_text(void)
{
    return (struct span){ policy_begin, (size_t)(policy_end - policy_begin) };
}
