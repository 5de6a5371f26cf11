enclaved_DEPS := seal rt proof attest codec crypto base
# policy.c takes the policy text in with the assembler's .incbin.
$(B)/o/enclaved/policy.o: src/enclaved/policy.seccomp
