/* pmhost/topic.c - publishing to linked modules, see topic.h and pm_link.h
 *
 * Who takes a topic stands in the directory; the message itself names the topic by a number that
 * follows from its name alone, so that a box elsewhere could read it, too.
 */
#include "pmhost/topic.h"

#include <string.h>

#include "pmhost/host.h"

/* The directory's links may grow while the box runs. */
static void take_links(struct fos_instance *pm)
{
	struct fos_topics *t = &pm->topics;
	/* pairs with the keeper's release: the links below are filled */
	uint32_t nr = fos_acquire32(&pm->dir->nr_links);

	if (nr > FOS_MAX_LINKS)
		nr = FOS_MAX_LINKS;
	for (uint32_t i = t->links; i < nr; i++) {
		const struct fos_dir_link *l = &pm->dir->link[i];

		for (uint32_t k = 0; l->from == pm->index && k < t->nr_out; k++)
			if (t->out[k].id == l->id)
				t->out[k].to |= 1u << (l->to % FOS_MAX_PMS);
	}
	t->links = nr;
}

bool fos_topics_bind(struct fos_instance *pm)
{
	const char *list = pm->module->exports;
	struct fos_topics *t = &pm->topics;
	struct fos_word word;

	memset(t, 0, sizeof(*t));
	while (fos_word_next(&list, &word) == 1) {
		if (t->nr_out == FOS_TOPICS_MAX)
			return false;
		t->out[t->nr_out++] =
			(struct fos_topic){.word = word, .id = fos_word_id(word.name)};
	}
	take_links(pm);
	return true;
}

static const struct fos_topic *find(struct fos_instance *pm, const char *topic)
{
	struct fos_topics *t = &pm->topics;

	if (fos_acquire32(&pm->dir->nr_links) != t->links)
		take_links(pm);
	for (uint32_t i = 0; i < t->nr_out; i++)
		if (strcmp(t->out[i].word.name, topic) == 0)
			return &t->out[i];
	return NULL;
}

static int publish(struct fos_instance *pm, const struct fos_topic *t, uint32_t to,
		   const void *data, size_t len)
{
	struct fos_outbox *box = &pm->outbox;

	if (len > FOS_MESSAGE_MAX || (t->word.bytes && len != t->word.bytes))
		return FOS_EINVAL;
	if (box->nr + (uint32_t)__builtin_popcount(to) > FOS_OUTBOX_MAX)
		return FOS_EFULL;
	for (; to != 0; to &= to - 1) {
		uint32_t typed = FOS_MSG_TYPED | t->word.version << 16 | (uint32_t)len;

		fos_outbox_add(pm, (uint32_t)__builtin_ctz(to), typed, t->id, data, len);
	}
	return FOS_OK;
}

int fos_publish(struct fos_instance *pm, const char *topic, const void *data, size_t len)
{
	const struct fos_topic *t = find(pm, topic);

	return t ? publish(pm, t, t->to, data, len) : FOS_EPERM;
}

int fos_publish_to(struct fos_instance *pm, const char *to, const char *topic, const void *data,
		   size_t len)
{
	const struct fos_topic *t = find(pm, topic);

	if (!t)
		return FOS_EPERM;
	for (uint32_t i = 0; i < pm->dir->nr_pms; i++)
		if (t->to >> i & 1u && strncmp(pm->dir->pm[i].name, to, FOS_NAME_MAX) == 0)
			return publish(pm, t, 1u << i, data, len);
	return FOS_ENOENT;
}

bool fos_topics_take(struct fos_instance *pm, uint32_t from, const struct fos_msg *m,
		     struct fos_message *msg)
{
	uint32_t nr = fos_acquire32(&pm->dir->nr_links);

	for (uint32_t i = 0; i < nr && i < FOS_MAX_LINKS; i++) {
		const struct fos_dir_link *l = &pm->dir->link[i];

		if (l->id != m->topic || l->to != pm->index || l->from != from)
			continue;
		msg->name = l->topic;
		msg->version = FOS_MSG_VERSION(m->len);
		return msg->version == l->version && (!l->bytes || l->bytes == msg->len);
	}
	return false;
}
