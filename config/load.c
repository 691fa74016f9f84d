/* load.c - a file becomes a configuration: text, tree, shape, libcyaml, values. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/convert.h"

static const struct fos_where whole_file = { 0, 0 };

void fos_config_init(struct fos_config *cfg, FILE *report)
{
	*cfg = (struct fos_config){
		.run_dir = FOS_CONFIG_RUN_DIR_DEFAULT,
		.when_down = FOS_CONFIG_DOWN_PASS,
		.pickup = FOS_CONFIG_PICKUP_PASS,
		.wait = FOS_CONFIG_WAIT_ADAPTIVE,
		.lanes = FOS_CONFIG_LANES_DEFAULT,
		.frames = FOS_CONFIG_FRAMES_DEFAULT,
		.frame_size = FOS_CONFIG_FRAME_SIZE_DEFAULT,
		.flows = FOS_CONFIG_FLOWS_DEFAULT,
		.edits = FOS_CONFIG_EDITS_DEFAULT,
		.hugepages = FOS_CONFIG_HUGEPAGES_AUTO,
		.ooo_per_flow_bytes = FOS_CONFIG_OOO_FLOW_DEFAULT,
		.ooo_total_bytes = FOS_CONFIG_OOO_TOTAL_DEFAULT,
		.fragments = FOS_CONFIG_FRAGMENTS_DEFAULT,
		.half_open = FOS_CONFIG_HALF_OPEN_DEFAULT,
		.mss = FOS_CONFIG_MSS_KEEP,
		.idle_ms = FOS_CONFIG_IDLE_DEFAULT_MS,
		.handshake_ms = FOS_CONFIG_HANDSHAKE_DEFAULT_MS,
		.closing_ms = FOS_CONFIG_CLOSING_DEFAULT_MS,
		.report = report != NULL ? report : stderr,
	};
}

static int out_of_memory(struct fos_config *cfg)
{
	fos_config_error(cfg, whole_file, "out of memory while reading the configuration");
	return -ENOMEM;
}

/* cfg->text is there: everything after it. */
static int load_text(struct fos_config *cfg)
{
	struct fos_node *root = NULL;
	struct fos_raw *raw = NULL;
	int ret = fos_text_check(cfg);

	if (ret == 0)
		ret = fos_tree_parse(cfg, &root);
	if (ret == 0)
		ret = fos_shape_check(cfg, root, &fos_schema_root, "the file");
	if (ret == 0)
		ret = fos_schema_load(cfg, &raw);
	if (ret == 0) {
		ret = fos_convert_box(cfg, raw, root);
		ret = fos_convert_worse(ret, fos_convert_pipelines(cfg, raw, root));
	}
	fos_schema_free(raw);
	fos_tree_free(root);
	return ret == -ENOMEM ? out_of_memory(cfg) : ret;
}

static int too_big(struct fos_config *cfg)
{
	fos_config_error(cfg, whole_file, "the file is larger than %d KiB: this is no "
			 "configuration", FOS_CONFIG_FILE_BYTES_MAX / 1024);
	return -EINVAL;
}

int fos_config_load_memory(struct fos_config *cfg, const char *name, const void *text, size_t len)
{
	if (fos_convert_text(&cfg->file, name) < 0)
		return out_of_memory(cfg);
	if (len > FOS_CONFIG_FILE_BYTES_MAX)
		return too_big(cfg);
	cfg->text = malloc(len + 1);
	if (cfg->text == NULL)
		return out_of_memory(cfg);
	if (len > 0)
		memcpy(cfg->text, text, len);
	cfg->text[len] = '\0';
	cfg->text_len = len;
	return load_text(cfg);
}

/* All of `fd` into cfg->text.  0 or negative errno. */
static int read_all(struct fos_config *cfg, int fd)
{
	size_t room = FOS_CONFIG_FILE_BYTES_MAX + 1;
	ssize_t n = 1;

	cfg->text = malloc(room + 1);
	if (cfg->text == NULL)
		return -ENOMEM;
	while (n != 0 && cfg->text_len < room) {
		n = read(fd, cfg->text + cfg->text_len, room - cfg->text_len);
		if (n < 0 && errno != EINTR)
			return -errno;
		cfg->text_len += n > 0 ? (size_t)n : 0;
	}
	cfg->text[cfg->text_len] = '\0';
	return 0;
}

int fos_config_load(struct fos_config *cfg, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	struct stat st;
	int fd, ret;

	if (fos_convert_text(&cfg->file, standard ? "<stdin>" : path) < 0)
		return out_of_memory(cfg);
	fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fos_config_error(cfg, whole_file, "cannot open: %s", strerror(errno));
		return -EINVAL;
	}
	ret = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? -EISDIR : read_all(cfg, fd);
	if (!standard)
		close(fd);
	if (ret == -ENOMEM)
		return out_of_memory(cfg);
	if (ret < 0) {
		fos_config_error(cfg, whole_file, "cannot read: %s", strerror(-ret));
		return -EINVAL;
	}
	return cfg->text_len > FOS_CONFIG_FILE_BYTES_MAX ? too_big(cfg) : load_text(cfg);
}

static void free_pm(struct fos_config_pm *pm)
{
	for (uint32_t i = 0; i < pm->options_nr; i++) {
		struct fos_config_option *option = &pm->options[i];

		for (uint32_t k = 0; k < option->values_nr; k++)
			free(option->values[k]);
		free(option->values);
		free(option->value_where);
		free(option->key);
	}
	free(pm->options);
	free(pm->name);
	free(pm->file);
}

void fos_config_free(struct fos_config *cfg)
{
	for (uint32_t i = 0; i < cfg->wires_nr; i++) {
		free(cfg->wires[i].end_name[0]);
		free(cfg->wires[i].end_name[1]);
	}
	for (uint32_t i = 0; i < cfg->pipelines_nr; i++) {
		free(cfg->pipelines[i].name);
		free(cfg->pipelines[i].match.filter);
		free(cfg->pipelines[i].match.in_port_name);
	}
	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		free_pm(&cfg->pms[i]);
	free(cfg->file);
	free(cfg->text);
	fos_config_init(cfg, cfg->report);
}

int fos_config_find_interface(const struct fos_config *cfg, const char *name)
{
	for (uint32_t i = 0; i < cfg->interfaces_nr; i++)
		if (strcmp(cfg->interfaces[i].name, name) == 0)
			return (int)i;
	return -1;
}

int fos_config_find_pm(const struct fos_config *cfg, const char *name)
{
	for (uint32_t i = 0; i < cfg->pms_nr; i++)
		if (cfg->pms[i].name != NULL && strcmp(cfg->pms[i].name, name) == 0)
			return (int)i;
	return -1;
}
