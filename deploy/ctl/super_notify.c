/* super_notify.c - the manager's side of sd_notify: READY, STATUS, WATCHDOG, FDSTORE */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deploy/ctl/super.h"
#include "shm/proc.h"

struct message {
	char text[4096];
	pid_t pid;
	int fd[253];
	int nr_fds;
};

static void read_control(struct msghdr *h, struct message *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct ucred cred;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			m->pid = cred.pid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			m->nr_fds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(m->fd, CMSG_DATA(c), (size_t)m->nr_fds * sizeof(int));
		}
	}
}

static bool read_message(int sock, struct message *m)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(253 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = m->text, .iov_len = sizeof(m->text) - 1};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	h.msg_control = &control;
	h.msg_controllen = sizeof(control);
	m->pid = 0;
	m->nr_fds = 0;
	n = recvmsg(sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return false;
	m->text[n] = 0;
	read_control(&h, m);
	return true;
}

/* Value of NAME=... in the message, NULL = not there. */
static const char *field(const char *text, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name);

	while (text && *text) {
		size_t line = strcspn(text, "\n");

		if (line > len && !strncmp(text, name, len) && text[len] == '=') {
			snprintf(buf, size, "%.*s", (int)(line - len - 1), text + len + 1);
			return buf;
		}
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static bool has(const char *text, const char *name)
{
	char buf[8];
	const char *v = field(text, name, buf, sizeof(buf));

	return v && !strcmp(v, "1");
}

static void forget(struct fos_super *s, const char *name)
{
	for (uint32_t i = s->nr_store; i-- > 0;) {
		if (strcmp(s->store[i].name, name) != 0)
			continue;
		close(s->store[i].fd);
		s->store[i] = s->store[--s->nr_store];
	}
}

bool fos_super_keep(struct fos_super *s, const char *name, int fd)
{
	void *grown = realloc(s->store, (s->nr_store + 1) * sizeof(*s->store));

	if (!grown)
		return false;
	s->store = grown;
	snprintf(s->store[s->nr_store].name, sizeof(s->store[0].name), "%s", name);
	s->store[s->nr_store++].fd = fd;
	return true;
}

static void keep(struct fos_super *s, const char *name, struct message *m)
{
	for (int i = 0; i < m->nr_fds; i++)
		if (fos_super_keep(s, name, m->fd[i]))
			m->fd[i] = -1;
}

void fos_super_clear_store(struct fos_super *s)
{
	for (uint32_t i = 0; i < s->nr_store; i++)
		close(s->store[i].fd);
	free(s->store);
	s->store = NULL;
	s->nr_store = 0;
}

static void handle(struct fos_super *s, struct fos_child *c, struct message *m)
{
	char name[32], status[64];
	uint64_t now = fos_clock_ns();

	if (!field(m->text, "FDNAME", name, sizeof(name)))
		snprintf(name, sizeof(name), "stored");
	if (has(m->text, "READY")) {
		c->ready = c->was_ready = true;
		c->ready_ns = c->alive_ns = now;
	}
	if (has(m->text, "WATCHDOG"))
		c->alive_ns = now;
	if (c->keeps_fds && has(m->text, "FDSTORE"))
		keep(s, name, m);
	if (c->keeps_fds && has(m->text, "FDSTOREREMOVE"))
		forget(s, name);
	if (c->keeps_fds && field(m->text, "STATUS", status, sizeof(status)))
		s->keeper_active |= !strcmp(status, "processing");
	/* the keeper ends when someone told it to stop the box */
	if (c->keeps_fds && has(m->text, "STOPPING"))
		s->interrupted = true;
}

void fos_super_hear(struct fos_super *s)
{
	struct message m;

	while (read_message(s->notify_fd, &m)) {
		for (uint32_t i = 0; i < s->nr_children; i++)
			if (m.pid > 0 && s->child[i].pid == m.pid)
				handle(s, &s->child[i], &m);
		for (int i = 0; i < m.nr_fds; i++)
			if (m.fd[i] >= 0)
				close(m.fd[i]);
	}
}
