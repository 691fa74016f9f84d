# classifier/: packets in, streams out
classifier_SRCS := $(addprefix classifier/,classifier.c batch.c flow_table.c match.c packet.c express.c \
	admit.c frag.c neighbour.c deliver.c gate.c tcp_state.c tcp_side.c tcp_in.c reassembly.c \
	progress.c expire.c pickup.c challenge.c history.c event.c \
	copies.c unread.c goodbye.c overlap.c stuck.c successor.c timestamp.c tcp_track.c)
classifier_LIBS := -lpcap
PROGS += flowos-classifier
flowos-classifier_SRCS := classifier/main.c
flowos-classifier_DEPS := classifier shm
