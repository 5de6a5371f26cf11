base_DEPS :=
base_LIBS :=
