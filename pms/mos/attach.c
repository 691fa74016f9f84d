/* attach.c - the process: configuration, the one context, joining the box */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cpu.h>
#include <mtcp_util.h>

#include "pms/mos/conf.h"
#include "pms/mos/mos.h"

struct fos_mos fos_mos = {
	.conf = {.num_cores = 1, .cpu_mask = 1, .max_concurrency = FOS_MOS_CONCURRENCY,
		 .rcvbuf_size = FOS_MOS_RMEM, .sndbuf_size = FOS_MOS_RMEM,
		 .tcp_timeout = FOS_MOS_TIMEOUT},
};

/* Further contexts of a program that makes one for each core: nothing comes by them. */
static struct mtcp_context others[64];

static mtcp_sighandler_t on_stop;

extern const struct fos_pm fos_pm_module;

/* ---------------------------------------------------------------- configuration */

int mtcp_init(const char *config_file)
{
	static struct fos_mos_conf conf;
	char err[FOS_MOS_ERROR];
	struct mtcp_conf *c = &fos_mos.conf;

	if (!config_file)
		return fos_mos_fail(EINVAL);
	if (fos_mos_conf_read(config_file, &conf, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return fos_mos_fail(EINVAL);
	}
	c->max_concurrency = c->max_num_buffers = conf.max_concurrency;
	c->rcvbuf_size = conf.rmem_size;
	c->sndbuf_size = conf.wmem_size;
	c->tcp_timewait = conf.tcp_tw_interval;
	c->tcp_timeout = conf.tcp_timeout;
	c->num_app = conf.nr_apps;
	for (int i = 0; i < conf.nr_apps; i++) {
		c->app_argc[i] = conf.app[i].argc;
		memcpy(c->app_argv[i], conf.app[i].argv, sizeof(c->app_argv[i]));
		c->app_cpu_mask[i] = conf.app[i].core_mask;
	}
	fos_mos.no_bytes = conf.no_ring_buffers;
	fos_mos.inited = true;
	return 0;
}

int mtcp_destroy(void)
{
	return 0;
}

int mtcp_getconf(struct mtcp_conf *conf)
{
	if (!conf)
		return fos_mos_fail(EINVAL);
	*conf = fos_mos.conf;
	return 0;
}

int mtcp_setconf(const struct mtcp_conf *conf)
{
	if (!conf || conf->max_concurrency < 1 || conf->rcvbuf_size < 1)
		return fos_mos_fail(EINVAL);
	fos_mos.conf = *conf;
	return 0;
}

/* ---------------------------------------------------------------- contexts */

int GetNumCPUs(void)
{
	return 1;
}

int mtcp_core_affinitize(int cpu)
{
	return cpu >= 0 ? 0 : fos_mos_fail(EINVAL);
}

mctx_t mtcp_create_context(int cpu)
{
	if (!fos_mos.inited || cpu < 0 || cpu >= (int)(sizeof(others) / sizeof(others[0]))) {
		errno = EINVAL;
		return NULL;
	}
	if (cpu == 0)
		return &fos_mos.ctx;
	others[cpu].cpu = cpu;
	return &others[cpu];
}

int mtcp_destroy_context(mctx_t mctx)
{
	return mctx ? 0 : fos_mos_fail(EINVAL);
}

mtcp_sighandler_t mtcp_register_signal(int signum, mtcp_sighandler_t handler)
{
	if (signum == SIGINT || signum == SIGTERM)
		on_stop = handler; /* the box asks its processes to stop, one by one */
	else if (signal(signum, handler) == SIG_ERR)
		return SIG_ERR;
	return handler;
}

/* ---------------------------------------------------------------- joining the box */

int fos_mos_init(struct fos_instance *pm)
{
	fos_mos.pm = pm;
	/* what the program was started with; it has it from its own main() */
	fos_option(pm, "args", 0);
	fos_mos_timers_start(pm);
	return 0;
}

void fos_mos_fini(struct fos_instance *pm)
{
	(void)pm;
	if (on_stop && on_stop != SIG_IGN && on_stop != SIG_DFL)
		on_stop(SIGINT);
}

void mtcp_app_join(mctx_t mctx)
{
	int rc;

	if (mctx != &fos_mos.ctx || fos_mos.joined)
		return;
	fos_mos.joined = true;
	rc = fos_pm_main(&fos_pm_module);
	fflush(stdout);
	fos_mos.pm = NULL;
	/* mOS's call returns nothing, so that a program would end as if all were well */
	if (rc != 0)
		exit(rc);
}

/* ---------------------------------------------------------------- helpers */

int GetRSSCPUCore(in_addr_t sip, in_addr_t dip, in_port_t sp, in_port_t dp, int num_queues, ...)
{
	(void)sip;
	(void)dip;
	(void)sp;
	(void)dp;
	(void)num_queues;
	return 0;
}

int StrToArgs(char *str, int *argc, char **argv, int max_argc)
{
	char *save, *w;

	*argc = 0;
	for (w = strtok_r(str, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
		if (*argc == max_argc)
			return -1;
		argv[(*argc)++] = w;
	}
	return 0;
}

char *EventToString(uint32_t event)
{
	static char names[][20] = {
		"MOS_EPOLLNONE", "MOS_EPOLLIN", "MOS_EPOLLPRI", "MOS_EPOLLOUT", "MOS_EPOLLRDNORM",
		"MOS_EPOLLRDBAND", "MOS_EPOLLWRNORM", "MOS_EPOLLWRBAND", "MOS_EPOLLMSG",
		"MOS_EPOLLERR", "MOS_EPOLLHUP", "MOS_EPOLLRDHUP"};
	static char unknown[] = "Unknown";

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (event == 1u << i)
			return names[i];
	return unknown;
}

int mtcp_reset_conn(mctx_t mctx, int sock)
{
	struct fos_mos_sock *s = fos_mos_sock(mctx, sock, FOS_MOS_ACTIVE);

	if (!s)
		return -1;
	s->conn->reset = true;
	return 0;
}
