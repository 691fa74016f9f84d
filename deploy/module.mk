# deploy/: flowosctl
PROGS += flowosctl
flowosctl_SRCS := $(addprefix deploy/ctl/,main.c where.c view.c check.c run.c rundir.c super.c \
	super_notify.c summary.c status.c flows.c digest.c stop.c json.c units.c traffic.c audit.c ask.c \
	adopt.c restart.c reload.c pipeline.c orphans.c salvage.c pm.c pm_new.c compile.c program.c \
	midstat.c midstat_look.c) \
	$(wildcard deploy/audit/*.c) \
	$(addprefix shm/,keeper_pms.c keeper_conf.c keeper_nic.c)
flowosctl_DEPS := config shm
flowosctl_LIBS := -ljansson

# A module tested in one process with all stages.
PROGS += flowos-pmtest
flowos-pmtest_SRCS := $(wildcard deploy/pmtest/*.c deploy/stages/*.c deploy/audit/*.c) deploy/ctl/compile.c shm/keeper_pms.c
flowos-pmtest_DEPS := config classifier egress ingress pmhost shm
flowos-pmtest_WHOLE := pmhost
flowos-pmtest_LDFLAGS := -rdynamic
flowos-pmtest_LIBS := -lcrypto
