/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest may change while it runs: hypercall 4, MTRACE_SET_... */
#include "../kernel/mtrace.h"
#include "tracer.h"

/* What is to change on one cpu or all. */
struct change {
	const struct vcpu *caller;
	uint64_t cpu, now;		/* whose; instructions that the caller has executed */
	bool on, found;
};

static bool concerns(struct change *c, const struct vcpu *v)
{
	bool yes = c->cpu == MTRACE_ALL_CPUS || c->cpu == v->cpu ||
		(c->cpu == MTRACE_THIS_CPU && v == c->caller);

	c->found |= yes;
	return yes;
}

static void change_calls(struct vcpu *v, void *change)
{
	struct change *c = change;

	if (concerns(c, v))
		v->calls = c->on;
}

/* The instruction that stops the count is the first that is not in it. */
static void change_count(struct vcpu *v, void *change)
{
	struct change *c = change;
	uint64_t now = v == c->caller ? c->now : *v->count;

	if (!concerns(c, v) || c->on == !v->stopped)
		return;
	if (c->on)
		v->skipped = now - v->stopped_at;
	else
		v->stopped_at = now - v->skipped;
	v->stopped = !c->on;
}

static const char *calls(const struct vcpu *v, uint64_t value, uint64_t cpu)
{
	struct change c = { .caller = v, .cpu = cpu, .on = value };

	if (value > 1)
		return "calls are 0 or 1";
	vcpus_each(change_calls, &c);
	if (cpu == MTRACE_ALL_CPUS)
		tracer.calls = value;
	/* Once wanted, the callbacks stay: a kernel may switch at each entry. */
	if (value && c.found && !tracer.calls_seen) {
		tracer.calls_seen = true;
		tracer_translate_anew();
	}
	return c.found ? NULL : "calls of a cpu that there is not";
}

static const char *count(const struct vcpu *v, uint64_t now, uint64_t value, uint64_t cpu)
{
	struct change c = { .caller = v, .cpu = cpu, .now = now, .on = value };

	if (value > 1)
		return "count is 0 or 1";
	vcpus_each(change_count, &c);
	return c.found ? NULL : "count of a cpu that there is not";
}

static const char *locked(uint64_t value)
{
	if (value > 1)
		return "locked is 0 or 1";
	if (tracer.locked != value) {
		tracer.locked = value;
		tracer_translate_anew();
	}
	return NULL;
}

static const char *sample(uint64_t value)
{
	if (!value || value > UINT32_MAX)
		return "impossible sample";
	out_sample((uint32_t)value);
	return NULL;
}

static const char *quantum(uint64_t value)
{
	if (value > UINT32_MAX)
		return "impossible quantum";
	if (value && !tracer_can_yield())
		return "a quantum, but this run began without";
	tracer.quantum = (uint32_t)value;
	return NULL;
}

const char *settings_set(const struct vcpu *v, uint64_t what, uint64_t value, uint64_t cpu)
{
	switch (what) {
	case MTRACE_SET_CALLS:
		return calls(v, value, cpu);
	case MTRACE_SET_COUNT:
		return count(v, v->real, value, cpu);
	case MTRACE_SET_LOCKED:
		return locked(value);
	case MTRACE_SET_SAMPLE:
		return sample(value);
	case MTRACE_SET_QUANTUM:
		return quantum(value);
	default:
		return "setting that there is not";
	}
}
