enclaved_DEPS := seal rt proof attest codec crypto base
