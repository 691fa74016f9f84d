# pms/mos/: mOS's API, for programs of their own.  The order matters: a program that calls
# mtcp_setlastpkt() takes module_edit.o with it before module_watch.o is asked for.
mos_SRCS := $(addprefix pms/mos/,setpkt.c module_edit.c attach.c conf.c socket.c define.c walk.c conn.c \
	bytes.c ahead.c filter.c packet.c timer.c refuse.c module_watch.c)
mos_API := $(addprefix pms/mos/,mos_api.h mtcp_api.h mtcp_epoll.h mtcp_util.h cpu.h debug.h)
test_mos_conf_LIBS := $(B)/obj/pms/mos/conf.o
test_mos_set_LIBS := $(B)/obj/pms/mos/define.o
