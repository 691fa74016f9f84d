# config/: flowos.yaml to struct fos_config, its checks and its dump.
config_SRCS := $(addprefix config/,report.c text.c tree.c value.c schema.c schema_load.c shape.c \
	convert.c match.c pipeline.c options.c load.c check.c check_pms.c link.c link_order.c \
	graph.c dump.c plan.c)
config_LIBS := -lcyaml -lyaml -lpcap
