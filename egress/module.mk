egress_SRCS := egress/seqmap.c
