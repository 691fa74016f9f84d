# deploy/: flowosctl
PROGS += flowosctl
flowosctl_SRCS := $(addprefix deploy/ctl/,main.c where.c view.c check.c run.c rundir.c super.c \
	super_notify.c summary.c status.c flows.c digest.c stop.c json.c units.c traffic.c audit.c ask.c \
	adopt.c restart.c orphans.c) \
	$(wildcard deploy/audit/*.c) \
	$(addprefix shm/,keeper_pms.c keeper_conf.c keeper_nic.c)
flowosctl_DEPS := config shm
flowosctl_LIBS := -ljansson
