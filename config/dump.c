/* dump.c - the effective configuration as YAML. */
#include <errno.h>
#include <string.h>

#include "config/dump.h"
#include "config/value.h"

/* A double-quoted YAML scalar that reads back byte for byte.  Text is UTF-8 already; what YAML
 * would not print or would fold (controls, NEL, LS, PS, the byte order mark) is escaped. */
static void put_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	fputc('"', out);
	for (; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			fprintf(out, "\\%c", *p);
		} else if (*p < ' ' || *p == 0x7f) {
			fprintf(out, "\\x%02x", *p);
		} else if (*p == 0xc2 && p[1] < 0xa0) {
			fprintf(out, "\\x%02x", *++p);
		} else if (*p == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
			fprintf(out, "\\u20%02x", p[2] - 0x80);
			p += 2;
		} else if (*p == 0xef && ((p[1] == 0xbb && p[2] == 0xbf) ||
					  (p[1] == 0xbf && p[2] >= 0xbe))) {
			fprintf(out, "\\u%s", p[1] == 0xbb ? "feff" :
				p[2] == 0xbe ? "fffe" : "ffff");
			p += 2;
		} else {
			fputc(*p, out);
		}
	}
	fputc('"', out);
}

static void put_key_text(FILE *out, const char *key, const char *text)
{
	fputs(key, out);
	put_text(out, text);
}

static const char *size(char buf[FOS_VALUE_TEXT_MAX], uint64_t v)
{
	return fos_value_size_text(buf, v);
}

#define TEXT_OF(function, value) function((char[FOS_VALUE_TEXT_MAX]){ "" }, (value))

static void dump_box(const struct fos_config *c, FILE *out)
{
	fprintf(out, "version: %d\nbox:\n", FOS_CONFIG_VERSION);
	put_key_text(out, "  run_dir: ", c->run_dir);
	fprintf(out, "\n  when_down: %s\n", fos_config_down_name(c->when_down));
	fprintf(out, "  pickup: %s\n", fos_config_pickup_name(c->pickup));
	fprintf(out, "  wait: %s\n", fos_config_wait_name(c->wait));
	fprintf(out, "  lanes: %u\n", c->lanes);
	fprintf(out, "memory:\n  frames: %s\n", TEXT_OF(size, c->frames));
	fprintf(out, "  frame_size: %u\n", c->frame_size);
	fprintf(out, "  flows: %s\n", TEXT_OF(size, c->flows));
	fprintf(out, "  edits: %s\n", TEXT_OF(size, c->edits));
	fprintf(out, "  hugepages: %s\n", fos_config_hugepages_name(c->hugepages));
}

static void dump_interfaces(const struct fos_config *c, FILE *out)
{
	fprintf(out, "interfaces:%s\n", c->interfaces_nr == 0 ? " []" : "");
	for (uint32_t i = 0; i < c->interfaces_nr; i++) {
		const struct fos_config_interface *f = &c->interfaces[i];

		put_key_text(out, "  - name: ", f->name);
		put_key_text(out, "\n    nic: ", f->nic);
		fprintf(out, "\n    mode: %s\n", fos_config_mode_name(f->mode));
		if (f->queues == 0)
			fputs("    queues: auto\n", out);
		else
			fprintf(out, "    queues: %u\n", f->queues);
		fprintf(out, "    inside: %s\n", f->inside ? "yes" : "no");
	}
	fprintf(out, "wires:%s\n", c->wires_nr == 0 ? " []" : "");
	for (uint32_t i = 0; i < c->wires_nr; i++) {
		put_key_text(out, "  - [", c->wires[i].end_name[0]);
		put_key_text(out, ", ", c->wires[i].end_name[1]);
		fputs("]\n", out);
	}
}

static void dump_tcp(const struct fos_config *c, FILE *out)
{
	fprintf(out, "tcp:\n  urgent: %s\n", fos_config_urgent_name(c->urgent));
	fprintf(out, "  mptcp: %s\n", fos_config_mptcp_name(c->mptcp));
	if (c->mss == FOS_CONFIG_MSS_KEEP || c->mss == FOS_CONFIG_MSS_AUTO)
		fprintf(out, "  mss: %s\n", c->mss == FOS_CONFIG_MSS_KEEP ? "keep" : "auto");
	else
		fprintf(out, "  mss: %u\n", c->mss);
}

static void dump_limits(const struct fos_config *c, FILE *out)
{
	fprintf(out, "limits:\n  ooo_per_flow: %s\n", TEXT_OF(size, c->ooo_per_flow_bytes));
	fprintf(out, "  ooo_total: %s\n", TEXT_OF(size, c->ooo_total_bytes));
	fprintf(out, "  fragments: %s\n", TEXT_OF(size, c->fragments));
	fprintf(out, "  half_open: %s\n", TEXT_OF(size, c->half_open));
	fprintf(out, "  idle: %s\n", TEXT_OF(fos_value_duration_text, c->idle_ms));
	fprintf(out, "  handshake: %s\n", TEXT_OF(fos_value_duration_text, c->handshake_ms));
	fprintf(out, "  closing: %s\n", TEXT_OF(fos_value_duration_text, c->closing_ms));
}

static void dump_match(const struct fos_config_match *m, FILE *out)
{
	if (m->filter != NULL) {
		put_key_text(out, "    match: ", m->filter);
		fputc('\n', out);
		return;
	}
	if (m->set == 0)
		return;
	fputs("    match:\n", out);
	if (m->set & FOS_CONFIG_MATCH_IN_PORT) {
		put_key_text(out, "      in_port: ", m->in_port_name);
		fputc('\n', out);
	}
	if (m->set & FOS_CONFIG_MATCH_ETH_SRC)
		fprintf(out, "      eth_src: \"%s\"\n", TEXT_OF(fos_value_mac_text, m->eth_src));
	if (m->set & FOS_CONFIG_MATCH_ETH_DST)
		fprintf(out, "      eth_dst: \"%s\"\n", TEXT_OF(fos_value_mac_text, m->eth_dst));
	if (m->set & FOS_CONFIG_MATCH_ETH_TYPE)
		fprintf(out, "      eth_type: 0x%04x\n", m->eth_type);
	if (m->set & FOS_CONFIG_MATCH_VLAN)
		fprintf(out, "      vlan: %u\n", m->vlan);
	if (m->set & FOS_CONFIG_MATCH_SRC)
		fprintf(out, "      src: \"%s\"\n", TEXT_OF(fos_value_prefix_text, &m->src));
	if (m->set & FOS_CONFIG_MATCH_DST)
		fprintf(out, "      dst: \"%s\"\n", TEXT_OF(fos_value_prefix_text, &m->dst));
	if (m->set & FOS_CONFIG_MATCH_PROTO)
		fprintf(out, "      proto: %u\n", m->proto);
	if (m->set & FOS_CONFIG_MATCH_SPORT)
		fprintf(out, "      sport: %s\n", TEXT_OF(fos_value_ports_text, &m->sport));
	if (m->set & FOS_CONFIG_MATCH_DPORT)
		fprintf(out, "      dport: %s\n", TEXT_OF(fos_value_ports_text, &m->dport));
}

static void dump_options(const struct fos_config_pm *pm, FILE *out, const char *pad)
{
	if (pm->options_nr == 0)
		return;
	fprintf(out, "%soptions:\n", pad);
	for (uint32_t i = 0; i < pm->options_nr; i++) {
		const struct fos_config_option *o = &pm->options[i];

		fprintf(out, "%s  ", pad);
		put_text(out, o->key);
		fputs(o->is_list ? ": [" : ": ", out);
		for (uint32_t k = 0; k < o->values_nr; k++) {
			fputs(k > 0 ? ", " : "", out);
			put_text(out, o->values[k]);
		}
		fputs(o->is_list ? "]\n" : "\n", out);
	}
}

/* `pad` is the indentation of the keys; the first follows a dash. */
static void dump_pm(const struct fos_config_pm *pm, FILE *out, const char *pad)
{
	fprintf(out, "%.*s- ", (int)strlen(pad) - 2, pad);
	put_key_text(out, "pm: ", pm->name);
	fputc('\n', out);
	if (pm->file != NULL) {
		fputs(pad, out);
		put_key_text(out, "file: ", pm->file);
		fputc('\n', out);
	}
	fprintf(out, "%sdirection: %s\n", pad, fos_config_direction_name(pm->direction));
	fprintf(out, "%son_failure: %s\n", pad, fos_config_failure_name(pm->on_failure));
	fprintf(out, "%squarantine: %u\n", pad, pm->quarantine);
	fprintf(out, "%shold:\n%s  bytes: %s\n", pad, pad, TEXT_OF(size, pm->hold_bytes));
	fprintf(out, "%s  time: %s\n", pad, TEXT_OF(fos_value_duration_text, pm->hold_time_ms));
	fprintf(out, "%sspare: %s\n", pad, pm->spare ? "yes" : "no");
	dump_options(pm, out, pad);
}

static void dump_pipeline(const struct fos_config *c, const struct fos_config_pipeline *p,
			  FILE *out)
{
	put_key_text(out, "  - name: ", p->name);
	fputc('\n', out);
	dump_match(&p->match, out);
	fprintf(out, "    key: %s\n", fos_config_key_name(p->key));
	if (p->standby_nr > 0)
		fputs("    standby:\n", out);
	for (uint32_t i = 0; i < p->standby_nr; i++)
		dump_pm(&c->pms[p->standby[i]], out, "        ");
	if (p->linked) {
		fputs("    modules:\n", out);
		for (uint32_t i = 0; i < p->modules_nr; i++)
			dump_pm(&c->pms[p->modules[i]], out, "        ");
		return;
	}
	fprintf(out, "    stages:%s\n", p->stages_nr == 0 ? " []" : "");
	for (uint32_t s = 0; s < p->stages_nr; s++) {
		const struct fos_config_stage *stage = &p->stages[s];

		if (stage->parallel)
			fputs("      - parallel:\n", out);
		for (uint32_t i = 0; i < stage->pms_nr; i++)
			dump_pm(&c->pms[stage->pms[i]], out,
				stage->parallel ? "            " : "        ");
	}
}

int fos_config_dump(const struct fos_config *cfg, FILE *out)
{
	dump_box(cfg, out);
	dump_interfaces(cfg, out);
	dump_tcp(cfg, out);
	dump_limits(cfg, out);
	fprintf(out, "pipelines:%s\n", cfg->pipelines_nr == 0 ? " []" : "");
	for (uint32_t i = 0; i < cfg->pipelines_nr; i++)
		dump_pipeline(cfg, &cfg->pipelines[i], out);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
