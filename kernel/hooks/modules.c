// SPDX-License-Identifier: GPL-2.0-or-later
/* Where the sections of kernel modules are. */
#include <linux/elf.h>
#include <linux/moduleloader.h>
#include <linux/sysfs.h>

#include "hooks.h"

/* Its per-cpu section has no address of its own but an offset in each cpu's segment. */
static void tell_percpu(const struct module *module)
{
	if (module->percpu_size)
		mtrace_section((const void __force *)module->percpu, module->percpu_size,
			       module->name, ".data..percpu");
}

/* module_finalize(ehdr, sections, module): the addresses are final, nothing of it has run. */
static int on_module(struct kprobe *kprobe, struct pt_regs *regs)
{
	const Elf_Ehdr *ehdr = (const Elf_Ehdr *)regs->di;
	const Elf_Shdr *section = (const Elf_Shdr *)regs->si;
	const struct module *module = (const struct module *)regs->dx;
	const char *names = (const char *)ehdr + section[ehdr->e_shstrndx].sh_offset;
	unsigned int i;

	for (i = 1; hooks_on && i < ehdr->e_shnum; i++)
		if (section[i].sh_flags & SHF_ALLOC && section[i].sh_size)
			mtrace_section((const void *)section[i].sh_addr, section[i].sh_size,
				       module->name, names + section[i].sh_name);
	if (hooks_on)
		tell_percpu(module);
	return 0;
}

struct kprobe_hook module_kprobes[] = {
	KPROBE_HOOK(module_finalize, on_module, NULL),
	{ }
};

static int on_state(struct notifier_block *block, unsigned long state, void *data)
{
	const struct module *module = data;

	if (hooks_on && state == MODULE_STATE_GOING)
		mtrace_section(module->core_layout.base, 0, module->name, "");
	return NOTIFY_DONE;
}

struct notifier_block module_notifier = { .notifier_call = on_state };

#ifdef CONFIG_KALLSYMS
/* As in kernel/module/sysfs.c: addresses, but no lengths. */
struct module_sect_attrs {
	struct attribute_group group;
	unsigned int n;
	struct { struct bin_attribute attribute; unsigned long address; } section[];
};

/* A section ends at latest where the next one begins, or its part of the module. */
static unsigned long section_end(const struct module *module, unsigned long addr)
{
	const struct module_sect_attrs *all = module->sect_attrs;
	const struct module_layout *core = &module->core_layout;
	unsigned long end = (unsigned long)core->base + core->size;
	unsigned int i;

	if (addr < (unsigned long)core->base || addr >= end)
		return addr;
	for (i = 0; i < all->n; i++)
		if (all->section[i].address > addr)
			end = min(end, all->section[i].address);
	return end;
}

static void tell_module(const struct module *module)
{
	const struct module_sect_attrs *all = module->sect_attrs;
	unsigned long addr, end;
	unsigned int i;

	for (i = 0; all && i < all->n; i++) {
		addr = all->section[i].address;
		end = section_end(module, addr);
		if (end > addr)
			mtrace_section((const void *)addr, end - addr, module->name,
				       all->section[i].attribute.attr.name);
	}
	tell_percpu(module);
}
#else
static void tell_module(const struct module *module) { }
#endif

/* The modules that are there; called with the cpus stopped. */
void modules_tell(void)
{
	const struct list_head *modules = hooks_symbol("modules");
	const struct module *module;

	if (!modules)
		return;
	list_for_each_entry(module, modules, list)
		if (module->state != MODULE_STATE_UNFORMED)
			tell_module(module);
}
