egress_SRCS := egress/again.c egress/ahead.c egress/attach.c egress/build.c egress/chain.c egress/direct.c egress/edited.c egress/egress.c egress/emit.c egress/ext.c \
	egress/flow.c egress/frames.c egress/header.c egress/icmp.c egress/icmp_error.c egress/mss.c egress/options.c egress/recut.c \
	egress/offline.c egress/order.c egress/out.c egress/pieces.c egress/publish.c egress/blind.c egress/plain.c \
	egress/refrag.c egress/reply.c egress/resend.c egress/retain.c egress/sack.c egress/seqmap.c egress/sink_capture.c egress/sink_xsk.c \
	egress/tcp_end.c egress/timer.c egress/udp.c \
	egress/urgent.c egress/window.c egress/opaque.c egress/before.c egress/early.c
egress_SRCS += egress/forced.c egress/route.c egress/parcel.c egress/rest.c
PROGS += flowos-egress
flowos-egress_SRCS := egress/main.c
flowos-egress_DEPS := egress shm
