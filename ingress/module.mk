ingress_SRCS := ingress/parse.c ingress/parse_ip.c ingress/parse_l4.c
