rt_DEPS := codec crypto base
rt_LIBS := -luv -lmicrohttpd -lcurl -lseccomp
