# pmhost/: the process that runs a PM.  Linked whole: modules find pm.h's calls in the program.
pmhost_SRCS := $(addprefix pmhost/,host.c visit.c all.c hint.c event_set.c event_queue.c event_find.c \
	event_call.c event_info.c event_peek.c window.c find.c packet.c edit.c commit.c \
	context.c info.c text.c entries.c program.c message.c timer.c load.c fault.c preopen.c tick.c)
pmhost_LIBS := -ldl

PROGS += flowos-pmhost
flowos-pmhost_SRCS := pmhost/main.c
flowos-pmhost_DEPS := pmhost shm
flowos-pmhost_WHOLE := pmhost
flowos-pmhost_LDFLAGS := -rdynamic

# HTTP: the framer and the layer under modules that read FOS_HTTP_BODY
pmhost_SRCS += $(addprefix pmhost/,http_frame.c http_head.c http_flow.c http_body.c \
	http_block.c http_asked.c)

# Modules among each other: topics, and flows of their own
pmhost_SRCS += $(addprefix pmhost/,topic.c keyed.c move.c parcel.c)
