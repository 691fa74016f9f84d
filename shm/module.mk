# shm/: the one library under all processes, and the keeper
shm_SRCS := $(addprefix shm/,ring.c txn.c counter.c box.c view.c build.c csum.c hash.c)
shm_LIBS := -lxdp -lbpf -luring -lnuma -lelf -lz
