# ingress/: frames in
ingress_SRCS := ingress/parse.c ingress/parse_ip.c ingress/parse_l4.c ingress/ingress.c \
	ingress/live.c ingress/chain.c ingress/replay.c
PROGS += flowos-ingress
flowos-ingress_SRCS := ingress/main.c
flowos-ingress_DEPS := ingress shm
