/* pmhost/message.c - PM-to-PM messages and output files, see message.h */
#include "pmhost/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pmhost/commit.h"
#include "pmhost/host.h"
#include "pmhost/preopen.h"

/* ---------------------------------------------------------------- sending */

static struct fos_ring_prod *ring_to(struct fos_instance *pm, uint32_t to)
{
	return fos_proc_prod(pm->p, FOS_RING_MESSAGE,
			     fos_proc_find(pm->dir, FOS_ROLE_PM, pm->box->lane, to));
}

void fos_outbox_add(struct fos_instance *pm, uint32_t to, uint32_t msg_len, uint32_t topic,
		    const void *data, size_t len)
{
	struct fos_outbox *box = &pm->outbox;
	struct fos_ring_prod *r = ring_to(pm, to);
	struct fos_msg *m = &box->msg[box->nr];

	if (!r)
		return;
	memset(m, 0, sizeof(*m));
	m->len = msg_len;
	m->topic = topic;
	m->flow = pm->in == FOS_IN_MESSAGE || pm->in == FOS_IN_INIT || pm->in == FOS_IN_TICK ?
			  FOS_NONE : pm->w.flow;
	m->flow_gen = pm->w.gen;
	if (len)
		memcpy(m->data, data, len);
	box->to[box->nr++] = r;
}

int fos_send(struct fos_instance *pm, const char *to, uint32_t topic, const void *data, size_t len)
{
	uint32_t i = 0;

	while (i < pm->dir->nr_pms && strncmp(pm->dir->pm[i].name, to, FOS_NAME_MAX) != 0)
		i++;
	if (i == pm->dir->nr_pms || !ring_to(pm, i))
		return FOS_ENOENT;
	if (len > FOS_MESSAGE_MAX)
		return FOS_EINVAL;
	if (pm->outbox.nr == FOS_OUTBOX_MAX)
		return FOS_EFULL;
	fos_outbox_add(pm, i, (uint32_t)len, topic, data, len);
	return FOS_OK;
}

bool fos_outbox_room(struct fos_instance *pm)
{
	struct fos_outbox *box = &pm->outbox;

	for (uint32_t i = 0; i < box->nr; i++) {
		uint32_t want = 0;

		for (uint32_t j = 0; j < box->nr; j++)
			want += box->to[j] == box->to[i];
		if (fos_ring_room(box->to[i], want) < want)
			return false;
	}
	return true;
}

void fos_outbox_publish(struct fos_instance *pm)
{
	struct fos_outbox *box = &pm->outbox;

	for (uint32_t i = 0; i < box->nr; i++) {
		memcpy(fos_ring_slot(box->to[i], 0), &box->msg[i], sizeof(struct fos_msg));
		fos_ring_advance(box->to[i], 1);
		fos_txn_publish64(&pm->txn, fos_ring_tail_word(box->to[i]), box->to[i]->next);
	}
}

void fos_outbox_sent(struct fos_instance *pm)
{
	pm->outbox.nr = 0;
}

/* ---------------------------------------------------------------- receiving */

/* One message; false when the handler found no room and the message waits. */
static bool receive(struct fos_instance *pm, struct fos_ring_cons *c)
{
	const struct fos_dir_proc *from = &pm->dir->proc[c->producer];
	struct fos_msg m;
	struct fos_message msg;
	bool wanted;

	memcpy(&m, fos_ring_at(c, 0), sizeof(m));
	msg = (struct fos_message){
		.topic = m.topic,
		.len = FOS_MSG_LEN(m.len) < sizeof(m.data) ? FOS_MSG_LEN(m.len) : sizeof(m.data),
		.data = m.data,
		.from = from->index < pm->dir->nr_pms ? pm->dir->pm[from->index].name : "",
	};
	wanted = !(m.len & FOS_MSG_TYPED) || fos_topics_take(pm, from->index, &m, &msg);
	pm->in = FOS_IN_MESSAGE;
	fos_count(pm->p->counter, wanted ? FOS_C_pm_calls : FOS_C_pm_topic_refused, 1);
	if (pm->module->on_message && wanted)
		pm->module->on_message(pm, &msg);
	/* the message is used up by the same commit that keeps what it caused */
	fos_ring_take(c, 1);
	pm->consumed = c;
	if (fos_commit_pm(pm) != FOS_OK) {
		c->next--;
		pm->consumed = NULL;
		fos_commit_discard(pm);
		return false;
	}
	pm->consumed = NULL;
	return true;
}

uint32_t fos_messages_work(struct fos_instance *pm)
{
	uint32_t n = 0;

	pm->message_retry = false;
	for (uint32_t i = 0; i < pm->p->nr_cons; i++) {
		struct fos_ring_cons *c = &pm->p->cons[i];

		if (c->kind != FOS_RING_MESSAGE)
			continue;
		for (int budget = 64; budget > 0 && fos_ring_peek(c) > 0; budget--) {
			if (!receive(pm, c)) {
				pm->message_retry = true;
				break;
			}
			n++;
		}
	}
	pm->in = FOS_IN_NONE;
	return n;
}

/* ---------------------------------------------------------------- output files */

int fos_output(struct fos_instance *pm, const char *path)
{
	struct fos_file *f = &pm->file[pm->nr_files];
	char name[4096];
	struct stat st;

	if (pm->in != FOS_IN_INIT)
		return FOS_EPERM;
	if (pm->nr_files == FOS_HOST_OUTPUTS)
		return FOS_EFULL;
	memset(f, 0, sizeof(*f));
	if (!path || strcmp(path, "-") == 0) {
		f->fd = STDOUT_FILENO;
		return (int)pm->nr_files++;
	}
	if (pm->box->lane > 0)
		snprintf(name, sizeof(name), "%s.%u", path, pm->box->lane);
	else
		snprintf(name, sizeof(name), "%s", path);
	f->fd = fos_preopened(name, true);
	if (f->fd < 0)
		f->fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (f->fd < 0) {
		int rc = -errno;

		fos_log(FOS_LOG_ERROR, "%s: cannot write %s: %s", pm->d->name, name, strerror(-rc));
		return rc;
	}
	f->cut = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode);
	/* what a predecessor wrote beyond its last commit has not happened */
	if (f->cut &&
	    ftruncate(f->fd, (off_t)fos_host_state(pm)->out_len[pm->nr_files]) < 0)
		fos_log(FOS_LOG_WARN, "%s: cannot cut %s: %s", pm->d->name, name, strerror(errno));
	return (int)pm->nr_files++;
}

int fos_write(struct fos_instance *pm, int output, const void *data, size_t len)
{
	struct fos_file *f;

	if (output < 0 || (uint32_t)output >= pm->nr_files)
		return FOS_EINVAL;
	f = &pm->file[output];
	if (len > FOS_STAGED_BYTES - f->len)
		return FOS_EFULL;
	if (f->len + len > f->cap) {
		f->cap = 2 * (f->len + len);
		f->data = realloc(f->data, f->cap);
		if (!f->data)
			abort();
	}
	memcpy(f->data + f->len, data, len);
	f->len += len;
	return FOS_OK;
}

int fos_printf(struct fos_instance *pm, int output, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return FOS_EFULL;
	return fos_write(pm, output, line, (size_t)n);
}

static bool write_whole(struct fos_file *f, uint64_t at)
{
	size_t done = 0;

	while (done < f->len) {
		ssize_t n = f->cut ? pwrite(f->fd, f->data + done, f->len - done,
					    (off_t)(at + done)) :
				     write(f->fd, f->data + done, f->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

void fos_files_write(struct fos_instance *pm)
{
	for (uint32_t i = 0; i < pm->nr_files; i++) {
		struct fos_file *f = &pm->file[i];
		uint64_t *len = &fos_host_state(pm)->out_len[i];

		if (f->len == 0)
			continue;
		if (write_whole(f, *len)) {
			*len += f->len;
			pm->state_touched = true;
		} else if (!f->failed) {
			fos_log(FOS_LOG_ERROR, "%s: output %u: cannot write: %s; lines are lost",
				pm->d->name, i, strerror(errno));
			f->failed = true;
		}
		f->len = 0;
	}
}

void fos_files_clear(struct fos_instance *pm)
{
	for (uint32_t i = 0; i < pm->nr_files; i++)
		pm->file[i].len = 0;
}

void fos_files_close(struct fos_instance *pm)
{
	for (uint32_t i = 0; i < pm->nr_files; i++) {
		free(pm->file[i].data);
		if (pm->file[i].fd != STDOUT_FILENO)
			close(pm->file[i].fd);
	}
	pm->nr_files = 0;
}
