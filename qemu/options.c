/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user asked for: KEY=VALUE words after the plugin's name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer.h"

static int bad(const char *key, const char *value, const char *want)
{
	tracer_warn("%s: '%s' is not %s", key, value, want);
	return -1;
}

static int number(const char *key, const char *value, uint32_t min, uint32_t max, uint32_t *n)
{
	char *end, want[64];
	unsigned long got = strtoul(value, &end, 10);

	if (*value >= '0' && *value <= '9' && !*end && got >= min && got <= max) {
		*n = (uint32_t)got;
		return 0;
	}
	snprintf(want, sizeof(want), "a number from %u to %u", min, max);
	return bad(key, value, want);
}

static int descriptor(const char *key, const char *value, int *fd)
{
	uint32_t n;

	if (number(key, value, 0, INT32_MAX, &n) < 0)
		return -1;
	*fd = (int)n;
	return 0;
}

static int line_size(const char *value)
{
	uint32_t *line = &tracer.opt.line;

	if (number("line", value, 16, LINES_PAGE, line) < 0)
		return -1;
	return *line & (*line - 1) ? bad("line", value, "a power of two") : 0;
}

static int recording_mode(const char *value)
{
	static const char *const names[] = {
		[MT_mode_movement] = "movement", [MT_mode_scope] = "scope",
		[MT_mode_kernel] = "kernel", [MT_mode_all] = "all",
	};
	unsigned i;

	if (!strcmp(value, "off")) {
		tracer.opt.start = false;
		return 0;
	}
	for (i = MT_mode_movement; i <= MT_mode_all; i++)
		if (!strcmp(value, names[i])) {
			tracer.opt.mode = i;
			return 0;
		}
	return bad("mode", value, "off, movement, scope, kernel or all");
}

static int flag(const char *key, const char *value, bool *set)
{
	bool yes;

	if (strlen(value) == 1 && (*value == '0' || *value == '1'))
		*set = *value == '1';
	else if (qemu_plugin_bool_parse(key, value, &yes))
		*set = yes;
	else
		return bad(key, value, "on or off");
	return 0;
}

static int flag_option(const char *key, const char *value)
{
	struct { const char *key; bool *set; } flags[] = {
		{ "start", &tracer.opt.start }, { "calls", &tracer.opt.calls },
		{ "locked", &tracer.opt.locked }, { "cold", &tracer.opt.cold },
		{ "check", &tracer.opt.check }, { "stream", &tracer.opt.stream },
		{ "lossless", &tracer.opt.lossless },
	};
	unsigned i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (!strcmp(key, flags[i].key))
			return flag(key, value, flags[i].set);
	if (!tracer.system && user_option(key, value))
		return 0;
	tracer_warn("%s: no such option; see qemu/README.md", key);
	return -1;
}

static int option(const char *key, const char *value)
{
	struct options *o = &tracer.opt;

	if (!strcmp(key, "out"))
		o->out = value;
	else if (!strcmp(key, "command"))
		o->command = value;
	else if (!strcmp(key, "fd"))
		return descriptor(key, value, &o->fd);
	else if (!strcmp(key, "session"))
		return descriptor(key, value, &o->session);
	else if (!strcmp(key, "mode"))
		return recording_mode(value);
	else if (!strcmp(key, "line"))
		return line_size(value);
	else if (!strcmp(key, "sample"))
		return number(key, value, 1, UINT32_MAX, &o->sample);
	else if (!strcmp(key, "quantum"))
		return number(key, value, 0, UINT32_MAX, &o->quantum);
	else
		return flag_option(key, value);
	return 0;
}

int options_read(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals)
			*equals = 0;
		if (option(argv[i], equals ? equals + 1 : "on") < 0)
			return -1;
	}
	if (!tracer.opt.out && tracer.opt.fd < 0) {
		tracer_warn("out: where shall the log go? (out=FILE or fd=N)");
		return -1;
	}
	tracer.calls = tracer.calls_seen = tracer.opt.calls;
	tracer.locked = tracer.opt.locked;
	tracer.sample = tracer.opt.sample;
	tracer.quantum = tracer.opt.quantum;
	return 0;
}
