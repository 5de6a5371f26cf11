codec_DEPS := crypto base
codec_LIBS := -ljansson
