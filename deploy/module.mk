# deploy/: flowosctl
PROGS += flowosctl
flowosctl_SRCS := $(addprefix deploy/ctl/,main.c where.c view.c check.c run.c rundir.c super.c \
	super_notify.c summary.c status.c flows.c digest.c stop.c json.c) shm/keeper_pms.c
flowosctl_DEPS := config shm
